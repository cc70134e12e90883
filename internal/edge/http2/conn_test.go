package http2

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"merlon/internal/model/exchange"
)

// far is a client that writes frames by hand.
type far struct {
	t testing.TB
	net.Conn
}

func (f far) send(parts ...string) {
	f.t.Helper()
	if _, err := io.WriteString(f, strings.Join(parts, "")); err != nil {
		f.t.Fatal(err)
	}
}

// next reads a frame.
func (f far) next() (frame, []byte, error) {
	var head [frameHead]byte
	_ = f.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.ReadFull(f, head[:]); err != nil {
		return frame{}, nil, err
	}
	one := parseFrame(head[:])
	payload := make([]byte, one.length)
	_, err := io.ReadFull(f, payload)
	return one, payload, err
}

// await reads until a frame is what is wanted, and returns its payload.
func (f far) await(what string, is func(frame, []byte) bool) []byte {
	f.t.Helper()
	for {
		one, payload, err := f.next()
		if err != nil {
			f.t.Fatalf("waiting for %s: %v", what, err)
		}
		if is(one, payload) {
			return payload
		}
	}
}

func of(kind byte, stream uint32) func(frame, []byte) bool {
	return func(f frame, _ []byte) bool { return f.kind == kind && f.stream == stream }
}

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// TestOneByteWindows: what goes through a window of a byte comes out whole.
func TestOneByteWindows(t *testing.T) {
	s := &site{t: t}
	nc, over := s.serve(options(nil))
	c := far{t, nc}
	body := strings.Repeat("0123456789", 20)
	s.answer = func(st *Stream, one *seen) {
		one.read(st)
		_ = st.WriteHead(200, nil, false)
		_ = st.Write([]byte(body), false)
		_ = st.WriteTrailers([]exchange.Field{{Name: []byte("X-Sum"), Value: []byte("1")}})
		st.Finish(NoError)
	}
	c.send(preface, raw(frameSettings, 0, 0, "\x00\x04\x00\x00\x00\x01"), raw(frameHeaders, wholeGet, 1, get("/")))
	var got bytes.Buffer
	c.await("the end", func(f frame, b []byte) bool {
		if f.kind == frameData {
			if len(b) > 1 {
				t.Fatalf("%d bytes through a window of one", len(b))
			}
			got.Write(b)
			c.send(raw(frameWindow, 0, 1, "\x00\x00\x00\x01"))
		}
		return f.kind == frameHeaders && f.has(flagEndStream)
	})
	_ = nc.Close()
	over()
	if got.String() != body {
		t.Errorf("%q", got.String())
	}
}

// TestWindowsShrink: a window that SETTINGS make negative stays shut until it is positive again.
func TestWindowsShrink(t *testing.T) {
	s := &site{t: t}
	nc, over := s.serve(options(nil))
	c := far{t, nc}
	s.answer = func(st *Stream, _ *seen) {
		_ = st.WriteHead(200, nil, false)
		_ = st.Write(make([]byte, 30), true)
		st.Finish(NoError)
	}
	window := func(n byte) string { return raw(frameSettings, 0, 0, "\x00\x04\x00\x00\x00"+string([]byte{n})) }
	c.send(preface, window(20), raw(frameHeaders, wholeGet, 1, get("/")))
	if b := c.await("data", of(frameData, 1)); len(b) != 20 {
		t.Fatalf("%d bytes", len(b))
	}
	c.send(window(5), raw(frameWindow, 0, 1, "\x00\x00\x00\x0f"), raw(framePing, 0, 0, "12345678")) // 20-20-15+15: shut
	c.await("a pong", func(f frame, _ []byte) bool {
		if f.kind == frameData {
			t.Fatal("data through a window that is shut")
		}
		return f.kind == framePing && f.has(flagAck)
	})
	c.send(window(15))
	if b := c.await("data", of(frameData, 1)); len(b) != 10 {
		t.Fatalf("%d bytes", len(b))
	}
	_ = nc.Close()
	over()
}

// goClient is net/http's client on one connection.
func goClient(nc net.Conn) *http.Transport {
	var p http.Protocols
	p.SetUnencryptedHTTP2(true)
	return &http.Transport{Protocols: &p, DisableCompression: true, Dial: func(string, string) (net.Conn, error) { return nc, nil }} //nolint:staticcheck // one connection
}

