package schema

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"merlon/internal/model/sketch"
)

const seed = 0x5eed

// message is one exchange's observations, as the walk would give them.
type message struct {
	leaves []Leaf
	names  []byte
	by     Support
}

func loc(parent uint64, name string) uint64 {
	for _, c := range []byte(name) {
		parent = sketch.Mix(parent*31 + uint64(c) + 1)
	}
	return sketch.Mix(parent + 1)
}

func (m *message) add(parent int32, name string, l Leaf) int32 {
	up := uint64(1)
	if parent >= 0 {
		up = m.leaves[parent].Loc
	}
	l.Parent = parent
	if l.Loc == 0 {
		l.Loc = loc(up, name)
	}
	if parent >= 0 && m.leaves[parent].Kind == KindArray {
		l.Loc = sketch.Mix(up ^ 0xe1e)
		name = ""
	}
	l.NameOff, l.NameLen = uint32(len(m.names)), uint32(len(name))
	m.names = append(m.names, name...)
	m.leaves = append(m.leaves, l)
	return int32(len(m.leaves) - 1)
}

func (m *message) observe(t *Tree) { t.Observe(m.leaves, m.names, m.by) }

// value draws a leaf or container, at most depth deep.
func (m *message) value(t *rapid.T, parent int32, name string, depth, members int) {
	k := Kind(rapid.IntRange(0, int(kindCount)-1).Draw(t, "kind"))
	if parent < 0 && name == "" {
		k = KindObject
	}
	if depth == 0 && k >= KindObject {
		k = KindString
	}
	l := Leaf{Kind: k, Dup: rapid.IntRange(0, 9).Draw(t, "dup") == 0}
	switch k {
	case KindString:
		l.Token = sketch.Mix(rapid.Uint64Range(0, 90).Draw(t, "token"))
		l.Len = rapid.Uint32Range(0, 50).Draw(t, "len")
		l.Classes = rapid.Uint64Range(0, 63).Draw(t, "classes")
		l.Chars = rapid.Uint16().Draw(t, "chars")
	case KindInteger, KindNumber:
		l.Num = rapid.Float64Range(-100, 1e6).Draw(t, "num")
	}
	at := m.add(parent, name, l)
	n := 0
	switch k {
	case KindObject:
		n = rapid.IntRange(0, members).Draw(t, "members")
		for range n {
			key := fmt.Sprint("k", rapid.IntRange(0, 3*members).Draw(t, "key"))
			m.value(t, at, key, depth-1, members)
		}
	case KindArray:
		n = rapid.IntRange(0, 3).Draw(t, "elements")
		for range n {
			m.value(t, at, "", depth-1, members)
		}
	}
	m.leaves[at].Len = uint32(n)
}

func messages(members int) *rapid.Generator[message] {
	return rapid.Custom(func(t *rapid.T) message {
		var m message
		m.value(t, -1, "", 3, members)
		m.by = Support{
			Principal: sketch.Mix(rapid.Uint64Range(0, 30).Draw(t, "principal")),
			Network:   sketch.Mix(rapid.Uint64Range(31, 60).Draw(t, "network")),
			Bucket:    rapid.Uint32Range(0, 100).Draw(t, "bucket"),
			Strong:    rapid.Bool().Draw(t, "strong"),
			Partial:   rapid.IntRange(0, 9).Draw(t, "partial") == 0,
		}
		return m
	})
}

// flood makes messages that run into every cap: wide objects, many locations.
func flood(n, keys, fields int) []message {
	var out []message
	for i := range n {
		var m message
		root := m.add(-1, "", Leaf{Kind: KindObject})
		for k := range keys {
			o := m.add(root, fmt.Sprint("k", i*keys+k), Leaf{Kind: KindObject})
			for f := range fields {
				m.add(o, fmt.Sprint("f", f), Leaf{Kind: KindInteger, Num: float64(f), Token: sketch.Mix(uint64(f))})
			}
		}
		m.add(root, "list", Leaf{Kind: KindArray, Len: 1})
		m.by = Support{Network: sketch.Mix(uint64(i)), Bucket: uint32(i)}
		out = append(out, m)
	}
	return out
}

func feed(ms []message) *Tree {
	t := New(seed)
	for i := range ms {
		ms[i].observe(t)
	}
	return t
}

func join(parts ...*Tree) *Tree {
	t := New(seed)
	for _, p := range parts {
		t.Merge(p)
	}
	return t
}

type fataler interface {
	Helper()
	Fatalf(string, ...any)
}

func equal(t fataler, law string, a, b *Tree) {
	t.Helper()
	if !bytes.Equal(a.AppendBinary(nil), b.AppendBinary(nil)) {
		t.Fatalf("%s: %d and %d locations at steps %d and %d differ", law, a.Len(), b.Len(), a.level, b.level)
	}
}

