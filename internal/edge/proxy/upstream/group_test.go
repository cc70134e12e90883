package upstream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"net"
	"net/http"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// clock is the real one, set forward by the test.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time           { return time.Now().Add(time.Duration(c.ahead.Load())) }
func (c *clock) forward(by time.Duration) { c.ahead.Add(int64(by)) }

// lines is a log.
type lines struct {
	mu   sync.Mutex
	text []string
}

func (l *lines) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.text = append(l.text, string(b))
	return len(b), nil
}

func (l *lines) count(part string) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.text {
		if strings.Contains(s, part) {
			n++
		}
	}
	return n
}

// plain serves each connection of an address with handle, and can die and return. It counts the requests.
type plain struct {
	t       *testing.T
	address string
	handle  func(c net.Conn, r *http.Request) (keep bool)
	hits    atomic.Int32
	mu      sync.Mutex
	l       net.Listener
	conns   []net.Conn
}

func newPlain(t *testing.T, handle func(net.Conn, *http.Request) bool) *plain {
	t.Helper()
	p := &plain{t: t, address: "127.0.0.1:0", handle: handle}
	p.start()
	t.Cleanup(p.stop)
	return p
}

func (p *plain) start() {
	p.t.Helper()
	l, err := net.Listen("tcp", p.address)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	p.l, p.address = l, l.Addr().String()
	p.mu.Unlock()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			p.mu.Lock()
			p.conns = append(p.conns, c)
			p.mu.Unlock()
			go func() {
				defer c.Close()
				br := bufio.NewReader(c)
				for {
					r, err := http.ReadRequest(br)
					if err != nil {
						return
					}
					_, _ = io.Copy(io.Discard, r.Body)
					p.hits.Add(1)
					if !p.handle(c, r) {
						return
					}
				}
			}()
		}
	}()
}

func (p *plain) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = p.l.Close()
	for _, c := range p.conns {
		_ = c.Close()
	}
	p.conns = nil
}

func (p *plain) target() Target {
	p.t.Helper()
	t, err := ParseTarget("http://" + p.address)
	if err != nil {
		p.t.Fatal(err)
	}
	return t
}

func ok(c net.Conn, _ *http.Request) bool {
	_, err := io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	return err == nil
}

func hangUp(net.Conn, *http.Request) bool { return false }

// TestServerDiesAndReturns: its requests go to the other, it is left alone, asked again after a while, and the log says so once.
func TestServerDiesAndReturns(t *testing.T) {
	a, b := newPlain(t, ok), newPlain(t, ok)
	var c clock
	var log lines
	g := newGroup(t, func(o *Options) { o.Now, o.Log = c.now, slog.New(slog.NewTextHandler(&log, nil)) }, a.target(), b.target())
	post := func(n int) {
		t.Helper()
		for range n {
			if got, err := ask(t, g, &Request{Head: head(t, "POST / HTTP/1.1\nHost: a\nContent-Length: 1"), Body: []byte("x")}); err != nil || got.status != 200 {
				t.Fatalf("%v %+v", err, got)
			}
		}
	}
	post(50)
	if a.hits.Load() == 0 || b.hits.Load() == 0 {
		t.Fatalf("%d and %d requests", a.hits.Load(), b.hits.Load())
	}
	dead := (*g.servers.Load())[0]
	a.stop()
	post(100) // whatever cannot be sent goes to b
	if dead.healthy() || log.count("does not answer") != 1 {
		t.Errorf("a dead server is healthy, or the log says %q", log.text)
	}
	before := b.hits.Load()
	post(20)
	if b.hits.Load()-before != 20 {
		t.Error("a server that is out was given requests")
	}
	// Still dead when its time is over: out for longer.
	c.forward(ejectFirst)
	post(10)
	if out := time.Duration(dead.until.Load() - dead.outAt); out != 2*ejectFirst {
		t.Errorf("out for %v the second time", out)
	}
	a.start()
	c.forward(2 * ejectFirst)
	before = a.hits.Load()
	post(50)
	if !dead.healthy() || a.hits.Load() == before || log.count("answers again") != 1 || log.count("does not answer") != 1 {
		t.Errorf("healthy %v, %d requests, log %q", dead.healthy(), a.hits.Load()-before, log.text)
	}
}

