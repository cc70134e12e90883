package schema

import (
	"cmp"
	"math"
	"slices"

	"merlon/internal/model/dataclass"
	"merlon/internal/model/sketch"
)

// inner derives members and elements.
func (d *deriver) inner(s *Shape, n *node) {
	in := n.inner
	if in.element != 0 && n.kinds[KindArray] > 0 {
		s.Items = d.shape(in.element)
	}
	if c := in.lengths.Count(); c >= boundsAt {
		high := uint64(math.Ceil(2 * in.lengths.Quantile(boundsQuantile) * (1 + sketch.QuantileError)))
		s.MaxItems = &high
	}
	for _, c := range in.children {
		k := &d.t.nodes[c]
		p := Property{k.name, d.shape(c)}
		d.presence(p.Shape, k, n)
		s.Properties = append(s.Properties, p)
	}
	slices.SortStableFunc(s.Properties, func(a, b Property) int { return cmp.Compare(a.Name, b.Name) })
	s.Keys = float64(len(in.children))
	if in.wide {
		s.Keys = in.keys.Estimate()
	}
	if in.wide || d.mapLike(s) {
		s.Map = true
		for _, p := range s.Properties {
			s.Additional = Union(s.Additional, p.Shape)
		}
		if s.Additional != nil {
			c := *s.Additional
			c.Required, c.RequiredLow = false, 0
			s.Additional = &c
		}
		s.Properties = nil
	}
}

// presence compares a member's count with its parent's.
func (d *deriver) presence(s *Shape, n, parent *node) {
	s.Parents = parent.inner.whole
	s.Present = min(n.present, s.Parents)
	s.RequiredLow = sketch.ClopperPearsonLower(s.Present, s.Parents, d.o.Confidence)
	s.Required = s.RequiredLow >= d.o.RequiredLow
}

// mapLike says whether member names are data: new ones keep coming or they are
// ids, and their values look alike (after JXPLAIN).
func (d *deriver) mapLike(s *Shape) bool {
	if len(s.Properties) < mapKeys {
		return false
	}
	once, seen, typed := uint64(0), uint64(0), 0
	alike := s.Properties[0].Types &^ (1 << KindNull)
	same, steady := true, false
	for _, p := range s.Properties {
		if p.Present == 1 {
			once++
		}
		seen += p.Present
		if set, _ := dataclass.Recognise([]byte(p.Name)); set&typedNames() != 0 {
			typed++
		}
		if t := p.Types &^ (1 << KindNull); t != alike && t != 0 && alike != 0 {
			same = false
		}
		if p.Required {
			return false
		}
		steady = steady || 2*p.Present >= p.Parents // a field, if an optional one
	}
	if !same {
		return false
	}
	if float64(typed) >= mapTypedShare*float64(len(s.Properties)) {
		return true
	}
	return s.Properties[0].Parents >= mapParents && !steady && sketch.GoodTuringUnseen(once, seen) > mapUnseen
}

// typedNames are the classes that field names do not have.
func typedNames() dataclass.Set {
	return 1<<dataclass.Int | 1<<dataclass.UUID | 1<<dataclass.UUIDBraced | 1<<dataclass.ULID | 1<<dataclass.KSUID |
		1<<dataclass.Hex | 1<<dataclass.Date | 1<<dataclass.DateTime | 1<<dataclass.Email | 1<<dataclass.IPv4
}
