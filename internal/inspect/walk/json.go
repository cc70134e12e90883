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
		own   uint64 // location of name before sharing
		flags exchange.LeafFlag
		watch = true // the value at hand is observed, not only checked
	)
	if len(b) >= 3 && b[0] == 0xEF && b[1] == 0xBB && b[2] == 0xBF {
		w.report.Issues.add(IssueByteOrderMark)
		i = 3
	}

value:
	i = space(b, i)
	if i >= len(b) {
		return w.jsonEnd(b, i, cut)
	}
	switch c := b[i]; {
	case c == '{' || c == '[':
		if len(w.stack) >= w.lim.Depth {
			w.report.Issues.add(IssueDepth)
			return w.malformed(i)
		}
		f := frame{loc: loc, leaf: -1, array: c == '[', traits: t}
		if f.array {
			f.elem = exchange.ElementLoc(loc)
		}
		if watch && !w.full() {
			f.leaf = int32(len(w.leaves))
			l := w.grow()
			l.Loc, l.Parent, l.Name, l.Part, l.Flags = loc, parent, name, w.part, flags
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
			return w.jsonEnd(b, -end, cut)
		}
		if watch && !w.full() {
			l := w.grow()
			l.Loc, l.Parent, l.Name, l.Part, l.Flags = loc, parent, name, w.part, flags
			w.text(l, v, t)
		} else {
			w.skip()
		}
		i = end

	case c == '-' || c-'0' < 10:
		end, whole := numberEnd(b, i)
		if end < 0 {
			return w.jsonEnd(b, -end, cut)
		}
		if end == len(b) && cut {
			w.closeOpen()
			return false // the number may go on
		}
		if watch && !w.full() {
			l := w.grow()
			l.Loc, l.Parent, l.Name, l.Part, l.Flags = loc, parent, name, w.part, flags
			w.number(l, b[i:end:end], whole, t)
		} else {
			w.skip()
		}
		i = end

	default:
		kind, word := exchange.KindNull, "null"
		switch c {
		case 'n':
		case 't':
			kind, word = exchange.KindBool, "true"
		case 'f':
			kind, word = exchange.KindBool, "false"
		default:
			return w.malformed(i)
		}
		if n := prefix(b[i:], word); n < len(word) {
			return w.jsonEnd(b, i+n, cut)
		}
		if watch && !w.full() {
			l := w.grow()
			l.Loc, l.Parent, l.Name, l.Part, l.Flags = loc, parent, name, w.part, flags
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
		v, end := w.jsonString(b, i+1)
		if end < 0 {
			return w.jsonEnd(b, -end, cut)
		}
		name, i, flags = v, space(b, end), 0
		f := &w.stack[len(w.stack)-1]
		parent = f.leaf
		watch = parent >= 0 && int(f.count) < w.lim.Members
		if watch {
			loc, own, t = w.names.look(f.loc, name)
			t |= f.traits & nameSecret
			if w.twice(parent, own) {
				flags = exchange.LeafDuplicate
				w.report.Issues.add(IssueDuplicateName)
			}
		}
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
		name, flags, parent, loc, t = nil, 0, f.leaf, f.elem, f.traits
		watch = parent >= 0 && int(f.count) < w.lim.Elements
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
