package sketch

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

func TestDistinctError(t *testing.T) {
	for _, n := range []int{1, 32, 33, 100, 1000, 5000, 100_000} {
		for _, p := range []uint8{8, 10, 12} {
			worst := 0.0
			for seed := range uint64(20) {
				d := MakeDistinct(p)
				for i := range n {
					d.Add(Mix(uint64(i)<<8 | seed))
				}
				worst = max(worst, math.Abs(d.Estimate()/float64(n)-1))
			}
			limit := 4 * 1.04 / math.Sqrt(float64(uint64(1)<<p)) // 4 sigma, the worst of 20
			if n <= sparseLimit {
				limit = 0
			}
			if worst > limit {
				t.Errorf("n=%d p=%d: error %.3f, want at most %.3f", n, p, worst, limit)
			}
		}
	}
}

func TestDistinctAtLeastNeverFalls(t *testing.T) {
	d, last := MakeDistinct(8), 0.0
	for i := range uint64(20_000) {
		changed := d.Add(Mix(i))
		if x := d.AtLeast(); x < last || !changed && x != last {
			t.Fatalf("after %d: %g follows %g", i, x, last)
		} else {
			last = x
		}
	}
}

func TestQuantileBuckets(t *testing.T) {
	if k := quantileIndex(QuantileMin); k != zeroIndex+1 {
		t.Errorf("first bucket %d", k-zeroIndex)
	}
	if k := quantileIndex(QuantileMax); k != zeroIndex+maxOffset {
		t.Errorf("last bucket %d, want %d", k-zeroIndex, maxOffset)
	}
	for k := zeroIndex + 1; k < zeroIndex+maxOffset; k++ {
		lo, hi := bucketStart(k), bucketStart(k+1)
		if quantileIndex(lo) != k || quantileIndex(math.Nextafter(lo, 0)) >= k {
			t.Fatalf("bucket %d does not begin at %g", k, lo)
		}
		if e := (hi - lo) / (hi + lo); e > QuantileError {
			t.Fatalf("bucket %d [%g,%g): error %g", k, lo, hi, e)
		}
		if x := bucketValue(k); quantileIndex(x) != k || bucketValue(2*zeroIndex-k) != -x {
			t.Fatalf("bucket %d has value %g", k, x)
		}
	}
}

func TestQuantileError(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, c := range []struct {
		name string
		draw func() float64
	}{
		{"log-normal", func() float64 { return math.Exp(2 * r.NormFloat64()) }},
		{"uniform", func() float64 { return 1 + 1000*r.Float64() }},
		{"both signs", func() float64 { return 100 * r.NormFloat64() }},
		{"constant", func() float64 { return 42 }},
		{"zero", func() float64 { return 0 }},
	} {
		var s Quantile
		xs := make([]float64, 20_001)
		for i := range xs {
			xs[i] = c.draw()
			s.Add(xs[i])
		}
		slices.Sort(xs)
		for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.99, 0.999, 1} {
			want := xs[int(q*float64(len(xs)-1))]
			if got := s.Quantile(q); math.Abs(got-want) > 1.0001*QuantileError*math.Abs(want) {
				t.Errorf("%s: q%g is %g, want %g", c.name, q, got, want)
			}
		}
		if s.Count() != uint64(len(xs)) || s.Min() != s.Quantile(0) || s.Max() != s.Quantile(1) {
			t.Errorf("%s: count %d min %g max %g", c.name, s.Count(), s.Min(), s.Max())
		}
	}
}

func TestQuantileOutside(t *testing.T) {
	var s Quantile
	s.Add(math.NaN())
	if s.Count() != 0 || s.Quantile(0.5) != 0 {
		t.Error("NaN was counted")
	}
	for _, x := range []float64{math.Inf(1), 1e300, math.Inf(-1), 1e-300, -1e-7} {
		s.Add(x)
	}
	if s.Count() != 5 || s.Max() < 0.98e9 || s.Min() > -0.98e9 || s.Quantile(0.5) != 0 {
		t.Errorf("count %d, %g .. %g .. %g", s.Count(), s.Min(), s.Quantile(0.5), s.Max())
	}
}

