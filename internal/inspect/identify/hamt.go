package identify

import "math/bits"

// table is a persistent hash map of K to V: with and without return a new map that shares all but one path with the old,
// which stays as it was. The zero value is empty. It is what makes one learned template cost microseconds among ten
// thousand: a Go map or a sorted slice would be copied whole. (Bagwell: Ideal Hash Trees, 2001.)
//
// The hash is the caller's; keys of equal hash share a leaf and are told apart by comparison.
type table[K comparable, V any] struct {
	root *branch[K, V]
	size int
}

// branch is an inner node: bit i of used says that one of its children stands for the hash fragment i.
type branch[K comparable, V any] struct {
	used     uint32
	children []child[K, V]
}

// child is an inner node, or a chain of entries of one hash.
type child[K comparable, V any] struct {
	hash  uint64
	inner *branch[K, V]
	entry *entry[K, V]
}

type entry[K comparable, V any] struct {
	key  K
	val  V
	next *entry[K, V]
}

const (
	fragment    = 5
	fragmentBit = 1<<fragment - 1
)

// chain returns the entries whose hash is h; the caller compares their keys.
func (t *table[K, V]) chain(h uint64) *entry[K, V] {
	b := t.root
	for shift := uint(0); b != nil; shift += fragment {
		bit := uint32(1) << (h >> shift & fragmentBit)
		if b.used&bit == 0 {
			return nil
		}
		c := &b.children[bits.OnesCount32(b.used&(bit-1))]
		if c.inner == nil {
			if c.hash == h {
				return c.entry
			}
			return nil
		}
		b = c.inner
	}
	return nil
}

// find returns the value of key, whose hash is h.
func (t *table[K, V]) find(h uint64, key K) (v V, ok bool) {
	for e := t.chain(h); e != nil; e = e.next {
		if e.key == key {
			return e.val, true
		}
	}
	return v, false
}

// with returns t with key, whose hash is h, set to v.
func (t table[K, V]) with(h uint64, key K, v V) table[K, V] {
	_, had := t.find(h, key)
	root := t.root
	if root == nil {
		root = &branch[K, V]{}
	}
	t.root = root.with(h, key, v, 0)
	if !had {
		t.size++
	}
	return t
}

func (b *branch[K, V]) with(h uint64, key K, v V, shift uint) *branch[K, V] {
	bit := uint32(1) << (h >> shift & fragmentBit)
	at := bits.OnesCount32(b.used & (bit - 1))
	n := &branch[K, V]{used: b.used | bit}
	if b.used&bit == 0 {
		n.children = make([]child[K, V], len(b.children)+1)
		copy(n.children, b.children[:at])
		copy(n.children[at+1:], b.children[at:])
		n.children[at] = child[K, V]{hash: h, entry: &entry[K, V]{key: key, val: v}}
		return n
	}
	n.children = append([]child[K, V](nil), b.children...)
	c := &n.children[at]
	switch {
	case c.inner != nil:
		c.inner = c.inner.with(h, key, v, shift+fragment)
	case c.hash == h:
		c.entry = &entry[K, V]{key: key, val: v, next: c.entry.without(key)}
	default: // two hashes that begin alike move one level down
		old := *c
		down := &branch[K, V]{used: 1 << (old.hash >> (shift + fragment) & fragmentBit), children: []child[K, V]{old}}
		*c = child[K, V]{inner: down.with(h, key, v, shift+fragment)}
	}
	return n
}

// without returns the chain without key.
func (e *entry[K, V]) without(key K) *entry[K, V] {
	if e == nil {
		return nil
	}
	if e.key == key {
		return e.next
	}
	rest := e.next.without(key)
	if rest == e.next {
		return e
	}
	return &entry[K, V]{key: e.key, val: e.val, next: rest}
}

// without returns t without key, whose hash is h.
func (t table[K, V]) without(h uint64, key K) table[K, V] {
	if _, had := t.find(h, key); !had {
		return t
	}
	t.root = t.root.without(h, key, 0)
	t.size--
	return t
}

func (b *branch[K, V]) without(h uint64, key K, shift uint) *branch[K, V] {
	bit := uint32(1) << (h >> shift & fragmentBit)
	at := bits.OnesCount32(b.used & (bit - 1))
	n := &branch[K, V]{used: b.used, children: append([]child[K, V](nil), b.children...)}
	c := &n.children[at]
	gone := false
	if c.inner != nil {
		c.inner = c.inner.without(h, key, shift+fragment)
		gone = c.inner == nil
	} else {
		c.entry = c.entry.without(key)
		gone = c.entry == nil
	}
	if gone {
		n.used &^= bit
		n.children = append(n.children[:at], n.children[at+1:]...)
		if n.used == 0 {
			return nil
		}
	}
	return n
}

// each calls f for every entry until it returns false, in no order that may be relied on.
func (t *table[K, V]) each(f func(K, V) bool) {
	if t.root != nil {
		t.root.each(f)
	}
}

func (b *branch[K, V]) each(f func(K, V) bool) bool {
	for i := range b.children {
		if in := b.children[i].inner; in != nil {
			if !in.each(f) {
				return false
			}
			continue
		}
		for e := b.children[i].entry; e != nil; e = e.next {
			if !f(e.key, e.val) {
				return false
			}
		}
	}
	return true
}
