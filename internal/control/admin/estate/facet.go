package estate

import (
	"cmp"
	"slices"
	"time"
)

// Facet is a property with the values that a filter by it can take, as long as the other filters stay.
type Facet struct {
	By     Dim // Seen for the time last seen
	Values []Count
	// More counts the values that are not listed: search finds them.
	More int
	// AtLeast: each value stands for itself and all before it, as risk and time do.
	AtLeast bool
}

// Count is a value and how many endpoints the filter would leave.
type Count struct {
	Value  string // as the filter takes it
	Count  int
	Chosen bool
}

// maxValues bounds the values of a facet.
const maxValues = 12

// ages are the choices of the time last seen.
func ages() []string { return []string{"1h", "24h", "7d", "30d"} }

// facets counts what each filter would leave. A property's own filter is left out for that: its other values are choices.
func (x *Index) facets(q *Query, s *selection, now time.Time) []Facet {
	out := make([]Facet, 0, dims+1)
	for d := range dims {
		if d == Segment || d == Risk {
			continue
		}
		f := x.facet(d, q.filter(d), s)
		if len(q.Within) > 0 { // that a chosen value is there, in some other site, is none of theirs
			f.Values = slices.DeleteFunc(f.Values, func(c Count) bool { return c.Count == 0 })
		}
		out = append(out, f)
	}
	return append(out, x.riskFacet(q, s), x.seenFacet(q, s, now))
}

// tally counts the values of a property.
func (x *Index) tally(d Dim, s *selection) []int32 {
	c := &x.dims[d]
	n := s.spare.perValue
	if cap(n) < len(c.values) {
		n = make([]int32, len(c.values))
		s.spare.perValue = n
	}
	n = n[:len(c.values)]
	clear(n)
	for _, rows := range [...][]int32{s.rows, s.near[d]} {
		if c.starts == nil {
			for _, row := range rows {
				n[c.codes[row]]++
			}
			continue
		}
		for _, row := range rows {
			for _, code := range c.of(row) {
				n[code]++
			}
		}
	}
	return n
}

func (x *Index) facet(d Dim, chosen string, s *selection) Facet {
	f := Facet{By: d}
	values := x.dims[d].values
	for code, n := range x.tally(d, s) {
		v := values[code]
		if v == "" {
			v = None
		}
		if n > 0 || v == chosen {
			f.Values = append(f.Values, Count{v, int(n), v == chosen})
		}
	}
	// The most frequent first; what is chosen is always among them, and "none" comes last.
	slices.SortStableFunc(f.Values, func(a, b Count) int {
		return cmp.Or(last(a.Value)-last(b.Value), cmp.Compare(b.Count, a.Count))
	})
	if n := len(f.Values); n > maxValues {
		kept := f.Values[:maxValues:maxValues]
		for _, v := range f.Values[maxValues:] {
			if v.Chosen || v.Value == None {
				kept = append(kept, v)
			}
		}
		f.Values, f.More = kept, n-len(kept)
	}
	return f
}

func last(v string) int {
	if v == None {
		return 1
	}
	return 0
}

func (x *Index) riskFacet(q *Query, s *selection) Facet {
	f := Facet{By: Risk, AtLeast: true}
	n, values, sum := x.tally(Risk, s), x.dims[Risk].values, 0
	for _, b := range Bands() {
		if at, ok := slices.BinarySearch(values, b.Name); ok {
			sum += int(n[at])
		}
		if b.Least > 0 {
			f.Values = append(f.Values, Count{b.Name, sum, q.Risk == b.Least})
		}
	}
	return f
}

func (x *Index) seenFacet(q *Query, s *selection, now time.Time) Facet {
	f := Facet{By: Seen, AtLeast: true}
	for _, age := range ages() {
		f.Values = append(f.Values, Count{age, 0, q.Seen == age})
	}
	from := make([]int64, len(f.Values))
	for i := range f.Values {
		from[i], _ = since(f.Values[i].Value, now) // they are well formed
	}
	never := 0
	for _, rows := range [...][]int32{s.rows, s.near[Seen]} {
		for _, row := range rows {
			if x.seen[row] == 0 {
				never++
				continue
			}
			for i := len(from) - 1; i >= 0 && x.seen[row] >= from[i]; i-- {
				f.Values[i].Count++
			}
		}
	}
	f.Values = append(f.Values, Count{Never, never, q.Seen == Never})
	return f
}
