package stream

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"

	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// block is a header block: pairs of name and value.
func block(pairs ...string) string {
	var b bytes.Buffer
	e := hpack.NewEncoder(&b)
	for i := 0; i < len(pairs); i += 2 {
		_ = e.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	return b.String()
}

func get(path string, more ...string) string {
	return block(append([]string{":method", "GET", ":scheme", "http", ":authority", "api.example", ":path", path}, more...)...)
}

func ok(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "ok") }

// drain reads until the other end closes, and tells whether it said GOAWAY, and with which code.
func (c *raw) drain() (code byte, away bool) {
	for {
		kind, _, _, payload, err := c.next()
		if err != nil {
			return code, away
		}
		if kind == frameGoAway && len(payload) >= 8 {
			code, away = payload[7], true
		}
	}
}

func TestFloods(t *testing.T) {
	start := preface + frame(frameSettings, 0, 0, "")
	resets := func(n int) string {
		var b strings.Builder
		for i := range n {
			b.WriteString(frame(frameHeaders, flagEndHeaders|flagEndStream, uint32(2*i+1), get("/")))
			b.WriteString(frame(frameReset, 0, uint32(2*i+1), "\x00\x00\x00\x08"))
		}
		return b.String()
	}
	open := frame(frameHeaders, flagEndHeaders, 1, get("/"))
	for _, c := range []struct {
		name   string
		frames string
	}{
		{"rapid reset", resets(2000)},
		{"streams that must be reset", func() string {
			var b strings.Builder
			for i := range 2000 {
				b.WriteString(frame(frameHeaders, flagEndHeaders|flagEndStream, uint32(2*i+1), block(":method", "GET")))
			}
			return b.String()
		}()},
		{"CONTINUATION without end", frame(frameHeaders, 0, 1, get("/")) + strings.Repeat(frame(frameContinuation, 0, 1, ""), 100)},
		{"a header block without end", frame(frameHeaders, 0, 1, get("/")) + strings.Repeat(frame(frameContinuation, 0, 1, strings.Repeat("x", 16000)), 10)},
		{"SETTINGS", strings.Repeat(frame(frameSettings, 0, 0, ""), 500)},
		{"PING", strings.Repeat(frame(framePing, 0, 0, "12345678"), 2000)},
		{"PRIORITY", strings.Repeat(frame(framePriority, 0, 1, "\x00\x00\x00\x00\x10"), 5000)},
		{"empty DATA", open + strings.Repeat(frame(frameData, 0, 1, ""), 2000)},
		{"WINDOW_UPDATE", strings.Repeat(frame(frameWindow, 0, 0, "\x00\x00\x00\x01"), 200_000)},
		{"frames of no known type", strings.Repeat(frame(0x77, 0, 0, ""), 2000)},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }), nil)
			conn := r.dial()
			read := make(chan struct{})
			go func() { defer close(read); conn.drain() }()
			_ = conn.send(start, c.frames) // the other end closes meanwhile
			<-read
			flooded := 0
			r.until(func(e *event.Event) bool { return e.Anomalies.Has(exchange.AnomalyHTTP2Flood) })
			for _, e := range r.wait(1) {
				if e.Anomalies.Has(exchange.AnomalyHTTP2Flood) {
					flooded++
					if len(e.Findings) == 0 || e.Findings[0].ID != "wire.http2-flood" || e.Client.String() != "127.0.0.1" {
						t.Errorf("%+v", e.Findings)
					}
				}
			}
			if flooded != 1 {
				t.Errorf("%d events tell of the flood", flooded)
			}
		})
	}
}

// TestNoFlood: what busy but honest clients do goes unnoticed.
func TestNoFlood(t *testing.T) {
	r := newRig(t, http.HandlerFunc(ok), nil)
	conn := r.dial()
	if err := conn.send(preface, frame(frameSettings, 0, 0, "")); err != nil {
		t.Fatal(err)
	}
	answered := make(chan int)
	go func() {
		n := 0
		for {
			kind, flags, _, _, err := conn.next()
			if err != nil {
				break
			}
			if kind == frameData && flags&flagEndStream != 0 {
				if n++; n%50 == 0 {
					answered <- n
				}
			}
		}
		close(answered)
	}()
	const requests = 2000
	for i := range requests {
		id := uint32(2*i + 1)
		err := conn.send(frame(framePing, 0, 0, "12345678"), frame(frameHeaders, flagEndHeaders|flagEndStream, id, get("/")), frame(frameWindow, 0, 0, "\x00\x00\x00\x02"))
		if err != nil {
			t.Fatal(err)
		}
		if i%50 == 49 {
			if n, ok := <-answered; !ok || n != i+1 {
				t.Fatalf("after %d requests: %d answers, %v", i+1, n, ok)
			}
		}
	}
	_ = conn.Close()
	for range answered {
	}
	for _, e := range r.wait(requests) {
		if e.Anomalies != 0 || e.Outcome != event.OutcomeAnswered {
			t.Fatalf("%v %v", e.Anomalies, e.Outcome)
		}
	}
}

// TestMalformed: every request that HTTP/2 itself forbids is refused, reaches no upstream, and is told.
func TestMalformed(t *testing.T) {
	for _, c := range []struct {
		name, block string
	}{
		{"field of the connection", get("/", "connection", "close")},
		{"transfer coding", get("/", "transfer-encoding", "chunked")},
		{"TE that is not trailers", get("/", "te", "gzip")},
		{"another host beside the authority", get("/", "host", "other.example")},
		{"name in upper case", get("/", "X-Upper", "1")},
		{"no path", block(":method", "GET", ":scheme", "http", ":authority", "a")},
		{"a whole URI as path", get("http://other.example/")},
		{"a space in the method", block(":method", "GET / HTTP/1.1", ":scheme", "http", ":authority", "a", ":path", "/")},
		{"a space in the path", get("/ HTTP/1.1")},
		{"a line break in a value", get("/", "x", "1\r\nHost: b")},
		{"a length, and no body", get("/", "content-length", "5")},
		{"two lengths", get("/", "content-length", "0", "content-length", "7")},
		{"CONNECT", block(":method", "CONNECT", ":authority", "a:443")},
		{"a host that is none", block(":method", "GET", ":scheme", "http", ":authority", "a b", ":path", "/")},
	} {
		t.Run(c.name, func(t *testing.T) {
			asked := false
			r := newRig(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked = true }), nil)
			conn := r.dial()
			if err := conn.send(preface, frame(frameSettings, 0, 0, ""), frame(frameHeaders, flagEndHeaders|flagEndStream, 1, c.block)); err != nil {
				t.Fatal(err)
			}
			for {
				kind, flags, stream, _, err := conn.next()
				if err != nil || kind == frameReset || stream == 1 && flags&flagEndStream != 0 || kind == frameGoAway {
					break
				}
			}
			_ = conn.Close()
			events := r.wait(1)
			if len(events) != 1 || events[0].Outcome != event.OutcomeRefused || events[0].Anomalies == 0 || events[0].Status < 400 {
				t.Errorf("%d events, the first %v %v %d", len(events), events[0].Outcome, events[0].Anomalies, events[0].Status)
			}
			if asked {
				t.Error("the upstream was asked")
			}
		})
	}
}
