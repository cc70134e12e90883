package http2

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2/hpack"

	"merlon/internal/edge/http1"
	"merlon/internal/model/exchange"
)

// seen is a request as it came out of a connection.
type seen struct {
	head, body, trailers                 string
	malformed, tooLarge, refused, excess bool
	failed                               bool // its body
}

// site serves a connection: it reads each request and answers as answer says, or "ok".
type site struct {
	t       testing.TB
	conn    *Conn
	answer  func(*Stream, *seen)
	refuse  func(int) bool
	running sync.WaitGroup

	mu    sync.Mutex
	all   []*seen
	fault *Fault
}

func (s *site) Refuse(n int) bool { return s.refuse != nil && s.refuse(n) }

func (s *site) Fault(f Fault) {
	s.mu.Lock()
	s.fault = &f
	s.mu.Unlock()
}

func (s *site) Request(st *Stream) {
	one := &seen{head: string(st.Head), malformed: st.Malformed, tooLarge: st.TooLarge, refused: st.Refused, excess: st.Excess}
	s.mu.Lock()
	s.all = append(s.all, one)
	s.mu.Unlock()
	var h http1.RequestHead
	limits := http1.DefaultLimits()
	n, err := h.Parse(st.Head, &limits)
	if err == nil && !st.Malformed && !st.TooLarge && (n != len(st.Head) || len(h.Method) != st.Method || len(h.Target) != st.Target) {
		s.t.Errorf("a head that is more than it says: %q", st.Head)
	}
	s.running.Add(1)
	go func() {
		defer s.running.Done()
		if st.Malformed || st.Refused {
			st.Finish(NoError)
			return
		}
		if s.answer != nil {
			s.answer(st, one)
			return
		}
		one.read(st)
		s.ok(st)
	}()
}

// read reads the whole body.
func (one *seen) read(st *Stream) {
	var body bytes.Buffer
	_, err := io.Copy(&body, reader{st})
	one.body, one.trailers, one.failed = body.String(), string(st.Trailers()), err != nil
}

type reader struct{ *Stream }

func (s *site) ok(st *Stream) {
	_ = st.WriteHead(200, []exchange.Field{{Name: []byte("Content-Type"), Value: []byte("text/plain")}}, false)
	_ = st.Write([]byte("ok"), true)
	st.Finish(NoError)
}

// options are limits for tests.
func options(change func(*Options)) *Server {
	o := Options{Now: time.Now, Go: func(f func()) { go f() }}
	if change != nil {
		change(&o)
	}
	return NewServer(o)
}

// serve begins a connection over TCP and returns the client's end, and a function that waits for the server's.
func (s *site) serve(server *Server) (client net.Conn, over func()) {
	s.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	defer l.Close()
	if client, err = net.Dial("tcp", l.Addr().String()); err != nil {
		s.t.Fatal(err)
	}
	nc, err := l.Accept()
	if err != nil {
		s.t.Fatal(err)
	}
	s.conn = server.Open(nc, nil, s)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.conn.Serve()
		s.running.Wait()
	}()
	return client, func() {
		s.t.Helper()
		select {
		case <-done:
		case <-time.After(20 * time.Second):
			s.t.Fatal("the connection does not end")
		}
	}
}

// scripted is a connection whose client says what is in, in pieces, and then ends. What is written is kept, up to a bound.
type scripted struct {
	in      []byte
	step    int
	mu      sync.Mutex
	out     bytes.Buffer
	written int
}

func (c *scripted) Read(p []byte) (int, error) {
	if len(c.in) == 0 {
		return 0, io.EOF
	}
	n := len(c.in)
	if c.step > 0 {
		n = min(n, c.step)
	}
	n = copy(p, c.in[:n])
	c.in = c.in[n:]
	return n, nil
}

func (c *scripted) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.written += len(p)
	return c.out.Write(p)
}

func (c *scripted) Close() error                     { return nil }
func (c *scripted) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *scripted) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *scripted) SetDeadline(time.Time) error      { return nil }
func (c *scripted) SetReadDeadline(time.Time) error  { return nil }
func (c *scripted) SetWriteDeadline(time.Time) error { return nil }

// play has a connection read in, step bytes at a time, 0 for all.
func play(t testing.TB, server *Server, in []byte, step int) (*site, *scripted) {
	s := &site{t: t}
	nc := &scripted{in: in, step: step}
	s.conn = server.Open(nc, nil, s)
	s.conn.Serve()
	s.running.Wait()
	return s, nc
}

// block is a header block: pairs of name and value.
func block(pairs ...string) string {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for i := 0; i < len(pairs); i += 2 {
		_ = e.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	return b.String()
}

// literals is a header block without any coding or memory, so that several blocks stand beside each other.
func literals(pairs ...string) string {
	var b strings.Builder
	for i := 0; i < len(pairs); i += 2 {
		b.WriteByte(0)
		for _, s := range pairs[i : i+2] {
			if len(s) > 126 {
				panic("too long for this")
			}
			b.WriteByte(byte(len(s)))
			b.WriteString(s)
		}
	}
	return b.String()
}

func get(path string, more ...string) string {
	return literals(append([]string{":method", "GET", ":scheme", "http", ":authority", "api.example", ":path", path}, more...)...)
}

func post(more ...string) string {
	return literals(append([]string{":method", "POST", ":scheme", "http", ":authority", "api.example", ":path", "/"}, more...)...)
}

func raw(kind, flags byte, stream uint32, payload string) string {
	return string(append(appendFrame(nil, len(payload), kind, flags, stream), payload...))
}

const (
	start    = preface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00"
	wholeGet = flagEndHeaders | flagEndStream
)
