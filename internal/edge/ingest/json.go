package ingest

import (
	"bytes"
	"encoding/binary"
	"math"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

// scanner reads one JSON value (RFC 8259) in a single pass without building anything. Strings without escapes are
// returned as they stand in the text, others are decoded into arena. Bytes that are no UTF-8 stay as they are: they are
// what a client sent. After a mistake every method returns its zero value and cause says what was wrong.
type scanner struct {
	b     []byte
	i     int
	depth int
	arena []byte
	cause Cause
}

// maxDepth bounds containers inside each other. HAR needs 6; what tools add in fields of their own stays shallow too.
const maxDepth = 128

func (s *scanner) reset(b []byte) {
	s.b, s.i, s.depth, s.arena, s.cause = b, 0, 0, s.arena[:0], 0
}

func (s *scanner) fail(c Cause) {
	if s.cause == 0 {
		s.cause = c
	}
	s.i = len(s.b)
}

// peek skips white space and returns the next byte, 0 at the end.
func (s *scanner) peek() byte {
	for s.i < len(s.b) {
		switch c := s.b[s.i]; c {
		case ' ', '\t', '\n', '\r':
			s.i++
		default:
			return c
		}
	}
	return 0
}

// end checks that nothing stands behind the value.
func (s *scanner) end() {
	if s.cause == 0 && (s.peek() != 0 || s.i < len(s.b)) {
		s.fail(CauseJSON)
	}
}

// open enters a container that begins with c. Any other value is skipped and reported as false.
func (s *scanner) open(c byte) bool {
	if s.peek() != c {
		s.skip()
		return false
	}
	if s.depth++; s.depth > maxDepth {
		s.fail(CauseDeep)
		return false
	}
	s.i++
	return true
}

// more goes to the n-th member of the container that ends with c, counting from 0, and reports false behind the last.
func (s *scanner) more(n *int, c byte) bool {
	if s.cause != 0 {
		return false
	}
	next := s.peek()
	if next == c {
		s.i++
		s.depth--
		return false
	}
	if *n > 0 {
		if next != ',' {
			s.fail(CauseJSON)
			return false
		}
		s.i++
	}
	*n++
	return true
}

// key reads a member's name and its colon.
func (s *scanner) key() []byte {
	if s.peek() != '"' {
		s.fail(CauseJSON)
		return nil
	}
	name := s.str()
	if s.peek() != ':' {
		s.fail(CauseJSON)
		return nil
	}
	s.i++
	return name
}

// text reads a string; any other value is skipped and reported as false.
func (s *scanner) text() ([]byte, bool) {
	if s.peek() != '"' {
		s.skip()
		return nil, false
	}
	v := s.str()
	return v, s.cause == 0
}

// number reads a number; any other value is skipped and reported as false.
func (s *scanner) number() (float64, bool) {
	if c := s.peek(); c != '-' && c-'0' > 9 {
		s.skip()
		return 0, false
	}
	digits := s.num()
	if s.cause != 0 {
		return 0, false
	}
	if len(digits) <= 15 { // the ordinary integer, without strconv and its string
		v := 0
		for _, c := range digits {
			if c-'0' > 9 {
				v = -1
				break
			}
			v = v*10 + int(c-'0')
		}
		if v >= 0 {
			return float64(v), true
		}
	}
	if v, ok := decimal(digits); ok {
		return v, true
	}
	v, err := strconv.ParseFloat(string(digits), 64)
	return v, err == nil && !math.IsInf(v, 0)
}

// decimal reads -12.345 exactly enough for durations: up to 15 digits and no exponent.
func decimal(b []byte) (float64, bool) {
	negative := len(b) > 0 && b[0] == '-'
	if negative {
		b = b[1:]
	}
	if len(b) > 16 {
		return 0, false
	}
	v, scale, point := 0, 1, false
	for _, c := range b {
		switch {
		case c-'0' <= 9:
			v = v*10 + int(c-'0')
			if point {
				scale *= 10
			}
		case c == '.':
			point = true
		default:
			return 0, false
		}
	}
	if negative {
		v = -v
	}
	return float64(v) / float64(scale), true
}

// num reads a number's text by the grammar of RFC 8259 section 6.
func (s *scanner) num() []byte {
	b, i, start := s.b, s.i, s.i
	if b[i] == '-' {
		i++
	}
	digits := func() bool {
		from := i
		for i < len(b) && b[i]-'0' <= 9 {
			i++
		}
		return i > from
	}
	zero := i < len(b) && b[i] == '0'
	first := i
	ok := digits() && (!zero || i == first+1)
	if ok && i < len(b) && b[i] == '.' {
		i++
		ok = digits()
	}
	if ok && i < len(b) && b[i]|0x20 == 'e' {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		ok = digits()
	}
	if !ok {
		s.fail(CauseJSON)
		return nil
	}
	s.i = i
	return b[start:i:i]
}

// str reads the string that begins at the quote under the cursor.
func (s *scanner) str() []byte {
	b, start := s.b, s.i+1
	i := plainUntil(b, start)
	if i < len(b) && b[i] == '"' {
		s.i = i + 1
		return b[start:i:i]
	}
	from := len(s.arena)
	for i < len(b) {
		switch c := b[i]; {
		case c == '"':
			s.arena = append(s.arena, b[start:i]...)
			s.i = i + 1
			return s.arena[from:len(s.arena):len(s.arena)]
		case c == '\\':
			s.arena = append(s.arena, b[start:i]...)
			i = s.escape(i + 1)
			start = i
		default: // a control character
			i = len(b)
		}
		i = plainUntil(b, i)
	}
	s.fail(CauseJSON)
	return nil
}

// escape decodes what stands behind a backslash at b[i] and returns the index behind it; an escape that does not exist
// returns the end of b. Half of a surrogate pair becomes U+FFFD.
func (s *scanner) escape(i int) int {
	b := s.b
	if i >= len(b) {
		return len(b)
	}
	c := b[i]
	switch c {
	case '"', '\\', '/':
	case 'b':
		c = '\b'
	case 'f':
		c = '\f'
	case 'n':
		c = '\n'
	case 'r':
		c = '\r'
	case 't':
		c = '\t'
	case 'u':
		r, ok := hex4(b, i+1)
		if !ok {
			return len(b)
		}
		i += 5
		if utf16.IsSurrogate(r) {
			low, ok := rune(0), false
			if i+1 < len(b) && b[i] == '\\' && b[i+1] == 'u' {
				low, ok = hex4(b, i+2)
			}
			if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
				i += 6
			} else {
				r = utf8.RuneError
			}
		}
		s.arena = utf8.AppendRune(s.arena, r)
		return i
	default:
		return len(b)
	}
	s.arena = append(s.arena, c)
	return i + 1
}

