package summary

import (
	"math"
	"time"

	"merlon/internal/model/inventory"
	"merlon/internal/model/sketch"
)

const (
	// principalSample is how many principals of a site are remembered: those whose tokens hash lowest.
	principalSample = 4096
	// writerSample is how many writers an endpoint remembers, chosen in the same way.
	writerSample = 8
	// readHours is how many hours of reading are remembered.
	readHours = 4
)

// Principal is what one principal, of whatever strength, has done with success on a whole site. Only successes count: what
// the upstream refused proves nothing about who may read and who may write.
type Principal struct {
	// First is when it first had success, FirstWrite when it first wrote, in event time; FirstWrite is math.MaxInt64 for who
	// only reads.
	First, FirstWrite int64
	// Reads and Writes are how often it did either.
	Reads, Writes uint32
	// Hours are the earliest different hours of event time in which it read, ascending; 0 is empty. They tell a habit of
	// reading before a first write from one after it.
	Hours [readHours]uint32
	// Proved tells that it was accepted or verified at least once.
	Proved bool
}

// Writer is what one principal wrote under one key.
type Writer struct {
	First int64 // event time of its first write here
	Count uint32
}

// Principals remembers who reads and who writes: the beginning of an access matrix.
type Principals struct{ Sample sketch.BottomK[Principal] }

func makePrincipals() Principals {
	return Principals{sketch.MakeBottomK[Principal](principalSample)}
}

// Of finds a principal by its token; nil when it is not remembered.
func (p *Principals) Of(token uint64) *Principal { return p.Sample.Find(token) }

func (p *Principals) fold(f *fold) {
	if !f.success || f.e.Principal.Token == 0 {
		return
	}
	x := p.Sample.Slot(f.e.Principal.Token)
	if x == nil {
		return
	}
	v := Principal{First: f.e.At, FirstWrite: math.MaxInt64, Proved: f.proved}
	if f.writes {
		v.FirstWrite, v.Writes = f.e.At, 1
	} else {
		v.Reads, v.Hours[0] = 1, f.hour
	}
	joinPrincipal(x, v)
}

// joinPrincipal is commutative and associative; a zero dst takes src whole.
func joinPrincipal(dst *Principal, src Principal) {
	if dst.First == 0 || src.First == 0 {
		if dst.First == 0 {
			*dst = src
		}
		return
	}
	dst.First, dst.FirstWrite = min(dst.First, src.First), min(dst.FirstWrite, src.FirstWrite)
	dst.Reads, dst.Writes = addSat32(dst.Reads, src.Reads), addSat32(dst.Writes, src.Writes)
	dst.Proved = dst.Proved || src.Proved
	for _, h := range src.Hours {
		dst.readIn(h)
	}
}

// readIn puts an hour among the earliest.
func (p *Principal) readIn(hour uint32) {
	for i := range p.Hours {
		switch h := p.Hours[i]; {
		case hour == 0 || hour == h:
			return
		case h == 0 || hour < h:
			p.Hours[i], hour = hour, h
		}
	}
}

func (p *Principals) merge(o *Principals) { p.Sample.Merge(&o.Sample, joinPrincipal) }

func (p *Principals) append(b []byte) []byte {
	return p.Sample.AppendBinary(b, func(b []byte, v Principal) []byte {
		b = appendU64(appendU64(b, uint64(v.First)), uint64(v.FirstWrite))
		b = appendUvarint(appendUvarint(b, uint64(v.Reads)), uint64(v.Writes))
		for _, h := range v.Hours {
			b = appendUvarint(b, uint64(h))
		}
		if v.Proved {
			return append(b, 1)
		}
		return append(b, 0)
	})
}

func (p *Principals) read(r *reader) {
	p.Sample = readBottomK(r, principalSample, 19+readHours, func(b []byte) (v Principal, rest []byte, ok bool) {
		r := reader{b: b}
		v.First, v.FirstWrite = int64(r.u64()), int64(r.u64())
		reads, writes := r.uvarint(), r.uvarint()
		sorted := true
		for i := range v.Hours {
			h := r.uvarint()
			sorted = sorted && h <= math.MaxUint32 && (h == 0 || i == 0 || v.Hours[i-1] != 0 && uint32(h) > v.Hours[i-1])
			v.Hours[i] = uint32(h)
		}
		proved := r.byte()
		ok = r.err == nil && sorted && v.First > 0 && v.FirstWrite >= v.First && reads <= math.MaxUint32 && writes <= math.MaxUint32 && proved <= 1 &&
			(writes == 0) == (v.FirstWrite == math.MaxInt64)
		v.Reads, v.Writes, v.Proved = uint32(reads), uint32(writes), proved == 1
		return v, r.b, ok
	})
}

// Writers are the principals that have written under one key.
type Writers struct{ Sample sketch.BottomK[Writer] }

func makeWriters() Writers { return Writers{sketch.MakeBottomK[Writer](writerSample)} }

func (w *Writers) fold(f *fold) {
	if !f.success || f.e.Principal.Token == 0 || !f.writes {
		return
	}
	if x := w.Sample.Slot(f.e.Principal.Token); x != nil {
		joinWriter(x, Writer{First: f.e.At, Count: 1})
	}
}

func joinWriter(dst *Writer, src Writer) {
	if dst.First == 0 || src.First != 0 && src.First < dst.First {
		dst.First = src.First
	}
	dst.Count = addSat32(dst.Count, src.Count)
}

func (w *Writers) merge(o learner) { w.Sample.Merge(&o.(*Writers).Sample, joinWriter) }

func (w *Writers) append(b []byte) []byte {
	return w.Sample.AppendBinary(b, func(b []byte, v Writer) []byte {
		return appendUvarint(appendU64(b, uint64(v.First)), uint64(v.Count))
	})
}

func (w *Writers) read(r *reader) {
	w.Sample = readBottomK(r, writerSample, 9, func(b []byte) (v Writer, rest []byte, ok bool) {
		r := reader{b: b}
		v.First = int64(r.u64())
		n := r.uvarint()
		v.Count = uint32(n)
		return v, r.b, r.err == nil && v.First > 0 && n > 0 && n <= math.MaxUint32
	})
}

// ReadBefore is in how many different hours, readHours at most, it read before the hour of a moment of event time.
func (p *Principal) ReadBefore(at int64) int {
	n := 0
	for _, h := range p.Hours {
		if h != 0 && int64(h) < at/int64(time.Hour) {
			n++
		}
	}
	return n
}

// AccessOf tells reads from writes by the method, for what is learned: beside the methods of inventory.AccessOf, QUERY and
// those of WebDAV that only ask are safe (IANA's registry of methods). A POST that only searches is told apart by later
// learners.
func AccessOf(method string) inventory.Access {
	switch method {
	case "QUERY", "PROPFIND", "REPORT", "SEARCH":
		return inventory.Read
	}
	return inventory.AccessOf(method)
}
