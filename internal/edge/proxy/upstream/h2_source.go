package upstream

import (
	"errors"
	"io"
	"net/http"
	"net/textproto"
	"sync"
	"sync/atomic"
	"time"

	"merlon/internal/model/exchange"
)

// source is a request body as net/http's transport reads it, on a goroutine of its own.
type source struct {
	g        *Group
	rest     BodySource
	trailers func() []exchange.Field
	into     http.Header // the request's trailers
	chunked  bool

	// reading is held while rest is read.
	reading sync.Mutex
	first   []byte // what is here and not read yet
	left    int64  // bytes of the announced length still to come
	over    bool   // the last piece is in first
	err     error  // the rest's

	moved  atomic.Int64
	sent   atomic.Bool // all of it was taken
	closed atomic.Bool
	broke  atomic.Bool // err is set
}

// Read implements io.Reader.
func (s *source) Read(p []byte) (int, error) {
	s.reading.Lock()
	defer s.reading.Unlock()
	if s.closed.Load() {
		return 0, errEnded // what first points to may be another request's by now
	}
	s.moved.Store(s.g.now())
	for len(s.first) == 0 {
		switch {
		case s.err != nil:
			return 0, s.err
		case s.over || s.rest == nil:
			return 0, s.finish()
		case s.closed.Load():
			return 0, errEnded
		}
		payload, done, err := s.next()
		switch {
		case err != nil && s.closed.Load():
			return 0, errEnded
		case err != nil:
			s.fail(err)
			continue
		}
		s.first, s.over = payload, done
	}
	n := copy(p, s.first)
	s.first = s.first[n:]
	if !s.chunked {
		if s.left -= int64(n); s.left < 0 {
			s.fail(errLength)
			return 0, s.err
		}
	}
	if len(s.first) == 0 && (s.over || s.rest == nil) {
		return n, s.finish()
	}
	return n, nil
}

func (s *source) next() (payload []byte, done bool, err error) {
	defer contain(s.g.o.Log, &err)
	return s.rest.Next()
}

// errEnded is what the transport gets of a body that it does not want any more.
var errEnded = errors.New("the answer is over")

// finish ends a body that was read whole, with its trailers.
func (s *source) finish() error {
	if !s.chunked && s.left > 0 {
		s.fail(errLength)
		return s.err
	}
	if s.sent.Swap(true) || s.trailers == nil {
		return io.EOF
	}
	for _, f := range s.trailers() {
		name := textproto.CanonicalMIMEHeaderKey(string(f.Name))
		if _, ok := s.into[name]; ok {
			s.into[name] = append(s.into[name], string(f.Value))
		}
	}
	return io.EOF
}

func (s *source) fail(err error) {
	s.err = err
	s.broke.Store(true)
}

// Close implements io.Closer: nobody wants the rest.
func (s *source) Close() error {
	if !s.closed.Swap(true) && s.rest != nil && !s.sent.Load() {
		s.rest.Stop()
	}
	return nil
}

// end stops the reading and waits until it has.
func (s *source) end() {
	_ = s.Close()
	s.reading.Lock()
	s.reading.Unlock() //nolint:staticcheck,gocritic // waiting was all
}

// failed is the error of the body itself, not that of having been stopped.
func (s *source) failed() error {
	if !s.broke.Load() {
		return nil
	}
	s.reading.Lock()
	defer s.reading.Unlock()
	return &SourceError{s.err}
}

// moving tells whether the body is still being read, or was until less than pause ago.
func (s *source) moving(now int64, pause time.Duration) bool {
	return !s.sent.Load() && !s.broke.Load() && !s.closed.Load() || now-s.moved.Load() < int64(pause)
}
