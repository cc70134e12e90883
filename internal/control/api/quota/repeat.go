package quota

import (
	"bytes"
	"errors"
	"net/http"
	"sync"
	"time"
)

// Bounds of what is remembered for repeats. It lives in memory: a restart forgets it, and so does the oldest make room.
const (
	repeatAge   = 24 * time.Hour
	maxRepeats  = 4096
	maxRepeated = 8 << 20 // bytes of answers
	MaxKey      = 255
)

// What a repeated request is refused for.
var (
	ErrReused   = errors.New("this Idempotency-Key was used for another request: choose a new one")
	ErrUnderWay = errors.New("a request with this Idempotency-Key is under way: ask again in a moment")
	ErrSecret   = errors.New("this was done already, and its secret is shown once: revoke what was made and ask with a new Idempotency-Key")
)

// Repeats are the answers to requests that came with an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07).
type Repeats struct {
	mu    sync.Mutex
	of    map[string]*Repeat
	order []string // from the oldest
	bytes int
}

// Repeat is a request and what it was answered; no answer yet while Status is 0.
type Repeat struct {
	mark   [32]byte // of the request
	at     time.Time
	secret bool
	Status int
	Header http.Header
	Body   []byte
}

// NewRepeats makes an empty memory.
func NewRepeats() *Repeats { return &Repeats{of: make(map[string]*Repeat)} }

// Begin remembers that a request is under way, or returns the answer that it got before.
func (s *Repeats) Begin(key string, mark [32]byte, secret bool, now time.Time) (*Repeat, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(now)
	was, ok := s.of[key]
	switch {
	case !ok:
		s.of[key] = &Repeat{mark: mark, at: now, secret: secret}
		s.order = append(s.order, key)
		return nil, nil
	case was.mark != mark:
		return nil, ErrReused
	case was.Status == 0:
		return nil, ErrUnderWay
	case was.secret:
		return nil, ErrSecret
	}
	return was, nil
}

// End keeps the answer of a request that succeeded, and forgets one that did not: it changed nothing and may be sent again.
func (s *Repeats) End(key string, status int, h http.Header, body []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	was, ok := s.of[key]
	if !ok {
		return
	}
	if status/100 != 2 {
		s.drop(key)
		return
	}
	if was.Status = status; !was.secret {
		was.Header, was.Body = h, body
		s.bytes += len(body)
	}
}

func (s *Repeats) forget(now time.Time) {
	for len(s.order) > 0 {
		k := s.of[s.order[0]]
		if len(s.of) < maxRepeats && s.bytes < maxRepeated && now.Sub(k.at) < repeatAge {
			return
		}
		s.drop(s.order[0])
	}
}

func (s *Repeats) drop(key string) {
	if k, ok := s.of[key]; ok {
		s.bytes -= len(k.Body)
		delete(s.of, key)
	}
	for i := len(s.order) - 1; i >= 0; i-- {
		if s.order[i] == key {
			s.order = append(s.order[:i], s.order[i+1:]...)
			return
		}
	}
}

// Recorder keeps an answer.
type Recorder struct {
	Fields http.Header
	Status int
	Body   bytes.Buffer
}

func (r *Recorder) Header() http.Header { return r.Fields }

func (r *Recorder) WriteHeader(status int) {
	if r.Status == 0 {
		r.Status = status
	}
}

func (r *Recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.Body.Write(b)
}
