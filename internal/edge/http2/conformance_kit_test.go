package http2_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"

	"merlon/internal/edge/http2"
	"merlon/internal/model/exchange"
)

// patience bounds every wait. No test depends on how long anything takes, unless it takes that long.
const patience = 10 * time.Second

// Frames, flags and settings of RFC 9113, written down once more: what is tested does not say what is right.
const (
	fData, fHeaders, fPriority, fReset, fSettings, fPush, fPing, fGoAway, fWindow, fContinuation = 0, 1, 2, 3, 4, 5, 6, 7, 8, 9

	ack, endStream, endHeaders, padded, prioritized = 0x1, 0x1, 0x4, 0x8, 0x20

	setTable, setPush, setStreams, setInitial, setFrame, setList = 1, 2, 3, 4, 5, 6

	clientPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	highest       = 2001 // the stream of the honest request behind each case
)

var codeNames = map[uint32]string{
	0: "NO_ERROR", 1: "PROTOCOL_ERROR", 2: "INTERNAL_ERROR", 3: "FLOW_CONTROL_ERROR", 5: "STREAM_CLOSED", 6: "FRAME_SIZE_ERROR",
	7: "REFUSED_STREAM", 8: "CANCEL", 9: "COMPRESSION_ERROR", 11: "ENHANCE_YOUR_CALM",
}

// fr makes a frame.
func fr(kind, flags byte, stream uint32, payload string) string {
	n := len(payload)
	h := []byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags}
	return string(binary.BigEndian.AppendUint32(h, stream)) + payload
}

func u32(v uint32) string { return string(binary.BigEndian.AppendUint32(nil, v)) }

func setting(id uint16, v uint32) string {
	return string(binary.BigEndian.AppendUint16(nil, id)) + u32(v)
}

// fields makes a header block of literals that touch no table, with names and values as they are.
func fields(pairs ...string) string {
	var b strings.Builder
	for i := 0; i+1 < len(pairs); i += 2 {
		b.WriteByte(0)
		for _, s := range pairs[i : i+2] {
			b.WriteString(integer(0, 7, len(s)) + s)
		}
	}
	return b.String()
}

// integer is RFC 7541 section 5.1.
func integer(first byte, bits, v int) string {
	top := 1<<bits - 1
	if v < top {
		return string([]byte{first | byte(v)})
	}
	b := []byte{first | byte(top)}
	for v -= top; v >= 128; v >>= 7 {
		b = append(b, byte(v)|128)
	}
	return string(append(b, byte(v)))
}

func ask(method, path string, more ...string) string {
	return fields(append([]string{":method", method, ":scheme", "http", ":authority", "a.example", ":path", path}, more...)...)
}

// get is a request without a body, post the head of one with.
func get(id uint32, path string, more ...string) string {
	return fr(fHeaders, endHeaders|endStream, id, ask("GET", path, more...))
}

func post(id uint32, path string, more ...string) string {
	return fr(fHeaders, endHeaders, id, ask("POST", path, more...))
}

func data(id uint32, flags byte, payload string) string { return fr(fData, flags, id, payload) }

// request is one that was handed over.
type request struct {
	head, body, trailers                   string
	malformed, tooLarge, refused, excess   bool
	readErr, writeErr                      error
	answered, fromTheClientGone, afterHead bool
}

func (r *request) path() string {
	f := strings.SplitN(r.head, " ", 3)
	if len(f) < 2 {
		return ""
	}
	return f[1]
}

// world stands behind a server: it answers by path, and remembers.
type world struct {
	t       testing.TB
	server  *http2.Server
	addr    string
	conns   chan *http2.Conn
	release chan struct{} // closed: /hold goes on
	more    chan struct{}

	mu       sync.Mutex
	requests []*request
	faults   []http2.Fault
	refuse   bool
	wg       sync.WaitGroup
}

func newWorld(t testing.TB, change func(*http2.Options)) *world {
	t.Helper()
	w := &world{t: t, conns: make(chan *http2.Conn, 100), release: make(chan struct{}), more: make(chan struct{}, 1)}
	o := http2.Options{Now: time.Now, Go: func(f func()) { w.wg.Go(f) }}
	if change != nil {
		change(&o)
	}
	w.server = http2.NewServer(o)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w.addr = l.Addr().String()
	w.wg.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			c := w.server.Open(nc, nil, w)
			w.conns <- c
			w.wg.Go(c.Serve)
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		for len(w.conns) > 0 {
			(<-w.conns).Cut()
		}
		w.wg.Wait() // every goroutine comes to its end, whatever the case has done
	})
	return w
}

