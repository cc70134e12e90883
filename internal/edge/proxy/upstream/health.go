package upstream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"merlon/internal/edge/http1"
)

// Health is the active check of servers, and how many failures in a row put one out.
type Health struct {
	// Path is asked for with GET; empty switches the check off. Host is the Host it is asked with; empty is the target's.
	Path, Host string
	// Interval is the pause between checks (default 5 s), Timeout how long an answer may take (default 2 s).
	Interval, Timeout time.Duration
	// Healthy is how many good answers in a row bring a server back (default 2), Unhealthy how many failures in a row, of
	// checks or of requests, take it out (default 3).
	Healthy, Unhealthy int
	// From and To are the good status codes, both included (default 200 to 399).
	From, To int
}

func (h *Health) fill() {
	def(&h.Interval, 5*time.Second)
	def(&h.Timeout, 2*time.Second)
	def(&h.Healthy, 2)
	def(&h.Unhealthy, 3)
	def(&h.From, 200)
	def(&h.To, 399)
}

// A server that failed too often in a row gets no requests for ejectFirst, then one; each further failure doubles the time up
// to ejectMost. It takes steady successes in a row to forget that.
const (
	ejectFirst = time.Second
	ejectMost  = time.Minute
	steady     = 10
	// logPause keeps a server that comes and goes from filling the log.
	logPause = 10 * time.Second
)

// condition is how a server is doing.
type condition struct {
	// until is when it may be asked again (Unix nanoseconds), 0 while all is well; down is the active check's verdict.
	until atomic.Int64
	down  atomic.Bool
	// troubled tells that there is anything below to look at: answers of servers that are well cost one load.
	troubled atomic.Bool

	mu        sync.Mutex
	failures  int // in a row
	successes int // in a row, since the last failure
	ejections int
	outAt     int64 // when the last one began
	said      bool  // the log was told that it fails
	saidAt    int64
	bad, fine int // checks in a row
}

// healthy tells whether the server may have ordinary requests.
func (s *Server) healthy() bool { return s.until.Load() == 0 && !s.down.Load() }

// probe tells whether the server's time out is over, for one request: the next has to wait as long again, unless that one is
// answered.
func (s *Server) probe() bool {
	until := s.until.Load()
	if until == 0 || s.down.Load() || s.full() {
		return false
	}
	now := s.g.now()
	return now >= until && s.until.CompareAndSwap(until, now+int64(ejectFirst))
}

// answered notes that the server has answered a request.
func (s *Server) answered() {
	if !s.troubled.Load() {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.failures = 0
	s.until.Store(0)
	s.recovered()
	if s.successes++; s.successes >= steady {
		s.ejections = 0
		s.troubled.Store(s.down.Load())
	}
}

// failed notes that the server could not be reached, or did not answer.
func (s *Server) failed(cause error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.troubled.Store(true)
	s.successes = 0
	s.failures++
	now := s.g.now()
	s.tell(now, cause)
	if s.failures < s.g.o.Health.Unhealthy && s.ejections == 0 {
		return
	}
	if s.ejections > 0 && s.until.Load() != 0 && now-s.outAt < int64(timeOut(s.ejections-1)) {
		return // one of many that were under way when it went out
	}
	s.outAt = now
	s.until.Store(now + int64(timeOut(s.ejections)))
	s.ejections++
}

// timeOut is for how long a server is out that was out n times before.
func timeOut(n int) time.Duration { return min(ejectFirst<<min(n, 10), ejectMost) }

// tell says once in the log that the server fails; more would fill it with what the events say anyway.
func (s *Server) tell(now int64, cause error) {
	if s.said || s.saidAt != 0 && now-s.saidAt < int64(logPause) {
		return
	}
	s.said, s.saidAt = true, now
	s.g.o.Log.Warn("an upstream does not answer", "site", s.g.o.Site, "upstream", s.name(), "error", cause)
}

func (s *Server) recovered() {
	if s.said && !s.down.Load() {
		s.said = false
		s.g.o.Log.Info("the upstream answers again", "site", s.g.o.Site, "upstream", s.name())
	}
}

// check asks every server once and waits for the answers.
func (g *Group) check(ctx context.Context) {
	var wg sync.WaitGroup
	for _, s := range *g.servers.Load() {
		wg.Go(func() { s.check(ctx) })
	}
	wg.Wait()
}

func (s *Server) check(ctx context.Context) {
	h := &s.g.o.Health
	err := s.examine(ctx)
	if ctx.Err() != nil || errors.Is(err, ErrLocal) {
		return // nothing was learned of the server
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.fine = 0
		if s.bad++; s.bad < h.Unhealthy || s.down.Load() {
			return
		}
		s.down.Store(true)
		s.troubled.Store(true)
		s.tell(s.g.now(), fmt.Errorf("health check: %w", err))
		return
	}
	s.bad = 0
	if s.fine++; s.fine < h.Healthy || !s.down.Load() {
		return
	}
	s.down.Store(false)
	s.failures, s.ejections = 0, 0
	s.until.Store(0)
	s.recovered()
}

// examine is one check.
func (s *Server) examine(ctx context.Context) error {
	h := &s.g.o.Health
	ctx, cancel := context.WithTimeout(ctx, h.Timeout)
	defer cancel()
	host := h.Host
	if host == "" {
		host = s.host()
	}
	var head http1.RequestHead
	text := "GET " + h.Path + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: merlon-health\r\nAccept: */*\r\n\r\n"
	if _, err := head.Parse([]byte(text), &s.g.o.Codec); err != nil {
		return err
	}
	s.inUse.Add(1)
	a, _, err := s.do(ctx, &Request{Head: &head})
	if err != nil {
		s.release()
		return err
	}
	defer a.Close()
	if status := a.Head.Status; status < h.From || status > h.To {
		return fmt.Errorf("status %d", status)
	}
	for { // to its end, so that the connection can be used again
		if _, done, err := a.Next(); done || err != nil {
			return err
		}
	}
}
