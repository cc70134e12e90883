package sketch

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Entry is one kept hash with what is known about it.
type Entry[P any] struct {
	Hash uint64
	V    P
}

// BottomK keeps the k smallest hashes of a stream, each with a payload: a
// uniform sample of the different items (Cohen and Kaplan 2007), exact while
// there are at most k. The payload of a kept hash has seen every occurrence of
// it, because a hash among the k smallest of a whole is among the k smallest of
// each part; so payloads may count.
//
// P must be a plain value without pointers whose zero is the identity of the
// join handed to Merge, and that join commutative and associative; with an
// idempotent join the whole is idempotent. Memory: k*(8+sizeof P) bytes,
// reached only when k different hashes came.
type BottomK[P any] struct {
	e []Entry[P] // ascending by hash
	// bound is the largest hash that can still be kept: that of the last entry when there are k, so that most hashes of a long
	// stream are refused without a look at the entries, which mostly are far away in memory.
	bound uint64
	k     uint16
	few   uint16 // what k becomes when over; 0: stays
	hint  uint16
	over  bool // more than k different hashes came
}

// MaxK bounds the size of every BottomK.
const MaxK = 4096

// MakeBottomK gives an empty sample of at most k hashes, 1..MaxK.
func MakeBottomK[P any](k int) BottomK[P] {
	return BottomK[P]{k: uint16(min(max(k, 1), MaxK)), bound: math.MaxUint64}
}

// MakeFewOfMany gives an empty sample that keeps at most k hashes, and only few
// once there were more: for sets that are of interest whole or hardly at all.
// The same laws hold, since the few smallest of the k smallest are the few smallest.
func MakeFewOfMany[P any](k, few int) BottomK[P] {
	s := MakeBottomK[P](k)
	s.few = uint16(min(max(few, 1), int(s.k)))
	return s
}

// Slot returns the payload of hash, to be updated in place before the next call,
// or nil if the hash is not among the k smallest. A new slot is P's zero.
func (s *BottomK[P]) Slot(hash uint64) *P {
	if s.k == 0 {
		return nil
	}
	if hash > s.bound {
		s.overflow()
		return nil
	}
	n := len(s.e)
	if i := int(s.hint); i < n && s.e[i].Hash == hash {
		return &s.e[i].V
	}
	i := s.search(hash)
	if i == n || s.e[i].Hash != hash {
		s.insert(i, hash)
		if i >= len(s.e) { // that was one too many, and few are kept
			return nil
		}
	}
	s.hint = uint16(i)
	return &s.e[i].V
}

// search returns the place of the first hash that is not smaller.
func (s *BottomK[P]) search(hash uint64) int {
	lo, m := 0, len(s.e)
	for m > 0 {
		half := m >> 1
		if s.e[lo+half].Hash < hash {
			lo += half + 1
			m -= half + 1
		} else {
			m = half
		}
	}
	return lo
}

func (s *BottomK[P]) insert(i int, hash uint64) {
	if n := len(s.e); n < int(s.k) {
		if n == cap(s.e) { // double, but never past k
			grown := make([]Entry[P], n, min(max(2*n, 1), int(s.k)))
			copy(grown, s.e)
			s.e = grown
		}
		s.e = s.e[:n+1]
	} else if s.overflow(); i >= len(s.e) {
		return
	}
	copy(s.e[i+1:], s.e[i:])
	s.e[i] = Entry[P]{Hash: hash}
	s.settle()
}

// settle brings bound up to date.
func (s *BottomK[P]) settle() {
	if s.bound = math.MaxUint64; len(s.e) > 0 && len(s.e) == int(s.k) {
		s.bound = s.e[len(s.e)-1].Hash
	}
}

// overflow notes that more than k hashes came.
func (s *BottomK[P]) overflow() {
	if s.over {
		return
	}
	s.over = true
	if s.few > 0 && s.few < s.k {
		s.shrink(int(s.few))
	}
}

// Find returns the payload of a kept hash, or nil. It changes nothing.
func (s *BottomK[P]) Find(hash uint64) *P {
	if i := s.search(hash); i < len(s.e) && s.e[i].Hash == hash {
		return &s.e[i].V
	}
	return nil
}

