package posting

import (
	"cmp"

	"merlon/internal/model/dataclass"
)

// Field says what a value is of. The numbers are stored: append only.
type Field uint8

// The fields. Those "at least" hold every bound that the row reaches, so that one posting answers for all above it.
const (
	Site Field = iota + 1
	Node
	Source
	Method
	Host
	Template // a word
	Endpoint
	Status
	Class
	Action
	Would
	Mode
	Rule
	Finding
	Severity // at least
	Notable
	Actor
	Principal
	Strength
	Address   // of IPv4 as its number, so that a network is a range
	Network16 // the first 16, 8 bits of IPv4
	Network8
	Address6 // of IPv6, hashed
	Network6 // its first 48 bits
	Country
	ASN
	Fingerprint
	JA4
	HTTP2
	Agent // a word
	RPC
	RPCProtocol
	Latency // at least
	Found   // a word: findings as JSON
	Shape   // a word: the places that were observed
	Unmatched
)

// Word tells whether a field's values stand in the table of words: those that are looked for by a part of them, and those
// that rows share so often that they hold the value's number instead.
func (f Field) Word() bool { return f == Template || f == Agent || f == Found || f == Shape }

// Key is one value of one field.
type Key struct {
	Field Field
	Value int64
}

// Compare orders keys as they are stored.
func Compare(a, b Key) int {
	return cmp.Or(cmp.Compare(a.Field, b.Field), cmp.Compare(a.Value, b.Value))
}

// hashKey is no secret: it makes two texts of one hash cost more to find than they are worth.
const hashKey = "merlon event row"

// Hash is a text's value; 0 for the empty text, which is not kept.
func Hash(text string) int64 {
	if text == "" {
		return 0
	}
	return int64(dataclass.Key([]byte(hashKey)).Token([]byte(text)))
}

// Range is the values From to To of a field, both included.
type Range struct {
	Field    Field
	From, To int64
}

// One tells whether it is a single value.
func (r Range) One() bool { return r.From == r.To }

// Part is a part of the words of a field.
type Part struct {
	Field Field
	Text  string
}
