package estate

import (
	"slices"

	"merlon/internal/model/inventory"
)

// Dim is a property that endpoints are filtered, counted or grouped by.
type Dim uint8

// The properties. Those that an endpoint has several of count it once for each.
const (
	Site Dim = iota
	Host
	Method
	State
	Auth
	Access
	Lifecycle
	Sensitive
	Class
	Purpose
	Owner
	Label
	Documented
	Ignored
	Segment // the first of the path
	Risk    // by band
	dims
	// Seen is no column: it depends on the time.
	Seen = dims
)

// String is the property's name, which is also the name of the filter.
func (d Dim) String() string {
	return [...]string{
		"site", "host", "method", "state", "auth", "access", "lifecycle", "sensitive", "class", "purpose", "owner", "label", "documented", "ignored",
		"segment", "risk", "seen",
	}[d]
}

// ParseDim reads a property's name.
func ParseDim(s string) (Dim, bool) {
	for d := range dims {
		if d.String() == s {
			return d, true
		}
	}
	return 0, false
}

// many tells whether an endpoint may have several values.
func many(d Dim) bool { return d == Lifecycle || d == Class || d == Label }

// The values of properties that are yes or no.
const (
	Yes = "yes"
	No  = "no"
)

func yes(b bool) string {
	if b {
		return Yes
	}
	return No
}

// Band is a part of the scale of risk, named like the severities.
type Band struct {
	Name  string
	Least float64 // its scores are Least and above, up to the next band's
}

// Bands are the parts, the highest first.
func Bands() []Band {
	return []Band{{"critical", 70}, {"high", 40}, {"medium", 20}, {"low", 1}, {"none", 0}}
}

func band(score float64) string {
	switch {
	case score >= 70:
		return "critical"
	case score >= 40:
		return "high"
	case score >= 20:
		return "medium"
	case score >= 1:
		return "low"
	}
	return "none"
}

// value is an endpoint's only value of a property; "" stands for none.
func value(e *inventory.Endpoint, d Dim) string {
	switch d {
	case Site:
		return e.Site
	case Host:
		return e.Host
	case Method:
		return e.Method
	case State:
		return string(e.State)
	case Auth:
		return string(e.Auth)
	case Access:
		return string(e.Access)
	case Sensitive:
		return yes(len(e.Sensitive) > 0)
	case Purpose:
		return e.Purpose
	case Owner:
		return e.Owner
	case Documented:
		return yes(e.Documented)
	case Ignored:
		return yes(e.Ignored)
	case Segment:
		return segment(e.Template)
	case Risk:
		return band(e.Risk.Score)
	}
	return ""
}

// column holds a property of all rows: numbers of values in a sorted dictionary. An endpoint without any has the one of "".
type column struct {
	values []string
	codes  []uint32
	starts []uint32 // where a row's codes begin, for properties that it may have several of; nil otherwise
}

func (c *column) of(row int32) []uint32 {
	if c.starts == nil {
		return c.codes[row : row+1]
	}
	return c.codes[c.starts[row]:c.starts[row+1]]
}

// code is the number of a value.
func (c *column) code(v string) (uint32, bool) {
	i, ok := slices.BinarySearch(c.values, v)
	return uint32(i), ok
}

// builder makes a column in one pass over the rows.
type builder struct {
	column
	numbers map[string]uint32
	last    string // values repeat from row to row
	lastAt  uint32
}

func newBuilder(n int, several bool) builder {
	b := builder{numbers: map[string]uint32{}}
	b.codes = make([]uint32, 0, n)
	if several {
		b.starts = append(make([]uint32, 0, n+1), 0)
	}
	return b
}

func (b *builder) add(e *inventory.Endpoint, d Dim) {
	if b.starts == nil {
		b.codes = append(b.codes, b.number(value(e, d)))
		return
	}
	from := len(b.codes)
	put := func(v string) {
		if n := b.number(v); !slices.Contains(b.codes[from:], n) {
			b.codes = append(b.codes, n)
		}
	}
	switch d {
	case Lifecycle:
		for _, v := range e.Lifecycle {
			put(v)
		}
	case Class:
		for i := range e.Sensitive {
			put(e.Sensitive[i].Class)
		}
	case Label:
		for _, v := range e.Labels {
			put(v)
		}
	}
	if len(b.codes) == from {
		put("")
	}
	b.starts = append(b.starts, uint32(len(b.codes)))
}

func (b *builder) number(v string) uint32 {
	if len(b.values) > 0 && v == b.last {
		return b.lastAt
	}
	n, ok := uint32(0), false
	if len(b.values) <= few { // most properties have few values: looking at each is faster than hashing
		for i, have := range b.values {
			if have == v {
				n, ok = uint32(i), true
				break
			}
		}
	} else {
		n, ok = b.numbers[v]
	}
	if !ok {
		n = uint32(len(b.values))
		b.numbers[v] = n
		b.values = append(b.values, v)
	}
	b.last, b.lastAt = v, n
	return n
}

const few = 8

// sorted sorts the dictionary, so that numbers compare as values do and do not depend on the order of the rows.
func (b *builder) sorted() column {
	byValue := make([]uint32, len(b.values))
	for i := range byValue {
		byValue[i] = uint32(i)
	}
	slices.SortFunc(byValue, func(x, y uint32) int {
		if b.values[x] < b.values[y] {
			return -1
		}
		return 1
	})
	sorted, to := make([]string, len(byValue)), make([]uint32, len(byValue))
	for at, n := range byValue {
		sorted[at], to[n] = b.values[n], uint32(at)
	}
	for i, n := range b.codes {
		b.codes[i] = to[n]
	}
	return column{values: sorted, codes: b.codes, starts: b.starts}
}