// Request implements http2.Handler.
func (w *world) Request(s *http2.Stream) { w.wg.Go(func() { w.serve(s) }) }

// Refuse implements http2.Handler.
func (w *world) Refuse(int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.refuse
}

// Fault implements http2.Handler.
func (w *world) Fault(f http2.Fault) {
	w.mu.Lock()
	w.faults = append(w.faults, f)
	w.mu.Unlock()
	w.tell()
}

func (w *world) tell() {
	select {
	case w.more <- struct{}{}:
	default:
	}
}

func (w *world) serve(s *http2.Stream) {
	r := &request{head: string(s.Head), malformed: s.Malformed, tooLarge: s.TooLarge, refused: s.Refused, excess: s.Excess}
	code := http2.NoError
	defer func() {
		_, r.afterHead = s.Gone()
		s.Finish(code)
		w.mu.Lock()
		w.requests = append(w.requests, r)
		w.mu.Unlock()
		w.tell()
	}()
	if r.malformed || r.refused {
		return
	}
	status := 200
	if r.tooLarge {
		status = 431
	}
	path, _, _ := strings.Cut(r.path(), "?")
	switch path {
	case "/hold": // reads nothing until it is told to, or nobody waits
		gone := make(chan struct{})
		s.OnGone(func() { close(gone) })
		select {
		case <-w.release:
		case <-gone:
			r.fromTheClientGone = true
		}
	case "/early":
		r.writeErr = s.WriteHead(status, nil, true)
		return
	case "/wide": // a head that no frame holds
		var wide []exchange.Field
		for i := range 100 {
			wide = append(wide, exchange.Field{Name: fmt.Appendf(nil, "X-Field-%d", i), Value: []byte(strings.Repeat("{", 500))})
		}
		r.writeErr = s.WriteHead(status, wide, true)
		return
	case "/fail":
		code = http2.InternalError
		return
	}
	var buf [8 << 10]byte
	var body strings.Builder
	for {
		n, err := s.Read(buf[:])
		body.Write(buf[:n])
		if err != nil {
			if !errors.Is(err, io.EOF) {
				r.readErr = err
			}
			break
		}
	}
	r.body, r.trailers = body.String(), string(s.Trailers())
	if r.readErr != nil {
		return
	}
	out := []byte("ok")
	if n, err := strconv.Atoi(strings.TrimPrefix(r.path(), "/big?")); err == nil {
		out = make([]byte, n)
	}
	if r.writeErr = s.WriteHead(status, []exchange.Field{{Name: []byte("Content-Type"), Value: []byte("text/plain")}}, false); r.writeErr == nil {
		r.writeErr = s.Write(out, true)
	}
	r.answered = r.writeErr == nil
}

// wait returns the requests that are over, once there are n.
func (w *world) wait(n int) []*request {
	w.t.Helper()
	late := time.After(patience)
	for {
		w.mu.Lock()
		got := slices.Clone(w.requests)
		w.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-w.more:
		case <-late:
			w.t.Fatalf("%d requests are over, waited for %d", len(got), n)
		}
	}
}

func (w *world) told() []http2.Fault {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.faults)
}

// client is a connection whose frames are written and read by hand.
type client struct {
	t  testing.TB
	nc net.Conn
	// ends tell how streams ended: a status, or the name of a code.
	ends   map[uint32][]string
	status map[uint32]string
	bytes  map[uint32]int // of DATA
	away   []goAway
	acks   int // of SETTINGS
	pings  int // sent by flushed
	pongs  []string
	window map[uint32]int64 // opened by the server
	dec    *hpack.Decoder
	eof    bool
	// list is the last header list, continued how many CONTINUATION frames came.
	list      []hpack.HeaderField
	continued int
}

type goAway struct{ last, code uint32 }

func (w *world) dial() *client {
	w.t.Helper()
	nc, err := net.Dial("tcp", w.addr)
	if err != nil {
		w.t.Fatal(err)
	}
	_ = nc.SetDeadline(time.Now().Add(patience))
	w.t.Cleanup(func() { _ = nc.Close() })
	return &client{
		t: w.t, nc: nc, ends: map[uint32][]string{}, status: map[uint32]string{}, bytes: map[uint32]int{}, window: map[uint32]int64{},
		dec: hpack.NewDecoder(4096, nil),
	}
}

// open sends the preface with some settings and acknowledges the server's.
func (w *world) open(settings ...string) *client {
	w.t.Helper()
	c := w.dial()
	c.send(clientPreface, fr(fSettings, 0, 0, strings.Join(settings, "")), fr(fSettings, ack, 0, ""))
	return c
}

// send writes frames. That the other end has closed meanwhile is seen when reading.
func (c *client) send(parts ...string) { _, _ = io.WriteString(c.nc, strings.Join(parts, "")) }

