// Package stream serves the requests of multiplexed connections: HTTP/2, and HTTP/3 where it is switched on.
//
// net/http speaks HTTP/2 and quic-go HTTP/3; both hand over requests that have lost their wire form. Each is written down as
// the head of an HTTP/1.1 request and parsed by edge/http1, so that one strict judge decides for every protocol what a legal
// request is, and what is sent on is written afresh from what was judged. What a connection itself shows is seen by a tap
// on its plaintext:
//
//  1. Server.ServeConn hands a connection to net/http, with a tap under it (conn, tap, flood, fingerprint).
//  2. flow deals with one request: head, judge, forward, answer, observe. Every request is one transaction with one event;
//     streams of events and calls that go on are told when they open and when they close.
//  3. Requests that net/http refuses without asking are told by what the tap sees (conn.refused).
//
// Not offered: WebSocket over HTTP/2 (RFC 8441), which net/http does not do, and server push.
package stream

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"merlon/internal/edge/http1"
	"merlon/internal/edge/proxy/listen"
	"merlon/internal/edge/proxy/stream/fieldkey"
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
	// Admission tells when memory is short, and gives QUIC connections their place among all others; nil: neither.
	Admission *listen.Admission
	Timeouts  Timeouts
	Limits    Limits
	// Now is the wall clock.
	Now func() time.Time
	Log *slog.Logger
}

// Timeouts bound each step in wall time. They hold to the second.
type Timeouts struct {
	// Head bounds the time from connecting to the first frames.
	Head time.Duration
	// Body bounds each wait for more of a body, in either direction.
	Body time.Duration
	// Idle is how long a connection without requests may stay silent, and a stream of events or a call without a message.
	Idle time.Duration
}

func (o *Options) fill() {
	o.Codec = o.Codec.Filled()
	o.Limits.fill()
	def(&o.InspectRequest, 128<<10)
	def(&o.InspectResponse, 128<<10)
	def(&o.Timeouts.Head, 10*time.Second)
	def(&o.Timeouts.Body, 30*time.Second)
	def(&o.Timeouts.Idle, 75*time.Second)
}

func def[T int | int64 | time.Duration](p *T, v T) {
	if *p <= 0 {
		*p = v
	}
}

// Server serves multiplexed connections.
type Server struct {
	o       Options
	http    *http.Server
	flows   sync.Pool
	keys    fieldkey.Keys
	workers workers

	accept   chan net.Conn
	begin    sync.Once
	closing  chan struct{}
	end      sync.Once
	stopped  chan struct{} // Shutdown is over
	stop     sync.Once
	conns    atomic.Int64
	requests atomic.Int64
	quic     atomic.Int64
	// altSvc is the value of the Alt-Svc field (RFC 7838) of answers over TLS; nil for none.
	altSvc atomic.Pointer[[]string]
}

// New makes a server. It serves nothing until ServeConn is called.
func New(o Options) *Server {
	o.fill()
	s := &Server{o: o, accept: make(chan net.Conn), closing: make(chan struct{})}
	s.stopped = make(chan struct{})
	s.workers = newWorkers(s.stopped)
	s.flows.New = func() any { return newFlow(s) }
	var protocols http.Protocols
	protocols.SetUnencryptedHTTP2(true)
	s.http = &http.Server{
		Handler: s, Protocols: &protocols,
		// Heads up to this size reach the judge, who refuses those over the limit with an event; what is larger still is
		// refused below.
		MaxHeaderBytes:    2 * o.Codec.HeadBytes,
		ReadHeaderTimeout: o.Timeouts.Head,
		IdleTimeout:       o.Timeouts.Idle,
		ReadTimeout:       readTimeout,
		// It bounds what net/http itself writes at the end of a request; see flow.expire.
		WriteTimeout: writeTimeout(o.Timeouts.Body),
		HTTP2: &http.HTTP2Config{
			MaxConcurrentStreams:          o.Limits.Streams,
			MaxDecoderHeaderTableSize:     o.Limits.HeaderTable,
			MaxEncoderHeaderTableSize:     o.Limits.HeaderTable,
			MaxReadFrameSize:              16 << 10,
			MaxReceiveBufferPerConnection: o.Limits.ReceiveConnection,
			MaxReceiveBufferPerStream:     o.Limits.ReceiveStream,
		},
		ConnContext: func(ctx context.Context, nc net.Conn) context.Context {
			return context.WithValue(ctx, peerKey{}, &nc.(*conn).peer)
		},
		ErrorLog: slog.NewLogLogger(o.Log.Handler(), slog.LevelDebug),
	}
	return s
}