// TestAllDown: the only servers there are are asked, however bad.
func TestAllDown(t *testing.T) {
	a, b := newPlain(t, ok), newPlain(t, ok)
	g := newGroup(t, nil, a.target(), b.target())
	a.stop()
	b.stop()
	for range 20 {
		if _, err := ask(t, g, &Request{Head: head(t, "GET / HTTP/1.1\nHost: a")}); Status(err) != 502 {
			t.Fatal(err)
		}
	}
	b.start()
	for range 20 {
		_, _ = ask(t, g, &Request{Head: head(t, "GET / HTTP/1.1\nHost: a")})
	}
	if b.hits.Load() == 0 {
		t.Error("the server that is back was never asked")
	}
	if _, err := ask(t, newGroup(t, nil), &Request{Head: head(t, "GET / HTTP/1.1\nHost: a")}); !errors.Is(err, ErrNone) || Status(err) != 503 {
		t.Errorf("without any server: %v", err)
	}
}

// TestWhatIsSentAgain: only what may be asked twice, is all here, and was not begun to be answered.
func TestWhatIsSentAgain(t *testing.T) {
	half := func(c net.Conn, _ *http.Request) bool {
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Le")
		return false
	}
	for _, tc := range []struct {
		name   string
		bad    func(net.Conn, *http.Request) bool
		method string
		rest   bool
		total  int32
	}{
		{"GET, no answer", hangUp, "GET", false, 2},
		{"PUT, no answer", hangUp, "PUT", false, 2},
		{"POST, no answer", hangUp, "POST", false, 1},
		{"PUT that streams, no answer", hangUp, "PUT", true, 1},
		{"GET, half a head", half, "GET", false, 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, b := newPlain(t, tc.bad), newPlain(t, tc.bad)
			g := newGroup(t, nil, a.target(), b.target())
			r := &Request{Head: head(t, tc.method+" / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked")}
			if tc.rest {
				p := newPieces()
				close(p.c)
				r.Rest = p
			}
			if _, err := ask(t, g, r); Status(err) != 502 {
				t.Error(err)
			}
			if n := a.hits.Load() + b.hits.Load(); n != tc.total {
				t.Errorf("%d requests, want %d", n, tc.total)
			}
		})
	}
}

// TestRetriesHaveABudget: when nothing works, a fifth more is sent, not twice as much.
func TestRetriesHaveABudget(t *testing.T) {
	a, b := newPlain(t, hangUp), newPlain(t, hangUp)
	g := newGroup(t, nil, a.target(), b.target())
	const n = 200
	for range n {
		_, _ = ask(t, g, &Request{Head: head(t, "GET / HTTP/1.1\nHost: a")})
	}
	if got, want := a.hits.Load()+b.hits.Load(), int32(n+n/5+10); got != want {
		t.Errorf("%d requests were sent for %d, want %d", got, n, want)
	}
}

