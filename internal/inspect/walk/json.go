package walk

import (
	"merlon/internal/model/exchange"
)

// frame is an open container.
type frame struct {
	loc    uint64 // the container's, where members stand; elements share elem
	elem   uint64
	leaf   int32 // the container's leaf, -1 when it is only checked
	count  uint32
	array  bool
	traits traits // of the container's name, which its elements answer to
	member uint16 // the container's in the cache
	at     uint16 // the member at hand
	follow uint16 // the member that is expected next
}

// jsonText walks one JSON text (RFC 8259) beneath the leaf parent, or as a root when parent is -1, and tells whether it is valid.
// It uses an explicit stack: nesting costs no goroutine stack, and the depth is limited. cut says that b is only the
// beginning of the text, so that reaching its end is no fault.
//
// Deviations from the grammar: a byte-order mark before the text is an issue, not an error; ill-formed UTF-8 and half
// surrogate pairs inside strings are issues too, and stand as they came, or as U+FFFD. Everything else is refused.
func (w *Walker) jsonText(b []byte, parent int32, loc uint64, t traits, cut bool) bool {
	w.stack = w.stack[:0]
	var (
		i     int
		name  []byte
		flags exchange.LeafFlag
		same  uint16         // how far back the last leaf of this location is
		at    = nobody       // the member at hand, of elements that of their array
		watch = true         // the value at hand is observed, not only checked
		l     *exchange.Leaf // the value at hand, when it is observed and there is room
	)
	if parent < 0 {
		at = rootOf(w.part)
		w.members[at].visit(w.message, parent)
	}
	if len(b) >= 3 && b[0] == 0xEF && b[1] == 0xBB && b[2] == 0xBF {
		w.report.Issues.add(IssueByteOrderMark)
		i = 3
	}

value:
	i = space(b, i)
	if i >= len(b) {
		return w.jsonEnd(b, i, cut)
	}
	if l = nil; watch && !w.full() {
		l = w.grow(loc, parent, name, flags, same)
	}
	switch c := b[i]; {
	case c == '{' || c == '[':
		if len(w.stack) >= w.lim.Depth {
			w.drop(l)
			w.report.Issues.add(IssueDepth)
			return w.malformed(i)
		}
		f := frame{loc: loc, leaf: -1, array: c == '[', traits: t, member: at, follow: w.members[at].first}
		if f.array {
			f.elem = exchange.ElementLoc(loc)
			if n := len(w.stack); n > 0 && w.stack[n-1].array {
				f.member = nobody // the elements of an element are at another place
			}
		}
		if l != nil {
			f.leaf = int32(len(w.leaves) - 1)
			l.Kind = exchange.KindObject
			if f.array {
				l.Kind = exchange.KindArray
			}
			if t&nameSecret != 0 {
				l.Flags |= exchange.LeafSecretName
			}
		} else {
			w.skip()
		}
		w.stack = append(w.stack, f)
		i = space(b, i+1)
		if i >= len(b) {
			return w.jsonEnd(b, i, cut)
		}
		if b[i] == c+2 { // '{' + 2 is '}', '[' + 2 is ']'
			goto close
		}
		if c == '{' {
			goto key
		}
		goto element

	case c == '"':
		v, end := w.jsonString(b, i+1)
		if end < 0 {
			w.drop(l)
			return w.jsonEnd(b, -end, cut)
		}
		if l != nil {
			w.text(l, v, t)
		} else {
			w.skip()
		}
		i = end

	case c == '-' || c-'0' < 10:
		n := scanNumber(b, i)
		if n.end < 0 || n.end == len(b) && cut {
			w.drop(l)
			if n.end < 0 {
				return w.jsonEnd(b, -n.end, cut)
			}
			w.closeOpen()
			return false // the number may go on
		}
		if l != nil {
			w.number(l, b[i:n.end:n.end], n, t)
		} else {
			w.skip()
		}
		i = n.end

	default:
		kind, word := exchange.KindNull, "null"
		switch c {
		case 'n':
		case 't':
			kind, word = exchange.KindBool, "true"
		case 'f':
			kind, word = exchange.KindBool, "false"
		default:
			w.drop(l)
			return w.malformed(i)
		}
		if n := prefix(b[i:], word); n < len(word) {
			w.drop(l)
			return w.jsonEnd(b, i+n, cut)
		}
		if l != nil {
			l.Kind, l.Value, l.Len = kind, b[i:i+len(word):i+len(word)], uint32(len(word))
			if c == 't' {
				l.Number = 1
			}
			if t&nameSecret != 0 {
				l.Flags |= exchange.LeafSecretName
			}
		} else {
			w.skip()
		}
		i += len(word)
	}

next:
	// A value ended at i.
	if len(w.stack) == 0 {
		if i = space(b, i); i < len(b) {
			return w.malformed(i)
		}
		return true
	}
	i = space(b, i)
	if i >= len(b) {
		return w.jsonEnd(b, i, cut)
	}
	{
		f := &w.stack[len(w.stack)-1]
		f.count++
		switch {
		case b[i] == ',' && f.array:
			i++
			goto element
		case b[i] == ',':
			i = space(b, i+1)
			if i >= len(b) {
				return w.jsonEnd(b, i, cut)
			}
			goto key
		case b[i] == ']' && f.array, b[i] == '}' && !f.array:
			goto close
		}
		return w.malformed(i)
	}

key:
	if b[i] != '"' {
		return w.malformed(i)
	}
	{
		f := &w.stack[len(w.stack)-1]
		parent = f.leaf
		watch = parent >= 0 && int(f.count) < w.lim.Members
		flags, same = 0, 0
		again := false
		m := &w.members[f.follow]
		if watch && m.parent == f.loc && m.traits&namePlain != 0 && m.is(b, i+1) {
			at = f.follow
			name = b[i+1 : i+1+int(m.length) : i+1+int(m.length)]
			i += len(name) + 2
			loc, t = m.loc, m.traits&^cacheTraits
			again = m.visit(w.message, parent)
		} else {
			v, end := w.jsonString(b, i+1)
			if end < 0 {
				return w.jsonEnd(b, -end, cut)
			}
			name, i = v, end
			if watch {
				loc, t, at, again = w.member(f.loc, parent, name)
				if f.count == 0 {
					w.members[f.member].first = at
				} else {
					w.members[f.at].next = at
				}
				m = &w.members[at]
			}
		}
		if watch {
			f.at, f.follow = at, m.next
			if t&nameTyped != 0 {
				flags = exchange.LeafTypedName
			}
			t |= f.traits & nameSecret
			if again {
				flags |= exchange.LeafDuplicate
				w.report.Issues.add(IssueDuplicateName)
			}
			if !w.full() {
				same = w.repeated(at)
			}
		}
		i = space(b, i)
	}
	if i >= len(b) {
		return w.jsonEnd(b, i, cut)
	}
	if b[i] != ':' {
		return w.malformed(i)
	}
	i++
	goto value

element:
	{
		f := &w.stack[len(w.stack)-1]
		name, flags, parent, loc, t, at, same = nil, 0, f.leaf, f.elem, f.traits, f.member, 0
		watch = parent >= 0 && int(f.count) < w.lim.Elements
		if watch && at != nobody && !w.full() && w.members[at].traits&nameTyped == 0 {
			same = since(&w.members[at].elem, len(w.leaves))
		}
	}
	goto value

close:
	{
		f := &w.stack[len(w.stack)-1]
		if f.leaf >= 0 {
			w.leaves[f.leaf].Len = f.count
			if !f.array && int(f.count) > w.lim.Members {
				w.report.Issues.add(IssueTooMany)
			}
		}
		w.stack = w.stack[:len(w.stack)-1]
	}
	i++
	goto next
}

