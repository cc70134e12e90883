package schema

import (
	"slices"
	"strconv"
	"strings"
)

// ChangeKind says what differs between two shapes.
type ChangeKind uint8

// The kinds of change, from a to b.
const (
	Added          ChangeKind = iota // a member or element that a does not know
	Removed                          // one that b does not know
	TypeWidened                      // b allows more kinds
	TypeNarrowed                     // b allows fewer
	TypeChanged                      // both
	BecameRequired                   // b requires it
	BecameOptional                   // b no longer does
	FormatChanged                    //
	EnumWidened                      // b allows values that a does not, or any
	EnumNarrowed                     // a allows values that b does not, or any
	BoundsWidened                    // b allows more in some bound
	BoundsNarrowed                   // b allows less in some bound
	changeKinds
)

var changeNames = [changeKinds]string{
	"added", "removed", "type widened", "type narrowed", "type changed", "became required", "became optional",
	"format changed", "enum widened", "enum narrowed", "bounds widened", "bounds narrowed",
}

// String names the change.
func (k ChangeKind) String() string {
	if k < changeKinds {
		return changeNames[k]
	}
	return "unknown"
}

// Loosens says whether b accepts something there that a did not. (An added
// member loosens, since what is not described is not expected.)
func (k ChangeKind) Loosens() bool {
	switch k {
	case Added, TypeWidened, TypeChanged, BecameOptional, FormatChanged, EnumWidened, BoundsWidened:
		return true
	}
	return false
}

// Change is one difference.
type Change struct {
	// Path leads there from the root: ".name" for a member, "[]" for elements, ".*" for any member; "" is the root.
	Path string
	Kind ChangeKind
	// From and To are the two sides in words, empty where there is none.
	From, To string
}

// Diff lists how b differs from a, ordered by path, then kind. Either may be nil.
// Counts, confidence and confirmation are no difference.
func Diff(a, b *Shape) []Change {
	var d differ
	d.shape("", a, b)
	slices.SortStableFunc(d.out, func(x, y Change) int {
		if c := strings.Compare(x.Path, y.Path); c != 0 {
			return c
		}
		return int(x.Kind) - int(y.Kind)
	})
	return d.out
}

type differ struct{ out []Change }

func (d *differ) add(path string, k ChangeKind, from, to string) {
	d.out = append(d.out, Change{path, k, from, to})
}

func (d *differ) shape(path string, a, b *Shape) {
	switch {
	case a == nil && b == nil:
		return
	case a == nil:
		d.add(path, Added, "", typeText(b.Types))
		return
	case b == nil:
		d.add(path, Removed, typeText(a.Types), "")
		return
	}
	d.types(path, a.Types, b.Types)
	if a.Format != b.Format && a.Types.Has(KindString) && b.Types.Has(KindString) {
		d.add(path, FormatChanged, a.Format, b.Format)
	}
	d.enum(path, a.Enum, b.Enum)
	d.bounds(path, a, b)
	d.members(path, a, b)
	if a.Items != nil || b.Items != nil {
		d.shape(path+"[]", a.Items, b.Items)
	}
	if a.Additional != nil || b.Additional != nil {
		d.shape(path+".*", a.Additional, b.Additional)
	}
}

func (d *differ) types(path string, a, b Types) {
	more, less := false, false
	for k := range kindCount {
		more = more || b.Has(k) && !a.Has(k)
		less = less || a.Has(k) && !b.Has(k)
	}
	switch {
	case more && less:
		d.add(path, TypeChanged, typeText(a), typeText(b))
	case more:
		d.add(path, TypeWidened, typeText(a), typeText(b))
	case less:
		d.add(path, TypeNarrowed, typeText(a), typeText(b))
	}
}

// typeText writes a set of kinds as "string|null".
func typeText(t Types) string {
	if t == anyType {
		return "any"
	}
	var names []string
	for _, k := range t.Kinds() {
		names = append(names, k.String())
	}
	return strings.Join(names, "|")
}

