package schema

import (
	"cmp"
	"slices"
)

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

// meet returns what both a and b allow, as far as Shape can express it.
func meet(a, b *Shape) *Shape {
	c := *a
	c.Types = a.Types & b.Types
	if num := Types(1 << KindInteger); a.Types.Has(KindInteger) && b.Types.Has(KindInteger) {
		c.Types |= num
	}
	if c.Format == "" {
		c.Format, c.FormatShare = b.Format, b.FormatShare
	}
	if c.Enum == nil {
		c.Enum = b.Enum
	}
	c.MinLength, c.MaxLength = tighter(a.MinLength, b.MinLength, 1), tighter(a.MaxLength, b.MaxLength, -1)
	c.Minimum, c.Maximum = tighter(a.Minimum, b.Minimum, 1), tighter(a.Maximum, b.Maximum, -1)
	c.MinItems, c.MaxItems = tighter(a.MinItems, b.MinItems, 1), tighter(a.MaxItems, b.MaxItems, -1)
	c.Closed = a.Closed || b.Closed
	c.Properties = slices.Clone(a.Properties)
	for _, q := range b.Properties {
		i, ok := slices.BinarySearchFunc(c.Properties, q.Name, func(p Property, n string) int { return cmp.Compare(p.Name, n) })
		if !ok {
			c.Properties = slices.Insert(c.Properties, i, q)
			continue
		}
		both := meet(c.Properties[i].Shape, q.Shape)
		both.Required = q.Required || c.Properties[i].Required
		both.RequiredLow = max(q.RequiredLow, c.Properties[i].RequiredLow)
		c.Properties[i].Shape = both
	}
	if c.Additional == nil {
		c.Additional = b.Additional
	} else if b.Additional != nil {
		c.Additional = meet(c.Additional, b.Additional)
	}
	c.Map = c.Additional != nil && len(c.Properties) == 0
	if c.Items == nil {
		c.Items = b.Items
	} else if b.Items != nil {
		c.Items = meet(c.Items, b.Items)
	}
	return &c
}

func tighter[T cmp.Ordered](a, b *T, sign int) *T {
	if a == nil || b != nil && cmp.Compare(*b, *a) == sign {
		return b
	}
	return a
}
