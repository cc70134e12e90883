package schema

import (
	"cmp"
	"encoding/json"
	"math"
	"math/bits"
	"slices"

	"merlon/internal/model/dataclass"
	"merlon/internal/model/sketch"
)

// Thresholds of what a derived shape states. What is enforced needs more: see
// the Enforce constants.
const (
	maxEnum         = 50   // distinct values, JSONoid's bound
	enumTimes       = 10   // values seen per distinct value, JSONoid's
	formatAt        = 10   // strings before a format is stated, JSONoid's
	formatShare     = 0.90 // JSONoid's
	textShare       = 0.995
	boundsAt        = 10_000 // values before bounds are stated
	mapKeys         = 8      // members before an object can be taken for a map
	mapParents      = 50     // objects before new names can make a map: in a few, any optional member is new
	mapUnseen       = 0.03   // Good-Turing share of unseen names that makes a map
	mapTypedShare   = 0.8    // share of names that are ids, dates ...
	boundsQuantile  = 0.9999
	valueSupporters = 3
)

// Thresholds for enforcing a claim of a confirmed shape.
const (
	// EnforceRequired is the least RequiredLow: 3,000 presences without an absence at 95 %.
	EnforceRequired = 0.999
	// EnforceUnseen is the largest Enum.Unseen.
	EnforceUnseen = 1e-4
	// EnforceFormat is the least FormatShare.
	EnforceFormat = 0.995
	// EnforceBounds is the least Count: with fewer, 20 numeric fields alone trip on .4 % of requests.
	EnforceBounds = 100_000
)

// Options of Derive. The zero value is usable: nothing is confirmed and no literal known.
type Options struct {
	// Gate says whether the supporters of a location are enough for it to be confirmed; nil confirms nothing.
	Gate func(*Supporters) bool
	// Literal returns the literal of a value's token, if it may be shown.
	Literal func(token uint64) (string, bool)
	// Text says that strings are parameters, whose type is in their form: "17" is an integer.
	Text bool
	// Confidence of all one-sided bounds; 0 means 0.95.
	Confidence float64
	// RequiredLow is the least lower bound of presence that makes a member required; 0 means 0.95 (59 of 59).
	RequiredLow float64
	// EnumUnseen is the largest upper bound of unseen values for an enum; 0 means 0.01 (300 values, none single).
	EnumUnseen float64
}

// Derive reads the shape of the message from the tree: the body if there was a
// nameless root, otherwise an object of the parameters. Equal trees give equal
// shapes. Nil if nothing was observed.
func (t *Tree) Derive(o Options) *Shape {
	o.Confidence = cmp.Or(o.Confidence, 0.95)
	o.RequiredLow = cmp.Or(o.RequiredLow, 0.95)
	o.EnumUnseen = cmp.Or(o.EnumUnseen, 0.01)
	d := deriver{t: t, o: o}
	root := &t.nodes[0]
	if root.kinds[KindObject] == 0 {
		return nil
	}
	if body := root.inner.element; body != 0 {
		s := d.shape(body)
		d.presence(s, &t.nodes[body], root)
		return s
	}
	return d.shape(0)
}

type deriver struct {
	t *Tree
	o Options
}

func (d *deriver) shape(at int32) *Shape {
	n := &d.t.nodes[at]
	s := &Shape{Count: n.count(), Confirmed: d.o.Gate != nil && d.o.Gate(&n.backers)}
	for k, c := range n.kinds {
		if c > 0 {
			s.Types |= 1 << k
		}
	}
	if n.text != nil {
		d.strings(s, n)
	}
	if n.number != nil && s.Types&(1<<KindInteger|1<<KindNumber) != 0 {
		d.numbers(s, n.number)
	}
	s.Enum = d.enum(s, n)
	if n.inner != nil {
		d.inner(s, n)
	}
	return s
}

// strings derives classes, format and lengths.
func (d *deriver) strings(s *Shape, n *node) {
	p := n.text
	total := n.kinds[KindString]
	share := func(c dataclass.Class) float64 {
		bit := uint64(1) << c
		if p.classes&bit == 0 || total == 0 {
			return 0
		}
		return float64(p.hits[bits.OnesCount64(p.classes&(bit-1))]) / float64(total)
	}
	for m := p.classes; m != 0; m &= m - 1 {
		c := dataclass.Class(bits.TrailingZeros64(m))
		if x := share(c); x >= 0.5 {
			s.Classes = append(s.Classes, ClassShare{c, x})
		}
	}
	slices.SortStableFunc(s.Classes, func(a, b ClassShare) int { return cmp.Compare(b.Share, a.Share) })
	s.Chars = p.chars
	if d.o.Text && d.retype(s, total, share) {
		return
	}
	if total >= formatAt {
		for _, c := range formats() {
			if x := share(c); x >= formatShare {
				s.Format, s.FormatShare = c.Format(), x
				break
			}
		}
	}
	if total >= boundsAt {
		low := uint64(p.lengths.Min())
		high := uint64(math.Ceil(2 * p.lengths.Quantile(boundsQuantile) * (1 + sketch.QuantileError)))
		if low /= 2; low > 0 {
			s.MinLength = &low
		}
		s.MaxLength = &high
	}
}

