package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"merlon/internal/store"
)

// AddAccount adds an account; store.ErrExists when the name, in whatever case, is taken.
func (c *Change) AddAccount(a store.Account) error {
	_, err := c.t.exec(`INSERT INTO accounts (name, node, hash, roles, created, disabled) VALUES (?, ?, ?, ?, ?, ?)`,
		a.Name, c.node, a.Hash, words(a.Roles), c.at.UnixNano(), a.Disabled)
	if err != nil {
		return fmt.Errorf("account %q: %w", a.Name, err)
	}
	return nil
}

// SetAccount changes hash, roles and whether it is disabled, and ends its logins: whoever held the old password is out.
func (c *Change) SetAccount(a store.Account) error {
	if err := c.t.affect(`UPDATE accounts SET hash = ?, roles = ?, disabled = ? WHERE name = ?`, a.Hash, words(a.Roles), a.Disabled, a.Name); err != nil {
		return fmt.Errorf("account %q: %w", a.Name, err)
	}
	_, err := c.t.exec(`DELETE FROM logins WHERE account IN (SELECT name FROM accounts WHERE name = ?)`, a.Name)
	return err
}

// RemoveAccount removes an account and its logins.
func (c *Change) RemoveAccount(name string) error {
	if err := c.t.affect(`DELETE FROM accounts WHERE name = ?`, name); err != nil {
		return fmt.Errorf("account %q: %w", name, err)
	}
	return nil
}

const accountColumns = `name, hash, roles, created, disabled`

func scanAccount(scan func(...any) error) (a store.Account, err error) {
	var roles string
	var created int64
	if err := scan(&a.Name, &a.Hash, &roles, &created, &a.Disabled); err != nil {
		return a, diskError(err)
	}
	a.Created = when(created)
	a.Roles, err = parseWords(roles)
	return a, err
}

// Account finds an account by name in any case; store.ErrNotFound when there is none.
func (d *DB) Account(ctx context.Context, name string) (store.Account, error) {
	a, err := scanAccount(d.readers.QueryRowContext(ctx, `SELECT `+accountColumns+` FROM accounts WHERE name = ?`, name).Scan)
	if err != nil {
		return store.Account{}, fmt.Errorf("account %q: %w", name, err)
	}
	return a, nil
}

// Accounts lists all accounts by name.
func (d *DB) Accounts(ctx context.Context) (out []store.Account, err error) {
	err = d.each(ctx, func(r *sql.Rows) error {
		a, err := scanAccount(r.Scan)
		out = append(out, a)
		return err
	}, `SELECT `+accountColumns+` FROM accounts ORDER BY name`)
	return out, err
}