// TestBusyServers: a server gets no more than it may have; some wait, the others are told to come back.
func TestBusyServers(t *testing.T) {
	arrived, release := make(chan struct{}, 10), make(chan struct{})
	p := newPlain(t, func(c net.Conn, r *http.Request) bool {
		arrived <- struct{}{}
		<-release
		return ok(c, r)
	})
	target := p.target()
	target.MaxConnections = 2
	g := newGroup(t, func(o *Options) { o.MaxWaiting, o.Wait = 3, patience }, target)
	results := make(chan error, 10)
	for range 5 {
		go func() {
			_, err := ask(t, g, &Request{Head: head(t, "GET / HTTP/1.1\nHost: a")})
			results <- err
		}()
	}
	<-arrived
	<-arrived
	for g.waiting.Load() < 3 {
		runtime.Gosched() // until all have come to wait
	}
	if _, err := ask(t, g, &Request{Head: head(t, "GET / HTTP/1.1\nHost: a")}); !errors.Is(err, ErrBusy) || Status(err) != 503 {
		t.Errorf("one more: %v", err)
	}
	if n := (*g.servers.Load())[0].inUse.Load(); n != 2 {
		t.Errorf("%d in use", n)
	}
	close(release)
	for range 5 {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
	if p.hits.Load() != 5 {
		t.Errorf("%d requests", p.hits.Load())
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.conns) > 2 {
		t.Errorf("%d connections", len(p.conns))
	}
}

func TestWaitingEnds(t *testing.T) {
	p := newPlain(t, func(_ net.Conn, r *http.Request) bool { <-r.Context().Done(); return false })
	target := p.target()
	target.MaxConnections = 1
	g := newGroup(t, func(o *Options) { o.Wait = time.Millisecond }, target)
	s := (*g.servers.Load())[0]
	if !s.enter() || s.enter() {
		t.Fatal("room for one")
	}
	if _, err := ask(t, g, &Request{Head: head(t, "GET / HTTP/1.1\nHost: a")}); !errors.Is(err, ErrBusy) {
		t.Error(err)
	}
	if s.inUse.Load() != 1 || g.waiting.Load() != 0 {
		t.Errorf("%d in use, %d waiting", s.inUse.Load(), g.waiting.Load())
	}
}

// still is a group of n servers that nobody connects to.
func still(t *testing.T, hash bool, weights ...int) *Group {
	t.Helper()
	targets := make([]Target, len(weights))
	for i, w := range weights {
		targets[i] = Target{Network: "tcp", Address: fmt.Sprintf("192.0.2.%d:80", i+1), Weight: w}
	}
	return newGroup(t, func(o *Options) { o.Hash = hash }, targets...)
}

// TestLeastRequests: by weight, when idle and when loaded, with few servers and with many.
func TestLeastRequests(t *testing.T) {
	for _, weights := range [][]int{{1, 1}, {1, 3}, {1, 2, 5}, {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}} {
		g := still(t, false, weights...)
		list := *g.servers.Load()
		total := 0
		for _, w := range weights {
			total += w
		}
		const n = 12_000
		idle := make(map[*Server]int)
		for range n {
			s, err := g.pick(0, new(set))
			if err != nil {
				t.Fatal(err)
			}
			idle[s]++
			s.release()
		}
		for range n / 100 {
			if _, err := g.pick(0, new(set)); err != nil {
				t.Fatal(err)
			}
		}
		for i, s := range list {
			want := float64(n*weights[i]) / float64(total)
			if math.Abs(float64(idle[s])-want) > 6*math.Sqrt(want) {
				t.Errorf("weights %v: server %d had %d requests when idle, want about %.0f", weights, i, idle[s], want)
			}
			if got, want := float64(s.inUse.Load()), want/100; math.Abs(got-want) > 2+want/4 {
				t.Errorf("weights %v: server %d has %.0f under way, want about %.0f", weights, i, got, want)
			}
		}
	}
}

// TestHashIsStable: when a server leaves, only its own keys move; weights are shares.
func TestHashIsStable(t *testing.T) {
	weights := []int{1, 1, 2, 4}
	g := still(t, true, weights...)
	const n = 8000
	at := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}) }
	home := make([]*Server, n)
	shares := make(map[*Server]int)
	for i := range n {
		home[i], _ = g.pick(AddrKey(at(i)), new(set))
		shares[home[i]]++
		home[i].release()
	}
	list := *g.servers.Load()
	for i, s := range list {
		if want := float64(n * weights[i] / 8); math.Abs(float64(shares[s])-want) > 6*math.Sqrt(want) {
			t.Errorf("server %d has %d keys, want about %.0f", i, shares[s], want)
		}
	}
	gone := list[2]
	gone.down.Store(true)
	moved := make(map[*Server]int)
	for i := range n {
		s, _ := g.pick(AddrKey(at(i)), new(set))
		s.release()
		switch {
		case home[i] == gone && s != gone:
			moved[s]++
		case s != home[i]:
			t.Fatalf("a key of another server moved")
		}
	}
	if len(moved) != 3 {
		t.Errorf("the keys moved to %d servers", len(moved))
	}
	gone.down.Store(false)
	for i := range n {
		if s, _ := g.pick(AddrKey(at(i)), new(set)); s != home[i] {
			t.Fatal("a key did not come back")
		}
	}
}

// tickFor is Options.Tick with one ticker of the test's; the others never tick.
func tickFor(every time.Duration, ticks chan time.Time) func(time.Duration) (<-chan time.Time, func()) {
	return func(d time.Duration) (<-chan time.Time, func()) {
		if d == every {
			return ticks, func() {}
		}
		return nil, func() {}
	}
}

