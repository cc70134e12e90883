package proxy

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"merlon/internal/edge/http1"
	"merlon/internal/edge/proxy/listen"
	"merlon/internal/edge/proxy/upstream"
	"merlon/internal/enforce/engine"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// conn is one client connection with the buffers that its exchanges use one after the other.
type conn struct {
	s      *Server
	nc     net.Conn // as accepted; the plaintext once it is open
	client listen.Client

	// buf[start:end] was read and not used yet. Slices of the request point into it until the exchange ends.
	buf        []byte
	start, end int
	// spare takes turns with buf when a body does not fit beside its head.
	spare []byte
	// out is what is about to be written to the client.
	out []byte
	// captured holds a chunked request body, answer holds a response that did not stay in the upstream's buffer.
	captured, answer []byte

	head    http1.RequestHead
	body    http1.Body
	rewrite http1.Rewrite
	flow    flow
	request upstream.Request
	add     [3]exchange.Field // backing of request.Rewrite.Add
	address [64]byte          // backing of the client's address in it
	interim func(*http1.ResponseHead) error

	readBy, writeBy int64 // the deadlines that are set, 0 for none
	idle            atomic.Bool
	upstream        upstream.Handle // of the request under way, so that a shutdown that has waited long enough can cut it
	count           int
	current         *engine.Transaction
}

// Sizes of a connection's buffers: the first read takes an ordinary request whole; what grew beyond keptBuffer for one
// exchange is given back after it.
const (
	firstBuffer = 8 << 10
	keptBuffer  = 64 << 10
)

func newConn(s *Server, nc net.Conn) *conn {
	c := &conn{s: s, nc: nc}
	c.interim = c.passInterim
	return c
}

// wake makes an idle connection notice that the server is draining.
func (c *conn) wake() {
	if c.idle.Load() {
		_ = c.nc.SetReadDeadline(time.Unix(1, 0))
	}
}

func (c *conn) now() int64 { return c.s.o.Now().UnixNano() }

// run serves the connection to its end.
func (c *conn) run(l *listen.Listener) {
	defer func() { _ = c.nc.Close() }()
	defer c.contain()
	lc, err := l.Open(c.s.life, c.nc)
	switch {
	case errors.Is(err, listen.ErrProxyHeader):
		c.s.o.Log.Warn("cannot serve a connection", "error", err)
		return
	case err != nil:
		return // counted by the listener; whoever connects could fill the log
	case lc.HTTP2:
		if c.s.o.HTTP2 != nil {
			c.s.o.HTTP2(lc)
		}
		return
	}
	c.client = lc.Client
	c.buf, c.out = make([]byte, max(firstBuffer, len(lc.Early))), make([]byte, 0, firstBuffer)
	c.end = copy(c.buf, lc.Early)
	for c.serveOne() {
		c.settle()
	}
}

// contain turns a panic of this package into one event and the end of one connection.
func (c *conn) contain() {
	v := recover()
	if v == nil {
		return
	}
	c.s.o.Log.Error("an exchange failed in the proxy; please report this", "panic", fmt.Sprint(v), "stack", string(debug.Stack()))
	if t := c.current; t != nil {
		c.close(t, event.OutcomePanic, 0)
	}
}

// begin and close frame the transaction that contain would have to end.
func (c *conn) begin(now int64) *engine.Transaction {
	c.current = c.s.o.Engine.Begin(now)
	return c.current
}

func (c *conn) close(t *engine.Transaction, o event.Outcome, status int) {
	c.current = nil // first: what is closed twice would be two exchanges' memory
	t.Close(o, status)
}

// settle makes the buffers ready for the next request.
func (c *conn) settle() {
	if c.start == c.end {
		c.start, c.end = 0, 0
	}
	if cap(c.buf) > keptBuffer && c.end-c.start <= firstBuffer {
		small := make([]byte, firstBuffer)
		c.end = copy(small, c.buf[c.start:c.end])
		c.start, c.buf = 0, small
	}
	if cap(c.spare) > keptBuffer {
		c.spare = nil
	}
	if cap(c.out) > keptBuffer {
		c.out = make([]byte, 0, firstBuffer)
	}
	if cap(c.captured) > keptBuffer {
		c.captured = nil
	}
	if cap(c.answer) > keptBuffer {
		c.answer = nil
	}
}

// serveOne reads one request and deals with it. It reports whether the connection can take another.
func (c *conn) serveOne() bool {
	now, ok := c.awaitRequest()
	if !ok {
		return false
	}
	for {
		n, err := c.head.Parse(c.buf[c.start:c.end], &c.s.o.Codec)
		if err == nil {
			c.start += n
			c.count++
			return c.exchange(now)
		}
		if !errors.Is(err, http1.ErrNeedMore) {
			return c.refuse(now, err)
		}
		// The head is in pieces: from now on its own deadline counts, and it does not move with every byte.
		c.readUntil(now + int64(c.s.o.Timeouts.Head))
		if err := c.fill(); err != nil {
			return c.cut(now, err)
		}
	}
}

