package sqlite

import (
	"context"
	"database/sql"
	"time"
)

// SetMark remembers until when an account has seen something; the zero time forgets it. Marks are nobody else's business and stand in no
// audit log.
func (d *DB) SetMark(ctx context.Context, account, name string, at time.Time) error {
	return d.write(ctx, false, func(t *txn) error {
		if at.IsZero() {
			_, err := t.exec(`DELETE FROM marks WHERE account = ? AND name = ?`, account, name)
			return err
		}
		_, err := t.exec(`INSERT INTO marks (account, name, node, at) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET at = excluded.at`,
			account, name, d.o.Node, at.UnixNano())
		return err
	})
}

// Mark is until when an account has seen something; zero where it never said.
func (d *DB) Mark(ctx context.Context, account, name string) (at time.Time, err error) {
	err = d.each(ctx, func(r *sql.Rows) error {
		var ns int64
		if err := r.Scan(&ns); err != nil {
			return err
		}
		at = when(ns)
		return nil
	}, `SELECT at FROM marks WHERE account = ? AND name = ?`, account, name)
	return at, err
}
