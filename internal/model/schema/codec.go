package schema

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"math/bits"

	"merlon/internal/model/sketch"
)

// Every encoding begins with kind and version.
const (
	kindTree = 0xe1
	version  = 1
)

// Marks of an encoded node.
const (
	hasText = 1 << iota
	hasNumber
	hasInner
	hasElement
	isWide
)

// AppendBinary appends the canonical encoding: equal states give equal bytes.
// The seed is not part of it.
func (t *Tree) AppendBinary(b []byte) []byte {
	b = append(b, kindTree, version)
	b = t.seen.AppendBinary(b)
	return t.appendNode(b, 0)
}

func (t *Tree) appendNode(b []byte, at int32) []byte {
	n := &t.nodes[at]
	b = binary.BigEndian.AppendUint64(b, n.loc)
	b = binary.AppendUvarint(b, uint64(len(n.name)))
	b = append(b, n.name...)
	marks := byte(0)
	if n.text != nil {
		marks |= hasText
	}
	if n.number != nil {
		marks |= hasNumber
	}
	if in := n.inner; in != nil {
		marks |= hasInner
		if in.element != 0 {
			marks |= hasElement
		}
		if in.wide {
			marks |= isWide
		}
	}
	b = append(b, marks)
	b = binary.AppendUvarint(b, n.present)
	for _, c := range n.kinds {
		b = binary.AppendUvarint(b, c)
	}
	b = n.values.AppendBinary(b, appendValue)
	b = n.backers.appendBinary(b)
	if p := n.text; p != nil {
		b = p.lengths.AppendBinary(b)
		b = binary.AppendUvarint(b, uint64(p.chars))
		b = binary.AppendUvarint(b, p.classes)
		for _, c := range p.hits {
			b = binary.AppendUvarint(b, c)
		}
	}
	if p := n.number; p != nil {
		b = p.sizes.AppendBinary(b)
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(p.min))
		b = binary.BigEndian.AppendUint64(b, math.Float64bits(p.max))
	}
	if p := n.inner; p != nil {
		b = binary.AppendUvarint(b, p.whole)
		b = p.lengths.AppendBinary(b)
		if p.wide {
			b = p.keys.AppendBinary(b)
		}
		b = binary.AppendUvarint(b, uint64(len(p.children)))
		for _, k := range p.children {
			b = t.appendNode(b, k)
		}
		if p.element != 0 {
			b = t.appendNode(b, p.element)
		}
	}
	return b
}

// Decode reads one encoding of a tree with the given seed and returns what
// follows it. Hostile bytes give an error or a tree within the caps.
func Decode(b []byte, seed uint64) (*Tree, []byte, error) {
	if len(b) < 2 || b[0] != kindTree || b[1] == 0 {
		return nil, nil, fmt.Errorf("%w: not a tree", ErrDamaged)
	}
	if b[1] > version {
		return nil, nil, fmt.Errorf("%w: tree version %d, known is %d", ErrNewer, b[1], version)
	}
	t := New(seed)
	t.nodes = t.nodes[:0]
	seen, b, err := sketch.DecodeDistinct(b[2:])
	if err != nil {
		return nil, nil, wrap(err)
	}
	t.seen.Merge(&seen)
	t.level = t.due()
	d := decoder{t: t, b: b}
	d.node(-1, 0, false)
	if d.err != nil {
		return nil, nil, d.err
	}
	return t, d.b, nil
}

