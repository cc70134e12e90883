package sketch

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// family is one kind of sketch as the laws see it: S is the sketch, E an element of its stream.
type family[S, E any] struct {
	name       string
	empty      func() *S
	element    *rapid.Generator[E]
	add        func(*S, E)
	merge      func(dst, src *S) error
	encode     func(*S) []byte
	decode     func([]byte) (S, []byte, error)
	idempotent bool
	longest    int
}

func (f family[S, E]) feed(stream []E) *S {
	s := f.empty()
	for _, e := range stream {
		f.add(s, e)
	}
	return s
}

// join merges all parts into an empty sketch.
func (f family[S, E]) join(t *rapid.T, parts ...*S) *S {
	s := f.empty()
	for _, p := range parts {
		if err := f.merge(s, p); err != nil {
			t.Fatal(err)
		}
	}
	return s
}

func (f family[S, E]) equal(t *rapid.T, law string, a, b *S) {
	x, y := f.encode(a), f.encode(b)
	if !bytes.Equal(x, y) {
		t.Fatalf("%s: %s\n%x\n%x", f.name, law, x, y)
	}
}

func (f family[S, E]) check(t *testing.T) {
	t.Run(f.name, func(t *testing.T) {
		rapid.Check(t, func(t *rapid.T) {
			stream := rapid.SliceOfN(f.element, 0, f.longest).Draw(t, "stream")
			k := rapid.IntRange(1, 5).Draw(t, "parts")
			split := make([][]E, k)
			for _, e := range stream {
				i := rapid.IntRange(0, k-1).Draw(t, "to")
				split[i] = append(split[i], e)
			}
			whole := f.feed(stream)
			var parts []*S
			for _, s := range split {
				parts = append(parts, f.feed(s))
			}
			f.equal(t, "merged parts == whole", f.join(t, parts...), whole)
			order := rapid.Permutation(parts).Draw(t, "order")
			f.equal(t, "parts in another order == whole", f.join(t, order...), whole)
			back := slices.Clone(stream)
			slices.Reverse(back)
			f.equal(t, "the stream backwards == whole", f.feed(back), whole)
			if k >= 3 {
				left := f.join(t, f.join(t, parts[0], parts[1]), parts[2])
				right := f.join(t, parts[0], f.join(t, parts[1], parts[2]))
				f.equal(t, "(a+b)+c == a+(b+c)", left, right)
			}
			f.equal(t, "a+0 == a", f.join(t, whole, f.empty()), whole)
			if f.idempotent {
				f.equal(t, "a+a == a", f.join(t, whole, whole), whole)
			} else if twice := f.feed(append(slices.Clone(stream), stream...)); true {
				f.equal(t, "a+a == the stream twice", f.join(t, whole, whole), twice)
			}
			enc := f.encode(whole)
			got, rest, err := f.decode(append(slices.Clone(enc), 7))
			if err != nil || len(rest) != 1 {
				t.Fatalf("%s: decode: %v, %d left", f.name, err, len(rest))
			}
			f.equal(t, "decode(encode(a)) == a", &got, whole)
			for cut := range enc {
				if _, _, err := f.decode(enc[:cut]); err == nil {
					t.Fatalf("%s: cut to %d of %d bytes and still decoded", f.name, cut, len(enc))
				}
			}
			newer := slices.Clone(enc)
			newer[1]++
			if _, _, err := f.decode(newer); err == nil {
				t.Fatalf("%s: a newer version was read", f.name)
			}
		})
	})
}

// hashes draws from few values, so that repetitions and both sides of every cap occur.
func hashes() *rapid.Generator[uint64] {
	return rapid.Map(rapid.Uint64Range(1, 150), Mix)
}

type bumped struct{ Count, Seen uint32 }