// checkLaws splits a stream into parts and merges them every way.
func checkLaws(t fataler, ms []message, to func() int, k int) {
	whole := feed(ms)
	split := make([][]message, k)
	for _, m := range ms {
		i := to()
		split[i] = append(split[i], m)
	}
	var parts []*Tree
	for _, s := range split {
		parts = append(parts, feed(s))
	}
	equal(t, "merged parts == whole", join(parts...), whole)
	back := slices.Clone(parts)
	slices.Reverse(back)
	equal(t, "parts backwards == whole", join(back...), whole)
	reversed := slices.Clone(ms)
	slices.Reverse(reversed)
	equal(t, "stream backwards == whole", feed(reversed), whole)
	if k >= 3 {
		equal(t, "(a+b)+c == a+(b+c)", join(join(parts[0], parts[1]), parts[2]), join(parts[0], join(parts[1], parts[2])))
	}
	equal(t, "a+0 == a", join(whole, New(seed)), whole)
	equal(t, "a+a == the stream twice", join(whole, whole), feed(append(slices.Clone(ms), ms...)))
	enc := whole.AppendBinary(nil)
	got, rest, err := Decode(append(slices.Clone(enc), 1), seed)
	if err != nil || len(rest) != 1 {
		t.Fatalf("decode: %v, %d left", err, len(rest))
	}
	equal(t, "decode(encode(a)) == a", got, whole)
	equal(t, "a decoded tree goes on", join(got, whole), join(whole, whole))
	if got.Len() != whole.Len() {
		t.Fatalf("%d locations after decoding, %d before", got.Len(), whole.Len())
	}
}

func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := rapid.SampledFrom([]int{1, 4, 12}).Draw(t, "width")
		ms := rapid.SliceOfN(messages(members), 0, 12).Draw(t, "messages")
		k := rapid.IntRange(1, 4).Draw(t, "parts")
		checkLaws(t, ms, func() int { return rapid.IntRange(0, k-1).Draw(t, "to") }, k)
	})
}

// The laws hold where the caps bite, too, and the caps hold.
func TestLawsAtTheCaps(t *testing.T) {
	for _, c := range []struct {
		name            string
		n, keys, fields int
		level           uint8
		most            int
	}{
		{"one wide object", 40, 10, 3, 0, 16*4 + 2},
		{"many locations", 120, 20, 4, 1, 8*5 + 2},
		{"very many", 400, 30, 3, 2, 4*4 + 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			ms := flood(c.n, c.keys, c.fields)
			i := 0
			checkLaws(t, ms, func() int { i++; return i * 7 % 5 % 3 }, 3)
			tree := feed(ms)
			if tree.level != c.level || tree.Len() > c.most {
				t.Errorf("step %d with %d locations, want %d and at most %d", tree.level, tree.Len(), c.level, c.most)
			}
			s := tree.Derive(Options{})
			if !s.Map || s.Additional == nil || s.Keys < 0.7*float64(c.n*c.keys) {
				t.Errorf("map %v with %g keys", s.Map, s.Keys)
			}
		})
	}
}

// A member evicted by its sibling within one message takes its own members with it.
func TestEvictedWithinMessage(t *testing.T) {
	var ms []message
	for i := range 3 {
		var m message
		root := m.add(-1, "", Leaf{Kind: KindObject})
		var members []int32
		for k := range 300 { // all members first, as a breadth-first walk gives them
			members = append(members, m.add(root, fmt.Sprint("k", i*50+k), Leaf{Kind: KindObject}))
		}
		for _, at := range members {
			m.add(at, "f", Leaf{Kind: KindNull})
		}
		ms = append(ms, m)
	}
	i := 0
	checkLaws(t, ms, func() int { i++; return i % 3 }, 3)
	tree := feed(ms)
	if tree.Len() != 1+16*2 {
		t.Errorf("%d locations", tree.Len())
	}
	if got, _, err := Decode(tree.AppendBinary(nil), seed); err != nil || got.Len() != tree.Len() {
		t.Errorf("a member without its parent is left over: %v", err)
	}
}

// An object below the last level that is kept forgets that it was wide.
func TestLawsBelowTheDepth(t *testing.T) {
	var ms []message
	for i := range 3 {
		var m message
		at := m.add(-1, "deep", Leaf{Kind: KindObject})
		for range 3 { // so that it is at the last level kept in the end
			at = m.add(at, "in", Leaf{Kind: KindObject})
		}
		for k := range 100 {
			m.add(at, fmt.Sprint("k", i*100+k), Leaf{Kind: KindNull})
		}
		ms = append(ms, m)
	}
	ms = append(ms, flood(400, 30, 3)...)
	i := 0
	checkLaws(t, ms, func() int { i++; return min(i/4, 1) }, 2)
	if tree := feed(ms); tree.level != lastLevel {
		t.Errorf("step %d", tree.level)
	}
}

// Deep and wide at once: bounded whatever comes.
func TestBounded(t *testing.T) {
	tree := New(seed)
	x := uint64(1)
	for range 30_000 {
		var m message
		at := int32(-1)
		for d := range 12 {
			x = sketch.Mix(x + 1)
			name := ""
			if d > 0 {
				name = fmt.Sprint(x % 12)
			}
			at = m.add(at, name, Leaf{Kind: KindObject})
		}
		m.by.Network = x
		m.observe(tree)
	}
	if tree.level != lastLevel || tree.Len() > 9*9*9*9 {
		t.Errorf("step %d with %d locations", tree.level, tree.Len())
	}
	if _, _, err := Decode(tree.AppendBinary(nil), seed); err != nil {
		t.Error(err)
	}
}
