package sqlite

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"merlon/internal/model/identity"
	"merlon/internal/store"
)

const eventColumns = `id, seq, at, arrived, site, node, source, method, host, template, endpoint, actor, principal, strength, address, country,
	user_agent, fingerprint, mode, action, would, rule, status, severity, findings, finding_ids, latency, capped, notable,
	ja4, http2, rpc`

// AddEvents stores recent events. One that is there already (a replay after a crash) stays as it is.
func (d *DB) AddEvents(ctx context.Context, events []store.Event) error {
	return d.write(ctx, false, func(t *txn) error {
		for i := range events {
			e := &events[i]
			if _, err := t.exec(`INSERT INTO events (`+eventColumns+`) VALUES
				(?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
				e.ID, int64(e.Seq), e.Time.UnixNano(), e.Arrived.UnixNano(), e.Site, e.Node, e.Source, e.Method, e.Host, e.Template, e.Endpoint,
				e.Actor, e.Principal, e.Strength, e.Address, e.Country, e.UserAgent, e.Fingerprint, e.Mode, e.Action, e.Would, e.Rule, e.Status, e.Severity,
				e.Findings, joinWords(e.FindingIDs), e.LatencyMicros, e.FindingsCapped, e.Notable,
				e.JA4, e.HTTP2, e.RPC); err != nil {
				return err
			}
		}
		return nil
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

// Events returns a page of recent events: latest stored first, or with After the next ones in order of storing.
func (d *DB) Events(ctx context.Context, f store.EventFilter) ([]store.Event, error) {
	var where []string
	var args []any
	add := func(clause string, v ...any) {
		where, args = append(where, clause), append(args, v...)
	}
	for _, text := range []struct{ column, value string }{
		{"site", f.Site}, {"actor", f.Actor}, {"address", f.Address}, {"action", f.Action},
	} {
		if text.value != "" {
			add(text.column+" = ?", text.value)
		}
	}
	if f.Finding != "" {
		add("instr(finding_ids, ?) > 0", joinWords([]string{f.Finding}))
	}
	if f.Endpoint != 0 {
		add("endpoint = ?", f.Endpoint)
	}
	if f.MinSeverity > 0 {
		add("notable = 1 AND severity >= ?", f.MinSeverity)
	}
	if !f.From.IsZero() {
		add("at >= ?", f.From.UnixNano())
	}
	if !f.To.IsZero() {
		add("at < ?", f.To.UnixNano())
	}
	if f.Before != 0 {
		add("row < ?", int64(f.Before))
	}
	order := "DESC"
	if f.After != 0 {
		add("row > ?", int64(f.After))
		order = "ASC"
	}
	query := `SELECT row, ` + eventColumns + ` FROM events`
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	limit := f.Limit
	if limit <= 0 || limit > store.MaxEventsPage {
		limit = store.MaxEventsPage
	}
	var out []store.Event
	err := d.each(ctx, func(r *sql.Rows) error {
		e, err := scanEvent(r)
		out = append(out, e)
		return err
	}, query+" ORDER BY row "+order+" LIMIT ?", append(args, limit)...)
	return out, err
}

// Event is the stored event with an id; store.ErrNotFound when it is not among them.
func (d *DB) Event(ctx context.Context, id string) (e store.Event, err error) {
	found := false
	err = d.each(ctx, func(r *sql.Rows) error {
		found = true
		e, err = scanEvent(r)
		return err
	}, `SELECT row, `+eventColumns+` FROM events WHERE id = ?`, id)
	if err == nil && !found {
		err = fmt.Errorf("event %q: %w", id, store.ErrNotFound)
	}
	return e, err
}

func scanEvent(r *sql.Rows) (e store.Event, err error) {
	var row, seq, at, arrived int64
	var endpoint uint32
	var ids string
	err = r.Scan(&row, &e.ID, &seq, &at, &arrived, &e.Site, &e.Node, &e.Source, &e.Method, &e.Host, &e.Template, &endpoint, &e.Actor,
		&e.Principal, &e.Strength, &e.Address, &e.Country, &e.UserAgent, &e.Fingerprint, &e.Mode, &e.Action, &e.Would, &e.Rule, &e.Status, &e.Severity,
		&e.Findings, &ids, &e.LatencyMicros, &e.FindingsCapped, &e.Notable, &e.JA4, &e.HTTP2, &e.RPC)
	e.Row, e.Seq, e.Endpoint, e.FindingIDs = uint64(row), uint64(seq), identity.EndpointID(endpoint), splitWords(ids)
	e.Time, e.Arrived = time.Unix(0, at).UTC(), time.Unix(0, arrived).UTC()
	return e, err
}

// trimEvents drops the oldest beyond the bounds, in pieces.
func (d *DB) trimEvents(ctx context.Context, now time.Time, notable, others int) error {
	oldest := now.Add(-d.o.EventAge).UnixNano()
	for kind, rows := range [2]int{others, notable} {
		for more := true; more; {
			err := d.write(ctx, false, func(t *txn) error {
				// Rows rise with arrival, so only the oldest have to be looked at; the n-th latest is found in the index.
				r, err := t.exec(`DELETE FROM events WHERE row IN (SELECT row FROM events WHERE notable = ?1 ORDER BY row LIMIT ?4) AND (arrived < ?3 OR
					row <= (SELECT row FROM events WHERE notable = ?1 ORDER BY row DESC LIMIT 1 OFFSET ?2))`, kind, rows, oldest, foldChunk)
				if err != nil {
					return err
				}
				n, err := r.RowsAffected()
				more = n == foldChunk
				return err
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}
