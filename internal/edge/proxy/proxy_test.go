package proxy

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"merlon/internal/edge/proxy/listen"
	"merlon/internal/edge/proxy/upstream"
	"merlon/internal/enforce/engine"
	"merlon/internal/enforce/policy"
	"merlon/internal/model/bundle"
	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// rig is a proxy on loopback before an upstream, with every event it made.
type rig struct {
	t      *testing.T
	server *Server
	engine *engine.Engine
	queue  *event.Queue
	addr   string

	mu     sync.Mutex
	events []event.Event
	more   chan struct{}
}

func newRig(t *testing.T, handler http.Handler, change func(*rigOptions)) *rig {
	t.Helper()
	var targets []upstream.Target
	if handler != nil {
		up := httptest.NewServer(handler)
		t.Cleanup(up.Close)
		targets = at(t, up.URL)
	}
	return newRigAt(t, targets, change)
}

// rigOptions are the options of a rig: the server's and its upstreams'.
type rigOptions struct {
	Options
	Up upstream.Options
	// tls and trusted are the listener's; nil trusts loopback.
	tls     *listen.TLS
	trusted []netip.Prefix
}

// at is the target of a URL.
func at(t testing.TB, url string) []upstream.Target {
	t.Helper()
	one, err := upstream.ParseTarget(url)
	if err != nil {
		t.Fatal(err)
	}
	return []upstream.Target{one}
}

// newRigAt is a rig before the targets; with nil, its site has no upstream.
func newRigAt(t *testing.T, targets []upstream.Target, change func(*rigOptions)) *rig {
	t.Helper()
	r := &rig{t: t, queue: event.NewQueue(100_000), more: make(chan struct{}, 1)}
	var mistakes []policy.Mistake
	r.engine, mistakes = engine.New(engine.Options{
		Queue: r.queue, Namer: event.NewNamer(1, 1), Node: "n",
		Panicked: func(stage string, v any, stack []byte) { t.Errorf("%s panicked: %v\n%s", stage, v, stack) },
	}, engine.Input{
		Bundle: &bundle.Bundle{Sites: []bundle.Site{{Name: "acme", Default: true}}},
		Keys:   map[string]dataclass.Key{"acme": {1}},
	})
	if r.engine == nil {
		t.Fatal(mistakes)
	}
	o := rigOptions{Options: Options{Engine: r.engine, Log: slog.New(slog.DiscardHandler), Now: time.Now}}
	o.Up = upstream.Options{Site: "acme", Targets: targets, Log: o.Log, Now: time.Now}
	if change != nil {
		change(&o)
	}
	if targets != nil {
		o.Sites = map[string]*upstream.Group{"acme": upstream.NewGroup(o.Up)}
	}
	if o.trusted == nil {
		o.trusted = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	}
	r.server = New(o.Options)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r.addr = l.Addr().String()
	served := make(chan error, 1)
	go func() {
		served <- r.server.Serve(listen.New(l, listen.Options{Trusted: o.trusted, TLS: o.tls, Admission: o.Admission, Now: time.Now, Log: o.Log}))
	}()
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		for batch := r.queue.Take(context.Background()); batch != nil; batch = r.queue.Take(context.Background()) {
			r.mu.Lock()
			for _, e := range batch {
				r.events = append(r.events, *e) // not released: the copy shares its memory
			}
			r.mu.Unlock()
			select {
			case r.more <- struct{}{}:
			default:
			}
		}
	}()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := r.server.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != ErrClosed {
			t.Errorf("serve: %v", err)
		}
		r.queue.Close()
		<-drained
	})
	return r
}

// wait returns the events once there are n.
func (r *rig) wait(n int) []event.Event {
	r.t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		r.mu.Lock()
		got := r.events
		r.mu.Unlock()
		if len(got) >= n {
			return got
		}
		select {
		case <-r.more:
		case <-timeout:
			r.t.Fatalf("%d events, want %d", len(got), n)
		}
	}
}

// raw sends text and reads until the server closes or n responses are there.
func (r *rig) raw(text string, responses int) string {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := io.WriteString(c, text); err != nil {
		r.t.Fatal(err)
	}
	var out strings.Builder
	br := bufio.NewReader(io.TeeReader(c, &out))
	for range responses {
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			r.t.Fatalf("%v after %q", err, out.String())
		}
		_, _ = io.Copy(io.Discard, resp.Body)
	}
	return out.String()
}

