package walk

import (
	"math"
	"strconv"
	"unsafe"

	"merlon/internal/model/dataclass"
	"merlon/internal/model/exchange"
)

// figure is a number as scanned: where it ends, and its value as far as that is cheap to tell.
type figure struct {
	end      int   // minus the offset at which it stops being valid
	mantissa int64 // its digits, sign left out; only with at most 15
	frac     int   // how many of them stand behind the point
	digits   int
	exponent bool
	point    bool
}

// whole tells whether it has neither fraction nor exponent.
func (n *figure) whole() bool { return !n.point && !n.exponent }

// scanNumber reads the number at i.
func scanNumber(b []byte, i int) (n figure) {
	if b[i] == '-' {
		i++
	}
	if i >= len(b) || b[i]-'0' > 9 {
		n.end = -i
		return n
	}
	start := i
	for i < len(b) && b[i]-'0' < 10 {
		n.mantissa = n.mantissa*10 + int64(b[i]-'0')
		i++
	}
	if n.digits = i - start; b[start] == '0' && n.digits > 1 {
		i, n.digits, n.mantissa = start+1, 1, 0 // a zero stands alone; what follows it is another matter
	}
	if i < len(b) && b[i] == '.' {
		at := i + 1
		for i = at; i < len(b) && b[i]-'0' < 10; i++ {
			n.mantissa = n.mantissa*10 + int64(b[i]-'0')
		}
		if i == at {
			n.end = -i
			return n
		}
		n.point, n.frac = true, i-at
		n.digits += n.frac
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		at := i
		for i < len(b) && b[i]-'0' < 10 {
			i++
		}
		if i == at {
			n.end = -i
			return n
		}
		n.exponent = true
	}
	n.end = i
	return n
}

// pow10 are the powers of ten that a double holds exactly.
var pow10 = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// number fills in a JSON number.
func (w *Walker) number(l *exchange.Leaf, v []byte, n figure, t traits) {
	l.Kind, l.Value, l.Len = exchange.KindNumber, v, uint32(len(v))
	whole := n.whole()
	if whole {
		l.Kind = exchange.KindInteger
	}
	l.Number = w.float(v, &n)

	set, chars := dataclass.Set(1<<dataclass.Number), dataclass.CharDigit
	if v[0] == '-' {
		chars |= dataclass.CharDash
	}
	switch {
	case n.exponent || whole && len(v) >= 9 && v[0] != '-' || len(v) > dataclass.MaxExamined:
		set, chars = dataclass.Recognise(v)
	case whole: // too short for a card, a time or a person's number: what the recognisers would say is known
		set |= 1 << dataclass.Int
	default:
		chars |= dataclass.CharDot
	}
	l.Classes, l.Chars = uint64(set), uint16(chars)
	switch {
	case t&nameSecret != 0:
		l.Flags |= exchange.LeafSecretName
	case t&nameObject != 0 && whole:
		l.Flags |= exchange.LeafIdentifier
	}
}

// float is the value of a valid number. Up to 15 digits without exponent are exact in one division, which covers what APIs
// send; the rest goes to strconv. Beyond a double's range it is the largest double, and an issue.
func (w *Walker) float(v []byte, n *figure) float64 {
	if n.digits <= 15 && !n.exponent {
		f := float64(n.mantissa)
		if n.frac > 0 {
			f /= pow10[n.frac]
		}
		if v[0] == '-' && n.mantissa == 0 && n.whole() {
			return 0 // an integer has no negative zero
		}
		if v[0] == '-' {
			f = -f
		}
		return f
	}
	// The string is read and not kept.
	f, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(v), len(v)), 64)
	if err != nil {
		w.report.Issues.add(IssueNumber)
		f = math.Copysign(math.MaxFloat64, f)
	}
	return f
}
