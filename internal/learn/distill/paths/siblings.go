package paths

import (
	"merlon/internal/learn/summary"
	"merlon/internal/model/sketch"
)

// When words beside each other are values of one parameter. Counting children alone cannot tell, as any
// threshold both destroys some root and misses some parameter; what decides is whether they behave alike: answers call
// them by name, the same words follow them, their answers have the same fields.
const (
	// echoShare of successes whose answer names the word make it a value. Lists of things of an owner name the owner in
	// some items only; words of the API are hardly ever named.
	echoShare = 0.15
	// rootEchoes words must be called by name at the root: {"service":"health"} in answer to GET /health makes no parameter,
	// and a mistake there would touch every path.
	rootEchoes = 3
	// innerLeast siblings, half of whose following words are shared by max(3, 3 %) siblings, are values.
	innerLeast     = 8
	innerShared    = 3
	innerShare     = 0.03
	innerContained = 0.5
	innerOffsets   = 4
	// leafMany words without continuation are values whatever they answer, unless their answers differ.
	leafMany = 40
	// leafLeast are when new ones keep coming (Good-Turing) and they answer alike.
	leafLeast  = 12
	leafUnseen = 0.03
	// alike, half and unlike are Jaccard similarities of the fields of two answers.
	alike  = 0.8
	half   = 0.5
	unlike = 0.3
	// popular words are asked for by so many of the callers here that they name a function (/me, /search), not a thing.
	popularShare   = 0.3
	popularCallers = 8
)

// deriver derives the templates of one host.
type deriver struct {
	// named holds tokens of words that an answer called by name somewhere: values elsewhere too.
	named map[uint64]bool
	// settled has, for leaves that a published template covers, one bit for each of its parameters.
	settled map[*summary.Leaf]uint64
}

// values tells which children of n are values of a parameter.
func (d *deriver) values(n *node, children []*node, depth int) map[*node]bool {
	out := map[*node]bool{}
	children = withoutCalls(n, children, depth)
	// Literals are words and values whose text was erased or never travelled: evidence as any other, and already decided.
	var words, literals, others []*node
	for _, c := range children {
		if c.key == "" || c.key[0] != 1 && c.key[0] != 2 {
			literals = append(literals, c)
		}
		if isWord(c.key) {
			words = append(words, c)
		} else {
			others = append(others, c)
		}
	}
	if len(words) == 0 {
		return out
	}
	var heard []*node
	for _, c := range words {
		if d.wasValue(c, depth) || depth > 0 && d.wasNamed(c, depth) {
			out[c] = true
		} else if echoed(c, depth) {
			heard = append(heard, c)
		}
	}
	if depth > 0 || len(heard) >= rootEchoes {
		for _, c := range heard {
			out[c] = true
		}
	}
	homogeneous(literals, depth, out)
	favourites := popular(children)
	leaves(literals, favourites, out)
	// What answers like the values, at the same places below, is one of them.
	for _, c := range words {
		if out[c] {
			others = append(others, c)
		}
	}
	if len(others) > 0 {
		group := answers(others, depth)
		most := len(others) >= len(words)-len(out)
		for _, c := range words {
			if !out[c] && !(favourites[c] && len(c.children) == 0) && answersLike(answers([]*node{c}, depth), group, most) {
				out[c] = true
			}
		}
	}
	return out
}

// wasValue tells whether a published template has a parameter here.
func (d *deriver) wasValue(c *node, depth int) bool {
	for _, l := range c.all {
		if d.settled[l]>>(depth&63)&1 != 0 {
			return true
		}
	}
	return false
}

// wasNamed tells whether some answer elsewhere called the word by name.
func (d *deriver) wasNamed(c *node, depth int) bool {
	for _, l := range c.all {
		if t := l.Segments[depth].Token; t != 0 && d.named[t] {
			return true
		}
	}
	return false
}

// echoed tells whether answers below c call the word by name.
func echoed(c *node, depth int) bool {
	var echo, successes uint64
	for _, l := range c.all {
		echo += l.Segments[depth].Echo
		successes += l.Traffic.Successes
	}
	return echo > 0 && float64(echo) >= echoShare*float64(successes)
}

