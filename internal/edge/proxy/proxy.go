// Package proxy is the inline reverse proxy: bytes to exchange, reply to bytes.
//
// One goroutine serves one client connection from its first byte to its last: it reads a head, lets the engine judge,
// takes an upstream connection, writes the request afresh, passes the answer on, hands the captured answer to the engine
// and closes the transaction. Every request that arrives, however broken, is one transaction with one event.
//
//  1. Server.Serve accepts; listen finds out who is there.
//  2. conn.serveOne reads heads with net-level limits and time-outs (RFC 9112 through edge/http1).
//  3. exchange judges, forwards and observes one request.
//  4. upstream.Group asks one of the servers behind the site.
package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"merlon/internal/config"
	"merlon/internal/edge/http1"
	"merlon/internal/edge/proxy/listen"
	"merlon/internal/edge/proxy/upstream"
	"merlon/internal/enforce/engine"
)

// Options is everything a Server is made from. Zero limits and time-outs take the defaults of config.
type Options struct {
	Engine *engine.Engine
	// Sites are the upstreams of each site. The server closes them when it is shut down.
	Sites map[string]*upstream.Group
	// HTTP2 serves connections whose client speaks HTTP/2, and returns when they have ended. Shutdown waits for it, and
	// at last closes the sockets; whoever hands it in tells the HTTP/2 side to drain at the same time. nil: such
	// connections are closed.
	HTTP2 func(*listen.Conn)
	Log   *slog.Logger
	// Now is the wall clock, for time-outs and arrival times.
	Now func() time.Time
	// Codec bounds heads and framing.
	Codec http1.Limits
	// Admission is the one of the listeners: it tells when memory is short, and closes idle connections when accepting
	// fails. nil: neither.
	Admission *listen.Admission
	// BodyRate is the rate, in bytes a second, at which a request's body has to come at least; 0 asks for none.
	BodyRate int
	// InspectRequest and InspectResponse are how many bytes of a body are captured for the walk. A request body up to
	// that size is held until it is judged; a larger one is judged by its beginning and streams on.
	InspectRequest, InspectResponse int
	Timeouts                        Timeouts
}

// Timeouts bound each step in wall time.
type Timeouts struct {
	// Head bounds the time from a request's first byte to the end of its head: the answer to Slowloris.
	Head time.Duration
	// Body bounds each wait for more of a body, in either direction.
	Body time.Duration
	// Idle is how long a kept-alive client connection may stay silent.
	Idle time.Duration
}

func (o *Options) fill() {
	o.Codec = o.Codec.Filled()
	d := config.Default()
	o.InspectRequest = positive(o.InspectRequest, int(d.Limits.InspectRequestBytes))
	o.InspectResponse = positive(o.InspectResponse, int(d.Limits.InspectResponseBytes))
	o.Timeouts.Head = positive(o.Timeouts.Head, d.Timeouts.Head)
	o.Timeouts.Body = positive(o.Timeouts.Body, d.Timeouts.Body)
	o.Timeouts.Idle = positive(o.Timeouts.Idle, d.Timeouts.Idle)
}

// positive is what was said, or else the default.
func positive[T int | time.Duration](said, d T) T {
	if said > 0 {
		return said
	}
	return d
}

// Server serves client connections on any number of listeners.
type Server struct {
	o     Options
	sites atomic.Pointer[map[string]*upstream.Group]
	works sync.Pool // of *work

	mu        sync.Mutex
	conns     map[*conn]struct{}
	listeners []*listen.Listener
	draining  atomic.Bool
	madeRoom  atomic.Int64 // when idle connections were last closed for their descriptors
	// unaccepted counts failures of accepting, acceptTold is when that was last said, with those until unacceptedTold.
	unaccepted, unacceptedTold atomic.Uint64
	acceptTold                 atomic.Int64
	wg                         sync.WaitGroup

	closing  chan struct{}
	closeOne sync.Once
	// life ends when a shutdown has waited long enough.
	life context.Context
	cut  context.CancelFunc
}

// New makes a server. It opens nothing; Serve does.
func New(o Options) *Server {
	o.fill()
	s := &Server{o: o, conns: make(map[*conn]struct{}), closing: make(chan struct{}), works: sync.Pool{New: newWork}}
	s.life, s.cut = context.WithCancel(context.Background())
	s.sites.Store(&o.Sites)
	return s
}

// ErrClosed is returned by Serve after Shutdown.
var ErrClosed = errors.New("proxy: closed")

