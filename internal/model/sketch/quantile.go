package sketch

import (
	"encoding/binary"
	"fmt"
	"math"
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
	countBits     = 48
	countMask     = 1<<countBits - 1
)

// Quantile is a DDSketch with one gamma and one range for the whole program, so
// that merging is the addition of buckets: exactly associative. A quantile is
// within 1 % of the true one between 1e-6 and 1e9 in magnitude; beyond that it
// is cut. Additive. Memory: 8 bytes a bucket in use, at most 3,489 buckets
// (1,744 a sign, and zero), typically under 200; the zero value is ready.
type Quantile struct {
	b    []uint64 // index<<48 | count, ascending
	hint int      // where the last value went
}

// quantileIndex gives the bucket of a number that is not NaN. The conversions
// forbid fused multiply-add, which would round differently on other processors.
func quantileIndex(x float64) uint64 {
	v := math.Abs(x)
	if v < QuantileMin {
		return zeroIndex
	}
	if v > QuantileMax {
		v = QuantileMax
	}
	u := math.Float64bits(v)
	e := float64(int(u>>52) - 1023)
	s := math.Float64frombits(u&(1<<52-1)|1023<<52) - 1
	p := float64(cubicA*s) + cubicB
	p = float64(p*s) + cubicC
	p = float64(p*s) + e
	k := uint64(max(float64(p*quantileScale)-quantileBase, 0)) + 1
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
	s.addIndex(quantileIndex(x), 1)
}

func (s *Quantile) addIndex(k, n uint64) {
	i := s.hint
	if i >= len(s.b) || s.b[i]>>countBits != k {
		key := k << countBits
		lo, m := 0, len(s.b)
		for m > 0 { // first entry >= key
			half := m >> 1
			if s.b[lo+half] < key {
				lo += half + 1
				m -= half + 1
			} else {
				m = half
			}
		}
		i = lo
		if i == len(s.b) || s.b[i]>>countBits != k {
			s.b = slices.Insert(s.b, i, key)
		}
		s.hint = i
	}
	if c := s.b[i]&countMask + n; c <= countMask {
		s.b[i] += n
	} else {
		s.b[i] |= countMask
	}
}

// Merge adds o's buckets.
func (s *Quantile) Merge(o *Quantile) {
	if len(s.b) == 0 {
		s.b = slices.Clone(o.b)
		return
	}
	for _, e := range o.b {
		s.addIndex(e>>countBits, e&countMask)
	}
}

// Count returns how many numbers were added.
func (s *Quantile) Count() uint64 {
	n := uint64(0)
	for _, e := range s.b {
		n = addSat(n, e&countMask)
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
	for _, e := range s.b {
		c := e & countMask
		if rank < c {
			return bucketValue(e >> countBits)
		}
		rank -= c
	}
	return s.Max()
}

// Min and Max return the smallest and largest number, within the error; 0 when there are none.
func (s *Quantile) Min() float64 {
	if len(s.b) == 0 {
		return 0
	}
	return bucketValue(s.b[0] >> countBits)
}

// Max is explained at Min.
func (s *Quantile) Max() float64 {
	if len(s.b) == 0 {
		return 0
	}
	return bucketValue(s.b[len(s.b)-1] >> countBits)
}

// Sum returns the sum of all numbers, each within the error. It is taken from
// the buckets when read, because a running float sum would depend on the order.
func (s *Quantile) Sum() float64 {
	t := 0.0
	for _, e := range s.b {
		t += bucketValue(e>>countBits) * float64(e&countMask)
	}
	return t
}

// Above returns how many numbers lie in buckets wholly above x.
func (s *Quantile) Above(x float64) uint64 {
	k, n := quantileIndex(x), uint64(0)
	for _, e := range s.b {
		if e>>countBits > k {
			n = addSat(n, e&countMask)
		}
	}
	return n
}

// Buckets calls yield for each bucket in ascending order with its middle value and count.
func (s *Quantile) Buckets(yield func(value float64, count uint64) bool) {
	for _, e := range s.b {
		if !yield(bucketValue(e>>countBits), e&countMask) {
			return
		}
	}
}

// bucketValue returns the number whose relative distance to both ends of the bucket is the same.
func bucketValue(k uint64) float64 {
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
func bucketStart(k uint64) float64 {
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
	b = binary.AppendUvarint(b, uint64(len(s.b)))
	last := uint64(0)
	for _, e := range s.b {
		k := e >> countBits
		b = binary.AppendUvarint(b, k-last)
		b = binary.AppendUvarint(b, e&countMask)
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
	if n := r.count(2*maxOffset+1, 2); n > 0 {
		s.b = make([]uint64, n)
	}
	k := uint64(0)
	for i := range s.b {
		step, c := r.uvarint(), r.uvarint()
		if step == 0 || step > zeroIndex+maxOffset || c == 0 || c > countMask {
			r.bad = true
			break
		}
		if k += step; k < zeroIndex-maxOffset || k > zeroIndex+maxOffset {
			r.bad = true
			break
		}
		s.b[i] = k<<countBits | c
	}
	if r.bad {
		return Quantile{}, nil, fmt.Errorf("%w: quantile", ErrDamaged)
	}
	return s, r.b, nil
}
