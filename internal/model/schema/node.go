package schema

import (
	"math"
	"math/bits"
	"slices"

	"merlon/internal/model/dataclass"
	"merlon/internal/model/sketch"
)

// valueSample is how many different values of a location are counted exactly (an
// enum has at most 50); of a location with more only openSample are kept, which
// still tell about how many there are, give or take a quarter.
const (
	valueSample = 64
	openSample  = 16
)

// Value is what is known of one value of a location.
type Value struct {
	Count uint32 // saturates
	// Who has one bit per supporter, by hash modulo 32: at most so many different ones.
	Who uint32
}

// Supporters returns about how many different supporters gave the value (linear counting, up to some 60).
func (v Value) Supporters() int {
	empty := 32 - bits.OnesCount32(v.Who)
	if empty == 0 {
		return 64
	}
	return int(math.Round(-32 * math.Log(float64(empty)/32)))
}

func joinValue(dst *Value, src Value) {
	dst.Count += min(src.Count, math.MaxUint32-dst.Count)
	dst.Who |= src.Who
}

// node is everything known of one location. Parts that a kind of value needs
// are made when the first such value comes. A typical scalar takes 0.5-2 KiB.
type node struct {
	loc     uint64
	name    string
	parent  int32
	depth   uint8
	element bool // of an array, or a body's root: no key of its parent
	dead    bool // on the free list
	// present counts the wholly walked parents that had this member.
	present uint64
	kinds   [kindCount]uint64
	values  sketch.BottomK[Value]
	backers Supporters
	text    *textPart
	number  *numberPart
	inner   *innerPart
}

// textPart describes the strings of a location.
type textPart struct {
	lengths sketch.Quantile
	classes uint64   // recognisers that ever hit
	hits    []uint64 // how often, one for each bit of classes, lowest first
	chars   uint16
}

// numberPart describes its numbers, and strings that are plain integers.
type numberPart struct {
	sizes    sketch.Quantile
	min, max float64
}

// innerPart describes its objects and arrays.
type innerPart struct {
	whole    uint64 // objects walked to their end
	lengths  sketch.Quantile
	children []int32 // ascending by rank
	element  int32   // node of the elements, 0 if none
	wide     bool    // more members than the limit came: children is a sample
	keys     sketch.Distinct
}

func (n *node) count() uint64 {
	t := uint64(0)
	for _, c := range n.kinds {
		t += c
	}
	return t
}

// observe adds one leaf. who is one bit that stands for the supporter.
func (n *node) observe(l *Leaf, by *Support, who uint32) {
	n.kinds[l.Kind%kindCount]++
	if !l.Dup && !by.Partial {
		n.present++
	}
	n.backers.add(by)
	if l.Token != 0 {
		if v := n.values.Slot(l.Token); v != nil {
			if v.Count != math.MaxUint32 {
				v.Count++
			}
			v.Who |= who
		}
	}
	switch l.Kind {
	case KindString:
		n.observeText(l)
	case KindInteger, KindNumber:
		n.observeNumber(l.Num)
	case KindObject, KindArray:
		if n.inner == nil {
			n.inner = new(innerPart)
		}
		if l.Kind == KindArray {
			n.inner.lengths.Add(float64(l.Len))
		} else if !by.Partial {
			n.inner.whole++
		}
	}
}

func (n *node) observeText(l *Leaf) {
	t := n.text
	if t == nil {
		t = new(textPart)
		n.text = t
	}
	t.lengths.Add(float64(l.Len))
	t.chars |= l.Chars
	if l.Classes&^t.classes != 0 {
		t.widen(l.Classes)
	}
	if l.Classes == t.classes {
		for i := range t.hits {
			t.hits[i]++
		}
	} else {
		for m := l.Classes; m != 0; m &= m - 1 {
			t.hits[bits.OnesCount64(t.classes&(m&-m-1))]++
		}
	}
	if l.Classes&uint64(dataclass.Int.Set()) != 0 && l.Len <= 16 {
		n.observeNumber(l.Num)
	}
}

// widen makes room for the counters of new classes.
func (t *textPart) widen(classes uint64) {
	for m := classes &^ t.classes; m != 0; m &= m - 1 {
		bit := m & -m
		t.hits = slices.Insert(t.hits, bits.OnesCount64(t.classes&(bit-1)), 0)
		t.classes |= bit
	}
}

func (n *node) observeNumber(x float64) {
	if x != x {
		return
	}
	p := n.number
	if p == nil {
		p = &numberPart{min: x, max: x}
		n.number = p
	}
	p.sizes.Add(x)
	p.min, p.max = min(p.min, x), max(p.max, x)
}

// mergeContent adds all of o but its place in the tree and its children.
func (n *node) mergeContent(o *node) {
	if o.name < n.name {
		n.name = o.name // they differ only when two paths collide
	}
	n.present += o.present
	for k, c := range o.kinds {
		n.kinds[k] += c
	}
	n.values.Merge(&o.values, joinValue)
	n.backers.merge(&o.backers)
	if p := o.text; p != nil {
		if n.text == nil {
			n.text = new(textPart)
		}
		n.text.lengths.Merge(&p.lengths)
		n.text.chars |= p.chars
		n.text.widen(p.classes)
		for m, i := p.classes, 0; m != 0; m, i = m&(m-1), i+1 {
			n.text.hits[bits.OnesCount64(n.text.classes&(m&-m-1))] += p.hits[i]
		}
	}
	if p := o.number; p != nil {
		if n.number == nil {
			n.number = &numberPart{min: p.min, max: p.max}
		}
		n.number.sizes.Merge(&p.sizes)
		n.number.min, n.number.max = min(n.number.min, p.min), max(n.number.max, p.max)
	}
	if p := o.inner; p != nil {
		if n.inner == nil {
			n.inner = new(innerPart)
		}
		n.inner.whole += p.whole
		n.inner.lengths.Merge(&p.lengths)
	}
}
