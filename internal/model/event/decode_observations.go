package event

import (
	"math"

	"merlon/internal/model/exchange"
)

func (r *reader) observations(e *Event) {
	n := r.count(8)
	if cap(e.Observations) < n {
		e.Observations = make([]Observation, 0, n)
	}
	parent := int32(-1)
	for i := range n {
		head := r.word()
		marks := head >> 8 & 0xff
		if marks&^obsMarks != 0 {
			r.fail()
		}
		if head&obsSameParent == 0 {
			p := int64(i) - unzigzag(r.number())
			if p < math.MinInt32 || p > math.MaxInt32 {
				r.fail()
			}
			parent = int32(p)
		}
		short := r.orLong(marks&obsLongName != 0, head>>16&0xff)
		o := Observation{
			Part: exchange.Part(head & 7), Kind: exchange.Kind(head >> 3 & 7), Parent: parent,
			Chars: uint16(head >> 40), Flags: exchange.LeafFlag(head >> 56),
			Len: uint32(r.orLong(marks&obsLongLen != 0, head>>24&0xff)),
		}
		if class := head >> 32 & 0xff; marks&obsClasses != 0 {
			o.Classes = r.classes()
		} else if class >= firstPair+uint64(len(pairs)) {
			r.fail()
		} else if class >= firstPair {
			o.Classes = pairs[class-firstPair]
		} else if class > 0 {
			o.Classes = 1 << (class - 1)
		}
		if marks&obsToken != 0 {
			o.Token = r.word()
		}
		if marks&obsNumber != 0 {
			o.Number = r.float()
		}
		if head&obsRef == 0 {
			name := r.take(int(short))
			o.Name = e.Append(name)
			if marks&obsLoc != 0 {
				o.Loc = r.word()
			} else {
				o.Loc = deriveLoc(e.Observations, i, o.Part, parent, name)
			}
		} else if short == 0 || short > uint64(i) || short > math.MaxUint16 || r.bad {
			r.fail()
		} else {
			o.Same = uint16(short)
			o.Name, o.Loc = e.Observations[i-int(short)].Name, e.Observations[i-int(short)].Loc
		}
		if marks&obsLiteral != 0 {
			o.Literal = e.Append(r.text())
		}
		if r.bad {
			return
		}
		e.Observations = append(e.Observations, o)
	}
}

// orLong is v, or the varint that follows because v did not fit in its byte.
func (r *reader) orLong(long bool, v uint64) uint64 {
	if long {
		return r.below(math.MaxUint32)
	}
	return v
}

func (r *reader) float() float64 {
	v := r.number()
	if v&1 == 0 {
		return float64(unzigzag(v >> 1))
	}
	return math.Float64frombits(r.word())
}

// classes reads a set; its members come in ascending order, so a record cannot make the reader run on.
func (r *reader) classes() uint64 {
	var set uint64
	for {
		c := r.byte()
		bit := uint64(1) << (c & 63)
		if r.bad || c&0x40 != 0 || set >= bit {
			r.fail()
			return 0
		}
		set |= bit
		if c&0x80 == 0 {
			return set
		}
	}
}

func (r *reader) objects(e *Event) {
	n := r.count(2)
	if cap(e.Objects) < n {
		e.Objects = make([]Object, 0, n)
	}
	cursor := uint64(0)
	for range n {
		o := Object{Use: Use(r.byte())}
		if step := r.number(); step == 0 {
			o.Loc, o.Token = r.word(), r.word()
		} else {
			if step > uint64(len(e.Observations)) || cursor+step-1 >= uint64(len(e.Observations)) {
				r.fail()
				return
			}
			cursor += step - 1
			o.Loc, o.Token = e.Observations[cursor].Loc, e.Observations[cursor].Token
		}
		if r.bad {
			return
		}
		e.Objects = append(e.Objects, o)
	}
}
