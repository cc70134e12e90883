package http2_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"merlon/internal/edge/http2"
)

// TestConformanceSendWindow: the server sends what the windows allow and not an octet more, however they change.
func TestConformanceSendWindow(t *testing.T) {
	window := func(n uint32) string { return fr(fSettings, 0, 0, setting(setInitial, n)) }
	t.Run("octet by octet", func(t *testing.T) {
		w := newWorld(t, nil)
		c := w.open(setting(setInitial, 0))
		c.send(get(1, "/"), get(3, "/big?0"))
		if !c.until(func() bool { return c.status[1] != "" && len(c.ends[3]) > 0 }) || !c.flushed() || c.bytes[1] != 0 {
			t.Fatalf("%s: %d octets through a window of 0", c, c.bytes[1])
		}
		c.send(fr(fWindow, 0, 1, u32(1)))
		if !c.until(func() bool { return c.bytes[1] > 0 }) || !c.flushed() || c.bytes[1] != 1 || len(c.ends[1]) != 0 {
			t.Fatalf("%s: %d octets through a window of 1", c, c.bytes[1])
		}
		c.send(fr(fWindow, 0, 1, u32(1)))
		if !c.until(c.ended(1)) || c.String() != "1 200, 3 200" || c.bytes[1] != 2 {
			t.Fatal(c)
		}
	})
	t.Run("SETTINGS open the window of a stream that waits", func(t *testing.T) {
		w := newWorld(t, nil)
		c := w.open(setting(setInitial, 0))
		c.send(get(1, "/big?30"))
		if !c.until(func() bool { return c.status[1] != "" }) || !c.flushed() {
			t.Fatal(c)
		}
		c.send(window(10))
		if !c.until(func() bool { return c.bytes[1] > 0 }) || !c.flushed() || c.bytes[1] != 10 {
			t.Fatalf("%s: %d octets, 10 are allowed", c, c.bytes[1])
		}
		c.send(window(30))
		if !c.until(c.ended(1)) || c.bytes[1] != 30 {
			t.Fatalf("%s: %d octets", c, c.bytes[1])
		}
	})
	t.Run("negative", func(t *testing.T) {
		w := newWorld(t, nil)
		c := w.open(setting(setInitial, 100))
		c.send(get(1, "/big?150"))
		if !c.until(func() bool { return c.bytes[1] == 100 }) {
			t.Fatal(c)
		}
		c.send(window(40), fr(fWindow, 0, 1, u32(60))) // 100 sent, 40 allowed, 60 more: 0 left
		if !c.flushed() || c.bytes[1] != 100 {
			t.Fatalf("%s: %d octets through a window of 0", c, c.bytes[1])
		}
		c.send(fr(fWindow, 0, 1, u32(1)))
		if !c.until(func() bool { return c.bytes[1] > 100 }) || !c.flushed() || c.bytes[1] != 101 {
			t.Fatalf("%s: %d octets, 101 are allowed", c, c.bytes[1])
		}
		c.send(window(89))
		if !c.until(c.ended(1)) || c.bytes[1] != 150 {
			t.Fatalf("%s: %d octets", c, c.bytes[1])
		}
	})
	t.Run("of the connection", func(t *testing.T) {
		w := newWorld(t, nil)
		c := w.open(setting(setInitial, 1<<20))
		c.send(get(1, "/big?40000"), get(3, "/big?40000"))
		sum := func() int { return c.bytes[1] + c.bytes[3] }
		if !c.until(func() bool { return sum() == 65535 }) || !c.flushed() || sum() != 65535 {
			t.Fatalf("%s: %d octets", c, sum())
		}
		c.send(window(1), window(1<<20)) // the connection's stays as it is
		if !c.flushed() || sum() != 65535 {
			t.Fatalf("%s: SETTINGS have opened the connection's window: %d octets", c, sum())
		}
		c.send(fr(fWindow, 0, 0, u32(1)))
		if !c.until(func() bool { return sum() > 65535 }) || !c.flushed() || sum() != 65536 {
			t.Fatalf("%s: %d octets", c, sum())
		}
		c.send(fr(fWindow, 0, 0, u32(1<<20)))
		if !c.until(func() bool { return len(c.ends[1]) > 0 && len(c.ends[3]) > 0 }) || sum() != 80000 {
			t.Fatalf("%s: %d octets", c, sum())
		}
	})
	t.Run("a stream that waits holds up no other", func(t *testing.T) {
		w := newWorld(t, nil)
		c := w.open(setting(setInitial, 0))
		c.send(get(1, "/"), get(3, "/"), fr(fWindow, 0, 3, u32(2)))
		if !c.until(c.ended(3)) || c.bytes[1] != 0 {
			t.Fatal(c)
		}
		c.send(fr(fReset, 0, 1, u32(8)))
		if r := w.wait(2); !slices.ContainsFunc(r, func(r *request) bool { return errors.Is(errors.Join(r.readErr, r.writeErr), http2.ErrGone) }) {
			t.Fatal("the one that waited was not told that its client has gone")
		}
	})
	t.Run("END_STREAM needs no window", func(t *testing.T) {
		w := newWorld(t, nil)
		c := w.open(setting(setInitial, 0))
		c.send(get(1, "/big?0"))
		if !c.until(c.ended(1)) || c.String() != "1 200" {
			t.Fatal(c)
		}
	})
}

