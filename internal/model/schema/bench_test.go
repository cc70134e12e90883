package schema

import (
	"fmt"
	"math"
	"testing"

	"merlon/internal/model/dataclass"
	"merlon/internal/model/sketch"
)

// order is a message such as a shop's API answers: 3 objects, 1 array, 24 scalars.
func order(i uint64) message {
	var m message
	root := m.add(-1, "", Leaf{Kind: KindObject, Len: 12})
	str := func(parent int32, name string, c dataclass.Set, chars uint16, n uint32, token uint64) {
		m.add(parent, name, Leaf{Kind: KindString, Classes: uint64(c), Chars: chars, Len: n, Token: sketch.Mix(token)})
	}
	str(root, "id", 1<<dataclass.UUID, 17, 36, i)
	str(root, "status", 1<<dataclass.Word, 2, 6+uint32(i%3), i%5)
	str(root, "created", 1<<dataclass.DateTime, 321, 20, i)
	str(root, "note", 1<<dataclass.Text, 15, uint32(10+sketch.Mix(i)%200), i)
	str(root, "currency", 1<<dataclass.Currency|1<<dataclass.Word, 4, 3, i%4)
	m.add(root, "total", Leaf{Kind: KindNumber, Num: math.Exp(float64(sketch.Mix(i)%1000) / 150), Token: sketch.Mix(i)})
	m.add(root, "paid", Leaf{Kind: KindBool, Token: 1 + i%2})
	m.add(root, "discount", Leaf{Kind: KindNull})
	c := m.add(root, "customer", Leaf{Kind: KindObject, Len: 4})
	str(c, "email", 1<<dataclass.Email, 99, uint32(12+i%20), i)
	str(c, "name", 1<<dataclass.Text, 15, uint32(8+i%15), i%3000)
	m.add(c, "age", Leaf{Kind: KindInteger, Num: float64(18 + i%60), Token: sketch.Mix(i % 60)})
	str(c, "country", 1<<dataclass.Country|1<<dataclass.Word, 4, 2, i%30)
	items := m.add(root, "items", Leaf{Kind: KindArray, Len: 3})
	for k := range uint64(3) {
		at := m.add(items, "", Leaf{Kind: KindObject, Len: 4})
		str(at, "sku", 1<<dataclass.PrefixedID, 22, 9, i*3+k)
		m.add(at, "count", Leaf{Kind: KindInteger, Num: float64(1 + k), Token: sketch.Mix(k)})
		m.add(at, "price", Leaf{Kind: KindNumber, Num: float64(sketch.Mix(i+k)%9999) / 100, Token: sketch.Mix(i * k)})
		str(at, "kind", 1<<dataclass.Word, 2, 5, k)
	}
	m.by = Support{Network: sketch.Mix(i % 1000), Principal: sketch.Mix(i % 300), Strong: i%2 == 0, Bucket: uint32(i / 1000)}
	return m
}

func BenchmarkObserve(b *testing.B) {
	ms := make([]message, 512)
	for i := range ms {
		ms[i] = order(uint64(i) * 7919)
	}
	t := New(seed)
	for i := range 5000 {
		o := order(uint64(i))
		o.observe(t)
	}
	b.ReportAllocs()
	i, leaves := 0, 0
	for b.Loop() {
		m := &ms[i&511]
		m.observe(t)
		leaves += len(m.leaves)
		i++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(leaves), "ns/leaf")
	b.ReportMetric(float64(size(t))/float64(t.Len()), "B/location")
}

// A message full of members nobody wants must not cost much more than an ordinary one.
func BenchmarkObserveRefused(b *testing.B) {
	t := New(seed)
	ms := flood(300, 10, 3)
	for i := range ms {
		ms[i].observe(t)
	}
	i, leaves := 0, 0
	b.ReportAllocs()
	for b.Loop() {
		m := &ms[i%len(ms)]
		m.observe(t)
		leaves += len(m.leaves)
		i++
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(leaves), "ns/leaf")
}

func BenchmarkMerge(b *testing.B) {
	t, o := New(seed), New(seed)
	for i := range 3000 {
		m := order(uint64(i))
		m.observe(o)
	}
	b.ReportAllocs()
	for b.Loop() {
		t.Merge(o)
	}
}

func BenchmarkDerive(b *testing.B) {
	t := New(seed)
	for i := range 3000 {
		m := order(uint64(i))
		m.observe(t)
	}
	b.ReportAllocs()
	for b.Loop() {
		t.Derive(Options{})
	}
}

// size is what a tree takes in memory.
func size(t *Tree) int {
	n := len(t.table.slots)*16 + cap(t.nodes)*int(nodeSize) + cap(t.at)*4
	quantile := func(q *sketch.Quantile) {
		buckets := 0
		q.Buckets(func(float64, uint64) bool { buckets++; return true })
		n += buckets*4*5/4 + (buckets/4+1)*16
	}
	for i := range t.nodes {
		k := &t.nodes[i]
		n += 16*cap(k.values.Entries()) + 32*(cap(k.backers.Strong.Entries())+cap(k.backers.Weak.Entries()))
		if k.text != nil {
			n += 96 + 8*cap(k.text.hits)
			quantile(&k.text.lengths)
		}
		if k.number != nil {
			n += 80
			quantile(&k.number.sizes)
		}
		if k.inner != nil {
			n += 160 + 4*cap(k.inner.children)
			quantile(&k.inner.lengths)
		}
	}
	return n
}

func TestMemory(t *testing.T) {
	for _, c := range []struct {
		name  string
		mixed bool
		most  int
	}{{"callers of one strength", false, 1792}, {"both strengths", true, 2304}} {
		tree := New(seed)
		for i := range 20_000 {
			m := order(uint64(i))
			m.by.Strong = m.by.Strong || !c.mixed
			m.observe(tree)
		}
		per := size(tree) / tree.Len()
		t.Log(fmt.Sprint(c.name, ": ", per, " bytes a location, encoded ", len(tree.AppendBinary(nil))/tree.Len(), ", a node ", nodeSize))
		if per > c.most {
			t.Errorf("%s: %d bytes a location, want at most %d", c.name, per, c.most)
		}
		m := order(77)
		m.observe(tree)
		if a := testing.AllocsPerRun(100, func() { m.observe(tree) }); a != 0 {
			t.Errorf("%g allocations in steady state", a)
		}
	}
}
