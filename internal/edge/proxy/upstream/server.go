package upstream

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"merlon/internal/edge/proxy/upstream/reach"
)

// Server is one machine behind a site, with its idle connections, the most recently used first: that one is the least likely
// to be stale.
type Server struct {
	condition
	g      *Group
	target *Target
	// addresses are where it is reached: the first, or else the next. good is the one that was last.
	addresses []string
	good      atomic.Int32
	hash      uint64          // of its address
	h2        *http.Transport // for HTTP/2, else nil
	inUse     atomic.Int32    // requests
	capacity  int32           // for them
	weight    uint32

	pool   sync.Mutex
	idle   []*conn
	closed bool
}

// maxWeight bounds a weight, so that sums and products of them stay in range.
const maxWeight = 1 << 16

func newServer(g *Group, t *Target, addresses []string) *Server {
	s := &Server{
		g: g, target: t, addresses: addresses, hash: Key([]byte(addresses[0])), weight: uint32(min(max(t.Weight, 1), maxWeight)),
		capacity: int32(min(g.o.MaxInUse, 1<<30)),
	}
	if t.MaxConnections > 0 {
		s.capacity = min(s.capacity, int32(min(t.MaxConnections, 1<<30)))
	}
	if t.HTTP2 {
		s.h2 = newTransport(s)
	}
	return s
}

// name is the server's, for the log.
func (s *Server) name() string { return s.addresses[0] }

// take returns an idle connection, or a new one. reused tells which; a reused one is looked at before it is written to
// (see fresh).
func (s *Server) take(ctx context.Context) (c *conn, reused bool, err error) {
	s.pool.Lock()
	n := len(s.idle)
	if n == 0 {
		s.pool.Unlock()
		c, err = s.dial(ctx)
		return c, false, err
	}
	c = s.idle[n-1]
	s.idle[n-1] = nil
	s.idle = s.idle[:n-1]
	s.pool.Unlock()
	return c, true, nil
}

// put keeps c for the next exchange.
func (s *Server) put(c *conn) {
	c.Settle()
	s.pool.Lock()
	if s.closed || len(s.idle) >= s.g.o.MaxIdle {
		s.pool.Unlock()
		c.Close()
		return
	}
	s.idle = append(s.idle, c)
	s.pool.Unlock()
}

// dropIdle closes the idle connections: when one was found dead in use, the others are likely to be.
func (s *Server) dropIdle() {
	s.pool.Lock()
	idle := s.idle
	s.idle = nil
	s.pool.Unlock()
	for _, c := range idle {
		c.Close()
	}
}

// Connections that nobody has needed for idleHTTP1 are closed, every sweepEvery. Those that are used the least are the first
// of the list, and the oldest.
const (
	idleHTTP1  = time.Minute
	sweepEvery = 30 * time.Second
)

// sweep closes the connections that became idle before at.
func (s *Server) sweep(at int64) {
	s.pool.Lock()
	n := 0
	for n < len(s.idle) && s.idle[n].Since < at {
		n++
	}
	old := slices.Clone(s.idle[:n])
	s.idle = slices.Delete(s.idle, 0, n)
	s.pool.Unlock()
	for _, c := range old {
		c.Close()
	}
}

// close is dropIdle for good.
func (s *Server) close() {
	s.pool.Lock()
	s.closed = true
	s.pool.Unlock()
	s.dropIdle()
	if s.h2 != nil {
		s.h2.CloseIdleConnections()
	}
}

func (s *Server) dial(ctx context.Context) (*conn, error) {
	if ctx.Done() == nil {
		ctx = s.g.use
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
	return reach.Handshake(ctx, nc, s.target.TLS)
}

// connectPlain is connect without TLS, for net/http's transport, which has its own idea of the address.
func (s *Server) connectPlain(ctx context.Context, _, _ string) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, s.g.o.Timeouts.Connect)
	defer cancel()
	return s.dialer(ctx)
}

func (s *Server) dialer(ctx context.Context) (net.Conn, error) {
	first := int(s.good.Load())
	var failure error
	for i := range s.addresses {
		k := (first + i) % len(s.addresses)
		nc, err := s.g.o.Dial(ctx, s.target.Network, s.addresses[k])
		if err == nil {
			if k != first {
				s.good.Store(int32(k))
			}
			return nc, nil
		}
		if failure == nil {
			failure = err
		}
	}
	if reach.Local(failure) {
		s.short(failure)
		failure = fmt.Errorf("%w: %w", ErrLocal, failure)
	}
	return nil, failure
}

// host is the Host for an HTTP/1.0 request that named none.
func (s *Server) host() string {
	if s.target.Network == "unix" {
		return "localhost"
	}
	return s.target.Address
}
