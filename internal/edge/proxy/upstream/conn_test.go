package upstream

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// TestAnExchangeAllocatesNothing: on a kept plain connection, with a short answer.
func TestAnExchangeAllocatesNothing(t *testing.T) {
	g, r := bare(t, Target{})
	ctx := context.Background()
	run := func() {
		a, err := g.Do(ctx, r)
		if err != nil {
			t.Fatal(err)
		}
		if payload, done, err := a.Next(); err != nil || !done || len(payload) != 27 {
			t.Fatal(err, done, len(payload))
		}
		a.Close()
	}
	run()
	if n := testing.AllocsPerRun(500, run); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// bare is a group before a server that costs next to nothing, and a request for it.
func bare(t testing.TB, target Target) (*Group, *Request) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	answer := []byte("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 27\r\n\r\n{\"id\":1,\"name\":\"somebody\"}\n")
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				buf := make([]byte, 4096)
				for n := 0; ; {
					m, err := c.Read(buf[n:])
					if err != nil {
						return
					}
					if n += m; bytes.HasSuffix(buf[:n], []byte("\r\n\r\n")) {
						n = 0
						_, _ = c.Write(answer)
					}
				}
			}()
		}
	}()
	target.Network, target.Address = "tcp", l.Addr().String()
	return newGroup(t, nil, target), &Request{Head: head(t, "GET /items/17?q=x HTTP/1.1\nHost: acme\nUser-Agent: bench\nAccept: */*"), Handle: new(Handle)}
}

// BenchmarkDo is one exchange with a plain HTTP/1.1 server, the server's part included.
func BenchmarkDo(b *testing.B) {
	g, r := bare(b, Target{})
	ctx := context.Background()
	b.ReportAllocs()
	for b.Loop() {
		a, err := g.Do(ctx, r)
		if err != nil {
			b.Fatal(err)
		}
		_, _, _ = a.Next()
		a.Close()
	}
}

// BenchmarkPick is choosing one of three servers, and of thirty.
func BenchmarkPick(b *testing.B) {
	for _, tc := range []struct {
		name string
		n    int
		hash bool
	}{{"one", 1, false}, {"three", 3, false}, {"thirty", 30, false}, {"hash of three", 3, true}} {
		b.Run(tc.name, func(b *testing.B) {
			targets := make([]Target, tc.n)
			for i := range targets {
				targets[i] = Target{Network: "tcp", Address: "192.0.2.1:80"}
			}
			g := newGroup(b, func(o *Options) { o.Hash = tc.hash }, targets...)
			var tried set
			b.ReportAllocs()
			for b.Loop() {
				s, err := g.pick(42, &tried)
				if err != nil {
					b.Fatal(err)
				}
				s.release()
			}
		})
	}
}

// corked is a connection whose writes go out together.
type corked struct {
	net.Conn
	held []byte
	cork bool
}

func (c *corked) Write(b []byte) (int, error) {
	if c.cork {
		c.held = append(c.held, b...)
		return len(b), nil
	}
	return c.Conn.Write(b)
}

// TestWhatComesUnaskedUnderTLS: a second answer in the same segment as the first, but in a TLS record of its own, is nobody's
// answer (response queue poisoning).
func TestWhatComesUnaskedUnderTLS(t *testing.T) {
	target := serve(t, "https", http.NotFoundHandler()) // for its certificates
	a := newAuthority(t)
	cert, key := a.issue("upstream.test")
	own, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer nc.Close()
				below := &corked{Conn: nc}
				c := tls.Server(below, &tls.Config{Certificates: []tls.Certificate{own}, MinVersion: tls.VersionTLS12})
				br := bufio.NewReader(c)
				for {
					if _, err := http.ReadRequest(br); err != nil {
						return
					}
					below.cork = true
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood")
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON")
					below.cork = false
					_, _ = nc.Write(below.held)
					below.held = nil
				}
			}()
		}
	}()
	target.Address = l.Addr().String()
	if err := target.Secure(Credentials{CA: a.pem}); err != nil {
		t.Fatal(err)
	}
	g := newGroup(t, nil, target)
	for range 5 {
		if got, err := ask(t, g, &Request{Head: head(t, "GET / HTTP/1.1\nHost: a")}); err != nil || got.body != "good" {
			t.Fatalf("%v %q", err, got.body)
		}
	}
}

// TestConnectionsUnderTLSAreKept: looking for what TLS holds back does not spoil a connection.
func TestConnectionsUnderTLSAreKept(t *testing.T) {
	addresses := make(map[string]bool)
	g := newGroup(t, nil, serve(t, "https", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { addresses[r.RemoteAddr] = true })))
	for range 10 {
		if got, err := ask(t, g, &Request{Head: head(t, "POST / HTTP/1.1\nHost: a\nContent-Length: 1"), Body: []byte("x")}); err != nil || got.status != 200 {
			t.Fatal(err)
		}
	}
	if len(addresses) != 1 {
		t.Errorf("%d connections", len(addresses))
	}
}

// faulty is a body whose reading panics.
type faulty struct{}

func (faulty) Next() ([]byte, bool, error) { panic("planted") }
func (faulty) Stop()                       {}

// TestPanicsStayInTheirRequest: the process and the other requests live on.
func TestPanicsStayInTheirRequest(t *testing.T) {
	for _, kind := range []string{"http", "h2c"} {
		g := newGroup(t, nil, serve(t, kind, http.HandlerFunc(echo)))
		_, err := ask(t, g, &Request{Head: head(t, "POST / HTTP/1.1\nHost: a\nTransfer-Encoding: chunked"), Rest: faulty{}})
		if !errors.Is(err, errPanic) {
			t.Errorf("%s: %v", kind, err)
		}
		if got, err := ask(t, g, &Request{Head: head(t, "GET / HTTP/1.1\nHost: a")}); err != nil || got.status != 200 {
			t.Errorf("%s: the next request: %v", kind, err)
		}
	}
}

// TestAnswersWithoutMeasure: heads, 1xx answers and bodies that do not end are cut.
func TestAnswersWithoutMeasure(t *testing.T) {
	for name, say := range map[string]func(c net.Conn){
		"1xx": func(c net.Conn) {
			for range maxInterim + 1 {
				_, _ = io.WriteString(c, "HTTP/1.1 103 Early Hints\r\n\r\n")
			}
		},
		"head": func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nX: "+strings.Repeat("x", 40_000)+"\r\n\r\n")
		},
		"body": func(c net.Conn) {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n"+strings.Repeat("x", 40_000))
		},
	} {
		p := newPlain(t, func(c net.Conn, _ *http.Request) bool { say(c); return false })
		g := newGroup(t, func(o *Options) { o.Codec.BodyBytes = 30_000 }, p.target())
		if _, err := ask(t, g, &Request{Head: head(t, "POST / HTTP/1.1\nHost: a")}); err == nil || Status(err) != 502 {
			t.Errorf("%s: %v", name, err)
		}
	}
}
