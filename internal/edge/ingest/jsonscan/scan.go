// Package jsonscan reads one JSON value in a single pass without building anything, for the formats of ingest that are made of JSON.
package jsonscan

import (
	"encoding/binary"
	"errors"
	"math"
	"math/bits"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"
)

var (
	// ErrSyntax is returned for text that is not JSON (RFC 8259).
	ErrSyntax = errors.New("not valid JSON")
	// ErrDeep is returned for containers nested more than MaxDepth deep.
	ErrDeep = errors.New("JSON nested too deeply")
)

// Scanner reads one JSON value (RFC 8259) in a single pass without building anything. Strings without escapes are
// returned as they stand in the text, others are decoded into arena. Bytes that are no UTF-8 stay as they are: they are
// what a client sent. After a mistake every method returns its zero value and Err says what was wrong.
type Scanner struct {
	b     []byte
	i     int
	depth int
	// Arena holds decoded strings; callers may append what has to live as long. It only grows until Reset.
	Arena []byte
	err   error
}

// MaxDepth bounds containers inside each other. HAR needs 6; what tools add in fields of their own stays shallow too.
const MaxDepth = 128

// Reset begins with the text b.
func (s *Scanner) Reset(b []byte) {
	s.b, s.i, s.depth, s.Arena, s.err = b, 0, 0, s.Arena[:0], nil
}

// Err is what is wrong with the value as far as it was read: ErrSyntax, ErrDeep, or what Fail was given.
func (s *Scanner) Err() error { return s.err }

// Fail ends the reading, unless it has failed already.
func (s *Scanner) Fail(err error) {
	if s.err == nil {
		s.err = err
	}
	s.i = len(s.b)
}

// Peek skips white space and returns the next byte, 0 at the end.
func (s *Scanner) Peek() byte {
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

// End checks that nothing stands behind the value.
func (s *Scanner) End() {
	if s.err == nil && (s.Peek() != 0 || s.i < len(s.b)) {
		s.Fail(ErrSyntax)
	}
}

// Open enters a container that begins with c. Any other value is skipped and reported as false.
func (s *Scanner) Open(c byte) bool {
	if s.Peek() != c {
		s.Skip()
		return false
	}
	if s.depth++; s.depth > MaxDepth {
		s.Fail(ErrDeep)
		return false
	}
	s.i++
	return true
}

// More goes to the n-th member of the container that ends with c, counting from 0, and reports false behind the last.
func (s *Scanner) More(n *int, c byte) bool {
	if s.err != nil {
		return false
	}
	next := s.Peek()
	if next == c {
		s.i++
		s.depth--
		return false
	}
	if *n > 0 {
		if next != ',' {
			s.Fail(ErrSyntax)
			return false
		}
		s.i++
	}
	*n++
	return true
}

// Key reads a member's name and its colon.
func (s *Scanner) Key() []byte {
	if s.Peek() != '"' {
		s.Fail(ErrSyntax)
		return nil
	}
	name := s.str()
	if s.Peek() != ':' {
		s.Fail(ErrSyntax)
		return nil
	}
	s.i++
	return name
}

// Text reads a string; any other value is skipped and reported as false.
func (s *Scanner) Text() ([]byte, bool) {
	if s.Peek() != '"' {
		s.Skip()
		return nil, false
	}
	v := s.str()
	return v, s.err == nil
}

// Scalar reads a string, or a number as it stands; any other value is skipped and reported as false.
func (s *Scanner) Scalar() ([]byte, bool) {
	c := s.Peek()
	if c == '-' || c-'0' <= 9 {
		v := s.num()
		return v, s.err == nil
	}
	return s.Text()
}

// Number reads a number; any other value is skipped and reported as false.
func (s *Scanner) Number() (float64, bool) {
	if c := s.Peek(); c != '-' && c-'0' > 9 {
		s.Skip()
		return 0, false
	}
	digits := s.num()
	if s.err != nil {
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
func (s *Scanner) num() []byte {
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
		s.Fail(ErrSyntax)
		return nil
	}
	s.i = i
	return b[start:i:i]
}

// str reads the string that begins at the quote under the cursor.
func (s *Scanner) str() []byte {
	b, start := s.b, s.i+1
	i := plainUntil(b, start)
	if i < len(b) && b[i] == '"' {
		s.i = i + 1
		return b[start:i:i]
	}
	from := len(s.Arena)
	for i < len(b) {
		switch c := b[i]; {
		case c == '"':
			s.Arena = append(s.Arena, b[start:i]...)
			s.i = i + 1
			return s.Arena[from:len(s.Arena):len(s.Arena)]
		case c == '\\':
			s.Arena = append(s.Arena, b[start:i]...)
			i = s.escape(i + 1)
			start = i
		default: // a control character
			i = len(b)
		}
		i = plainUntil(b, i)
	}
	s.Fail(ErrSyntax)
	return nil
}

// escape decodes what stands behind a backslash at b[i] and returns the index behind it; an escape that does not exist
// returns the end of b. Half of a surrogate pair becomes U+FFFD.
func (s *Scanner) escape(i int) int {
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
		s.Arena = utf8.AppendRune(s.Arena, r)
		return i
	default:
		return len(b)
	}
	s.Arena = append(s.Arena, c)
	return i + 1
}

func hex4(b []byte, i int) (rune, bool) {
	if i+4 > len(b) {
		return 0, false
	}
	h, l := rune(Hex(b[i]))<<4|rune(Hex(b[i+1])), rune(Hex(b[i+2]))<<4|rune(Hex(b[i+3]))
	if Hex(b[i])|Hex(b[i+1])|Hex(b[i+2])|Hex(b[i+3]) > 15 {
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
