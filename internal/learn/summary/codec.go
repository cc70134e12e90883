package summary

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"merlon/internal/model/dataclass"
	"merlon/internal/model/sketch"
)

// Errors of Decode.
var (
	// ErrDamaged says that the bytes are not an encoding this package wrote: restore the summary or rebuild it from the journal.
	ErrDamaged = errors.New("summary: damaged encoding")
	// ErrNewer says that the bytes were written by a newer version of the program.
	ErrNewer = errors.New("summary: encoding of a newer version; upgrade this node first")
)

// Kind and version begin every encoding.
const (
	kindState = 0xe8
	version   = 1
)

// AppendBinary appends the canonical encoding: equal states give equal bytes. The seed is not part of it.
func (s *State) AppendBinary(b []byte) []byte {
	b = append(b, kindState, version)
	b = appendString(b, s.Site)
	b = appendSpan(b, s.Seen)
	b = appendUvarint(b, s.Damaged)
	b = s.Actors.append(b)
	b = s.Principals.append(b)
	b = s.Names.append(b)
	for _, t := range []*Table{&s.Known, &s.Found, &s.Lost} {
		b = t.append(b)
	}
	return b
}

// Decode reads one encoding, which must be all of b. seed is the one the state was made with.
func Decode(b []byte, seed uint64) (*State, error) {
	if len(b) < 2 || b[0] != kindState || b[1] == 0 {
		return nil, fmt.Errorf("%w: not a summary", ErrDamaged)
	}
	if b[1] > version {
		return nil, fmt.Errorf("%w: version %d, known is %d", ErrNewer, b[1], version)
	}
	r := &reader{b: b[2:]}
	s := New(r.text(256), seed)
	s.Seen, s.Damaged = r.span(), r.uvarint()
	s.Actors.read(r)
	s.Principals.read(r)
	s.Names.read(r)
	for _, t := range []*Table{&s.Known, &s.Found, &s.Lost} {
		t.read(r)
	}
	if r.err == nil && len(r.b) > 0 {
		r.damage("bytes after the end")
	}
	if r.err != nil {
		return nil, r.err
	}
	return s, nil
}

func (t *Table) append(b []byte) []byte {
	b = appendUvarint(b, t.Overflow.Requests)
	b = appendUvarint(b, t.Overflow.Successes)
	b = t.Overflow.Keys.AppendBinary(b)
	leaves := t.Leaves()
	b = appendUvarint(b, uint64(len(leaves)))
	for _, l := range leaves {
		b = l.append(b)
	}
	return b
}

func (t *Table) read(r *reader) {
	t.Overflow.Requests, t.Overflow.Successes = r.uvarint(), r.uvarint()
	r.distinct(&t.Overflow.Keys)
	last := uint64(0)
	for i := range r.count(t.limit, 16) {
		h := r.u64()
		if r.err != nil || i > 0 && h <= last {
			r.damage("leaves out of order")
			return
		}
		last = h
		l, _ := t.insert(h)
		l.read(r)
		if r.err != nil {
			return
		}
	}
}

func (l *Leaf) append(b []byte) []byte {
	b = appendU64(b, l.Hash)
	b = appendString(appendString(b, l.Host), l.Method)
	b = appendUvarint(b, uint64(len(l.Segments)))
	for _, s := range l.Segments {
		b = append(b, byte(s.Kind), byte(s.Class))
		switch s.Kind {
		case Literal:
			b = appendUvarint(appendString(appendU64(b, s.Token), s.Text), s.Echo)
		case Typed:
			b = appendUvarint(appendUvarint(b, s.Low), s.High)
		}
	}
	for _, k := range learners(l) {
		b = k.append(b)
	}
	if l.Detail == nil {
		return append(b, 0)
	}
	b = append(b, 1)
	for _, k := range detailLearners(l.Detail) {
		b = k.append(b)
	}
	return b
}

// read fills a leaf that the table has just made, without its hash.
func (l *Leaf) read(r *reader) {
	l.Host, l.Method = r.text(3*maxHost), r.text(3*maxMethod)
	for range r.count(maxTemplateSegments, 2) {
		s := Segment{Kind: Kind(r.byte()), Class: dataclass.SegmentClass(r.byte())}
		switch s.Kind {
		case Literal:
			s.Token, s.Text, s.Echo = r.u64(), r.text(maxTemplateText), r.uvarint()
			if s.Text == "" && s.Token != 0 {
				l.missing++
			}
		case Typed:
			s.Low, s.High = r.uvarint(), r.uvarint()
		case Parameter:
		default:
			r.damage("segment")
		}
		if s.Class >= dataclass.SegmentCount {
			r.damage("segment class")
		}
		l.Segments = append(l.Segments, s)
		if r.err != nil {
			return
		}
	}
	for _, k := range learners(l) {
		if k.read(r); r.err != nil {
			return
		}
	}
	switch r.byte() {
	case 0:
		if l.Detail != nil {
			r.damage("detail missing")
		}
	case 1:
		if l.Detail == nil {
			r.damage("detail beyond the limit")
			return
		}
		for _, k := range detailLearners(l.Detail) {
			if k.read(r); r.err != nil {
				return
			}
		}
	default:
		r.damage("detail")
	}
}

func addSat(a, b uint64) uint64 {
	if s := a + b; s >= a {
		return s
	}
	return math.MaxUint64
}

func addSat32(a, b uint32) uint32 {
	if s := a + b; s >= a {
		return s
	}
	return math.MaxUint32
}

func appendUvarint(b []byte, v uint64) []byte { return binary.AppendUvarint(b, v) }
func appendU64(b []byte, v uint64) []byte     { return binary.BigEndian.AppendUint64(b, v) }
func appendString(b []byte, s string) []byte  { return append(appendUvarint(b, uint64(len(s))), s...) }

func appendSpan(b []byte, s sketch.Span) []byte {
	return appendU64(appendU64(b, uint64(s.First)), uint64(s.Last))
}