// TestConformanceReceiveWindow: what a client may send is what it was told, padding included, and all of it is given back.
func TestConformanceReceiveWindow(t *testing.T) {
	small := func(o *http2.Options) {
		o.Limits.ReceiveStream, o.Limits.ReceiveConnection = 65535, 100_000
	}
	full := strings.Repeat("x", 16<<10)
	fill := func(id uint32, n int) string {
		var b strings.Builder
		for ; n > 0; n -= min(n, len(full)) {
			b.WriteString(data(id, 0, full[:min(n, len(full))]))
		}
		return b.String()
	}
	t.Run("all of it", func(t *testing.T) {
		w := newWorld(t, small)
		c := w.open()
		c.send(post(1, "/hold"), fill(1, 65535))
		if !c.flushed() || c.String() != "" {
			t.Fatal(c)
		}
		close(w.release)
		c.send(data(1, endStream, ""))
		if !c.until(c.ended(1)) || len(w.wait(1)[0].body) != 65535 {
			t.Fatal(c)
		}
	})
	for _, c := range []struct{ name, frames, want string }{
		{"a stream's exceeded", post(1, "/hold") + fill(1, 65535) + data(1, 0, "x"), "1 FLOW_CONTROL_ERROR | goaway FLOW_CONTROL_ERROR"},
		{"a stream's exceeded by its last", post(1, "/hold") + fill(1, 65535) + data(1, endStream, "x"), "1 FLOW_CONTROL_ERROR | goaway FLOW_CONTROL_ERROR"},
		{"a stream's exceeded by padding", post(1, "/hold") + fill(1, 65530) + data(1, padded, "\x05\x00\x00\x00\x00\x00"), "1 FLOW_CONTROL_ERROR | goaway FLOW_CONTROL_ERROR"},
		{"the connection's exceeded", post(1, "/hold") + post(3, "/hold") + fill(1, 60_000) + fill(3, 40_001), "goaway FLOW_CONTROL_ERROR"},
		{"the connection's exceeded on streams that are closed", post(1, "/hold") + fr(fReset, 0, 1, u32(8)) + post(3, "/hold") + fill(3, 60_000) + post(5, "/hold") + fill(5, 40_001), "goaway FLOW_CONTROL_ERROR"},
	} {
		t.Run(c.name, func(t *testing.T) {
			cc := conform{frames: c.frames, want: c.want}
			cc.play(t, newWorld(t, small))
		})
	}
	left := func(c *client) int64 { return min(65535+c.window[1], 65535+c.window[0]) }
	t.Run("padding is given back", func(t *testing.T) {
		w := newWorld(t, small)
		c := w.open()
		one := data(1, padded, "\xffx"+strings.Repeat("\x00", 255))
		c.send(post(1, "/"))
		n := 0
		for sent := int64(0); sent < 1<<20; sent += 257 {
			if !c.until(func() bool { return left(c) >= sent+257 }) {
				t.Fatalf("padding uses windows up: %s", c)
			}
			c.send(one)
			n++
		}
		c.send(data(1, endStream, ""))
		if !c.until(c.ended(1)) || c.String() != "1 200" || len(w.wait(1)[0].body) != n {
			t.Fatal(c)
		}
	})
	t.Run("what comes on streams that were reset is given back", func(t *testing.T) {
		w := newWorld(t, small)
		c := w.open()
		for i := range uint32(40) {
			id := 2*i + 1
			c.send(post(id, "/fail"))
			if !c.until(c.ended(id)) {
				t.Fatal(c)
			}
			c.send(fill(id, 20_000)) // it did not know
			if !c.flushed() {
				t.Fatalf("stream %d: %s", id, c)
			}
		}
		if c.window[0] < 40*20_000-100_000 {
			t.Fatalf("%d of %d octets are given back", c.window[0], 40*20_000)
		}
	})
	t.Run("what comes on streams that their client has reset is given back", func(t *testing.T) {
		w := newWorld(t, small)
		c := w.open()
		for i := range uint32(40) {
			id := 2*i + 1
			c.send(post(id, "/hold"), fill(id, 20_000), fr(fReset, 0, id, u32(8)))
			if !c.flushed() {
				t.Fatalf("stream %d: %s", id, c)
			}
			w.wait(int(i) + 1)
		}
		if !c.flushed() || c.window[0] < 40*20_000-100_000 {
			t.Fatalf("%d of %d octets are given back", c.window[0], 40*20_000)
		}
	})
	t.Run("an endless body", func(t *testing.T) {
		w := newWorld(t, small)
		c := w.open()
		c.send(post(1, "/"))
		sent := int64(0)
		for sent < 3<<20 {
			if !c.until(func() bool { return left(c) > sent }) {
				t.Fatal(c)
			}
			n := min(left(c)-sent, int64(len(full)))
			c.send(data(1, 0, full[:n]))
			sent += n
		}
		c.send(data(1, endStream, ""))
		if !c.until(c.ended(1)) || int64(len(w.wait(1)[0].body)) != sent {
			t.Fatal(c)
		}
	})
}

