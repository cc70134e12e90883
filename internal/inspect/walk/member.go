package walk

import (
	"encoding/binary"

	"merlon/internal/model/exchange"
)

// memberCache remembers the members that messages had, by place and name, and what followed what. Bodies of one API have
// few shapes, so that the next member is nearly always the one that came next the last time: comparing its name with the
// text costs less than finding where the name ends, hashing and judging it (BenchmarkStages in enforce/engine).
// Whatever is remembered is compared before it is used, so that nothing a caller sends can stand for anything else.
type memberCache [cachedMembers + int(exchange.NumParts) + 1]member

const (
	cachedMembers = memberWays << memberSetBits
	memberWays    = 4
	memberSetBits = 7
	// Behind the members stand the roots of the parts, and one that is nobody: for what has no member of its own.
	nobody = uint16(cachedMembers) + uint16(exchange.NumParts)
	// unseen is the index of no leaf.
	unseen = ^uint16(0)
)

// member is one member, parameter or field: 64 bytes, a cache line.
type member struct {
	parent uint64 // location of what holds it
	loc    uint64
	tag    uint64 // message and container in which it was last seen
	name   [maxMember]byte
	length uint8
	traits traits
	next   uint16 // the member that followed it
	first  uint16 // the first member of the object it holds, or of the objects in its array
	last   uint16 // its last leaf in the message of tag
	elem   uint16 // the last element's leaf of the array it holds
}

// maxMember is the longest name remembered.
const maxMember = 29

// rootOf is the index of a part's root.
func rootOf(p exchange.Part) uint16 { return cachedMembers + uint16(p) }

// visit marks the member as seen in a container of the message at hand, and tells whether it was seen there before.
func (m *member) visit(message uint32, container int32) (again bool) {
	tag := uint64(message)<<32 | uint64(uint32(container))
	if m.tag>>32 != uint64(message) {
		m.last, m.elem = unseen, unseen
	}
	again = m.tag == tag
	m.tag = tag
	return again
}

// since notes leaf n in *last and returns how far back the one before is, 0 for none.
func since(last *uint16, n int) uint16 {
	before := *last
	if n >= int(unseen) {
		return 0
	}
	*last = uint16(n)
	if before == unseen {
		return 0
	}
	return uint16(n) - before
}

// is tells whether the text at b[i:] is the member's name and a quote behind it.
func (m *member) is(b []byte, i int) bool {
	n := int(m.length)
	if i+maxMember >= len(b) || b[i+n] != '"' {
		return i+n < len(b) && b[i+n] == '"' && string(b[i:i+n]) == string(m.name[:n])
	}
	x := binary.LittleEndian.Uint64(b[i:]) ^ binary.LittleEndian.Uint64(m.name[:])
	switch {
	case n < 8:
		return x<<(64-8*uint(n)) == 0 // a shift by 64, of an empty name, leaves nothing to differ
	case n <= 16:
		return x == 0 && binary.LittleEndian.Uint64(b[i+n-8:]) == binary.LittleEndian.Uint64(m.name[n-8:])
	}
	return x == 0 && string(b[i+8:i+n]) == string(m.name[8:n])
}

// plain tells whether a name stands in JSON as it is.
func plain(name []byte) bool {
	for _, c := range name {
		if c < ' ' || c >= 0x7f || c == '"' || c == '\\' {
			return false
		}
	}
	return true
}

// member finds the member called name in the container with that location and leaf: its location and traits, its index
// in the cache, and whether the container had it before.
func (w *Walker) member(parent uint64, container int32, name []byte) (loc uint64, t traits, at uint16, again bool) {
	if len(name) > maxMember {
		loc, own, t := w.names.look(parent, name)
		return loc, t, nobody, w.twice(container, own)
	}
	own := exchange.MemberLoc(parent, name)
	set := uint16((own^w.seen.seed)*0x9e3779b97f4a7c15>>(64-memberSetBits)) * memberWays
	oldest := ^uint32(0)
	for i := set; i < set+memberWays; i++ {
		m := &w.members[i]
		if m.parent == parent && string(m.name[:m.length]) == string(name) && m.traits&nameKnown != 0 {
			return m.loc, m.traits &^ cacheTraits, i, m.visit(w.message, container)
		}
		if message := uint32(m.tag >> 32); message < oldest {
			at, oldest = i, message
		}
	}
	m := &w.members[at]
	if oldest == w.message {
		// Its place is taken in the message that has it: seen remembers it instead.
		w.seen.add(exchange.MemberLoc(m.parent, m.name[:m.length]) ^ uint64(uint32(m.tag))*containerMix)
		w.moved = true
	}
	*m = member{parent: parent, length: uint8(len(name)), next: nobody, first: nobody}
	copy(m.name[:], name)
	m.loc, _, m.traits = w.names.look(parent, name)
	t = m.traits
	if m.traits |= nameKnown; plain(name) {
		m.traits |= namePlain
	}
	m.visit(w.message, container)
	return m.loc, t, at, w.moved && w.twice(container, own)
}

// flagsOf is what a leaf is marked with for its name.
func flagsOf(t traits, again bool) (f exchange.LeafFlag) {
	if t&nameTyped != 0 {
		f = exchange.LeafTypedName
	}
	if again {
		f |= exchange.LeafDuplicate
	}
	return f
}

// repeated is how far back the last leaf of the member's location is, for the leaf that comes next. Names that are values
// share their location with others, which have leaves too.
func (w *Walker) repeated(at uint16) uint16 {
	m := &w.members[at]
	if at >= cachedMembers || m.traits&nameTyped != 0 {
		return 0
	}
	return since(&m.last, len(w.leaves))
}
