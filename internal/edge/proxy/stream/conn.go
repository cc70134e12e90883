package stream

import (
	"errors"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/quic-go/quic-go"

	"merlon/internal/edge/proxy/listen"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/identity"
)

// peerKey finds the peer in a request's context.
type peerKey struct{}

// peer is who is at the other end of a connection, whatever it speaks.
type peer struct {
	client identity.Client
	secure bool
	// name is the host that the handshake asked for.
	name string
	// h2 is the connection below; nil for HTTP/3.
	h2 *conn
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

// readBuffer is how much of a connection is read at once: net/http asks for nine bytes and then for a frame.
const readBuffer = 4 << 10

// conn is an HTTP/2 connection as net/http sees it. It looks like a plain one, since net/http offers HTTP/2 by prior knowledge
// to plain ones, and TLS has ended below.
type conn struct {
	net.Conn
	s      *Server
	peer   peer
	early  []byte
	buf    []byte
	unread []byte // of buf
	tap    tap
	broken error // what reading ended with

	handled atomic.Int64 // requests that came up here
	flood   atomic.Bool  // one was told

	// begun tells that net/http has read the preface, accepted are the streams that it has handed to a handler since; see
	// SetReadDeadline. below are those it has not, as far as it has read.
	begun    bool
	accepted atomic.Int64
	below    int64

	// What net/http writes; see write.go.
	writing  sync.Mutex
	room     sync.Cond
	out      framing
	pending  []byte
	writeErr error
	ready    chan struct{} // one token when there is something to send
	promises int64
	promised atomic.Int64
	// unserved is below, provoked are streams that net/http has reset for a fault of the client's, faults their flood, and
	// refused the requests that were told because they are both.
	unserved, provoked, refused int64
	// finished are the answers that net/http has ended, away tells that it has said GOAWAY, fault with which code.
	finished int64
	away     bool
	fault    uint32
	faults   flood

	closing chan struct{}
	once    sync.Once
}

func newConn(s *Server, lc *listen.Conn) *conn {
	c := &conn{Conn: lc.Conn, s: s, early: lc.Early, closing: make(chan struct{}), ready: make(chan struct{}, 1)}
	c.room.L = &c.writing
	c.peer.begin(&lc.Client, s.now)
	c.peer.h2 = c
	c.peer.watch.held, c.peer.watch.place = c.letGo, lc
	lc.Idle() // until its first request
	c.tap.begin(&s.o.Limits, s.now)
	c.faults = c.tap.flood
	return c
}

// errFlood ends a connection that sends too much of what costs work.
var errFlood = errors.New("stream: the connection sends too many frames that carry nothing")

// Read gives net/http the client's bytes, of which the tap has seen each before. It is called by one goroutine at a time.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.unread) == 0 {
		if err := c.fill(p); err != nil || len(c.unread) == 0 {
			return 0, err
		}
	}
	n := copy(p, c.unread)
	c.unread = c.unread[n:]
	return n, nil
}

// fill reads more and shows it to the tap.
func (c *conn) fill([]byte) error {
	if c.broken != nil {
		return c.broken
	}
	// net/http asks for more only when it has dealt with every frame that is here.
	if n := c.tap.opened.Load() - c.accepted.Load(); n > c.below {
		c.below = n
		c.writing.Lock()
		c.unserved = n
		c.tellRefused()
		c.writing.Unlock()
	}
	if c.early != nil {
		c.unread, c.early = c.early, nil
	} else {
		if c.buf == nil {
			c.buf = make([]byte, readBuffer)
		}
		n, err := c.Conn.Read(c.buf)
		if n == 0 {
			return err
		}
		c.unread = c.buf[:n]
	}
	before := c.tap.print
	if k := c.tap.read(c.unread); k < numKinds {
		c.unread, c.broken = nil, errFlood
		c.flooded(k)
		return errFlood
	}
	if before != c.tap.print {
		c.peer.client.HTTP2 = c.tap.print // the first request is not handed over yet
	}
	return nil
}

// flooded ends the connection and tells why.
func (c *conn) flooded(k kind) {
	c.told(k)
	c.writing.Lock()
	if c.out.between() && c.writeErr == nil {
		// GOAWAY with ENHANCE_YOUR_CALM, as far as it gets.
		c.pending = append(c.pending, 0, 0, 8, frameGoAway, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x0b)
	}
	c.writeErr = errFlood
	c.writing.Unlock()
	_ = c.Close()
}

