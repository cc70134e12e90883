package estate

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
)

// None selects endpoints that lack a property, such as an owner.
const None = "-"

// Bounds of a query.
const (
	// MaxPage is the longest page of a list.
	MaxPage = 500
	// MaxSearch bounds the text of a search, in bytes, MaxFilter that of a filter.
	MaxSearch = 256
	MaxFilter = 1024
)

// Query selects endpoints. Zero fields select everything that is not ignored.
type Query struct {
	// Site to Purpose select by value; None selects those without one.
	Site, Host, Method, Purpose string
	Owner, Label, Class         string // Class is a class of sensitive data
	Segment                     string // the first of the path
	State                       inventory.State
	Auth                        inventory.Authentication
	Access                      inventory.Access
	Lifecycle                   string // one of the endpoint's badges
	Sensitive                   bool   // only those with sensitive data
	Documented                  string // Yes, No, or "" for both
	// Ignored is Yes for ignored ones only, "all" for both; "" leaves them out.
	Ignored string
	// Risk is the least score, 0..100.
	Risk float64
	// Seen selects what was seen since, First what was first seen since: a duration before now such as "24h" or "7d", or a
	// day such as "2026-11-01". Never selects what never was.
	Seen, First string
	// Prefix selects a path and all below it, Path exactly one.
	Prefix, Path string
	Search       string // words, all of which stand somewhere in method, template, operation, host, owner, purpose or labels
	// Sort is one of Sorts, "id" when empty.
	Sort string
	// After is the id after which a page begins, in the order asked for; Skip leaves endpoints out from there.
	After identity.EndpointID
	Skip  int
	// Limit is at most MaxPage, which is also the default.
	Limit int
	// Within leaves out every other site, for callers who may see only these; empty for all. It is no filter of people's.
	Within []string
	// Facets asks for the counts beside the filters' values.
	Facets bool
}

// Never is the value of Seen that selects what was never seen.
const Never = "never"

// Wrong is a mistake in a query: which field, and what would be right.
type Wrong struct {
	Field string
	Err   error
}

func (e *Wrong) Error() string { return e.Field + ": " + e.Err.Error() }
func (e *Wrong) Unwrap() error { return e.Err }

func wrong(field, format string, args ...any) error {
	return &Wrong{field, fmt.Errorf(format, args...)}
}

// filter is the value asked for of a property; "" for any.
func (q *Query) filter(d Dim) string {
	switch d {
	case Site:
		return q.Site
	case Host:
		return q.Host
	case Method:
		return q.Method
	case State:
		return string(q.State)
	case Auth:
		return string(q.Auth)
	case Access:
		return string(q.Access)
	case Lifecycle:
		return q.Lifecycle
	case Sensitive:
		if q.Sensitive {
			return Yes
		}
	case Class:
		return q.Class
	case Purpose:
		return q.Purpose
	case Owner:
		return q.Owner
	case Label:
		return q.Label
	case Documented:
		return q.Documented
	case Segment:
		return q.Segment
	case Ignored:
		switch q.Ignored {
		case "all":
			return ""
		case "":
			return No
		}
		return q.Ignored
	}
	return ""
}

// check is a query's mistakes.
func (q *Query) check(now time.Time) error {
	if len(q.Search) > MaxSearch {
		return wrong("q", "use at most %d bytes", MaxSearch)
	}
	for d := range dims {
		if len(q.filter(d)) > MaxFilter {
			return wrong(d.String(), "use at most %d bytes", MaxFilter)
		}
	}
	if len(q.Prefix) > MaxFilter || len(q.Path) > MaxFilter {
		return wrong("prefix", "use at most %d bytes", MaxFilter)
	}
	if q.Documented != "" && q.Documented != Yes && q.Documented != No {
		return wrong("documented", "use %s or %s", Yes, No)
	}
	if q.Ignored != "" && q.Ignored != Yes && q.Ignored != No && q.Ignored != "all" {
		return wrong("ignored", "use %s or all", Yes)
	}
	if !(q.Risk >= 0 && q.Risk <= 100) { // not a number is neither
		return wrong("risk", "use 0 to 100")
	}
	for name, s := range map[string]string{"first": q.First, "seen": q.Seen} {
		if _, err := since(s, now); err != nil && (s != Never || name != "seen") {
			return wrong(name, "use a time before now such as 24h or 7d, or a day such as 2026-11-01")
		}
	}
	switch {
	case compare(q.Sort) == nil:
		return wrong("sort", "use one of %s", strings.Join(Sorts(), ", "))
	case q.Limit < 0 || q.Limit > MaxPage:
		return wrong("limit", "use 1 to %d", MaxPage)
	case q.Skip < 0:
		return wrong("skip", "use 0 or more")
	}
	return nil
}

// since is the Unix time of a filter by age; 0 for "".
func since(s string, now time.Time) (int64, error) {
	if s == "" {
		return 0, nil
	}
	if day, err := time.Parse(time.DateOnly, s); err == nil {
		return max(day.Unix(), 1), nil
	}
	unit := time.Hour
	number, ok := strings.CutSuffix(s, "h")
	if !ok {
		unit = 24 * time.Hour
		if number, ok = strings.CutSuffix(s, "d"); !ok {
			return 0, strconv.ErrSyntax
		}
	}
	n, err := strconv.ParseUint(number, 10, 16)
	if err != nil || n == 0 || n > 10_000 {
		return 0, strconv.ErrRange
	}
	return now.Add(-time.Duration(n) * unit).Unix(), nil
}

// Narrows tells whether the query leaves anything out beyond what is ignored.
func (q *Query) Narrows() bool {
	for d := range dims {
		if d != Ignored && q.filter(d) != "" {
			return true
		}
	}
	return q.Ignored != "" || q.Risk > 0 || q.Seen != "" || q.First != "" || q.Prefix != "" || q.Path != "" || strings.TrimSpace(q.Search) != ""
}
