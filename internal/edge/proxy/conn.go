package proxy

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"sync/atomic"
	"syscall"
	"time"

	"merlon/internal/edge/http1"
	"merlon/internal/edge/proxy/listen"
	"merlon/internal/edge/proxy/onward"
	"merlon/internal/edge/proxy/upstream"
	"merlon/internal/enforce/engine"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// conn is one client connection. While it waits for its client it is little more than a socket and a stack: what
// exchanges need is in work, which is taken from the server's pool with the first byte of a request.
type conn struct {
	s  *Server
	nc *listen.Conn
	*work

	// sock is the socket of a plain connection, for waiting on it without a buffer; firstRead is what is done with it, and
	// readErr how that ended.
	sock      syscall.RawConn
	firstRead func(fd uintptr) bool
	readErr   error
	interim   func(*http1.ResponseHead) error

	first           [1]byte // of a request over TLS
	readBy, writeBy int64   // the deadlines that are set, 0 for none
	headBy          int64   // when a head that is in pieces has to be here, 0 for none
	bodyBy          int64   // when more of a request's body has to be here at the latest, 0 before it is waited for
	waiting         atomic.Uint32
	upstream        upstream.Handle // of the request under way, so that a shutdown that has waited long enough can cut it
	count           int
	current         *engine.Transaction
}

// work is what a connection's exchanges use one after the other.
type work struct {
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
	onward  onward.Scratch // backing of request.Rewrite
}

// Sizes of a connection's buffers: the first read takes an ordinary request whole; what grew beyond keptBuffer for one
// exchange is given back after it.
const (
	firstBuffer = 8 << 10
	keptBuffer  = 64 << 10
)

func newWork() any {
	return &work{buf: make([]byte, firstBuffer), out: make([]byte, 0, firstBuffer)}
}

func newConn(s *Server, nc *listen.Conn) *conn {
	c := &conn{s: s, nc: nc}
	c.interim, c.firstRead = c.passInterim, c.readFirst
	return c
}

// take makes c ready to read; release gives everything back that was for reading and writing. Nothing may be left in buf.
func (c *conn) take() {
	if c.work == nil {
		c.work = c.s.works.Get().(*work)
	}
}

func (c *conn) release() {
	w := c.work
	if w == nil {
		return
	}
	c.work = nil
	w.settle()
	w.start, w.end = 0, 0
	w.request, w.flow.c = upstream.Request{}, nil // they point to the connection
	c.s.works.Put(w)
}

// drainGrace is how long a connection that waits for its client when the server begins to drain may still bring a request,
// whose answer then says that it was the last. Closing at once would lose requests that are on their way.
const drainGrace = 500 * time.Millisecond

// What a connection waits for, so that wake sets a deadline for nothing else than the first byte of a request.
const (
	waitsNot   uint32 = iota // a request is read or answered
	waitsFirst               // for the first byte of one
	waitsWake                // wake is setting the deadline
)

// wake makes an idle connection notice that the server is draining. A request that arrives meanwhile is read when wake is done
// with the deadline: else a request that has begun would have no longer than an idle connection.
func (c *conn) wake() {
	if c.waiting.CompareAndSwap(waitsFirst, waitsWake) {
		_ = c.nc.Raw.SetReadDeadline(c.s.o.Now().Add(drainGrace))
		c.waiting.Store(waitsFirst)
	}
}

func (c *conn) now() int64 { return c.s.o.Now().UnixNano() }

// run serves the connection to its end.
func (c *conn) run(l *listen.Listener) {
	if !c.open(l) {
		c.over()
		return
	}
	if c.nc.Client.TLS != nil {
		// A handshake leaves a stack of 32 kB behind, most of which the connection never needs again.
		go c.serve()
		return
	}
	c.serve()
}

// open finds out who is there. It reports false when there is nothing to serve, or it was served elsewhere.
func (c *conn) open(l *listen.Listener) bool {
	defer c.contain()
	lc, err := l.Open(c.s.life, c.nc)
	switch {
	case errors.Is(err, listen.ErrPlainHTTP):
		c.plain()
		return false
	case err != nil:
		return false // counted, and said as far as it is worth it, by the listener
	case lc.HTTP2:
		if c.s.o.HTTP2 != nil {
			c.s.o.HTTP2(lc)
		}
		return false
	}
	if lc.Client.TLS != nil {
		lc.OnWait(c.waits)
	} else if raw, ok := lc.Conn.(syscall.Conn); ok {
		if c.sock, err = raw.SyscallConn(); err != nil {
			return false
		}
	}
	return true
}

