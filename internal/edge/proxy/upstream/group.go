package upstream

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"merlon/internal/edge/http1"
)

// Options is everything a Group is made from. Zero limits and time-outs take their defaults.
type Options struct {
	// Site is whose servers these are, for the log.
	Site    string
	Targets []Target
	// Codec bounds the answers' heads and framing.
	Codec    http1.Limits
	Timeouts Timeouts
	// MaxIdle is how many idle connections are kept to each server (default 256).
	MaxIdle int
	Log     *slog.Logger
	// Now is the wall clock.
	Now func() time.Time
}

// Timeouts bound each step in wall time.
type Timeouts struct {
	// Connect bounds connecting, TLS included (default 5 s).
	Connect time.Duration
	// Response bounds the wait for an answer, from the request's last byte on (default 60 s).
	Response time.Duration
	// Body bounds each wait for more of a body, in either direction (default 30 s).
	Body time.Duration
}

func (o *Options) fill() {
	o.Codec = o.Codec.Filled()
	def(&o.MaxIdle, 256)
	def(&o.Timeouts.Connect, 5*time.Second)
	def(&o.Timeouts.Response, 60*time.Second)
	def(&o.Timeouts.Body, 30*time.Second)
}

// def sets what was left out.
func def[T int | time.Duration](p *T, v T) {
	if *p <= 0 {
		*p = v
	}
}

// Group is the servers of one site.
type Group struct {
	o       Options
	servers atomic.Pointer[[]*Server]
	next    atomic.Uint32
	// buffers are for bodies of HTTP/2 answers.
	buffers sync.Pool
	// life ends with Close.
	life context.Context
	end  context.CancelFunc
}

// NewGroup makes a group. It opens nothing; the first requests do.
func NewGroup(o Options) *Group {
	o.fill()
	g := &Group{o: o}
	g.buffers.New = func() any { return new([streamBuffer]byte) }
	g.life, g.end = context.WithCancel(context.Background())
	list := make([]*Server, 0, len(o.Targets))
	for i := range o.Targets {
		list = append(list, newServer(g, &o.Targets[i]))
	}
	g.servers.Store(&list)
	return g
}

// Close closes the idle connections and keeps no others from now on: exchanges under way end in their own time.
func (g *Group) Close() {
	g.end()
	for _, s := range *g.servers.Load() {
		s.close()
	}
}

func (g *Group) now() int64 { return g.o.Now().UnixNano() }

// Set is the servers that a request was tried on.
type Set struct {
	list [4]*Server
	n    int
}

func (t *Set) add(s *Server) {
	t.list[t.n%len(t.list)] = s
	t.n++
}

func (t *Set) has(s *Server) bool {
	for _, one := range t.list[:min(t.n, len(t.list))] {
		if one == s {
			return true
		}
	}
	return false
}

// pick chooses the server for a request that was tried on those of tried, and counts it as in use.
func (g *Group) pick(_ uint64, tried *Set) (*Server, error) {
	list := *g.servers.Load()
	for range list {
		s := list[0]
		if len(list) > 1 {
			s = list[int(g.next.Add(1))%len(list)]
		}
		if !tried.has(s) {
			s.inUse.Add(1)
			return s, nil
		}
	}
	return nil, ErrNone
}

func (g *Group) buffer() []byte { return g.buffers.Get().(*[streamBuffer]byte)[:] }

func (g *Group) giveBack(b []byte) { g.buffers.Put((*[streamBuffer]byte)(b)) }
