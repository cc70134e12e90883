package upstream

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"merlon/internal/edge/http1"
)

// idOf answers each request with its id as soon as the head is there, and reads the body afterwards. Some paths
// have it close the connection.
func idOf(t *testing.T) Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() {
				defer c.Close()
				serveIDs(c)
			})
		}
	})
	return Target{Network: "tcp", Address: l.Addr().String()}
}

func serveIDs(c net.Conn) {
	br := bufio.NewReader(c)
	for {
		line, err := br.ReadString('\n')
		if err != nil {
			return
		}
		_, path, _ := strings.Cut(line, " ")
		path, _, _ = strings.Cut(path, " ")
		length := int64(0)
		for {
			field, err := br.ReadString('\n')
			if err != nil {
				return
			}
			if field = strings.TrimSpace(field); field == "" {
				break
			}
			if v, ok := strings.CutPrefix(field, "Content-Length: "); ok {
				length, _ = strconv.ParseInt(v, 10, 64)
			}
		}
		kind, id, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
		switch kind {
		case "close":
			return
		case "half":
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\nhalf")
			return
		case "long":
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n%0100000d", 0)
		default:
			_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(id), id)
		}
		if _, err := io.CopyN(io.Discard, br, length); err != nil {
			return
		}
	}
}

// held is a connection whose Close waits until the last piece of a body that is under way has been dealt with.
type held struct {
	net.Conn
	close func()
}

func (h *held) Close() error {
	if h.close != nil {
		h.close()
	}
	return h.Conn.Close()
}

// TestABodyIsStoppedOrSent: the last piece of a body arrives just when nobody waits for it any longer. The connection was
// closed then, and went back to the idle ones as if all had been sent; the next request on it failed.
func TestABodyIsStoppedOrSent(t *testing.T) {
	g := newGroup(t, nil, idOf(t))
	honest := func(id string) {
		t.Helper()
		got, err := ask(t, g, &Request{Head: head(t, "POST /id/"+id+" HTTP/1.1\nHost: a")})
		if err != nil || got.body != id {
			t.Fatalf("%s: %q, %v", id, got.body, err)
		}
	}
	honest("first")
	s := (*g.servers.Load())[0]
	c := s.idle[0]
	nc := &held{Conn: c.NC}
	c.NC = nc
	p := newPieces()
	a, err := g.Do(context.Background(), &Request{Head: head(t, "POST /id/early HTTP/1.1\nHost: a\nContent-Length: 3"), Body: []byte("ab"), Rest: p})
	if err != nil {
		t.Fatal(err)
	}
	up := a.up
	nc.close = sync.OnceFunc(func() {
		p.c <- "c"
		close(p.c)
		select {
		case <-up.done:
		case <-time.After(patience):
			t.Error("the body is stuck")
		}
	})
	if payload, done, err := a.Next(); err != nil || !done || string(payload) != "early" {
		t.Fatalf("%q, %v, %v", payload, done, err)
	}
	a.Close()
	honest("second")
	if up.sent {
		t.Error("a body that was stopped was sent")
	}
}

// TestAnAnswerIsClosedOnce: whoever closes an answer again, or stops its upload, touches nothing of the next exchange.
func TestAnAnswerIsClosedOnce(t *testing.T) {
	g := newGroup(t, nil, idOf(t))
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	h := new(Handle)
	r := &Request{Head: head(t, "GET /id/one HTTP/1.1\nHost: a"), Handle: h}
	one, err := g.Do(ctx, r)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Do(ctx, r); !errors.Is(err, errOpen) {
		t.Errorf("the same request at the same time: %v", err)
	}
	if payload, done, err := one.Next(); err != nil || !done || string(payload) != "one" {
		t.Fatalf("%q, %v, %v", payload, done, err)
	}
	c := one.c
	one.Close()
	two, err := g.Do(context.Background(), &Request{Head: head(t, "GET /id/two HTTP/1.1\nHost: a")})
	if err != nil {
		t.Fatal(err)
	}
	if two.c != c {
		t.Fatal("not the same connection: the test shows nothing")
	}
	one.Close()
	one.Discard()
	_, _ = one.EndUpload()
	h.Abort()
	cancel()
	if payload, done, err := two.Next(); err != nil || !done || string(payload) != "two" {
		t.Errorf("%q, %v, %v", payload, done, err)
	}
	two.Close()
	if n := g.Servers()[0]; n.Idle != 1 || n.InUse != 0 {
		t.Errorf("%+v", n)
	}
}

// late is a body whose end comes when the answer does, or never.
type late struct {
	end     chan struct{} // closed: send the last piece
	stopped chan struct{}
	fails   bool
}

func (l *late) Next() ([]byte, bool, error) {
	select {
	case <-l.end:
		if l.fails {
			return nil, false, errClient
		}
		return []byte("xxxx"), true, nil
	case <-l.stopped:
		return nil, false, errors.New("stopped")
	}
}

func (l *late) Stop() { close(l.stopped) }