// serve serves requests until the last one.
func (c *conn) serve() {
	defer c.over()
	defer c.release()
	defer c.contain()
	c.take()
	early := c.nc.Early
	c.nc.Early = nil
	if len(early) > len(c.buf) {
		c.buf = make([]byte, len(early))
	}
	c.end = copy(c.buf, early)
	for c.serveOne() {
		c.settle()
	}
}

// over closes the connection for good.
func (c *conn) over() {
	_ = c.nc.Close()
	c.s.remove(c)
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
func (c *work) settle() {
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
		c.headBy = 0
		if err == nil {
			c.start += n
			return c.begun(now)
		}
		if !errors.Is(err, http1.ErrNeedMore) {
			return c.refuse(now, err)
		}
		// The head is in pieces: from now on its own deadline counts, and it does not move with every byte.
		c.headBy = now + int64(c.s.o.Timeouts.Head)
		if c.nc.Client.TLS == nil {
			c.waits()
		}
		if err := c.fill(); err != nil {
			return c.cut(now, err)
		}
	}
}

// begun deals with a request whose head is whole.
func (c *conn) begun(now int64) bool {
	if !c.nc.Busy() {
		return c.crowdedOut(now)
	}
	c.count++
	c.bodyBy = 0
	switch p := c.s.pressure(); {
	case p > listen.PressureFull:
		return c.overloaded(now)
	case p > listen.PressureHigh, c.nc.Ending():
		c.head.KeepAlive = false
	}
	keep := c.exchange(now)
	c.nc.Idle()
	return keep
}

// awaitRequest waits for the first byte of a request. It reports false when there is none: the client has closed, was
// silent too long, or the server is draining.
func (c *conn) awaitRequest() (int64, bool) {
	now := c.now()
	if c.work != nil && c.start < c.end {
		return now, true
	}
	c.waiting.Store(waitsFirst)
	c.readWithin(now, c.s.o.Timeouts.Idle)
	if c.s.draining.Load() {
		c.readUntil(now + int64(drainGrace)) // wake may have come before it was noted that this one waits
	}
	err := c.fillFirst()
	for !c.waiting.CompareAndSwap(waitsFirst, waitsNot) {
		runtime.Gosched() // wake is at it
	}
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
	_ = c.reply(t.ID(), status, 0, true)
	c.close(t, event.OutcomeRefused, status)
	c.linger()
	return false
}

// overloaded answers a request that there is no memory for. Health checks have an address of their own, the dashboard's.
func (c *conn) overloaded(now int64) bool {
	t := c.begin(now)
	c.describe(&t.Exchange)
	t.Request()
	_ = c.reply(t.ID(), 503, overloadRetry, true)
	c.close(t, event.OutcomeRefused, 503)
	c.linger()
	return false
}

// crowdedOut ends a request whose connection was closed to make room when its head was there just.
func (c *conn) crowdedOut(now int64) bool {
	t := c.begin(now)
	c.describe(&t.Exchange)
	t.Request()
	c.close(t, event.OutcomeRefused, 0)
	return false
}

// overloadRetry is the Retry-After of an overloaded proxy, in seconds: a few collections later.
const overloadRetry = 5

// cut deals with a request that does not go on: the client was too slow, or went away in the middle.
func (c *conn) cut(now int64, err error) bool {
	t := c.begin(now)
	status, outcome, anomaly := 0, event.OutcomeClientGone, exchange.AnomalyIncomplete
	switch {
	case isTimeout(err):
		status, outcome, anomaly = 408, event.OutcomeRefused, exchange.AnomalyTimeout
	case c.nc.Shed():
		outcome = event.OutcomeRefused
	}
	_ = c.head.Abandon(c.buf[c.start:c.end], anomaly, &c.s.o.Codec)
	c.describe(&t.Exchange)
	t.Exchange.RawHead = c.head.Raw
	t.Request()
	if status != 0 {
		_ = c.reply(t.ID(), status, 0, true)
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
	client := &c.nc.Client
	x.Client.Addr, x.Client.Port = client.Addr.Addr(), client.Addr.Port()
	if h := client.TLS; h != nil {
		x.Client.JA4, x.Client.Certificate = h.JA4, h.Certificate
	}
}