// AddLogin stores a signed-in browser; store.ErrNotFound when its account is gone.
func (c *Change) AddLogin(l store.Login) error {
	_, err := c.t.exec(`INSERT INTO logins (token_hash, node, account, created, seen, expires, address, user_agent) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		l.TokenHash[:], c.node, l.Account, c.at.UnixNano(), c.at.UnixNano(), nanos(l.Expires), l.Address, l.UserAgent)
	return err
}

// RemoveLogin ends a login; store.ErrNotFound when it is not there.
func (c *Change) RemoveLogin(hash [32]byte) error {
	return c.t.affect(`DELETE FROM logins WHERE token_hash = ?`, hash[:])
}

// Login finds the login with a cookie's hash that is valid at the time now, and its account, which is not disabled.
func (d *DB) Login(ctx context.Context, hash [32]byte, now time.Time) (l store.Login, a store.Account, err error) {
	var created, seen, expires int64
	row := d.readers.QueryRowContext(ctx, `SELECT l.account, l.created, l.seen, l.expires, l.address, l.user_agent, a.name, a.hash, a.roles, a.created, a.disabled
		FROM logins l JOIN accounts a ON a.name = l.account WHERE l.token_hash = ? AND l.expires > ? AND NOT a.disabled`, hash[:], now.UnixNano())
	a, err = scanAccount(func(dst ...any) error {
		return row.Scan(append([]any{&l.Account, &created, &seen, &expires, &l.Address, &l.UserAgent}, dst...)...)
	})
	if err != nil {
		return store.Login{}, store.Account{}, fmt.Errorf("login: %w", err)
	}
	l.TokenHash, l.Created, l.Seen, l.Expires = hash, when(created), when(seen), when(expires)
	return l, a, nil
}

// TouchLogin notes that a login was used; it is telemetry, not a decision, so it has no audit entry and may be lost.
func (d *DB) TouchLogin(ctx context.Context, hash [32]byte, seen time.Time) error {
	return d.write(ctx, false, func(t *txn) error {
		_, err := t.exec(`UPDATE logins SET seen = max(seen, ?) WHERE token_hash = ?`, seen.UnixNano(), hash[:])
		return err
	})
}

// AddAPIToken stores a token; store.ErrExists when its id is taken.
func (c *Change) AddAPIToken(k store.APIToken) error {
	_, err := c.t.exec(`INSERT INTO api_tokens (id, node, name, token_hash, roles, by, created, expires, used) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0)`,
		k.ID, c.node, k.Name, k.TokenHash[:], words(k.Roles), k.By, c.at.UnixNano(), nanos(k.Expires))
	return err
}

// RemoveAPIToken revokes a token.
func (c *Change) RemoveAPIToken(id string) error {
	if err := c.t.affect(`DELETE FROM api_tokens WHERE id = ?`, id); err != nil {
		return fmt.Errorf("token %q: %w", id, err)
	}
	return nil
}

const tokenColumns = `id, name, token_hash, roles, by, created, expires, used`

func scanToken(scan func(...any) error) (k store.APIToken, err error) {
	var hash []byte
	var roles string
	var created, expires, used int64
	if err := scan(&k.ID, &k.Name, &hash, &roles, &k.By, &created, &expires, &used); err != nil {
		return k, diskError(err)
	}
	copy(k.TokenHash[:], hash)
	k.Created, k.Expires, k.Used = when(created), when(expires), when(used)
	k.Roles, err = parseWords(roles)
	return k, err
}

// APIToken finds the token with a hash that is valid at the time now.
func (d *DB) APIToken(ctx context.Context, hash [32]byte, now time.Time) (store.APIToken, error) {
	k, err := scanToken(d.readers.QueryRowContext(ctx, `SELECT `+tokenColumns+` FROM api_tokens WHERE token_hash = ? AND (expires = 0 OR expires > ?)`,
		hash[:], now.UnixNano()).Scan)
	if err != nil {
		return store.APIToken{}, fmt.Errorf("token: %w", err)
	}
	return k, nil
}

// APITokens lists all tokens by id.
func (d *DB) APITokens(ctx context.Context) (out []store.APIToken, err error) {
	err = d.each(ctx, func(r *sql.Rows) error {
		k, err := scanToken(r.Scan)
		out = append(out, k)
		return err
	}, `SELECT `+tokenColumns+` FROM api_tokens ORDER BY id`)
	return out, err
}

// TouchAPIToken notes that a token was used.
func (d *DB) TouchAPIToken(ctx context.Context, id string, used time.Time) error {
	return d.write(ctx, false, func(t *txn) error {
		_, err := t.exec(`UPDATE api_tokens SET used = max(used, ?) WHERE id = ?`, used.UnixNano(), id)
		return err
	})
}

// PutSetup stores the hash of the one-time set-up token, in place of an earlier one.
func (c *Change) PutSetup(hash [32]byte, expires time.Time) error {
	_, err := c.t.exec(`INSERT INTO setup (one, node, token_hash, expires) VALUES (1, ?, ?, ?)
		ON CONFLICT DO UPDATE SET token_hash = excluded.token_hash, expires = excluded.expires`, c.node, hash[:], nanos(expires))
	return err
}

// UseSetup consumes the set-up token; store.ErrNotFound when it is another, expired or used. Creating the account in the
// same Change makes it work exactly once, however many try at a time.
func (c *Change) UseSetup(hash [32]byte) error {
	return c.t.affect(`DELETE FROM setup WHERE token_hash = ? AND expires > ?`, hash[:], c.at.UnixNano())
}

// SetupOffered tells whether a token with this hash waits to be used.
func (d *DB) SetupOffered(ctx context.Context, hash [sha256.Size]byte, now time.Time) (bool, error) {
	var one int
	err := diskError(d.readers.QueryRowContext(ctx, `SELECT one FROM setup WHERE token_hash = ? AND expires > ?`, hash[:], now.UnixNano()).Scan(&one))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// SetupPending tells whether a set-up token waits to be used.
func (d *DB) SetupPending(ctx context.Context, now time.Time) (bool, error) {
	var one int
	err := diskError(d.readers.QueryRowContext(ctx, `SELECT one FROM setup WHERE expires > ?`, now.UnixNano()).Scan(&one))
	if errors.Is(err, store.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}
