package stream

import (
	"io"
	"net/http"
	"testing"

	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// TestMadeYouReset: faults that only whoever serves the request can see end the connection as others do (CVE-2025-8671).
func TestMadeYouReset(t *testing.T) {
	head := func(kind string, more ...string) string {
		return block(append([]string{":method", "POST", ":scheme", "http", ":authority", "a.example", ":path", "/", "content-type", kind}, more...)...)
	}
	const all = 2000
	for _, c := range []struct {
		name, head string
		kind       byte
		rest       string
	}{
		{"a call longer than it says", head("application/grpc", "content-length", "1"), frameData, "xx"},
		{"a call shorter than it says", head("application/grpc", "content-length", "3"), frameData, "xx"},
		{"a body longer than it says", head("text/plain", "content-length", "1"), frameData, "xx"},
		{"a call with trailers that are none", head("application/grpc"), frameHeaders, "\x00\x01x\x01\x01"},
		{"a body with trailers that are none", head("text/plain"), frameHeaders, "\x00\x01x\x01\x01"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t, http.HandlerFunc(func(_ http.ResponseWriter, q *http.Request) { _, _ = io.Copy(io.Discard, q.Body) }), nil)
			conn := r.dial()
			read, over := make(chan struct{}, 2*all), make(chan struct{})
			go func() {
				defer close(over)
				for {
					kind, flags, _, _, err := conn.next()
					if err != nil {
						return
					}
					if kind == frameReset || kind == frameHeaders && flags&flagEndStream != 0 || kind == frameData && flags&flagEndStream != 0 {
						read <- struct{}{}
					}
				}
			}()
			_ = conn.send(preface, frame(frameSettings, 0, 0, ""), frame(frameWindow, 0, 0, "\x10\x00\x00\x00"))
			n := 0
			for ended := false; n < all && !ended; n++ { // one after the other: never too many at once
				id := uint32(2*n + 1)
				_ = conn.send(frame(frameHeaders, flagEndHeaders, id, c.head), frame(c.kind, flagEndHeaders|flagEndStream, id, c.rest))
				select {
				case <-read:
				case <-over:
					ended = true
				}
			}
			_ = conn.Close()
			<-over
			if n == all {
				t.Fatalf("%d streams at fault, and no flood", n)
			}
			r.until(func(e *event.Event) bool { return e.Anomalies.Has(exchange.AnomalyHTTP2Flood) })
		})
	}
}
