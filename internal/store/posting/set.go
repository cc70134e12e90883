// Package posting is how the event list finds its rows: which rows of a chunk carry a value, as small sets.
//
// The event list is cut into chunks of Rows consecutive rows. For every value that a row of a chunk carries (a Key) there is
// one posting: the set of those rows. A filter of several conditions is the intersection of a few sets a chunk, whatever is
// asked for, so no query needs an index of its own and none reads rows that it does not show. The package is pure; the
// backends store what it makes.
package posting

import (
	"encoding/binary"
	"iter"
	"math/bits"
)

const (
	// Shift makes a row's number its chunk's; Rows is the rows of a chunk.
	Shift = 12
	Rows  = 1 << Shift
	words = Rows / 64
	// sparse is the most rows that are stored one by one; more are stored as bits.
	sparse = 255
)

// Set is a set of a chunk's rows, by their place in it.
type Set [words]uint64

// Full holds every row.
func Full() (s Set) {
	for i := range s {
		s[i] = ^uint64(0)
	}
	return s
}

// Add puts row i in, 0 <= i < Rows.
func (s *Set) Add(i int) { s[i>>6] |= 1 << (i & 63) }

// Remove takes row i out.
func (s *Set) Remove(i int) { s[i>>6] &^= 1 << (i & 63) }

// Has tells whether row i is in.
func (s *Set) Has(i int) bool { return s[i>>6]>>(i&63)&1 != 0 }

// Len is the number of rows in it.
func (s *Set) Len() (n int) {
	for _, w := range s {
		n += bits.OnesCount64(w)
	}
	return n
}

// And leaves what is in both.
func (s *Set) And(o *Set) {
	for i := range s {
		s[i] &= o[i]
	}
}

// Or adds what is in o.
func (s *Set) Or(o *Set) {
	for i := range s {
		s[i] |= o[i]
	}
}

// Without takes out what is in o.
func (s *Set) Without(o *Set) {
	for i := range s {
		s[i] &^= o[i]
	}
}

// Up yields the rows from the first on.
func (s *Set) Up() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i, w := range s {
			for ; w != 0; w &= w - 1 {
				if !yield(i<<6 | bits.TrailingZeros64(w)) {
					return
				}
			}
		}
	}
}

// Down yields the rows from the last on.
func (s *Set) Down() iter.Seq[int] {
	return func(yield func(int) bool) {
		for i := words - 1; i >= 0; i-- {
			for w := s[i]; w != 0; {
				top := 63 - bits.LeadingZeros64(w)
				if !yield(i<<6 | top) {
					return
				}
				w &^= 1 << top
			}
		}
	}
}

// Append appends the stored form: nothing for all rows, two bytes a row for few, a bit a row for more.
func (s *Set) Append(dst []byte) []byte {
	switch n := s.Len(); {
	case n == Rows:
		return dst
	case n <= sparse:
		for i := range s.Up() {
			dst = binary.LittleEndian.AppendUint16(dst, uint16(i))
		}
	default:
		for _, w := range s {
			dst = binary.LittleEndian.AppendUint64(dst, w)
		}
	}
	return dst
}

// Read adds the rows of the stored form b. What is damaged adds nothing.
func (s *Set) Read(b []byte) {
	switch {
	case len(b) == 0:
		*s = Full()
	case len(b) == Rows/8:
		for i := range s {
			s[i] |= binary.LittleEndian.Uint64(b[8*i:])
		}
	case len(b) <= 2*sparse:
		for ; len(b) >= 2; b = b[2:] {
			if i := int(binary.LittleEndian.Uint16(b)); i < Rows {
				s.Add(i)
			}
		}
	}
}

// Times are the times of a chunk's rows between its first and last one, each within a 65,535th of that span.
type Times struct {
	First, Last int64 // Unix nanoseconds
	Places      []byte
}

// NewTimes packs the times of rows; at holds Rows of them, 0 where there is no row.
func NewTimes(at *[Rows]int64, first, last int64) Times {
	t := Times{First: first, Last: last, Places: make([]byte, 0, 2*Rows)}
	for _, v := range at {
		place := uint16(0)
		if span := last - first; span > 0 && v >= first {
			place = uint16(float64(v-first) / float64(span) * 65535)
		}
		t.Places = binary.LittleEndian.AppendUint16(t.Places, place)
	}
	return t
}

// At is the time of row i in Unix nanoseconds.
func (t *Times) At(i int) int64 {
	if 2*i+2 > len(t.Places) {
		return t.First
	}
	return t.First + int64(float64(binary.LittleEndian.Uint16(t.Places[2*i:]))/65535*float64(t.Last-t.First))
}