func hex4(b []byte, i int) (rune, bool) {
	if i+4 > len(b) {
		return 0, false
	}
	h, l := rune(hex(b[i]))<<4|rune(hex(b[i+1])), rune(hex(b[i+2]))<<4|rune(hex(b[i+3]))
	if hex(b[i])|hex(b[i+1])|hex(b[i+2])|hex(b[i+3]) > 15 {
		return 0, false
	}
	return h<<8 | l, true
}

// plainUntil is the index from i on of the first quote, backslash or control character, or the end: eight bytes a step
// (Warren, Hacker's Delight, section 6-1).
func plainUntil(b []byte, i int) int {
	const ones, tops = 0x0101010101010101, 0x8080808080808080
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		quote, slash := w^'"'*ones, w^'\\'*ones
		found := ((quote-ones)&^quote | (slash-ones)&^slash | (w-0x20*ones)&^w) & tops
		if found != 0 {
			return i + bits.TrailingZeros64(found)/8
		}
	}
	for ; i < len(b); i++ {
		if c := b[i]; c == '"' || c == '\\' || c < 0x20 {
			break
		}
	}
	return i
}

// skip passes over one value and checks it.
func (s *scanner) skip() {
	var object [maxDepth/64 + 1]uint64 // a bit for each open container: object or array
	top := s.depth
	for s.cause == 0 {
		switch c := s.peek(); {
		case c == '{' || c == '[':
			if s.depth++; s.depth > maxDepth {
				s.fail(CauseDeep)
				return
			}
			s.i++
			bit := uint64(1) << (s.depth & 63)
			object[s.depth>>6] &^= bit
			next := s.peek()
			if next == c+2 { // the closing one
				s.i++
				s.depth--
				break
			}
			if c == '{' {
				object[s.depth>>6] |= bit
				s.key()
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
			s.fail(CauseJSON)
		}
		// Behind a value: close what closes, or go on to the next member.
		for s.cause == 0 {
			if s.depth == top {
				return
			}
			inObject := object[s.depth>>6]>>(s.depth&63)&1 == 1
			next := s.peek()
			if inObject && next == '}' || !inObject && next == ']' {
				s.i++
				s.depth--
				continue
			}
			if next != ',' {
				s.fail(CauseJSON)
				return
			}
			s.i++
			if inObject {
				s.key()
			}
			break
		}
	}
}

// skipString passes over a string without decoding it.
func (s *scanner) skipString() {
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
					s.fail(CauseJSON)
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
	s.fail(CauseJSON)
}

func (s *scanner) word(w string) {
	if len(s.b)-s.i < len(w) || string(s.b[s.i:s.i+len(w)]) != w {
		s.fail(CauseJSON)
		return
	}
	s.i += len(w)
}
