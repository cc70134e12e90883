package sqlite

import (
	"context"
	"database/sql"
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

const accountColumns = `a.name, a.hash, a.roles, a.created, a.disabled, a.signed_in, a.handle, a.totp, a.totp_step,
	(SELECT count(*) FROM passkeys p WHERE p.account = a.name), (SELECT count(*) FROM recovery_codes r WHERE r.account = a.name)`

func scanAccount(scan func(...any) error) (a store.Account, err error) {
	var roles string
	var created, in int64
	if err := scan(&a.Name, &a.Hash, &roles, &created, &a.Disabled, &in, &a.Handle, &a.TOTP, &a.TOTPStep, &a.Passkeys, &a.Recovery); err != nil {
		return a, diskError(err)
	}
	a.Created, a.SignedIn = when(created), when(in)
	a.Roles, err = parseWords(roles)
	return a, err
}

// Account finds an account by name in any case; store.ErrNotFound when there is none.
func (d *DB) Account(ctx context.Context, name string) (store.Account, error) {
	a, err := scanAccount(d.readers.QueryRowContext(ctx, `SELECT `+accountColumns+` FROM accounts a WHERE a.name = ?`, name).Scan)
	if err != nil {
		return store.Account{}, fmt.Errorf("account %q: %w", name, err)
	}
	return a, nil
}

// Account finds an account by name in any case, as of this change; store.ErrNotFound when there is none.
func (c *Change) Account(name string) (store.Account, error) {
	a, err := scanAccount(func(dst ...any) error {
		return c.t.row(`SELECT `+accountColumns+` FROM accounts a WHERE a.name = ?`, []any{name}, dst...)
	})
	if err != nil {
		return store.Account{}, fmt.Errorf("account %q: %w", name, err)
	}
	return a, nil
}

// AccountByHandle finds an account by what authenticators call it.
func (d *DB) AccountByHandle(ctx context.Context, handle []byte) (store.Account, error) {
	if len(handle) == 0 {
		return store.Account{}, store.ErrNotFound
	}
	return scanAccount(d.readers.QueryRowContext(ctx, `SELECT `+accountColumns+` FROM accounts a WHERE a.handle = ?`, handle).Scan)
}

// Accounts lists all accounts by name.
func (d *DB) Accounts(ctx context.Context) (out []store.Account, err error) {
	err = d.each(ctx, func(r *sql.Rows) error {
		a, err := scanAccount(r.Scan)
		out = append(out, a)
		return err
	}, `SELECT `+accountColumns+` FROM accounts a ORDER BY a.name`)
	return out, err
}

// Admins counts the accounts of a role that may sign in, as of this change.
func (c *Change) Admins(role string) (n int, err error) {
	err = c.t.row(`SELECT count(*) FROM accounts WHERE NOT disabled AND EXISTS (SELECT 1 FROM json_each(roles) WHERE value = ?)`, []any{role}, &n)
	return n, err
}

// SetHash replaces the hash of an account, whatever it was, and leaves its logins alone.
func (c *Change) SetHash(name, hash string) error {
	return c.t.affect(`UPDATE accounts SET hash = ? WHERE name = ?`, hash, name)
}

// ReplaceHash replaces the hash of an account as long as it is the old one that was looked at; store.ErrNotFound when it is
// another by now. It leaves logins alone.
func (c *Change) ReplaceHash(name, old, hash string) error {
	return c.t.affect(`UPDATE accounts SET hash = ? WHERE name = ? AND hash = ?`, hash, name, old)
}

// SetHandle gives an account the name that authenticators know it by, once.
func (c *Change) SetHandle(name string, handle []byte) error {
	return c.t.affect(`UPDATE accounts SET handle = ? WHERE name = ? AND handle = x''`, handle, name)
}

// SetTOTP sets or, with nil, removes the sealed secret of one-time codes. step is the last one used.
func (c *Change) SetTOTP(name string, sealed []byte, step int64) error {
	if sealed == nil {
		sealed = []byte{}
	}
	return c.t.affect(`UPDATE accounts SET totp = ?, totp_step = ? WHERE name = ?`, sealed, step, name)
}

// UseTOTP marks the step of a one-time code as used; store.ErrNotFound when it, or a later one, was used before. Together
// with what the code was for in one Change, each code works once, however many try at a time.
func (c *Change) UseTOTP(name string, step int64) error {
	return c.t.affect(`UPDATE accounts SET totp_step = ? WHERE name = ? AND totp <> x'' AND totp_step < ?`, step, name, step)
}

// AddLogin stores a signed-in browser; store.ErrNotFound when its account is gone.
func (c *Change) AddLogin(l store.Login) error {
	at := c.at.UnixNano()
	_, err := c.t.exec(`INSERT INTO logins (token_hash, node, account, created, seen, expires, address, user_agent, proved, method) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		l.TokenHash[:], c.node, l.Account, at, at, nanos(l.Expires), l.Address, l.UserAgent, at, l.Method)
	if err != nil {
		return err
	}
	if _, err = c.t.exec(`UPDATE accounts SET signed_in = ? WHERE name = ?`, at, l.Account); err != nil {
		return err
	}
	_, err = c.t.exec(`DELETE FROM logins WHERE token_hash IN (SELECT l.token_hash FROM logins l JOIN accounts a ON a.name = l.account
		WHERE a.name = ? AND l.token_hash <> ? ORDER BY l.seen DESC, l.created DESC LIMIT -1 OFFSET ?)`, l.Account, l.TokenHash[:], MaxLogins-1)
	return err
}

// MaxLogins bounds the logins of one account: the one that was not used for longest goes.
const MaxLogins = 50

// RemoveLogin ends a login; store.ErrNotFound when it is not there.
func (c *Change) RemoveLogin(hash [32]byte) error {
	return c.t.affect(`DELETE FROM logins WHERE token_hash = ?`, hash[:])
}

// RemoveLogins ends all logins of an account but one; a zero hash spares none.
func (c *Change) RemoveLogins(account string, but [32]byte) error {
	_, err := c.t.exec(`DELETE FROM logins WHERE account IN (SELECT name FROM accounts WHERE name = ?) AND token_hash <> ?`, account, but[:])
	return err
}

const loginColumns = `l.token_hash, l.account, l.created, l.seen, l.expires, l.address, l.user_agent, l.proved, l.method`

// loginRow is a login on its way out of a row.
type loginRow struct {
	l                              store.Login
	hash                           []byte
	created, seen, expires, proved int64
}

func (r *loginRow) into() []any {
	return []any{&r.hash, &r.l.Account, &r.created, &r.seen, &r.expires, &r.l.Address, &r.l.UserAgent, &r.proved, &r.l.Method}
}

func (r *loginRow) login() store.Login {
	copy(r.l.TokenHash[:], r.hash)
	r.l.Created, r.l.Seen, r.l.Expires, r.l.Proved = when(r.created), when(r.seen), when(r.expires), when(r.proved)
	return r.l
}

// Login finds the login with a cookie's hash that is valid at the time now, and its account, which is not disabled.
func (d *DB) Login(ctx context.Context, hash [32]byte, now time.Time) (store.Login, store.Account, error) {
	var l loginRow
	row := d.readers.QueryRowContext(ctx, `SELECT `+loginColumns+`, `+accountColumns+`
		FROM logins l JOIN accounts a ON a.name = l.account WHERE l.token_hash = ? AND l.expires > ? AND NOT a.disabled`, hash[:], now.UnixNano())
	a, err := scanAccount(func(dst ...any) error { return row.Scan(append(l.into(), dst...)...) })
	if err != nil {
		return store.Login{}, store.Account{}, fmt.Errorf("login: %w", err)
	}
	return l.login(), a, nil
}

// LoginNamed finds the login that is valid at the time now and whose cookie's hash begins with these bytes; store.ErrNotFound when
// there is none.
func (d *DB) LoginNamed(ctx context.Context, prefix []byte, now time.Time) (store.Login, error) {
	var l loginRow
	err := d.readers.QueryRowContext(ctx, `SELECT `+loginColumns+` FROM logins l WHERE substr(l.token_hash, 1, ?) = ? AND l.expires > ? LIMIT 1`,
		len(prefix), prefix, now.UnixNano()).Scan(l.into()...)
	return l.login(), diskError(err)
}

// Logins lists those that are valid at the time now, of one account or, with "", of all, the last used first.
func (d *DB) Logins(ctx context.Context, account string, now time.Time) (out []store.Login, err error) {
	err = d.each(ctx, func(r *sql.Rows) error {
		var l loginRow
		err := r.Scan(l.into()...)
		out = append(out, l.login())
		return err
	}, `SELECT `+loginColumns+` FROM logins l JOIN accounts a ON a.name = l.account
		WHERE l.expires > ? AND NOT a.disabled AND (? = '' OR a.name = ?) ORDER BY l.seen DESC, l.token_hash LIMIT 1000`, now.UnixNano(), account, account)
	return out, err
}

// TouchLogin notes that a login was used; it is telemetry, not a decision, so it has no audit entry and may be lost.
func (d *DB) TouchLogin(ctx context.Context, hash [32]byte, seen time.Time) error {
	return d.write(ctx, false, func(t *txn) error {
		_, err := t.exec(`UPDATE logins SET seen = max(seen, ?) WHERE token_hash = ?`, seen.UnixNano(), hash[:])
		return err
	})
}
