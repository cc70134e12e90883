package walk

import (
	"encoding/binary"
	"math/bits"
	"unicode/utf16"
	"unicode/utf8"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// jsonString reads the string whose content begins at i and returns it decoded, with the offset behind its closing
// quote. A string without escapes is a slice of b; another is decoded into the arena. A negative end is minus the
// offset at which the string stops being valid (never 0, since a quote stands before it);
func (w *Walker) jsonString(b []byte, i int) (v []byte, end int) {
	start, ascii := i, true
	for {
		// Eight bytes at a time until one is a quote, a backslash, a control character or not ASCII.
		for i+8 <= len(b) {
			x := binary.LittleEndian.Uint64(b[i:])
			q, e := x^('"'*ones), x^('\\'*ones)
			hit := ((q - ones) &^ q) | ((e - ones) &^ e) | ((x - ' '*ones) &^ x) | x
			if hit &= highs; hit != 0 {
				i += bits.TrailingZeros64(hit) / 8
				break
			}
			i += 8
		}
		if i >= len(b) {
			return nil, -i
		}
		switch c := b[i]; {
		case c == '"':
			v = b[start:i:i]
			if !ascii && !utf8.Valid(v) {
				w.report.Issues.add(IssueEncoding)
			}
			return v, i + 1
		case c == '\\':
			return w.jsonEscaped(b, start, i)
		case c < ' ':
			return nil, -i
		case c >= utf8.RuneSelf:
			ascii = false
			for i++; i < len(b) && b[i] >= utf8.RuneSelf; i++ {
			}
		default:
			i++
		}
	}
}

// jsonEscaped decodes a string with escapes, of which the first is at i, into the arena.
func (w *Walker) jsonEscaped(b []byte, start, i int) (v []byte, end int) {
	a := append(w.arena, b[start:i]...)
	from := len(w.arena)
	for i < len(b) {
		switch c := b[i]; {
		case c == '"':
			w.arena = a
			v = a[from:len(a):len(a)]
			if !utf8.Valid(v) {
				w.report.Issues.add(IssueEncoding)
			}
			return v, i + 1
		case c < ' ':
			return nil, -i
		case c != '\\':
			a = append(a, c)
			i++
		default:
			if i+1 >= len(b) {
				return nil, -len(b)
			}
			switch e := b[i+1]; e {
			case '"', '\\', '/':
				a = append(a, e)
			case 'b':
				a = append(a, '\b')
			case 'f':
				a = append(a, '\f')
			case 'n':
				a = append(a, '\n')
			case 'r':
				a = append(a, '\r')
			case 't':
				a = append(a, '\t')
			case 'u':
				r, at, ok := unicodeEscape(b, i)
				if !ok {
					return nil, -at
				}
				if r < 0 {
					w.report.Issues.add(IssueEncoding)
					r = utf8.RuneError
				}
				a = utf8.AppendRune(a, r)
				i = at
				continue
			default:
				return nil, -(i + 1)
			}
			i += 2
		}
	}
	return nil, -len(b)
}

// unicodeEscape reads \uXXXX at i, with the second half of a surrogate pair behind it. Half a pair is -1. at is
// behind what was read, or where it is not valid.
func unicodeEscape(b []byte, i int) (r rune, at int, ok bool) {
	r, at, ok = hex4(b, i+2)
	if !ok || !utf16.IsSurrogate(r) {
		return r, at, ok
	}
	if at+1 < len(b) && b[at] == '\\' && b[at+1] == 'u' {
		if low, end, ok := hex4(b, at+2); ok {
			if both := utf16.DecodeRune(r, low); both != utf8.RuneError {
				return both, end, true
			}
		}
	}
	return -1, at, true
}

func hex4(b []byte, i int) (r rune, at int, ok bool) {
	for k := range 4 {
		if i+k >= len(b) {
			return 0, len(b), false
		}
		d := unhex[b[i+k]]
		if d > 15 {
			return 0, i + k, false
		}
		r = r<<4 | rune(d)
	}
	return r, i + 4, true
}

// unhex is the value of a hexadecimal digit, 255 for any other byte. It is constant.
var unhex = func() (t [256]byte) {
	for i := range t {
		t[i] = 255
	}
	for i := byte(0); i < 10; i++ {
		t['0'+i] = i
	}
	for i := byte(0); i < 6; i++ {
		t['a'+i], t['A'+i] = 10+i, 10+i
	}
	return t
}()
