package sketch

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"
)

const (
	heavyDepth    = 4
	minHeavyWidth = 6  // log2
	maxHeavyWidth = 16 // log2: 1 MiB
)

// HeavyHitters finds the most frequent keys: a linear count-min sketch (Cormode
// and Muthukrishnan 2005) for how often, and a bottom-k sample of candidates
// for which. An estimate is never too low, and too high by more than
// 2.72/width of the total with probability below 2 %. Additive. Memory:
// 16*2^w + 16*k bytes.
//
// The rank of a candidate is the least hash of its occurrences, so a key is
// sampled in proportion to its frequency: one with share s of the stream is a
// candidate with probability at least 1-(1-s)^k. That rank is a function of the
// set of occurrences, therefore merging in any order gives the same candidates;
// Misra-Gries and SpaceSaving cannot promise that.
type HeavyHitters struct {
	rows  []uint32 // heavyDepth rows of 2^w
	cand  []candidate
	total uint64
	w     uint8
	k     uint16
	hint  int
}

type candidate struct{ rank, key uint64 }

// Hitter is a frequent key and how often it came.
type Hitter struct {
	Key   uint64
	Count uint64 // never too low
}

// MakeHeavyHitters gives an empty table of rows of 2^w counters (w in 6..16) and k candidates (1..MaxK).
func MakeHeavyHitters(w uint8, k int) HeavyHitters {
	return HeavyHitters{w: min(max(w, minHeavyWidth), maxHeavyWidth), k: uint16(min(max(k, 1), MaxK))}
}

// Add notes n occurrences of key. occurrence identifies the event they come
// from (any value that is the same wherever that event is counted); with a
// constant the candidates become a uniform sample of the keys.
func (h *HeavyHitters) Add(key, occurrence uint64, n uint32) {
	if h.k == 0 || n == 0 {
		return
	}
	if h.rows == nil {
		h.rows = make([]uint32, heavyDepth<<h.w)
	}
	h.total = addSat(h.total, uint64(n))
	m := Mix(key)
	a, b := uint32(m), uint32(m>>32)|1
	mask := uint32(1)<<h.w - 1
	for i := range uint32(heavyDepth) { // Kirsch and Mitzenmacher: two hashes make all rows
		p := &h.rows[i<<h.w|(a+i*b)>>7&mask]
		*p = addSat32(*p, n)
	}
	rank := Mix(m ^ occurrence)
	if len(h.cand) == int(h.k) && rank > h.cand[len(h.cand)-1].rank {
		return
	}
	h.offer(candidate{rank, key})
}

// offer keeps the k keys of the least ranks; cand is ascending by rank, then key.
func (h *HeavyHitters) offer(c candidate) {
	at := h.hint
	if at >= len(h.cand) || h.cand[at].key != c.key {
		at = slices.IndexFunc(h.cand, func(x candidate) bool { return x.key == c.key })
	}
	if at >= 0 {
		h.hint = at
		if c.rank >= h.cand[at].rank {
			return
		}
		h.cand = slices.Delete(h.cand, at, at+1)
	}
	i, _ := slices.BinarySearchFunc(h.cand, c, compareCandidates)
	if i >= int(h.k) {
		return
	}
	if len(h.cand) == int(h.k) {
		h.cand = h.cand[:len(h.cand)-1]
	}
	h.cand = slices.Insert(h.cand, i, c)
	h.hint = i
}

func compareCandidates(a, b candidate) int {
	return cmp.Or(cmp.Compare(a.rank, b.rank), cmp.Compare(a.key, b.key))
}

// Merge adds o; both must have been made alike, or ErrShape is returned and nothing changes.
func (h *HeavyHitters) Merge(o *HeavyHitters) error {
	if o.total == 0 {
		return nil
	}
	if h.w != o.w || h.k != o.k {
		return ErrShape
	}
	if h.rows == nil {
		h.rows = make([]uint32, heavyDepth<<h.w)
	}
	for i, n := range o.rows {
		h.rows[i] = addSat32(h.rows[i], n)
	}
	h.total = addSat(h.total, o.total)
	for _, c := range o.cand {
		h.offer(c)
	}
	return nil
}