// TestIdleConnectionsAreClosed: those that nobody has needed for a while, and only those.
func TestIdleConnectionsAreClosed(t *testing.T) {
	arrived, release := make(chan struct{}, 2), make(chan struct{})
	p := newPlain(t, func(c net.Conn, r *http.Request) bool {
		if r.URL.Path == "/wait" {
			arrived <- struct{}{}
			<-release
		}
		return ok(c, r)
	})
	var c clock
	ticks := make(chan time.Time)
	g := newGroup(t, func(o *Options) { o.Now, o.Tick = c.now, tickFor(sweepEvery, ticks) }, p.target())
	ran := make(chan struct{})
	go func() { defer close(ran); g.Run(t.Context()) }()
	done := make(chan error, 2)
	for range 2 { // two connections
		go func() {
			_, err := ask(t, g, &Request{Head: head(t, "GET /wait HTTP/1.1\nHost: a")})
			done <- err
		}()
		<-arrived
	}
	if s := g.Servers()[0]; s.InUse != 2 || s.Idle != 0 || !s.Healthy {
		t.Errorf("%+v", s)
	}
	close(release)
	for range 2 {
		if err := <-done; err != nil {
			t.Fatal(err)
		}
	}
	c.forward(idleHTTP1)
	if _, err := ask(t, g, &Request{Head: head(t, "GET / HTTP/1.1\nHost: a")}); err != nil { // one is used again
		t.Fatal(err)
	}
	if s := g.Servers()[0]; s.InUse != 0 || s.Idle != 2 {
		t.Errorf("before: %+v", s)
	}
	ticks <- time.Time{}
	ticks <- time.Time{}
	if s := g.Servers()[0]; s.Idle != 1 {
		t.Errorf("after: %+v", s)
	}
	g.Close()
	<-ran
	if s := g.Servers()[0]; s.Idle != 0 {
		t.Errorf("closed: %+v", s)
	}
}

// TestChecks: a server whose checks fail gets nothing, and is back after as many good ones.
func TestChecks(t *testing.T) {
	for _, kind := range []string{"http", "h2c"} {
		t.Run(kind, func(t *testing.T) {
			var sick atomic.Bool
			var served atomic.Int32
			a := serve(t, kind, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path != "/healthz":
					served.Add(1)
				case r.Host != "health.test" || sick.Load():
					w.WriteHeader(500)
				}
			}))
			b := serve(t, kind, http.HandlerFunc(echo))
			ticks := make(chan time.Time)
			var log lines
			g := newGroup(t, func(o *Options) {
				o.Health = Health{Path: "/healthz", Host: "health.test", Interval: time.Hour}
				o.Tick = tickFor(o.Health.Interval, ticks)
				o.Log = slog.New(slog.NewTextHandler(&log, nil))
			}, a, b)
			ran := make(chan struct{})
			go func() { defer close(ran); g.Run(t.Context()) }()
			rounds := func(n int) { // and one more has begun
				for range n {
					ticks <- time.Time{}
				}
			}
			asked := func() int32 {
				before := served.Load()
				for range 40 {
					if got, err := ask(t, g, &Request{Head: head(t, "GET / HTTP/1.1\nHost: a")}); err != nil || got.status != 200 {
						t.Fatalf("%v %d", err, got.status)
					}
				}
				return served.Load() - before
			}
			rounds(2)
			if asked() == 0 {
				t.Error("a healthy server gets nothing")
			}
			sick.Store(true)
			rounds(5)
			if n := asked(); n != 0 || log.count("health check: status 500") != 1 {
				t.Errorf("a sick server got %d requests, log %q", n, log.text)
			}
			sick.Store(false)
			rounds(4)
			if asked() == 0 || log.count("answers again") != 1 {
				t.Errorf("a server that is well again gets nothing, log %q", log.text)
			}
			g.Close()
			<-ran
		})
	}
}

