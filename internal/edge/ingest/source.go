package ingest

import (
	"bytes"
	"errors"
	"io"

	"merlon/internal/edge/ingest/record"
)

// source is the decompressed bytes of an input in a window that only grows for long lines.
type source struct {
	r          io.Reader
	buf        []byte
	start, end int
	err        error // what ended r; io.EOF at a regular end
	fills      int   // reads from r so far
	taken      int64 // bytes read since the count was last taken
	started    bool
}

const window = 256 << 10

func newSource(r io.Reader) *source { return &source{r: r, buf: make([]byte, window)} }

// fill reads once more and reports whether there are more bytes. The window moves: what was cut from it before is gone.
func (s *source) fill() bool {
	if s.err != nil {
		return false
	}
	if s.start > 0 {
		s.end = copy(s.buf, s.buf[s.start:s.end])
		s.start = 0
	}
	if s.end == len(s.buf) {
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	}
	for range 100 {
		n, err := s.r.Read(s.buf[s.end:])
		s.fills++
		s.end += n
		s.taken += int64(n)
		s.err = err
		if n > 0 {
			return true
		}
		if err != nil {
			return false
		}
	}
	s.err = io.ErrNoProgress
	return false
}

// begin drops a UTF-8 byte order mark (RFC 3629 section 6). It is called before anything is taken.
func (s *source) begin() {
	if s.started {
		return
	}
	s.started = true
	for s.end-s.start < 3 && s.fill() {
	}
	if bytes.HasPrefix(s.buf[s.start:s.end], []byte("\xef\xbb\xbf")) {
		s.start += 3
	}
}

// Read gives what is in the window, then reads on: for readers that keep a window of their own.
func (s *source) Read(p []byte) (int, error) {
	if s.start == s.end && !s.fill() {
		return 0, s.err
	}
	n := copy(p, s.buf[s.start:s.end])
	s.start += n
	return n, nil
}

// failure is what a records' next returns when the source is at its end.
func (s *source) failure() error {
	if s.err == nil || errors.Is(s.err, io.EOF) {
		return io.EOF
	}
	return s.err
}

// lines cuts a source at line ends.
type lines struct {
	s       *source
	limit   int
	scanned int // bytes of the window known to hold no line end
	number  int
}

// newLines cuts s into lines of at most limit bytes.
func newLines(s *source, limit int) *lines { return &lines{s: s, limit: limit} }

// next returns the next line that is not empty, without its line end, and its number. It is valid until the following
// call. A line over the limit is record.CauseTooLong and is passed over without being kept.
func (l *lines) next() ([]byte, int, error) {
	s := l.s
	for {
		k := bytes.IndexByte(s.buf[s.start+l.scanned:s.end], '\n')
		if k < 0 {
			if l.scanned = s.end - s.start; l.scanned > l.limit+1 {
				l.number++
				l.pass()
				return nil, l.number, record.CauseTooLong
			}
			if s.fill() {
				continue
			}
			if s.start == s.end || s.err != nil && !errors.Is(s.err, io.EOF) {
				// What stands before a failure is no whole line.
				return nil, l.number + 1, s.failure()
			}
			k = l.scanned
		} else {
			k += l.scanned
		}
		line := s.buf[s.start : s.start+k : s.start+k]
		s.start = min(s.start+k+1, s.end)
		l.scanned = 0
		l.number++
		if n := len(line); n > 0 && line[n-1] == '\r' {
			line = line[:n-1]
		}
		if len(line) > l.limit {
			return nil, l.number, record.CauseTooLong
		}
		if len(line) > 0 && !blank(line) {
			return line, l.number, nil
		}
	}
}

// pass throws away the bytes up to the next line end.
func (l *lines) pass() {
	s := l.s
	l.scanned = 0
	for {
		if k := bytes.IndexByte(s.buf[s.start:s.end], '\n'); k >= 0 {
			s.start += k + 1
			break
		}
		s.start = s.end
		if !s.fill() {
			break
		}
	}
	if len(s.buf) > window && s.end-s.start <= window {
		// One long line does not keep its memory.
		small := make([]byte, window)
		s.end = copy(small, s.buf[s.start:s.end])
		s.start, s.buf = 0, small
	}
}

func blank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' {
			return false
		}
	}
	return true
}