// TestConformanceStreams: how many there may be, and what is said of those that may not.
func TestConformanceStreams(t *testing.T) {
	few := func(o *http2.Options) { o.Limits.Streams = 3 }
	t.Run("one too many", func(t *testing.T) {
		w := newWorld(t, few)
		c := w.open()
		c.send(get(1, "/hold"), get(3, "/hold"), get(5, "/hold"), get(7, "/"), get(9, "/"))
		if !c.until(func() bool { return len(c.ends[7]) > 0 && len(c.ends[9]) > 0 }) || c.String() != "7 REFUSED_STREAM, 9 REFUSED_STREAM" {
			t.Fatal(c)
		}
		if r := w.wait(2); !r[0].refused || !r[0].excess {
			t.Fatalf("%+v", r[0])
		}
		close(w.release)
		if !c.until(func() bool { return len(c.ends[1]) > 0 && len(c.ends[3]) > 0 && len(c.ends[5]) > 0 }) || !c.honest(highest) {
			t.Fatal(c)
		}
	})
	t.Run("one ends, another begins", func(t *testing.T) {
		w := newWorld(t, few)
		c := w.open()
		c.send(get(1, "/hold"), get(3, "/hold"))
		for id := uint32(5); id < 500; id += 2 {
			if !c.honest(id) {
				t.Fatal(c)
			}
		}
		c.send(fr(fReset, 0, 1, u32(8)), fr(fReset, 0, 3, u32(8)), get(501, "/hold"), get(503, "/hold"), get(505, "/"))
		if !c.until(c.ended(505)) || !slices.Equal(c.ends[505], []string{"200"}) {
			t.Fatal(c)
		}
	})
	t.Run("an answer before the request has ended", func(t *testing.T) {
		w := newWorld(t, nil)
		c := w.open()
		c.send(post(1, "/early"))
		if !c.until(func() bool { return len(c.ends[1]) == 2 }) || c.String() != "1 200+NO_ERROR" {
			t.Fatal(c)
		}
		c.send(data(1, 0, "late"), data(1, endStream, ""), fr(fWindow, 0, 1, u32(1)), fr(fReset, 0, 1, u32(8)))
		if !c.flushed() || c.String() != "1 200+NO_ERROR" || !c.honest(highest) {
			t.Fatalf("what was on its way is held against the client: %s", c)
		}
	})
	t.Run("trailers on a stream that was reset move the table", func(t *testing.T) {
		w := newWorld(t, nil)
		c := w.open()
		c.send(post(1, "/fail"))
		if !c.until(c.ended(1)) {
			t.Fatal(c)
		}
		c.send(fr(fHeaders, endHeaders|endStream, 1, "\x40\x01a\x01b"), fr(fHeaders, endHeaders|endStream, 3, ask("GET", "/")+"\xbe"))
		if !c.until(c.ended(3)) || c.String() != "1 INTERNAL_ERROR, 3 200" {
			t.Fatal(c)
		}
		if r := w.wait(2)[1]; !strings.HasSuffix(r.head, "a: b\r\n\r\n") {
			t.Fatalf("%q", r.head)
		}
	})
	t.Run("a malformed request moves the table", func(t *testing.T) {
		w := newWorld(t, nil)
		c := w.open()
		c.send(fr(fHeaders, endHeaders|endStream, 1, fields("X", "y")+"\x40\x01a\x01b"), fr(fHeaders, endHeaders|endStream, 3, ask("GET", "/")+"\xbe"))
		if !c.until(c.ended(3)) || !slices.Equal(c.ends[3], []string{"200"}) {
			t.Fatal(c)
		}
	})
	t.Run("the client's end ends its requests", func(t *testing.T) {
		w := newWorld(t, nil)
		c := w.open()
		c.send(get(1, "/hold"), post(3, "/hold"))
		if !c.flushed() {
			t.Fatal(c)
		}
		_ = c.nc.Close()
		for _, r := range w.wait(2) {
			if !r.fromTheClientGone {
				t.Fatalf("%+v", r)
			}
		}
	})
}