// echo answers with what it was sent.
var echo = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	switch r.URL.Path {
	case "/empty":
		w.WriteHeader(204)
	case "/not-modified":
		w.WriteHeader(304)
	case "/large":
		w.Header().Set("Content-Type", "text/plain")
		for range 1000 {
			_, _ = io.WriteString(w, strings.Repeat("x", 1000))
		}
	case "/hints":
		w.Header().Set("Link", "</a.css>")
		w.WriteHeader(103)
		_, _ = io.WriteString(w, "done")
	default:
		w.Header().Set("Content-Type", "application/json")
		_ = json.NewEncoder(w).Encode(map[string]any{
			"method": r.Method, "path": r.URL.RequestURI(), "host": r.Host, "length": len(body), "sum": sum(body),
			"te": r.TransferEncoding, "xff": r.Header.Get("X-Forwarded-For"), "tag": r.Header.Get("Merlon-Tag"), "upgrade": r.Header.Get("Upgrade"),
		})
	}
})

func sum(b []byte) (s int) {
	for _, c := range b {
		s += int(c)
	}
	return s
}

func TestPassesExchanges(t *testing.T) {
	r := newRig(t, echo, nil)
	big := strings.Repeat("a", 1_000_000)
	tests := []struct {
		name, method, path, body string
		chunked                  bool
		status                   int
		want                     string
	}{
		{"get", "GET", "/a/b?c=d", "", false, 200, `"path":"/a/b?c=d"`},
		{"post", "POST", "/a", `{"a":1}`, false, 200, `"length":7`},
		{"chunked", "POST", "/a", `{"a":1}`, true, 200, `"length":7`},
		{"large body streams", "PUT", "/a", big, false, 200, fmt.Sprintf(`"sum":%d`, 97*len(big))},
		{"large chunked body streams", "PUT", "/a", big, true, 200, fmt.Sprintf(`"sum":%d`, 97*len(big))},
		{"no content", "GET", "/empty", "", false, 204, ""},
		{"not modified", "GET", "/not-modified", "", false, 304, ""},
		{"large answer", "GET", "/large", "", false, 200, strings.Repeat("x", 1_000_000)},
		{"head", "HEAD", "/large", "", false, 200, ""},
		{"early hints", "GET", "/hints", "", false, 200, "done"},
		{"client address", "GET", "/", "", false, 200, `"xff":"127.0.0.1"`},
	}
	client := &http.Client{Timeout: 20 * time.Second}
	for i, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			var body io.Reader
			if tc.body != "" {
				body = strings.NewReader(tc.body)
				if tc.chunked {
					body = struct{ io.Reader }{body}
				}
			}
			req, err := http.NewRequest(tc.method, "http://"+r.addr+tc.path, body)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("X-Forwarded-For", "6.6.6.6")
			req.Header.Set("Merlon-Tag", "forged")
			resp, err := client.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer resp.Body.Close()
			got, err := io.ReadAll(resp.Body)
			if err != nil {
				t.Fatal(err)
			}
			if resp.StatusCode != tc.status || !strings.Contains(string(got), tc.want) || strings.Contains(string(got), "forged") {
				t.Errorf("%d %.200s", resp.StatusCode, got)
			}
			events := r.wait(i + 1)
			e := &events[i]
			if int(e.Status) != tc.status || e.Outcome != event.OutcomeAnswered || e.Text(e.Method) != tc.method || e.Site != "acme" {
				t.Errorf("event: %+v", e)
			}
			if e.RequestBytes != int64(len(tc.body)) || tc.method != "HEAD" && len(tc.want) > 1000 && e.ResponseBytes != int64(len(tc.want)) {
				t.Errorf("event counts %d and %d bytes", e.RequestBytes, e.ResponseBytes)
			}
		})
	}
}

// TestLatencyIsTheUpstreams: the time between the request's last byte and the answer's first, as the upstream makes it.
func TestLatencyIsTheUpstreams(t *testing.T) {
	const least = 30 * time.Millisecond
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		<-time.After(least)
		_, _ = io.WriteString(w, "late")
	}), nil)
	r.raw("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1)
	if e := r.wait(1)[0]; e.Latency < int64(least) {
		t.Errorf("latency %v, the upstream took at least %v", time.Duration(e.Latency), least)
	}
}

func TestPipelinedRequestsAreAnsweredInOrder(t *testing.T) {
	r := newRig(t, echo, nil)
	got := r.raw("GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabcGET /3 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n", 3)
	i, j, k := strings.Index(got, `"path":"/1"`), strings.Index(got, `"path":"/2"`), strings.Index(got, `"path":"/3"`)
	if i < 0 || j < i || k < j || !strings.Contains(got, `"sum":294`) {
		t.Errorf("got %s", got)
	}
	r.wait(3)
}

