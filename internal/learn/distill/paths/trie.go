package paths

import (
	"slices"

	"merlon/internal/learn/summary"
	"merlon/internal/model/dataclass"
)

// node is one place in a host's tree of paths, all methods together.
type node struct {
	key      string
	children map[string]*node
	ends     []*summary.Leaf // that end here
	all      []*summary.Leaf // that end here or below
}

func newNode(key string) *node { return &node{key: key, children: map[string]*node{}} }

func (n *node) insert(l *summary.Leaf) {
	n.all = append(n.all, l)
	for _, s := range Trimmed(l.Segments) {
		k := SegmentKey(s)
		c := n.children[k]
		if c == nil {
			c = newNode(k)
			n.children[k] = c
		}
		c.all = append(c.all, l)
		n = c
	}
	n.ends = append(n.ends, l)
}

// sorted lists the children in the order of their keys.
func (n *node) sorted() []*node {
	out := make([]*node, 0, len(n.children))
	for _, c := range n.children {
		out = append(out, c)
	}
	slices.SortFunc(out, func(a, b *node) int {
		if a.key < b.key {
			return -1
		}
		return 1
	})
	return out
}

// unite makes one node of several.
func unite(nodes []*node) *node {
	if len(nodes) == 1 {
		return nodes[0]
	}
	out := newNode("")
	parts := map[string][]*node{}
	for _, n := range nodes {
		out.ends = append(out.ends, n.ends...)
		out.all = append(out.all, n.all...)
		for k, c := range n.children {
			parts[k] = append(parts[k], c)
		}
	}
	for k, p := range parts {
		// The order of p follows that of nodes, whatever the order of k.
		u := unite(p)
		out.children[k] = &node{key: k, children: u.children, ends: u.ends, all: u.all}
	}
	return out
}

// A typed integer that only ever was one small number, for enough callers, is a version: /1/users.
const (
	versionBelow    = 100
	versionRequests = 100
	versionCallers  = 5
)

// version tells the literal of such a position, which is the depth-th of the leaves below n.
func (n *node) version(depth int) (string, bool) {
	if n.key != "\x01"+string(rune('a'+dataclass.SegmentInt)) {
		return "", false
	}
	var requests, low, high uint64
	low = ^uint64(0)
	callers := 0.0
	for _, l := range n.all {
		s := l.Segments[depth]
		low, high = min(low, s.Low), max(high, s.High)
		requests += l.Traffic.Successes
		callers = max(callers, l.Support.Callers.Estimate())
	}
	if low != high || low >= versionBelow || requests < versionRequests || callers < versionCallers || len(n.children) == 0 {
		return "", false
	}
	return literalOf(summary.Segment{Kind: summary.Typed, Class: dataclass.SegmentInt, Low: low, High: low})
}

// classes says what stood at the positions that became a parameter.
func (n *node) class() uint32 {
	switch {
	case n.key == "\x02":
		return 0
	case len(n.key) == 2 && n.key[0] == 1:
		return 1 << (n.key[1] - 'a')
	case isWord(n.key):
		return 1 << dataclass.Segment([]byte(n.key))
	}
	return 1 << dataclass.SegmentOther
}

// Ending is the leaves of one template.
type Ending struct {
	Template Template
	Leaves   []*summary.Leaf
}

// templates derives the templates below n, depth segments down.
func (d *deriver) templates(n *node, prefix Template, depth int) (out []Ending) {
	if len(n.ends) > 0 {
		out = append(out, Ending{slices.Clone(prefix), n.ends})
	}
	children := n.sorted()
	values := d.values(n, children, depth)
	var group []*node
	p := Position{Param: true}
	for _, c := range children {
		if text, ok := c.version(depth); ok {
			out = append(out, d.templates(c, append(slices.Clone(prefix), Position{Text: text}), depth+1)...)
			continue
		}
		if !isWord(c.key) || values[c] {
			group = append(group, c)
			p.Classes |= c.class()
			continue
		}
		out = append(out, d.templates(c, append(slices.Clone(prefix), Position{Text: c.key}), depth+1)...)
	}
	if len(group) > 0 {
		out = append(out, d.templates(unite(group), append(slices.Clone(prefix), p), depth+1)...)
	}
	return out
}
