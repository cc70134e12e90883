package posting

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func TestSet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{0, 1, 2, 254, 255, 256, 257, 4000, Rows} {
		var s Set
		want := r.Perm(Rows)[:n]
		for _, i := range want {
			s.Add(i)
		}
		slices.Sort(want)
		up, down := slices.Collect(s.Up()), slices.Collect(s.Down())
		slices.Reverse(down)
		if s.Len() != n || !slices.Equal(up, want) && n > 0 || !slices.Equal(down, up) {
			t.Fatalf("%d rows: %d", n, s.Len())
		}
		stored := s.Append(nil)
		if n == 0 {
			continue // an empty set is not stored: nothing stands for all rows
		}
		if limit := min(2*n, Rows/8); len(stored) > limit {
			t.Errorf("%d rows take %d bytes, more than %d", n, len(stored), limit)
		}
		var back Set
		if back.Read(stored); back != s {
			t.Errorf("%d rows read back as %d", n, back.Len())
		}
		for _, i := range want {
			s.Remove(i)
		}
		if s != (Set{}) {
			t.Errorf("%d rows are left", s.Len())
		}
	}
	var a, b Set
	a.Add(1)
	a.Add(2)
	b.Add(2)
	b.Add(3)
	both, either, only := a, a, a
	both.And(&b)
	either.Or(&b)
	only.Without(&b)
	if both.Len() != 1 || !both.Has(2) || either.Len() != 3 || only.Len() != 1 || !only.Has(1) {
		t.Error("and, or, without")
	}
}

func FuzzSet(f *testing.F) {
	full := Full()
	f.Add(full.Append(nil))
	f.Add([]byte{1, 0, 255, 255})
	f.Add(make([]byte, 512))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Set
		s.Read(b)
		if n := s.Len(); n > 0 {
			var back Set
			if back.Read(s.Append(nil)); back != s {
				t.Fatal("reads back otherwise")
			}
		}
	})
}

func TestTimes(t *testing.T) {
	var at [Rows]int64
	first, last := int64(1_790_000_000e9), int64(1_790_000_900e9)
	for i := range at {
		at[i] = first + int64(i)*(last-first)/(Rows-1)
	}
	times := NewTimes(&at, first, last)
	for i, want := range at {
		if got := times.At(i); got > want || want-got > (last-first)/65535+1 {
			t.Fatalf("row %d: %v away", i, time.Duration(want-got))
		}
	}
	same := NewTimes(&at, first, first)
	if same.At(5) != first || (&Times{First: 7}).At(4095) != 7 {
		t.Error("times without a span")
	}
}