// TestNamesAreLookedUpAgain: servers follow the name, and stay when it cannot be looked up.
func TestNamesAreLookedUpAgain(t *testing.T) {
	a := newPlain(t, ok)
	_, port, _ := net.SplitHostPort(a.address)
	b := &plain{t: t, address: "127.0.0.2:" + port, handle: ok}
	b.start()
	t.Cleanup(b.stop)
	target, err := ParseTarget("http://api.test:" + port)
	if err != nil {
		t.Fatal(err)
	}
	var answer atomic.Pointer[[]netip.Addr]
	say := func(list ...string) {
		var found []netip.Addr
		for _, s := range list {
			found = append(found, netip.MustParseAddr(s))
		}
		answer.Store(&found)
	}
	ticks := make(chan time.Time)
	var log lines
	say("127.0.0.1")
	g := newGroup(t, func(o *Options) {
		o.Resolve = func(_ context.Context, host string) ([]netip.Addr, error) {
			if host != "api.test" || len(*answer.Load()) == 0 {
				return nil, errors.New("no such host")
			}
			return *answer.Load(), nil
		}
		o.ResolveEvery = time.Hour
		o.Tick = tickFor(o.ResolveEvery, ticks)
		o.Log = slog.New(slog.NewTextHandler(&log, nil))
	}, target)
	ran := make(chan struct{})
	go func() { defer close(ran); g.Run(t.Context()) }()
	check := func(name string, list []string, toA, toB bool) {
		t.Helper()
		say(list...)
		ticks <- time.Time{} // the round before has ended
		ticks <- time.Time{} // and so has one with the new answer
		beforeA, beforeB := a.hits.Load(), b.hits.Load()
		for range 30 {
			if got, err := ask(t, g, &Request{Head: head(t, "GET / HTTP/1.1\nHost: a")}); err != nil || got.status != 200 {
				t.Fatalf("%s: %v %d", name, err, got.status)
			}
		}
		if a.hits.Load() > beforeA != toA || b.hits.Load() > beforeB != toB {
			t.Errorf("%s: %d and %d requests", name, a.hits.Load()-beforeA, b.hits.Load()-beforeB)
		}
	}
	check("one", []string{"127.0.0.1"}, true, false)
	first := (*g.servers.Load())[0]
	check("both", []string{"127.0.0.2", "127.0.0.1"}, true, true)
	if !slices.Contains(*g.servers.Load(), first) {
		t.Error("a server that stayed was made anew")
	}
	check("the other", []string{"::ffff:127.0.0.2"}, false, true)
	check("none", nil, false, true)
	check("none again", nil, false, true)
	check("second choice", []string{"127.0.0.3", "::1"}[:0], false, true)
	check("back", []string{"127.0.0.1"}, true, false)
	if log.count("cannot be looked up") != 1 || log.count("can be looked up again") != 1 {
		t.Errorf("log %q", log.text)
	}
	g.Close()
	<-ran
}

// TestSecondAddress: a name with both families is one server, reached by whichever answers.
func TestSecondAddress(t *testing.T) {
	p := newPlain(t, ok)
	g := newGroup(t, nil, p.target())
	target := p.target()
	s := newServer(g, &target, []string{"127.0.0.9:1", p.address})
	g.servers.Store(&[]*Server{s})
	for range 3 {
		if _, err := ask(t, g, &Request{Head: head(t, "POST / HTTP/1.1\nHost: a")}); err != nil {
			t.Fatal(err)
		}
		s.dropIdle()
	}
	if s.good.Load() != 1 {
		t.Error("the address that answers is not remembered")
	}
}

func TestParseTarget(t *testing.T) {
	for _, tc := range []struct{ in, want string }{
		{"http://127.0.0.1:3000", "tcp 127.0.0.1:3000 false false"},
		{"http://api.test/", "tcp api.test:80 false false"},
		{"https://api.test", "tcp api.test:443 false true"},
		{"https://api.test:80", "tcp api.test:80 false true"},
		{"h2://[::1]:8443", "tcp [::1]:8443 true true"},
		{"h2c://api.test:50051", "tcp api.test:50051 true false"},
		{"unix:/run/api.sock", "unix /run/api.sock false false"},
		{"unix:///run/api.sock", "unix /run/api.sock false false"},
		{"unix:run/api.sock", ""},
		{"unix://host/run", ""},
		{"unix:/" + strings.Repeat("x", 108), ""},
		{"ftp://api.test", ""},
		{"http://", ""},
		{"http://a/path", ""},
		{"http://u:p@a", ""},
		{"http://a?x", ""},
		{"http://a#x", ""},
		{"api.test:80", ""},
		{"%", ""},
	} {
		got, err := ParseTarget(tc.in)
		if tc.want == "" {
			if !errors.Is(err, ErrTarget) {
				t.Errorf("%q: %v", tc.in, err)
			}
			continue
		}
		if s := fmt.Sprint(got.Network, " ", got.Address, " ", got.HTTP2, " ", got.TLS != nil); err != nil || s != tc.want {
			t.Errorf("%q: %s, %v", tc.in, s, err)
		}
	}
	plain := Target{}
	if err := plain.Secure(Credentials{ServerName: "a"}); !errors.Is(err, ErrTarget) {
		t.Errorf("credentials for plain text: %v", err)
	}
	secure, _ := ParseTarget("https://a")
	for _, c := range []Credentials{{CA: []byte("no")}, {Certificate: []byte("no")}, {Key: []byte("no")}} {
		if err := secure.Secure(c); !errors.Is(err, ErrTarget) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}
