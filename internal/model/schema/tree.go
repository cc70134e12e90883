package schema

import (
	"unicode/utf8"

	"merlon/internal/model/sketch"
)

// maxName bounds a stored member name; a longer one is cut, its location still tells it apart.
const maxName = 128

// Tree accumulates the shape of one message: a body, or the parameters of one
// part. Make one per endpoint, part, media type and status class.
//
// Its root is the message itself, counted once per Observe; named roots of the
// observations (parameters) are its members, a nameless one is the body.
//
// Memory is bounded by caps that depend on what came, never on its order (see
// caps.go): some 8,000 locations in the ordinary case.
// Not safe for concurrent use.
type Tree struct {
	seed  uint64
	nodes []node // nodes[0] is the message
	free  []int32
	table table
	seen  sketch.Distinct // locations that ever came, kept or not
	level uint8           // how much the caps are tightened, from seen
	at    []int32         // scratch: the node of each leaf
}

// New gives an empty tree. seed is secret to the site and the same on all its
// nodes: it decides which members of too wide an object are kept.
func New(seed uint64) *Tree {
	t := &Tree{seed: seed, seen: sketch.MakeDistinct(sketch.MinPrecision)}
	t.nodes = append(t.nodes, t.blank(0, "", -1, 0))
	t.nodes[0].inner = new(innerPart)
	return t
}

func (t *Tree) blank(loc uint64, name string, parent int32, depth uint8) node {
	return node{
		loc: loc, name: name, parent: parent, depth: depth,
		values: sketch.MakeFewOfMany[Value](valueSample, openSample), backers: makeSupporters(),
	}
}

// Observe adds one message: its leaves, parents before children, names in the
// arena names. In steady state it does not allocate.
func (t *Tree) Observe(leaves []Leaf, names []byte, by Support) {
	m := &t.nodes[0]
	m.kinds[KindObject]++
	if !by.Partial {
		m.inner.whole++
	}
	m.backers.add(&by)
	who := by.Network
	if by.Strong {
		who = by.Principal
	}
	bit := uint32(1) << (sketch.Mix(who) & 31)
	t.at = t.at[:0]
	for i := range leaves {
		l := &leaves[i]
		at := t.table.find(l.Loc)
		if at <= 0 {
			at = t.admitLeaf(leaves, i, names)
		}
		t.at = append(t.at, at)
		if at > 0 {
			t.nodes[at].observe(l, &by, bit)
		}
	}
}

// admitLeaf makes the node of a leaf whose location is new, or says 0 if the caps refuse it.
func (t *Tree) admitLeaf(leaves []Leaf, i int, names []byte) int32 {
	l := &leaves[i]
	if l.Loc == 0 {
		return 0
	}
	t.note(l.Loc)
	parent, element := int32(0), l.NameLen == 0
	if l.Parent >= 0 {
		if int(l.Parent) >= i {
			return 0
		}
		p := &leaves[l.Parent]
		parent, element = t.at[l.Parent], p.Kind == KindArray
		// The parent may have been refused, or evicted since by a sibling.
		if parent <= 0 || t.nodes[parent].dead || t.nodes[parent].loc != p.Loc {
			return 0
		}
	}
	var name []byte
	if end := uint64(l.NameOff) + uint64(l.NameLen); !element && end <= uint64(len(names)) {
		name = cutName(names[l.NameOff:end])
	}
	return t.admit(parent, l.Loc, name, element)
}

func cutName(name []byte) []byte {
	if len(name) <= maxName {
		return name
	}
	n := maxName
	for n > 0 && !utf8.RuneStart(name[n]) {
		n--
	}
	return name[:n]
}

// Messages returns how many messages were observed.
func (t *Tree) Messages() uint64 { return t.nodes[0].kinds[KindObject] }

// Len returns how many locations are kept.
func (t *Tree) Len() int { return len(t.nodes) - len(t.free) - 1 }

// Merge adds everything o saw; o stays as it is. Both must have the same seed.
func (t *Tree) Merge(o *Tree) {
	t.seen.Merge(&o.seen)
	t.tighten()
	t.mergeNode(0, o, 0)
}

// mergeNode adds o's node from to the node at. First all children of o are
// offered, and only then merged into those that stayed, because an offer may
// evict.
func (t *Tree) mergeNode(at int32, o *Tree, from int32) {
	src := &o.nodes[from]
	t.nodes[at].mergeContent(src)
	in := src.inner
	if in == nil {
		return
	}
	if in.wide && t.nodes[at].depth < capsAt(t.level).depth {
		t.narrow(at)
		t.nodes[at].inner.keys.Merge(&in.keys)
	}
	for _, c := range in.children {
		k := &o.nodes[c]
		if t.table.find(k.loc) <= 0 {
			t.admit(at, k.loc, []byte(k.name), false)
		}
	}
	if c := in.element; c != 0 {
		if k := &o.nodes[c]; t.table.find(k.loc) <= 0 {
			t.admit(at, k.loc, nil, true)
		}
	}
	for _, c := range in.children {
		t.mergeChild(at, o, c)
	}
	if in.element != 0 {
		t.mergeChild(at, o, in.element)
	}
}

// mergeChild goes down, unless the child was refused or its location means something else here.
func (t *Tree) mergeChild(at int32, o *Tree, c int32) {
	k := &o.nodes[c]
	if to := t.table.find(k.loc); to > 0 && t.nodes[to].parent == at {
		t.mergeNode(to, o, c)
	}
}