// wrap turns an error of a sketch into one of this package.
func wrap(err error) error {
	if errors.Is(err, sketch.ErrNewer) {
		return fmt.Errorf("%w: %w", ErrNewer, err)
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// decoder consumes an encoding; the first error sticks.
type decoder struct {
	t   *Tree
	b   []byte
	err error
}

func (d *decoder) fail(what string) {
	if d.err == nil {
		d.err = fmt.Errorf("%w: %s", ErrDamaged, what)
	}
	d.b = nil
}

func (d *decoder) uvarint() uint64 {
	v, n := binary.Uvarint(d.b)
	if n <= 0 {
		d.fail("number")
		return 0
	}
	d.b = d.b[n:]
	return v
}

func (d *decoder) uint64() uint64 {
	if len(d.b) < 8 {
		d.fail("word")
		return 0
	}
	v := binary.BigEndian.Uint64(d.b)
	d.b = d.b[8:]
	return v
}

func (d *decoder) quantile() sketch.Quantile {
	q, rest, err := sketch.DecodeQuantile(d.b)
	if d.err == nil && err != nil {
		d.err = wrap(err)
	}
	d.b = rest
	return q
}

// node reads a node and all below it, and returns its index.
func (d *decoder) node(parent int32, depth uint8, element bool) int32 {
	t := d.t
	loc := d.uint64()
	size := d.uvarint()
	if d.err != nil || size > maxName || size >= uint64(len(d.b)) || len(t.nodes) > maxNodes {
		d.fail("node")
		return 0
	}
	n := t.blank(loc, string(d.b[:size]), parent, depth)
	n.element = element
	marks := d.b[size]
	d.b = d.b[size+1:]
	d.content(&n, marks)
	if d.err != nil {
		return 0
	}
	at := int32(len(t.nodes))
	if at > 0 && (loc == 0 || t.table.find(loc) > 0) {
		d.fail("location twice")
		return 0
	}
	t.nodes = append(t.nodes, n)
	if at > 0 {
		t.table.put(loc, at)
	}
	if n.inner != nil {
		d.inner(at, n.inner, marks, depth)
	}
	return at
}

// content reads what does not depend on the place in the tree.
func (d *decoder) content(n *node, marks byte) {
	if marks > hasText|hasNumber|hasInner|hasElement|isWide || marks&hasInner == 0 && (marks&(hasElement|isWide) != 0 || n.parent < 0) {
		d.fail("marks")
		return
	}
	n.present = d.uvarint()
	for k := range n.kinds {
		n.kinds[k] = d.uvarint()
	}
	if d.err != nil {
		return
	}
	var err error
	if n.values, d.b, err = sketch.DecodeFewOfMany(d.b, valueSample, openSample, 2, takeValue); err != nil {
		d.err = wrap(err)
		return
	}
	if d.b, err = n.backers.decode(d.b); err != nil {
		d.err = wrap(err)
		return
	}
	if marks&hasText != 0 {
		p := &textPart{lengths: d.quantile()}
		p.chars = uint16(d.uvarint())
		p.classes = d.uvarint()
		if d.err == nil && p.classes != 0 {
			p.hits = make([]uint64, bits.OnesCount64(p.classes))
		}
		for i := range p.hits {
			p.hits[i] = d.uvarint()
		}
		n.text = p
	}
	if marks&hasNumber != 0 {
		n.number = &numberPart{
			sizes: d.quantile(), min: math.Float64frombits(d.uint64()), max: math.Float64frombits(d.uint64()),
		}
		if !(n.number.min <= n.number.max) {
			d.fail("bounds")
		}
	}
	if marks&hasInner != 0 && d.err == nil {
		n.inner = &innerPart{whole: d.uvarint(), wide: marks&isWide != 0, lengths: d.quantile()}
		if n.inner.wide && d.err == nil {
			if n.inner.keys, d.b, err = sketch.DecodeDistinct(d.b); err != nil {
				d.err = wrap(err)
			}
		}
	}
}

// inner reads the children, which must lie within the caps and be in order.
func (d *decoder) inner(at int32, in *innerPart, marks byte, depth uint8) {
	c := capsAt(d.t.level)
	limit := c.wide
	if in.wide {
		limit = c.few
	}
	count := d.uvarint()
	if count > uint64(limit) || depth >= c.depth && (count > 0 || marks&(hasElement|isWide) != 0) {
		d.fail("more members than the caps allow")
	}
	for i := uint64(0); i < count && d.err == nil; i++ {
		k := d.node(at, depth+1, false)
		if n := len(in.children); d.err == nil && n > 0 &&
			d.t.rank(d.t.nodes[in.children[n-1]].loc) >= d.t.rank(d.t.nodes[k].loc) {
			d.fail("order of members; is the seed of another site?")
		}
		in.children = append(in.children, k)
	}
	if marks&hasElement != 0 && d.err == nil {
		in.element = d.node(at, depth+1, true)
	}
}

func appendValue(b []byte, v Value) []byte {
	b = binary.AppendUvarint(b, uint64(v.Count))
	return binary.AppendUvarint(b, uint64(v.Who))
}

func takeValue(b []byte) (v Value, rest []byte, ok bool) {
	c, n := binary.Uvarint(b)
	if n <= 0 || c > math.MaxUint32 {
		return v, nil, false
	}
	w, m := binary.Uvarint(b[n:])
	if m <= 0 || w > math.MaxUint32 {
		return v, nil, false
	}
	return Value{uint32(c), uint32(w)}, b[n+m:], true
}
