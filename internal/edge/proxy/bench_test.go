package proxy

import (
	"bytes"
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"merlon/internal/edge/proxy/listen"
	"merlon/internal/edge/proxy/upstream"
	"merlon/internal/enforce/engine"
	"merlon/internal/model/bundle"
	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
)

// BenchmarkRoundTrip is one GET through the proxy over loopback: a raw client, the proxy, a raw upstream, each with one
// connection. It is what the exchange costs in system calls, wake-ups and allocations, the engine included.
func BenchmarkRoundTrip(b *testing.B) {
	addr := benchProxy(b, rawUpstream(b))
	c, err := net.Dial("tcp", addr)
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	request := []byte("GET /items/17?q=x HTTP/1.1\r\nHost: acme\r\nUser-Agent: bench\r\nAccept: */*\r\nAccept-Encoding: gzip\r\nCookie: a=b\r\n\r\n")
	buf := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := c.Write(request); err != nil {
			b.Fatal(err)
		}
		for n := 0; ; {
			m, err := c.Read(buf[n:])
			if err != nil {
				b.Fatal(err)
			}
			if n += m; bytes.HasSuffix(buf[:n], []byte("somebody\"}\n")) {
				break
			}
		}
	}
}

// rawUpstream answers every request alike, with as little work as can be.
func rawUpstream(b testing.TB) (url string) {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = l.Close() })
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
	return "http://" + l.Addr().String()
}

// benchProxy serves one site before the upstream and throws the events away.
func benchProxy(b testing.TB, url string) (addr string) {
	b.Helper()
	return benchListener(b, url, listen.Options{})
}

// benchListener is benchProxy with a listener of one's own.
func benchListener(b testing.TB, url string, o listen.Options) (addr string) {
	b.Helper()
	queue := event.NewQueue(10_000)
	e, mistakes := engine.New(engine.Options{Queue: queue, Namer: event.NewNamer(1, 1), Node: "n"}, engine.Input{
		Bundle: &bundle.Bundle{Sites: []bundle.Site{{Name: "acme", Default: true}}},
		Keys:   map[string]dataclass.Key{"acme": {1}},
	})
	if e == nil {
		b.Fatal(mistakes)
	}
	log := slog.New(slog.DiscardHandler)
	g := upstream.NewGroup(upstream.Options{Site: "acme", Targets: at(b, url), Log: log, Now: time.Now})
	s := New(Options{Engine: e, Sites: map[string]*upstream.Group{"acme": g}, Log: log, Now: time.Now})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	go func() { _ = s.Serve(listen.New(l, o)) }()
	go func() {
		for batch := queue.Take(context.Background()); batch != nil; batch = queue.Take(context.Background()) {
			queue.Release(batch...)
		}
	}()
	b.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		_ = s.Shutdown(ctx)
		queue.Close()
	})
	return l.Addr().String()
}
