package distill

import (
	"slices"

	"merlon/internal/model/bundle"
	"merlon/internal/model/identity"
)

// Diff says what a hot path that has old must do to have next. Both are ascending by id. Hosts that answer everything alike
// are repeated whole in every delta.
func Diff(old, next bundle.Knowledge) bundle.Delta {
	d := bundle.Delta{From: old.Version, To: next.Version, Site: next.Site, CatchAll: slices.Clone(next.CatchAll)}
	i, j := 0, 0
	for i < len(old.Endpoints) || j < len(next.Endpoints) {
		switch {
		case j == len(next.Endpoints) || i < len(old.Endpoints) && old.Endpoints[i].ID < next.Endpoints[j].ID:
			d.Removed = append(d.Removed, old.Endpoints[i].ID)
			i++
		case i == len(old.Endpoints) || next.Endpoints[j].ID < old.Endpoints[i].ID:
			d.Set = append(d.Set, next.Endpoints[j])
			j++
		default:
			if !sameEndpoint(old.Endpoints[i], next.Endpoints[j]) {
				d.Set = append(d.Set, next.Endpoints[j])
			}
			i, j = i+1, j+1
		}
	}
	return d
}

// Patch applies a delta; endpoints stay ascending by id. A delta for another version gives ok false.
func Patch(k bundle.Knowledge, d bundle.Delta) (next bundle.Knowledge, ok bool) {
	if d.From != k.Version || d.Site != k.Site && k.Site != "" {
		return k, false
	}
	gone := make(map[identity.EndpointID]bool, len(d.Removed)+len(d.Set))
	for _, id := range d.Removed {
		gone[id] = true
	}
	for _, e := range d.Set {
		gone[e.ID] = true
	}
	next = bundle.Knowledge{Version: d.To, Site: d.Site, CatchAll: d.CatchAll}
	for _, e := range k.Endpoints {
		if !gone[e.ID] {
			next.Endpoints = append(next.Endpoints, e)
		}
	}
	next.Endpoints = append(next.Endpoints, d.Set...)
	slices.SortFunc(next.Endpoints, func(a, b bundle.KnownEndpoint) int { return int(a.ID) - int(b.ID) })
	return next, true
}

func sameEndpoint(a, b bundle.KnownEndpoint) bool {
	return a.ID == b.ID && a.Host == b.Host && a.Method == b.Method && a.Template == b.Template && a.State == b.State &&
		a.Documented == b.Documented && a.Access == b.Access && a.Purpose == b.Purpose && slices.Equal(a.Labels, b.Labels) &&
		a.AuthEnforced == b.AuthEnforced
}
