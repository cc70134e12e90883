package proxy

import (
	"bufio"
	"context"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"merlon/internal/edge/proxy/listen"
)

// gated is a client connection whose deadline for a drain is set late: when more of the request was asked for, or nobody asks.
type gated struct {
	net.Conn
	armed *atomic.Bool
	waked chan struct{} // wake has begun
	reads chan struct{} // more is read behind the first bytes
	asked atomic.Int32
}

func (g *gated) SetReadDeadline(at time.Time) error {
	if d := time.Until(at); g.armed.Load() && d > 0 && d <= drainGrace && g.armed.CompareAndSwap(true, false) {
		close(g.waked)
		select {
		case <-g.reads:
		case <-time.After(200 * time.Millisecond): // nobody does while the deadline is being set, as it should be
		}
	}
	return g.Conn.SetReadDeadline(at)
}

func (g *gated) Read(p []byte) (int, error) {
	select {
	case <-g.waked:
		if g.asked.Add(1) == 2 { // the first byte's read began before
			close(g.reads)
		}
	default:
	}
	return g.Conn.Read(p)
}

// gatedListener gives connections of that kind.
type gatedListener struct {
	net.Listener
	made chan *gated
}

func (l *gatedListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	g := &gated{Conn: c, armed: new(atomic.Bool), waked: make(chan struct{}), reads: make(chan struct{})}
	l.made <- g
	return g, nil
}

// TestUploadThatBeginsDuringADrain: a request whose first byte meets the drain has as long as every other, and not the half
// second in which an idle connection may still bring one.
func TestUploadThatBeginsDuringADrain(t *testing.T) {
	r := newRig(t, echo, nil)
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gl := &gatedListener{nl, make(chan *gated, 1)}
	served := make(chan error, 1)
	go func() { served <- r.server.Serve(listen.New(gl, listen.Options{Now: time.Now})) }()
	c, err := net.Dial("tcp", nl.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	br := bufio.NewReader(c)
	g := <-gl.made
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if resp, err := http.ReadResponse(br, nil); err != nil || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	} else {
		_, _ = io.Copy(io.Discard, resp.Body)
	}
	waiting := func() bool {
		r.server.mu.Lock()
		defer r.server.mu.Unlock()
		for one := range r.server.conns {
			if one.waiting.Load() == waitsFirst {
				return true
			}
		}
		return false
	}
	for !waiting() {
		<-time.After(time.Millisecond)
	}
	g.armed.Store(true)
	drained := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
		defer cancel()
		drained <- r.server.Shutdown(ctx)
	}()
	<-g.waked
	_, _ = io.WriteString(c, "PUT /upload HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234")
	<-time.After(drainGrace + 300*time.Millisecond)
	_, _ = io.WriteString(c, "56789")
	resp, err := http.ReadResponse(br, nil)
	if err != nil || resp.StatusCode != 200 || !resp.Close {
		t.Fatalf("%+v, %v", resp, err)
	}
	if b, err := io.ReadAll(resp.Body); err != nil || !strings.Contains(string(b), `"length":10`) {
		t.Errorf("%s, %v", b, err)
	}
	if err := <-drained; err != nil {
		t.Error(err)
	}
	if err := <-served; err != ErrClosed {
		t.Error(err)
	}
}
