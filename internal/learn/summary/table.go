package summary

import (
	"slices"

	"merlon/internal/model/sketch"
)

// Table keeps the leaves of the smallest key hashes, and of the smallest among those the details too.
//
// A hash among the smallest of a whole is among the smallest of each of its parts, so a kept leaf has seen every event of
// its key, whatever the order. Memory is bounded by the limits.
type Table struct {
	limit, details int
	seed           uint64
	leaves         map[uint64]*Leaf
	top            maxHeap // hashes of all leaves
	detailed       maxHeap // hashes of leaves with details, while details < limit
	Overflow       Overflow
}

// Overflow counts what did not fit.
type Overflow struct {
	Requests, Successes uint64
	// Keys counts the different keys that were left out.
	Keys sketch.Distinct
}

func makeTable(limit, details int, seed uint64) Table {
	return Table{limit: limit, details: details, seed: seed, leaves: make(map[uint64]*Leaf), Overflow: Overflow{Keys: sketch.MakeDistinct(12)}}
}

// Len is the number of leaves kept.
func (t *Table) Len() int { return len(t.leaves) }

// Leaves lists what is kept, ascending by hash. The leaves belong to the state.
func (t *Table) Leaves() []*Leaf {
	out := make([]*Leaf, 0, len(t.leaves))
	for _, l := range t.leaves {
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b *Leaf) int {
		if a.Hash < b.Hash {
			return -1
		}
		return 1
	})
	return out
}

// slot finds or makes the leaf of h; nil counts the event as overflow. evicted tells that some other leaf went.
func (t *Table) slot(h uint64, f *fold) (l *Leaf, evicted bool) {
	if l = t.leaves[h]; l != nil {
		return l, false
	}
	if l, evicted = t.insert(h); l == nil {
		t.Overflow.Requests = addSat(t.Overflow.Requests, 1)
		if f.success {
			t.Overflow.Successes = addSat(t.Overflow.Successes, 1)
		}
		t.Overflow.Keys.Add(h)
	}
	return l, evicted
}

// insert makes a leaf that is not there, nil if its hash is too large.
func (t *Table) insert(h uint64) (l *Leaf, evicted bool) {
	if len(t.leaves) >= t.limit {
		if h > t.top[0] {
			return nil, false
		}
		t.evict(t.top.pop())
		evicted = true
	}
	l = makeLeaf(h)
	t.leaves[h] = l
	t.top.push(h)
	switch {
	case t.details >= t.limit:
		l.Detail = makeDetail(t.seed)
	case len(t.detailed) < t.details:
		l.Detail = makeDetail(t.seed)
		t.detailed.push(h)
	case t.details > 0 && h < t.detailed[0]:
		t.leaves[t.detailed.pop()].Detail = nil
		l.Detail = makeDetail(t.seed)
		t.detailed.push(h)
	}
	return l, evicted
}

func (t *Table) evict(h uint64) {
	l := t.leaves[h]
	delete(t.leaves, h)
	t.Overflow.Requests = addSat(t.Overflow.Requests, l.Traffic.Requests)
	t.Overflow.Successes = addSat(t.Overflow.Successes, l.Traffic.Successes)
	t.Overflow.Keys.Add(h)
}

func (t *Table) merge(o *Table) {
	t.Overflow.Requests = addSat(t.Overflow.Requests, o.Overflow.Requests)
	t.Overflow.Successes = addSat(t.Overflow.Successes, o.Overflow.Successes)
	t.Overflow.Keys.Merge(&o.Overflow.Keys)
	for _, src := range o.Leaves() {
		l := t.leaves[src.Hash]
		if l == nil {
			if l, _ = t.insert(src.Hash); l == nil {
				t.Overflow.Requests = addSat(t.Overflow.Requests, src.Traffic.Requests)
				t.Overflow.Successes = addSat(t.Overflow.Successes, src.Traffic.Successes)
				t.Overflow.Keys.Add(src.Hash)
				continue
			}
		}
		l.Merge(src)
	}
}

// maxHeap has its largest hash in front.
type maxHeap []uint64

func (h *maxHeap) push(v uint64) {
	*h = append(*h, v)
	s := *h
	for i := len(s) - 1; i > 0; {
		up := (i - 1) / 2
		if s[up] >= s[i] {
			break
		}
		s[up], s[i] = s[i], s[up]
		i = up
	}
}

func (h *maxHeap) pop() uint64 {
	s := *h
	v := s[0]
	n := len(s) - 1
	s[0] = s[n]
	s = s[:n]
	*h = s
	for i := 0; ; {
		c := 2*i + 1
		if c >= n {
			break
		}
		if c+1 < n && s[c+1] > s[c] {
			c++
		}
		if s[i] >= s[c] {
			break
		}
		s[i], s[c] = s[c], s[i]
		i = c
	}
	return v
}
