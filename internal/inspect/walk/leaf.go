package walk

import (
	"merlon/internal/model/dataclass"
	"merlon/internal/model/exchange"
)

// maxLiteral is the longest value whose literal may be remembered: words of an enumeration are short, sentences are not.
const maxLiteral = 24

// wordClasses are the recognisers that claim nothing but "a word"; with another claim a value is data, not vocabulary.
const wordClasses = 1<<dataclass.Word | 1<<dataclass.Slug | 1<<dataclass.BoolWord | 1<<dataclass.Version |
	1<<dataclass.Country | 1<<dataclass.Currency | 1<<dataclass.Locale

// objectClasses name an object wherever they stand; Int, Base64 and words do so only under a name that says so.
const objectClasses = 1<<dataclass.UUID | 1<<dataclass.UUIDBraced | 1<<dataclass.ULID | 1<<dataclass.KSUID |
	1<<dataclass.Base62 | 1<<dataclass.PrefixedID

// neverObject are classes that name no object even in a field called id: they have a meaning of their own.
const neverObject = 1<<dataclass.Text | 1<<dataclass.Binary | 1<<dataclass.BoolWord | 1<<dataclass.Date |
	1<<dataclass.DateTime | dataclass.SecretSet

// maxObject is the longest value taken for an object's name.
const maxObject = 128

const wordChars = dataclass.CharLower | dataclass.CharUpper | dataclass.CharDash | dataclass.CharUnderscore | dataclass.CharDigit

// text fills in a string value and classifies it under the traits of its name.
func (w *Walker) text(l *exchange.Leaf, v []byte, t traits) {
	l.Kind, l.Value, l.Len = exchange.KindString, v, uint32(len(v))
	set, chars := dataclass.Recognise(v)
	l.Classes, l.Chars = uint64(set), uint16(chars)
	if set&(1<<dataclass.Int) != 0 && len(v) <= 15 {
		l.Number = integer(v)
	}
	l.Flags |= judge(set, chars, len(v), t)
}

// judge is what name and classes together say of a value.
func judge(set dataclass.Set, chars dataclass.Chars, n int, t traits) (f exchange.LeafFlag) {
	if t&nameSecret != 0 || set&dataclass.SecretSet != 0 {
		return exchange.LeafSecretName
	}
	switch {
	case n == 0:
	case set&objectClasses != 0:
		f = exchange.LeafIdentifier
	case t&nameObject != 0 && set&neverObject == 0 && n <= maxObject:
		f = exchange.LeafIdentifier
	case t&namePersonal == 0 && n <= maxLiteral && set&^wordClasses == 0 && chars&^wordChars == 0 && chars&(dataclass.CharLower|dataclass.CharUpper) != 0:
		f = exchange.LeafLiteral
	}
	return f
}

// typedObject are the segment classes that name an object: a date or a locale is typed, and no object.
const typedObject = 1<<dataclass.SegmentInt | 1<<dataclass.SegmentUUID | 1<<dataclass.SegmentULID |
	1<<dataclass.SegmentKSUID | 1<<dataclass.SegmentHex | 1<<dataclass.SegmentToken | 1<<dataclass.SegmentPrefixed |
	1<<dataclass.SegmentEmail | 1<<dataclass.SegmentPhone

// segmentLeaf fills in a path segment. Untyped segments are vocabulary until siblings prove otherwise, so that their
// literal may be remembered; Observe leaves it out where the matched template has a parameter.
func segmentLeaf(l *exchange.Leaf, seg []byte) {
	l.Kind, l.Value, l.Len = exchange.KindString, seg, uint32(len(seg))
	class := dataclass.Segment(seg)
	var set dataclass.Set
	var chars dataclass.Chars
	if class == dataclass.SegmentInt && len(seg) < 9 && seg[0]-'1' < 9 {
		set, chars = 1<<dataclass.Int|1<<dataclass.Number, dataclass.CharDigit // as in number
	} else {
		set, chars = dataclass.Recognise(seg)
	}
	l.Classes, l.Chars = uint64(set), uint16(chars)
	if class == dataclass.SegmentInt && len(seg) <= 15 {
		l.Number = integer(seg)
	}
	switch {
	case set&dataclass.SecretSet != 0:
		l.Flags = exchange.LeafSecretName
	case uint64(1)<<class&typedObject != 0:
		l.Flags = exchange.LeafIdentifier
	case !class.Typed() && set&^(wordClasses|1<<dataclass.Filename|1<<dataclass.Hostname) == 0 && len(seg) <= maxName:
		l.Flags = exchange.LeafLiteral
	}
}

// integer reads a sign and at most 15 digits, which a double holds exactly.
func integer(v []byte) float64 {
	neg := false
	if v[0] == '-' || v[0] == '+' {
		neg = v[0] == '-'
		v = v[1:]
	}
	var n int64
	for _, c := range v {
		n = n*10 + int64(c-'0')
	}
	if neg {
		n = -n
	}
	return float64(n)
}
