package stream

import (
	"context"
	"sync/atomic"

	"github.com/quic-go/quic-go"

	"merlon/internal/edge/http2"
	"merlon/internal/edge/proxy/listen"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/identity"
)

// peer is who is at the other end of a connection, whatever it speaks.
type peer struct {
	client identity.Client
	secure bool
	// name is the host that the handshake asked for.
	name string
	// h2 tells that it speaks HTTP/2.
	h2 bool
	// quic is the connection of HTTP/3, once its handshake is over; nil for HTTP/2.
	quic atomic.Pointer[quic.Conn]
	// site is where the last request went, so that what the connection does is told there.
	site  atomic.Pointer[string]
	watch watch
}

func (p *peer) begin(c *listen.Client, now func() int64) {
	p.watch.now = now
	p.client = identity.Client{Addr: c.Addr.Addr(), Port: c.Addr.Port()}
	if h := c.TLS; h != nil {
		p.secure, p.name = true, h.ServerName
		p.client.JA4, p.client.Certificate = h.JA4, h.Certificate
	}
}

// conn is an HTTP/2 connection: it has a flow begun for each of its requests.
type conn struct {
	s    *Server
	peer peer
	h2   *http2.Conn
}

func newConn(s *Server, lc *listen.Conn) *conn {
	c := &conn{s: s}
	c.peer.begin(&lc.Client, s.now)
	c.peer.h2 = true
	c.peer.watch.place = lc
	lc.Idle() // until its first request
	c.h2 = s.h2.Open(lc, lc.Early, c)
	return c
}

// pressedStreams is how many requests one connection may have under way while memory is short.
const pressedStreams = 8

// Refuse implements http2.Handler. A request that is refused so may be sent again at once, elsewhere or later; above
// listen.PressureFull all of them are answered.
func (c *conn) Refuse(running int) bool {
	a := c.s.o.Admission
	if a == nil || running < pressedStreams {
		return false
	}
	p := a.Pressure()
	return p > listen.PressureHigh && p <= listen.PressureFull
}

// Request implements http2.Handler.
func (c *conn) Request(s *http2.Stream) {
	if c.peer.client.HTTP2 == 0 {
		c.peer.client.HTTP2 = c.h2.Print() // before the first flow begins
	}
	c.s.requests.Add(1)
	f, _ := c.s.flows.Get().(*flow)
	f.stream, f.carrier, f.ctx = s, s, context.Background()
	f.text, f.method, f.target = s.Head, s.Method, s.Target
	f.begin(&c.peer)
	s.OnGone(f.abandon)
	c.s.workers.do(f)
}

// Fault implements http2.Handler.
func (c *conn) Fault(fault http2.Fault) {
	a := exchange.AnomalyHTTP2Malformed
	if fault.Flood != "" {
		a = exchange.AnomalyHTTP2Flood
		if all := c.s.o.Admission; all != nil {
			all.Flooded(c.peer.client.Addr, fault.Flood)
		}
	}
	c.report(a)
}

// report publishes one event for something that is no request of its own.
func (c *conn) report(a exchange.Anomaly) {
	t := c.s.o.Engine.Begin(c.s.now())
	x := &t.Exchange
	x.Source, x.Observed = exchange.SourceProxy, exchange.SawClient|exchange.SawWire
	x.Client = c.peer.client
	x.Anomalies.Add(a)
	x.Host = []byte(c.peer.name)
	if site := c.peer.site.Load(); site != nil {
		x.Site = *site
	}
	_ = t.Request() // whatever policy says, it was refused
	t.Close(event.OutcomeRefused, int(a.Describe().Status))
}
