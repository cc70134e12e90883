package merlon

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// line is what the tests read of an event's line.
type line struct {
	ID, Site, Source, Endpoint, Method, Host, Address, Mode, Action, Rule string
	Status                                                                int
	Findings                                                              []struct{ ID string }
}

// rig is a server behind a guard.
type rig struct {
	t      testing.TB
	guard  *Guard
	server *httptest.Server
	lines  bytes.Buffer
}

func newRig(t testing.TB, o Options, h http.HandlerFunc) *rig {
	t.Helper()
	r := start(t, o)
	r.server = httptest.NewUnstartedServer(r.guard.Wrap(h))
	r.server.Config.ErrorLog = log.New(io.Discard, "", 0)
	r.server.Start()
	return r
}

func start(t testing.TB, o Options) *rig {
	t.Helper()
	r := &rig{t: t}
	if o.Data == "" {
		o.Events = &r.lines
	}
	o.Log = slog.New(slog.DiscardHandler)
	g, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	g.core.Queue.Poison()
	r.guard = g
	return r
}

// events ends everything and returns what was recorded.
func (r *rig) events() (all []line) {
	r.t.Helper()
	if r.server != nil {
		r.server.Close()
	}
	if err := r.guard.Close(context.Background()); err != nil {
		r.t.Fatal(err)
	}
	for text := range bytes.Lines(r.lines.Bytes()) {
		var l line
		if err := json.Unmarshal(text, &l); err != nil {
			r.t.Fatalf("%v: %s", err, text)
		}
		all = append(all, l)
	}
	return all
}

func (r *rig) one() line {
	r.t.Helper()
	all := r.events()
	if len(all) != 1 {
		r.t.Fatalf("%d events: %+v", len(all), all)
	}
	return all[0]
}

func (r *rig) do(method, path string, body io.Reader, fields ...string) (*http.Response, string) {
	r.t.Helper()
	req, err := http.NewRequest(method, r.server.URL+path, body)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		req.Header.Set(fields[i], fields[i+1])
	}
	resp, err := r.server.Client().Do(req)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		r.t.Fatal(err)
	}
	return resp, string(b)
}

const blockOne = `
version: 1
lists: [{name: blocked, kind: address, values: [203.0.113.9], action: block}]
rules: [{name: old client, when: 'request.header("User-Agent") startsWith "Old/"', action: tag, mode: enforce}]
`

// unread is a reader whose size cannot be seen.
type unread struct{ io.Reader }

