package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"merlon/internal/store"
)

// AddPasskey stores a passkey; store.ErrExists when one of that id is there.
func (c *Change) AddPasskey(k store.Passkey) error {
	_, err := c.t.exec(`INSERT INTO passkeys (id, node, account, name, host, credential, created, used) VALUES (?, ?, ?, ?, ?, ?, ?, 0)`,
		k.ID, c.node, k.Account, k.Name, k.Host, k.Credential, c.at.UnixNano())
	return err
}

// UsePasskey keeps what a use has changed in the credential, its counter among it.
func (c *Change) UsePasskey(id, credential []byte) error {
	return c.t.affect(`UPDATE passkeys SET credential = ?, used = ? WHERE id = ?`, credential, c.at.UnixNano(), id)
}

// RenamePasskey gives a passkey of an account another name.
func (c *Change) RenamePasskey(account string, id []byte, name string) error {
	return c.t.affect(`UPDATE passkeys SET name = ? WHERE id = ? AND account = ?`, name, id, account)
}

// RemovePasskey removes a passkey of an account.
func (c *Change) RemovePasskey(account string, id []byte) error {
	return c.t.affect(`DELETE FROM passkeys WHERE id = ? AND account = ?`, id, account)
}

// RemovePasskeys removes all passkeys of an account.
func (c *Change) RemovePasskeys(account string) error {
	_, err := c.t.exec(`DELETE FROM passkeys WHERE account IN (SELECT name FROM accounts WHERE name = ?)`, account)
	return err
}

// Passkeys lists those of an account, the oldest first.
func (d *DB) Passkeys(ctx context.Context, account string) (out []store.Passkey, err error) {
	err = d.each(ctx, func(r *sql.Rows) error {
		var k store.Passkey
		var created, used int64
		err := r.Scan(&k.ID, &k.Account, &k.Name, &k.Host, &k.Credential, &created, &used)
		k.Created, k.Used = when(created), when(used)
		out = append(out, k)
		return err
	}, `SELECT id, account, name, host, credential, created, used FROM passkeys
		WHERE account IN (SELECT name FROM accounts WHERE name = ?) ORDER BY created, id`, account)
	return out, err
}

// PutRecovery replaces the hashes of an account's recovery codes; none removes them.
func (c *Change) PutRecovery(account string, hashes [][32]byte) error {
	if _, err := c.t.exec(`DELETE FROM recovery_codes WHERE account IN (SELECT name FROM accounts WHERE name = ?)`, account); err != nil {
		return err
	}
	for _, h := range hashes {
		if _, err := c.t.exec(`INSERT INTO recovery_codes (account, hash, node) VALUES (?, ?, ?)`, account, h[:], c.node); err != nil {
			return fmt.Errorf("recovery code of %q: %w", account, err)
		}
	}
	return nil
}

// UseRecovery consumes a recovery code; store.ErrNotFound when it is none.
func (c *Change) UseRecovery(account string, hash [32]byte) error {
	return c.t.affect(`DELETE FROM recovery_codes WHERE account = ? AND hash = ?`, account, hash[:])
}

// HasRecovery tells whether a recovery code with this hash waits to be used.
func (d *DB) HasRecovery(ctx context.Context, account string, hash [32]byte) (there bool, err error) {
	err = d.readers.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM recovery_codes WHERE account = ? AND hash = ?)`, account, hash[:]).Scan(&there)
	return there, diskError(err)
}

// PutInvite stores an invitation in place of an earlier one for that name.
func (c *Change) PutInvite(i store.Invite) error {
	if _, err := c.t.exec(`DELETE FROM invites WHERE account = ?`, i.Account); err != nil {
		return err
	}
	_, err := c.t.exec(`INSERT INTO invites (token_hash, node, account, role, reset, by, created, expires) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		i.TokenHash[:], c.node, i.Account, i.Role, i.Reset, i.By, c.at.UnixNano(), nanos(i.Expires))
	return err
}

// UseInvite consumes an invitation; store.ErrNotFound when it has ended or was used.
func (c *Change) UseInvite(hash [32]byte) error {
	return c.t.affect(`DELETE FROM invites WHERE token_hash = ? AND expires > ?`, hash[:], c.at.UnixNano())
}

// RemoveInvite takes an invitation back.
func (c *Change) RemoveInvite(hash [32]byte) error {
	return c.t.affect(`DELETE FROM invites WHERE token_hash = ?`, hash[:])
}

// RemoveInvitesBy takes back all that an account made.
func (c *Change) RemoveInvitesBy(account string) error {
	_, err := c.t.exec(`DELETE FROM invites WHERE by = ?`, account)
	return err
}

// Invites lists those that can be used at the time now, the latest first.
func (d *DB) Invites(ctx context.Context, now time.Time) (out []store.Invite, err error) {
	err = d.each(ctx, func(r *sql.Rows) error {
		i, err := scanInvite(r.Scan)
		out = append(out, i)
		return err
	}, `SELECT `+inviteColumns+` FROM invites WHERE expires > ? ORDER BY created DESC, account`, now.UnixNano())
	return out, err
}

// Invite finds the invitation of a token's hash that can be used at the time now.
func (d *DB) Invite(ctx context.Context, hash [32]byte, now time.Time) (store.Invite, error) {
	i, err := scanInvite(d.readers.QueryRowContext(ctx, `SELECT `+inviteColumns+` FROM invites WHERE token_hash = ? AND expires > ?`, hash[:], now.UnixNano()).Scan)
	return i, diskError(err)
}

const inviteColumns = `token_hash, account, role, reset, by, created, expires`

func scanInvite(scan func(...any) error) (i store.Invite, err error) {
	var hash []byte
	var created, expires int64
	err = scan(&hash, &i.Account, &i.Role, &i.Reset, &i.By, &created, &expires)
	copy(i.TokenHash[:], hash)
	i.Created, i.Expires = when(created), when(expires)
	return i, err
}