// awaitRequest waits for the first byte of a request. It reports false when there is none: the client has closed, was
// silent too long, or the server is draining.
func (c *conn) awaitRequest() (int64, bool) {
	now := c.now()
	if c.start < c.end {
		return now, true
	}
	c.idle.Store(true)
	c.readWithin(now, c.s.o.Timeouts.Idle)
	if c.s.draining.Load() {
		return 0, false
	}
	err := c.fill()
	c.idle.Store(false)
	if err != nil {
		return 0, false
	}
	if c.s.draining.Load() {
		c.readBy = 0 // wake may have set another deadline meanwhile
	}
	return c.now(), true
}

// refuse deals with a head that the codec does not accept: one transaction, one event, one answer, and the connection ends.
func (c *conn) refuse(now int64, err error) bool {
	var reject http1.RejectError
	status := 400
	if errors.As(err, &reject) {
		status = reject.Status()
	}
	t := c.begin(now)
	c.describe(&t.Exchange)
	t.Exchange.RawHead = c.head.Raw
	t.Request()
	c.reply(t.ID(), status, 0, true)
	c.close(t, event.OutcomeRefused, status)
	c.linger()
	return false
}

// cut deals with a request that does not go on: the client was too slow, or went away in the middle.
func (c *conn) cut(now int64, err error) bool {
	t := c.begin(now)
	status, outcome, anomaly := 0, event.OutcomeClientGone, exchange.AnomalyIncomplete
	if isTimeout(err) {
		status, outcome, anomaly = 408, event.OutcomeRefused, exchange.AnomalyTimeout
	}
	c.head.Abandon(c.buf[c.start:c.end], anomaly, &c.s.o.Codec)
	c.describe(&t.Exchange)
	t.Exchange.RawHead = c.head.Raw
	t.Request()
	if status != 0 {
		c.reply(t.ID(), status, 0, true)
	}
	c.close(t, outcome, status)
	return false
}

// describe copies what the head says into the exchange.
func (c *conn) describe(x *exchange.Exchange) {
	h := &c.head
	x.Source, x.Observed = exchange.SourceProxy, exchange.SawAll
	x.Anomalies = h.Anomalies
	if h.Anomalies != 0 {
		x.RawHead = h.Raw
	}
	x.Method, x.Target, x.Path, x.RawQuery, x.Host = h.Method, h.Target, h.Path, h.RawQuery, h.Hostname
	x.Request.Fields = append(x.Request.Fields[:0], h.Fields...)
	x.Client.Addr, x.Client.Port = c.client.Addr.Addr(), c.client.Addr.Port()
}

// fill reads more of the client's bytes behind buf[start:end].
func (c *conn) fill() error {
	if c.end == len(c.buf) {
		c.grow(2 * len(c.buf))
	}
	n, err := c.nc.Read(c.buf[c.end:])
	c.end += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// grow makes room for size bytes in all behind start. Slices of the buffer that were taken before stay valid, because
// they keep the old memory.
func (c *conn) grow(size int) {
	if c.start+size <= len(c.buf) {
		return
	}
	grown := make([]byte, size)
	c.end = copy(grown, c.buf[c.start:c.end])
	c.start, c.buf = 0, grown
}

// readUntil sets the read deadline to exactly at.
func (c *conn) readUntil(at int64) {
	if c.readBy != at {
		c.readBy = at
		_ = c.nc.SetReadDeadline(time.Unix(0, at))
	}
}

// readWithin sets the read deadline between timeout and 5/4 of it ahead. A deadline costs a timer, so it is moved only
// once in a while.
func (c *conn) readWithin(now int64, timeout time.Duration) {
	if left := c.readBy - now; left < int64(timeout) || left > int64(timeout)*5/4 {
		c.readUntil(now + int64(timeout)*5/4)
	}
}

// write sends b to the client within the body time-out.
func (c *conn) write(now int64, b []byte) error {
	timeout := int64(c.s.o.Timeouts.Body)
	if left := c.writeBy - now; left < timeout || left > timeout*5/4 {
		c.writeBy = now + timeout*5/4
		_ = c.nc.SetWriteDeadline(time.Unix(0, c.writeBy))
	}
	_, err := c.nc.Write(b)
	return err
}

// lingerFor and lingerBytes bound how much of a refused request is read and thrown away: closing a socket with unread
// bytes resets it, and the client would lose the answer that says what is wrong.
const (
	lingerFor   = 500 * time.Millisecond
	lingerBytes = 256 << 10
)

// linger ends the sending side and drains what the client still sends, within bounds.
func (c *conn) linger() {
	half, ok := c.nc.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		return
	}
	c.readUntil(c.now() + int64(lingerFor))
	for left := lingerBytes; left > 0; {
		n, err := c.nc.Read(c.buf)
		if err != nil {
			return
		}
		left -= n
	}
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
