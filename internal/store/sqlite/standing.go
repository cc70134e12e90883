package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"merlon/internal/model/bundle"
	"merlon/internal/store"
)

// PutStanding adds an entry, or replaces the one with its id.
func (c *Change) PutStanding(e bundle.Entry) error {
	_, err := c.t.exec(`INSERT INTO standing (id, site, node, kind, value, action, mode, until, by, why, at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET site = excluded.site, kind = excluded.kind, value = excluded.value, action = excluded.action, mode = excluded.mode,
		until = excluded.until, by = excluded.by, why = excluded.why, at = excluded.at`,
		e.ID, e.Site, c.node, string(e.Kind), e.Value, e.Action, string(e.Mode), nanos(e.Until), e.By, e.Why, nanos(e.At))
	return errors.Join(err, c.nextStanding())
}

// RemoveStanding removes an entry; store.ErrNotFound when there is none.
func (c *Change) RemoveStanding(id string) error {
	if err := c.t.affect(`DELETE FROM standing WHERE id = ?`, id); err != nil {
		return fmt.Errorf("standing entry %q: %w", id, err)
	}
	return c.nextStanding()
}

// nextStanding raises the version of Standing.
func (c *Change) nextStanding() error {
	_, err := c.t.exec(`INSERT INTO positions (name, node, seq, at) VALUES ('standing', '', 1, ?)
		ON CONFLICT DO UPDATE SET seq = seq + 1, at = excluded.at`, c.at.UnixNano())
	return err
}

// Standing is what holds at the time now, in the order of ids.
func (d *DB) Standing(ctx context.Context, now time.Time) (s bundle.Standing, err error) {
	err = d.snapshot(ctx, func(tx *sql.Tx) error {
		var version int64
		if err := diskError(tx.QueryRowContext(ctx, `SELECT seq FROM positions WHERE name = 'standing'`).Scan(&version)); err != nil && !errors.Is(err, store.ErrNotFound) {
			return err
		}
		s.Version = uint64(version)
		rows, err := tx.QueryContext(ctx, `SELECT id, site, kind, value, action, mode, until, by, why, at FROM standing WHERE until = 0 OR until > ? ORDER BY id`, now.UnixNano())
		if err != nil {
			return fmt.Errorf("database: %w", diskError(err))
		}
		return eachRow(rows, func(r *sql.Rows) error {
			var e bundle.Entry
			var until, at int64
			err := r.Scan(&e.ID, &e.Site, &e.Kind, &e.Value, &e.Action, &e.Mode, &until, &e.By, &e.Why, &at)
			e.Until, e.At = when(until), when(at)
			s.Entries = append(s.Entries, e)
			return err
		})
	})
	return s, err
}

// nanos writes a time, 0 for the zero time; when reads it.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

func when(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.Unix(0, n).UTC()
}

// words writes a list of words as JSON; parseWords reads it.
func words(all []string) string {
	if all == nil {
		all = []string{}
	}
	b, _ := json.Marshal(all) // strings always marshal
	return string(b)
}

func parseWords(s string) (out []string, err error) {
	if err := json.Unmarshal([]byte(s), &out); err != nil {
		return nil, fmt.Errorf("%w: list of words: %w", store.ErrDamaged, err)
	}
	if len(out) == 0 {
		return nil, nil
	}
	return out, nil
}

// PutSetting stores a setting of a site, or of all with site "".
func (c *Change) PutSetting(site, key, value string) error {
	_, err := c.t.exec(`INSERT INTO settings (key, site, node, value, at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET value = excluded.value, at = excluded.at`, key, site, c.node, value, c.at.UnixNano())
	return err
}

// Setting is a stored setting; store.ErrNotFound when it was never set.
func (d *DB) Setting(ctx context.Context, site, key string) (value string, err error) {
	if err = diskError(d.readers.QueryRowContext(ctx, `SELECT value FROM settings WHERE key = ? AND site = ?`, key, site).Scan(&value)); err != nil {
		return "", fmt.Errorf("setting %q: %w", key, err)
	}
	return value, nil
}
