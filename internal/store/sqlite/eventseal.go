package sqlite

import (
	"context"
	"database/sql"
	"encoding/binary"
	"errors"
	"slices"
	"strings"
	"time"

	"merlon/internal/store"
	"merlon/internal/store/posting"
)

// wordWriter stores words, each once a change.
type wordWriter struct {
	t     *txn
	chunk int64
	seen  map[posting.Key]bool
	err   error
}

// at says which chunk the next words are used in.
func (w *wordWriter) at(chunk int64) {
	if chunk != w.chunk {
		w.chunk = chunk
		clear(w.seen)
	}
}

// put stores a word and returns its number; 0 for none.
func (w *wordWriter) put(f posting.Field, text []byte) int64 {
	k := posting.Key{Field: f, Value: posting.Hash(string(text))}
	if k.Value == 0 || w.seen[k] || w.err != nil {
		return k.Value
	}
	w.seen[k] = true
	w.err = w.t.word(k, w.chunk, text)
	return k.Value
}

// word stores a word with the last chunk that may have it.
func (t *txn) word(k posting.Key, chunk int64, text []byte) error {
	_, err := t.exec(`INSERT INTO event_words (field, value, chunk, text) VALUES (?, ?, ?, ?)
		ON CONFLICT DO UPDATE SET chunk = excluded.chunk WHERE chunk < excluded.chunk`, int(k.Field), k.Value, chunk, text)
	return err
}

// eventEnds are the row that the next event gets and the last chunk that is sealed, -1 for none. Rows are never given
// twice, not even when the last ones are gone.
func (t *txn) eventEnds() (next, sealed int64, err error) {
	var last, chunk sql.NullInt64
	if err = t.row(`SELECT max(coalesce((SELECT max(row) FROM events), 0), coalesce((SELECT seq FROM positions WHERE name = 'events'), 0)),
		(SELECT max(chunk) FROM event_chunks)`, nil, &last, &chunk); err != nil {
		return 0, 0, err
	}
	sealed = -1
	if chunk.Valid {
		sealed = chunk.Int64
	}
	return max(last.Int64+1, (sealed+1)<<posting.Shift, 1), sealed, nil
}

// sealAtOnce bounds how long other writers wait for chunks of a database that had none.
const sealAtOnce = 4

// seal makes the postings of chunks that no row will be added to.
func (t *txn) seal(next, sealed int64) error {
	for range sealAtOnce {
		var first sql.NullInt64
		if err := t.row(`SELECT min(row) FROM events WHERE row >= ?`, []any{(sealed + 1) << posting.Shift}, &first); err != nil {
			return err
		}
		chunk := first.Int64 >> posting.Shift
		if !first.Valid || chunk >= next>>posting.Shift {
			return nil
		}
		if err := t.sealChunk(chunk); err != nil {
			return err
		}
		sealed = chunk
	}
	return nil
}

// postingsAtOnce is how many postings one statement writes: most of what a single one costs is not SQLite's.
const postingsAtOnce = 64

func (t *txn) sealChunk(chunk int64) error {
	var (
		live        posting.Set
		at          [posting.Rows]int64
		first, last = int64(1<<63 - 1), int64(-1 << 63)
		sets        = make(map[posting.Key]*posting.Set)
		scratch     []posting.Key
	)
	err := t.rows(func(r *sql.Rows) error {
		e, err := scanEvent(r)
		if err != nil {
			return err
		}
		i := int(e.Row & (posting.Rows - 1))
		live.Add(i)
		at[i] = e.Time.UnixNano()
		first, last = min(first, at[i]), max(last, at[i])
		if e.agent == 0 { // of an earlier version
			e.agent = posting.Hash(e.UserAgent)
		}
		scratch = store.EventKeys(scratch[:0], &e.Event, e.agent, e.found, e.shape)
		for _, k := range scratch {
			s := sets[k]
			if s == nil {
				s = new(posting.Set)
				sets[k] = s
				if k.Field == posting.Template {
					if err := t.word(k, chunk, []byte(e.Template)); err != nil {
						return err
					}
				} else if k.Field == posting.Agent && e.UserAgent != "" {
					if err := t.word(k, chunk, []byte(e.UserAgent)); err != nil {
						return err
					}
				}
			}
			s.Add(i)
		}
		return nil
	}, `SELECT row, `+eventColumns+` FROM events WHERE row >= ? AND row < ?`, chunk<<posting.Shift, (chunk+1)<<posting.Shift)
	if err != nil {
		return err
	}
	keys := make([]posting.Key, 0, len(sets))
	for k := range sets {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, posting.Compare) // writes go through the table once, from its beginning to its end
	packed := make([]byte, 0, 9*len(keys))
	for part := range slices.Chunk(keys, postingsAtOnce) {
		args := make([]any, 0, 4*len(part))
		for _, k := range part {
			packed = binary.LittleEndian.AppendUint64(append(packed, byte(k.Field)), uint64(k.Value))
			args = append(args, int64(k.Field), k.Value, chunk, blob(sets[k].Append(nil)))
		}
		insert := `INSERT INTO event_postings (field, value, chunk, rows) VALUES (?, ?, ?, ?)` + strings.Repeat(`, (?, ?, ?, ?)`, len(part)-1) //nolint:gosec // only placeholders are added
		if len(part) < postingsAtOnce {
			if _, err := t.conn.ExecContext(t.ctx, insert, args...); err != nil {
				return diskError(err)
			}
		} else if _, err := t.exec(insert, args...); err != nil {
			return err
		}
	}
	times := posting.NewTimes(&at, first, last)
	_, err = t.exec(`INSERT INTO event_chunks (chunk, first, last, live, keys, times) VALUES (?, ?, ?, ?, ?, ?)`, chunk, first, last, blob(live.Append(nil)), packed, times.Places)
	return err
}