func TestExpectContinueIsAnsweredHere(t *testing.T) {
	r := newRig(t, echo, nil)
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n")
	br := bufio.NewReader(c)
	line, err := br.ReadString('\n')
	if err != nil || line != "HTTP/1.1 100 Continue\r\n" {
		t.Fatalf("%q, %v", line, err)
	}
	_, _ = br.ReadString('\n')
	_, _ = io.WriteString(c, "abc")
	resp, err := http.ReadResponse(br, nil)
	if err != nil || resp.StatusCode != 200 {
		t.Fatalf("%v, %v", resp, err)
	}
}

func TestEveryBrokenRequestIsOneEventAndOneAnswer(t *testing.T) {
	r := newRig(t, echo, nil)
	tests := []struct {
		name, text string
		status     string
		anomaly    exchange.Anomaly
	}{
		{"length and chunks", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "400", exchange.AnomalyCLTE},
		{"two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "400", exchange.AnomalyDuplicateHost},
		{"no host", "GET / HTTP/1.1\r\n\r\n", "400", exchange.AnomalyMissingHost},
		{"nul", "GET / HTTP/1.1\r\nHost: a\r\nX: \x00\r\n\r\n", "400", exchange.AnomalyNUL},
		{"bad chunk", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400", exchange.AnomalyBadChunk},
		{"too large a head", "GET / HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("a", 70_000) + "\r\n\r\n", "431", exchange.AnomalyHeaderTooLarge},
		{"connect", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", "", exchange.AnomalyConnect},
	}
	for i, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			got := r.raw(tc.text, 1)
			if !strings.HasPrefix(got, "HTTP/1.1 "+tc.status) || !strings.Contains(got, "application/problem+json") || !strings.Contains(got, "Connection: close") {
				t.Errorf("answer: %s", got)
			}
			e := r.wait(i + 1)[i]
			if !e.Anomalies.Has(tc.anomaly) || e.Outcome != event.OutcomeRefused || len(e.Findings) == 0 || e.Verdict.Action != "block" {
				t.Errorf("event: %+v", e)
			}
			if !strings.Contains(got, e.ID.String()) {
				t.Errorf("the answer does not name event %s: %s", e.ID, got)
			}
		})
	}
}

func TestSlowHeadIsRefused(t *testing.T) {
	r := newRig(t, echo, func(o *rigOptions) { o.Timeouts.Head = 50 * time.Millisecond })
	got := r.raw("GET / HTTP/1.1\r\nHo", 1)
	e := r.wait(1)[0]
	if !strings.HasPrefix(got, "HTTP/1.1 408") || !e.Anomalies.Has(exchange.AnomalyTimeout) {
		t.Errorf("%s %+v", got, e)
	}
}

func TestClientGoneInTheMiddle(t *testing.T) {
	r := newRig(t, echo, nil)
	for i, text := range []string{"GET / HT", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc"} {
		c, err := net.Dial("tcp", r.addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(c, text)
		_ = c.Close()
		e := r.wait(i + 1)[i]
		if !e.Anomalies.Has(exchange.AnomalyIncomplete) || e.Outcome != event.OutcomeClientGone {
			t.Errorf("%q: %+v", text, e)
		}
	}
}

func TestUpstreamFailures(t *testing.T) {
	listen := func(t *testing.T, serve func(net.Conn)) []upstream.Target {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				go serve(c)
			}
		}()
		return at(t, "http://"+l.Addr().String())
	}
	readHead := func(c net.Conn) {
		br := bufio.NewReader(c)
		for line, _ := br.ReadString('\n'); len(line) > 2; line, _ = br.ReadString('\n') {
		}
	}
	hold := make(chan struct{})
	t.Cleanup(func() { close(hold) })
	tests := []struct {
		name   string
		to     []upstream.Target
		status string
	}{
		{"no upstream", nil, "503"},
		{"closes at once", listen(t, func(c net.Conn) { c.Close() }), "502"},
		{"speaks nonsense", listen(t, func(c net.Conn) { readHead(c); io.WriteString(c, "hello\r\n\r\n"); c.Close() }), "502"},
		{"ambiguous framing", listen(t, func(c net.Conn) {
			readHead(c)
			io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello!")
			c.Close()
		}), "502"},
		{"says nothing", listen(t, func(net.Conn) { <-hold }), "504"},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			r := newRigAt(t, tc.to, func(o *rigOptions) { o.Up.Timeouts.Response = 100 * time.Millisecond })
			got := r.raw("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1)
			if !strings.HasPrefix(got, "HTTP/1.1 "+tc.status) || !strings.Contains(got, "application/problem+json") {
				t.Errorf("got %s", got)
			}
			if e := r.wait(1)[0]; e.Outcome != event.OutcomeUpstream || fmt.Sprint(e.Status) != tc.status {
				t.Errorf("event %+v", e)
			}
		})
	}
}