// Total returns the number of occurrences of all keys.
func (h *HeavyHitters) Total() uint64 { return h.total }

// Count returns how often key came; never too low.
func (h *HeavyHitters) Count(key uint64) uint64 {
	if h.rows == nil {
		return 0
	}
	m := Mix(key)
	a, b := uint32(m), uint32(m>>32)|1
	mask := uint32(1)<<h.w - 1
	least := ^uint32(0)
	for i := range uint32(heavyDepth) {
		least = min(least, h.rows[i<<h.w|(a+i*b)>>7&mask])
	}
	return uint64(least)
}

// Top returns at most n candidates, most frequent first, equal ones by key.
func (h *HeavyHitters) Top(n int) []Hitter {
	out := make([]Hitter, 0, len(h.cand))
	for _, c := range h.cand {
		out = append(out, Hitter{Key: c.key, Count: h.Count(c.key)})
	}
	slices.SortFunc(out, func(a, b Hitter) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Key, b.Key))
	})
	return out[:min(max(n, 0), len(out))]
}

// AppendBinary appends the canonical encoding; runs of zero counters are folded.
func (h *HeavyHitters) AppendBinary(b []byte) []byte {
	b = appendHeader(b, kindHeavyHitters)
	b = append(b, h.w)
	b = binary.AppendUvarint(b, uint64(h.k))
	b = binary.AppendUvarint(b, h.total)
	b = binary.AppendUvarint(b, uint64(len(h.cand)))
	for _, c := range h.cand {
		b = appendUint64(appendUint64(b, c.rank), c.key)
	}
	if h.total == 0 {
		return b
	}
	for i := 0; i < len(h.rows); {
		if h.rows[i] != 0 {
			b = binary.AppendUvarint(b, uint64(h.rows[i]))
			i++
			continue
		}
		run := i
		for run < len(h.rows) && h.rows[run] == 0 {
			run++
		}
		b = binary.AppendUvarint(append(b, 0), uint64(run-i))
		i = run
	}
	return b
}

// DecodeHeavyHitters reads one encoding and returns what follows it.
func DecodeHeavyHitters(b []byte) (HeavyHitters, []byte, error) {
	b, err := readHeader(b, kindHeavyHitters)
	if err != nil {
		return HeavyHitters{}, nil, err
	}
	r := reader{b: b}
	h := HeavyHitters{w: r.byte()}
	k := r.uvarint()
	h.total = r.uvarint()
	if r.bad || k > MaxK || k > 0 && (h.w < minHeavyWidth || h.w > maxHeavyWidth) || k == 0 && (h.w != 0 || h.total != 0) {
		return HeavyHitters{}, nil, fmt.Errorf("%w: heavy hitters", ErrDamaged)
	}
	h.k = uint16(k)
	n := r.count(int(h.k), 16)
	seen := make(map[uint64]bool, n)
	for i := range n {
		c := candidate{r.uint64(), r.uint64()}
		if seen[c.key] || i > 0 && compareCandidates(h.cand[i-1], c) >= 0 {
			r.bad = true
			break
		}
		seen[c.key] = true
		h.cand = append(h.cand, c)
	}
	if (n == 0) != (h.total == 0) {
		r.bad = true
	}
	if h.total > 0 && !r.bad {
		h.rows = make([]uint32, heavyDepth<<h.w)
		for i := 0; i < len(h.rows) && !r.bad; i++ {
			v := r.uvarint()
			if v > 1<<32-1 {
				r.bad = true
			}
			if v == 0 {
				run := r.uvarint()
				if run == 0 || run > uint64(len(h.rows)-i) {
					r.bad = true
					break
				}
				i += int(run) - 1
				continue
			}
			h.rows[i] = uint32(v)
		}
	}
	if r.bad {
		return HeavyHitters{}, nil, fmt.Errorf("%w: heavy hitters", ErrDamaged)
	}
	return h, r.b, nil
}
