package dataclass

import "merlon/internal/model/dataclass/form"

// Chars is the set of the character classes that occur in a value, one bit each.
type Chars uint16

// The character classes.
const (
	CharDigit      Chars = 1 << iota // 0-9
	CharLower                        // a-z
	CharUpper                        // A-Z
	CharSpace                        // the space alone; tab and line ends are control characters
	CharDash                         // -
	CharUnderscore                   // _
	CharDot                          // .
	CharSlash                        // / and \
	CharColon                        // :
	CharAt                           // @
	CharQuote                        // ' " `
	CharAngle                        // < >
	CharBracket                      // ( ) [ ] { }
	CharPunct                        // any other printable ASCII
	CharControl                      // below space, and DEL
	CharNonASCII                     // 0x80 and above
)

// Marks beside the 16 public classes: single characters that decide which recognisers are worth running.
const (
	markPlus uint32 = 1 << (16 + iota)
	markEqual
	markComma
	markDollar
	markBackslash
	markNUL
	markBinary   // control characters that text does not contain
	markOddPunct // punctuation that no recognised form but URI and e-mail contains
	markNotURI   // what RFC 3986 never allows
)

// Lanes of the counter that one addition a byte feeds: eight counts of eight bits, which is why at most 255 bytes are
// examined.
const (
	laneDigit = 8 * iota
	laneLower
	laneUpper
	laneHexLetter
	laneDash
	laneDot
	laneColon
	laneSpace
)

// MaxExamined is how many bytes of a value are looked at. What lies beyond only counts towards its length: a longer
// value can be a token, hexadecimal, base64, a URI, text or binary by its first bytes, and nothing else.
const MaxExamined = form.MaxExamined

type trait struct {
	lanes uint64
	bits  uint32
}

// traits is constant: filled once before main, never written after.
var traits = makeTraits()

func makeTraits() (t [256]trait) {
	for i := range t {
		t[i] = traitOf(byte(i))
	}
	return t
}

func traitOf(b byte) (t trait) {
	switch {
	case b >= '0' && b <= '9':
		return trait{1 << laneDigit, uint32(CharDigit)}
	case b >= 'a' && b <= 'z':
		t = trait{1 << laneLower, uint32(CharLower)}
		if b <= 'f' {
			t.lanes |= 1 << laneHexLetter
		}
		return t
	case b >= 'A' && b <= 'Z':
		t = trait{1 << laneUpper, uint32(CharUpper)}
		if b <= 'F' {
			t.lanes |= 1 << laneHexLetter
		}
		return t
	case b >= 0x80:
		return trait{0, uint32(CharNonASCII)}
	}
	switch b {
	case ' ':
		return trait{1 << laneSpace, uint32(CharSpace) | markNotURI}
	case '-':
		return trait{1 << laneDash, uint32(CharDash)}
	case '_':
		return trait{0, uint32(CharUnderscore)}
	case '.':
		return trait{1 << laneDot, uint32(CharDot)}
	case '/':
		return trait{0, uint32(CharSlash)}
	case '\\':
		return trait{0, uint32(CharSlash) | markBackslash | markOddPunct | markNotURI}
	case ':':
		return trait{1 << laneColon, uint32(CharColon)}
	case '@':
		return trait{0, uint32(CharAt)}
	case '\'':
		return trait{0, uint32(CharQuote) | markOddPunct}
	case '"', '`':
		return trait{0, uint32(CharQuote) | markOddPunct | markNotURI}
	case '<', '>':
		return trait{0, uint32(CharAngle) | markOddPunct | markNotURI}
	case '^':
		return trait{0, uint32(CharPunct) | markOddPunct | markNotURI}
	case '(', ')', '[', ']', '{', '}':
		return trait{0, uint32(CharBracket)}
	case '+':
		return trait{0, uint32(CharPunct) | markPlus}
	case '=':
		return trait{0, uint32(CharPunct) | markEqual}
	case ',':
		return trait{0, uint32(CharPunct) | markComma}
	case '$':
		return trait{0, uint32(CharPunct) | markDollar}
	case '\t', '\r', '\n':
		return trait{0, uint32(CharControl)}
	case 0:
		return trait{0, uint32(CharControl) | markNUL | markBinary}
	}
	if b < ' ' || b == 0x7f {
		return trait{0, uint32(CharControl) | markBinary}
	}
	return trait{0, uint32(CharPunct) | markOddPunct}
}

// shape is what one pass over a value collects.
type shape struct {
	n     int // length of the whole value
	lanes uint64
	bits  uint32
}

// survey makes the one pass over at most MaxExamined bytes.
func survey(v []byte) shape {
	w := v
	if len(w) > MaxExamined {
		w = w[:MaxExamined]
	}
	var lanes uint64
	var bits uint32
	for _, b := range w {
		t := &traits[b]
		lanes += t.lanes
		bits |= t.bits
	}
	return shape{len(v), lanes, bits}
}

func (s *shape) count(lane uint) int { return int(s.lanes >> lane & 0xff) }
func (s *shape) has(c Chars) bool    { return s.bits&uint32(c) != 0 }

// only says that nothing but the given character classes occurs.
func (s *shape) only(c Chars) bool { return s.bits&0xffff&^uint32(c) == 0 }
