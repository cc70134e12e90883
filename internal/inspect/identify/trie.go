package identify

import (
	"bytes"
	"hash/maphash"
	"sort"
	"strings"
)

// node is a place in the tree of templates of one host: the segments so far. Nodes are immutable; set and drop copy the
// path to what changes and share the rest.
type node struct {
	literals table[string, *node]
	mixed    []mixedChild // most text around the parameter first
	param    *node
	routes   []*Route // of the templates that end here, ascending by method
}

// mixedChild is a segment with text around its parameter.
type mixedChild struct {
	prefix, suffix string
	node           *node
}

func (m *mixedChild) matches(seg []byte) bool {
	return len(seg) > len(m.prefix)+len(m.suffix) && string(seg[:len(m.prefix)]) == m.prefix && string(seg[len(seg)-len(m.suffix):]) == m.suffix
}

// maxVisits bounds the backtracking of one match. Each place in the tree is visited at most once, so that only thousands
// of templates that overlap at every segment reach it.
const maxVisits = 1024

// search is one match in progress.
type search struct {
	seed   maphash.Seed
	method []byte
	visits int
}

// match finds the most specific route for the rest of a path: segment by segment from the left a literal beats a
// parameter with text around it, and that a bare one. A branch that ends without a route of the method is left again.
func (s *search) match(n *node, path []byte, depth int) *Route {
	if s.visits++; s.visits > maxVisits {
		return nil
	}
	for len(path) > 0 && path[0] == '/' {
		path = path[1:]
	}
	if len(path) == 0 {
		return n.route(s.method)
	}
	if depth >= maxSegments {
		return nil
	}
	seg, rest := path, []byte(nil)
	if end := bytes.IndexByte(path, '/'); end >= 0 {
		seg, rest = path[:end], path[end:]
	}
	if n.literals.size > 0 {
		for e := n.literals.chain(maphash.Bytes(s.seed, seg)); e != nil; e = e.next {
			if e.key == string(seg) {
				if r := s.match(e.val, rest, depth+1); r != nil {
					return r
				}
				break
			}
		}
	}
	for i := range n.mixed {
		if n.mixed[i].matches(seg) {
			if r := s.match(n.mixed[i].node, rest, depth+1); r != nil {
				return r
			}
		}
	}
	if n.param != nil {
		return s.match(n.param, rest, depth+1)
	}
	return nil
}

// route returns the node's route for the method. HEAD is answered as GET is, unless it has a route of its own.
func (n *node) route(method []byte) *Route {
	for _, r := range n.routes {
		if r.Method == string(method) {
			return r
		}
	}
	if string(method) == "HEAD" {
		for _, r := range n.routes {
			if r.Method == "GET" {
				return r
			}
		}
	}
	return nil
}

// at returns the route that stands at exactly this template, whatever its parameters are called.
func (n *node) at(seed maphash.Seed, parts []part, method string) *Route {
	for i := 0; i < len(parts) && n != nil; i++ {
		n = n.child(seed, &parts[i])
	}
	if n == nil {
		return nil
	}
	for _, r := range n.routes {
		if r.Method == method {
			return r
		}
	}
	return nil
}

func (n *node) child(seed maphash.Seed, p *part) *node {
	switch {
	case n == nil:
		return nil
	case !p.param:
		c, _ := n.literals.find(maphash.String(seed, p.literal), p.literal)
		return c
	case !p.mixed():
		return n.param
	}
	for i := range n.mixed {
		if n.mixed[i].prefix == p.prefix && n.mixed[i].suffix == p.suffix {
			return n.mixed[i].node
		}
	}
	return nil
}

// set returns the tree with r at the template; with a nil r the route of that method is taken away. An empty tree is nil.
func (n *node) set(seed maphash.Seed, parts []part, method string, r *Route) *node {
	c := node{}
	if n != nil {
		c = *n
	}
	if len(parts) == 0 {
		c.routes = withRoute(c.routes, method, r)
	} else {
		p := &parts[0]
		next := c.child(seed, p).set(seed, parts[1:], method, r)
		switch {
		case !p.param && next == nil:
			c.literals = c.literals.without(maphash.String(seed, p.literal), p.literal)
		case !p.param:
			c.literals = c.literals.with(maphash.String(seed, p.literal), strings.Clone(p.literal), next)
		case p.mixed():
			c.mixed = withMixed(c.mixed, p, next)
		default:
			c.param = next
		}
	}
	if c.literals.size == 0 && len(c.mixed) == 0 && c.param == nil && len(c.routes) == 0 {
		return nil
	}
	return &c
}

func withRoute(routes []*Route, method string, r *Route) []*Route {
	out := make([]*Route, 0, len(routes)+1)
	for _, old := range routes {
		if old.Method != method {
			out = append(out, old)
		}
	}
	if r != nil {
		out = append(out, r)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Method < out[j].Method })
	return out
}

func withMixed(mixed []mixedChild, p *part, next *node) []mixedChild {
	out := make([]mixedChild, 0, len(mixed)+1)
	for _, m := range mixed {
		if m.prefix != p.prefix || m.suffix != p.suffix {
			out = append(out, m)
		}
	}
	if next != nil {
		out = append(out, mixedChild{p.prefix, p.suffix, next})
	}
	sort.Slice(out, func(i, j int) bool {
		a, b := &out[i], &out[j]
		if la, lb := len(a.prefix)+len(a.suffix), len(b.prefix)+len(b.suffix); la != lb {
			return la > lb
		}
		if a.prefix != b.prefix {
			return a.prefix < b.prefix
		}
		return a.suffix < b.suffix
	})
	return out
}
