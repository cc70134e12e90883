package distill

import (
	"slices"
	"strings"

	"merlon/internal/learn/distill/paths"
	"merlon/internal/learn/summary"
	"merlon/internal/model/description"
	"merlon/internal/model/inventory"
)

// described finds operations of the uploaded descriptions.
type described struct {
	ops map[string][]describedOp // by method and number of segments
	any bool
}

type describedOp struct {
	op       *description.Operation
	hosts    []string
	template paths.Template
}

func placeKey(method string, segments int) string { return method + string(rune('0'+segments)) }

func indexDescriptions(ds []*description.Description) *described {
	x := &described{ops: map[string][]describedOp{}, any: len(ds) > 0}
	for _, d := range ds {
		for i := range d.Operations {
			o := &d.Operations[i]
			t := paths.Parse(o.Template)
			if n := len(t); n > 0 && t[n-1] == (paths.Position{}) {
				t = t[:n-1]
			}
			k := placeKey(o.Method, len(t))
			x.ops[k] = append(x.ops[k], describedOp{o, d.Hosts, t})
		}
	}
	return x
}

// find gives the most specific operation that covers a path; of two, the one whose literals stand further left.
func (x *described) find(host, method string, segs []summary.Segment) (*description.Operation, paths.Template) {
	var best *describedOp
	for i, c := range x.ops[placeKey(method, len(paths.Trimmed(segs)))] {
		if len(c.hosts) > 0 && !slices.Contains(c.hosts, host) {
			continue
		}
		if _, ok := c.template.Accepts(segs); ok && (best == nil || paths.MoreSpecific(c.template, best.template)) {
			best = &x.ops[placeKey(method, len(paths.Trimmed(segs)))][i]
		}
	}
	if best == nil {
		return nil, nil
	}
	return best.op, slices.Clone(best.template)
}

// unseen makes drafts of operations that nothing was seen of.
func (d *distiller) unseen(seen map[string]*draft) []*draft {
	used := map[*description.Operation]bool{}
	for _, n := range seen {
		if n.operation != nil {
			used[n.operation] = true
		}
	}
	var out []*draft
	made := map[string]bool{}
	for _, s := range d.in.Descriptions {
		host := ""
		if len(s.Hosts) > 0 {
			host = s.Hosts[0]
		}
		for i := range s.Operations {
			o := &s.Operations[i]
			n := &draft{host: host, method: o.Method, template: paths.Parse(o.Template), operation: o}
			if k := n.key(); !used[o] && seen[k] == nil && !made[k] {
				made[k] = true
				out = append(out, n)
			}
		}
	}
	return out
}

// documents tells whether some description knows the template under another method: HEAD and OPTIONS of a described path
// are nobody's shadow.
func (x *described) documents(host string, t paths.Template) bool {
	suffix := string(rune('0' + len(t)))
	for k, ops := range x.ops {
		if !strings.HasSuffix(k, suffix) {
			continue
		}
		for _, c := range ops {
			if (len(c.hosts) == 0 || slices.Contains(c.hosts, host)) && c.template.Covers(t) && len(c.template) == len(t) {
				return true
			}
		}
	}
	return false
}

// previousTemplates finds templates that were published before.
type previousTemplates map[string][]paths.Template

func indexPrevious(eps []inventory.Endpoint) previousTemplates {
	x := previousTemplates{}
	for i := range eps {
		if e := &eps[i]; e.State != inventory.Unseen {
			t := paths.Parse(e.Template)
			k := e.Host + " " + placeKey(e.Method, len(t))
			x[k] = append(x[k], t)
		}
	}
	return x
}

// has tells whether some published template covers a path.
func (x previousTemplates) has(host, method string, segs []summary.Segment) bool {
	for _, t := range x[host+" "+placeKey(method, len(paths.Trimmed(segs)))] {
		if _, ok := t.Accepts(segs); ok {
			return true
		}
	}
	return false
}

// settled gives the positions at which the most specific one that covers a path has a parameter, one bit each. A literal
// one settles nothing: it may turn out to be a value.
func (x previousTemplates) settled(host, method string, segs []summary.Segment) uint64 {
	var best paths.Template
	for _, t := range x[host+" "+placeKey(method, len(paths.Trimmed(segs)))] {
		if _, ok := t.Accepts(segs); ok && (best == nil || paths.MoreSpecific(t, best)) {
			best = t
		}
	}
	mask := uint64(0)
	for i, p := range best {
		if p.Param {
			mask |= 1 << (i & 63)
		}
	}
	return mask
}