// TestGoClient: Go's own client gets large bodies there and back over many streams at once, with trailers both ways.
func TestGoClient(t *testing.T) {
	s := &site{t: t}
	nc, over := s.serve(options(nil))
	s.answer = func(st *Stream, one *seen) { // echoes as it comes
		_ = st.WriteHead(200, []exchange.Field{{Name: []byte("Trailer"), Value: []byte("X-Sum")}}, false)
		buf := make([]byte, 10_000)
		for {
			n, err := st.Read(buf)
			if werr := st.Write(buf[:n], false); werr != nil {
				t.Error(werr)
			}
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Error(err)
				break
			}
		}
		_ = st.WriteTrailers([]exchange.Field{{Name: []byte("X-Sum"), Value: []byte(strings.TrimSpace(strings.TrimPrefix(string(st.Trailers()), "x-sum: ")))}})
		st.Finish(NoError)
	}
	client := goClient(nc)
	ask := func(i int) {
		body := bytes.Repeat([]byte{byte(i)}, 300_000)
		req, _ := http.NewRequest("POST", "http://a.example/", io.MultiReader(bytes.NewReader(body)))
		req.Trailer = http.Header{"X-Sum": {fmt.Sprint(i)}}
		res, err := client.RoundTrip(req)
		if err != nil {
			t.Error(err)
			return
		}
		defer res.Body.Close()
		got, err := io.ReadAll(res.Body)
		if err != nil || !bytes.Equal(got, body) || res.Trailer.Get("X-Sum") != fmt.Sprint(i) {
			t.Errorf("%d: %d bytes, %v, %v", i, len(got), res.Trailer, err)
		}
	}
	ask(0) // the connection is there: the client does not ask for another
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() { ask(i) })
	}
	all.Wait()
	client.CloseIdleConnections()
	over()
	if s.fault != nil {
		t.Error(s.fault)
	}
}

// TestNobodyWaitsForEver: a client that sends without reading and a server that answers without being read still both go on:
// reading never waits for writing.
func TestNobodyWaitsForEver(t *testing.T) {
	s := &site{t: t}
	nc, over := s.serve(options(func(o *Options) { o.Limits.Floods.Unknown = Rate{1 << 30, 1} }))
	c := far{t, nc}
	s.answer = func(st *Stream, one *seen) {
		_ = st.WriteHead(200, nil, false)
		for range 1000 {
			if st.Write(make([]byte, 16<<10), false) != nil {
				break
			}
		}
		_ = st.Write(nil, true)
		one.read(st)
		st.Finish(NoError)
	}
	c.send(preface, raw(frameSettings, 0, 0, "\x00\x04\x7f\xff\xff\xff"), raw(frameWindow, 0, 0, "\x7f\x00\x00\x00"), raw(frameHeaders, flagEndHeaders, 1, post()))
	// 16 MB wait for us; meanwhile we send more than sockets hold, and read nothing.
	for range 2000 {
		c.send(raw(0x77, 0, 0, strings.Repeat("x", 16<<10)))
	}
	c.send(raw(frameData, flagEndStream, 1, "x"))
	n := 0
	c.await("the end", func(f frame, b []byte) bool {
		if f.kind == frameData {
			n += len(b)
		}
		return f.kind == frameData && f.has(flagEndStream)
	})
	_ = nc.Close()
	over()
	if n != 1000*16<<10 || s.all[0].body != "x" {
		t.Errorf("%d bytes, body %q", n, s.all[0].body)
	}
}

// TestUnread: a client that asks for answers and does not read them is let go before they take much memory.
func TestUnread(t *testing.T) {
	s := &site{t: t}
	nc, over := s.serve(options(func(o *Options) { o.Limits.Floods.Ping = Rate{1 << 30, 1} }))
	ping := strings.Repeat(raw(framePing, 0, 0, "12345678"), 1000)
	_, _ = io.WriteString(nc, start)
	for {
		if _, err := io.WriteString(nc, ping); err != nil {
			break
		}
	}
	_ = nc.Close()
	over()
	if s.fault == nil || s.fault.Flood == "" {
		t.Errorf("%v", s.fault)
	}
}

