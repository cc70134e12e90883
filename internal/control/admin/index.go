package admin

import (
	"cmp"
	"slices"
	"strings"

	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
	"merlon/internal/store"
)

// index is the latest inventory, prepared for lists: the edits are laid over it, and each endpoint has its text for search.
type index struct {
	of      *inventory.Inventory
	entries []entry // ascending by id
}

type entry struct {
	inventory.Endpoint
	text string // lower case
}

// current is the index over the latest inventory; nil before the first distillation. It is made anew only when the
// inventory or an edit changed, and never changed itself.
func (a *Admin) current() *index {
	v := a.o.Inventory()
	if v == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.index == nil || a.index.of != v {
		a.index = newIndex(v, a.edits)
	}
	return a.index
}

func newIndex(v *inventory.Inventory, edits map[edited]store.EndpointEdit) *index {
	n := 0
	for i := range v.Sites {
		n += len(v.Sites[i].Endpoints)
	}
	x := &index{of: v, entries: make([]entry, 0, n)}
	// Endpoints that were merged keep the edits of the one that was merged away, unless the one that lives has its own.
	laid := make(map[edited]store.EndpointEdit, len(edits))
	for k, e := range edits {
		if to := v.Resolve(k.id); to != k.id {
			laid[edited{k.site, to}] = later(laid[edited{k.site, to}], e)
		}
	}
	for k, e := range edits {
		laid[k] = e
	}
	for i := range v.Sites {
		for j := range v.Sites[i].Endpoints {
			e := entry{Endpoint: v.Sites[i].Endpoints[j]}
			if edit, ok := laid[edited{e.Site, e.ID}]; ok {
				e.Owner, e.Labels = edit.Owner, edit.Labels
			}
			e.text = strings.ToLower(strings.Join([]string{e.Method, " ", e.Template, "\n", e.Host, "\n", e.Operation, "\n", e.Owner, "\n", e.Purpose, "\n", strings.Join(e.Labels, "\n")}, ""))
			x.entries = append(x.entries, e)
		}
	}
	slices.SortFunc(x.entries, func(a, b entry) int { return cmp.Compare(a.ID, b.ID) })
	return x
}

// later is the edit made last, so that the result does not depend on the order of a map.
func later(a, b store.EndpointEdit) store.EndpointEdit {
	if c := a.At.Compare(b.At); c > 0 || c == 0 && a.Endpoint < b.Endpoint {
		return a
	}
	return b
}

// find is the entry of an endpoint by any id it ever had.
func (x *index) find(id identity.EndpointID) (*entry, bool) {
	if x == nil {
		return nil, false
	}
	i, ok := slices.BinarySearchFunc(x.entries, x.of.Resolve(id), func(e entry, id identity.EndpointID) int { return cmp.Compare(e.ID, id) })
	if !ok {
		return nil, false
	}
	return &x.entries[i], true
}
