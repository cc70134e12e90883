// Package estate is the inventory prepared for people: searched, narrowed, counted, grouped, drawn as a tree and exported.
//
// An Index is made once for a version of the inventory and the edits laid over it, and never changes. Each property that
// people filter by is a column of small numbers over a sorted dictionary, so that a query is a few passes over arrays, and
// what it costs does not depend on what the endpoints hold. The use cases over it, with their permissions, are admin's.
package estate

import (
	"cmp"
	"slices"
	"strings"
	"sync"
	"time"

	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
	"merlon/internal/store"
)

// Index is one version of the inventory with the edits laid over it. It is safe for concurrent use.
type Index struct {
	of    *inventory.Inventory
	rows  []*inventory.Endpoint // ascending by id
	dims  [dims]column
	text  texts
	seen  []int64 // last seen in Unix seconds, 0 for never
	first []int64

	mu     sync.Mutex
	orders map[string][]int32 // by name of the order: rows as they stand in it, made when first asked for
	before *prior
	spare  sync.Pool // *scratch
}

// Edits are what people said of endpoints, by site and the id they had then.
type Edits map[Edited]store.EndpointEdit

// Edited names an endpoint that somebody edited, by the id it had then.
type Edited struct {
	Site string
	ID   identity.EndpointID
}

// New prepares an inventory. before is the index that it replaces, or nil: orders are made from its, which is faster.
func New(v *inventory.Inventory, edits Edits, before *Index) *Index {
	n := 0
	for i := range v.Sites {
		n += len(v.Sites[i].Endpoints)
	}
	x := &Index{of: v, rows: make([]*inventory.Endpoint, 0, n), orders: map[string][]int32{}, before: before.prior()}
	laid := edits.over(v)
	for i := range v.Sites {
		for j := range v.Sites[i].Endpoints {
			e := &v.Sites[i].Endpoints[j]
			if edit, ok := laid[Edited{e.Site, e.ID}]; ok {
				e = edited(e, edit)
			}
			x.rows = append(x.rows, e)
		}
	}
	slices.SortFunc(x.rows, func(a, b *inventory.Endpoint) int { return cmp.Compare(a.ID, b.ID) })
	x.fill()
	return x
}

// over are the edits by the ids that live. Endpoints that were merged keep the edit of the one that was merged away, unless
// the one that lives has its own.
func (e Edits) over(v *inventory.Inventory) Edits {
	laid := make(Edits, len(e))
	for k, edit := range e {
		if to := v.Resolve(k.ID); to != k.ID {
			k = Edited{k.Site, to}
			laid[k] = later(laid[k], edit)
		}
	}
	for k, edit := range e {
		if v.Resolve(k.ID) == k.ID {
			laid[k] = edit
		}
	}
	return laid
}

// later is the edit made last, so that the result does not depend on the order of a map.
func later(a, b store.EndpointEdit) store.EndpointEdit {
	if c := a.At.Compare(b.At); c > 0 || c == 0 && a.Endpoint < b.Endpoint {
		return a
	}
	return b
}

// edited is an endpoint as people said.
func edited(e *inventory.Endpoint, edit store.EndpointEdit) *inventory.Endpoint {
	out := *e
	out.Owner, out.Labels, out.Ignored = edit.Owner, edit.Labels, edit.Ignored
	if edit.Template != "" && edit.Template != e.Template {
		out.Template, out.Learned = edit.Template, e.Template
	}
	return &out
}

// fill makes the columns and texts.
func (x *Index) fill() {
	n := len(x.rows)
	x.seen, x.first = make([]int64, n), make([]int64, n)
	builders := make([]builder, dims)
	for d := range builders {
		builders[d] = newBuilder(n, many(Dim(d)))
	}
	x.text.reserve(x.rows)
	for i, e := range x.rows {
		x.seen[i], x.first[i] = seconds(e.LastSeen), seconds(e.FirstSeen)
		for d := range builders {
			builders[d].add(e, Dim(d))
		}
		x.text.add(e)
	}
	for d := range builders {
		x.dims[d] = builders[d].sorted()
	}
	x.text.seal()
}

func seconds(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.Unix()
}

// Of is the inventory that was prepared, without edits.
func (x *Index) Of() *inventory.Inventory { return x.of }

// Len counts the endpoints, ignored ones too.
func (x *Index) Len() int { return len(x.rows) }

// Endpoint finds an endpoint by any id it ever had. What it returns must not be changed.
func (x *Index) Endpoint(id identity.EndpointID) (*inventory.Endpoint, bool) {
	if x == nil {
		return nil, false
	}
	i, ok := x.row(x.of.Resolve(id))
	if !ok {
		return nil, false
	}
	return x.rows[i], true
}

func (x *Index) row(id identity.EndpointID) (int, bool) {
	return slices.BinarySearchFunc(x.rows, id, func(e *inventory.Endpoint, id identity.EndpointID) int { return cmp.Compare(e.ID, id) })
}

// segment is the first segment of a template, "" for the root.
func segment(template string) string {
	s, _, _ := strings.Cut(strings.TrimPrefix(template, "/"), "/")
	return s
}