// TestDrain: requests that are on their way when draining begins are served, what comes after the second GOAWAY is not, and the
// connection ends when all is done.
func TestDrain(t *testing.T) {
	s := &site{t: t}
	nc, over := s.serve(options(nil))
	c := far{t, nc}
	release := make(chan struct{})
	s.answer = func(st *Stream, _ *seen) {
		<-release
		s.ok(st)
	}
	c.send(start, raw(frameHeaders, wholeGet, 1, get("/")), raw(framePing, 0, 0, "12345678"))
	c.await("a pong", func(f frame, _ []byte) bool { return f.kind == framePing && f.has(flagAck) })
	s.conn.Drain()
	if b := c.await("GOAWAY", of(frameGoAway, 0)); binary.BigEndian.Uint32(b) != maxStreamID || b[7] != 0 {
		t.Fatalf("%x", b)
	}
	ping := c.await("a ping", of(framePing, 0))
	c.send(raw(frameHeaders, wholeGet, 3, get("/")), raw(framePing, flagAck, 0, string(ping)))
	if b := c.await("the second GOAWAY", of(frameGoAway, 0)); binary.BigEndian.Uint32(b) != 3 || b[7] != 0 {
		t.Fatalf("%x", b)
	}
	c.send(raw(frameHeaders, flagEndHeaders, 5, post()), raw(frameData, flagEndStream, 5, "abc"), raw(frameReset, 0, 7, "\x00\x00\x00\x08"))
	close(release)
	answered := map[uint32]bool{}
	for {
		f, _, err := c.next()
		if err != nil {
			break
		}
		if f.kind == frameData && f.has(flagEndStream) {
			answered[f.stream] = true
		}
		if f.kind == frameGoAway {
			_ = nc.(*net.TCPConn).CloseWrite()
		}
	}
	over()
	if len(answered) != 2 || !answered[1] || !answered[3] || len(s.all) != 2 || s.fault != nil {
		t.Errorf("answered %v of %d, %v", answered, len(s.all), s.fault)
	}
}

// TestTimeouts: who says nothing, says half a head, or is done with asking, is let go.
func TestTimeouts(t *testing.T) {
	for _, c := range []struct {
		name string
		says string
		away bool
	}{
		{"nothing", "", true},
		{"half a preface", preface[:9], true},
		{"half a head", start + raw(frameHeaders, 0, 1, get("/")) + raw(frameContinuation, 0, 1, ""), true},
		{"half a frame", start + raw(frameHeaders, wholeGet, 1, get("/"))[:20], true},
		{"a request, and then nothing", start + raw(frameHeaders, wholeGet, 1, get("/")), true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := &site{t: t}
			nc, over := s.serve(options(func(o *Options) { o.Head, o.Idle = 50*time.Millisecond, 100*time.Millisecond }))
			f := far{t, nc}
			f.send(c.says)
			f.await("GOAWAY", func(one frame, b []byte) bool { return one.kind == frameGoAway && b[7] == 0 })
			_ = nc.Close()
			over()
		})
	}
}

// TestBusyIsNotIdle: a request under way keeps its connection.
func TestBusyIsNotIdle(t *testing.T) {
	s := &site{t: t}
	nc, over := s.serve(options(func(o *Options) { o.Head, o.Idle = 20*time.Millisecond, 20*time.Millisecond }))
	s.answer = func(st *Stream, one *seen) {
		tick := time.NewTimer(200 * time.Millisecond)
		<-tick.C
		s.ok(st)
	}
	c := far{t, nc}
	c.send(start, raw(frameHeaders, wholeGet, 1, get("/")))
	c.await("the answer", func(f frame, _ []byte) bool {
		if f.kind == frameGoAway {
			t.Fatal("GOAWAY in the middle of a request")
		}
		return f.kind == frameData && f.has(flagEndStream)
	})
	_ = nc.Close()
	over()
}

// TestTooMany: streams beyond the limit are refused and may be asked for again; whoever was told of the limit is at fault.
func TestTooMany(t *testing.T) {
	s := &site{t: t}
	nc, over := s.serve(options(func(o *Options) { o.Limits.Streams = 2 }))
	release := make(chan struct{})
	s.answer = func(st *Stream, _ *seen) {
		<-release
		s.ok(st)
	}
	c := far{t, nc}
	refused := func(f frame, b []byte) bool { return f.kind == frameReset && b[3] == byte(RefusedStream) }
	c.send(start, raw(frameHeaders, wholeGet, 1, get("/")), raw(frameHeaders, wholeGet, 3, get("/")), raw(frameHeaders, wholeGet, 5, get("/")))
	c.await("the first refusal", refused)
	c.send(raw(frameSettings, flagAck, 0, ""), raw(frameHeaders, wholeGet, 7, get("/")))
	c.await("the second refusal", refused)
	close(release)
	_ = nc.Close()
	over()
	var excess []bool
	for _, one := range s.all {
		excess = append(excess, one.refused && one.excess)
	}
	if !slices.Equal(excess, []bool{false, false, false, true}) || !s.all[2].refused {
		t.Errorf("%v", excess)
	}
}

// TestRefuse: the handler may refuse for now.
func TestRefuse(t *testing.T) {
	s := &site{t: t, refuse: func(n int) bool { return n >= 0 }}
	nc, over := s.serve(options(nil))
	c := far{t, nc}
	c.send(start, raw(frameHeaders, wholeGet, 1, get("/")))
	c.await("the refusal", func(f frame, b []byte) bool {
		return f.kind == frameReset && f.stream == 1 && b[3] == byte(RefusedStream)
	})
	_ = nc.Close()
	over()
}

