package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"

	"merlon/internal/model/exchange"
)

// format is one way in which exchanges are written down.
type format struct {
	Name string
	// About is one line for people.
	About  string
	Source exchange.Source
	// document tells that records are no lines; sniff then sees the beginning of the input.
	document bool
	// sniff tells whether a line, one of the first of an input, is of this format.
	sniff func(line []byte) bool
	// time finds the time of a line, to order inputs by; 0 for none.
	time func(line []byte) int64
	// open makes what cuts an input and what reads the pieces.
	open func(s *source, how settings) (records, decoder)
}

// settings are what a format needs to know of the options.
type settings struct {
	bodyLimit, hops int
}

// records yields the records of an input with their numbers. A Cause as error is one damaged record.
type records interface {
	next() (text []byte, line int, err error)
}

// decoder fills an empty exchange from a record. What it puts there may point into the record and into memory that the
// next call reuses; it may change the record in place. The cause is 0 when the exchange is whole.
type decoder interface {
	decode(text []byte, x *exchange.Exchange) Cause
}

// auto is the format that is told by the first lines.
const auto = "auto"

// Formats are the names of the formats, in the order in which they are tried.
func Formats() []string {
	var names []string
	for _, f := range all() {
		names = append(names, f.Name)
	}
	return names
}

func formatNamed(name string) *format {
	for _, f := range all() {
		if f.Name == name {
			return f
		}
	}
	return nil
}

func unknownFormat(name string) error {
	return fmt.Errorf("%w: %q is not known; formats are auto, %s", ErrFormat, name, strings.Join(Formats(), ", "))
}

// Bounds of the look at an input's beginning.
const (
	sniffLines = 50 // servers say more than that about themselves before the first access only rarely
	sniffBytes = 4 << 20
)

// detect tells the format by the first lines, reading no more than it needs: stdin may be slow. It leaves the source
// where it was.
func (r *reader) detect() error {
	s := r.source
	s.begin()
	if r.format != nil {
		return nil
	}
	for {
		head := s.buf[s.start:s.end]
		whole := s.err != nil
		complete := head
		if !whole {
			complete = head[:bytes.LastIndexByte(head, '\n')+1]
		}
		if f, at, n := sniff(complete, head, r.chosen); f != nil {
			r.format, r.first = f, at
			return nil
		} else if n >= sniffLines || whole || len(head) >= sniffBytes {
			break
		}
		s.fill()
	}
	if s.err != nil && !errors.Is(s.err, io.EOF) {
		return fmt.Errorf("%w: %w", ErrRead, s.err)
	}
	head := bytes.TrimSpace(s.buf[s.start:s.end])
	switch {
	case len(head) == 0:
		return nil
	case r.chosen != nil:
		r.format = r.chosen // its lines will be reported as damaged
		return nil
	case head[0] == '{' || head[0] == '[':
		return fmt.Errorf("%w: it looks like JSON, but like none of %s; name its members with --log-format", ErrFormat, strings.Join(Formats(), ", "))
	}
	return fmt.Errorf("%w: none of %s fits its first lines; name it with --format, or describe it with --log-format", ErrFormat, strings.Join(Formats(), ", "))
}

// sniff finds the format that fits first, its first time, and how many lines were looked at. With a chosen format only
// the time is looked for.
func sniff(complete, head []byte, chosen *format) (found *format, at int64, n int) {
	formats := all()
	if chosen != nil {
		formats = []*format{chosen}
	}
	if f, at := sniffDocument(head, formats); f != nil {
		return f, at, 0
	}
	for _, f := range formats {
		if f.document {
			continue
		}
		n = 0
		for line := range bytes.Lines(complete) {
			line = bytes.TrimRight(line, "\r\n")
			if blank(line) {
				continue
			}
			if f.sniff(line) {
				return f, f.time(line), n
			}
			if n++; n == sniffLines {
				break
			}
		}
	}
	return nil, 0, n
}

// sniffDocument tries the formats that are no lines on the beginning of the input.
func sniffDocument(head []byte, formats []*format) (*format, int64) {
	for _, f := range formats {
		if f.document && f.sniff(head) {
			return f, f.time(head)
		}
	}
	return nil, 0
}
