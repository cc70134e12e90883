package upstream

import (
	"context"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
)

// Server is one address behind a site, with its idle connections, the most recently used first: that one is the least
// likely to be stale.
type Server struct {
	g       *Group
	target  *Target
	address string

	h2      *http.Transport // for HTTP/2, else nil
	inUse   atomic.Int32    // requests
	failing atomic.Bool     // it has not answered since it last failed

	mu     sync.Mutex
	idle   []*conn
	closed bool
}

func newServer(g *Group, t *Target) *Server {
	s := &Server{g: g, target: t, address: t.Address}
	if t.HTTP2 {
		s.h2 = newTransport(s)
	}
	return s
}

// take returns an idle connection, or a new one. reused tells which; a reused one is looked at before it is written to
// (see fresh).
func (s *Server) take(ctx context.Context) (c *conn, reused bool, err error) {
	s.mu.Lock()
	n := len(s.idle)
	if n == 0 {
		s.mu.Unlock()
		c, err = s.dial(ctx)
		return c, false, err
	}
	c = s.idle[n-1]
	s.idle[n-1] = nil
	s.idle = s.idle[:n-1]
	s.mu.Unlock()
	return c, true, nil
}

// put keeps c for the next exchange.
func (s *Server) put(c *conn) {
	c.settle()
	s.mu.Lock()
	if s.closed || len(s.idle) >= s.g.o.MaxIdle {
		s.mu.Unlock()
		c.close()
		return
	}
	s.idle = append(s.idle, c)
	s.mu.Unlock()
}

// dropIdle closes the idle connections: when one was found dead in use, the others are likely to be.
func (s *Server) dropIdle() {
	s.mu.Lock()
	idle := s.idle
	s.idle = nil
	s.mu.Unlock()
	for _, c := range idle {
		c.close()
	}
}

// close is dropIdle for good.
func (s *Server) close() {
	s.mu.Lock()
	s.closed = true
	s.mu.Unlock()
	s.dropIdle()
	if s.h2 != nil {
		s.h2.CloseIdleConnections()
	}
}

// release counts a request as no longer in use.
func (s *Server) release() { s.inUse.Add(-1) }

func (s *Server) dial(ctx context.Context) (*conn, error) {
	if ctx.Done() == nil {
		ctx = s.g.life
	}
	nc, err := s.connect(ctx)
	if err != nil {
		return nil, err
	}
	c, err := newConn(nc)
	if err != nil {
		_ = nc.Close()
	}
	return c, err
}

// connect opens a connection, with TLS where the target has it.
func (s *Server) connect(ctx context.Context) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.g.o.Timeouts.Connect)
	defer cancel()
	nc, err := s.dialer(ctx)
	if err != nil || s.target.TLS == nil {
		return nc, err
	}
	return handshake(ctx, nc, s.target.TLS)
}

// connectPlain is connect without TLS, for net/http's transport, which has its own idea of the address.
func (s *Server) connectPlain(ctx context.Context, _, _ string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.g.o.Timeouts.Connect)
	defer cancel()
	return s.dialer(ctx)
}

func (s *Server) dialer(ctx context.Context) (net.Conn, error) {
	return new(net.Dialer).DialContext(ctx, s.target.Network, s.address)
}

// answered and failed keep the log to one line an outage: more would fill it with what the events say anyway.
func (s *Server) answered() {
	if s.failing.Load() && s.failing.Swap(false) {
		s.g.o.Log.Info("the upstream answers again", "site", s.g.o.Site, "upstream", s.address)
	}
}

func (s *Server) failed(cause error) {
	if !s.failing.Swap(true) {
		s.g.o.Log.Warn("an upstream does not answer", "site", s.g.o.Site, "upstream", s.address, "error", cause)
	}
}

// host is the Host for an HTTP/1.0 request that named none.
func (s *Server) host() string {
	if s.target.Network == "unix" {
		return "localhost"
	}
	return s.target.Address
}
