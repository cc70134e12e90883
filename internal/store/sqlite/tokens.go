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

// AddAPIToken stores a token; store.ErrExists when its id is taken.
func (c *Change) AddAPIToken(k store.APIToken) error {
	_, err := c.t.exec(`INSERT INTO api_tokens (id, node, name, token_hash, roles, scopes, sites, by, created, expires, used) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)`,
		k.ID, c.node, k.Name, k.TokenHash[:], words(k.Roles), words(k.Scopes), words(k.Sites), k.By, c.at.UnixNano(), nanos(k.Expires))
	return err
}

// RemoveAPIToken revokes a token.
func (c *Change) RemoveAPIToken(id string) error {
	if err := c.t.affect(`DELETE FROM api_tokens WHERE id = ?`, id); err != nil {
		return fmt.Errorf("token %q: %w", id, err)
	}
	return nil
}

const tokenColumns = `id, name, token_hash, roles, scopes, sites, by, created, expires, used`

func scanToken(scan func(...any) error) (k store.APIToken, err error) {
	var hash []byte
	var roles, scopes, sites string
	var created, expires, used int64
	if err := scan(&k.ID, &k.Name, &hash, &roles, &scopes, &sites, &k.By, &created, &expires, &used); err != nil {
		return k, diskError(err)
	}
	copy(k.TokenHash[:], hash)
	k.Created, k.Expires, k.Used = when(created), when(expires), when(used)
	var err1, err2, err3 error
	k.Roles, err1 = parseWords(roles)
	k.Scopes, err2 = parseWords(scopes)
	k.Sites, err3 = parseWords(sites)
	return k, errors.Join(err1, err2, err3)
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