func TestBodiesAreReplayed(t *testing.T) {
	pattern := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
	for _, c := range []struct {
		name    string
		size    int
		chunked bool
	}{
		{"none", 0, false},
		{"small", 300, false},
		{"as much as is held", 1 << 10, false},
		{"one more", 1<<10 + 1, false},
		{"large", 1 << 20, false},
		{"small in chunks", 300, true},
		{"large in chunks", 1 << 20, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, Options{InspectRequest: 1 << 10}, func(w http.ResponseWriter, q *http.Request) {
				h := sha256.New()
				n, err := io.Copy(h, q.Body)
				fmt.Fprintf(w, "%d %x %v", n, h.Sum(nil), err)
			})
			var body io.Reader = bytes.NewReader(pattern[:c.size])
			if c.chunked {
				body = unread{body}
			}
			_, got := r.do("POST", "/upload", body)
			if want := fmt.Sprintf("%d %x <nil>", c.size, sha256.Sum256(pattern[:c.size])); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if e := r.one(); e.Status != 200 || e.Method != "POST" || e.Address != "127.0.0.1" || e.Site != "default" {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestAnswersArePassedOn(t *testing.T) {
	big := strings.Repeat("an answer that is not short. ", 50_000)
	for _, c := range []struct {
		name   string
		answer func(w http.ResponseWriter)
		status int
		want   string
	}{
		{"nothing", func(http.ResponseWriter) {}, 200, ""},
		{"status alone", func(w http.ResponseWriter) { w.WriteHeader(204) }, 204, ""},
		{"two heads", func(w http.ResponseWriter) { w.WriteHeader(404); w.WriteHeader(200) }, 404, ""},
		{"early hints", func(w http.ResponseWriter) { w.WriteHeader(103); w.WriteHeader(201); fmt.Fprint(w, "made") }, 201, "made"},
		{"string", func(w http.ResponseWriter) { _, _ = io.WriteString(w, "text") }, 200, "text"},
		{"copied", func(w http.ResponseWriter) { _, _ = io.Copy(w, unread{strings.NewReader(big)}) }, 200, big},
		{"read from", func(w http.ResponseWriter) { _, _ = w.(io.ReaderFrom).ReadFrom(unread{strings.NewReader(big)}) }, 200, big},
		{"flushed", func(w http.ResponseWriter) { fmt.Fprint(w, "a"); w.(http.Flusher).Flush(); fmt.Fprint(w, "b") }, 200, "ab"},
		{"controlled", func(w http.ResponseWriter) {
			c := http.NewResponseController(w)
			if err := errors.Join(c.SetWriteDeadline(time.Now().Add(time.Minute)), c.Flush(), c.EnableFullDuplex()); err != nil {
				fmt.Fprint(w, err)
			}
		}, 200, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, Options{}, func(w http.ResponseWriter, _ *http.Request) { c.answer(w) })
			resp, got := r.do("GET", "/", nil)
			if resp.StatusCode != c.status || got != c.want {
				t.Errorf("%d with %d bytes, wanted %d with %d", resp.StatusCode, len(got), c.status, len(c.want))
			}
			if e := r.one(); e.Status != c.status || e.Action != "allow" {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestPolicy(t *testing.T) {
	var called atomic.Int32
	handler := func(w http.ResponseWriter, q *http.Request) {
		called.Add(1)
		fmt.Fprintf(w, "tag=%q", q.Header["Merlon-Tag"])
	}
	o := Options{Site: "shop", PolicyText: []byte(blockOne), TrustedHops: 1}
	for _, c := range []struct {
		name, want, action, address string
		fields                      []string
		status                      int
	}{
		{"honest", "tag=[]", "allow", "198.51.100.7", []string{"X-Forwarded-For", "198.51.100.7"}, 200},
		{"own tag is dropped", "tag=[]", "allow", "127.0.0.1", []string{"Merlon-Tag", "trusted"}, 200},
		{"tagged", `tag=["old client"]`, "tag", "127.0.0.1", []string{"User-Agent", "Old/1", "Merlon-Tag", "x"}, 200},
		{"blocked", "", "block", "203.0.113.9", []string{"X-Forwarded-For", "10.0.0.1, 203.0.113.9"}, 403},
	} {
		t.Run(c.name, func(t *testing.T) {
			called.Store(0)
			r := newRig(t, o, handler)
			resp, body := r.do("GET", "/orders/7", nil, c.fields...)
			e := r.one()
			if resp.StatusCode != c.status || e.Status != c.status || e.Action != c.action || e.Address != c.address || e.Site != "shop" {
				t.Errorf("%d; %+v", resp.StatusCode, e)
			}
			if c.status == 200 {
				if body != c.want {
					t.Errorf("the handler saw %s, wanted %s", body, c.want)
				}
				return
			}
			var problem struct {
				Status   int
				Instance string
			}
			if err := json.Unmarshal([]byte(body), &problem); err != nil || problem.Status != 403 || problem.Instance != e.ID {
				t.Errorf("%v: %s beside event %s", err, body, e.ID)
			}
			if called.Load() != 0 || resp.Header.Get("Content-Type") != "application/problem+json" || e.Rule != "list:blocked" {
				t.Errorf("the handler ran %d times; %v; %+v", called.Load(), resp.Header, e)
			}
		})
	}
}

// TestMalformedIsRefused: what the codec refuses does not reach the handler, in any mode.
func TestMalformedIsRefused(t *testing.T) {
	r := newRig(t, Options{}, func(http.ResponseWriter, *http.Request) { t.Error("the handler was called") })
	nc, err := net.Dial("tcp", r.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	fmt.Fprintf(nc, "GET http://a.example/ HTTP/1.1\r\nHost: b.example/x\r\nConnection: close\r\n\r\nGET * HTTP/1.1\r\nHost: a\r\n\r\n")
	resp, err := http.ReadResponse(bufio.NewReader(nc), nil)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	_ = r.events()
	if resp.StatusCode != 400 {
		t.Errorf("answered %s", resp.Status)
	}
}

func TestPanicIsTheHandlers(t *testing.T) {
	for _, c := range []struct {
		name   string
		answer func(w http.ResponseWriter)
		status int
	}{
		{"before the answer", func(http.ResponseWriter) { panic("a fault") }, 0},
		{"within the answer", func(w http.ResponseWriter) {
			w.WriteHeader(200)
			w.(http.Flusher).Flush()
			panic(http.ErrAbortHandler)
		}, 200},
	} {
		t.Run(c.name, func(t *testing.T) {
			raised := make(chan any, 1)
			r := start(t, Options{})
			inner := r.guard.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { c.answer(w) }))
			r.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				defer func() {
					v := recover()
					raised <- v
					panic(http.ErrAbortHandler)
				}()
				inner.ServeHTTP(w, q)
			}))
			resp, err := http.Get(r.server.URL)
			if err == nil {
				if _, err = io.ReadAll(resp.Body); err == nil {
					t.Error("the answer looks whole")
				}
				_ = resp.Body.Close()
			}
			if v := <-raised; v == nil {
				t.Error("the panic was swallowed")
			}
			if e := r.one(); e.Status != c.status {
				t.Errorf("%+v", e)
			}
		})
	}
}

func TestServerSentEvents(t *testing.T) {
	more := make(chan struct{})
	r := newRig(t, Options{}, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream; charset=utf-8")
		fmt.Fprint(w, "data: 1\n\n")
		w.(http.Flusher).Flush()
		<-more
		fmt.Fprint(w, "data: 2\n\n")
	})
	resp, err := http.Get(r.server.URL + "/events")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	first := make([]byte, 9)
	if _, err := io.ReadFull(resp.Body, first); err != nil || string(first) != "data: 1\n\n" {
		t.Errorf("%q %v: the first event does not arrive while the stream is open", first, err)
	}
	close(more)
	if rest, err := io.ReadAll(resp.Body); err != nil || string(rest) != "data: 2\n\n" {
		t.Errorf("%q %v", rest, err)
	}
	all := r.events()
	if len(all) != 2 || all[0].ID != all[1].ID || all[0].Status != 200 || all[1].Status != 200 {
		t.Errorf("wanted open and close of one exchange: %+v", all)
	}
}

// TestWebSocket takes the connection over as WebSocket libraries do, once through the buffers and once past them.
func TestWebSocket(t *testing.T) {
	const switching = "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
	for _, c := range []struct {
		name string
		late bool // the connection outlives the handler
	}{{"within the handler", false}, {"beyond the handler", true}} {
		t.Run(c.name, func(t *testing.T) {
			done := make(chan struct{})
			echo := func(nc net.Conn, rw *bufio.ReadWriter) {
				defer close(done)
				defer nc.Close()
				_, _ = rw.WriteString(switching)
				_ = rw.Flush()
				if text, err := rw.ReadString('\n'); err == nil {
					_, _ = io.WriteString(nc, strings.ToUpper(text))
				}
			}
			r := start(t, Options{})
			h := r.guard.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				nc, rw, err := http.NewResponseController(w).Hijack()
				if err != nil {
					t.Error(err)
					return
				}
				if c.late {
					go echo(nc, rw)
				} else {
					echo(nc, rw)
				}
			}))
			returned := make(chan struct{}) // servers do not wait for connections that were taken over
			r.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
				h.ServeHTTP(w, q)
				close(returned)
			}))
			nc, err := net.Dial("tcp", r.server.Listener.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer nc.Close()
			// The first message comes right behind the handshake, before the answer.
			fmt.Fprintf(nc, "GET /chat HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\nhello\n")
			got, err := io.ReadAll(nc)
			if err != nil || string(got) != switching+"HELLO\n" {
				t.Errorf("%q %v", got, err)
			}
			<-done
			<-returned
			all := r.events()
			if len(all) != 2 || all[0].ID != all[1].ID || all[0].Status != 101 || all[1].Status != 101 {
				t.Errorf("wanted open and close of one exchange: %+v", all)
			}
		})
	}
}

