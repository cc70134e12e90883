// Package schema is the shape of data as a mergeable lattice: infer, merge, diff, to and from JSON Schema.
//
// A Tree holds, per location, a product of independent monoids (JSONoid, arXiv
// 2307.03113) with the kinds of a location fused into one node (Baazizi et al.,
// EDBT 2017): counts by kind, presence, recogniser hits, lengths, characters,
// numbers, a sample of value tokens and a sample of supporters. It only
// accumulates. What the shape *is* (types, required, enum, format, map or
// object, bounds) is derived when read, by Derive, from merged state, with the
// confidence each claim has; Shape is the result.
//
// Merging trees in any order gives identical bytes, and the same bytes as one
// tree fed with everything. Counts are additive, so trees travel as deltas.
package schema

import "errors"

// Errors of decoding and merging.
var (
	// ErrDamaged says that the bytes are not an encoding this package wrote.
	ErrDamaged = errors.New("schema: damaged encoding")
	// ErrNewer says that the bytes were written by a newer version of the program.
	ErrNewer = errors.New("schema: encoding of a newer version; upgrade this node first")
)

// Kind is a value's JSON kind, numbered as exchange.Kind.
type Kind uint8

// The kinds. Parameters and header fields are KindString; their classes say more.
const (
	KindNull Kind = iota
	KindBool
	KindInteger
	KindNumber
	KindString
	KindObject
	KindArray
	kindCount
)

var kindNames = [kindCount]string{"null", "boolean", "integer", "number", "string", "object", "array"}

// String is JSON Schema's name of the kind.
func (k Kind) String() string {
	if k < kindCount {
		return kindNames[k]
	}
	return "unknown"
}

// Leaf is one observation of one value or container. It holds no pointer; its
// name lies in an arena handed in beside it.
type Leaf struct {
	// Loc is the hash of the path, array indices left out. Equal paths have equal Loc everywhere.
	Loc uint64
	// Token is the keyed token of the value; 0 for containers, secrets and whatever must not be sampled.
	Token uint64
	// Classes is a dataclass.Set.
	Classes uint64
	// Num is the value of a number, or of a string that is a plain decimal integer of at most 15 digits.
	Num float64
	// Parent is the index of the containing leaf in the same list, -1 for a root: a parameter (named), or a body's root (nameless).
	Parent int32
	// Len is the length in bytes of a string, the number of members of a container.
	Len uint32
	// NameOff and NameLen are the place of the member's name in the arena; empty for array elements and body roots.
	NameOff, NameLen uint32
	// Chars is a dataclass.Chars.
	Chars uint16
	Kind  Kind
	// Dup marks a second member of one name in one object: it says nothing about presence.
	Dup bool
}

// Support says who stands behind an observation, and when.
type Support struct {
	// Principal is the keyed token of the principal, 0 if there is none.
	Principal uint64
	// Network is the keyed token of the client network (/24, /48).
	Network uint64
	// Bucket is the number of the time bucket (hours since 1970, say).
	Bucket uint32
	// Strong says that the principal is verified or accepted by the upstream. A claimed one adds nothing to its network.
	Strong bool
	// Partial says that the walk did not reach the end, so that absence of a member is not absence.
	Partial bool
}
