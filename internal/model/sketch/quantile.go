package sketch

import (
	"encoding/binary"
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// Range and error of Quantile.
const (
	QuantileError = 0.01 // relative error of every quantile inside the range
	QuantileMin   = 1e-6 // smaller magnitudes count as zero
	QuantileMax   = 1e9  // larger magnitudes count as this
)

// The bucket of x is floor(scale*(exponent+P(mantissa-1))), P being the cubic
// that interpolates log2 (DDSketch, Masson et al., VLDB 2019, and its
// "cubically interpolated mapping"): no logarithm, and only 1 % more buckets
// than the exact one. The slope of P against log2 is least at 1, where it is
// 10/7*ln 2; the scale makes that bucket exactly (1+err)/(1-err) wide.
const (
	cubicA        = 6.0 / 35
	cubicB        = -3.0 / 5
	cubicC        = 10.0 / 7
	logGamma      = 0.020000666706669435 // ln(1.01/0.99)
	quantileScale = 1 / (logGamma * cubicC)
	minMantissa   = QuantileMin*(1<<20) - 1 // 1e-6 = 1.048576 * 2^-20
	quantileBase  = quantileScale * (-20 + ((cubicA*minMantissa+cubicB)*minMantissa+cubicC)*minMantissa)
	zeroIndex     = 2048 // below it negative numbers, above it positive ones
	maxOffset     = 1744 // last bucket: that of 1e9
)

// Quantile is a DDSketch with one gamma and one range for the whole program, so
// that merging is the addition of buckets: exactly associative. A quantile is
// within 1 % of the true one between 1e-6 and 1e9 in magnitude; beyond that it
// is cut. Additive; a bucket saturates at 2^32-1. Memory: 4 bytes a bucket in use, of at most 3,489 (1,744 a
// sign, and zero), and 16 bytes per 64 buckets between the lowest and the
// highest; typically under 1 KiB. The zero value is ready.
//
// Buckets in use are found by bitmap and rank: no search, no branch to mispredict.
type Quantile struct {
	words  []word
	counts []uint32 // of the buckets in use, ascending, saturating
	base   int      // index of the first word
	// last is the bucket of the number added last, which is in use, and held what it lacks in counts: most lengths and many
	// numbers repeat, and the buckets are far away in memory.
	last int32
	held uint32
}

// word tells which of 64 buckets are in use, and how many are below it.
type word struct {
	bits uint64
	rank uint32
}

// quantileIndex gives the bucket of a number that is not NaN. The conversions
// forbid fused multiply-add, which would round differently on other processors.
func quantileIndex(x float64) int {
	v := math.Abs(x)
	if v < QuantileMin {
		return zeroIndex
	}
	if v > QuantileMax {
		v = QuantileMax
	}
	u := math.Float64bits(v)
	e := float64(float64(int(u>>52)-1023)*quantileScale) - quantileBase
	s := math.Float64frombits(u&(1<<52-1)|1023<<52) - 1
	p := float64(cubicA*quantileScale*float64(s*s)) + (float64(cubicB*quantileScale*s) + cubicC*quantileScale)
	k := int(float64(p*s)+e) + 1 // a negative rounding error truncates to 0
	if x < 0 {
		return zeroIndex - k
	}
	return zeroIndex + k
}

// Add notes one number; NaN is ignored.
func (s *Quantile) Add(x float64) {
	if x != x {
		return
	}
	k := quantileIndex(x)
	if k == int(s.last) && s.held < math.MaxUint32 {
		s.held++
		return
	}
	if s.held > 0 {
		s.addIndex(int(s.last), s.held)
		s.held = 0
	}
	s.last = int32(k)
	s.addIndex(k, 1)
}

// addIndex adds n to a bucket that may not be in use yet.
func (s *Quantile) addIndex(k int, n uint32) {
	w, bit := k>>6, uint64(1)<<(k&63)
	if i := w - s.base; uint(i) < uint(len(s.words)) {
		if p := &s.words[i]; p.bits&bit != 0 {
			c := &s.counts[int(p.rank)+bits.OnesCount64(p.bits&(bit-1))]
			*c = addSat32(*c, n)
			return
		}
	}
	switch {
	case len(s.words) == 0:
		s.base, s.words = w, make([]word, 1)
	case w < s.base:
		s.words = append(make([]word, s.base-w), s.words...)
		s.base = w
	}
	for w >= s.base+len(s.words) {
		s.words = append(s.words, word{rank: uint32(len(s.counts))})
	}
	w -= s.base
	p := &s.words[w]
	i := int(p.rank) + bits.OnesCount64(p.bits&(bit-1))
	p.bits |= bit
	for j := range s.words[w+1:] {
		s.words[w+1+j].rank++
	}
	s.counts = slices.Insert(s.counts, i, n)
}

// each calls yield for the buckets in use, ascending.
func (s *Quantile) each(yield func(k int, n uint32) bool) {
	i := 0
	for w := range s.words {
		for m := s.words[w].bits; m != 0; m &= m - 1 {
			k, n := (s.base+w)<<6+bits.TrailingZeros64(m), s.counts[i]
			if k == int(s.last) {
				n = addSat32(n, s.held)
			}
			if !yield(k, n) {
				return
			}
			i++
		}
	}
}

// Merge adds o's buckets.
func (s *Quantile) Merge(o *Quantile) {
	for k, n := range o.each {
		s.addIndex(k, n)
	}
}

// Count returns how many numbers were added.
func (s *Quantile) Count() uint64 {
	n := uint64(0)
	for _, c := range s.each {
		n += uint64(c)
	}
	return n
}

// Quantile returns the number below which a share q (0..1) of all numbers lie,
// or 0 when there are none.
func (s *Quantile) Quantile(q float64) float64 {
	n := s.Count()
	if n == 0 {
		return 0
	}
	rank := uint64(min(max(q, 0), 1) * float64(n-1))
	for k, c := range s.each {
		if rank < uint64(c) {
			return bucketValue(k)
		}
		rank -= uint64(c)
	}
	return s.Max()
}

// Min returns the smallest number, within the error; 0 when there are none.
func (s *Quantile) Min() float64 {
	if len(s.words) == 0 {
		return 0
	}
	return bucketValue(s.base<<6 + bits.TrailingZeros64(s.words[0].bits))
}

// Max returns the largest number, within the error; 0 when there are none.
func (s *Quantile) Max() float64 {
	if len(s.words) == 0 {
		return 0
	}
	last := len(s.words) - 1
	return bucketValue((s.base+last)<<6 + bits.Len64(s.words[last].bits) - 1)
}

// Sum returns the sum of all numbers, each within the error. It is taken from
// the buckets when read, because a running float sum would depend on the order.
func (s *Quantile) Sum() float64 {
	t := 0.0
	for k, n := range s.each {
		t += bucketValue(k) * float64(n)
	}
	return t
}

// Above returns how many numbers lie in buckets wholly above x.
func (s *Quantile) Above(x float64) uint64 {
	if x != x {
		return 0
	}
	at, t := quantileIndex(x), uint64(0)
	for k, n := range s.each {
		if k > at {
			t += uint64(n)
		}
	}
	return t
}

// Buckets calls yield for each bucket in ascending order with its middle value and count.
func (s *Quantile) Buckets(yield func(value float64, count uint64) bool) {
	for k, n := range s.each {
		if !yield(bucketValue(k), uint64(n)) {
			return
		}
	}
}

// bucketValue returns the number whose relative distance to both ends of the bucket is the same.
func bucketValue(k int) float64 {
	switch {
	case k == zeroIndex:
		return 0
	case k < zeroIndex:
		return -bucketValue(2*zeroIndex - k)
	}
	lo, hi := bucketStart(k), bucketStart(k+1)
	return 2 * lo * hi / (lo + hi)
}

// bucketStart finds the least number of a positive bucket by bisection of the
// bits of floats, so it agrees with quantileIndex to the last bit.
func bucketStart(k int) float64 {
	lo, hi := math.Float64bits(QuantileMin), math.Float64bits(QuantileMax)
	for lo < hi {
		m := lo + (hi-lo)/2
		if quantileIndex(math.Float64frombits(m)) >= k {
			hi = m
		} else {
			lo = m + 1
		}
	}
	return math.Float64frombits(lo)
}

// AppendBinary appends the canonical encoding.
func (s *Quantile) AppendBinary(b []byte) []byte {
	b = appendHeader(b, kindQuantile)
	b = binary.AppendUvarint(b, uint64(len(s.counts)))
	last := 0
	for k, n := range s.each {
		b = binary.AppendUvarint(b, uint64(k-last))
		b = binary.AppendUvarint(b, uint64(n))
		last = k
	}
	return b
}

// DecodeQuantile reads one encoding and returns what follows it.
func DecodeQuantile(b []byte) (Quantile, []byte, error) {
	b, err := readHeader(b, kindQuantile)
	if err != nil {
		return Quantile{}, nil, err
	}
	r := reader{b: b}
	var s Quantile
	n := r.count(2*maxOffset+1, 2)
	if n > 0 {
		s.counts = make([]uint32, 0, n)
	}
	k := 0
	for range n {
		step, c := r.uvarint(), r.uvarint()
		if step == 0 || step > zeroIndex+maxOffset || c == 0 || c > math.MaxUint32 {
			r.bad = true
			break
		}
		if k += int(step); k < zeroIndex-maxOffset || k > zeroIndex+maxOffset {
			r.bad = true
			break
		}
		s.addIndex(k, uint32(c))
	}
	if r.bad {
		return Quantile{}, nil, fmt.Errorf("%w: quantile", ErrDamaged)
	}
	return s, r.b, nil
}