// Entries returns what is kept, ascending by hash; it belongs to the sample and
// is valid until the next change.
func (s *BottomK[P]) Entries() []Entry[P] { return s.e }

// Len returns how many hashes are kept.
func (s *BottomK[P]) Len() int { return len(s.e) }

// Exact says whether every different hash seen is kept.
func (s *BottomK[P]) Exact() bool { return !s.over }

// Distinct returns the number of different hashes seen: exact while Exact,
// beyond that by the k-th minimum value (Bar-Yossef et al. 2002), relative
// standard error about 1/sqrt(k-2).
func (s *BottomK[P]) Distinct() float64 {
	n := len(s.e)
	if !s.over || n == 0 {
		return float64(n)
	}
	if n == 1 {
		return 2
	}
	u := (float64(s.e[n-1].Hash) + 1) / math.Exp2(64)
	return max(float64(n-1)/u, float64(n+1))
}

// Merge unites the samples; join adds what src knows to dst. Of two sizes the
// smaller wins.
func (s *BottomK[P]) Merge(o *BottomK[P], join func(dst *P, src P)) {
	if s.k == 0 {
		s.k = o.k
		s.settle()
	}
	if o.k != 0 && o.k < s.k {
		s.shrink(int(o.k))
	}
	if o.over {
		s.overflow()
	}
	for _, e := range o.e {
		if p := s.Slot(e.Hash); p != nil {
			join(p, e.V)
		} else {
			break // all later ones are larger
		}
	}
}

func (s *BottomK[P]) shrink(k int) {
	s.k = uint16(k)
	if len(s.e) > k {
		s.e, s.over = append(make([]Entry[P], 0, k), s.e[:k]...), true
	}
	s.settle()
}

// AppendBinary appends the canonical encoding, each payload by put.
func (s *BottomK[P]) AppendBinary(b []byte, put func(b []byte, v P) []byte) []byte {
	b = appendHeader(b, kindBottomK)
	over := byte(0)
	if s.over {
		over = 1
	}
	b = append(b, over)
	b = binary.AppendUvarint(b, uint64(len(s.e)))
	for _, e := range s.e {
		b = appendUint64(b, e.Hash)
		b = put(b, e.V)
	}
	return b
}

// DecodeBottomK reads one encoding of a sample of at most k hashes and returns
// what follows it. take reads one payload and returns what follows that, or
// false; size is the least number of bytes a payload takes.
func DecodeBottomK[P any](b []byte, k, size int, take func(b []byte) (P, []byte, bool)) (BottomK[P], []byte, error) {
	return MakeBottomK[P](k).decode(b, size, take)
}

// DecodeFewOfMany is DecodeBottomK for what MakeFewOfMany gives.
func DecodeFewOfMany[P any](b []byte, k, few, size int, take func(b []byte) (P, []byte, bool)) (BottomK[P], []byte, error) {
	return MakeFewOfMany[P](k, few).decode(b, size, take)
}

// decode fills an empty sample.
func (s BottomK[P]) decode(b []byte, size int, take func(b []byte) (P, []byte, bool)) (BottomK[P], []byte, error) {
	empty := s
	b, err := readHeader(b, kindBottomK)
	if err != nil {
		return empty, nil, err
	}
	r := reader{b: b}
	over := r.byte()
	if over == 1 {
		s.overflow()
	}
	n := r.count(int(s.k), 8+size)
	if over > 1 || over == 1 && n < int(s.k) {
		r.bad = true
	}
	if n > 0 && !r.bad {
		s.e = make([]Entry[P], n)
	}
	for i := range s.e {
		s.e[i].Hash = r.uint64()
		v, rest, ok := take(r.b)
		if r.bad || !ok || i > 0 && s.e[i].Hash <= s.e[i-1].Hash {
			r.bad = true
			break
		}
		s.e[i].V, r.b = v, rest
	}
	if r.bad {
		return empty, nil, fmt.Errorf("%w: bottom-k", ErrDamaged)
	}
	s.settle()
	return s, r.b, nil
}

func appendUint64(b []byte, v uint64) []byte { return binary.BigEndian.AppendUint64(b, v) }
