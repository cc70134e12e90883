package api

import (
	"errors"
	"net/url"
	"strconv"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/model/finding"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
)

// maxValue bounds one query value, in bytes.
const maxValue = 256

// query reads query parameters; the first mistake sticks. Parameters nobody asked for are mistakes, too: a filter that is
// misspelt must not select everything.
type query struct {
	values url.Values
	err    error
}

func parseQuery(raw string, known []Parameter) *query {
	values, err := url.ParseQuery(raw)
	q := &query{values: values}
	if err != nil {
		q.wrong("query", "is not well formed")
		return q
	}
	for name, all := range values {
		ok := false
		for _, p := range known {
			ok = ok || p.Name == name
		}
		switch {
		case !ok:
			q.wrong("query", "unknown parameter "+strconv.Quote(name[:min(len(name), 40)]))
		case len(all) > 1:
			q.wrong(name, "give it once")
		case len(all[0]) > maxValue:
			q.wrong(name, "use at most "+strconv.Itoa(maxValue)+" bytes")
		}
	}
	return q
}

func (q *query) wrong(field, what string) {
	// Of several mistakes the one that sorts first is told, so that the answer does not depend on the order of a map.
	next := &admin.InputError{Field: field, Err: errors.New(what)}
	if q.err == nil || next.Error() < q.err.Error() {
		q.err = next
	}
}

func (q *query) text(name string) string { return q.values.Get(name) }

func (q *query) word(name string, allowed ...string) string {
	v := q.values.Get(name)
	if v == "" {
		return ""
	}
	for _, a := range allowed {
		if v == a {
			return v
		}
	}
	q.wrong(name, "is none of the words it can be")
	return ""
}

func (q *query) number(name string, least, most, otherwise uint64) uint64 {
	v := q.values.Get(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil || n < least || n > most {
		q.wrong(name, "write a number from "+strconv.FormatUint(least, 10)+" to "+strconv.FormatUint(most, 10))
		return otherwise
	}
	return n
}

func (q *query) time(name string) time.Time {
	v := q.values.Get(name)
	if v == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, v)
	if err != nil || t.Year() < 1970 || t.Year() > 2200 {
		q.wrong(name, "write a time such as 2026-01-31T12:00:00Z")
		return time.Time{}
	}
	return t
}

const (
	maxID  = 1<<32 - 1
	maxRow = 1<<63 - 1
)

func (q *query) inventory() (admin.InventoryQuery, error) {
	out := admin.InventoryQuery{
		Site: q.text("site"), Host: q.text("host"), Method: q.text("method"), Lifecycle: q.text("lifecycle"), Search: q.text("q"),
		State:     inventory.State(q.word("state", string(inventory.Candidate), string(inventory.Confirmed), string(inventory.Unseen))),
		Auth:      inventory.Authentication(q.word("auth", string(inventory.AuthNone), string(inventory.AuthMixed), string(inventory.AuthEnforced), string(inventory.AuthUnknown))),
		Access:    inventory.Access(q.word("access", string(inventory.Read), string(inventory.Write))),
		Sensitive: q.word("sensitive", "true", "false") == "true",
		Sort:      q.word("sort", admin.Sorts()...),
		Limit:     int(q.number("limit", 1, admin.MaxPage, 100)),
		After:     identity.EndpointID(q.number("cursor", 1, maxID, 0)),
	}
	return out, q.err
}

func (q *query) events() (admin.EventQuery, error) {
	out := admin.EventQuery{
		Site: q.text("site"), Actor: q.text("actor"), Address: q.text("address"), Action: q.text("action"), Finding: q.text("finding"),
		Endpoint: identity.EndpointID(q.number("endpoint", 1, maxID, 0)), From: q.time("since"), To: q.time("until"),
		Before: q.number("cursor", 1, maxRow, 0), Limit: int(q.number("limit", 1, admin.MaxPage, 100)),
	}
	out.MinSeverity, _ = finding.ParseSeverity(q.word("severity", "low", "medium", "high", "critical"))
	return out, q.err
}

// series reads what time span is asked for; now stands for the end where it is not said.
func (q *query) series(now time.Time) (admin.SeriesQuery, error) {
	out := admin.SeriesQuery{
		Site: q.text("site"), Endpoint: identity.EndpointID(q.number("endpoint", 1, maxID, 0)), From: q.time("from"), To: q.time("to"),
		Step: time.Duration(q.number("step", 10, 366*24*3600, 60)) * time.Second,
	}
	if out.To.IsZero() {
		out.To = now
	}
	if out.From.IsZero() {
		out.From = out.To.Add(-time.Hour)
	}
	return out, q.err
}
