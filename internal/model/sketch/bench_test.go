package sketch

import (
	"math"
	"math/rand/v2"
	"testing"
)

func BenchmarkDistinctAdd(b *testing.B) {
	d, x := MakeDistinct(10), uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		x++
		d.Add(Mix(x))
	}
}

func BenchmarkQuantileAdd(b *testing.B) {
	for _, c := range []struct {
		name  string
		sigma float64
	}{{"constant", 0}, {"narrow", 0.1}, {"wide", 1}} {
		b.Run(c.name, func(b *testing.B) {
			var q Quantile
			xs := make([]float64, 4096)
			for i := range xs {
				xs[i] = 10 * math.Exp(c.sigma*rand.NormFloat64())
				q.Add(xs[i])
			}
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				q.Add(xs[i&4095])
				i++
			}
			b.ReportMetric(float64(len(q.counts)), "buckets")
		})
	}
}

func BenchmarkQuantileIndex(b *testing.B) {
	xs := make([]float64, 4096)
	for i := range xs {
		xs[i] = math.Exp(3 * rand.NormFloat64())
	}
	i, sum := 0, 0
	for b.Loop() {
		sum += quantileIndex(xs[i&4095])
		i++
	}
	if sum == 0 {
		b.Fatal("no index")
	}
}

func BenchmarkBottomKSlot(b *testing.B) {
	for _, c := range []struct {
		name   string
		values uint64
	}{{"one value", 1}, {"enum of 6", 6}, {"50 values", 50}, {"endless", 1 << 40}} {
		b.Run(c.name, func(b *testing.B) {
			s, x := MakeBottomK[bumped](64), uint64(0)
			for i := range min(c.values, 10_000) {
				s.Slot(Mix(i + 1))
			}
			b.ReportAllocs()
			for b.Loop() {
				x++
				if p := s.Slot(Mix(x%c.values + 1)); p != nil {
					p.Count++
				}
			}
		})
	}
}

func BenchmarkHeavyHittersAdd(b *testing.B) {
	h, x := MakeHeavyHitters(10, 64), uint64(0)
	b.ReportAllocs()
	for b.Loop() {
		x++
		h.Add(x%1000, x, 1)
	}
}

func BenchmarkEpochsAdd(b *testing.B) {
	s := MakeEpochs(48, 8)
	b.ReportAllocs()
	for b.Loop() {
		s.Add(480_000, 3, 1)
	}
}