// TestStaleConnectionIsRetried: the upstream closes every connection after its first answer without saying so.
func TestStaleConnectionIsRetried(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			br := bufio.NewReader(c)
			if req, err := http.ReadRequest(br); err == nil {
				_, _ = io.Copy(io.Discard, req.Body)
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
			}
			_ = c.Close()
		}
	}()
	r := newRigAt(t, at(t, "http://"+l.Addr().String()), nil)
	for range 20 {
		if got := r.raw("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1); !strings.HasPrefix(got, "HTTP/1.1 200") {
			t.Fatal(got)
		}
	}
}

func TestBlockedCallerIsToldTheEvent(t *testing.T) {
	r := newRig(t, echo, nil)
	if m := r.engine.Stand(bundle.Standing{Entries: []bundle.Entry{{ID: "1", Kind: bundle.ListAddress, Value: "192.0.2.9", Action: "block"}}}); len(m) > 0 {
		t.Fatal(m)
	}
	got := r.raw("PROXY TCP4 192.0.2.9 127.0.0.1 1234 80\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\nGET /y HTTP/1.1\r\nHost: a\r\n\r\n", 2)
	if strings.Count(got, "HTTP/1.1 403") != 2 {
		t.Errorf("got %s", got)
	}
	for i := range 2 {
		e := r.wait(2)[i]
		if e.Verdict.Action != "block" || e.Verdict.Rule != "standing:1" || !strings.Contains(got, e.ID.String()) || e.Client != netip.MustParseAddr("192.0.2.9") {
			t.Errorf("event %+v", e)
		}
	}
	if got := r.raw("PROXY TCP4 192.0.2.10 127.0.0.1 1234 80\r\nGET /x HTTP/1.1\r\nHost: a\r\n\r\n", 1); !strings.HasPrefix(got, "HTTP/1.1 200") {
		t.Errorf("the neighbour is blocked too: %s", got)
	}
}

func TestWebSocketPassesAndOtherUpgradesDoNot(t *testing.T) {
	up := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Upgrade") != "websocket" {
			_, _ = io.WriteString(w, "upgrade="+r.Header.Get("Upgrade"))
			return
		}
		c, rw, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\nhi:")
		_ = rw.Flush()
		_, _ = io.Copy(c, rw)
	})
	r := newRig(t, up, nil)
	if got := r.raw("GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n", 1); !strings.Contains(got, "upgrade=") || strings.Contains(got, "h2c") {
		t.Errorf("h2c: %s", got)
	}
	r.wait(1)
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(c, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	br := bufio.NewReader(c)
	resp, err := http.ReadResponse(br, nil)
	if err != nil || resp.StatusCode != 101 {
		t.Fatalf("%v %v", resp, err)
	}
	_, _ = io.WriteString(c, "ping")
	got := make([]byte, 7)
	if _, err := io.ReadFull(br, got); err != nil || string(got) != "hi:ping" {
		t.Fatalf("%q %v", got, err)
	}
	_ = c.(*net.TCPConn).CloseWrite()
	if rest, err := io.ReadAll(br); err != nil || len(rest) != 0 {
		t.Fatalf("%q %v", rest, err)
	}
	events := r.wait(3)
	if events[1].Phase != event.Open || events[2].Phase != event.Close || events[2].RequestBytes != 4 || events[2].ResponseBytes != 7 {
		t.Errorf("open %v, close %v, %d up, %d down", events[1].Phase, events[2].Phase, events[2].RequestBytes, events[2].ResponseBytes)
	}
}

// TestDrainFinishesWhatIsUnderWay: a request in flight is answered, an idle connection ends, new ones are not taken.
func TestDrainFinishesWhatIsUnderWay(t *testing.T) {
	arrived, release := make(chan struct{}), make(chan struct{})
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/slow" {
			close(arrived)
			<-release
		}
		_, _ = io.WriteString(w, "answer")
	}), nil)
	idle, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	ib := bufio.NewReader(idle)
	_, _ = io.WriteString(idle, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	resp, err := http.ReadResponse(ib, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, resp.Body)

	slow := make(chan string, 1)
	go func() {
		resp, err := http.Get("http://" + r.addr + "/slow")
		if err != nil {
			slow <- err.Error()
			return
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		slow <- string(b)
	}()
	<-arrived
	done := make(chan error, 1)
	go func() { done <- r.server.Shutdown(context.Background()) }()
	_ = idle.SetDeadline(time.Now().Add(20 * time.Second))
	if _, err := ib.ReadByte(); err != io.EOF {
		t.Errorf("the idle connection: %v", err)
	}
	close(release)
	if got := <-slow; got != "answer" {
		t.Errorf("the slow request got %q", got)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