// TestPowers: the handler's writer can do what the server's can, and no more.
func TestPowers(t *testing.T) {
	r := start(t, Options{})
	var flush, hijack bool
	h := r.guard.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, flush = w.(http.Flusher)
		_, hijack = w.(http.Hijacker)
	}))
	h.ServeHTTP(struct{ http.ResponseWriter }{httptest.NewRecorder()}, httptest.NewRequest("GET", "/", nil))
	if flush || hijack {
		t.Errorf("plain writer: Flush %t, Hijack %t", flush, hijack)
	}
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil))
	if !flush || hijack {
		t.Errorf("recorder: Flush %t, Hijack %t", flush, hijack)
	}
	r.server = httptest.NewUnstartedServer(h)
	r.server.EnableHTTP2 = true
	r.server.StartTLS()
	if resp, _ := r.do("GET", "/", nil); resp.ProtoMajor != 2 || !flush || hijack {
		t.Errorf("%s: Flush %t, Hijack %t", resp.Proto, flush, hijack)
	}
	if all := r.events(); len(all) != 3 {
		t.Errorf("%d events", len(all))
	}
}

// TestDialogue: a body that waits for the answer is not read ahead.
func TestDialogue(t *testing.T) {
	r := start(t, Options{})
	r.server = httptest.NewUnstartedServer(r.guard.Wrap(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		w.WriteHeader(200)
		w.(http.Flusher).Flush()
		_, _ = io.Copy(w, q.Body)
	})))
	r.server.EnableHTTP2 = true
	r.server.StartTLS()
	send, body := io.Pipe()
	req, _ := http.NewRequest("POST", r.server.URL+"/pkg.Service/Method", send)
	req.Header.Set("Content-Type", "application/grpc+proto")
	resp, err := r.server.Client().Do(req) // returns only when the head came, before any of the body is sent
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	go func() { _, _ = io.WriteString(body, "ping"); _ = body.Close() }()
	if got, err := io.ReadAll(resp.Body); err != nil || string(got) != "ping" {
		t.Errorf("%q %v", got, err)
	}
	if e := r.one(); e.Status != 200 {
		t.Errorf("%+v", e)
	}
}

