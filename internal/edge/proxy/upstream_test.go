package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"merlon/internal/edge/proxy/upstream"
	"merlon/internal/model/event"
)

// scripted is an upstream that serves every connection with serve, told which one it is.
func scripted(t *testing.T, serve func(n int, c net.Conn, br *bufio.Reader)) []upstream.Target {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	var count atomic.Int32
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				serve(int(count.Add(1)), c, bufio.NewReader(c))
			}()
		}
	}()
	return at(t, "http://"+l.Addr().String())
}

// TestWhatAnUpstreamSaysUnaskedIsNobodysAnswer: the upstream answers HEAD with a body that looks like a response. The
// next client must not get it (response queue poisoning).
func TestWhatAnUpstreamSaysUnaskedIsNobodysAnswer(t *testing.T) {
	poisoned, sent := make(chan struct{}), make(chan struct{})
	r := newRigAt(t, scripted(t, func(_ int, c net.Conn, br *bufio.Reader) {
		for {
			req, err := http.ReadRequest(br)
			if err != nil {
				return
			}
			if req.Method == "HEAD" {
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\n")
				<-poisoned // the proxy has passed the head on
				_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nPOISON")
				close(sent)
				continue
			}
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood")
		}
	}), nil)
	head, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer head.Close()
	_, _ = io.WriteString(head, "HEAD /a HTTP/1.1\r\nHost: a\r\n\r\n")
	r.wait(1)
	close(poisoned)
	<-sent
	if got := r.raw("GET /victim HTTP/1.1\r\nHost: a\r\n\r\n", 1); strings.Contains(got, "POISON") || !strings.Contains(got, "good") {
		t.Errorf("the next client got %q", got)
	}
}

// TestStreamedBodyIsNeverSentTwice: the upstream takes a streamed PUT on a kept connection and closes without an answer.
// What is left of the body is not a request.
func TestStreamedBodyIsNeverSentTwice(t *testing.T) {
	for _, chunked := range []bool{false, true} {
		t.Run(fmt.Sprint("chunked ", chunked), func(t *testing.T) {
			var strange atomic.Int32
			r := newRigAt(t, scripted(t, func(n int, c net.Conn, br *bufio.Reader) {
				for {
					req, err := http.ReadRequest(br)
					if err != nil {
						if n > 1 && !errors.Is(err, io.EOF) {
							strange.Add(1)
						}
						return
					}
					_, _ = io.Copy(io.Discard, req.Body)
					if req.Method == "PUT" {
						return // without an answer
					}
					_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
				}
			}), func(o *rigOptions) { o.InspectRequest = 1000; o.Up.Timeouts.Response = 5 * time.Second })
			r.raw("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1)
			r.wait(1)
			body := strings.Repeat("x", 50_000)
			text := fmt.Sprintf("PUT /b HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
			if chunked {
				text = fmt.Sprintf("PUT /b HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(body), body)
			}
			if got := r.raw(text, 1); !strings.HasPrefix(got, "HTTP/1.1 502") {
				t.Errorf("got %.200q", got)
			}
			if strange.Load() > 0 {
				t.Error("a part of the body was sent as a request")
			}
		})
	}
}

// TestSlowAnswersAndSlowClientsHaveTheirOwnLimits: an answer may take longer than a body's pause, and a client may take
// longer over its body than an upstream over its answer.
func TestSlowAnswersAndSlowClientsHaveTheirOwnLimits(t *testing.T) {
	up := http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		_, _ = io.Copy(io.Discard, req.Body)
		if req.URL.Path == "/slow" {
			<-time.After(300 * time.Millisecond)
		}
		_, _ = io.WriteString(w, "late but here")
	})
	r := newRig(t, up, func(o *rigOptions) {
		o.Timeouts.Body, o.Up.Timeouts.Body = 100*time.Millisecond, 100*time.Millisecond
		o.Up.Timeouts.Response = 5 * time.Second
	})
	if got := r.raw("GET /slow HTTP/1.1\r\nHost: a\r\n\r\n", 1); !strings.Contains(got, "late but here") {
		t.Errorf("a slow answer: %q", got)
	}

	r = newRig(t, up, func(o *rigOptions) {
		o.Timeouts.Body = 5 * time.Second
		o.Up.Timeouts.Response = 1500 * time.Millisecond
	})
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\na")
	<-time.After(2 * time.Second)
	_, _ = io.WriteString(c, "b")
	resp, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil || resp.StatusCode != 200 {
		t.Errorf("a slow client: %v %v", resp, err)
	}
}

// TestEventStreamIsALongExchange: server-sent events may be silent for longer than a body, and are told twice.
func TestEventStreamIsALongExchange(t *testing.T) {
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_, _ = io.WriteString(w, "data: 1\n\n")
		_ = http.NewResponseController(w).Flush()
		<-time.After(300 * time.Millisecond)
		_, _ = io.WriteString(w, "data: 2\n\n")
	}), func(o *rigOptions) {
		o.Timeouts.Body, o.Up.Timeouts.Body = 50*time.Millisecond, 50*time.Millisecond
		o.Timeouts.Idle = time.Minute
	})
	if got := r.raw("GET /events HTTP/1.1\r\nHost: a\r\n\r\n", 1); !strings.Contains(got, "data: 2") {
		t.Errorf("got %q", got)
	}
	events := r.wait(2)
	if events[0].Phase != event.Open || events[1].Phase != event.Close || events[1].ResponseBytes != 18 {
		t.Errorf("%v, then %v with %d bytes", events[0].Phase, events[1].Phase, events[1].ResponseBytes)
	}
}

// TestShutdownKeepsItsDeadline: an upstream that never answers does not hold the process.
func TestShutdownKeepsItsDeadline(t *testing.T) {
	hold, arrived := make(chan struct{}), make(chan struct{})
	t.Cleanup(func() { close(hold) })
	r := newRigAt(t, scripted(t, func(_ int, _ net.Conn, br *bufio.Reader) {
		_, _ = http.ReadRequest(br)
		close(arrived)
		<-hold
	}), func(o *rigOptions) { o.Up.Timeouts.Response = time.Hour })
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	<-arrived
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	if err := r.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("shutdown: %v", err)
	}
	if e := r.wait(1)[0]; e.Outcome != event.OutcomeUpstream {
		t.Errorf("outcome %v", e.Outcome)
	}
}
