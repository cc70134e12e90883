package distill

import (
	"merlon/internal/learn/distill/paths"
	"merlon/internal/learn/summary"
	"merlon/internal/model/bundle"
	"merlon/internal/model/inventory"
)

// Erase forgets literals of a state that turned out to be values of a confirmed parameter: they were kept because they
// might have been words of the API. It returns how many leaves were touched. What was erased still folds into the
// template, by its token. A node that merges an older summary may learn a literal again, until the next call.
func Erase(s *summary.State, k bundle.Knowledge) int {
	x := map[string][]paths.Template{}
	for i := range k.Endpoints {
		if e := &k.Endpoints[i]; e.State == inventory.Confirmed {
			t := paths.Parse(e.Template)
			p := e.Host + " " + placeKey(e.Method, len(t))
			x[p] = append(x[p], t)
		}
	}
	touched := 0
	for _, l := range s.Found.Leaves() {
		var best paths.Template
		for _, t := range x[l.Host+" "+placeKey(l.Method, len(paths.Trimmed(l.Segments)))] {
			if _, ok := t.Accepts(l.Segments); ok && (best == nil || paths.MoreSpecific(t, best)) {
				best = t
			}
		}
		mask := uint32(0)
		for i, p := range best {
			if p.Param && i < summary.MaxSegments && l.Segments[i].Kind == summary.Literal && l.Segments[i].Text != "" {
				mask |= 1 << i
			}
		}
		if mask != 0 {
			l.Erase(mask)
			touched++
		}
	}
	return touched
}
