package proxy

import (
	"bufio"
	"context"
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

// dial opens a connection to the rig that ends a broken test.
func (r *rig) dial() (net.Conn, *bufio.Reader) {
	r.t.Helper()
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		r.t.Fatal(err)
	}
	r.t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c, bufio.NewReader(c)
}

// TestAnswersDoNotWaitForBodies: an upstream that refuses a body is heard although the client is still sending it, and one
// that answers while it reads is heard as it goes.
func TestAnswersDoNotWaitForBodies(t *testing.T) {
	big := strings.Repeat("x", 200_000)
	t.Run("refused", func(t *testing.T) {
		r := newRigAt(t, scripted(t, func(_ int, c net.Conn, br *bufio.Reader) {
			if _, err := http.ReadRequest(br); err == nil {
				_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nno\n")
				_, _ = io.Copy(io.Discard, br)
			}
		}), nil)
		c, br := r.dial()
		_, _ = fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n%s", big)
		resp, err := http.ReadResponse(br, nil) // while 800,000 bytes are still to come
		if err != nil || resp.StatusCode != 413 || !resp.Close {
			t.Fatalf("%v %+v", err, resp)
		}
		if e := r.wait(1)[0]; e.Outcome != event.OutcomeAnswered || e.Status != 413 || e.RequestBytes < 128<<10 || e.RequestBytes > 200_000 {
			t.Errorf("outcome %v, status %d, %d bytes", e.Outcome, e.Status, e.RequestBytes)
		}
	})
	t.Run("echoed", func(t *testing.T) {
		r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			rc := http.NewResponseController(w)
			_ = rc.EnableFullDuplex()
			buf := make([]byte, 64<<10)
			for {
				n, err := req.Body.Read(buf)
				_, _ = w.Write(buf[:n])
				_ = rc.Flush()
				if err != nil {
					return
				}
			}
		}), nil)
		c, br := r.dial()
		_, _ = fmt.Fprintf(c, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n", len(big), big)
		resp, err := http.ReadResponse(br, nil)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%v %+v", err, resp)
		}
		got := make([]byte, len(big))
		if _, err := io.ReadFull(resp.Body, got); err != nil || string(got) != big {
			t.Fatal(err)
		}
		for i := range 5 {
			_, _ = fmt.Fprintf(c, "1\r\n%d\r\n", i)
			if _, err := io.ReadFull(resp.Body, got[:1]); err != nil || got[0] != byte('0'+i) {
				t.Fatalf("%v, got %q", err, got[0])
			}
		}
		_, _ = io.WriteString(c, "0\r\n\r\n")
		if rest, err := io.ReadAll(resp.Body); err != nil || len(rest) > 0 {
			t.Errorf("%v %q", err, rest)
		}
		if e := r.wait(1)[0]; e.Outcome != event.OutcomeAnswered || e.RequestBytes != int64(len(big)+5) || e.ResponseBytes != int64(len(big)+5) {
			t.Errorf("outcome %v, %d up, %d down", e.Outcome, e.RequestBytes, e.ResponseBytes)
		}
	})
}

// TestHTTP2Upstreams: what HTTP/1.1 clients send reaches servers that speak HTTP/2, and the other way round.
func TestHTTP2Upstreams(t *testing.T) {
	s := &http.Server{Protocols: new(http.Protocols), Handler: http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/trailers" {
			w.Header().Set("Trailer", "X-Sum")
			_, _ = io.WriteString(w, "body")
			w.Header().Set("X-Sum", "7")
			return
		}
		echo(w, req)
	})}
	s.Protocols.SetUnencryptedHTTP2(true)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	r := newRigAt(t, at(t, "h2c://"+l.Addr().String()), nil)
	big := strings.Repeat("a", 500_000)
	for i, tc := range []struct{ name, text, want string }{
		{"get", "GET /a?b=c HTTP/1.1\r\nHost: api.test\r\n\r\n", `"host":"api.test"`},
		{"post", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc", `"length":3`},
		{"large body", fmt.Sprintf("POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s", len(big), big), `"length":500000`},
		{"large chunked body", fmt.Sprintf("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n%s\r\n0\r\n\r\n", len(big), big), `"length":500000`},
		{"no content", "GET /empty HTTP/1.1\r\nHost: a\r\n\r\n", "HTTP/1.1 204 "},
		{"large answer", "GET /large HTTP/1.1\r\nHost: a\r\n\r\n", "xxxx"},
		{"trailers", "GET /trailers HTTP/1.1\r\nHost: a\r\nTE: trailers\r\n\r\n", "X-Sum: 7"},
		{"upgrade", "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n", `"upgrade":""`},
		{"websocket", "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", `"upgrade":""`},
	} {
		got := r.raw(tc.text, 1)
		if e := r.wait(i + 1)[i]; !strings.Contains(got, tc.want) || e.Outcome != event.OutcomeAnswered {
			t.Errorf("%s: outcome %v, %.300s", tc.name, e.Outcome, got)
		}
	}
}

