package estate

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// Group is the endpoints with one value of a property, summed up.
type Group struct {
	Value     string // as the filter takes it
	Endpoints int
	Requests  uint64
	// Risk is the highest score, Open counts endpoints that answer without a credential, Sensitive those with such data.
	Risk            float64
	Open, Sensitive int
	LastSeen        time.Time
}

// Groups are a part of a list of groups.
type Groups struct {
	Version uint64
	At      time.Time
	By      Dim
	Items   []Group
	// Total counts the groups, Endpoints what the query selects, All those there are.
	Total, Endpoints, All int
	More                  bool
	Facets                []Facet
	Sites                 []string
}

// GroupDims are the properties that endpoints are grouped by.
func GroupDims() []Dim { return []Dim{Site, Host, Owner, Purpose, Segment, Label, Class} }

// Groups sums up what a query selects by a property. Query.Sort may be risk, requests, last_seen or, otherwise, the number of
// endpoints; Skip and Limit count groups.
func (x *Index) Groups(q Query, by Dim, now time.Time) (Groups, error) {
	g := Groups{By: by, Items: []Group{}}
	if !slices.Contains(GroupDims(), by) {
		return g, wrong("group", "use one of %s", strings.Trim(strings.Join(groupNames(), ", "), " "))
	}
	if err := q.check(now); err != nil || x == nil {
		return g, err
	}
	if q.Limit == 0 {
		q.Limit = MaxPage
	}
	g.Version, g.At, g.All, g.Sites = x.of.Version, x.of.At, x.count(q.Within), x.names(q.Within)
	s := x.find(&q, now)
	defer x.done(s)
	g.Endpoints = len(s.rows)
	sums := x.sums(&x.dims[by], s.rows)
	all := make([]Group, 0, len(sums))
	for code := range sums {
		if sums[code].Endpoints > 0 {
			sums[code].Value = cmp.Or(x.dims[by].values[code], None)
			all = append(all, sums[code])
		}
	}
	slices.SortFunc(all, groupOrder(q.Sort))
	g.Total = len(all)
	all = all[min(q.Skip, len(all)):]
	g.More = len(all) > q.Limit
	g.Items = append(g.Items, all[:min(q.Limit, len(all))]...)
	if q.Facets {
		g.Facets = x.facets(&q, &s, now)
	}
	return g, nil
}

func groupNames() (out []string) {
	for _, d := range GroupDims() {
		out = append(out, d.String())
	}
	return out
}

func (x *Index) sums(c *column, rows []int32) []Group {
	sums := make([]Group, len(c.values))
	for _, row := range rows {
		e := x.rows[row]
		for _, code := range c.of(row) {
			g := &sums[code]
			g.Endpoints++
			g.Requests += e.Requests
			g.Risk = max(g.Risk, e.Risk.Score)
			if e.Auth == "none" {
				g.Open++
			}
			if len(e.Sensitive) > 0 {
				g.Sensitive++
			}
			if e.LastSeen.After(g.LastSeen) {
				g.LastSeen = e.LastSeen
			}
		}
	}
	return sums
}

func groupOrder(sort string) func(a, b Group) int {
	by := func(a, b Group) int { return 0 }
	switch sort {
	case "risk":
		by = func(a, b Group) int { return cmp.Compare(b.Risk, a.Risk) }
	case "requests":
		by = func(a, b Group) int { return cmp.Compare(b.Requests, a.Requests) }
	case "last_seen":
		by = func(a, b Group) int { return b.LastSeen.Compare(a.LastSeen) }
	}
	return func(a, b Group) int {
		return cmp.Or(by(a, b), cmp.Compare(b.Endpoints, a.Endpoints), strings.Compare(a.Value, b.Value))
	}
}
