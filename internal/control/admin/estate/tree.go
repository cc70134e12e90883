package estate

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"merlon/internal/model/identity"
)

// Bounds of a tree as drawn.
const (
	// MaxLines is how many lines of text the picture has at most, MaxDepth how many levels: no more than their product is
	// drawn, whatever the inventory holds.
	MaxLines = 80
	MaxDepth = 5
)

// TreeQuery asks for the tree over paths. Site, Host and Prefix of its Query say where it begins.
type TreeQuery struct {
	Query
	// Requests: nodes are sized by requests instead of endpoints.
	Requests bool
	// Lines is the height of the picture (34), Depth how many levels are drawn (4).
	Lines, Depth int
}

// Tree is the part of the tree over paths that is drawn.
type Tree struct {
	Version uint64
	At      time.Time
	// Root is where the picture begins; Above are the nodes over it, the whole estate first.
	Root  Node
	Above []Node
	// Endpoints counts what the query selects, All those there are.
	Endpoints, All int
	Sites          []string
}

// Kind says what a node of the tree stands for.
type Kind string

// The kinds of nodes.
const (
	Whole  Kind = "all"
	OfSite Kind = "site"
	OfHost Kind = "host"
	Path   Kind = "path"
	// Here are the endpoints of the path itself, beside those below it.
	Here Kind = "here"
	// Rest are those that there is no room for.
	Rest Kind = "rest"
)

// Node is one box.
type Node struct {
	Kind Kind
	// Name is what the box says: a site, a host, one or more segments.
	Name string
	// Site, Host and Prefix select what is in it, in a query.
	Site, Host, Prefix string
	Sum
	// Only is the endpoint, where there is exactly one.
	Only identity.EndpointID
	// Methods are those of a Here, or of a path without anything below.
	Methods []string
	// Folded is how many nodes a Rest stands for.
	Folded int
	// Lines is the height granted: in proportion, but never under one line.
	Lines    float64
	Children []Node
}

// Sum is what is known of many endpoints together.
type Sum struct {
	Endpoints int
	Requests  uint64
	Risk      float64 // the highest
	// Documented are only described, Observed only seen, Both both.
	Documented, Observed, Both int
	Open, Sensitive            int
}

// Tree draws the tree over paths of what a query selects.
func (x *Index) Tree(q TreeQuery, now time.Time) (Tree, error) {
	t := Tree{}
	q.Sort, q.Facets = "template", false
	if err := q.check(now); err != nil {
		return t, err
	}
	if q.Lines < 0 || q.Lines > MaxLines || q.Depth < 0 || q.Depth > MaxDepth {
		return t, wrong("depth", "use at most %d lines and %d levels", MaxLines, MaxDepth)
	}
	q.Lines, q.Depth, q.Prefix = cmp.Or(q.Lines, 34), cmp.Or(q.Depth, 4), cleanPrefix(q.Prefix)
	if x == nil {
		return t, nil
	}
	t.Version, t.At, t.All, t.Sites = x.of.Version, x.of.At, x.count(q.Within), x.names(q.Within)
	s := x.find(&q.Query, now)
	defer x.done(s)
	t.Endpoints = len(s.rows)
	rows := s.spare.positions[:0]
	for _, row := range x.order("template") {
		if s.has.has(row) {
			rows = append(rows, row)
		}
	}
	s.spare.positions = rows
	g := grower{x, q.Requests}
	t.Root = Node{Kind: Whole, Name: "All", Lines: float64(q.Lines)}
	for { // down to where the picture begins, and on while there is nothing to choose
		next, ok := g.enter(&t.Root, rows, &q)
		if !ok {
			break
		}
		t.Above = append(t.Above, t.Root)
		t.Root = next
	}
	g.sum(&t.Root, rows)
	g.grow(&t.Root, rows, q.Depth)
	return t, nil
}

// grower makes nodes out of rows, which stand in the order of site, host and path.
type grower struct {
	x        *Index
	requests bool
}

// enter goes a level down: to what the query asks for, or where one site, or one host, is all there is.
func (g *grower) enter(n *Node, rows []int32, q *TreeQuery) (Node, bool) {
	if len(rows) == 0 {
		return Node{}, false
	}
	first, last := g.x.rows[rows[0]], g.x.rows[rows[len(rows)-1]]
	next := Node{Site: first.Site, Host: n.Host, Lines: n.Lines}
	switch {
	case n.Kind == Whole && first.Site == last.Site:
		next.Kind, next.Name = OfSite, first.Site
	case n.Kind == OfSite && first.Host == last.Host:
		next.Kind, next.Host, next.Name = OfHost, first.Host, first.Host
	case (n.Kind == OfHost || n.Kind == Path) && len(n.Prefix) < len(q.Prefix):
		p := step(q.Prefix, len(n.Prefix))
		next.Kind, next.Prefix, next.Name = Path, q.Prefix[:p], q.Prefix[len(n.Prefix):p]
	default:
		return Node{}, false
	}
	return next, true
}

// step is where the next segment of a path ends.
func step(path string, from int) int {
	if from >= len(path) {
		return len(path)
	}
	if i := strings.IndexByte(path[from+1:], '/'); i >= 0 {
		return from + 1 + i
	}
	return len(path)
}

// sum adds up a node's rows.
func (g *grower) sum(n *Node, rows []int32) {
	for _, row := range rows {
		e := g.x.rows[row]
		n.Endpoints++
		n.Requests += e.Requests
		n.Risk = max(n.Risk, e.Risk.Score)
		switch {
		case e.State == "unseen":
			n.Documented++
		case e.Documented:
			n.Both++
		default:
			n.Observed++
		}
		if e.Auth == "none" {
			n.Open++
		}
		if len(e.Sensitive) > 0 {
			n.Sensitive++
		}
	}
	if len(rows) == 1 {
		n.Only = g.x.rows[rows[0]].ID
	}
}