// TestClientsThatGo: a reset gives the request up, the end of the client's sending does not.
func TestClientsThatGo(t *testing.T) {
	arrived, gone, release := make(chan struct{}), make(chan struct{}), make(chan struct{})
	r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		arrived <- struct{}{}
		if req.URL.Path == "/reset" {
			<-req.Context().Done()
			close(gone)
			return
		}
		<-release
		_, _ = io.WriteString(w, "answer")
	}), nil)
	ticks := make(chan time.Time)
	ctx, cancel := context.WithCancel(t.Context())
	watched := make(chan struct{})
	go func() { defer close(watched); r.server.Watch(ctx, ticks) }()
	t.Cleanup(func() { cancel(); <-watched })

	half, br := r.dial()
	_, _ = io.WriteString(half, "GET /half HTTP/1.1\r\nHost: a\r\n\r\n")
	<-arrived
	_ = half.(*net.TCPConn).CloseWrite()
	away, _ := r.dial()
	_, _ = io.WriteString(away, "GET /reset HTTP/1.1\r\nHost: a\r\n\r\n")
	<-arrived
	_ = away.(*net.TCPConn).SetLinger(0)
	_ = away.Close()
	ticks <- time.Time{}
	ticks <- time.Time{} // the first look is over
	<-gone
	if e := r.wait(1)[0]; e.Outcome != event.OutcomeClientGone {
		t.Errorf("after a reset: outcome %v", e.Outcome)
	}
	close(release)
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	if body, err := io.ReadAll(resp.Body); err != nil || string(body) != "answer" {
		t.Errorf("after a half-close: %v %q", err, body)
	}
}

// TestClientsStayWithTheirServer: by address, when the site balances by hash.
func TestClientsStayWithTheirServer(t *testing.T) {
	var targets []upstream.Target
	for i := range 3 {
		targets = append(targets, scripted(t, func(_ int, c net.Conn, br *bufio.Reader) {
			for {
				if _, err := http.ReadRequest(br); err != nil {
					return
				}
				_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\n%d", i)
			}
		})...)
	}
	r := newRigAt(t, targets, func(o *rigOptions) { o.Up.Hash = true })
	used := make(map[string]bool)
	for i := range 30 {
		text := fmt.Sprintf("PROXY TCP4 192.0.2.%d 127.0.0.1 1234 80\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n", i)
		first, second := r.raw(text, 1), r.raw(text, 1)
		if first != second {
			t.Errorf("client %d changed its server", i)
		}
		used[first] = true
	}
	if len(used) != 3 {
		t.Errorf("%d servers were used", len(used))
	}
}

// TestLongExchangesTellHowFarTheyAre: when a minute has passed, and at 1, 2, 4 MiB.
func TestLongExchangesTellHowFarTheyAre(t *testing.T) {
	t.Run("events", func(t *testing.T) {
		var ahead atomic.Int64
		more := make(chan string)
		r := newRig(t, http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
			w.Header().Set("Content-Type", "text/event-stream")
			for {
				select {
				case s, ok := <-more:
					if !ok {
						return
					}
					_, _ = io.WriteString(w, s)
					_ = http.NewResponseController(w).Flush()
				case <-req.Context().Done():
					return
				}
			}
		}), func(o *rigOptions) {
			o.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
			o.Up.Now = o.Now
		})
		c, br := r.dial()
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
		more <- "data: 1\n\n"
		resp, err := http.ReadResponse(br, nil)
		if err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 9)
		_, _ = io.ReadFull(resp.Body, buf)
		ahead.Store(int64(progressEvery))
		more <- "data: 2\n\n"
		if _, err := io.ReadFull(resp.Body, buf); err != nil || string(buf) != "data: 2\n\n" {
			t.Fatalf("%v %q", err, buf)
		}
		r.wait(2)
		more <- "data: 3\n\n"
		close(more)
		_, _ = io.Copy(io.Discard, resp.Body)
		wantPhases(t, r.wait(3), "open 0+0", "progress 0+18", "close 0+27")
	})
	t.Run("websocket", func(t *testing.T) {
		r := newRigAt(t, scripted(t, func(_ int, c net.Conn, br *bufio.Reader) {
			if _, err := http.ReadRequest(br); err != nil {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n")
			_, _ = io.Copy(c, br)
		}), nil)
		c, br := r.dial()
		_, _ = io.WriteString(c, "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
		if resp, err := http.ReadResponse(br, nil); err != nil || resp.StatusCode != 101 {
			t.Fatalf("%v %+v", err, resp)
		}
		piece := []byte(strings.Repeat("m", 1<<10))
		for range 1200 { // 2.4 MB both ways
			_, _ = c.Write(piece)
			if _, err := io.ReadFull(br, piece); err != nil {
				t.Fatal(err)
			}
		}
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = io.Copy(io.Discard, br)
		events := r.wait(4)
		if len(events) != 4 || events[0].Phase != event.Open || events[3].Phase != event.Close {
			t.Fatalf("%d events", len(events))
		}
		for i, e := range events[1:3] {
			if sum := e.RequestBytes + e.ResponseBytes; e.Phase != event.Progress || sum < progressBytes<<i || sum > progressBytes<<i+64<<10 {
				t.Errorf("event %d: phase %v, %d bytes", i, e.Phase, sum)
			}
		}
		if e := events[3]; e.RequestBytes != 1200<<10 || e.ResponseBytes != 1200<<10 {
			t.Errorf("at the end %d up, %d down", e.RequestBytes, e.ResponseBytes)
		}
	})
}

func wantPhases(t *testing.T, events []event.Event, want ...string) {
	t.Helper()
	names := map[event.Phase]string{event.Open: "open", event.Progress: "progress", event.Close: "close"}
	var got []string
	for i := range events {
		got = append(got, fmt.Sprintf("%s %d+%d", names[events[i].Phase], events[i].RequestBytes, events[i].ResponseBytes))
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("events %q, want %q", got, want)
	}
}
