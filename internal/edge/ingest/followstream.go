package ingest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"strings"
	"time"

	"merlon/internal/edge/ingest/follow"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// stream is one file of a followed path, with what was read of it and not dealt with.
type stream struct {
	path    *followed
	file    *follow.File
	raw     *followReader
	source  *source
	records *lines
	decoder decoder
	r       reader
	line    int       // the last that was dealt with
	pending bool      // there may be whole lines in the window
	quiet   time.Time // since when nothing more was written to a file that was renamed
	known   *recognition
}

// followReader lets a source read on in another file: a copy of the one that was truncated.
type followReader struct{ file *follow.File }

func (r *followReader) Read(p []byte) (int, error) { return r.file.Read(p) }

func newStream(p *followed, file *follow.File) *stream {
	s := &stream{path: p, file: file, raw: &followReader{file}, pending: true}
	s.source = newSource(s.raw)
	s.source.started = file.Position("", 0, 0).Offset > 0
	s.records = newLines(s.source, maxLogLine)
	s.r = reader{input: Input{Name: p.path}, format: p.format, source: s.source}
	return s
}

func (s *stream) position() follow.Position {
	return s.file.Position(s.path.path, s.source.end-s.source.start, s.line)
}

// detect tells the format by the first whole lines; files of one path have one format.
func (s *stream) detect(chosen *format, how settings) error {
	f := s.path.format
	if f == nil {
		f = chosen
	}
	s.source.err = nil
	s.source.begin()
	if head := s.source.buf[s.source.start:s.source.end]; bytes.HasPrefix(head, []byte(gzipMagic)) || bytes.HasPrefix(head, []byte(zstdMagic)) {
		return errCompressed // it became one while it was followed
	}
	for f == nil {
		head := s.source.buf[s.source.start:s.source.end]
		whole := head[:lastLineEnd(head)]
		var n int
		if f, _, n = sniff(whole, nil, nil); f != nil {
			break
		}
		if n >= sniffLines || len(head) >= sniffBytes {
			return fmt.Errorf("%w: none of %s fits its first lines; name it with --format, or describe it with --log-format", ErrFormat, strings.Join(Formats(), ", "))
		}
		if !s.source.fill() {
			if err := s.source.err; !errors.Is(err, follow.ErrIdle) && !errors.Is(err, io.EOF) {
				return fmt.Errorf("%w: %w", ErrRead, err)
			}
			return errNoLines
		}
	}
	s.path.format, s.r.format = f, f
	var cut records
	cut, s.decoder = f.open(s.source, how)
	if l, ok := cut.(*lines); ok {
		s.records.limit = l.limit
	}
	return nil
}

func lastLineEnd(b []byte) int {
	for i := len(b); i > 0; i-- {
		if b[i-1] == '\n' {
			return i
		}
	}
	return 0
}

// recognition knows what of a file was journaled behind its stored position. Lines come again in the same order, so each
// is the first that is alike: what is alike in everything that is compared is interchangeable.
type recognition struct {
	unknown int            // journaled, and thrown away since a snapshot has them: the first of them all
	seen    map[uint64]int // by what they say
	rest    int
	looked  int // exchanges
}

// recognise gathers the events that were journaled behind a number.
func (w *follower) recognise(after uint64) (*recognition, error) {
	k := &recognition{seen: make(map[uint64]int)}
	found, foreign := uint64(0), uint64(0)
	last, err := w.f.Tail(after, func(e *event.Event) error {
		if found++; e.Source != exchange.SourceAccessLog && e.Source != exchange.SourceEntry {
			foreign++
			return nil
		}
		if k.rest < 2*settleEvents {
			k.rest++
			k.seen[likeness(e.At, e.Status, e.RequestBytes, e.ResponseBytes, e.Latency, address16(e.Client))]++
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("reading what was journaled: %w", err)
	}
	if last > after && found < last-after {
		// A snapshot has them, and the journal has thrown some away: the first lines are those that it had.
		k.unknown, k.rest = int(min(last-after-foreign, 2*settleEvents)), 0
		clear(k.seen)
	}
	if k.done() {
		return nil, nil
	}
	return k, nil
}

// skip tells whether the exchange is journaled already.
func (k *recognition) skip(x *exchange.Exchange) bool {
	if k.looked++; k.unknown > 0 {
		k.unknown--
		return true
	}
	like := likeness(x.At, uint16(x.Status), x.Request.BodySize, x.Response.BodySize, x.Latency, address16(x.Client.Addr))
	n := k.seen[like]
	if n == 0 {
		return false
	}
	k.seen[like] = n - 1
	k.rest--
	return true
}

// done tells that nothing more can be recognised.
func (k *recognition) done() bool { return k.unknown+k.rest == 0 || k.looked > 2*settleEvents }

// likeness is a hash of what an event keeps of an exchange as it was.
func likeness(at int64, status uint16, request, response, latency int64, client [16]byte) uint64 {
	const prime = 0x9e3779b97f4a7c15
	h := uint64(at)
	for _, v := range [...]uint64{uint64(status), uint64(request), uint64(response), uint64(latency)} {
		h = (h ^ v) * prime
		h ^= h >> 29
	}
	for _, c := range client {
		h = (h ^ uint64(c)) * prime
		h ^= h >> 32
	}
	return h
}

func address16(a netip.Addr) (b [16]byte) {
	if a.IsValid() {
		b = a.As16()
	}
	return b
}
