package estate

import (
	"slices"
	"time"

	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
)

// Page is a part of a list.
type Page struct {
	Version uint64
	At      time.Time // event time of the newest evidence
	// Endpoints are without Detail.
	Endpoints []inventory.Endpoint
	// Total counts all that the query selects, All those there are, ignored ones too.
	Total, All int
	// More: the list goes on after the last endpoint.
	More bool
	// Facets are the values that filters can take with what each would leave, where the query asks for them.
	Facets []Facet
	// Sites are the names of all sites.
	Sites []string
}

// List runs a query.
func (x *Index) List(q Query, now time.Time) (Page, error) {
	page := Page{Endpoints: []inventory.Endpoint{}}
	if err := q.check(now); err != nil || x == nil {
		return page, err
	}
	if q.Limit == 0 {
		q.Limit = MaxPage
	}
	page.Version, page.At, page.All, page.Sites = x.of.Version, x.of.At, x.count(q.Within), x.names(q.Within)
	s := x.find(&q, now)
	defer x.done(s)
	page.Total = len(s.rows)
	order := x.order(q.Sort)
	if q.After != 0 {
		var err error
		if order, err = x.after(order, &q); err != nil {
			return page, err
		}
	}
	skip := q.Skip
	for _, row := range order {
		if !s.has.has(row) {
			continue
		}
		if skip > 0 {
			skip--
			continue
		}
		if len(page.Endpoints) == q.Limit {
			page.More = true
			break
		}
		e := *x.rows[row]
		e.Detail = nil
		page.Endpoints = append(page.Endpoints, e)
	}
	if q.Facets {
		page.Facets = x.facets(&q, &s, now)
	}
	return page, nil
}

// after leaves out what stands up to q.After, which may have left the selection meanwhile but not the inventory.
func (x *Index) after(order []int32, q *Query) ([]int32, error) {
	if id := x.of.Resolve(q.After); id != 0 {
		// One of another site than the caller's is as good as gone: its place would tell how it compares with theirs.
		if row, ok := x.row(id); ok && (len(q.Within) == 0 || slices.Contains(q.Within, x.rows[row].Site)) {
			return order[slices.Index(order, int32(row))+1:], nil
		}
	}
	if q.Sort != "" && q.Sort != "id" {
		return nil, wrong("cursor", "that endpoint is gone: begin again without a cursor")
	}
	row, _ := x.row(q.After) // rows stand by id
	return order[row:], nil
}

// Each calls visit for each endpoint that a query selects, by ascending id and whatever the page, until it returns an error.
// What it is given must not be changed.
func (x *Index) Each(q Query, now time.Time, visit func(*inventory.Endpoint) error) error {
	q.Sort, q.Facets = "", false
	if err := q.check(now); err != nil || x == nil {
		return err
	}
	s := x.find(&q, now)
	defer x.done(s)
	for _, row := range s.rows {
		if err := visit(x.rows[row]); err != nil {
			return err
		}
	}
	return nil
}

// IDs are the endpoints that a query selects, ascending; whatever the page.
func (x *Index) IDs(q Query, now time.Time) (out []identity.EndpointID, err error) {
	err = x.Each(q, now, func(e *inventory.Endpoint) error {
		out = append(out, e.ID)
		return nil
	})
	return out, err
}
