package distill

import (
	"slices"

	"merlon/internal/learn/distill/paths"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
)

// births says which id each draft has, and the drafts in the order of their ids.
type births struct {
	order []int // indices of drafts
	of    []born
}

// born is an id and what the endpoint was before.
type born struct {
	id  identity.EndpointID
	was *inventory.Endpoint
}

// birth finds each draft's id. One that was there before keeps it; of several that became one the lowest survives and the
// others become aliases; of one that became several the part with the most requests keeps it. New ones are numbered in
// the order of the drafts: first seen, host, template, method.
func (d *distiller) birth(drafts []*draft) births {
	b := births{of: make([]born, len(drafts))}
	byKey := map[string]int{}
	for i, n := range drafts {
		byKey[n.key()] = i
	}
	claims := make([][]*inventory.Endpoint, len(drafts))
	for i := range d.previous {
		e := &d.previous[i]
		t := paths.Parse(e.Template)
		old := &draft{host: e.Host, method: e.Method, template: t}
		at, ok := byKey[old.key()]
		if !ok && e.Host == "" && e.State == inventory.Unseen { // described without a host, now seen on one
			at, ok = d.seenAt(drafts, old)
		}
		if !ok {
			at, ok = heir(drafts, old)
		}
		if ok {
			claims[at] = append(claims[at], e)
		}
	}
	for i := range drafts {
		if len(claims[i]) == 0 {
			continue
		}
		slices.SortFunc(claims[i], func(x, y *inventory.Endpoint) int { return int(x.ID) - int(y.ID) })
		b.of[i] = born{claims[i][0].ID, claims[i][0]}
		for _, e := range claims[i][1:] {
			d.alias(e.ID, claims[i][0].ID)
		}
	}
	for i := range drafts {
		if b.of[i].id == 0 {
			b.of[i].id = d.next
			d.next++
		}
		b.order = append(b.order, i)
	}
	slices.SortFunc(b.order, func(x, y int) int { return int(b.of[x].id) - int(b.of[y].id) })
	return b
}

// alias makes from an alias of to, and whatever was an alias of from.
func (d *distiller) alias(from, to identity.EndpointID) {
	for k, v := range d.aliases {
		if v == from {
			d.aliases[k] = to
		}
	}
	d.aliases[from] = to
}

// heir finds the draft that a vanished template went into, or the largest part that came out of it.
func heir(drafts []*draft, old *draft) (int, bool) {
	best := -1
	var most uint64
	for i, n := range drafts {
		if n.host != old.host || n.method != old.method || n.merged == nil {
			continue
		}
		if n.template.Covers(old.template) {
			return i, true
		}
		if r := n.merged.Traffic.Requests; old.template.Covers(n.template) && (best < 0 || r > most) {
			best, most = i, r
		}
	}
	return best, best >= 0
}

func (d *distiller) seenAt(drafts []*draft, old *draft) (int, bool) {
	k := old.template.Nameless()
	for i, n := range drafts {
		if n.method == old.method && n.operation != nil && n.template.Nameless() == k {
			return i, true
		}
	}
	return 0, false
}
