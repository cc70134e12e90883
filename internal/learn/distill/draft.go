package distill

import (
	"cmp"
	"slices"

	"merlon/internal/learn/distill/paths"
	"merlon/internal/learn/summary"
	"merlon/internal/model/description"
)

// draft is an endpoint in the making: its key and the leaves that fold into it.
type draft struct {
	host, method string
	template     paths.Template
	operation    *description.Operation
	leaves       []*summary.Leaf // Known and Found
	failures     []*summary.Leaf // Lost: they count, and support nothing
	merged       *summary.Leaf
}

// key identifies the draft whatever its parameters are called.
func (d *draft) key() string { return d.method + " " + d.host + d.template.Nameless() }

func (d *draft) firstSeen() int64 {
	if d.merged == nil {
		return 0
	}
	return d.merged.Traffic.Seen.First
}

// draft folds the leaves under templates: those of descriptions first, then what the paths say. What was published as a
// parameter stays one; every leaf takes part in the evidence all the same, so that it does not matter when it was learned.
func (d *distiller) draft() []*draft {
	drafts := map[string]*draft{}
	get := func(host, method string, t paths.Template) *draft {
		n := &draft{host: host, method: method, template: t}
		k := n.key()
		if old := drafts[k]; old != nil {
			for i, p := range t {
				old.template[i].Classes |= p.Classes
			}
			return old
		}
		drafts[k] = n
		return n
	}
	earlier := indexPrevious(d.previous)
	settled := map[*summary.Leaf]uint64{}
	hosts := map[string][]*summary.Leaf{}
	for _, table := range []*summary.Table{&d.in.State.Known, &d.in.State.Found} {
		for _, l := range table.Leaves() {
			if op, t := d.described.find(l.Host, l.Method, l.Segments); op != nil {
				noteClasses(t, l.Segments)
				n := get(l.Host, l.Method, t)
				n.operation = op
				n.leaves = append(n.leaves, l)
				continue
			}
			if l.Traffic.Successes == 0 || d.catchAll.covers(l) {
				continue
			}
			// What only disbelieved callers saw makes no endpoint; one that is there loses their support, not its id.
			if some, believed := d.judge.anybody(&l.Support); some && !believed && !earlier.has(l.Host, l.Method, l.Segments) {
				continue
			}
			if m := earlier.settled(l.Host, l.Method, l.Segments); m != 0 {
				settled[l] = m
			}
			hosts[l.Host] = append(hosts[l.Host], l)
		}
	}
	for _, l := range d.in.State.Lost.Leaves() {
		if used(&l.Traffic) { // redirects prove nothing about unknown paths, and that described ones are used
			if op, t := d.described.find(l.Host, l.Method, l.Segments); op != nil {
				get(l.Host, l.Method, t).operation = op
			}
		}
	}
	for _, h := range sortedKeys(hosts) {
		for _, e := range paths.Derive(hosts[h], settled) {
			for _, l := range e.Leaves {
				n := get(h, l.Method, slices.Clone(e.Template))
				n.leaves = append(n.leaves, l)
			}
		}
	}
	out := make([]*draft, 0, len(drafts))
	for _, k := range sortedKeys(drafts) {
		out = append(out, drafts[k])
	}
	d.failures(out)
	out = append(out, d.unseen(drafts)...)
	for _, n := range out {
		n.merge(d.in.State)
	}
	slices.SortStableFunc(out, func(a, b *draft) int {
		return cmp.Or(cmp.Compare(a.firstSeen(), b.firstSeen()), cmp.Compare(a.host, b.host),
			cmp.Compare(a.template.Nameless(), b.template.Nameless()), cmp.Compare(a.method, b.method))
	})
	return out
}

// noteClasses notes what stands at the parameters of a described template, as it is noted at learned ones.
func noteClasses(t paths.Template, segs []summary.Segment) {
	for i := range min(len(t), len(segs)) {
		if t[i].Param && segs[i].Kind == summary.Typed {
			t[i].Classes |= 1 << segs[i].Class
		}
	}
}

// failures gives the failed requests of unknown paths to the drafts they would have matched.
func (d *distiller) failures(drafts []*draft) {
	type place struct {
		host, method string
		n            int
	}
	byPlace := map[place][]*draft{}
	for _, n := range drafts {
		k := place{n.host, n.method, len(n.template)}
		byPlace[k] = append(byPlace[k], n)
	}
	for _, l := range d.in.State.Lost.Leaves() {
		var best *draft
		most := -1
		for _, n := range byPlace[place{l.Host, l.Method, len(paths.Trimmed(l.Segments))}] {
			if k, ok := n.template.Accepts(l.Segments); ok && k > most {
				best, most = n, k
			}
		}
		if best != nil {
			best.failures = append(best.failures, l)
		}
	}
}

// merge folds the leaves. One leaf alone is used as it is, so that the ordinary case copies nothing.
func (d *draft) merge(s *summary.State) {
	switch {
	case len(d.leaves) == 1 && len(d.failures) == 0 && d.leaves[0].Detail != nil:
		d.merged = d.leaves[0]
	case len(d.leaves)+len(d.failures) > 0:
		d.merged = s.Fold()
		for _, l := range slices.Concat(d.leaves, d.failures) {
			d.merged.Merge(l)
		}
	}
}

func sortedKeys[V any](m map[string]V) []string {
	out := make([]string, 0, len(m))
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