// part is a child and its rows.
type part struct {
	node Node
	rows []int32
}

// grow draws what is below a node, as far as there is room.
func (g *grower) grow(n *Node, rows []int32, depth int) {
	if depth == 0 || len(rows) == 0 {
		return
	}
	parts := g.split(n, rows)
	if len(parts) == 1 && parts[0].node.Kind == Here {
		n.Methods = parts[0].node.Methods // nothing is below
		return
	}
	slices.SortStableFunc(parts, func(a, b part) int { return cmp.Compare(g.weight(&b.node), g.weight(&a.node)) })
	room := max(1, int(n.Lines))
	if len(parts) > room && room == 1 {
		return // a box that says no more than that there is more
	}
	if len(parts) > room {
		rest := part{node: Node{Kind: Rest, Site: n.Site, Host: n.Host, Prefix: n.Prefix, Folded: len(parts) - room + 1}}
		for i := room - 1; i < len(parts); i++ {
			rest.node.add(&parts[i].node.Sum)
		}
		parts = append(parts[:room-1:room-1], rest)
	}
	g.share(parts, n.Lines)
	n.Children = make([]Node, 0, len(parts))
	for i := range parts {
		c := &parts[i].node
		if c.Kind != Here && c.Kind != Rest {
			g.grow(c, parts[i].rows, depth-1) // a path without anything below stays as it is
		}
		n.Children = append(n.Children, *c)
	}
}

// split takes a node's rows apart by the next level.
func (g *grower) split(n *Node, rows []int32) (parts []part) {
	for from := 0; from < len(rows); {
		c := g.child(n, rows[from])
		to := from + 1
		for to < len(rows) && g.holds(n, &c, rows[to]) {
			to++
		}
		own := rows[from:to]
		g.sum(&c, own)
		switch c.Kind {
		case Path:
			g.lengthen(&c, own)
			if len(g.x.rows[own[len(own)-1]].Template) <= len(c.Prefix) { // the longest, so nothing is below
				c.Methods = g.methods(own)
			}
		case Here:
			c.Methods = g.methods(own)
		}
		parts = append(parts, part{c, own})
		from = to
	}
	return parts
}

func (g *grower) methods(rows []int32) (out []string) {
	for _, row := range rows {
		if m := g.x.rows[row].Method; !slices.Contains(out, m) {
			out = append(out, m)
		}
	}
	return out
}

// child is the node below n that a row begins.
func (g *grower) child(n *Node, row int32) Node {
	e := g.x.rows[row]
	switch n.Kind {
	case Whole:
		return Node{Kind: OfSite, Name: e.Site, Site: e.Site}
	case OfSite:
		return Node{Kind: OfHost, Name: e.Host, Site: e.Site, Host: e.Host}
	}
	if len(e.Template) <= len(n.Prefix) {
		return Node{Kind: Here, Name: e.Template, Site: n.Site, Host: n.Host, Prefix: n.Prefix}
	}
	p := step(e.Template, len(n.Prefix))
	return Node{Kind: Path, Name: e.Template[len(n.Prefix):p], Site: n.Site, Host: n.Host, Prefix: e.Template[:p]}
}

// holds tells whether a row is in the child c of n.
func (g *grower) holds(n, c *Node, row int32) bool {
	e := g.x.rows[row]
	switch c.Kind {
	case OfSite:
		return e.Site == c.Site
	case OfHost:
		return e.Host == c.Host
	case Here:
		return len(e.Template) <= len(n.Prefix)
	}
	return under(e.Template, c.Prefix)
}

// lengthen takes the segments into a node that all of its rows go on with: there is nothing to choose between.
func (g *grower) lengthen(c *Node, rows []int32) {
	a, b := g.x.rows[rows[0]].Template, g.x.rows[rows[len(rows)-1]].Template // the first and the last share what all share
	from := len(c.Prefix) - len(c.Name)
	for len(c.Prefix) < len(a) {
		p := step(a, len(c.Prefix))
		if !under(b, a[:p]) {
			break
		}
		c.Prefix = a[:p]
	}
	c.Name = c.Prefix[from:]
}

func (g *grower) weight(n *Node) float64 {
	if g.requests {
		return float64(n.Requests)
	}
	return float64(n.Endpoints)
}

// share grants heights in proportion to weights, none under a line; the smallest come first, so that what they get more than
// their share is taken from all larger ones alike.
func (g *grower) share(parts []part, lines float64) {
	sum := 0.
	bySize := make([]*Node, len(parts))
	for i := range parts {
		bySize[i] = &parts[i].node
		sum += g.weight(bySize[i])
	}
	slices.SortStableFunc(bySize, func(a, b *Node) int { return cmp.Compare(g.weight(a), g.weight(b)) })
	for i, n := range bySize {
		w := g.weight(n)
		n.Lines = lines / float64(len(bySize)-i)
		if sum > 0 {
			n.Lines = max(1, lines*w/sum)
		}
		n.Lines = min(n.Lines, lines)
		lines -= n.Lines
		sum -= w
	}
}

func (s *Sum) add(o *Sum) {
	s.Endpoints += o.Endpoints
	s.Requests += o.Requests
	s.Risk = max(s.Risk, o.Risk)
	s.Documented += o.Documented
	s.Observed += o.Observed
	s.Both += o.Both
	s.Open += o.Open
	s.Sensitive += o.Sensitive
}