// TestConformanceEnd is section 6.8: what a GOAWAY says was served is served, and what comes behind it is not.
func TestConformanceEnd(t *testing.T) {
	t.Run("last stream of a fault", func(t *testing.T) {
		w := newWorld(t, nil)
		c := w.open()
		c.send(get(1, "/"), get(7, "/hold"), fr(fPing, 0, 1, "12345678"))
		c.until(func() bool { return false })
		if len(c.away) != 1 || c.away[0] != (goAway{7, 1}) {
			t.Fatalf("%+v", c.away)
		}
		w.wait(2)
	})
	t.Run("draining", func(t *testing.T) {
		w := newWorld(t, nil)
		c := w.open()
		c.send(get(1, "/hold"))
		if !c.flushed() {
			t.Fatal(c)
		}
		(<-w.conns).Drain()
		if !c.until(func() bool { return len(c.away) > 0 }) || c.away[0] != (goAway{1<<31 - 1, 0}) {
			t.Fatalf("%+v", c.away)
		}
		c.send(get(3, "/")) // it was on its way
		if !c.until(c.ended(3)) || !slices.Equal(c.ends[3], []string{"200"}) {
			t.Fatal(c)
		}
		c.send(fr(fPing, ack, 0, "draining")) // and now it knows
		if !c.until(func() bool { return len(c.away) > 1 }) || c.away[1] != (goAway{3, 0}) {
			t.Fatalf("%+v", c.away)
		}
		// Behind the last one: ignored, but its blocks move the table and its data counts.
		c.send(fr(fHeaders, endHeaders, 5, ask("POST", "/")+"\x40\x01a\x01b"), data(5, endStream, "x"), fr(fReset, 0, 5, u32(8)), fr(fWindow, 0, 7, u32(9)), fr(fPing, 0, 0, "12345678"))
		if !c.until(func() bool { return len(c.pongs) > 1 }) {
			t.Fatal(c)
		}
		close(w.release)
		c.until(func() bool { return false })
		if !slices.Equal(c.ends[1], []string{"200"}) || len(c.ends[5]) != 0 || len(w.wait(2)) != 2 || len(w.told()) != 0 {
			t.Fatalf("%v, %d requests, faults %v", c.ends, len(w.wait(2)), w.told())
		}
	})
	t.Run("draining with nothing under way", func(t *testing.T) {
		w := newWorld(t, nil)
		c := w.open()
		if !c.honest(1) {
			t.Fatal(c)
		}
		(<-w.conns).Drain()
		c.until(func() bool { return false })
		if len(c.away) < 1 || c.away[len(c.away)-1] != (goAway{1, 0}) {
			t.Fatalf("%+v", c.away)
		}
	})
	t.Run("silence from the beginning", func(t *testing.T) {
		w := newWorld(t, func(o *http2.Options) { o.Head = 20 * time.Millisecond })
		c := w.dial()
		if c.until(func() bool { return false }); len(c.away) != 1 || c.away[0].code != 0 || len(w.told()) != 0 {
			t.Fatalf("%s, faults %v", c, w.told())
		}
	})
	t.Run("half a header block, then silence", func(t *testing.T) {
		w := newWorld(t, func(o *http2.Options) { o.Head = 20 * time.Millisecond })
		c := w.open()
		c.send(fr(fHeaders, 0, 1, ask("GET", "/")))
		c.until(func() bool { return false })
	})
	t.Run("half a frame, then silence", func(t *testing.T) {
		w := newWorld(t, func(o *http2.Options) { o.Head, o.Idle = 20*time.Millisecond, 20*time.Millisecond })
		c := w.open()
		c.send(get(1, "/")[:12])
		c.until(func() bool { return false })
	})
	t.Run("idle", func(t *testing.T) {
		w := newWorld(t, func(o *http2.Options) { o.Head, o.Idle = 20*time.Millisecond, 20*time.Millisecond })
		c := w.open()
		c.send(get(1, "/"))
		if c.until(func() bool { return false }); len(c.away) != 1 || c.away[0] != (goAway{1, 0}) {
			t.Fatalf("%s", c)
		}
	})
}
