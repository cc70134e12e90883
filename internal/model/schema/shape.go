package schema

import (
	"cmp"
	"slices"

	"merlon/internal/model/dataclass"
)

// Shape is what a location looks like: derived from a Tree, or read from a JSON
// Schema. Zero counts say that it was described and not observed.
type Shape struct {
	// Types has one bit per kind (1 << Kind). Integer and number together mean number.
	Types Types
	// Count is how many values were seen; Present in how many of the Parents that were walked to their end.
	Count, Present, Parents uint64
	// Confirmed says that the claim "this location exists" passed the gate. Otherwise it is a candidate: shown, never enforced.
	Confirmed bool
	// Required says that a member is always there; RequiredLow is the lower bound of its presence at the confidence asked for.
	Required    bool
	RequiredLow float64
	// Format is JSON Schema's, empty for none, and FormatShare the share of strings that have it.
	Format      string
	FormatShare float64
	// Classes are the data classes found in at least half of the strings, most frequent first.
	Classes []ClassShare
	// Chars is a dataclass.Chars of all strings, 0 when unknown.
	Chars uint16
	// Enum is set when the values form a closed set.
	Enum *Enum
	// Bounds are advisory: from quantiles with a margin, not from extremes. Nil when unknown.
	MinLength, MaxLength *uint64
	Minimum, Maximum     *float64
	MinItems, MaxItems   *uint64
	// Properties are the members of an object, ascending by name.
	Properties []Property
	// Map says that member names are data; Additional is the shape of any member then, or of members not listed.
	// Keys is about how many different names there are.
	Map        bool
	Keys       float64
	Additional *Shape
	// Closed says that a description forbids members not listed. Never derived.
	Closed bool
	// Items is the shape of an array's elements.
	Items *Shape
}

// Property is a member of an object.
type Property struct {
	Name string
	*Shape
}

// ClassShare is a data class and the share of strings that belong to it.
type ClassShare struct {
	Class dataclass.Class
	Share float64
}

// Enum is a closed set of values.
type Enum struct {
	Values []EnumValue // most frequent first when observed, as written when described
	// Unseen bounds the share of traffic with values not listed, at the confidence asked for.
	Unseen float64
}

// EnumValue is one value. Literal is JSON text of the value, empty if only its token is known.
type EnumValue struct {
	Token      uint64
	Literal    string
	Count      uint64
	Supporters int // about
	Confirmed  bool
}

// Types is a set of kinds.
type Types uint8

// anyType is every kind.
const anyType Types = 1<<kindCount - 1

// Has says whether k is in the set; a number includes integers.
func (t Types) Has(k Kind) bool {
	return t&(1<<k) != 0 || k == KindInteger && t&(1<<KindNumber) != 0
}

// Kinds returns the set in order of kind; integer is left out beside number.
func (t Types) Kinds() []Kind {
	var out []Kind
	for k := range kindCount {
		if t&(1<<k) != 0 && !(k == KindInteger && t&(1<<KindNumber) != 0) {
			out = append(out, k)
		}
	}
	return out
}

// Nullable says whether null is allowed beside another kind.
func (s *Shape) Nullable() bool { return s.Types.Has(KindNull) && s.Types != 1<<KindNull }

// Property returns the member of a name, nil if it is not listed.
func (s *Shape) Property(name string) *Shape {
	i, ok := slices.BinarySearchFunc(s.Properties, name, func(p Property, n string) int { return cmp.Compare(p.Name, n) })
	if !ok {
		return nil
	}
	return s.Properties[i].Shape
}