// told logs and publishes a flood, once.
func (c *conn) told(k kind) {
	if c.flood.Swap(true) {
		return
	}
	c.s.o.Log.Warn("an HTTP/2 connection was closed", "peer", c.peer.client.Addr, "reason", kindNames[k])
	c.report(exchange.AnomalyHTTP2Flood)
}

// SetReadDeadline learns which streams net/http serves. It lifts the deadline once when it has read the preface, and then,
// because its Server has a ReadTimeout, for every stream between its decision to serve it and the handler's beginning. A
// handler begins on a goroutine of its own, so whether one will begin cannot be seen by whether it has.
func (c *conn) SetReadDeadline(at time.Time) error {
	if !at.IsZero() || !c.begun {
		c.begun = at.IsZero()
		return c.Conn.SetReadDeadline(at)
	}
	c.accepted.Add(1)
	return nil
}

// readTimeout is no bound: that is for the watch. It makes net/http call SetReadDeadline.
const readTimeout = 100 * 365 * 24 * time.Hour

// Error codes of HTTP/2 (RFC 9113 section 7) that do not speak of the client, or not of its request.
const (
	codeNoError      = 0x0
	codeInternal     = 0x2
	codeStreamClosed = 0x5 // of frames behind the end of a stream
	codeCancel       = 0x8
)

// wrote follows the frames that net/http writes and returns how many streams it has reset for a fault of the client's, and
// how many have ended with data.
func (c *conn) wrote(b []byte) (resets, ended int64) {
	f := &c.out
	for len(b) > 0 {
		if f.left > 0 {
			n := min(f.left, len(b))
			if f.keep > 0 {
				k := min(f.keep, n)
				f.kept = append(f.kept, b[:k]...)
				if f.keep -= k; f.keep == 0 {
					resets += c.said()
				}
			}
			f.left -= n
			b = b[n:]
			continue
		}
		n := copy(f.head[f.have:], b)
		f.have += n
		b = b[n:]
		if f.have < frameHead {
			break
		}
		f.have = 0
		f.left = f.length()
		switch f.kind() {
		case frameData:
			c.tap.sent.Add(int64(f.left))
			ended += int64(f.flags() & flagEndStream)
			c.finished += int64(f.flags() & flagEndStream)
		case frameHeaders:
			c.finished += int64(f.flags() & flagEndStream)
		case frameReset:
			f.kept, f.keep = f.kept[:0], min(4, f.left)
		case frameGoAway:
			f.kept, f.keep = f.kept[:0], min(8, f.left)
		}
	}
	return resets, ended
}

// said reads the error code of a RST_STREAM or GOAWAY frame.
func (c *conn) said() int64 {
	k := c.out.kept
	if len(k) < 4 {
		return 0
	}
	k = k[len(k)-4:]
	code := uint32(k[0])<<24 | uint32(k[1])<<16 | uint32(k[2])<<8 | uint32(k[3])
	if c.out.kind() == frameGoAway {
		c.away, c.fault = true, max(c.fault, code)
		return 0
	}
	if code == codeNoError || code == codeInternal || code == codeCancel {
		return 0
	}
	if code != codeStreamClosed {
		c.provoked++
	}
	return 1
}

// ended tells what the connection did that no request has told: net/http has ended it for a protocol error, or answered
// requests itself (400 for fields of the connection, 431 for heads of twice the limit). Those are told together, when the
// connection ends, since which they were cannot be seen from here: only that more answers have ended than requests came up.
func (c *conn) ended() {
	c.peer.watch.stop()
	if c.flood.Load() {
		return
	}
	c.writing.Lock()
	defer c.writing.Unlock()
	accepted, handled := c.accepted.Load(), c.handled.Load()
	if !c.away { // those that it had no time left to reset
		c.provoked = max(c.provoked, c.unserved)
		c.tellRefused()
	}
	unserved := c.tap.opened.Load() > accepted+c.refused || accepted+c.refused == 0
	if c.fault != 0 && unserved || c.finished > handled {
		c.report(exchange.AnomalyHTTP2Malformed)
	}
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