// Serve accepts connections from l until Shutdown. It closes l when it returns.
func (s *Server) Serve(l *listen.Listener) error {
	s.mu.Lock()
	s.listeners = append(s.listeners, l)
	s.mu.Unlock()
	defer s.retire(l)
	var pause time.Duration
	for {
		nc, err := l.Accept()
		if err != nil {
			if s.draining.Load() {
				return ErrClosed
			}
			if errors.Is(err, net.ErrClosed) {
				return err
			}
			// Out of descriptors, or the peer is gone already: neither is a reason to stop serving everybody else.
			pause = min(max(2*pause, 5*time.Millisecond), time.Second)
			s.tellAccept(err)
			if outOfDescriptors(err) {
				s.makeRoom(s.o.Now().UnixNano())
			}
			select {
			case <-time.After(pause):
			case <-s.closing:
				return ErrClosed
			}
			continue
		}
		pause = 0
		c := newConn(s, nc.(*listen.Conn))
		if !s.add(c) {
			_ = nc.Close()
			return ErrClosed
		}
		go c.run(l)
	}
}

// tellAccept says, once a minute at most, that connections cannot be accepted: clients can bring that about.
func (s *Server) tellAccept(err error) {
	n, now, last := s.unaccepted.Add(1), s.o.Now().UnixNano(), s.acceptTold.Load()
	if last != 0 && now-last < int64(time.Minute) || !s.acceptTold.CompareAndSwap(last, now) {
		return
	}
	s.o.Log.Warn("cannot accept connections for the moment, and tries again", "error", err, "times_since_last", n-s.unacceptedTold.Swap(n))
}

// When there are no more descriptors, descriptorShed idle connections make room, at most every descriptorPause: finding them
// means looking at all.
const (
	descriptorShed  = 64
	descriptorPause = 5 * time.Millisecond
)

// makeRoom closes idle client connections.
func (s *Server) makeRoom(now int64) {
	last := s.madeRoom.Load()
	if s.o.Admission == nil || now-last < int64(descriptorPause) && now >= last || !s.madeRoom.CompareAndSwap(last, now) {
		return
	}
	s.o.Admission.Shed(descriptorShed)
}

func outOfDescriptors(err error) bool {
	return errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE)
}

// pressure is the share of the memory ceiling in use.
func (s *Server) pressure() float64 {
	if s.o.Admission == nil {
		return 0
	}
	return s.o.Admission.Pressure()
}

// retire forgets a listener.
func (s *Server) retire(l *listen.Listener) {
	_ = l.Close()
	s.mu.Lock()
	s.listeners = slices.DeleteFunc(s.listeners, func(one *listen.Listener) bool { return one == l })
	s.mu.Unlock()
}

func (s *Server) add(c *conn) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.draining.Load() {
		return false
	}
	s.conns[c] = struct{}{}
	s.wg.Add(1)
	return true
}

func (s *Server) remove(c *conn) {
	s.mu.Lock()
	delete(s.conns, c)
	s.mu.Unlock()
	s.wg.Done()
}

// Shutdown stops accepting, lets idle connections go and exchanges under way finish, and returns when all are done or
// ctx ends; then the rest are cut and ctx's error is returned.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.draining.Store(true)
	for c := range s.conns {
		c.wake()
	}
	for _, l := range s.listeners {
		_ = l.Close()
	}
	s.mu.Unlock()
	s.closeOne.Do(func() { close(s.closing) })

	done := make(chan struct{})
	go func() { s.wg.Wait(); close(done) }()
	var err error
	select {
	case <-done:
	case <-ctx.Done():
		err = ctx.Err()
		s.mu.Lock()
		s.cut()
		for _, g := range *s.sites.Load() {
			g.Cut() // nobody connects any more
		}
		for c := range s.conns {
			_ = c.nc.Raw.Close()
			c.upstream.Abort() // it may wait for an answer that does not come
		}
		s.mu.Unlock()
		<-done
	}
	s.cut()
	for _, g := range *s.sites.Load() {
		g.Close()
	}
	return err
}

// Upstreams is the group of a site, nil when it has none.
func (s *Server) Upstreams(site string) *upstream.Group { return (*s.sites.Load())[site] }

// SetSites replaces the upstreams of all sites. Exchanges under way keep those they began with; closing the groups that were
// replaced is the caller's business, at once if it likes: it ends nothing that is in use.
func (s *Server) SetSites(sites map[string]*upstream.Group) { s.sites.Store(&sites) }

// Connections is the number of open client connections.
func (s *Server) Connections() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}
