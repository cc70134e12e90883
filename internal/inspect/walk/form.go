package walk

import (
	"bytes"

	"merlon/internal/model/exchange"
)

// form lists name=value pairs joined by '&' as leaves of w.part (WHATWG URL, application/x-www-form-urlencoded): of the
// query, or of a body beneath its root. Names keep their dots and brackets. cut says that b is only the beginning, so
// that its last pair may be incomplete and is left out.
func (w *Walker) form(b []byte, cut bool) {
	parent, root := int32(-1), exchange.RootLoc(w.part)
	if w.part != exchange.InQuery {
		if parent = w.root(exchange.KindObject); parent < 0 {
			return
		}
	}
	n := 0
	for len(b) > 0 {
		end := bytes.IndexByte(b, '&')
		pair := b
		if end >= 0 {
			pair, b = b[:end:end], b[end+1:]
		} else if b = nil; cut {
			break
		}
		if len(pair) == 0 {
			continue
		}
		if n++; n > w.lim.Params || w.full() {
			w.report.Skipped++
			w.report.Issues.add(IssueTooMany)
			continue
		}
		name, value := pair, []byte(nil)
		if eq := bytes.IndexByte(pair, '='); eq >= 0 {
			name, value = pair[:eq:eq], pair[eq+1:]
		}
		w.pair(parent, root, w.unescape(name), w.unescape(value))
	}
	if parent >= 0 {
		w.leaves[parent].Len = uint32(n)
	}
}

// pair appends a named string beneath parent.
func (w *Walker) pair(parent int32, root uint64, name, value []byte) {
	loc, t, at, again := w.member(root, parent, name)
	l := w.grow(loc, parent, name, flagsOf(t, again), w.repeated(at))
	w.text(l, value, t)
}

// root appends the container at a body's root and returns its index, -1 when there is no room.
func (w *Walker) root(k exchange.Kind) int32 {
	if w.full() {
		w.skip()
		return -1
	}
	at := len(w.leaves)
	w.grow(exchange.RootLoc(w.part), -1, nil, 0, 0).Kind = k
	return int32(at)
}

// unescape undoes percent encoding and '+'. What needs none is returned as it is; the rest is decoded into the arena. A
// '%' without two hexadecimal digits behind it stands for itself, as servers take it, and is an issue.
func (w *Walker) unescape(v []byte) []byte {
	i := 0
	for i < len(v) && v[i] != '%' && v[i] != '+' {
		i++
	}
	if i == len(v) {
		return v
	}
	from := len(w.arena)
	a := append(w.arena, v[:i]...)
	for ; i < len(v); i++ {
		switch c := v[i]; {
		case c == '+':
			a = append(a, ' ')
		case c != '%':
			a = append(a, c)
		case i+2 < len(v) && unhex[v[i+1]] < 16 && unhex[v[i+2]] < 16:
			a = append(a, unhex[v[i+1]]<<4|unhex[v[i+2]])
			i += 2
		default:
			w.report.Issues.add(IssuePercent)
			a = append(a, c)
		}
	}
	w.arena = a
	return a[from:len(a):len(a)]
}
