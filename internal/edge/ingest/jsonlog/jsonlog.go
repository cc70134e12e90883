// Package jsonlog reads access logs that are JSON objects, one a line, by a map of their members' names.
package jsonlog

import (
	"merlon/internal/edge/ingest/jsonscan"
	"merlon/internal/edge/ingest/logformat"
	"merlon/internal/edge/ingest/record"
	"merlon/internal/model/exchange"
)

// Map says what the members of an object mean.
type Map struct {
	members map[string]*Map
	meaning record.Meaning
	// parts takes apart a string that holds several values.
	parts *logformat.Format
	// skip tells that a line is well-formed and no access: other messages of the same log. It may be nil.
	skip func(logger []byte) bool
	saw  exchange.Observed
}

// Decoder fills exchanges from lines.
type Decoder struct {
	m    *Map
	s    jsonscan.Scanner
	line record.Line

	logger []byte
	hidden bool // a credential was there and its value is not
	found  int
}

// maxKeptArena bounds the memory that a decoder keeps for decoded strings from one line to the next.
const maxKeptArena = 1 << 20

// MaxLine bounds a line: all fields of request and response, escaped.
const MaxLine = 1 << 20

// NewDecoder makes a decoder for lines of a log; hops as in record.Line.
func NewDecoder(m *Map, hops int) *Decoder {
	return &Decoder{m: m, line: record.Line{Hops: hops}}
}

// Scan reads a line without judging what it says, and tells whether it has the members of an access.
func (d *Decoder) Scan(text []byte) record.Cause {
	if cap(d.s.Arena) > maxKeptArena {
		d.s.Arena = nil
	}
	d.s.Reset(text)
	d.line.Reset()
	d.logger, d.hidden, d.found = nil, false, 0
	if d.s.Peek() != '{' {
		return record.CauseJSON
	}
	cause := d.object(d.m, 0)
	d.s.End()
	switch err := d.s.Err(); {
	case err == jsonscan.ErrDeep: //nolint:errorlint // the scanner wraps nothing
		return record.CauseDeep
	case err != nil:
		return record.CauseJSON
	case cause != 0:
		return cause
	case d.m.skip != nil && d.m.skip(d.logger):
		return record.CauseSkip
	case d.found == 0:
		return record.CauseMember
	}
	return 0
}

// Decode fills an empty exchange from a line.
func (d *Decoder) Decode(text []byte, x *exchange.Exchange) record.Cause {
	if cause := d.Scan(text); cause != 0 {
		return cause
	}
	d.line.Saw(d.m.saw)
	cause := d.line.Fill(x)
	if d.hidden {
		x.Observed &^= exchange.SawCredentials
	}
	return cause
}

// maxMapped bounds how deep a map may go; no log nests what is read deeper.
const maxMapped = 8

// object reads an object by its map. The first cause counts.
func (d *Decoder) object(m *Map, depth int) (cause record.Cause) {
	s := &d.s
	if !s.Open('{') {
		return 0
	}
	for n := 0; s.More(&n, '}'); {
		key := s.Key()
		member := m.members[string(key)]
		if member == nil {
			if depth == 0 && string(key) == "logger" {
				d.logger, _ = s.Text()
				continue
			}
			s.Skip()
			continue
		}
		switch {
		case member.members != nil && depth < maxMapped:
			if c := d.object(member, depth+1); cause == 0 {
				cause = c
			}
		case member.meaning.What == record.RequestHeaders, member.meaning.What == record.ResponseHeaders:
			d.fields(member.meaning.What == record.ResponseHeaders)
		default:
			if c := d.scalar(member); cause == 0 {
				cause = c
			}
		}
	}
	return cause
}

func (d *Decoder) scalar(m *Map) record.Cause {
	v, ok := d.s.Scalar()
	if !ok {
		return 0
	}
	d.found++
	if m.parts == nil {
		d.line.Put(&m.meaning, v)
		return 0
	}
	if len(v) == 0 || len(v) == 1 && v[0] == '-' {
		return 0
	}
	return m.parts.Match(v, &d.line)
}

// fields reads {"Name": ["value", ...]}, or one string instead of the list.
func (d *Decoder) fields(response bool) {
	s := &d.s
	if s.Peek() != '{' {
		s.Skip()
		return
	}
	s.Open('{')
	if response {
		d.line.Saw(exchange.SawResponseHeaders)
	} else {
		d.line.Saw(exchange.SawRequestHeaders | exchange.SawUserAgent | exchange.SawCredentials)
	}
	for n := 0; s.More(&n, '}'); {
		name := s.Key()
		if s.Peek() != '[' {
			if v, ok := s.Text(); ok {
				d.field(response, name, v)
			}
			continue
		}
		s.Open('[')
		for k := 0; s.More(&k, ']'); {
			if v, ok := s.Text(); ok {
				d.field(response, name, v)
			}
		}
	}
}

// field notes a field. A credential whose value was taken out says that there was one, and nothing about whose.
func (d *Decoder) field(response bool, name, v []byte) {
	if string(v) == "REDACTED" {
		if !response {
			d.hidden = true
		}
		return
	}
	d.line.PutField(response, name, v)
}
