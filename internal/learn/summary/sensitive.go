package summary

import (
	"math"
	"math/bits"

	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/sketch"
)

// sensitiveFields is how many locations of a leaf can be watched for sensitive values.
const sensitiveFields = 64

// sensitiveClasses is how many sensitive classes there are, with room; their place is their rank in dataclass.SensitiveSet.
const sensitiveClasses = 12

// SensitiveField counts, for one location, values that a sensitive recogniser claimed. One value proves little (one random
// 16-digit number in ten passes for a card): distillation asks for a share of many different ones.
type SensitiveField struct {
	Hits [sensitiveClasses]uint32
	// Values has one bit per hash of a value, modulo 64: enough to tell twenty different values from one repeated.
	Values uint64
	// Loc is the location (exchange.Loc functions).
	Loc uint64
}

// Different is about how many different values were claimed, at most some 270 (linear counting).
func (s SensitiveField) Different() int {
	free := 64 - bits.OnesCount64(s.Values)
	if free == 0 {
		return 270
	}
	return int(-64*math.Log(float64(free)/64) + 0.5)
}

// Of is how often a class was hit.
func (s SensitiveField) Of(c dataclass.Class) uint64 {
	if dataclass.SensitiveSet&c.Set() == 0 {
		return 0
	}
	return uint64(s.Hits[sensitiveRank(c)])
}

func sensitiveRank(c dataclass.Class) int {
	return bits.OnesCount64(uint64(dataclass.SensitiveSet)&(1<<c-1)) % sensitiveClasses
}

func joinSensitive(dst *SensitiveField, src SensitiveField) {
	dst.Loc = max(dst.Loc, src.Loc)
	dst.Values |= src.Values
	for i, n := range src.Hits {
		dst.Hits[i] = addSat32(dst.Hits[i], n)
	}
}

// Sensitive is where sensitive values were seen in successful exchanges.
type Sensitive struct {
	Fields sketch.BottomK[SensitiveField]
}

func makeSensitive() Sensitive {
	return Sensitive{Fields: sketch.MakeBottomK[SensitiveField](sensitiveFields)}
}

func (s *Sensitive) fold(f *fold) {
	if !f.success {
		return
	}
	for i := range f.e.Observations {
		o := &f.e.Observations[i]
		if o.Classes&uint64(dataclass.SensitiveSet) != 0 {
			s.note(o)
		}
	}
}

func (s *Sensitive) note(o *event.Observation) {
	p := s.Fields.Slot(sketch.Mix(o.Loc))
	if p == nil {
		return
	}
	p.Loc = o.Loc
	for c, rest, ok := (dataclass.Set(o.Classes) & dataclass.SensitiveSet).First(); ok; c, rest, ok = rest.First() {
		p.Hits[sensitiveRank(c)] = addSat32(p.Hits[sensitiveRank(c)], 1)
	}
	if o.Token != 0 {
		p.Values |= 1 << (o.Token & 63)
	}
}

func (s *Sensitive) merge(o learner) { s.Fields.Merge(&o.(*Sensitive).Fields, joinSensitive) }

func (s *Sensitive) append(b []byte) []byte {
	return s.Fields.AppendBinary(b, func(b []byte, v SensitiveField) []byte {
		for _, n := range v.Hits {
			b = appendUvarint(b, uint64(n))
		}
		return appendU64(appendU64(b, v.Values), v.Loc)
	})
}

func (s *Sensitive) read(r *reader) {
	s.Fields = readBottomK(r, sensitiveFields, sensitiveClasses+16, func(b []byte) (v SensitiveField, rest []byte, ok bool) {
		in := reader{b: b}
		for i := range v.Hits {
			v.Hits[i] = uint32(min(in.uvarint(), 1<<32-1))
		}
		v.Values, v.Loc = in.u64(), in.u64()
		return v, in.b, in.err == nil
	})
}