// homogeneous marks inner words after which the same words follow.
func homogeneous(words []*node, depth int, out map[*node]bool) {
	type place struct {
		offset int
		key    string
	}
	sharedBy := map[place]int{}
	inner := 0
	for _, c := range words {
		seen := map[place]bool{}
		for _, l := range c.all {
			following(l, depth, func(offset int, key string) { seen[place{offset, key}] = true })
		}
		if len(seen) > 0 {
			inner++
		}
		for p := range seen {
			sharedBy[p]++
		}
	}
	if inner < innerLeast {
		return
	}
	need := max(innerShared, int(innerShare*float64(inner)))
	var marked []*node
	for _, c := range words {
		var all, contained uint64
		for _, l := range c.all {
			shared, some := false, false
			following(l, depth, func(offset int, key string) {
				some = true
				shared = shared || sharedBy[place{offset, key}] >= need
			})
			if some {
				all += l.Traffic.Successes
			}
			if shared {
				contained += l.Traffic.Successes
			}
		}
		if all > 0 && float64(contained) >= innerContained*float64(all) {
			marked = append(marked, c)
		}
	}
	if len(marked) >= innerLeast {
		for _, c := range marked {
			out[c] = true
		}
	}
}

// following calls yield for the words behind a position. Typed segments are no evidence: numbers follow everything.
func following(l *summary.Leaf, depth int, yield func(offset int, key string)) {
	for o := 1; o <= innerOffsets && depth+o < len(l.Segments); o++ {
		if k := SegmentKey(l.Segments[depth+o]); isWord(k) && k != "" {
			yield(o, k)
		}
	}
}

// leaves marks words that nothing follows.
func leaves(words []*node, favourites, out map[*node]bool) {
	var ends []*node
	var once, total uint64
	for _, c := range words {
		if len(c.children) > 0 || out[c] {
			continue
		}
		ends = append(ends, c)
		s := uint64(0)
		for _, l := range c.ends {
			s += l.Traffic.Successes
		}
		if s == 1 {
			once++
		}
		total += s
	}
	if len(ends) < leafLeast {
		return
	}
	like, known := likeness(ends)
	many := len(ends) >= leafMany && (!known || like >= unlike)
	fresh := known && like >= alike && sketch.GoodTuringUnseen(once, total) > leafUnseen
	if !many && !fresh {
		return
	}
	for _, c := range ends {
		if !favourites[c] {
			out[c] = true
		}
	}
}

// popular finds children that so many of the callers ask for that they name a function.
func popular(children []*node) map[*node]bool {
	everybody := sketch.MakeDistinct(10)
	own := make([]float64, len(children))
	for i, c := range children {
		d := sketch.MakeDistinct(10)
		for _, l := range c.all {
			d.Merge(&l.Support.Callers)
		}
		own[i] = d.Estimate()
		everybody.Merge(&d)
	}
	out := map[*node]bool{}
	all := everybody.Estimate()
	for i, c := range children {
		if own[i] >= popularCallers && own[i] >= popularShare*all {
			out[c] = true
		}
	}
	return out
}

// likeness is the mean similarity of neighbours' answers; unknown when most have no fields.
func likeness(ends []*node) (float64, bool) {
	sum, n := 0.0, 0
	for i := 1; i < len(ends); i++ {
		a, b := answers(ends[i-1:i], 0), answers(ends[i:i+1], 0)
		best, known := 0.0, false
		for k, x := range a {
			if y := b[k]; y != nil && k.rest == "" {
				if j, ok := x.Similarity(y); ok {
					best, known = max(best, j), true
				}
			}
		}
		if known {
			sum += best
			n++
		}
	}
	if n == 0 || 2*n < len(ends)-1 {
		return 0, false
	}
	return sum / float64(n), true
}

// below is a place under a node: the method and what follows.
type below struct{ method, rest string }

// answers collects what is answered below nodes, by place. With depth 0 only what ends at the nodes themselves is told apart.
func answers(nodes []*node, depth int) map[below]*summary.Answer {
	out := map[below]*summary.Answer{}
	for _, c := range nodes {
		for _, l := range c.all {
			k := below{method: l.Method}
			if depth > 0 || len(c.children) > 0 {
				for _, s := range Trimmed(l.Segments)[depth+1:] {
					k.rest += "/" + SegmentKey(s)
				}
			}
			if out[k] == nil {
				out[k] = summary.NewAnswer()
			}
			out[k].Unite(&l.Answer)
		}
	}
	return out
}

// answersLike tells whether a answers as b does wherever both answer: at some place alike, at none unlike. Where answers
// cannot be compared (a 204 has no fields), being asked for at the same place is enough if most siblings are values.
func answersLike(a, b map[below]*summary.Answer, most bool) bool {
	found := false
	for k, x := range a {
		y := b[k]
		if y == nil {
			continue
		}
		j, known := x.Similarity(y)
		if known && j < unlike {
			return false
		}
		found = found || known && j >= alike || most && (!known || j >= half)
	}
	return found
}