// blob is b, empty rather than NULL.
func blob(b []byte) []byte {
	if b == nil {
		return []byte{}
	}
	return b
}

// rows calls fn for every row of a query.
func (t *txn) rows(fn func(*sql.Rows) error, query string, args ...any) error {
	s, err := t.prepare(query)
	if err != nil {
		return err
	}
	rows, err := s.QueryContext(t.ctx, args...)
	if err != nil {
		return diskError(err)
	}
	return eachRow(rows, fn)
}

// trimEvents drops the oldest beyond the bounds, in pieces.
func (d *DB) trimEvents(ctx context.Context, now time.Time, notable, others int) error {
	oldest := now.Add(-d.o.EventAge).UnixNano()
	for kind, rows := range [2]int{others, notable} {
		for more := true; more; {
			err := d.write(ctx, false, func(t *txn) error {
				gone := make(map[int64]*posting.Set)
				n := 0
				next, _, err := t.eventEnds()
				if err != nil {
					return err
				}
				// Rows rise with arrival, so only the oldest have to be looked at; the n-th latest is found in the index.
				err = t.rows(func(r *sql.Rows) error {
					var row int64
					err := r.Scan(&row)
					s := gone[row>>posting.Shift]
					if s == nil {
						s = new(posting.Set)
						gone[row>>posting.Shift] = s
					}
					s.Add(int(row & (posting.Rows - 1)))
					n++
					return err
				}, `DELETE FROM events WHERE row IN (SELECT row FROM events WHERE notable = ?1 ORDER BY row LIMIT ?4) AND (arrived < ?3 OR
					row <= (SELECT row FROM events WHERE notable = ?1 ORDER BY row DESC LIMIT 1 OFFSET ?2)) RETURNING row`, kind, rows, oldest, foldChunk)
				if err != nil {
					return err
				}
				more = n == foldChunk
				if gone[(next-1)>>posting.Shift] != nil {
					if _, err := t.exec(`INSERT INTO positions (name, seq, at) VALUES ('events', ?, ?) ON CONFLICT DO UPDATE SET seq = excluded.seq`, next-1, now.UnixNano()); err != nil {
						return err
					}
				}
				return t.forgetRows(gone)
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// forgetRows takes rows out of their chunks, and chunks without rows out of the postings.
func (t *txn) forgetRows(gone map[int64]*posting.Set) error {
	chunks := make([]int64, 0, len(gone))
	for c := range gone {
		chunks = append(chunks, c)
	}
	slices.Sort(chunks)
	_, sealed, err := t.eventEnds()
	if err != nil {
		return err
	}
	for _, c := range chunks {
		var stored, keys []byte
		err := t.row(`SELECT live, keys FROM event_chunks WHERE chunk = ?`, []any{c}, &stored, &keys)
		if errors.Is(err, store.ErrNotFound) {
			continue // not sealed yet
		}
		if err != nil {
			return err
		}
		var live posting.Set
		live.Read(stored)
		live.Without(gone[c])
		if live.Len() > 0 || c == sealed {
			if _, err := t.exec(`UPDATE event_chunks SET live = ? WHERE chunk = ?`, liveBlob(&live), c); err != nil {
				return err
			}
			continue
		}
		if err := t.dropChunk(c, keys); err != nil {
			return err
		}
	}
	return nil
}

// liveBlob is the stored form of a chunk's live rows; of none it is a row that cannot be.
func liveBlob(live *posting.Set) []byte {
	if live.Len() == 0 {
		return []byte{0xff, 0xff}
	}
	return blob(live.Append(nil))
}

// dropChunk removes a chunk, its postings, and the words that nothing else has.
func (t *txn) dropChunk(chunk int64, keys []byte) error {
	for ; len(keys) >= 9; keys = keys[9:] {
		field, value := int(keys[0]), int64(binary.LittleEndian.Uint64(keys[1:]))
		if _, err := t.exec(`DELETE FROM event_postings WHERE field = ? AND value = ? AND chunk = ?`, field, value, chunk); err != nil {
			return err
		}
		if !posting.Field(field).Word() {
			continue
		}
		if _, err := t.exec(`DELETE FROM event_words WHERE field = ?1 AND value = ?2 AND chunk <= ?3 AND NOT EXISTS
			(SELECT 1 FROM event_postings WHERE field = ?1 AND value = ?2)`, field, value, chunk); err != nil {
			return err
		}
	}
	_, err := t.exec(`DELETE FROM event_chunks WHERE chunk = ?`, chunk)
	return err
}
