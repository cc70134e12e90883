package sqlite

import (
	"context"
	"database/sql"
	"fmt"

	"merlon/internal/store"
)

// PutView adds a view, or replaces name, query and whether it is shared of the one with its id; store.ErrExists when its
// account has another of that name in the room. Whose it is never changes.
func (c *Change) PutView(v store.View) error {
	_, err := c.t.exec(`INSERT INTO views (id, node, account, room, name, query, shared, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (id) DO UPDATE SET name = excluded.name, query = excluded.query, shared = excluded.shared, at = excluded.at`,
		v.ID, c.node, v.Account, v.Room, v.Name, v.Query, v.Shared, c.at.UnixNano())
	if err != nil {
		return fmt.Errorf("view %q: %w", v.Name, err)
	}
	// What is no longer shared opens nobody else's room.
	if !v.Shared {
		_, err = c.t.exec(`DELETE FROM view_defaults WHERE view = ? AND account <> ?`, v.ID, v.Account)
	}
	return err
}

// RemoveView removes a view, for those whose default it was, too; store.ErrNotFound when there is none.
func (c *Change) RemoveView(id string) error {
	if err := c.t.affect(`DELETE FROM views WHERE id = ?`, id); err != nil {
		return fmt.Errorf("view %q: %w", id, err)
	}
	return nil
}

// PutDefaultView makes a room open with a view for an account; with id "" it opens with everything.
func (c *Change) PutDefaultView(account, room, id string) error {
	if id == "" {
		_, err := c.t.exec(`DELETE FROM view_defaults WHERE account = ? AND room = ?`, account, room)
		return err
	}
	_, err := c.t.exec(`INSERT INTO view_defaults (account, room, node, view) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET view = excluded.view`, account, room, c.node, id)
	return err
}

const viewColumns = `v.id, v.account, v.room, v.name, v.query, v.shared, v.at, d.view IS NOT NULL
	FROM views v LEFT JOIN view_defaults d ON d.view = v.id AND d.room = v.room AND d.account = ?`

func scanView(scan func(...any) error) (v store.View, err error) {
	var at int64
	err = diskError(scan(&v.ID, &v.Account, &v.Room, &v.Name, &v.Query, &v.Shared, &at, &v.Default))
	v.At = when(at)
	return v, err
}

// Views lists an account's views of a room and those that others share, the account's own first, by name.
func (d *DB) Views(ctx context.Context, account, room string) (out []store.View, err error) {
	err = d.each(ctx, func(r *sql.Rows) error {
		v, err := scanView(r.Scan)
		out = append(out, v)
		return err
	}, `SELECT `+viewColumns+` WHERE v.room = ? AND (v.account = ? OR v.shared) ORDER BY v.account <> ?, v.name, v.account, v.id`, account, room, account, account)
	return out, err
}

// View is one view as an account sees it, be it the account's or not; store.ErrNotFound when there is none.
func (d *DB) View(ctx context.Context, account, id string) (store.View, error) {
	v, err := scanView(d.readers.QueryRowContext(ctx, `SELECT `+viewColumns+` WHERE v.id = ?`, account, id).Scan)
	if err != nil {
		return v, fmt.Errorf("view %q: %w", id, err)
	}
	return v, nil
}
