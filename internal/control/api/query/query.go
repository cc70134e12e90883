// Package query reads the query parameters of the API, and lists them with what they mean.
package query

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
type Query struct {
	Values url.Values
	Err    error
}

func Parse(raw string, known []Parameter) *Query {
	values, err := url.ParseQuery(raw)
	q := &Query{Values: values}
	if err != nil {
		q.Wrong("query", "is not well formed")
		return q
	}
	for name, all := range values {
		ok := false
		for _, p := range known {
			ok = ok || p.Name == name
		}
		switch {
		case !ok:
			q.Wrong("query", "unknown parameter "+strconv.Quote(name[:min(len(name), 40)]))
		case len(all) > 1:
			q.Wrong(name, "give it once")
		case len(all[0]) > maxValue:
			q.Wrong(name, "use at most "+strconv.Itoa(maxValue)+" bytes")
		}
	}
	return q
}

func (q *Query) Wrong(field, what string) {
	// Of several mistakes the one that sorts first is told, so that the answer does not depend on the order of a map.
	next := &admin.InputError{Field: field, Err: errors.New(what)}
	if q.Err == nil || next.Error() < q.Err.Error() {
		q.Err = next
	}
}

func (q *Query) Text(name string) string { return q.Values.Get(name) }

func (q *Query) Word(name string, allowed ...string) string {
	v := q.Values.Get(name)
	if v == "" {
		return ""
	}
	for _, a := range allowed {
		if v == a {
			return v
		}
	}
	q.Wrong(name, "is none of the words it can be")
	return ""
}

func (q *Query) Number(name string, least, most, otherwise uint64) uint64 {
	v := q.Values.Get(name)
	if v == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(v, 10, 64)
	if err != nil || n < least || n > most {
		q.Wrong(name, "write a number from "+strconv.FormatUint(least, 10)+" to "+strconv.FormatUint(most, 10))
		return otherwise
	}
	return n
}

func (q *Query) Time(name string) time.Time {
	v := q.Values.Get(name)
	if v == "" {
		return time.Time{}
	}
	t, err := time.Parse(time.RFC3339, v)
	if err != nil || t.Year() < 1970 || t.Year() > 2200 {
		q.Wrong(name, "write a time such as 2026-01-31T12:00:00Z")
		return time.Time{}
	}
	return t
}

const (
	maxID  = 1<<32 - 1
	maxRow = 1<<63 - 1
)

// limit is how many entries a page has.
func (q *Query) Limit() int { return int(q.Number("limit", 1, admin.MaxPage, 100)) }

func (q *Query) Flag(name string) bool {
	switch q.Values.Get(name) {
	case "", "false", "0", "no":
		return false
	case "true", "1", "yes":
		return true
	}
	q.Wrong(name, "use true or false")
	return false
}

// take keeps a mistake that a reader of the use cases' own found.
func (q *Query) Take(err error) {
	var input *admin.InputError
	var wrong *estate.Wrong
	switch {
	case errors.As(err, &input):
		q.Wrong(input.Field, input.Err.Error())
	case errors.As(err, &wrong):
		q.Wrong(wrong.Field, wrong.Err.Error())
	case err != nil:
		q.Wrong("query", err.Error())
	}
}

// filter reads what selects endpoints.
func (q *Query) Filter() admin.InventoryQuery {
	out, err := estate.Parse(q.Values)
	q.Take(err)
	// The words of closed lists are checked here: a misspelt one would select nothing, which looks like good news.
	q.Word("state", string(inventory.Candidate), string(inventory.Confirmed), string(inventory.Unseen), estate.None)
	q.Word("auth", string(inventory.AuthNone), string(inventory.AuthMixed), string(inventory.AuthEnforced), string(inventory.AuthUnknown), estate.None)
	q.Word("access", string(inventory.Read), string(inventory.Write), estate.None)
	return out
}

func (q *Query) Inventory() (admin.InventoryQuery, error) {
	out := q.Filter()
	q.Word("sort", admin.Sorts()...)
	out.Facets, out.Limit, out.After = q.Flag("facets"), q.Limit(), identity.EndpointID(q.Number("cursor", 1, maxID, 0))
	return out, q.Err
}

// events reads what selects events; now is what "15m" is before.
func (q *Query) Events(now time.Time) (admin.EventQuery, error) {
	out, err := admin.ParseEventQuery(q.Values, now)
	q.Take(err)
	q.Word("action", Actions()...)
	q.Word("would", Actions()...)
	out.After, out.Before, out.Limit = 0, q.Number("cursor", 1, maxRow, 0), q.Limit()
	return out, q.Err
}

func Actions() []string {
	return []string{"allow", "tag", "delay", "limit", "challenge", "block", "deceive", "mask"}
}

func (q *Query) Audit() (admin.AuditQuery, error) {
	out := admin.AuditQuery{
		Before: q.Number("cursor", 1, maxRow, 0), Actor: q.Text("actor"), Action: q.Text("action"), Target: q.Text("target"),
		Since: q.Time("since"), Until: q.Time("until"), Limit: q.Limit(),
	}
	return out, q.Err
}

// series reads what time span is asked for; now stands for the end where it is not said.
func (q *Query) Series(now time.Time) (admin.SeriesQuery, error) {
	out := admin.SeriesQuery{
		Site: q.Text("site"), Endpoint: identity.EndpointID(q.Number("endpoint", 1, maxID, 0)), From: q.Time("from"), To: q.Time("to"),
		Step: time.Duration(q.Number("step", 10, 366*24*3600, 60)) * time.Second,
	}
	if out.To.IsZero() {
		out.To = now
	}
	if out.From.IsZero() {
		out.From = out.To.Add(-time.Hour)
	}
	return out, q.Err
}

// Parameter is a query parameter.
type Parameter struct{ Name, Type, About string }
