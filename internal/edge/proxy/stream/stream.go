// Package stream serves the requests of multiplexed connections: HTTP/2, and HTTP/3 where it is switched on.
//
// HTTP/2 is spoken by edge/http2, which hands each request over as the head of an HTTP/1.1 request; HTTP/3 by quic-go, whose
// requests are written down in the same form here (quicMessage). edge/http1 parses it, so that one strict judge decides for every
// protocol what a legal request is, and what is sent on is written afresh from what was judged:
//
//  1. Server.ServeConn hands a connection to the codec, which calls conn.Request for each of its requests.
//  2. flow deals with one request: head, judge, forward, answer, observe. Every request is one transaction with one event,
//     those that break the protocol too; streams of events and calls that go on are told when they open and when they close.
//  3. What a connection does wrong beside its requests, and floods, are one event that ends it (conn.Fault).
//
// A flow knows its stream as a carrier. Not offered: WebSocket over HTTP/2 (RFC 8441), and server push.
package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"merlon/internal/edge/http1"
	"merlon/internal/edge/http2"
	"merlon/internal/edge/proxy/listen"
	"merlon/internal/edge/proxy/upstream"
	"merlon/internal/enforce/engine"
	"merlon/internal/model/event"
)

// Options is everything a Server is made from. Zero limits and time-outs take their defaults.
type Options struct {
	Engine *engine.Engine
	// Upstreams finds what stands behind a site; nil means nothing does.
	Upstreams func(site string) *upstream.Group
	// Codec bounds heads and framing, as for HTTP/1.1.
	Codec http1.Limits
	// InspectRequest and InspectResponse are how many bytes of a body are captured for the walk. A request body up to that
	// size is held until it is judged; a larger one is judged by its beginning and streams on. A gRPC call is judged by its
	// head: its client may wait for an answer before it says anything.
	InspectRequest, InspectResponse int
	// BodyRate is the rate, in bytes a second, at which a request's body has to come at least; 0 asks for none.
	BodyRate int
	// Admission tells when memory is short, gives QUIC connections their place among all others, and bounds what the log says of
	// clients; nil: nothing of that.
	Admission *listen.Admission
	Timeouts  Timeouts
	Limits    Limits
	// Now is the wall clock.
	Now func() time.Time
	Log *slog.Logger
}

// Server serves multiplexed connections.
type Server struct {
	o       Options
	h2      *http2.Server
	flows   sync.Pool
	workers workers

	mu       sync.Mutex
	open     map[*http2.Conn]struct{}
	ended    chan struct{} // closed when draining and the last connection has ended
	draining bool

	requests atomic.Int64
	quic     atomic.Int64
	// altSvc is the value of the Alt-Svc field (RFC 7838) of answers over TLS; nil for none.
	altSvc atomic.Pointer[string]
}

// New makes a server. It serves nothing until ServeConn is called.
func New(o Options) *Server {
	o.fill()
	s := &Server{o: o, open: make(map[*http2.Conn]struct{}), ended: make(chan struct{})}
	s.flows.New = func() any { return newFlow(s) }
	h2 := o.codec()
	h2.Go = func(f func()) { s.workers.do(taskFunc(f)) }
	h2.Panicked = func(v any, stack []byte) {
		o.Log.Error("a connection failed in the proxy; please report this", "panic", fmt.Sprint(v), "stack", string(stack))
	}
	s.h2 = http2.NewServer(h2)
	return s
}

// ServeConn serves an HTTP/2 connection to its end.
func (s *Server) ServeConn(lc *listen.Conn) {
	c := newConn(s, lc)
	s.mu.Lock()
	s.open[c.h2] = struct{}{}
	if s.draining {
		c.h2.Drain() // it is told so, and does not begin anything
	}
	s.mu.Unlock()
	c.h2.Serve()
	c.peer.watch.stop()
	s.mu.Lock()
	delete(s.open, c.h2)
	s.settle()
	s.mu.Unlock()
}

// settle tells Shutdown that there is nothing left. The caller holds the lock.
func (s *Server) settle() {
	if !s.draining || len(s.open) > 0 {
		return
	}
	select {
	case <-s.ended:
	default:
		close(s.ended)
	}
}

// Shutdown tells every connection to finish, and waits for that or for the end of ctx, after which all are cut.
func (s *Server) Shutdown(ctx context.Context) error {
	s.mu.Lock()
	s.draining = true
	for c := range s.open {
		c.Drain()
	}
	s.settle()
	s.mu.Unlock()
	defer s.workers.end()
	select {
	case <-s.ended:
		return nil
	case <-ctx.Done():
	}
	s.mu.Lock()
	for c := range s.open {
		c.Cut()
	}
	s.mu.Unlock()
	late := time.NewTimer(lastWords)
	defer late.Stop()
	select { // what was cut is over in a moment, and has its events by then
	case <-s.ended:
	case <-late.C:
	}
	return errors.Join(ctx.Err(), errUnfinished)
}

// errUnfinished says that requests were cut.
var errUnfinished = errors.New("stream: connections were cut before they had finished")

// lastWords is how long connections that were cut may take to end.
const lastWords = time.Second

// Connections are how many are open.
func (s *Server) Connections() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int64(len(s.open)) + s.quic.Load()
}

// Requests are those under way.
func (s *Server) Requests() int64 { return s.requests.Load() }

func (s *Server) now() int64 { return s.o.Now().UnixNano() }

// run serves a request of HTTP/2.
func (f *flow) run() {
	s, stream := f.s, f.stream
	f.contain()
	f.leave()
	stream.Finish(f.code)
	if !f.failure { // what a panic left behind is not used again
		f.release()
		s.flows.Put(f)
	}
	s.requests.Add(-1)
}

// contain serves the request. A panic of this package becomes one event and the end of one stream.
func (f *flow) contain() {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		f.code, f.failure = http2.InternalError, true
		f.s.o.Log.Error("a request failed in the proxy; please report this", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
		if f.t != nil {
			x := &f.t.Exchange // what points into the answer's buffers may be somebody else's by now
			x.Leaves, x.Response.Fields, x.Response.Body = x.Leaves[:0], x.Response.Fields[:0], nil
			f.close(event.OutcomePanic, 0)
		}
	}()
	f.serve()
}