// ServeConn serves an HTTP/2 connection to its end.
func (s *Server) ServeConn(lc *listen.Conn) {
	s.begin.Do(func() { go s.run() })
	c := newConn(s, lc)
	select {
	case s.accept <- c:
	case <-s.closing:
		_ = lc.Close()
		return
	}
	s.conns.Add(1)
	c.pump()
	s.conns.Add(-1)
	c.ended()
}

// run is net/http's loop over the connections that ServeConn hands in.
func (s *Server) run() {
	if err := s.http.Serve(handed{s}); !errors.Is(err, http.ErrServerClosed) {
		s.o.Log.Error("HTTP/2 is not served any longer", "error", err)
	}
}

// Shutdown tells every connection to finish, and waits for that or for the end of ctx, after which all are cut.
func (s *Server) Shutdown(ctx context.Context) error {
	s.begin.Do(func() {}) // nothing was served, and nothing will be
	s.end.Do(func() { close(s.closing) })
	err := s.http.Shutdown(ctx)
	if err != nil {
		_ = s.http.Close()
	}
	s.stop.Do(func() { close(s.stopped) })
	return err
}

// Connections are how many are open.
func (s *Server) Connections() int64 { return s.conns.Load() + s.quic.Load() }

// Requests are those under way.
func (s *Server) Requests() int64 { return s.requests.Load() }

func (s *Server) now() int64 { return s.o.Now().UnixNano() }

// ServeHTTP deals with one request. Its connection is known by the context (see peer).
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p, ok := r.Context().Value(peerKey{}).(*peer)
	if !ok {
		panic(http.ErrAbortHandler) // the request of a connection that nobody vouches for
	}
	s.requests.Add(1)
	f := s.flows.Get().(*flow)
	f.begin(w, r, p)
	s.workers.do(f)
	abort, failed := f.abort, f.failure
	f.leave()
	s.requests.Add(-1)
	if !failed { // what a panic left behind is not used again
		f.release()
		s.flows.Put(f)
	}
	if abort {
		panic(http.ErrAbortHandler) // net/http resets the stream
	}
}

// run serves the request. A panic of this package becomes one event and the end of one stream.
func (f *flow) run() {
	defer func() {
		v := recover()
		if v == nil {
			return
		}
		f.abort, f.failure = true, true
		f.s.o.Log.Error("a request failed in the proxy; please report this", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
		if f.t != nil {
			x := &f.t.Exchange // what points into the answer's buffers may be somebody else's by now
			x.Leaves, x.Response.Fields, x.Response.Body = x.Leaves[:0], x.Response.Fields[:0], nil
			f.close(event.OutcomePanic, 0)
		}
	}()
	f.serve()
}

// handed is the listener of connections that were accepted elsewhere.
type handed struct{ s *Server }

// Accept waits for ServeConn.
func (h handed) Accept() (net.Conn, error) {
	select {
	case c := <-h.s.accept:
		return c, nil
	case <-h.s.closing:
		return nil, net.ErrClosed
	}
}

// Close has nothing to close.
func (handed) Close() error { return nil }

// Addr is no address.
func (handed) Addr() net.Addr { return &net.TCPAddr{} }
