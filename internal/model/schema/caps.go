package schema

import (
	"slices"

	"merlon/internal/model/sketch"
)

// How a tree stays small, in a way that merging in any order gives the same:
//
// An object with more than wide members in all that was ever seen of it is
// called wide, for good; it keeps few of them, those of the smallest rank. A
// member's rank is a keyed hash of its location, so what is kept of a whole is
// kept of each part, with complete counts.
//
// Those caps multiply with depth, so they tighten in steps with the number of
// locations that ever came to the tree, kept or not. That number is taken from
// the registers of a Distinct, which only grow when sets unite: a step once
// taken is taken in every state that contains this one.
//
// So a tree holds at most 8,192 locations (all of GitHub's webhooks in one tree
// have 2,300) before the first step, 16,384 before
// the second (either give or take the estimate's error), and 9^4 after it.
type caps struct {
	upTo  float64 // locations that ever came
	wide  int     // members an object may have
	few   int     // members kept of one that had more
	depth uint8   // levels below the message
}

func capsAt(level uint8) caps {
	switch level {
	case 0:
		return caps{8192, 256, 16, 40}
	case 1:
		return caps{16384, 64, 8, 16}
	}
	return caps{0, 8, 4, 4}
}

const lastLevel = 2

// maxNodes bounds what Decode accepts: the most that step 1 can hold, with four
// standard errors of the estimate added.
const maxNodes = 24 << 10

// note counts a location that has no node.
func (t *Tree) note(loc uint64) {
	if t.seen.Add(t.rank(loc)) {
		t.tighten()
	}
}

// tighten takes the steps that are due.
func (t *Tree) tighten() {
	if level := t.due(); level != t.level {
		t.level = level
		t.prune(0)
	}
}

// due returns the step that the locations seen ask for.
func (t *Tree) due() uint8 {
	level, n := t.level, t.seen.AtLeast()
	for level < lastLevel && n > capsAt(level).upTo {
		level++
	}
	return level
}

// prune applies the caps of the present level to a node and all below it.
func (t *Tree) prune(at int32) {
	in := t.nodes[at].inner
	if in == nil {
		return
	}
	c := capsAt(t.level)
	if t.nodes[at].depth >= c.depth {
		for _, k := range in.children {
			t.drop(k)
		}
		if in.element != 0 {
			t.drop(in.element)
		}
		in.children, in.element, in.wide, in.keys = nil, 0, false, sketch.Distinct{}
		return
	}
	if len(in.children) > c.wide {
		t.narrow(at)
	}
	if in.wide {
		t.cut(in, c.few)
	}
	for _, k := range in.children {
		t.prune(k)
	}
	if in.element != 0 {
		t.prune(in.element)
	}
}

// narrow marks an object as wide and keeps few of its members.
func (t *Tree) narrow(at int32) {
	n := &t.nodes[at]
	if n.inner == nil {
		n.inner = new(innerPart)
	}
	in := n.inner
	if in.wide {
		return
	}
	in.wide = true
	in.keys = sketch.MakeDistinct(sketch.MinPrecision)
	for _, k := range in.children {
		in.keys.Add(t.rank(t.nodes[k].loc))
	}
	t.cut(in, capsAt(t.level).few)
}

// cut drops the members of the largest rank until few are left.
func (t *Tree) cut(in *innerPart, few int) {
	for len(in.children) > few {
		last := len(in.children) - 1
		t.drop(in.children[last])
		in.children = in.children[:last]
	}
	if cap(in.children) > 4*few {
		in.children = slices.Clone(in.children)
	}
}

// drop frees a node and all below it. The caller takes it out of its parent.
func (t *Tree) drop(at int32) {
	n := &t.nodes[at]
	if in := n.inner; in != nil {
		for _, k := range in.children {
			t.drop(k)
		}
		if in.element != 0 {
			t.drop(in.element)
		}
	}
	t.table.remove(n.loc)
	t.nodes[at] = node{dead: true}
	t.free = append(t.free, at)
}

// rank orders the members of an object by a keyed hash.
func (t *Tree) rank(loc uint64) uint64 { return sketch.Mix(loc ^ t.seed) }

// place returns where a rank belongs among children.
func (t *Tree) place(children []int32, rank uint64) int {
	lo, hi := 0, len(children)
	for lo < hi {
		m := (lo + hi) / 2
		if t.rank(t.nodes[children[m]].loc) < rank {
			lo = m + 1
		} else {
			hi = m
		}
	}
	return lo
}

// admit makes a node below parent, or returns 0 when the caps refuse it.
func (t *Tree) admit(parent int32, loc uint64, name []byte, element bool) int32 {
	c := capsAt(t.level)
	p := &t.nodes[parent]
	if p.depth >= c.depth {
		return 0
	}
	if p.inner == nil {
		p.inner = new(innerPart)
	}
	in := p.inner
	if element {
		if in.element != 0 {
			return 0 // two locations claim to be the one element: a collision
		}
		in.element = t.make(parent, loc, "", true)
		return in.element
	}
	if !in.wide && len(in.children) >= c.wide {
		t.narrow(parent)
	}
	rank := t.rank(loc)
	i := t.place(in.children, rank)
	if in.wide {
		in.keys.Add(rank)
		if i >= c.few {
			return 0
		}
		if len(in.children) == c.few {
			t.drop(in.children[c.few-1])
			in.children = in.children[:c.few-1]
		}
	}
	at := t.make(parent, loc, string(name), false)
	in.children = slices.Insert(in.children, i, at)
	return at
}

// make gives a new node and its entry in the table. It may move all nodes.
func (t *Tree) make(parent int32, loc uint64, name string, element bool) int32 {
	n := t.blank(loc, name, parent, t.nodes[parent].depth+1)
	n.element = element
	at := int32(len(t.nodes))
	if last := len(t.free) - 1; last >= 0 {
		at, t.free = t.free[last], t.free[:last]
		t.nodes[at] = n
	} else {
		if len(t.nodes) == cap(t.nodes) { // by a quarter: nodes are large, and there are many trees
			t.nodes = append(make([]node, 0, len(t.nodes)+len(t.nodes)/4+4), t.nodes...)
		}
		t.nodes = append(t.nodes, n)
	}
	t.table.put(loc, at)
	return at
}
