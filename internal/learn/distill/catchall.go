package distill

import (
	"cmp"
	"slices"

	"merlon/internal/learn/distill/paths"
	"merlon/internal/learn/summary"
	"merlon/internal/model/exchange"
)

// A host answers everything alike when paths that have nothing to do with each other get one and the same answer: a
// single-page application, a parked domain, a soft 404. An API's /{username} is not one: its paths have one depth, and
// below them the answers differ.
const (
	catchAllRoots  = 10  // different first segments, at least
	catchAllShare  = 0.6 // of the first segments get the common answer
	catchAllDepths = 2   // different depths, each with catchAllEach paths
	catchAllEach   = 3
	// sizeSlack is how much the size of one answer varies because it repeats the path.
	sizeSlack      = 64
	sizeSlackShare = 0.02
)

// catchAll holds the common answer of each host that answers everything alike.
type catchAll map[string]common

// common is an answer: its kind and either its fields or its size.
type common struct {
	kind   exchange.BodyKind
	fields uint64 // 0 when it has none
	low    uint64
	high   uint64
}

func (c catchAll) hosts() []string {
	var out []string
	for h := range c {
		out = append(out, h)
	}
	slices.Sort(out)
	return out
}

// covers tells whether a leaf shows nothing but its host's common answer.
func (c catchAll) covers(l *summary.Leaf) bool {
	k, ok := c[l.Host]
	if !ok || l.Answer.Kind() != k.kind {
		return false
	}
	if k.fields != 0 && fieldsHash(l) != 0 {
		return fieldsHash(l) == k.fields
	}
	return l.Answer.Least >= k.low && l.Answer.Most <= k.high
}

func fieldsHash(l *summary.Leaf) uint64 {
	h := uint64(0)
	for _, e := range l.Answer.Fields.Entries() {
		h = h*0x9e3779b97f4a7c15 + e.Hash
	}
	return h
}

// findCatchAll looks at the successes that no template covered. What scanners tried counts here: it is the evidence.
func findCatchAll(s *summary.State) catchAll {
	hosts := map[string][]*summary.Leaf{}
	for _, l := range s.Found.Leaves() {
		if l.Method == "GET" && l.Traffic.Successes > 0 && len(l.Segments) > 0 {
			hosts[l.Host] = append(hosts[l.Host], l)
		}
	}
	out := catchAll{}
	for h, leaves := range hosts {
		if c, ok := commonAnswer(leaves); ok {
			out[h] = c
		}
	}
	return out
}

func commonAnswer(leaves []*summary.Leaf) (common, bool) {
	roots := map[string]bool{}
	byFields := map[uint64][]*summary.Leaf{}
	for _, l := range leaves {
		roots[paths.SegmentKey(l.Segments[0])] = true
		byFields[fieldsHash(l)] = append(byFields[fieldsHash(l)], l)
	}
	if len(roots) < catchAllRoots {
		return common{}, false
	}
	hashes := make([]uint64, 0, len(byFields))
	for h := range byFields {
		hashes = append(hashes, h)
	}
	slices.Sort(hashes)
	for _, h := range hashes {
		group := byFields[h]
		if h != 0 {
			if spread(group, len(roots)) {
				return common{kind: group[0].Answer.Kind(), fields: h, high: group[0].Answer.Most}, true
			}
			continue
		}
		for k := range exchange.BodyUndecodable + 1 {
			if c, ok := commonSize(group, k, len(roots)); ok {
				return c, true
			}
		}
	}
	return common{}, false
}

// commonSize finds a size that most unstructured answers of a kind share.
func commonSize(group []*summary.Leaf, kind exchange.BodyKind, roots int) (common, bool) {
	var of []*summary.Leaf
	for _, l := range group {
		if l.Answer.Kind() == kind {
			of = append(of, l)
		}
	}
	slices.SortFunc(of, func(a, b *summary.Leaf) int {
		return cmp.Or(cmp.Compare(a.Answer.Least, b.Answer.Least), cmp.Compare(a.Hash, b.Hash))
	})
	// The widest window within the slack, by two pointers.
	best, bestAt := 0, 0
	for i, j := 0, 0; i < len(of); i++ {
		for j < len(of) && of[j].Answer.Most <= slackEnd(of[i].Answer.Least) {
			j++
		}
		if j-i > best {
			best, bestAt = j-i, i
		}
		j = max(j, i+1)
	}
	window := of[bestAt : bestAt+best]
	if !spread(window, roots) {
		return common{}, false
	}
	least := window[0].Answer.Least
	return common{kind: kind, low: least - min(least, sizeSlack), high: slackEnd(least)}, true
}

func slackEnd(least uint64) uint64 {
	return least + max(sizeSlack, uint64(float64(least)*sizeSlackShare))
}

// spread tells whether leaves of one answer cover most roots at several depths.
func spread(group []*summary.Leaf, roots int) bool {
	seen := map[string]bool{}
	depths := map[int]int{}
	for _, l := range group {
		seen[paths.SegmentKey(l.Segments[0])] = true
		depths[len(l.Segments)]++
	}
	deep := 0
	for _, n := range depths {
		if n >= catchAllEach {
			deep++
		}
	}
	return len(seen) >= catchAllRoots && float64(len(seen)) >= catchAllShare*float64(roots) && deep >= catchAllDepths
}
