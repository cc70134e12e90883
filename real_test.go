package merlon

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"log"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestManyAtOnce: bodies and answers of exchanges that share memory one after the other are never mixed.
func TestManyAtOnce(t *testing.T) {
	r := newRig(t, Options{InspectRequest: 8 << 10, InspectResponse: 4 << 10}, func(w http.ResponseWriter, q *http.Request) {
		b, err := io.ReadAll(q.Body)
		if err != nil {
			t.Error(err)
		}
		sum := sha256.Sum256(b)
		w.Header().Set("X-Sum", fmt.Sprintf("%x", sum))
		_, _ = w.Write(b)
	})
	const clients, each = 8, 60
	var wg sync.WaitGroup
	for c := range clients {
		wg.Go(func() {
			rnd := rand.New(rand.NewPCG(uint64(c), 1))
			for range each {
				body := make([]byte, rnd.IntN(32<<10))
				for i := range body {
					body[i] = byte(rnd.Uint32())
				}
				var in io.Reader = bytes.NewReader(body)
				if rnd.IntN(2) == 0 {
					in = unread{in}
				}
				resp, err := r.server.Client().Post(r.server.URL+fmt.Sprintf("/c/%d", c), "application/octet-stream", in)
				if err != nil {
					t.Error(err)
					return
				}
				got, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if err != nil || !bytes.Equal(got, body) || resp.Header.Get("X-Sum") != fmt.Sprintf("%x", sha256.Sum256(body)) {
					t.Errorf("%v: %d bytes came back of %d", err, len(got), len(body))
					return
				}
			}
		})
	}
	wg.Wait()
	if all := r.events(); len(all) != clients*each {
		t.Errorf("%d events of %d requests", len(all), clients*each)
	}
}

// TestReverseProxy guards net/http's own reverse proxy, which reads bodies beyond its return, flushes and takes
// connections over.
func TestReverseProxy(t *testing.T) {
	back := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Upgrade") != "" {
			nc, rw, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			defer nc.Close()
			_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
			_ = rw.Flush()
			text, _ := rw.ReadString('\n')
			_, _ = io.WriteString(nc, strings.ToUpper(text))
			return
		}
		if q.URL.Path == "/early" {
			w.WriteHeader(http.StatusRequestEntityTooLarge) // before the body is read
			return
		}
		b, _ := io.ReadAll(q.Body)
		_, _ = w.Write(b)
	}))
	defer back.Close()
	u, _ := url.Parse(back.URL)
	proxy := httputil.NewSingleHostReverseProxy(u)
	proxy.ErrorLog = log.New(io.Discard, "", 0)
	proxy.FlushInterval = -1
	r := start(t, Options{InspectRequest: 1 << 10})
	guarded, done := r.guard.Wrap(proxy), make(chan struct{}, 3)
	r.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		guarded.ServeHTTP(w, q)
		done <- struct{}{}
	}))
	text := strings.Repeat("a line of text\n", 10_000)
	if resp, got := r.do("POST", "/echo", strings.NewReader(text)); resp.StatusCode != 200 || got != text {
		t.Errorf("%d with %d bytes", resp.StatusCode, len(got))
	}
	if resp, err := r.server.Client().Post(r.server.URL+"/early", "text/plain", unread{strings.NewReader(text)}); err == nil {
		if _ = resp.Body.Close(); resp.StatusCode != 413 && resp.StatusCode != 502 {
			t.Errorf("early answer: %d", resp.StatusCode)
		}
	}
	for range 2 {
		<-done // an early answer may reach the client before its event is made
	}
	nc, err := net.Dial("tcp", r.server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	fmt.Fprintf(nc, "GET /chat HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	in := bufio.NewReader(nc)
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != 101 {
		t.Fatalf("%v %+v", err, resp)
	}
	fmt.Fprintf(nc, "hello\n")
	if got, err := in.ReadString('\n'); err != nil || got != "HELLO\n" {
		t.Errorf("%q %v", got, err)
	}
	_ = nc.Close()
	<-done // the server does not wait for connections that were taken over
	all := r.events()
	if len(all) != 4 || all[0].Status != 200 || all[2].Status != 101 || all[2].ID != all[3].ID {
		t.Errorf("%+v", all)
	}
}

// TestStandardHandlers: what the standard library builds on a ResponseWriter works behind the guard.
func TestStandardHandlers(t *testing.T) {
	content := strings.Repeat("0123456789", 50_000)
	for _, c := range []struct {
		name    string
		handler http.HandlerFunc
		fields  []string
		body    string
		status  int
		want    string
	}{
		{"range of a file", func(w http.ResponseWriter, q *http.Request) {
			http.ServeContent(w, q, "a.txt", time.Unix(1e9, 0), strings.NewReader(content))
		}, []string{"Range", "bytes=10-19"}, "", 206, "0123456789"},
		{"whole file", func(w http.ResponseWriter, q *http.Request) {
			http.ServeContent(w, q, "a.txt", time.Unix(1e9, 0), strings.NewReader(content))
		}, nil, "", 200, content},
		{"not modified", func(w http.ResponseWriter, q *http.Request) {
			http.ServeContent(w, q, "a.txt", time.Unix(1e9, 0), strings.NewReader(content))
		}, []string{"If-Modified-Since", "Sun, 09 Sep 2001 01:46:40 GMT"}, "", 304, ""},
		{"bounded body", func(w http.ResponseWriter, q *http.Request) {
			if _, err := io.ReadAll(http.MaxBytesReader(w, q.Body, 4)); err != nil {
				http.Error(w, "too large", http.StatusRequestEntityTooLarge)
			}
		}, nil, "longer", 413, "too large\n"},
		{
			"form", func(w http.ResponseWriter, q *http.Request) { fmt.Fprint(w, q.FormValue("a"), q.FormValue("b")) },
			[]string{"Content-Type", "application/x-www-form-urlencoded"},
			"a=1&b=2", 200, "12",
		},
		{"time-out around the handler", http.TimeoutHandler(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			_, _ = io.Copy(w, q.Body)
		}), time.Minute, "late").ServeHTTP, nil, "in time", 200, "in time"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, Options{}, c.handler)
			method, body := "GET", io.Reader(nil)
			if c.body != "" {
				method, body = "POST", strings.NewReader(c.body)
			}
			resp, got := r.do(method, "/", body, c.fields...)
			if resp.StatusCode != c.status || got != c.want {
				t.Errorf("%d with %d bytes, wanted %d with %d", resp.StatusCode, len(got), c.status, len(c.want))
			}
			if e := r.one(); e.Status != c.status || e.Source != "middleware" {
				t.Errorf("%+v", e)
			}
		})
	}
}

