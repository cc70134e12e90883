package http2

import (
	"io"
	"os"
	"sync"

	"merlon/internal/model/exchange"
)

// Stream is a request and its answer. One goroutine reads and answers it; StopReading, ExpireRead and ExpireWrite may be called
// by any, until Finish.
type Stream struct {
	// Head is the request as the head of an HTTP/1.1 request: what edge/http1 has to judge, and to use up to its last byte.
	Head []byte
	// Method and Target are how long those two are at the beginning of Head.
	Method, Target int
	// Malformed says that the request breaks RFC 9113 and was reset; TooLarge that the head is longer than is kept; Refused that
	// it was reset with REFUSED_STREAM since the connection has as many as it may, Excess that its client had been told so.
	Malformed, TooLarge, Refused, Excess bool

	c    *Conn
	id   uint32
	wake sync.Cond

	// All below is under the connection's lock.
	onGone   func()
	body     body
	trailers []byte
	// ended: the client has ended its side, answered: we have ended ours. closed: nothing is sent or taken any more. gone: the
	// client has reset it, or the connection is over. counted: it counts among the streams that are open.
	// ours: it was us who reset it. broken: its client was at fault behind the head. blamed: Blame was called.
	ended, answered, closed, gone, counted bool
	ours, broken, blamed                   bool
	stopped, readLate, writeLate           bool
	waiting                                bool // to send
	send, receive                          int64
	owed                                   int64 // bytes of the window that were used and not given back
}

// begin makes s ready for a request.
func (s *Stream) begin(c *Conn, id uint32) {
	*s = Stream{Head: s.Head[:0], trailers: s.trailers[:0], c: c, id: id}
	s.wake.L = &c.mu
}

// Ended tells whether the body has come to its end, and was read as far as there is one.
func (s *Stream) Ended() bool {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.ended && s.body.n == 0
}

// OnGone has f called once when nobody waits for the answer any longer. It must not wait, and not call the stream. It is not
// called after Finish.
func (s *Stream) OnGone(f func()) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if s.onGone = f; s.gone {
		f()
	}
}

// Gone tells whether nobody waits for the answer any longer, and whether that is since what followed the head was malformed.
func (s *Stream) Gone() (gone, malformed bool) {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.gone, s.broken
}

// Read reads the request's body. It waits for data; io.EOF may come with the last of it. os.ErrDeadlineExceeded follows
// ExpireRead, ErrGone the client's end, ErrMalformed
// what breaks RFC 9113 behind the head.
func (s *Stream) Read(p []byte) (int, error) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		switch {
		case s.broken:
			return 0, ErrMalformed
		case s.gone:
			return 0, ErrGone
		case s.stopped || s.closed:
			return 0, errStopped
		case s.body.n > 0:
			n := s.body.read(c.s, p)
			c.used(s, n)
			if s.body.n == 0 && s.ended {
				return n, io.EOF
			}
			c.flush()
			return n, nil
		case s.ended:
			return 0, io.EOF
		case s.readLate:
			return 0, os.ErrDeadlineExceeded
		}
		s.wake.Wait()
	}
}

// Trailers are the request's trailers as field lines of HTTP/1.1, each with its line end, once Read has returned io.EOF. They
// stand until Finish.
func (s *Stream) Trailers() []byte {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.trailers
}

// StopReading ends a Read that waits, since nobody wants the rest.
func (s *Stream) StopReading() { s.mark(&s.stopped) }

// ExpireRead ends a Read that waits, and every later one that would.
func (s *Stream) ExpireRead() { s.mark(&s.readLate) }

// ExpireWrite ends writing that waits, and all later writing.
func (s *Stream) ExpireWrite() { s.mark(&s.writeLate) }

func (s *Stream) mark(flag *bool) {
	s.c.mu.Lock()
	*flag = true
	s.wake.Broadcast()
	s.c.room.Broadcast()
	s.c.mu.Unlock()
}

// Shut tells whether the client cannot send anything of its body since bodies that nobody has read yet take up the window of
// the connection: that nothing comes is no fault of its.
func (s *Stream) Shut() bool {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	return s.c.receive <= 0 && !s.ended
}

// Blame says that the client is at fault for what it has sent behind the head, in a way that only who serves the request can
// see. It counts as a fault that the connection has found itself does, and the request, answered or not, makes good for
// nothing: many of them end the connection (CVE-2025-8671). What the connection has found is not counted again.
func (s *Stream) Blame() {
	s.c.mu.Lock()
	defer s.c.mu.Unlock()
	if !s.broken && !s.blamed {
		s.blamed = true
		s.c.blamed.Add(1)
	}
}

// writable tells why nothing may be written.
func (s *Stream) writable() error {
	switch {
	case s.gone || s.closed || s.c.over:
		return ErrGone
	case s.writeLate:
		return os.ErrDeadlineExceeded
	}
	return nil
}

// room waits until something may be written, whatever the client's windows. The caller holds the lock.
func (s *Stream) room() error {
	for {
		if err := s.writable(); err != nil || !s.c.full() {
			return err
		}
	}
}

// WriteHead writes the head of an answer, interim (1xx) or final. It is sent with what follows, by Flush, or by Finish; end says
// that the answer ends with it. Names of fields may be in any casing.
func (s *Stream) WriteHead(status int, fields []exchange.Field, end bool) error {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := s.room(); err != nil {
		return err
	}
	c.writeFields(s, status, fields, end)
	if end {
		c.answered(s)
	}
	return nil
}

// WriteTrailers ends the answer with trailers.
func (s *Stream) WriteTrailers(fields []exchange.Field) error {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := s.room(); err != nil {
		return err
	}
	c.writeFields(s, 0, fields, true)
	c.answered(s)
	return nil
}

// Write writes b as the client's windows allow, and ends the answer if end says so. It is sent when there is much of it, by
// Flush, or by Finish.
func (s *Stream) Write(b []byte, end bool) error {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		if err := s.room(); err != nil {
			return err
		}
		n := min(len(b), defaultFrame)
		if room := min(s.send, c.send); n > 0 && room <= 0 {
			if c.flush() {
				continue // it has let go of the lock
			}
			s.waiting = true
			s.wake.Wait()
			s.waiting = false
			continue
		} else if int64(n) > room && n > 0 {
			n = int(room)
		}
		last := end && n == len(b)
		if n > 0 || last {
			c.writeData(s, b[:n], last)
			b = b[n:]
		}
		if len(b) == 0 {
			break
		}
	}
	if end {
		c.answered(s)
	}
	return nil
}

// Flush sends what was written.
func (s *Stream) Flush() error {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := s.writable(); err != nil {
		return err
	}
	c.flush()
	return nil
}

// Finish ends the stream, as it must be in the end: with code, unless the answer was ended and code is NoError. The stream is
// not to be touched any more.
func (s *Stream) Finish(code Code) {
	c := s.c
	s.finish(code)
	s.c, s.onGone = nil, nil
	if cap(s.Head) > keptText {
		s.Head = nil
	}
	if cap(s.trailers) > keptText {
		s.trailers = nil
	}
	c.s.streams.Put(s)
}

func (s *Stream) finish(code Code) {
	c := s.c
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case s.closed || c.over:
	case code != NoError || !s.answered:
		if code == NoError {
			code = InternalError
		}
		c.reset(s, code)
	case !s.ended:
		c.reset(s, NoError) // the answer came before the request has ended (RFC 9113 section 8.1)
	}
	c.forget(s)
	c.flush()
}

// keptText is how much memory for a head is used again.
const keptText = 16 << 10