// TestNobodyTouchesAnothersExchange: clients that give up in every way, early answers and servers that close run beside honest
// requests on the same few connections. None of those fails or gets what is not its own.
func TestNobodyTouchesAnothersExchange(t *testing.T) {
	const workers, rounds = 8, 400
	g := newGroup(t, func(o *Options) { o.Health.Unhealthy = 1 << 30 }, idOf(t))
	var ids atomic.Int64
	var wg sync.WaitGroup
	for w := range workers {
		heads := make(map[string]*http1.RequestHead)
		for _, text := range []string{"GET /close", "GET /half", "GET /long", "POST /early"} {
			heads[text] = head(t, text+" HTTP/1.1\nHost: a"+map[bool]string{true: "\nContent-Length: 5"}[text == "POST /early"])
		}
		rnd := rand.New(rand.NewPCG(1, uint64(w)))
		wg.Go(func() {
			r := new(Request)
			for range rounds {
				misbehave(g, r, heads, rnd)
				id := strconv.FormatInt(ids.Add(1), 10)
				// POST is never sent again, so that whatever happens to it shows.
				var h http1.RequestHead
				l := http1.DefaultLimits()
				if _, err := h.Parse([]byte("POST /id/"+id+" HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n"), &l); err != nil {
					t.Error(err)
					return
				}
				*r = Request{Head: &h, Body: []byte("ok"), Handle: new(Handle)}
				a, err := g.Do(context.Background(), r)
				if err != nil {
					t.Errorf("request %s: %v", id, err)
					continue
				}
				if got, err := read(a); err != nil || got.body != id {
					t.Errorf("request %s: %q, %v", id, got.body, err)
				}
				a.Close()
			}
		})
	}
	wg.Wait()
	if n := g.Servers()[0]; n.InUse != 0 {
		t.Errorf("%+v", n)
	}
}

// misbehave is one exchange that ends otherwise than in order, on the Request that an honest one used before.
func misbehave(g *Group, r *Request, heads map[string]*http1.RequestHead, rnd *rand.Rand) {
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel() // and perhaps behind Close
	h := new(Handle)
	switch rnd.IntN(6) {
	case 0:
		*r = Request{Head: heads["GET /close"]}
	case 1:
		*r = Request{Head: heads["GET /half"], Handle: h}
	case 2, 3:
		*r = Request{Head: heads["GET /long"], Handle: h}
		go h.Abort()
	case 4, 5:
		body := &late{end: make(chan struct{}), stopped: make(chan struct{}), fails: rnd.IntN(3) == 0}
		*r = Request{Head: heads["POST /early"], Body: []byte("x"), Rest: body, Handle: h}
		if rnd.IntN(4) == 0 {
			close(body.end)
			break
		}
		a, err := g.Do(ctx, r)
		if err != nil {
			return
		}
		if rnd.IntN(2) == 0 {
			for done := false; err == nil && !done; {
				_, done, err = a.Next()
			}
		}
		go close(body.end)
		if rnd.IntN(4) == 0 {
			go h.Abort()
			go cancel()
		}
		a.Close()
		return
	}
	a, err := g.Do(ctx, r)
	if err != nil {
		return
	}
	if rnd.IntN(2) == 0 {
		_, _, _ = a.Next()
		go cancel()
	}
	a.Close()
}

// TestAPanicLeavesNobodyBehind: when passing a 1xx answer on fails inside, nobody reads the request's body any more, for its
// memory is used again; and the request no longer counts.
func TestAPanicLeavesNobodyBehind(t *testing.T) {
	for _, kind := range []string{"http", "h2c"} {
		t.Run(kind, func(t *testing.T) {
			g := newGroup(t, nil, serve(t, kind, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(http.StatusEarlyHints)
				_, _ = io.Copy(io.Discard, r.Body)
			})))
			p := newPieces()
			func() {
				defer func() {
					if v := recover(); v != "inside" {
						t.Errorf("panic %v", v)
					}
				}()
				_, _ = g.Do(t.Context(), &Request{
					Head: head(t, "POST / HTTP/1.1\nHost: a\nContent-Length: 1000"), Body: []byte("x"), Rest: p, Handle: new(Handle),
					Interim: func(*http1.ResponseHead) error { panic("inside") },
				})
			}()
			select {
			case <-p.stopped:
			default:
				t.Error("the body is still being read")
			}
			if n := g.Servers()[0]; n.InUse != 0 || n.Idle != 0 {
				t.Errorf("%+v", n)
			}
		})
	}
}

// TestDiscard: what an answer's payload points to is nobody else's afterwards.
func TestDiscard(t *testing.T) {
	g := newGroup(t, nil, idOf(t))
	a, err := g.Do(context.Background(), &Request{Head: head(t, "GET /id/mine HTTP/1.1\nHost: a")})
	if err != nil {
		t.Fatal(err)
	}
	payload, done, err := a.Next()
	if err != nil || !done {
		t.Fatal(done, err)
	}
	a.Discard()
	if got, err := ask(t, g, &Request{Head: head(t, "GET /id/else HTTP/1.1\nHost: a")}); err != nil || got.body != "else" {
		t.Fatal(got, err)
	}
	if n := g.Servers()[0]; string(payload) != "mine" || n.InUse != 0 || n.Idle != 1 {
		t.Errorf("%q, %+v", payload, n)
	}
}