func TestBottomKDistinct(t *testing.T) {
	for _, n := range []int{0, 1, 63, 64, 65, 1000, 100_000} {
		s := MakeBottomK[struct{}](64)
		for i := range n {
			s.Slot(Mix(uint64(i) + 77))
			s.Slot(Mix(uint64(i/2) + 77))
		}
		got := s.Distinct()
		if n <= 64 && (got != float64(n) || !s.Exact()) || n > 64 && (math.Abs(got/float64(n)-1) > 0.5 || s.Exact()) {
			t.Errorf("%d different: estimate %g, exact %v", n, got, s.Exact())
		}
	}
}

func TestHeavyHittersFindsThem(t *testing.T) {
	h := MakeHeavyHitters(10, 128)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range uint64(100_000) {
		key := Mix(r.Uint64()) // a long tail of keys seen once
		switch {
		case i%10 == 0:
			key = 1
		case i%10 == 1 && i%20 < 10:
			key = 2
		}
		h.Add(key, i, 1)
	}
	top := h.Top(2)
	if len(top) != 2 || top[0].Key != 1 || top[1].Key != 2 {
		t.Fatalf("top %v", top)
	}
	bound := uint64(265) // 2.72/1024 of the total
	for i, want := range []uint64{10_000, 5_000} {
		if c := top[i].Count; c < want || c > want+bound {
			t.Errorf("key %d: %d, want %d to %d", top[i].Key, c, want, want+bound)
		}
	}
	if h.Total() != 100_000 {
		t.Errorf("total %d", h.Total())
	}
}

func TestShapesDoNotMix(t *testing.T) {
	a, b := MakeHeavyHitters(8, 4), MakeHeavyHitters(9, 4)
	b.Add(1, 1, 1)
	if err := a.Merge(&b); !errors.Is(err, ErrShape) || a.Total() != 0 {
		t.Errorf("heavy hitters: %v", err)
	}
	c, d := MakeEpochs(4, 2), MakeEpochs(4, 3)
	d.Add(1, 1, 1)
	if err := c.Merge(&d); !errors.Is(err, ErrShape) || c.Len() != 0 {
		t.Errorf("epochs: %v", err)
	}
}

func TestEpochsWindow(t *testing.T) {
	s := MakeEpochs(3, 2)
	for _, e := range []uint32{10, 12, 11, 9, 14, 12, 10} { // 9 and the last 10 are too late
		s.Add(e, 0, 1)
		s.Add(e, 1, 10)
		s.Add(e, 2, 99)
	}
	if s.Len() != 3 || s.Sum(0, 0, 100) != 4 || s.Sum(1, 12, 12) != 20 || s.Sum(2, 0, 100) != 0 {
		t.Errorf("%d rows, %d", s.Len(), s.Sum(0, 0, 100))
	}
	var got []uint32
	s.Rows(func(e uint32, c []uint64) bool { got = append(got, e); return true })
	if !slices.Equal(got, []uint32{11, 12, 14}) {
		t.Errorf("rows %v", got)
	}
}

func TestIntervals(t *testing.T) {
	near := func(name string, got, want, tolerance float64) {
		if math.Abs(got-want) > tolerance {
			t.Errorf("%s: %g, want %g", name, got, want)
		}
	}
	lo, hi := WilsonInterval(5, 10, 1.96)
	near("wilson low", lo, 0.2366, 1e-3)
	near("wilson high", hi, 0.7634, 1e-3)
	lo, hi = WilsonInterval(0, 100, 1.96)
	near("wilson 0 low", lo, 0, 0)
	near("wilson 0 high", hi, 0.0370, 1e-3)
	near("CP 5 of 10", ClopperPearsonLower(5, 10, 0.975), 0.1871, 1e-4) // Clopper and Pearson's own table
	near("CP 9 of 10", ClopperPearsonLower(9, 10, 0.95), 0.6058, 1e-4)
	near("CP upper 5 of 10", ClopperPearsonUpper(5, 10, 0.975), 0.8129, 1e-4)
	near("rule of three", 1-ClopperPearsonLower(3000, 3000, 0.95), 3.0/3000, 5e-6)
	near("CP large", ClopperPearsonLower(999_000, 1_000_000, 0.95), 0.998947, 2e-6)
	near("CP none", ClopperPearsonLower(0, 0, 0.95), 0, 0)
	near("unseen", GoodTuringUnseen(3, 100), 0.03, 0)
	near("unseen without a stream", GoodTuringUnseen(0, 0), 1, 0)
	near("unseen upper", GoodTuringUpper(0, 30_000, 0.95), 1e-4, 2e-6)
}
