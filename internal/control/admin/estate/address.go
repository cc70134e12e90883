package estate

import (
	"net/url"
	"strconv"
	"strings"

	"merlon/internal/model/inventory"
)

// Parse reads a query from the parameters of an address. Parameters of other names are left alone: they belong to the page.
func Parse(v url.Values) (q Query, err error) {
	q = Query{
		Site: v.Get("site"), Host: v.Get("host"), Method: v.Get("method"), Purpose: v.Get("purpose"), Owner: v.Get("owner"), Label: v.Get("label"),
		Class: v.Get("class"), Segment: v.Get("segment"), State: inventory.State(v.Get("state")), Auth: inventory.Authentication(v.Get("auth")),
		Access: inventory.Access(v.Get("access")), Lifecycle: v.Get("lifecycle"), Documented: v.Get("documented"), Ignored: v.Get("ignored"),
		Seen: v.Get("seen"), First: v.Get("first"), Prefix: v.Get("prefix"), Path: v.Get("path"), Search: v.Get("q"), Sort: v.Get("sort"),
	}
	switch v.Get("sensitive") {
	case "1", Yes, "true":
		q.Sensitive = true
	case "", "0", No, "false":
	default:
		return q, wrong("sensitive", "use %s or leave it out", Yes)
	}
	for _, yesNo := range []*string{&q.Documented, &q.Ignored} {
		switch *yesNo {
		case "1", "true":
			*yesNo = Yes
		case "0", "false":
			*yesNo = No
		}
	}
	if s := v.Get("risk"); s != "" {
		if q.Risk, err = strconv.ParseFloat(s, 64); err != nil {
			return q, wrong("risk", "use 0 to 100")
		}
	}
	return q, nil
}

// Values is the address of a query: what it leaves open is left out, so that equal queries have equal addresses.
func (q *Query) Values() url.Values {
	v := url.Values{}
	set := func(name, s string) {
		if s != "" {
			v.Set(name, s)
		}
	}
	for d := range dims {
		switch d {
		case Ignored:
			set("ignored", q.Ignored)
		case Risk:
			if q.Risk > 0 {
				set("risk", strconv.FormatFloat(q.Risk, 'f', -1, 64))
			}
		default:
			set(d.String(), q.filter(d))
		}
	}
	set("seen", q.Seen)
	set("first", q.First)
	set("prefix", q.Prefix)
	set("path", q.Path)
	set("q", strings.TrimSpace(q.Search))
	if q.Sort != "id" {
		set("sort", q.Sort)
	}
	return v
}

// Known tells whether a parameter is a query's.
func Known(name string) bool {
	if _, ok := ParseDim(name); ok {
		return true
	}
	switch name {
	case "seen", "first", "prefix", "path", "q", "sort":
		return true
	}
	return false
}