func TestLaws(t *testing.T) {
	for _, p := range []uint8{8, 10, 12} {
		family[Distinct, uint64]{
			name: "distinct", idempotent: true, longest: 300, element: hashes(),
			empty:  func() *Distinct { d := MakeDistinct(p); return &d },
			add:    func(d *Distinct, h uint64) { d.Add(h) },
			merge:  func(a, b *Distinct) error { a.Merge(b); return nil },
			encode: func(d *Distinct) []byte { return d.AppendBinary(nil) },
			decode: DecodeDistinct,
		}.check(t)
	}
	family[Quantile, float64]{
		name: "quantile", longest: 300, element: rapid.OneOf(rapid.Float64(), rapid.Float64Range(-5, 5), rapid.Float64Range(0.9, 1.1)),
		empty:  func() *Quantile { return new(Quantile) },
		add:    (*Quantile).Add,
		merge:  func(a, b *Quantile) error { a.Merge(b); return nil },
		encode: func(q *Quantile) []byte { return q.AppendBinary(nil) },
		decode: DecodeQuantile,
	}.check(t)
	family[BottomK[uint32], uint64]{
		name: "bottom-k with a joined payload", idempotent: true, longest: 300, element: hashes(),
		empty: func() *BottomK[uint32] { s := MakeBottomK[uint32](16); return &s },
		add: func(s *BottomK[uint32], h uint64) {
			if p := s.Slot(h); p != nil {
				*p |= 1 << (h & 31)
			}
		},
		merge: func(a, b *BottomK[uint32]) error {
			a.Merge(b, func(dst *uint32, src uint32) { *dst |= src })
			return nil
		},
		encode: func(s *BottomK[uint32]) []byte { return s.AppendBinary(nil, putUint32) },
		decode: func(b []byte) (BottomK[uint32], []byte, error) { return DecodeBottomK(b, 16, 4, takeUint32) },
	}.check(t)
	family[BottomK[uint32], uint64]{
		name: "bottom-k with counts", longest: 300, element: hashes(),
		empty: func() *BottomK[uint32] { s := MakeBottomK[uint32](16); return &s },
		add: func(s *BottomK[uint32], h uint64) {
			if p := s.Slot(h); p != nil {
				*p++
			}
		},
		merge: func(a, b *BottomK[uint32]) error {
			a.Merge(b, func(dst *uint32, src uint32) { *dst += src })
			return nil
		},
		encode: func(s *BottomK[uint32]) []byte { return s.AppendBinary(nil, putUint32) },
		decode: func(b []byte) (BottomK[uint32], []byte, error) { return DecodeBottomK(b, 16, 4, takeUint32) },
	}.check(t)
	family[BottomK[uint32], uint64]{
		name: "few of many", longest: 300, element: hashes(),
		empty: func() *BottomK[uint32] { s := MakeFewOfMany[uint32](24, 5); return &s },
		add: func(s *BottomK[uint32], h uint64) {
			if p := s.Slot(h); p != nil {
				*p++
			}
		},
		merge: func(a, b *BottomK[uint32]) error {
			a.Merge(b, func(dst *uint32, src uint32) { *dst += src })
			return nil
		},
		encode: func(s *BottomK[uint32]) []byte { return s.AppendBinary(nil, putUint32) },
		decode: func(b []byte) (BottomK[uint32], []byte, error) { return DecodeFewOfMany(b, 24, 5, 4, takeUint32) },
	}.check(t)
	type hit struct {
		key, occurrence uint64
		n               uint32
	}
	family[HeavyHitters, hit]{
		name: "heavy hitters", longest: 200,
		element: rapid.Custom(func(t *rapid.T) hit {
			return hit{rapid.Uint64Range(1, 60).Draw(t, "key"), rapid.Uint64().Draw(t, "occurrence"), rapid.Uint32().Draw(t, "n")}
		}),
		empty:  func() *HeavyHitters { h := MakeHeavyHitters(6, 8); return &h },
		add:    func(h *HeavyHitters, e hit) { h.Add(e.key, e.occurrence, e.n) },
		merge:  (*HeavyHitters).Merge,
		encode: func(h *HeavyHitters) []byte { return h.AppendBinary(nil) },
		decode: DecodeHeavyHitters,
	}.check(t)
	type tick struct {
		epoch  uint32
		column int
		n      uint64
	}
	family[Epochs, tick]{
		name: "epochs", longest: 100,
		element: rapid.Custom(func(t *rapid.T) tick {
			return tick{
				rapid.OneOf(rapid.Uint32Range(0, 20), rapid.Uint32()).Draw(t, "epoch"), rapid.IntRange(-1, 3).Draw(t, "column"),
				rapid.Uint64().Draw(t, "n"),
			}
		}),
		empty:  func() *Epochs { s := MakeEpochs(6, 3); return &s },
		add:    func(s *Epochs, e tick) { s.Add(e.epoch, e.column, e.n) },
		merge:  (*Epochs).Merge,
		encode: func(s *Epochs) []byte { return s.AppendBinary(nil) },
		decode: DecodeEpochs,
	}.check(t)
}

func putUint32(b []byte, v uint32) []byte {
	return append(b, byte(v>>24), byte(v>>16), byte(v>>8), byte(v))
}

func takeUint32(b []byte) (uint32, []byte, bool) {
	if len(b) < 4 {
		return 0, nil, false
	}
	return uint32(b[0])<<24 | uint32(b[1])<<16 | uint32(b[2])<<8 | uint32(b[3]), b[4:], true
}

func TestSpanLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		times := rapid.SliceOf(rapid.Int64Range(-9, 9)).Draw(t, "times")
		var whole, a, b Span
		for i, x := range times {
			whole.Add(x)
			if i%2 == 0 {
				a.Add(x)
			} else {
				b.Add(x)
			}
		}
		ab, ba := a, b
		ab.Merge(b)
		ba.Merge(a)
		twice := whole
		twice.Merge(whole)
		if ab != whole || ba != whole || twice != whole {
			t.Fatalf("%v: %v %v %v %v", times, whole, ab, ba, twice)
		}
	})
}

// A Distinct of mixed precisions is what the stream at the lowest would have given.
func TestDistinctFold(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		stream := rapid.SliceOfN(rapid.Uint64(), 0, 400).Draw(t, "stream")
		cut := rapid.IntRange(0, len(stream)).Draw(t, "cut")
		low, high, whole := MakeDistinct(8), MakeDistinct(11), MakeDistinct(8)
		for i, h := range stream {
			whole.Add(h)
			if i < cut {
				low.Add(h)
			} else {
				high.Add(h)
			}
		}
		low2 := low
		low2.sparse, low2.dense = slices.Clone(low.sparse), slices.Clone(low.dense)
		low2.Merge(&high)
		high.Merge(&low)
		want := whole.AppendBinary(nil)
		if !bytes.Equal(low2.AppendBinary(nil), want) || !bytes.Equal(high.AppendBinary(nil), want) {
			t.Fatal("precisions do not fold")
		}
	})
}
