package api

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"maps"
	"net/http"
	"strings"
	"sync"
	"time"

	"merlon/internal/control/admin"
)

// Bounds of what is remembered for repeats. It lives in memory: a restart forgets it, and so does the oldest make room.
const (
	repeatAge    = 24 * time.Hour
	maxRepeats   = 4096
	maxRepeated  = 8 << 20 // bytes of answers
	maxRepeatKey = 255
)

var (
	errReused   = errors.New("this Idempotency-Key was used for another request: choose a new one")
	errUnderWay = errors.New("a request with this Idempotency-Key is under way: ask again in a moment")
	errSecret   = errors.New("this was done already, and its secret is shown once: revoke what was made and ask with a new Idempotency-Key")
)

// repeats are the answers to requests that came with an Idempotency-Key (draft-ietf-httpapi-idempotency-key-header-07).
type repeats struct {
	mu    sync.Mutex
	of    map[string]*repeat
	order []string // from the oldest
	bytes int
}

// repeat is a request and what it was answered; no answer yet while status is 0.
type repeat struct {
	mark   [32]byte // of the request
	at     time.Time
	secret bool
	status int
	header http.Header
	body   []byte
}

func newRepeats() repeats { return repeats{of: make(map[string]*repeat)} }

// begin remembers that a request is under way, or returns the answer that it got before.
func (s *repeats) begin(key string, mark [32]byte, secret bool, now time.Time) (*repeat, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget(now)
	was, ok := s.of[key]
	switch {
	case !ok:
		s.of[key] = &repeat{mark: mark, at: now, secret: secret}
		s.order = append(s.order, key)
		return nil, nil
	case was.mark != mark:
		return nil, errReused
	case was.status == 0:
		return nil, errUnderWay
	case was.secret:
		return nil, errSecret
	}
	return was, nil
}

// end keeps the answer of a request that succeeded, and forgets one that did not: it changed nothing and may be sent again.
func (s *repeats) end(key string, status int, h http.Header, body []byte) {
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
	if was.status = status; !was.secret {
		was.header, was.body = h, body
		s.bytes += len(body)
	}
}

func (s *repeats) forget(now time.Time) {
	for len(s.order) > 0 {
		k := s.of[s.order[0]]
		if len(s.of) < maxRepeats && s.bytes < maxRepeated && now.Sub(k.at) < repeatAge {
			return
		}
		s.drop(s.order[0])
	}
}

func (s *repeats) drop(key string) {
	if k, ok := s.of[key]; ok {
		s.bytes -= len(k.body)
		delete(s.of, key)
	}
	for i := len(s.order) - 1; i >= 0; i-- {
		if s.order[i] == key {
			s.order = append(s.order[:i], s.order[i+1:]...)
			return
		}
	}
}

// once carries a request out, unless it was carried out before: then it answers as it did.
func (s *server) once(w http.ResponseWriter, a *ask, route *Route) error {
	key := strings.Trim(a.Header.Get("Idempotency-Key"), `"`)
	if len(a.Header.Values("Idempotency-Key")) > 1 || key == "" || len(key) > maxRepeatKey || strings.ContainsFunc(key, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return &admin.InputError{Field: "Idempotency-Key", Err: errors.New("write 1 to 255 visible ASCII characters, such as a UUID")}
	}
	body, err := io.ReadAll(a.Body) // bounded by admin.MaxBody
	if err != nil {
		return err
	}
	a.Body = io.NopCloser(bytes.NewReader(body))
	mark := sha256.Sum256(append([]byte(a.Method+" "+a.URL.RequestURI()+"\n"), body...))
	key = callerKey(a) + "\n" + key
	was, err := s.repeats.begin(key, mark, route.Secret, s.Admin.Now())
	if err != nil {
		return err
	}
	if was != nil {
		maps.Copy(w.Header(), was.header)
		w.Header().Set("Idempotency-Replayed", "true")
		w.WriteHeader(was.status)
		_, _ = w.Write(was.body)
		return nil
	}
	rec := &recorder{header: http.Header{}}
	defer func() { s.repeats.end(key, rec.status, rec.header, rec.body.Bytes()) }() // a panic forgets it, too
	if err := route.handle(s, rec, a); err != nil {
		rec.status = 0
		return err
	}
	maps.Copy(w.Header(), rec.header)
	w.WriteHeader(rec.status)
	_, _ = w.Write(rec.body.Bytes())
	return nil
}

// recorder keeps an answer.
type recorder struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (r *recorder) Header() http.Header { return r.header }

func (r *recorder) WriteHeader(status int) {
	if r.status == 0 {
		r.status = status
	}
}

func (r *recorder) Write(b []byte) (int, error) {
	r.WriteHeader(http.StatusOK)
	return r.body.Write(b)
}