// TestBrokenBody: an error on the way of the body is the handler's to see, behind what came before.
func TestBrokenBody(t *testing.T) {
	r := start(t, Options{})
	fault := errors.New("a fault")
	var got string
	var gotErr error
	h := r.guard.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) {
		b, err := io.ReadAll(q.Body)
		got, gotErr = string(b), err
	}))
	q := httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader("begin"), faulty{fault}))
	h.ServeHTTP(httptest.NewRecorder(), q)
	if got != "begin" || gotErr != fault {
		t.Errorf("%q %v", got, gotErr)
	}
	if _, err := q.Body.Read(make([]byte, 1)); err != http.ErrBodyReadAfterClose {
		t.Errorf("behind the handler's return the body reads %v", err)
	}
	if e := r.one(); len(e.Findings) == 0 {
		t.Errorf("%+v", e)
	}
}

type faulty struct{ err error }

func (f faulty) Read([]byte) (int, error) { return 0, f.err }

// TestLearns: with a data directory the guard learns, and a later one knows it.
func TestLearns(t *testing.T) {
	dir := t.TempDir()
	r := newRig(t, Options{Data: dir, Site: "shop"}, func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"id":%q,"total":1.5}`, strings.TrimPrefix(q.URL.Path, "/orders/"))
	})
	const n = 120
	for i := range n {
		r.do("GET", fmt.Sprintf("/orders/%d", 1000+i), nil)
	}
	r.events()
	again := start(t, Options{Data: dir, Site: "shop"})
	defer again.events()
	inv := again.guard.core.Node.Inventory()
	if len(inv.Sites) != 1 || inv.Sites[0].Name != "shop" {
		t.Fatalf("%+v", inv.Sites)
	}
	for _, e := range inv.Sites[0].Endpoints {
		if e.Template == "/orders/{orderId}" && e.Requests == n {
			return
		}
	}
	t.Errorf("not learned: %+v", inv.Sites[0].Endpoints)
}

// TestReload: a changed policy holds from the next request on, a broken one never does.
func TestReload(t *testing.T) {
	for _, data := range []string{"", "learning"} {
		t.Run("data "+data, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), "policy.yaml")
			write := func(text string) {
				t.Helper()
				if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			write("version: 1")
			o := Options{Policy: file}
			if data != "" {
				o.Data = t.TempDir()
			}
			r := newRig(t, o, func(http.ResponseWriter, *http.Request) {})
			status := func() int { resp, _ := r.do("GET", "/", nil); return resp.StatusCode }
			if got := status(); got != 200 {
				t.Errorf("before: %d", got)
			}
			write("{version: 1, lists: [{name: l, kind: address, values: [127.0.0.1], action: block}]}")
			if err := r.guard.Reload(context.Background()); err != nil || status() != 403 {
				t.Errorf("the new policy does not hold: %v", err)
			}
			write("{version: 1, lists: [{name: l, kind: shoe}]}")
			if err := r.guard.Reload(context.Background()); !errors.Is(err, ErrOptions) || status() != 403 {
				t.Errorf("a broken policy: %v", err)
			}
			r.events()
		})
	}
}

func TestOptions(t *testing.T) {
	dir := t.TempDir()
	held := start(t, Options{Data: dir})
	defer held.events()
	for _, c := range []struct {
		name  string
		o     Options
		want  string
		wrong bool
	}{
		{"two policies", Options{Policy: "a", PolicyText: []byte("version: 1")}, "leave one out", true},
		{"events beside data", Options{Events: io.Discard, Data: dir}, "Events", true},
		{"negative", Options{TrustedHops: -1}, "negative", true},
		{"no such policy", Options{Policy: dir + "/none.yaml"}, "none.yaml", true},
		{"no such description", Options{Specs: []string{dir + "/none.json"}}, "none.json", true},
		{"two mistakes in a policy", Options{PolicyText: []byte("version: 1\nrules: [{name: a, when: '1 +', action: block}, {name: b, when: 'true', action: shout}]")}, "shout", true},
		{"directory in use", Options{Data: dir}, "middleware", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			g, err := New(c.o)
			if g != nil || err == nil || !strings.Contains(err.Error(), c.want) || errors.Is(err, ErrOptions) != c.wrong {
				t.Errorf("%v", err)
			}
		})
	}
}

func BenchmarkMiddleware(b *testing.B) {
	order := []byte(`{"id":"8a1b6f0d","total":12.5,"currency":"EUR","items":[{"sku":"AB-1","qty":2}],"customer":{"email":"ewa@example.com"}}`)
	handler := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header()["Content-Type"] = []string{"application/json"}
		_, _ = w.Write(order)
	})
	run := func(b *testing.B, h http.Handler) {
		u, _ := url.Parse("/v1/orders/8a1b6f0d?expand=true")
		w := &blank{h: http.Header{}}
		q := &http.Request{
			Method: "GET", URL: u, RequestURI: u.String(), Host: "api.example.com", ProtoMajor: 1, ProtoMinor: 1, RemoteAddr: "192.0.2.7:40000",
			Body: http.NoBody, Header: http.Header{
				"User-Agent": {"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36"},
				"Accept":     {"application/json, text/plain, */*"}, "Accept-Language": {"en-US,en;q=0.9"}, "Accept-Encoding": {"gzip, deflate, br"},
				"Authorization": {"Bearer " + strings.Repeat("a", 300)}, "Origin": {"https://shop.example.com"}, "Referer": {"https://shop.example.com/cart"},
				"Cookie": {"sid=8a1b6f0d27c94e53b6d0e1f2; theme=dark"}, "X-Request-Id": {"6f1c9a30"}, "Sec-Fetch-Mode": {"cors"}, "Sec-Fetch-Site": {"same-site"},
			},
		}
		user := func() int64 { // processor time of this process: other programs do not count
			var u syscall.Rusage
			if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
				b.Fatal(err)
			}
			return u.Utime.Nano()
		}
		b.ReportAllocs()
		before := user()
		for b.Loop() {
			h.ServeHTTP(w, q)
		}
		b.ReportMetric(float64(user()-before)/float64(b.N), "user-ns/op")
	}
	b.Run("bare", func(b *testing.B) { run(b, handler) })
	b.Run("guarded", func(b *testing.B) {
		g, err := New(Options{Log: slog.New(slog.DiscardHandler)})
		if err != nil {
			b.Fatal(err)
		}
		defer g.Close(context.Background())
		run(b, g.Wrap(handler))
	})
}

// blank is a ResponseWriter that keeps nothing.
type blank struct{ h http.Header }

func (w *blank) Header() http.Header         { return w.h }
func (w *blank) Write(b []byte) (int, error) { return len(b), nil }
func (w *blank) WriteHeader(int)             {}
func (w *blank) Flush()                      {}
