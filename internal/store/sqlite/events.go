package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"merlon/internal/model/identity"
	"merlon/internal/store"
	"merlon/internal/store/posting"
)

const eventColumns = `id, seq, at, arrived, site, node, source, method, host, template, endpoint, actor, principal, strength, address, country,
	user_agent, fingerprint, mode, action, would, rule, status, severity, findings, finding_ids, latency, capped, notable,
	ja4, http2, rpc, asn, agent, found, shape, detail`

// AddEvents stores recent events. One that is there already (a replay after a crash) stays as it is.
func (d *DB) AddEvents(ctx context.Context, events []store.Event) error {
	return d.write(ctx, false, func(t *txn) error {
		next, sealed, err := t.eventEnds()
		if err != nil {
			return err
		}
		words := wordWriter{t: t, seen: make(map[posting.Key]bool)}
		for i := range events {
			e := &events[i]
			words.at(next >> posting.Shift)
			agent, found, shape := words.put(posting.Agent, []byte(e.UserAgent)), int64(0), words.put(posting.Shape, e.Shape.AppendBinary(nil))
			if len(e.FindingIDs) > 0 {
				found = words.put(posting.Found, e.Findings)
			}
			if words.err != nil {
				return words.err
			}
			r, err := t.exec(`INSERT INTO events (row, `+eventColumns+`) VALUES
				(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, '', ?, ?, ?, ?, ?, ?, ?, x'', ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
				next, e.ID, int64(e.Seq), e.Time.UnixNano(), e.Arrived.UnixNano(), e.Site, e.Node, e.Source, e.Method, e.Host, e.Template, e.Endpoint,
				e.Actor, e.Principal, e.Strength, e.Address, e.Country, e.Fingerprint, e.Mode, e.Action, e.Would, e.Rule, e.Status, e.Severity,
				joinWords(e.FindingIDs), e.LatencyMicros, e.FindingsCapped, e.Notable,
				e.JA4, e.HTTP2, e.RPC, e.ASN, agent, found, shape, blob(e.Detail.AppendBinary(nil)))
			if err != nil {
				return err
			}
			if n, err := r.RowsAffected(); err != nil {
				return err
			} else if n > 0 {
				next++
			}
		}
		return t.seal(next, sealed)
	})
}

// joinWords writes a list so that one word of it can be found: "\na\nb\n".
func joinWords(all []string) string {
	if len(all) == 0 {
		return ""
	}
	return "\n" + strings.Join(all, "\n") + "\n"
}

func splitWords(s string) []string {
	if s = strings.Trim(s, "\n"); s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}

// Event is the stored event with an id; store.ErrNotFound when it is not among them.
func (d *DB) Event(ctx context.Context, id string) (e store.Event, err error) {
	err = d.Snapshot(ctx, func(tx *sql.Tx) error {
		found, err := LoadEvents(ctx, tx, `WHERE id = ?`, id)
		if err == nil && len(found) == 0 {
			err = fmt.Errorf("event %q: %w", id, store.ErrNotFound)
		}
		if err == nil {
			e = found[0]
		}
		return err
	})
	return e, err
}

// stored is a row as it stands: with the numbers of its words.
type stored struct {
	store.Event
	agent, found, shape int64
}

func scanEvent(r *sql.Rows) (e stored, err error) {
	var row, seq, at, arrived int64
	var endpoint uint32
	var ids string
	var detail sql.RawBytes
	err = r.Scan(&row, &e.ID, &seq, &at, &arrived, &e.Site, &e.Node, &e.Source, &e.Method, &e.Host, &e.Template, &endpoint, &e.Actor,
		&e.Principal, &e.Strength, &e.Address, &e.Country, &e.UserAgent, &e.Fingerprint, &e.Mode, &e.Action, &e.Would, &e.Rule, &e.Status, &e.Severity,
		&e.Findings, &ids, &e.LatencyMicros, &e.FindingsCapped, &e.Notable, &e.JA4, &e.HTTP2, &e.RPC, &e.ASN, &e.agent, &e.found, &e.shape, &detail)
	e.Row, e.Seq, e.Endpoint, e.FindingIDs = uint64(row), uint64(seq), identity.EndpointID(endpoint), splitWords(ids)
	e.Time, e.Arrived = time.Unix(0, at).UTC(), time.Unix(0, arrived).UTC()
	if len(e.Findings) == 0 {
		e.Findings = []byte("[]")
	}
	if err == nil && e.Detail.DecodeBinary(detail) != nil {
		e.Detail = store.EventDetail{} // a detail that cannot be read is one that is not there
	}
	return e, err
}

// LoadEvents reads events with their words; clause is what follows the table's name, in the order of which they come.
func LoadEvents(ctx context.Context, tx *sql.Tx, clause string, args ...any) ([]store.Event, error) {
	var all []stored
	wanted := make(map[posting.Key][]byte)
	err := Query(ctx, tx, func(r *sql.Rows) error {
		e, err := scanEvent(r)
		all = append(all, e)
		for _, k := range [...]posting.Key{{Field: posting.Agent, Value: e.agent}, {Field: posting.Found, Value: e.found}, {Field: posting.Shape, Value: e.shape}} {
			if k.Value != 0 {
				wanted[k] = nil
			}
		}
		return err
	}, `SELECT row, `+eventColumns+` FROM events `+clause, args...)
	if err == nil {
		err = loadWords(ctx, tx, wanted)
	}
	out := make([]store.Event, len(all))
	for i := range all {
		e := &all[i]
		if w := wanted[posting.Key{Field: posting.Agent, Value: e.agent}]; len(w) > 0 {
			e.UserAgent = string(w)
		}
		if w := wanted[posting.Key{Field: posting.Found, Value: e.found}]; len(w) > 0 {
			e.Findings = w
		}
		if w := wanted[posting.Key{Field: posting.Shape, Value: e.shape}]; len(w) > 0 {
			e.Shape, _ = store.DecodeShape(w) // as with a detail
		}
		out[i] = e.Event
	}
	return out, err
}

// loadWords reads the texts of words.
func loadWords(ctx context.Context, tx *sql.Tx, wanted map[posting.Key][]byte) error {
	if len(wanted) == 0 {
		return nil
	}
	q, err := tx.PrepareContext(ctx, `SELECT text FROM event_words WHERE field = ? AND value = ?`)
	if err != nil {
		return fmt.Errorf("database: %w", diskError(err))
	}
	defer q.Close()
	for k := range wanted {
		var text []byte
		switch err := q.QueryRowContext(ctx, int(k.Field), k.Value).Scan(&text); {
		case err == sql.ErrNoRows: //nolint:errorlint // Scan returns it as it is
		case err != nil:
			return fmt.Errorf("database: %w", diskError(err))
		default:
			wanted[k] = text
		}
	}
	return nil
}

// Snapshot runs fn on one unchanging state of the database, to read it.
func (d *DB) Snapshot(ctx context.Context, fn func(*sql.Tx) error) error { return d.snapshot(ctx, fn) }

// Query calls fn for every row of a query within a snapshot.
func Query(ctx context.Context, tx *sql.Tx, fn func(*sql.Rows) error, query string, args ...any) error {
	rows, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("database: %w", diskError(err))
	}
	return eachRow(rows, fn)
}
