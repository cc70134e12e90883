package api

import (
	"errors"
	"net/url"
	"strconv"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/estate"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
)

// maxValue bounds one query value, in bytes.
const maxValue = 1024

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

// limit is how many entries a page has.
func (q *query) limit() int { return int(q.number("limit", 1, admin.MaxPage, 100)) }

func (q *query) flag(name string) bool {
	switch q.values.Get(name) {
	case "", "false", "0", "no":
		return false
	case "true", "1", "yes":
		return true
	}
	q.wrong(name, "use true or false")
	return false
}

// take keeps a mistake that a reader of the use cases' own found.
func (q *query) take(err error) {
	var input *admin.InputError
	var wrong *estate.Wrong
	switch {
	case errors.As(err, &input):
		q.wrong(input.Field, input.Err.Error())
	case errors.As(err, &wrong):
		q.wrong(wrong.Field, wrong.Err.Error())
	case err != nil:
		q.wrong("query", err.Error())
	}
}

// filter reads what selects endpoints.
func (q *query) filter() admin.InventoryQuery {
	out, err := estate.Parse(q.values)
	q.take(err)
	// The words of closed lists are checked here: a misspelt one would select nothing, which looks like good news.
	q.word("state", string(inventory.Candidate), string(inventory.Confirmed), string(inventory.Unseen), estate.None)
	q.word("auth", string(inventory.AuthNone), string(inventory.AuthMixed), string(inventory.AuthEnforced), string(inventory.AuthUnknown), estate.None)
	q.word("access", string(inventory.Read), string(inventory.Write), estate.None)
	return out
}

func (q *query) inventory() (admin.InventoryQuery, error) {
	out := q.filter()
	q.word("sort", admin.Sorts()...)
	out.Facets, out.Limit, out.After = q.flag("facets"), q.limit(), identity.EndpointID(q.number("cursor", 1, maxID, 0))
	return out, q.err
}

// events reads what selects events; now is what "15m" is before.
func (q *query) events(now time.Time) (admin.EventQuery, error) {
	out, err := admin.ParseEventQuery(q.values, now)
	q.take(err)
	q.word("action", actions()...)
	q.word("would", actions()...)
	out.After, out.Before, out.Limit = 0, q.number("cursor", 1, maxRow, 0), q.limit()
	return out, q.err
}

func actions() []string {
	return []string{"allow", "tag", "delay", "limit", "challenge", "block", "deceive", "mask"}
}

func (q *query) audit() (admin.AuditQuery, error) {
	out := admin.AuditQuery{
		Before: q.number("cursor", 1, maxRow, 0), Actor: q.text("actor"), Action: q.text("action"), Target: q.text("target"),
		Since: q.time("since"), Until: q.time("until"), Limit: q.limit(),
	}
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
