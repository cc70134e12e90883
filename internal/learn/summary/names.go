package summary

import (
	"slices"
	"strings"
	"unicode/utf8"
)

// MaxNames is how many User-Agent products keep their name; those of the smallest hashes stay.
const MaxNames = 1024

const maxProduct = 40

// Names is a bounded table from hash to text.
type Names struct {
	m   map[uint64]string
	top maxHeap
}

// Of gives the name of a hash, empty when it is not kept.
func (n *Names) Of(h uint64) string { return n.m[h] }

func (n *Names) add(h uint64, name []byte) {
	if _, ok := n.m[h]; ok {
		return
	}
	n.put(h, validText(name))
}

func (n *Names) put(h uint64, name string) {
	if old, ok := n.m[h]; ok {
		n.m[h] = min(old, name)
		return
	}
	if len(n.m) >= MaxNames {
		if h > n.top[0] {
			return
		}
		delete(n.m, n.top.pop())
	}
	if n.m == nil {
		n.m = make(map[uint64]string)
	}
	n.m[h] = name
	n.top.push(h)
}

func (n *Names) hashes() []uint64 {
	out := slices.Clone(n.top)
	slices.Sort(out)
	return out
}

func (n *Names) merge(o *Names) {
	for _, h := range o.hashes() {
		n.put(h, o.m[h])
	}
}

func (n *Names) append(b []byte) []byte {
	hs := n.hashes()
	b = appendUvarint(b, uint64(len(hs)))
	for _, h := range hs {
		b = appendString(appendU64(b, h), n.m[h])
	}
	return b
}

func (n *Names) read(r *reader) {
	last := uint64(0)
	for i := range r.count(MaxNames, 9) {
		h, s := r.u64(), r.text(maxProduct)
		if r.err != nil || i > 0 && h <= last {
			r.damage("names")
			return
		}
		last = h
		n.put(h, s)
	}
}

// product is the first product of a User-Agent without its version: "curl" of "curl/8.5.0", and of the browsers, which
// all call themselves Mozilla, nothing better than that.
func product(ua []byte) []byte {
	for i, c := range ua {
		if c == '/' || c == ' ' || c == '(' || i == maxProduct {
			return ua[:i]
		}
	}
	return ua
}

// validText copies b as valid UTF-8 that is no longer than b.
func validText(b []byte) string {
	if utf8.Valid(b) {
		return string(b)
	}
	return strings.ToValidUTF8(string(b), "?")
}
