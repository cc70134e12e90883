package summary

import (
	"bytes"
	"testing"

	"merlon/internal/model/event"

	"pgregory.net/rapid"
)

// small makes a state whose limits a short stream exceeds.
func small() *State {
	s := New("acme", testSeed)
	s.Found = makeTable(40, 10, testSeed)
	s.Lost = makeTable(12, 0, testSeed)
	s.Known = makeTable(3, 3, testSeed)
	return s
}

func fed(make func() *State, events []*event.Event) *State {
	s := make()
	for _, e := range events {
		s.Apply(e)
	}
	return s
}

func TestMergeLaws(t *testing.T) {
	for _, build := range []struct {
		name string
		make func() *State
	}{
		{"within limits", func() *State { return New("acme", testSeed) }},
		{"beyond limits", small},
	} {
		t.Run(build.name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) {
				events := stream(rapid.Uint64Range(0, 1000).Draw(t, "seed"), rapid.IntRange(0, 300).Draw(t, "n"))
				whole := fed(build.make, events).AppendBinary(nil)

				nodes := rapid.IntRange(1, 8).Draw(t, "nodes")
				parts := make([][]*event.Event, nodes)
				for _, i := range rapid.Permutation(indices(len(events))).Draw(t, "order") {
					k := rapid.IntRange(0, nodes-1).Draw(t, "node")
					parts[k] = append(parts[k], events[i])
				}
				merged := build.make()
				for _, k := range rapid.Permutation(indices(nodes)).Draw(t, "merge order") {
					merged.Merge(fed(build.make, parts[k]))
				}
				if !bytes.Equal(whole, merged.AppendBinary(nil)) {
					t.Fatalf("%d nodes merged differ from one node over %d events", nodes, len(events))
				}
			})
		})
	}
}

func TestMergeIsAssociative(t *testing.T) {
	a, b, c := stream(1, 400), stream(2, 400), stream(3, 400)
	left, right := fed(small, a), fed(small, b)
	left.Merge(fed(small, b))
	left.Merge(fed(small, c))
	right.Merge(fed(small, c))
	first := fed(small, a)
	first.Merge(right)
	if !bytes.Equal(left.AppendBinary(nil), first.AppendBinary(nil)) {
		t.Fatal("(a+b)+c differs from a+(b+c)")
	}
}

func indices(n int) []int {
	out := make([]int, n)
	for i := range out {
		out[i] = i
	}
	return out
}

func TestEncodingRoundTrip(t *testing.T) {
	b := fed(func() *State { return New("acme", testSeed) }, stream(5, 2000)).AppendBinary(nil)
	s, err := Decode(b, testSeed)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(b, s.AppendBinary(nil)) {
		t.Fatal("decoding and encoding again gives other bytes")
	}
	s.Merge(fed(func() *State { return New("acme", testSeed) }, stream(6, 500)))
	whole := fed(func() *State { return New("acme", testSeed) }, append(stream(5, 2000), stream(6, 500)...))
	if !bytes.Equal(whole.AppendBinary(nil), s.AppendBinary(nil)) {
		t.Fatal("a decoded state does not merge like the one it was encoded from")
	}
}

func FuzzDecode(f *testing.F) {
	f.Add(New("a", testSeed).AppendBinary(nil))
	f.Add(fed(func() *State { return New("acme", testSeed) }, stream(5, 3)).AppendBinary(nil))
	f.Add([]byte{kindState, version + 1})
	f.Fuzz(func(t *testing.T, b []byte) {
		s, err := Decode(b, testSeed)
		if err != nil {
			return
		}
		again := s.AppendBinary(nil)
		back, err := Decode(again, testSeed)
		if err != nil {
			t.Fatalf("what was decoded does not decode again: %v", err)
		}
		if !bytes.Equal(again, back.AppendBinary(nil)) {
			t.Fatal("encoding is not canonical")
		}
		back.Merge(s)
	})
}
