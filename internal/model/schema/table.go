package schema

// table finds the node of a location: open addressing with linear probing. One
// multiplication and usually one cache line, where a Go map takes twice as long.
type table struct {
	slots []slot // power of two, at most 3/4 used
	used  int
	shift uint8
}

type slot struct {
	loc  uint64
	node int32 // 0 is empty
}

func (t *table) home(loc uint64) uint64 { return loc * 0x9e3779b97f4a7c15 >> t.shift }

// find returns the node of loc, 0 if there is none.
func (t *table) find(loc uint64) int32 {
	if len(t.slots) == 0 {
		return 0
	}
	mask := uint64(len(t.slots) - 1)
	for i := t.home(loc); ; i++ {
		s := &t.slots[i&mask]
		if s.loc == loc || s.node == 0 {
			return s.node
		}
	}
}

func (t *table) put(loc uint64, n int32) {
	if 4*(t.used+1) > 3*len(t.slots) {
		t.grow()
	}
	mask := uint64(len(t.slots) - 1)
	i := t.home(loc)
	for t.slots[i&mask].node != 0 {
		i++
	}
	t.slots[i&mask] = slot{loc, n}
	t.used++
}

func (t *table) grow() {
	old := t.slots
	t.slots = make([]slot, max(8, 2*len(old)))
	t.shift = 64
	for n := len(t.slots); n > 1; n >>= 1 {
		t.shift--
	}
	t.used = 0
	for _, s := range old {
		if s.node != 0 {
			t.put(s.loc, s.node)
		}
	}
}

// remove takes loc out and closes the gap, so that no tombstones pile up.
func (t *table) remove(loc uint64) {
	if len(t.slots) == 0 {
		return
	}
	mask := uint64(len(t.slots) - 1)
	i := t.home(loc) & mask
	for t.slots[i].loc != loc {
		if t.slots[i].node == 0 {
			return
		}
		i = (i + 1) & mask
	}
	t.used--
	for j := i; ; {
		t.slots[i] = slot{}
		for {
			j = (j + 1) & mask
			if t.slots[j].node == 0 {
				return
			}
			// Move j into the hole unless its home lies cyclically in (i, j].
			if h := t.home(t.slots[j].loc) & mask; (j-h)&mask >= (j-i)&mask {
				break
			}
		}
		t.slots[i] = t.slots[j]
		i = j
	}
}