// retype reads a parameter's type from the form of its values.
func (d *deriver) retype(s *Shape, total uint64, share func(dataclass.Class) float64) bool {
	if total == 0 {
		return false
	}
	to := KindString
	switch {
	case share(dataclass.Int) >= textShare:
		to = KindInteger
	case share(dataclass.Number) >= textShare:
		to = KindNumber
	case share(dataclass.BoolWord) >= textShare:
		to = KindBool
	}
	if to == KindString {
		return false
	}
	s.Types = s.Types&^(1<<KindString) | 1<<to
	return true
}

// formats lists the classes that JSON Schema has a format for, the most telling first.
func formats() []dataclass.Class {
	return []dataclass.Class{
		dataclass.UUID, dataclass.DateTime, dataclass.Date, dataclass.Time, dataclass.Duration, dataclass.Email,
		dataclass.IPv4, dataclass.IPv6, dataclass.URI, dataclass.Hostname, dataclass.CredentialKey,
		dataclass.PasswordHash, dataclass.PrivateKey,
	}
}

// numbers derives bounds: the quantile, or the extreme where the sketch is cut, up to the next power of ten.
func (d *deriver) numbers(s *Shape, p *numberPart) {
	if p.sizes.Count() < boundsAt {
		return
	}
	low, high := p.sizes.Quantile(1-boundsQuantile), p.sizes.Quantile(boundsQuantile)
	if high > sketch.QuantileMax*(1-2*sketch.QuantileError) {
		high = p.max
	}
	if low < -sketch.QuantileMax*(1-2*sketch.QuantileError) {
		low = p.min
	}
	low, high = -decade(-low), decade(high)
	if p.min >= 0 {
		low = 0
	}
	s.Minimum, s.Maximum = &low, &high
}

// decade returns the least power of ten that is not smaller; 0 for what is not positive.
func decade(x float64) float64 {
	if x <= 0 || math.IsInf(x, 0) {
		return max(x, 0)
	}
	return math.Pow(10, math.Ceil(math.Log10(x)-1e-9))
}

// enum finds a closed set: few values, each often, hardly any unseen (Good-Turing).
func (d *deriver) enum(s *Shape, n *node) *Enum {
	scalars := n.kinds[KindString] + n.kinds[KindInteger]
	if scalars == 0 || n.kinds[KindNumber]+n.kinds[KindObject]+n.kinds[KindArray]+n.kinds[KindBool] > 0 || s.Types.Has(KindBool) {
		return nil
	}
	k := n.values.Len()
	if !n.values.Exact() || k == 0 || k > maxEnum || scalars < uint64(enumTimes*k) {
		return nil
	}
	e := &Enum{}
	once, sum := uint64(0), uint64(0)
	for _, v := range n.values.Entries() {
		if v.V.Count == 1 {
			once++
		}
		sum += uint64(v.V.Count)
		x := EnumValue{Token: v.Hash, Count: uint64(v.V.Count), Supporters: v.V.Supporters()}
		x.Confirmed = s.Confirmed && x.Supporters >= valueSupporters
		if d.o.Literal != nil {
			if lit, ok := d.o.Literal(v.Hash); ok {
				x.Literal = literalJSON(lit, s.Types)
			}
		}
		e.Values = append(e.Values, x)
	}
	e.Unseen = sketch.GoodTuringUpper(once, scalars, d.o.Confidence)
	if sum < scalars || e.Unseen > d.o.EnumUnseen { // some values had no token: the set is not known
		return nil
	}
	slices.SortStableFunc(e.Values, func(a, b EnumValue) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Token, b.Token))
	})
	return e
}

// literalJSON writes a literal as JSON text of the location's type.
func literalJSON(lit string, t Types) string {
	if t&(1<<KindString) == 0 && json.Valid([]byte(lit)) {
		return lit
	}
	b, err := json.Marshal(lit)
	if err != nil {
		return ""
	}
	return string(b)
}