// drop takes back the leaf of a value that turned out to be none.
func (w *Walker) drop(l *exchange.Leaf) {
	if l != nil {
		w.leaves = w.leaves[:len(w.leaves)-1]
	}
}

// jsonEnd ends the walk of a text that stops making sense at i: no fault when that is where its captured beginning ends.
func (w *Walker) jsonEnd(b []byte, i int, cut bool) bool {
	if cut && i >= len(b) {
		w.closeOpen()
		return false
	}
	return w.malformed(i)
}

// malformed ends the walk of a text that stops being valid at i.
func (w *Walker) malformed(i int) bool {
	w.closeOpen()
	w.report.Issues.add(IssueMalformed)
	w.report.At = i
	return false
}

// closeOpen gives the containers that are still open the number of members seen.
func (w *Walker) closeOpen() {
	for _, f := range w.stack {
		if f.leaf >= 0 {
			w.leaves[f.leaf].Len = f.count
		}
	}
	w.stack = w.stack[:0]
}

// space skips insignificant white space. Compact texts have none, so that the first test decides.
func space(b []byte, i int) int {
	for i < len(b) && b[i] <= ' ' {
		switch b[i] {
		case ' ', '\n', '\r', '\t':
			i++
		default:
			return i
		}
	}
	return i
}

// prefix is the number of bytes that b and word share from the start.
func prefix(b []byte, word string) int {
	n := 0
	for n < len(b) && n < len(word) && b[n] == word[n] {
		n++
	}
	return n
}
