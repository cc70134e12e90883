package jsonscan

import "bytes"

// Skip passes over one value and checks it.
func (s *Scanner) Skip() {
	var object [MaxDepth/64 + 1]uint64 // a bit for each open container: object or array
	top := s.depth
	for s.err == nil {
		switch c := s.Peek(); {
		case c == '{' || c == '[':
			if s.depth++; s.depth > MaxDepth {
				s.Fail(ErrDeep)
				return
			}
			s.i++
			bit := uint64(1) << (s.depth & 63)
			object[s.depth>>6] &^= bit
			next := s.Peek()
			if next == c+2 { // the closing one
				s.i++
				s.depth--
				break
			}
			if c == '{' {
				object[s.depth>>6] |= bit
				s.Key()
			}
			continue
		case c == '"':
			s.skipString()
		case c == '-' || c-'0' <= 9:
			s.num()
		case c == 't':
			s.word("true")
		case c == 'f':
			s.word("false")
		case c == 'n':
			s.word("null")
		default:
			s.Fail(ErrSyntax)
		}
		// Behind a value: close what closes, or go on to the next member.
		for s.err == nil {
			if s.depth == top {
				return
			}
			inObject := object[s.depth>>6]>>(s.depth&63)&1 == 1
			next := s.Peek()
			if inObject && next == '}' || !inObject && next == ']' {
				s.i++
				s.depth--
				continue
			}
			if next != ',' {
				s.Fail(ErrSyntax)
				return
			}
			s.i++
			if inObject {
				s.Key()
			}
			break
		}
	}
}

// skipString passes over a string without decoding it.
func (s *Scanner) skipString() {
	b := s.b
	for i := plainUntil(b, s.i+1); i < len(b); i = plainUntil(b, i) {
		switch b[i] {
		case '"':
			s.i = i + 1
			return
		case '\\':
			i++
			if i < len(b) && b[i] == 'u' {
				if _, ok := hex4(b, i+1); !ok {
					s.Fail(ErrSyntax)
					return
				}
				i += 5
				continue
			}
			if i < len(b) && bytes.IndexByte([]byte(`"\/bfnrt`), b[i]) >= 0 {
				i++
				continue
			}
		}
		break
	}
	s.Fail(ErrSyntax)
}

func (s *Scanner) word(w string) {
	if len(s.b)-s.i < len(w) || string(s.b[s.i:s.i+len(w)]) != w {
		s.Fail(ErrSyntax)
		return
	}
	s.i += len(w)
}

// Hex is a hexadecimal digit's value, 0xff for any other byte.
func Hex(c byte) byte {
	switch {
	case c-'0' <= 9:
		return c - '0'
	case (c|0x20)-'a' <= 5:
		return (c | 0x20) - 'a' + 10
	}
	return 0xff
}
