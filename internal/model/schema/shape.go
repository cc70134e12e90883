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

// Union returns the narrowest shape, of those that Shape can express, that
// allows whatever a or b allows. Either may be nil.
func Union(a, b *Shape) *Shape {
	if a == nil {
		return b
	}
	if b == nil {
		return a
	}
	u := &Shape{
		Types: a.Types | b.Types,
		Count: a.Count + b.Count, Present: a.Present + b.Present, Parents: a.Parents + b.Parents,
		Confirmed: a.Confirmed && b.Confirmed,
		Required:  a.Required && b.Required, RequiredLow: min(a.RequiredLow, b.RequiredLow),
		Chars: a.Chars | b.Chars,
		Map:   a.Map || b.Map, Keys: max(a.Keys, b.Keys), Closed: a.Closed && b.Closed,
		Additional: Union(a.Additional, b.Additional), Items: Union(a.Items, b.Items),
		Enum: unionEnum(a, b),
	}
	str := Types(1 << KindString)
	switch {
	case a.Format == b.Format || b.Types&str == 0:
		u.Format, u.FormatShare = a.Format, a.FormatShare
		if a.Format == b.Format && b.Types&str != 0 {
			u.FormatShare = min(a.FormatShare, b.FormatShare)
		}
	case a.Types&str == 0:
		u.Format, u.FormatShare = b.Format, b.FormatShare
	}
	num := Types(1<<KindInteger | 1<<KindNumber)
	arr := Types(1 << KindArray)
	u.MinLength = outer(a.MinLength, b.MinLength, a.Types&str == 0, b.Types&str == 0, -1)
	u.MaxLength = outer(a.MaxLength, b.MaxLength, a.Types&str == 0, b.Types&str == 0, 1)
	u.Minimum = outer(a.Minimum, b.Minimum, a.Types&num == 0, b.Types&num == 0, -1)
	u.Maximum = outer(a.Maximum, b.Maximum, a.Types&num == 0, b.Types&num == 0, 1)
	u.MinItems = outer(a.MinItems, b.MinItems, a.Types&arr == 0, b.Types&arr == 0, -1)
	u.MaxItems = outer(a.MaxItems, b.MaxItems, a.Types&arr == 0, b.Types&arr == 0, 1)
	u.Classes = unionClasses(a, b)
	u.Properties = unionProperties(a, b)
	return u
}

// outer returns the wider of two bounds, nil if one side has none but could.
func outer[T cmp.Ordered](a, b *T, noA, noB bool, sign int) *T {
	switch {
	case noA && a == nil:
		return b
	case noB && b == nil:
		return a
	case a == nil || b == nil:
		return nil
	case cmp.Compare(*a, *b) == sign:
		return a
	}
	return b
}

func unionEnum(a, b *Shape) *Enum {
	if a.Enum == nil || b.Enum == nil {
		return nil
	}
	e := &Enum{Values: slices.Clone(a.Enum.Values), Unseen: max(a.Enum.Unseen, b.Enum.Unseen)}
	for _, v := range b.Enum.Values {
		i := slices.IndexFunc(e.Values, func(w EnumValue) bool { return w.Token == v.Token && w.Literal == v.Literal })
		if i < 0 {
			e.Values = append(e.Values, v)
			continue
		}
		w := &e.Values[i]
		w.Count += v.Count
		w.Supporters, w.Confirmed = max(w.Supporters, v.Supporters), w.Confirmed || v.Confirmed
	}
	if len(e.Values) > maxEnum {
		return nil
	}
	return e
}

func unionClasses(a, b *Shape) []ClassShare {
	var out []ClassShare
	for _, c := range a.Classes {
		i := slices.IndexFunc(b.Classes, func(d ClassShare) bool { return d.Class == c.Class })
		if i >= 0 {
			out = append(out, ClassShare{c.Class, min(c.Share, b.Classes[i].Share)})
		}
	}
	return out
}

// unionProperties keeps both sides' members; one that only a side has is no longer required.
func unionProperties(a, b *Shape) []Property {
	out := make([]Property, 0, max(len(a.Properties), len(b.Properties)))
	obj := Types(1 << KindObject)
	lone := func(p Property, other *Shape) Property {
		if p.Required && other.Types&obj != 0 {
			c := *p.Shape
			c.Required, c.RequiredLow = false, 0
			p.Shape = &c
		}
		return p
	}
	i, j := 0, 0
	for i < len(a.Properties) || j < len(b.Properties) {
		switch {
		case j == len(b.Properties) || i < len(a.Properties) && a.Properties[i].Name < b.Properties[j].Name:
			out = append(out, lone(a.Properties[i], b))
			i++
		case i == len(a.Properties) || b.Properties[j].Name < a.Properties[i].Name:
			out = append(out, lone(b.Properties[j], a))
			j++
		default:
			out = append(out, Property{a.Properties[i].Name, Union(a.Properties[i].Shape, b.Properties[j].Shape)})
			i, j = i+1, j+1
		}
	}
	if len(out) == 0 {
		return nil
	}
	return out
}
