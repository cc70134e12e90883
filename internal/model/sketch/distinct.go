package sketch

import (
	"fmt"
	"math"
	"math/bits"
	"slices"
)

// sparseLimit is how many hashes Distinct keeps exactly. 32 of them take 256
// bytes, what the smallest dense form takes.
const sparseLimit = 32

// Precision bounds of Distinct.
const (
	MinPrecision = 8  // 256 registers, standard error 6.5 %
	MaxPrecision = 12 // 4096 registers, standard error 1.6 %
)

// Distinct counts different 64-bit hashes: exactly up to 32, then by
// HyperLogLog (Flajolet et al. 2007) with Ertl's improved raw estimator (2017),
// relative standard error 1.04/sqrt(2^p). Merge is an idempotent join. Memory:
// at most 256 bytes sparse, 2^p bytes dense, p in 8..12.
//
// The form depends on the set seen only, never on the order.
type Distinct struct {
	sparse []uint64 // sorted, while dense is nil
	dense  []uint8  // 2^p registers: highest rank seen
	p      uint8
}

// MakeDistinct gives an empty counter of precision p, cut to 8..12.
func MakeDistinct(p uint8) Distinct {
	return Distinct{p: min(max(p, MinPrecision), MaxPrecision)}
}

// Add notes one hash and says whether that changed anything.
func (d *Distinct) Add(h uint64) bool {
	if d.dense != nil {
		return d.set(h)
	}
	i, found := slices.BinarySearch(d.sparse, h)
	if found {
		return false
	}
	if len(d.sparse) < sparseLimit {
		d.sparse = slices.Insert(d.sparse, i, h)
		return true
	}
	d.densify()
	d.set(h)
	return true
}

func (d *Distinct) set(h uint64) bool {
	i := h >> (64 - d.p&63)
	r := uint8(bits.LeadingZeros64(h<<(d.p&63)|1<<(d.p-1&63))) + 1
	if r <= d.dense[i] {
		return false
	}
	d.dense[i] = r
	return true
}

func (d *Distinct) densify() {
	if d.p == 0 {
		d.p = MinPrecision
	}
	d.dense = make([]uint8, 1<<d.p)
	for _, h := range d.sparse {
		d.set(h)
	}
	d.sparse = nil
}

// Merge joins o into d. Of two precisions the lower one wins, exactly as if the
// whole stream had been fed at that precision.
func (d *Distinct) Merge(o *Distinct) {
	if d.p == 0 {
		d.p = o.p
	}
	if o.p != 0 && o.p < d.p {
		d.fold(o.p)
	}
	if o.dense == nil {
		for _, h := range o.sparse {
			d.Add(h)
		}
		return
	}
	if d.dense == nil {
		d.densify()
	}
	for i, r := range o.dense {
		if r == 0 {
			continue
		}
		i, r := foldRegister(uint64(i), r, o.p, d.p)
		d.dense[i] = max(d.dense[i], r)
	}
}

// fold lowers the precision to p.
func (d *Distinct) fold(p uint8) {
	old, from := d.dense, d.p
	d.p = p
	if old == nil {
		return
	}
	d.dense = make([]uint8, 1<<p)
	for i, r := range old {
		if r == 0 {
			continue
		}
		i, r := foldRegister(uint64(i), r, from, p)
		d.dense[i] = max(d.dense[i], r)
	}
}

// foldRegister says which register and rank a hash of register i and rank r at
// precision from has at the lower precision to.
func foldRegister(i uint64, r uint8, from, to uint8) (uint64, uint8) {
	if from <= to {
		return i, r
	}
	drop := from - to
	low := i & (1<<drop - 1)
	if low == 0 {
		return i >> drop, r + drop
	}
	return i >> drop, uint8(bits.LeadingZeros64(low)) - (64 - drop) + 1
}

// Exact says whether Estimate is the true count.
func (d *Distinct) Exact() bool { return d.dense == nil }

// Estimate returns the number of different hashes seen.
func (d *Distinct) Estimate() float64 {
	if d.dense == nil {
		return float64(len(d.sparse))
	}
	q := int(64 - d.p)
	var hist [66]int
	for _, r := range d.dense {
		hist[min(int(r), q+1)]++
	}
	m := float64(len(d.dense))
	z := m * tau(1-float64(hist[q+1])/m)
	for k := q; k >= 1; k-- {
		z = 0.5 * (z + float64(hist[k]))
	}
	z += m * sigma(float64(hist[0])/m)
	return m * m / (2 * math.Ln2 * z)
}

// AtLeast is a coarse count that never falls when the set grows: the raw
// HyperLogLog estimate, too high below some 3*2^p. Caps that must be the same
// in whatever order states are merged hang on it and not on Estimate.
func (d *Distinct) AtLeast() float64 {
	if d.dense == nil {
		return float64(len(d.sparse))
	}
	sum := 0.0
	for _, r := range d.dense {
		sum += math.Ldexp(1, -int(r))
	}
	m := float64(len(d.dense))
	return 0.7213 / (1 + 1.079/m) * m * m / sum
}

func sigma(x float64) float64 {
	if x == 1 {
		return math.Inf(1)
	}
	y, z := 1.0, x
	for {
		x *= x
		last := z
		z += x * y
		y += y
		if z == last {
			return z
		}
	}
}

func tau(x float64) float64 {
	if x == 0 || x == 1 {
		return 0
	}
	y, z := 1.0, 1-x
	for {
		x = math.Sqrt(x)
		last := z
		y *= 0.5
		z -= (1 - x) * (1 - x) * y
		if z == last {
			return z / 3
		}
	}
}

// AppendBinary appends the canonical encoding.
func (d *Distinct) AppendBinary(b []byte) []byte {
	b = appendHeader(b, kindDistinct)
	b = append(b, d.p)
	if d.dense == nil {
		b = append(b, byte(len(d.sparse)))
		for _, h := range d.sparse {
			b = appendUint64(b, h)
		}
		return b
	}
	b = append(b, sparseLimit+1)
	return append(b, d.dense...)
}

// DecodeDistinct reads one encoding and returns what follows it.
func DecodeDistinct(b []byte) (Distinct, []byte, error) {
	b, err := readHeader(b, kindDistinct)
	if err != nil {
		return Distinct{}, nil, err
	}
	r := reader{b: b}
	d := Distinct{p: r.byte()}
	n := int(r.byte())
	if r.bad || d.p != 0 && (d.p < MinPrecision || d.p > MaxPrecision) || n > sparseLimit+1 {
		return Distinct{}, nil, fmt.Errorf("%w: distinct", ErrDamaged)
	}
	if n <= sparseLimit {
		if n > 0 {
			d.sparse = make([]uint64, n)
		}
		for i := range d.sparse {
			d.sparse[i] = r.uint64()
			if i > 0 && d.sparse[i] <= d.sparse[i-1] {
				r.bad = true
			}
		}
	} else if size := 1 << d.p; d.p != 0 && len(r.b) >= size {
		d.dense = slices.Clone(r.b[:size])
		r.b = r.b[size:]
		for _, v := range d.dense {
			r.bad = r.bad || v > 64-d.p+1
		}
	} else {
		r.bad = true
	}
	if r.bad {
		return Distinct{}, nil, fmt.Errorf("%w: distinct", ErrDamaged)
	}
	return d, r.b, nil
}
