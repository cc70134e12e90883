package upstream

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
)

// Whatever names clients invent, and whatever they claim, an HTTP/2 server gets one connection and nothing of the claims.
func TestNamesOfClientsMakeNoConnections(t *testing.T) {
	var opened atomic.Int64
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{
		Protocols: new(http.Protocols),
		Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, r.Host+r.URL.Path+r.Header.Get("X-Forwarded-Client-Cert"))
		}),
		ConnState: func(_ net.Conn, state http.ConnState) {
			if state == http.StateNew {
				opened.Add(1)
			}
		},
	}
	s.Protocols.SetUnencryptedHTTP2(true)
	go func() { _ = s.Serve(l) }()
	defer s.Close()
	target, err := ParseTarget("h2c://" + l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	g := newGroup(t, nil, target)
	for i := range 50 {
		r := &Request{Head: head(t, fmt.Sprintf("GET //a/%d HTTP/1.1\nHost: h%d.acme.example\nX-Forwarded-Client-Cert: admin", i, i))}
		r.Rewrite.DropForwarding = true
		a, err := ask(t, g, r)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := a.body, fmt.Sprintf("h%d.acme.example//a/%d", i, i); got != want {
			t.Fatalf("the server saw %q, want %q", got, want)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections for 50 names", n)
	}
}

// A group that a reload has replaced ends nothing: who waits for room in it gets it, who has just fetched it may use it.
func TestClosingEndsNothingUnderWay(t *testing.T) {
	release, arrived := make(chan struct{}), make(chan struct{}, 8)
	target := serve(t, "http", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-release
	}))
	g := newGroup(t, func(o *Options) { o.MaxInUse = 1; o.Wait = patience }, target)
	errs := make(chan error, 2)
	for range 2 {
		go func() {
			_, err := ask(t, g, &Request{Head: head(t, "POST / HTTP/1.1\nHost: a\nContent-Length: 0")})
			errs <- err
		}()
	}
	<-arrived
	for g.waiting.Load() == 0 {
		runtime.Gosched()
	}
	g.Close()
	close(release)
	for range 2 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if _, err := ask(t, g, &Request{Head: head(t, "GET / HTTP/1.1\nHost: a")}); err != nil {
		t.Errorf("a group fetched before it was closed: %v", err)
	}
}