// TestPanic: a panic of the reading goroutine ends its connection, with every request of it, and no more.
func TestPanic(t *testing.T) {
	told := make(chan any, 1)
	s := &site{t: t, refuse: func(n int) bool {
		if n == 1 {
			panic("on purpose")
		}
		return false
	}}
	nc, over := s.serve(options(func(o *Options) { o.Panicked = func(v any, _ []byte) { told <- v } }))
	s.answer = func(st *Stream, one *seen) {
		one.read(st)
		st.Finish(NoError)
	}
	c := far{t, nc}
	c.send(start, raw(frameHeaders, flagEndHeaders, 1, post()), raw(frameHeaders, wholeGet, 3, get("/")))
	over()
	if v := <-told; v != "on purpose" || !s.all[0].failed {
		t.Errorf("%v", v)
	}
}

// TestEarlyAnswer: an answer that comes before the request has ended is followed by RST_STREAM(NO_ERROR), and what the client
// has sent meanwhile is let pass, and opens the connection's window again.
func TestEarlyAnswer(t *testing.T) {
	s := &site{t: t}
	nc, over := s.serve(options(nil))
	s.answer = func(st *Stream, _ *seen) { s.ok(st) }
	c := far{t, nc}
	c.send(start, raw(frameHeaders, flagEndHeaders, 1, post()))
	if b := c.await("RST_STREAM", of(frameReset, 1)); b[3] != byte(NoError) {
		t.Fatalf("%x", b)
	}
	c.send(raw(frameData, 0, 1, strings.Repeat("x", 1000)), raw(frameHeaders, wholeGet, 1, literals("x", "y")), raw(frameWindow, 0, 1, "\x00\x00\x00\x01"))
	for range 20 {
		c.send(raw(frameData, 0, 1, strings.Repeat("x", 16<<10)))
	}
	c.await("WINDOW_UPDATE", of(frameWindow, 0))
	c.send(raw(frameHeaders, wholeGet, 3, get("/")))
	c.await("the next answer", func(f frame, _ []byte) bool {
		if f.kind == frameReset || f.kind == frameGoAway {
			t.Fatal("what was on its way is held against the client")
		}
		return f.kind == frameData && f.stream == 3
	})
	_ = nc.Close()
	over()
	if s.fault != nil {
		t.Error(s.fault)
	}
}

// TestWindowUpdates: a client that opens its window as it reads may download without end, at any speed.
func TestWindowUpdates(t *testing.T) {
	for _, c := range []struct {
		name        string
		data, every int // bytes of a DATA frame, and for how many of them the client opens the window
		flood       bool
	}{
		{"Go's client, 4 KiB", 16 << 10, 4 << 10, false},
		{"every KiB", 8 << 10, 1 << 10, false},
		{"crumbs", 1, 1, true},
		{"many for little", 1 << 10, 16, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			server := options(func(o *Options) { o.Now = func() time.Time { return time.Unix(1, 0) } }) // the clock stands: as fast as can be
			one := server.Open(&scripted{}, nil, &site{t: t})
			one.highest = 1
			update := binary.BigEndian.AppendUint32(nil, uint32(c.every))
			var err error
			for sent := 0; sent < 300<<20 && err == nil; sent += max(c.data, 1<<10) {
				one.sent.Add(int64(c.data))
				for range c.data / c.every {
					if err = one.window(frame{length: 4, kind: frameWindow, stream: 1}, update); err != nil {
						break
					}
				}
			}
			if (err != nil) != c.flood {
				t.Errorf("flood: %v", err)
			}
		})
	}
}

// TestLargeAnswerHead: a field section larger than a frame goes out in pieces and comes back whole.
func TestLargeAnswerHead(t *testing.T) {
	s := &site{t: t}
	nc, over := s.serve(options(nil))
	large := strings.Repeat("0123456789abcdef", 3000)
	s.answer = func(st *Stream, _ *seen) {
		_ = st.WriteHead(200, []exchange.Field{{Name: []byte("X-Large"), Value: []byte(large)}, {Name: []byte("X-Small"), Value: []byte("1")}}, true)
		st.Finish(NoError)
	}
	client := goClient(nc)
	req, _ := http.NewRequest("GET", "http://a.example/", nil)
	res, err := client.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.Header.Get("X-Large") != large || res.Header.Get("X-Small") != "1" {
		t.Errorf("%d bytes", len(res.Header.Get("X-Large")))
	}
	client.CloseIdleConnections()
	over()
}