func (d *differ) enum(path string, a, b *Enum) {
	switch {
	case a == nil && b == nil:
	case b == nil:
		d.add(path, EnumWidened, strconv.Itoa(len(a.Values))+" values", "any")
	case a == nil:
		d.add(path, EnumNarrowed, "any", strconv.Itoa(len(b.Values))+" values")
	default:
		if only := missing(b, a); only != "" {
			d.add(path, EnumWidened, "", only)
		}
		if only := missing(a, b); only != "" {
			d.add(path, EnumNarrowed, only, "")
		}
	}
}

// missing lists the values of a that b does not have; tokens compare where literals are unknown.
func missing(a, b *Enum) string {
	var out []string
	for _, v := range a.Values {
		if !slices.ContainsFunc(b.Values, func(w EnumValue) bool {
			return v.Literal != "" && v.Literal == w.Literal || v.Token != 0 && v.Token == w.Token
		}) {
			text := v.Literal
			if text == "" {
				text = "token " + strconv.FormatUint(v.Token, 16)
			}
			out = append(out, text)
		}
	}
	slices.Sort(out)
	return strings.Join(out, ", ")
}

func (d *differ) bounds(path string, a, b *Shape) {
	more, less := false, false
	note := func(c int) {
		more = more || c > 0
		less = less || c < 0
	}
	note(-upper(a.MinLength, b.MinLength, true))
	note(upper(a.MaxLength, b.MaxLength, false))
	note(-upper(a.Minimum, b.Minimum, true))
	note(upper(a.Maximum, b.Maximum, false))
	note(-upper(a.MinItems, b.MinItems, true))
	note(upper(a.MaxItems, b.MaxItems, false))
	if more {
		d.add(path, BoundsWidened, boundText(a), boundText(b))
	}
	if less {
		d.add(path, BoundsNarrowed, boundText(a), boundText(b))
	}
}

// upper compares b with a; no bound is the largest upper one, or the smallest lower one.
func upper[T uint64 | float64](a, b *T, low bool) int {
	none := 1
	if low {
		none = -1
	}
	switch {
	case a == nil && b == nil:
		return 0
	case b == nil:
		return none
	case a == nil:
		return -none
	case *b > *a:
		return 1
	case *b < *a:
		return -1
	}
	return 0
}

func boundText(s *Shape) string {
	var out []string
	u := func(name string, v *uint64) {
		if v != nil {
			out = append(out, name+" "+strconv.FormatUint(*v, 10))
		}
	}
	f := func(name string, v *float64) {
		if v != nil {
			out = append(out, name+" "+strconv.FormatFloat(*v, 'g', -1, 64))
		}
	}
	u("minLength", s.MinLength)
	u("maxLength", s.MaxLength)
	f("minimum", s.Minimum)
	f("maximum", s.Maximum)
	u("minItems", s.MinItems)
	u("maxItems", s.MaxItems)
	return strings.Join(out, ", ")
}

func (d *differ) members(path string, a, b *Shape) {
	i, j := 0, 0
	for i < len(a.Properties) || j < len(b.Properties) {
		switch {
		case j == len(b.Properties) || i < len(a.Properties) && a.Properties[i].Name < b.Properties[j].Name:
			d.shape(path+"."+a.Properties[i].Name, a.Properties[i].Shape, nil)
			i++
		case i == len(a.Properties) || b.Properties[j].Name < a.Properties[i].Name:
			d.shape(path+"."+b.Properties[j].Name, nil, b.Properties[j].Shape)
			j++
		default:
			p, q := a.Properties[i], b.Properties[j]
			at := path + "." + p.Name
			if q.Required && !p.Required {
				d.add(at, BecameRequired, "", "")
			} else if p.Required && !q.Required {
				d.add(at, BecameOptional, "", "")
			}
			d.shape(at, p.Shape, q.Shape)
			i, j = i+1, j+1
		}
	}
}
