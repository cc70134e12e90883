package hpack

// table is a dynamic table (RFC 7541 section 2.3.2): the bytes of its fields stand one after the other in an arena of at
// most twice its size, so that they are moved to the front once for every size bytes added; a ring says where each begins.
type table struct {
	arena  []byte
	ring   []entry // a power of two long
	oldest uint32  // number of the oldest field kept
	next   uint32  // number of the field added next; numbers run on and may wrap
	size   int     // as counted by section 4.1
	max    int     // size is at most this
	tail   int     // first free byte of the arena
}

// entry is where a field stands: the name, and the value right behind it.
type entry struct {
	offset, name, value uint32
}

// begin empties the table and gives it a size. Memory is kept.
func (t *table) begin(size int) {
	t.oldest, t.next, t.size, t.tail, t.max = 0, 0, 0, 0, size
}

// len is the number of fields kept.
func (t *table) len() uint32 { return t.next - t.oldest }

// at returns a field by its age: 1 is the newest, len the oldest. The slices stand until the next add.
func (t *table) at(age uint32) (name, value []byte) {
	e := t.ring[(t.next-age)&uint32(len(t.ring)-1)]
	middle := e.offset + e.name
	end := middle + e.value
	return t.arena[e.offset:middle:middle], t.arena[middle:end:end]
}

// resize sets the size, and drops what it has no room for.
func (t *table) resize(size int) {
	t.max = size
	t.evict(size)
}

// evict drops the oldest fields until no more than size is kept.
func (t *table) evict(size int) {
	for t.size > size {
		e := &t.ring[t.oldest&uint32(len(t.ring)-1)]
		t.size -= int(e.name+e.value) + overhead
		t.oldest++
	}
}

// add adds a field as the newest. One that is larger than the table leaves it empty (RFC 7541 section 4.4). Name and value
// must not stand in the arena.
func (t *table) add(name, value []byte) {
	n := len(name) + len(value)
	if n > t.max-overhead {
		t.evict(0)
		return
	}
	t.evict(t.max - overhead - n)
	if t.tail+n > len(t.arena) {
		t.makeRoom(n)
	}
	if int(t.len()) == len(t.ring) {
		t.growRing()
	}
	t.ring[t.next&uint32(len(t.ring)-1)] = entry{uint32(t.tail), uint32(len(name)), uint32(len(value))}
	t.tail += copy(t.arena[t.tail:], name)
	t.tail += copy(t.arena[t.tail:], value)
	t.next++
	t.size += n + overhead
}

// makeRoom moves what is kept to the front, of a larger arena where it fills half of the old one.
func (t *table) makeRoom(n int) {
	kept := t.arena[:0]
	first := uint32(0)
	if t.len() > 0 {
		first = t.ring[t.oldest&uint32(len(t.ring)-1)].offset
		kept = t.arena[first:t.tail]
	}
	arena := t.arena
	if need := 2 * (len(kept) + n); need > len(arena) {
		arena = make([]byte, min(max(need, 2*len(arena), 512), 2*t.max))
	}
	t.tail = copy(arena, kept)
	t.arena = arena
	for i := t.oldest; i != t.next; i++ {
		t.ring[i&uint32(len(t.ring)-1)].offset -= first
	}
}

// growRing doubles the ring.
func (t *table) growRing() {
	ring := make([]entry, max(16, 2*len(t.ring)))
	for i := t.oldest; i != t.next; i++ {
		ring[i&uint32(len(ring)-1)] = t.ring[i&uint32(len(t.ring)-1)]
	}
	t.ring = ring
}
