package walk

import (
	"math"
	"strconv"
	"unsafe"

	"merlon/internal/model/dataclass"
	"merlon/internal/model/exchange"
)

// numberEnd finds the end of the number at i and tells whether it is whole (no fraction, no exponent). A negative end
// is minus the offset at which it stops being valid.
func numberEnd(b []byte, i int) (end int, whole bool) {
	if b[i] == '-' {
		i++
	}
	switch {
	case i >= len(b):
		return -i, false
	case b[i] == '0':
		i++
	case b[i]-'1' < 9:
		i = digitsEnd(b, i+1)
	default:
		return -i, false
	}
	whole = true
	if i < len(b) && b[i] == '.' {
		at := i + 1
		if i = digitsEnd(b, at); i == at {
			return -i, false
		}
		whole = false
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		at := i
		if i = digitsEnd(b, at); i == at {
			return -i, false
		}
		whole = false
	}
	return i, whole
}

func digitsEnd(b []byte, i int) int {
	for i < len(b) && b[i]-'0' < 10 {
		i++
	}
	return i
}

// pow10 are the powers of ten that a double holds exactly.
var pow10 = [...]float64{1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15}

// number fills in a JSON number.
func (w *Walker) number(l *exchange.Leaf, v []byte, whole bool, t traits) {
	l.Kind, l.Value, l.Len = exchange.KindNumber, v, uint32(len(v))
	if whole {
		l.Kind = exchange.KindInteger
	}
	l.Number = w.float(v, whole)

	var set dataclass.Set
	var chars dataclass.Chars
	if whole && len(v) < 9 {
		// Too short for a card, a time or a person's number: what the recognisers would say is known.
		set, chars = 1<<dataclass.Int|1<<dataclass.Number, dataclass.CharDigit
		if v[0] == '-' {
			chars |= dataclass.CharDash
		}
	} else {
		set, chars = dataclass.Recognise(v)
	}
	l.Classes, l.Chars = uint64(set), uint16(chars)
	switch {
	case t&nameSecret != 0:
		l.Flags |= exchange.LeafSecretName
	case t&nameObject != 0 && whole:
		l.Flags |= exchange.LeafIdentifier
	}
}

// float is the value of a valid number. Up to 15 digits with a short fraction are exact in one division, which covers
// what APIs send; the rest goes to strconv. Beyond a double's range it is the largest double, and an issue.
func (w *Walker) float(v []byte, whole bool) float64 {
	if whole && len(v) <= 15 {
		return integer(v)
	}
	if len(v) <= 16 {
		var mantissa int64
		frac, dot, neg := 0, false, false
		for i, c := range v {
			switch {
			case c-'0' < 10:
				mantissa = mantissa*10 + int64(c-'0')
				if dot {
					frac++
				}
				continue
			case c == '.':
				dot = true
				continue
			case c == '-' && i == 0:
				neg = true
				continue
			}
			dot, frac = false, -1 // an exponent
			break
		}
		if frac >= 0 && mantissa < 1<<53 {
			f := float64(mantissa) / pow10[frac]
			if neg {
				f = -f
			}
			return f
		}
	}
	// The string is read and not kept.
	f, err := strconv.ParseFloat(unsafe.String(unsafe.SliceData(v), len(v)), 64)
	if err != nil {
		w.report.Issues.add(IssueNumber)
		f = math.Copysign(math.MaxFloat64, f)
	}
	return f
}