// TestTooLate: a handler that writes and reads after its return harms nobody.
func TestTooLate(t *testing.T) {
	r := start(t, Options{})
	var late http.ResponseWriter
	var body io.Reader
	h := r.guard.Wrap(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) { late, body = w, q.Body }))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/", strings.NewReader("secret")))
	h.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("POST", "/", strings.NewReader("another")))
	late.WriteHeader(500)
	_, _ = late.Write([]byte("late"))
	_, _ = io.WriteString(late, "later")
	late.(http.Flusher).Flush()
	if b, err := io.ReadAll(body); len(b) != 0 || err != http.ErrBodyReadAfterClose {
		t.Errorf("%q %v", b, err)
	}
	if all := r.events(); len(all) != 2 || all[0].Status != 200 {
		t.Errorf("%+v", all)
	}
}

// TestClientGone: a request given up by its client before any answer is no success.
func TestClientGone(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	gone := make(chan struct{})
	r := newRig(t, Options{}, func(_ http.ResponseWriter, q *http.Request) {
		cancel()
		<-q.Context().Done()
		close(gone)
	})
	q, _ := http.NewRequestWithContext(ctx, "GET", r.server.URL, nil)
	if _, err := r.server.Client().Do(q); err == nil {
		t.Error("answered")
	}
	<-gone
	if e := r.one(); e.Status != 0 {
		t.Errorf("%+v", e)
	}
}

func TestPeer(t *testing.T) {
	for in, want := range map[string]string{
		"192.0.2.1:80": "192.0.2.1", "[::ffff:192.0.2.1]:80": "192.0.2.1", "[fe80::1%eth0]:80": "fe80::1", "192.0.2.1": "192.0.2.1", "2001:db8::1": "2001:db8::1", "@": "invalid IP", "": "invalid IP",
	} {
		if a, _ := peer(in); a.String() != want {
			t.Errorf("%s: %s, wanted %s", in, a, want)
		}
	}
}
