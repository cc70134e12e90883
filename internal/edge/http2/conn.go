package http2

import (
	"errors"
	"net"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"merlon/internal/edge/http2/hpack"
	"merlon/internal/model/identity"
)

// Handler deals with a connection's requests. It is called by the goroutine of Serve and must not wait for the client.
type Handler interface {
	// Request takes a request over, at fault or not; Stream.Finish has to follow.
	Request(s *Stream)
	// Refuse tells whether a further request is refused for now, when running ones are under way.
	Refuse(running int) bool
	// Fault is told once of a connection that ends through its client's fault.
	Fault(f Fault)
}

// Server is what connections share: limits, and memory that is used again.
type Server struct {
	o       Options
	streams sync.Pool
	chunks  sync.Pool
	buffers sync.Pool
	bulks   sync.Pool
}

// NewServer makes a Server.
func NewServer(o Options) *Server {
	o.fill()
	s := &Server{o: o}
	s.streams.New = func() any { return new(Stream) }
	s.chunks.New = func() any { return new(chunk) }
	s.buffers.New = func() any { return new(buffer) }
	s.bulks.New = func() any { return new([bulkRead]byte) }
	return s
}

func (s *Server) now() int64 { return s.o.Now().UnixNano() }

// Conn is a connection.
type Conn struct {
	s  *Server
	nc net.Conn
	h  Handler

	// Of the goroutine that reads.
	early    []byte
	buf      []byte // buf[r:w] was read and not used yet
	r, w     int
	small    []byte
	bulk     *[bulkRead]byte
	block    []byte // what does not fit, or comes in several frames
	decoder  hpack.Decoder
	emit     func(name, value []byte, sensitive bool) error
	head     head
	first    opening
	print    identity.Fingerprint
	flood    flood
	highest  uint32 // the highest stream of the client's
	gapLow   uint32 // streams that the client has left out last
	gapHigh  uint32
	settled  bool // its first SETTINGS came
	started  int64
	heading  int64 // when a header block in pieces began, 0 for none
	silences int   // reads in a row that gave nothing

	carried    int64        // frames that carried something
	done, sent atomic.Int64 // requests that came to their end, bytes of bodies: they make good for frames that carry nothing
	blamed     atomic.Int64 // faults of the client's that were found by who serves the request, and not counted yet

	mu      sync.Mutex
	room    sync.Cond // what is pending was sent, or a stream is over
	streams map[uint32]*Stream
	open    int // streams that the client may count
	quiet   int64
	// The windows of the connection, and what was used of ours and not given back.
	send, receive, owed int64
	initial             int64 // what the client's streams begin with
	resets              []late
	reset1              int // the next place in resets, once it is full
	encoder             hpack.Encoder
	lower               []byte
	out                 *buffer // what waits to be sent
	flushing            bool
	asked               bool  // another goroutine was asked to send
	writeBy, wrote      int64 // the deadline of writes, when the last one began
	acked               bool  // the client has acknowledged our SETTINGS
	draining            int8
	drainBy             int64
	last                uint32 // the last stream that is served, once draining is drainAway
	unbegun             int64  // what may still come on streams behind it
	poked, cut, over    bool
	flushFunc           func()
}

// The steps of draining.
const (
	drainNot  = iota
	drainWant // somebody has asked for it
	drainTold // the client was told not to begin anything; what is on its way is still served
	drainAway // what comes now is not
)

// Open makes a connection of nc. early was read from it already.
func (s *Server) Open(nc net.Conn, early []byte, h Handler) *Conn {
	c := &Conn{
		s: s, nc: nc, h: h, early: early, small: make([]byte, smallRead), streams: make(map[uint32]*Stream),
		send: initialWindow, receive: int64(s.o.Limits.ReceiveConnection), initial: initialWindow, unbegun: int64(s.o.Limits.ReceiveConnection),
	}
	c.buf = c.small
	c.room.L = &c.mu
	c.head.limit = s.o.Limits.HeadBytes
	c.flood = newFlood(&s.o.Limits.Floods, s.now)
	c.decoder.Begin(uint32(s.o.Limits.HeaderTable), s.o.Limits.HeadBytes+headerAllowance)
	c.emit = func(name, value []byte, _ bool) error {
		if !c.first.over {
			c.first.field(name, value)
		}
		c.head.field(name, value)
		return nil
	}
	c.flushFunc = c.flushAsked
	c.started = s.now()
	c.quiet = c.started
	return c
}

// headerAllowance is what a header list counts beside its bytes: 32 for each of 256 fields.
const headerAllowance = 8 << 10

// Print is the client's fingerprint, once its first request is here.
func (c *Conn) Print() identity.Fingerprint { return c.print }

// Serve serves the connection to its end and closes it. It returns when every request's Finish was called.
func (c *Conn) Serve() {
	c.end(c.run())
}

func (c *Conn) run() (err error) {
	defer func() {
		if v := recover(); v != nil {
			if told := c.s.o.Panicked; told != nil {
				told(v, debug.Stack())
			}
			err = errCut
		}
	}()
	c.greet()
	got, err := c.payload(len(preface))
	if err != nil {
		return err
	}
	if string(got) != preface {
		return Fault{Code: ProtocolError}
	}
	for {
		b, err := c.payload(frameHead)
		if err != nil {
			return err
		}
		if err := c.frame(parseFrame(b)); err != nil {
			return err
		}
	}
}

