package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"merlon/internal/store"
)

// Change is a transaction of the people's side. Its methods stand with the nouns they change. There is no other way to
// write what people decide, so nothing is decided without an audit entry, and no entry tells of what did not happen.
type Change struct {
	t      *txn
	node   string
	at     time.Time
	packer *packer
}

// Change runs do and appends the audit entry, both or neither, and returns when a power cut does not lose them. The entry's
// Number, At and Hash are filled in here. An error of do takes everything back and is returned.
func (d *DB) Change(ctx context.Context, entry store.AuditEntry, do func(*Change) error) error {
	if len(entry.Detail) > maxDetail {
		entry.Detail = entry.Detail[:maxDetail]
	}
	return d.write(ctx, true, func(t *txn) error {
		c := &Change{t: t, node: d.o.Node, at: d.o.Now(), packer: d.packer}
		if err := do(c); err != nil {
			return err
		}
		return c.audit(entry)
	})
}

const (
	maxDetail    = 4096
	anchorKey    = "audit.anchor" // the hash of the last entry that was cut off
	anchorNumber = "audit.anchor.number"
)

// audit appends an entry to the chain.
func (c *Change) audit(e store.AuditEntry) error {
	number, hash, err := lastAudit(func(query string, args []any, dst ...any) error { return c.t.row(query, args, dst...) })
	if err != nil {
		return err
	}
	e.Number, e.At = number+1, c.at.UTC()
	e.Hash = auditHash(hash, &e)
	_, err = c.t.exec(`INSERT INTO audit (number, node, at, actor, address, action, target, detail, hash) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
		int64(e.Number), c.node, e.At.UnixNano(), e.Actor, e.Address, e.Action, e.Target, e.Detail, e.Hash[:])
	return err
}

// lastAudit is the end of the chain, or the anchor when no entry is left.
func lastAudit(row func(query string, args []any, dst ...any) error) (number uint64, hash [32]byte, err error) {
	var n int64
	var b []byte
	err = row(`SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1`, nil, &n, &b)
	if errors.Is(err, store.ErrNotFound) {
		return anchor(row)
	}
	if err == nil && len(b) != len(hash) {
		err = fmt.Errorf("%w: audit entry %d", store.ErrDamaged, n)
	}
	copy(hash[:], b)
	return uint64(n), hash, err
}

// anchor is where the chain begins: zero, or what was cut off last.
func anchor(row func(query string, args []any, dst ...any) error) (number uint64, hash [32]byte, err error) {
	var text, count string
	err = errors.Join(
		row(`SELECT value FROM settings WHERE key = ? AND site = ''`, []any{anchorKey}, &text),
		row(`SELECT value FROM settings WHERE key = ? AND site = ''`, []any{anchorNumber}, &count))
	if errors.Is(err, store.ErrNotFound) {
		return 0, hash, nil
	}
	if err != nil {
		return 0, hash, err
	}
	if number, err = strconv.ParseUint(count, 10, 64); err != nil || len(text) != len(hash) {
		return 0, hash, fmt.Errorf("%w: anchor of the audit log", store.ErrDamaged)
	}
	copy(hash[:], text)
	return number, hash, nil
}

// auditHash is SHA-256 over the hash before and the entry's fields, each behind its length, so that no text can be moved
// from one field to the next.
func auditHash(before [32]byte, e *store.AuditEntry) [32]byte {
	b := append([]byte("merlon audit 1\x00"), before[:]...)
	b = binary.BigEndian.AppendUint64(b, e.Number)
	b = binary.BigEndian.AppendUint64(b, uint64(e.At.UnixNano()))
	for _, s := range [...]string{e.Actor, e.Address, e.Action, e.Target, e.Detail} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
		b = append(b, s...)
	}
	return sha256.Sum256(b)
}

const auditColumns = `number, at, actor, address, action, target, detail, hash`

func scanAudit(r *sql.Rows) (e store.AuditEntry, err error) {
	var number, at int64
	var hash []byte
	err = r.Scan(&number, &at, &e.Actor, &e.Address, &e.Action, &e.Target, &e.Detail, &hash)
	e.Number, e.At = uint64(number), time.Unix(0, at).UTC()
	copy(e.Hash[:], hash)
	return e, err
}

// Audit returns up to f.Limit entries that f selects, latest first.
func (d *DB) Audit(ctx context.Context, f store.AuditFilter) (out []store.AuditEntry, err error) {
	where, args := []string{"1"}, []any{}
	add := func(clause string, values ...any) {
		where = append(where, clause)
		args = append(args, values...)
	}
	if f.Before != 0 {
		add("number < ?", int64(f.Before))
	}
	if f.Actor != "" {
		add("actor = ?", f.Actor)
	}
	switch noun, all := strings.CutSuffix(f.Action, "."); {
	case f.Action == "":
	case all:
		add("action >= ? AND action < ?", noun+".", noun+"/") // '/' follows '.'
	default:
		add("action = ?", f.Action)
	}
	if f.Target != "" {
		add("instr(target, ?) > 0", f.Target)
	}
	if !f.Since.IsZero() {
		add("at >= ?", f.Since.UnixNano())
	}
	if !f.Until.IsZero() {
		add("at < ?", f.Until.UnixNano())
	}
	err = d.each(ctx, func(r *sql.Rows) error {
		e, err := scanAudit(r)
		out = append(out, e)
		return err
	}, `SELECT `+auditColumns+` FROM audit WHERE `+strings.Join(where, " AND ")+` ORDER BY number DESC LIMIT ?`, append(args, f.Limit)...)
	return out, err
}

// AuditChain is what a walk over the whole audit log found.
type AuditChain struct {
	First, Last uint64 // numbers of the entries that are there; both 0 when there is none
	// Broken is the number of the first entry that is changed, missing or added; 0 when the chain is whole.
	Broken uint64
	// Hash is that of the last entry: to compare with one kept elsewhere, since whoever can write the file can rebuild the chain.
	Hash [32]byte
}

// VerifyAudit walks the whole chain.
func (d *DB) VerifyAudit(ctx context.Context) (chain AuditChain, err error) {
	err = d.snapshot(ctx, func(tx *sql.Tx) error {
		number, hash, err := anchor(func(query string, args []any, dst ...any) error {
			return diskError(tx.QueryRowContext(ctx, query, args...).Scan(dst...))
		})
		if err != nil {
			return err
		}
		rows, err := tx.QueryContext(ctx, `SELECT `+auditColumns+` FROM audit ORDER BY number`)
		if err != nil {
			return fmt.Errorf("database: %w", diskError(err))
		}
		return eachRow(rows, func(r *sql.Rows) error {
			e, err := scanAudit(r)
			if err != nil {
				return err
			}
			if chain.First == 0 {
				chain.First = e.Number
			}
			chain.Last = e.Number
			number++
			if chain.Broken == 0 && (e.Number != number || e.Hash != auditHash(hash, &e)) {
				chain.Broken = number
			}
			hash, chain.Hash = e.Hash, e.Hash
			return nil
		})
	})
	return chain, err
}

// AuditSealed is the number of the entry with a hash; store.ErrNotFound when none has it.
func (d *DB) AuditSealed(ctx context.Context, hash [32]byte) (uint64, error) {
	var number int64
	err := d.readers.QueryRowContext(ctx, `SELECT number FROM audit WHERE hash = ?`, hash[:]).Scan(&number)
	return uint64(number), diskError(err)
}

// trimAudit cuts the oldest entries off and keeps the last cut one's hash, from which the rest still proves itself.
func (d *DB) trimAudit(ctx context.Context) error {
	return d.write(ctx, true, func(t *txn) error {
		var number int64
		var hash []byte
		err := t.row(`SELECT number, hash FROM audit ORDER BY number DESC LIMIT 1 OFFSET ?`, []any{d.o.AuditRows}, &number, &hash)
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		if err != nil {
			return err
		}
		c := Change{t: t, node: d.o.Node, at: d.o.Now()}
		_, err = t.exec(`DELETE FROM audit WHERE number <= ?`, number)
		return errors.Join(err, c.PutSetting("", anchorKey, string(hash)), c.PutSetting("", anchorNumber, strconv.FormatInt(number, 10)))
	})
}
