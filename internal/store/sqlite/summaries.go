package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"merlon/internal/model/bundle"
	"merlon/internal/model/inventory"
	"merlon/internal/store"
)

// SaveSummaries stores a snapshot of the learned state with the journal position it covers: both or neither. When it
// returns nil a power cut does not lose them, and journal.Covered may be called.
func (d *DB) SaveSummaries(ctx context.Context, s store.SummarySnapshot) error {
	packed := make([][]byte, len(s.Changed)) // outside of the writer, which others wait for
	for i := range s.Changed {
		packed[i] = d.packer.pack(s.Changed[i].Blob)
	}
	at := d.o.Now().UnixNano()
	return d.write(ctx, true, func(t *txn) error {
		for _, k := range s.Gone {
			if _, err := t.exec(`DELETE FROM summaries WHERE kind = ? AND site = ? AND node = ? AND source = ? AND epoch = ?`,
				k.Kind, k.Site, k.Node, k.Source, k.Epoch); err != nil {
				return err
			}
		}
		for i := range s.Changed {
			c := &s.Changed[i]
			if _, err := t.exec(`INSERT INTO summaries (kind, site, node, source, epoch, seq, at, blob) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
				ON CONFLICT DO UPDATE SET seq = excluded.seq, at = excluded.at, blob = excluded.blob`,
				c.Kind, c.Site, c.Node, c.Source, c.Epoch, int64(c.Seq), at, packed[i]); err != nil {
				return err
			}
		}
		_, err := t.exec(`INSERT INTO positions (name, node, seq, at) VALUES ('journal', ?, ?, ?)
			ON CONFLICT DO UPDATE SET seq = excluded.seq, at = excluded.at`, d.o.Node, int64(s.Covered), at)
		return err
	})
}

// Covered is the journal position of this node's latest snapshot, 0 when there is none.
func (d *DB) Covered(ctx context.Context) (uint64, error) {
	seq, err := covered(d.readers.QueryRowContext(ctx, coveredQuery, d.o.Node))
	return seq, err
}

const coveredQuery = `SELECT seq FROM positions WHERE name = 'journal' AND node = ?`

func covered(row *sql.Row) (uint64, error) {
	var seq int64
	if err := diskError(row.Scan(&seq)); err != nil && !errors.Is(err, store.ErrNotFound) {
		return 0, fmt.Errorf("database: %w", err)
	}
	return uint64(seq), nil
}

// LoadSummaries calls fn with every stored summary, in the order of their keys, and returns the position they cover.
func (d *DB) LoadSummaries(ctx context.Context, fn func(store.Summary) error) (seq uint64, err error) {
	err = d.snapshot(ctx, func(tx *sql.Tx) error {
		var err error
		if seq, err = covered(tx.QueryRowContext(ctx, coveredQuery, d.o.Node)); err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `SELECT kind, site, node, source, epoch, seq, blob FROM summaries ORDER BY kind, site, node, source, epoch`)
		if err != nil {
			return fmt.Errorf("database: %w", diskError(err))
		}
		return eachRow(rows, func(r *sql.Rows) error {
			var s store.Summary
			var number int64
			var packed sql.RawBytes
			if err := r.Scan(&s.Kind, &s.Site, &s.Node, &s.Source, &s.Epoch, &number, &packed); err != nil {
				return err
			}
			s.Seq = uint64(number)
			if s.Blob, err = d.packer.unpack(packed); err != nil {
				return fmt.Errorf("summary %s of site %q: %w", s.Kind, s.Site, err)
			}
			return fn(s)
		})
	})
	return seq, err
}

// SaveInventory stores what a distillation made: the inventory and each site's knowledge, together, and drops old versions.
// Endpoint ids are given in it, so it is durable before any other row can use them.
func (d *DB) SaveInventory(ctx context.Context, v *inventory.Inventory, known []*bundle.Knowledge) error {
	doc, err := d.encode(v)
	if err != nil {
		return err
	}
	docs := make([][]byte, len(known))
	for i, k := range known {
		if docs[i], err = d.encode(k); err != nil {
			return err
		}
	}
	return d.write(ctx, true, func(t *txn) error {
		if err := d.put(t, "inventory", "", v.Version, doc); err != nil {
			return err
		}
		for i, k := range known {
			if err := d.put(t, "knowledge", k.Site, k.Version, docs[i]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (d *DB) encode(v any) ([]byte, error) {
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return d.packer.pack(b), nil
}

// put stores a version of a document and drops those that are too many.
func (d *DB) put(t *txn, kind, site string, version uint64, packed []byte) error {
	if _, err := t.exec(`INSERT INTO documents (kind, site, node, version, at, blob) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET at = excluded.at, blob = excluded.blob`, kind, site, d.o.Node, int64(version), d.o.Now().UnixNano(), packed); err != nil {
		return err
	}
	_, err := t.exec(`DELETE FROM documents WHERE kind = ? AND site = ? AND version <
		(SELECT min(version) FROM (SELECT version FROM documents WHERE kind = ? AND site = ? ORDER BY version DESC LIMIT ?))`,
		kind, site, kind, site, d.o.Versions)
	return err
}

// load reads a version of a document, the latest for version 0; store.ErrNotFound when there is none.
func (d *DB) load(ctx context.Context, kind, site string, version uint64, v any) error {
	query, args := `SELECT blob FROM documents WHERE kind = ? AND site = ? ORDER BY version DESC LIMIT 1`, []any{kind, site}
	if version != 0 {
		query, args = `SELECT blob FROM documents WHERE kind = ? AND site = ? AND version = ?`, append(args, int64(version))
	}
	var packed []byte
	if err := diskError(d.readers.QueryRowContext(ctx, query, args...).Scan(&packed)); err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	b, err := d.packer.unpack(packed)
	if err != nil {
		return fmt.Errorf("%s: %w", kind, err)
	}
	if err := json.Unmarshal(b, v); err != nil {
		return fmt.Errorf("%s: %w: %w", kind, store.ErrDamaged, err)
	}
	return nil
}

// Inventory is the stored inventory of that version, the latest for 0; store.ErrNotFound when there is none.
func (d *DB) Inventory(ctx context.Context, version uint64) (*inventory.Inventory, error) {
	v := new(inventory.Inventory)
	if err := d.load(ctx, "inventory", "", version, v); err != nil {
		return nil, err
	}
	return v, nil
}

// Knowledge is the stored knowledge of a site in that version, the latest for 0; store.ErrNotFound when there is none.
func (d *DB) Knowledge(ctx context.Context, site string, version uint64) (*bundle.Knowledge, error) {
	k := new(bundle.Knowledge)
	if err := d.load(ctx, "knowledge", site, version, k); err != nil {
		return nil, err
	}
	return k, nil
}

// InventoryVersions lists the stored versions, latest first.
func (d *DB) InventoryVersions(ctx context.Context) (out []uint64, err error) {
	err = d.each(ctx, func(r *sql.Rows) error {
		var v int64
		err := r.Scan(&v)
		out = append(out, uint64(v))
		return err
	}, `SELECT version FROM documents WHERE kind = 'inventory' ORDER BY version DESC`)
	return out, err
}