// Drain has the client finish: no further request is begun, and the connection ends when those under way have.
func (c *Conn) Drain() {
	c.mu.Lock()
	if c.draining == drainNot {
		c.draining = drainWant
		c.poke()
	}
	c.mu.Unlock()
}

// Cut ends the connection.
func (c *Conn) Cut() {
	c.mu.Lock()
	c.cut = true
	c.poke()
	_ = c.nc.SetWriteDeadline(time.Unix(1, 0)) // whoever is sending stops, too
	c.mu.Unlock()
}

// poke makes the reading goroutine look at what is to do. The caller holds the lock.
func (c *Conn) poke() {
	c.poked = true
	_ = c.nc.SetReadDeadline(time.Unix(1, 0))
}

// late deals with a read that has timed out: something is to do, or has lasted too long. A deadline is moved when it passes
// and not with every request, so time-outs hold to the longest of them.
func (c *Conn) late() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	now := c.s.now()
	c.poked = false
	if c.cut {
		return errCut
	}
	switch c.draining {
	case drainWant:
		c.draining, c.drainBy = drainTold, now+int64(drainGrace)
		c.pend(appendPing(appendGoAway(c.pending(), maxStreamID, NoError), 0, drainPing))
	case drainTold:
		if now >= c.drainBy {
			c.goAway()
		}
	}
	next, over := c.due(now)
	if over {
		return errDone
	}
	c.ask()
	_ = c.nc.SetReadDeadline(time.Unix(0, next))
	return nil
}

// due tells when the goroutine that reads has to look around next, and whether the connection is over by what has passed
// already. The caller holds the lock.
func (c *Conn) due(now int64) (next int64, over bool) {
	o := &c.s.o
	next = now + int64(o.Idle)
	if c.heading != 0 {
		next = c.heading + int64(o.Head)
		over = now >= next
	}
	if len(c.streams) == 0 {
		next = min(next, c.quiet+int64(o.Idle))
		if !c.settled {
			next = min(next, c.started+int64(o.Head))
		}
		over = over || now >= next || c.draining == drainAway
	}
	if c.draining == drainTold {
		next = min(next, c.drainBy)
	}
	return next, over
}

const (
	// drainGrace is how long requests that were on their way when draining began are still taken, if the client does not
	// say sooner that it knows.
	drainGrace = time.Second
	// lastWords bounds the sending of what is left when a connection closes, and the wait for its client to close it.
	lastWords = time.Second
	// lingerBytes is how much is read of what a client sends behind the end.
	lingerBytes = 256 << 10
)

// drainPing marks the answer to the first GOAWAY. It is read-only.
var drainPing = []byte("draining")

// goAway says which streams are served. The caller holds the lock.
func (c *Conn) goAway() {
	c.draining, c.last = drainAway, c.highest
	c.pend(appendGoAway(c.pending(), c.last, NoError))
}

// end closes the connection for err, and waits for what it had under way.
func (c *Conn) end(err error) {
	var fault Fault
	wrong := errors.As(err, &fault)
	polite := wrong && fault.Flood == "" || errors.Is(err, errDone)
	c.mu.Lock()
	if polite || wrong {
		c.pend(appendGoAway(c.pending(), c.highest, fault.Code))
	}
	c.over = true
	for _, s := range c.streams {
		c.lost(s)
	}
	c.room.Broadcast()
	if polite || wrong {
		_ = c.nc.SetWriteDeadline(time.Unix(0, c.s.now()+int64(lastWords)))
		for c.flushing {
			c.room.Wait()
		}
		c.flush()
	}
	c.mu.Unlock()
	if wrong {
		c.h.Fault(fault)
	}
	if polite {
		c.linger()
	}
	_ = c.nc.Close()
	c.mu.Lock()
	for len(c.streams) > 0 || c.flushing || c.asked {
		c.room.Wait()
	}
	if c.out != nil {
		c.recycle(c.out)
		c.out = nil
	}
	c.mu.Unlock()
	if c.bulk != nil {
		c.s.bulks.Put(c.bulk)
		c.bulk = nil
	}
}

// linger lets the client read the end: a socket that is closed with bytes unread takes what was sent away again.
func (c *Conn) linger() {
	if half, ok := c.nc.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = c.nc.SetReadDeadline(time.Unix(0, c.s.now()+int64(lastWords)))
	for n := 0; n < lingerBytes; {
		k, err := c.nc.Read(c.buf)
		if err != nil {
			return
		}
		n += max(k, 1)
	}
}

// lost tells a stream that nobody waits for it. The caller holds the lock.
func (c *Conn) lost(s *Stream) {
	c.uncount(s)
	if s.gone {
		return
	}
	s.gone = true
	if s.onGone != nil {
		s.onGone()
	}
	s.wake.Broadcast()
	c.room.Broadcast()
}

func (c *Conn) uncount(s *Stream) {
	if s.counted {
		s.counted = false
		c.open--
	}
}