// next reads a frame and notes what it says. It reports false at the connection's end.
func (c *client) next() bool {
	c.t.Helper()
	var h [9]byte
	if _, err := io.ReadFull(c.nc, h[:]); err != nil {
		if late := net.Error(nil); errors.As(err, &late) && late.Timeout() {
			c.t.Fatalf("nothing comes; so far: %s", c)
		}
		c.eof = true
		return false
	}
	n, kind, flags := int(h[0])<<16|int(h[1])<<8|int(h[2]), h[3], h[4]
	id := binary.BigEndian.Uint32(h[5:])
	if n > 16<<10 {
		c.t.Fatalf("a frame of %d bytes, and no SETTINGS allow it", n)
	}
	p := make([]byte, n)
	if _, err := io.ReadFull(c.nc, p); err != nil {
		c.eof = true
		return false
	}
	switch kind {
	case fHeaders:
		if flags&(padded|prioritized) != 0 {
			c.t.Fatalf("HEADERS with flags %x", flags)
		}
		for last := flags; last&endHeaders == 0; {
			more, at := c.continuation(id)
			p, last = append(p, more...), at
			c.continued++
		}
		all, err := c.dec.DecodeFull(p)
		if err != nil {
			c.t.Fatalf("what the server says does not decode: %v", err)
		}
		c.list = all
		for _, f := range all {
			if f.Name == ":status" {
				c.status[id] = f.Value
			}
		}
	case fData:
		c.bytes[id] += n
		if c.status[id] == "" {
			c.t.Fatal("DATA before HEADERS")
		}
	case fReset:
		c.ends[id] = append(c.ends[id], codeNames[binary.BigEndian.Uint32(p)])
	case fSettings:
		if flags&ack != 0 {
			c.acks++
		}
	case fPing:
		if flags&ack != 0 {
			c.pongs = append(c.pongs, string(p))
		}
	case fGoAway:
		c.away = append(c.away, goAway{binary.BigEndian.Uint32(p), binary.BigEndian.Uint32(p[4:])})
	case fWindow:
		c.window[id] += int64(binary.BigEndian.Uint32(p))
	default:
		c.t.Fatalf("the server sends a frame of type %d", kind)
	}
	if (kind == fHeaders || kind == fData) && flags&endStream != 0 {
		c.ends[id] = append(c.ends[id], c.status[id])
	}
	return true
}

// continuation reads what has to follow a header block that has not ended.
func (c *client) continuation(id uint32) (p []byte, flags byte) {
	c.t.Helper()
	var h [9]byte
	if _, err := io.ReadFull(c.nc, h[:]); err != nil {
		c.t.Fatalf("within a header block: %v", err)
	}
	n := int(h[0])<<16 | int(h[1])<<8 | int(h[2])
	if h[3] != fContinuation || binary.BigEndian.Uint32(h[5:]) != id || n > 16<<10 {
		c.t.Fatalf("a frame of type %d and %d octets within a header block", h[3], n)
	}
	p = make([]byte, n)
	if _, err := io.ReadFull(c.nc, p); err != nil {
		c.t.Fatalf("within a header block: %v", err)
	}
	return p, h[4]
}

// until reads until done says so, or the connection's end.
func (c *client) until(done func() bool) bool {
	c.t.Helper()
	for !done() {
		if !c.next() {
			return done()
		}
	}
	return true
}

func (c *client) ended(id uint32) func() bool { return func() bool { return len(c.ends[id]) > 0 } }

// flushed has the server say that it has read everything so far.
func (c *client) flushed() bool {
	c.t.Helper()
	c.pings++
	p := fmt.Sprintf("ping%04d", c.pings)
	c.send(fr(fPing, 0, 0, p))
	return c.until(func() bool { return slices.Contains(c.pongs, p) || len(c.away) > 0 }) && len(c.away) == 0
}

// honest has one more request answered.
func (c *client) honest(id uint32) bool {
	c.t.Helper()
	c.send(get(id, "/honest"))
	return c.until(c.ended(id)) && slices.Equal(c.ends[id], []string{"200"})
}

// String is what the server did: how streams ended, or how the connection did.
func (c *client) String() string {
	if len(c.away) > 0 {
		return "goaway " + codeNames[c.away[len(c.away)-1].code]
	}
	var out []string
	for id, ends := range c.ends {
		if id != highest {
			out = append(out, fmt.Sprintf("%d %s", id, strings.Join(ends, "+")))
		}
	}
	slices.Sort(out)
	if c.eof {
		out = append(out, "closed")
	}
	return strings.Join(out, ", ")
}
