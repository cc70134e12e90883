package event

import (
	"encoding/binary"
	"math"
	"math/bits"

	"merlon/internal/model/dataclass"
	"merlon/internal/model/exchange"
)

// An observation begins with eight bytes, written as one word: part and kind, marks, name, length, classes, characters (two
// bytes), flags. Byte 2 is the name's length, or how far back the observation is whose name and location it shares.
const (
	obsRef        = 1 << 6 // in byte 0: name and location are those of an earlier observation
	obsSameParent = 1 << 7 // in byte 0: same parent as the observation before
)

// Marks (byte 1): which parts follow those eight bytes, in this order.
const (
	obsLongName = 1 << iota // byte 2 does not hold it
	obsLongLen              // byte 3 does not hold it
	obsClasses              // a set that byte 4 does not hold: 0, one more than the class, or a pair
	obsToken
	obsNumber
	obsLoc // the location cannot be worked out
	obsLiteral
	obsMarks = 1<<iota - 1
)

// The sets of two classes that JSON values have, beyond the classes in byte 4. They are part of stored data: append only.
const (
	pairWhole    = 1<<dataclass.Int | 1<<dataclass.Number
	pairCurrency = 1<<dataclass.Word | 1<<dataclass.Currency
	pairCountry  = 1<<dataclass.Word | 1<<dataclass.Country
	pairTruth    = 1<<dataclass.Word | 1<<dataclass.BoolWord

	firstPair = 65
)

// pairs is what byte 4 means from firstPair on. It is constant.
var pairs = [...]uint64{pairWhole, pairCurrency, pairCountry, pairTruth}

// deriveLoc is where an observation stands, from what the record already holds.
func deriveLoc(all []Observation, i int, part exchange.Part, parent int32, name []byte) uint64 {
	switch {
	case part == exchange.InPath && len(name) == 0:
		return exchange.SegmentLoc(i)
	case parent >= 0 && int(parent) < i:
		if len(name) == 0 {
			return exchange.ElementLoc(all[parent].Loc)
		}
		return exchange.MemberLoc(all[parent].Loc, name)
	case len(name) == 0:
		return exchange.RootLoc(part)
	default:
		return exchange.MemberLoc(exchange.RootLoc(part), name)
	}
}

// shortName is the longest name that is copied as two words, which is faster than calling a copy.
const shortName = 16

func (e *Event) putObservations(b []byte, n int) ([]byte, int) {
	all, arena := e.Observations, e.arena
	b = room(b, n, 10+len(all)*64) // mostly enough for all
	n = put(b, n, uint64(len(all)))
	parent := int32(-1)
	for i := range all {
		o := &all[i]
		if need := observationBound + min(int(o.Name.Len)+int(o.Literal.Len), 2*len(arena)); len(b)-n < need {
			b = room(b, n, need)
		}
		head, start := uint64(o.Part)&7|uint64(o.Kind)&7<<3|uint64(o.Chars)<<40|uint64(o.Flags)<<56, n
		marks := uint64(0)
		n += 8
		if o.Parent == parent {
			head |= obsSameParent
		} else {
			n = put(b, n, zigzag(int64(i)-int64(o.Parent)))
			parent = o.Parent
		}
		var name []byte
		var short uint64
		// Equal locations have equal names but for a collision, which blurs the name here as it blurs the statistics.
		if back := int(o.Same); back > 0 && back <= i && all[i-back].Loc == o.Loc && all[i-back].Name.Len == o.Name.Len {
			head |= obsRef
			short = uint64(back)
		} else {
			name = e.Bytes(o.Name)
			short = uint64(len(name))
			if o.Loc != deriveLoc(all, i, o.Part, o.Parent, name) {
				marks |= obsLoc
			}
		}
		if short > 255 {
			marks |= obsLongName
			n = put(b, n, short)
			short = 0
		}
		length := uint64(o.Len)
		if length > 255 {
			marks |= obsLongLen
			n = put(b, n, length)
			length = 0
		}
		class := uint64(0)
		switch set := o.Classes; {
		case set == 0:
		case set&(set-1) == 0:
			class = uint64(bits.TrailingZeros64(set)) + 1
		case set == pairWhole:
			class = firstPair
		case set == pairCurrency:
			class = firstPair + 1
		case set == pairCountry:
			class = firstPair + 2
		case set == pairTruth:
			class = firstPair + 3
		default:
			marks |= obsClasses
			n = putClasses(b, n, set)
		}
		if o.Token != 0 {
			marks |= obsToken
			n = put64(b, n, o.Token)
		}
		if raw := math.Float64bits(o.Number); raw != 0 {
			marks |= obsNumber
			n = putNumber(b, n, o.Number, raw)
		}
		if len(name) > 0 {
			if off := int(o.Name.Off); len(name) <= shortName && off+shortName <= len(arena) {
				from := arena[off : off+shortName]
				put64(b, put64(b, n, binary.LittleEndian.Uint64(from)), binary.LittleEndian.Uint64(from[8:]))
			} else {
				copy(b[n:], name)
			}
			n += len(name)
		}
		if marks&obsLoc != 0 {
			n = put64(b, n, o.Loc)
		}
		if o.Literal.Len != 0 {
			marks |= obsLiteral
			n = putText(b, n, e.Bytes(o.Literal))
		}
		put64(b, start, head|marks<<8|short<<16|length<<24|class<<32)
	}
	return b, n
}

// putNumber writes whole numbers as varints and all else as its eight bytes behind a 1.
func putNumber(b []byte, n int, v float64, raw uint64) int {
	if whole := int64(v); math.Abs(v) < 1<<53 && math.Float64bits(float64(whole)) == raw {
		return put(b, n, zigzag(whole)<<1)
	}
	b[n] = 1
	return put64(b, n+1, raw)
}

// putClasses writes one byte a class, its bit 7 set when more follow: sets hold one to three classes.
func putClasses(b []byte, n int, set uint64) int {
	for {
		c := byte(bits.TrailingZeros64(set))
		if set &= set - 1; set == 0 {
			b[n] = c
			return n + 1
		}
		b[n] = c | 0x80
		n++
	}
}

// putObjects names an object by its observation, which nearly always is there, or writes it in full behind a 0.
func (e *Event) putObjects(b []byte, n int) ([]byte, int) {
	b = room(b, n, 10+len(e.Objects)*objectBound)
	n = put(b, n, uint64(len(e.Objects)))
	cursor := 0
	for i := range e.Objects {
		o := &e.Objects[i]
		b[n] = byte(o.Use)
		n++
		found := -1
		for j, end := cursor, min(cursor+objectReach, len(e.Observations)); j < end; j++ {
			if p := &e.Observations[j]; p.Token == o.Token && p.Loc == o.Loc {
				found = j
				break
			}
		}
		if found < 0 {
			b[n] = 0
			n = put64(b, n+1, o.Loc)
			n = put64(b, n, o.Token)
			continue
		}
		n = put(b, n, uint64(found-cursor)+1)
		cursor = found
	}
	return b, n
}
