package http2_test

import (
	"slices"
	"strings"
	"testing"

	"merlon/internal/edge/http2"
)

// TestConformanceLists: a header list that is longer than was announced costs its request and nothing else, and one that is
// longer by far its connection (RFC 9113 section 10.5.1).
func TestConformanceLists(t *testing.T) {
	// A field of 1,000 octets that enters the table, and its name of one octet.
	const name = "\xbe"
	enter := "\x40" + integer(0, 7, 1) + "x" + integer(0, 7, 999) + strings.Repeat("y", 999)
	request := func(id uint32, names int) string {
		return fr(fHeaders, endHeaders|endStream, id, ask("GET", "/")+strings.Repeat(name, names))
	}
	small := func(o *http2.Options) { o.Limits.HeadBytes = 8 << 10 }
	start := func(t *testing.T) (*world, *client) {
		w := newWorld(t, small)
		c := w.open()
		c.send(fr(fHeaders, endHeaders|endStream, 1, ask("GET", "/")+enter))
		if !c.until(c.ended(1)) || c.String() != "1 200" {
			t.Fatal(c)
		}
		return w, c
	}
	t.Run("within", func(t *testing.T) {
		_, c := start(t)
		c.send(request(3, 7))
		if !c.until(c.ended(3)) || !slices.Equal(c.ends[3], []string{"200"}) {
			t.Fatal(c)
		}
	})
	t.Run("longer", func(t *testing.T) {
		w, c := start(t)
		for id := uint32(3); id < 99; id += 2 {
			c.send(request(id, 12))
			if !c.until(c.ended(id)) || !slices.Equal(c.ends[id], []string{"431"}) {
				t.Fatal(c)
			}
		}
		c.send(request(highest-2, 1))
		if !c.until(c.ended(highest-2)) || !slices.Equal(c.ends[highest-2], []string{"200"}) || !c.honest(highest) {
			t.Fatal(c)
		}
		for _, r := range w.wait(51) {
			if len(r.head) > 16<<10 {
				t.Fatalf("%d octets of a head are handed over", len(r.head))
			}
		}
	})
	t.Run("trailers longer", func(t *testing.T) {
		_, c := start(t)
		c.send(post(3, "/"), data(3, 0, "body"), fr(fHeaders, endHeaders|endStream, 3, strings.Repeat(name, 40)))
		if !c.until(c.ended(3)) || !slices.Equal(c.ends[3], []string{"PROTOCOL_ERROR"}) || !c.honest(highest) {
			t.Fatal(c)
		}
	})
	t.Run("longer by far", func(t *testing.T) {
		w, c := start(t)
		c.send(request(3, 15_000))
		c.until(func() bool { return false })
		if f := w.told(); len(f) != 1 || f[0].Flood == "" || f[0].Code != http2.EnhanceYourCalm {
			t.Fatalf("%s, told of %v", c, f)
		}
	})
	t.Run("longer by far, behind a reset", func(t *testing.T) {
		w, c := start(t)
		c.send(post(3, "/fail"))
		if !c.until(c.ended(3)) {
			t.Fatal(c)
		}
		c.send(fr(fHeaders, endHeaders|endStream, 3, strings.Repeat(name, 15_000)))
		c.until(func() bool { return false })
		if f := w.told(); len(f) != 1 || f[0].Flood == "" {
			t.Fatalf("%s, told of %v", c, f)
		}
	})
}

// TestConformanceAnswers: what the server says of itself.
func TestConformanceAnswers(t *testing.T) {
	t.Run("names in lower case, indexed once they repeat", func(t *testing.T) {
		w := newWorld(t, nil)
		c := w.open()
		for id := uint32(1); id < 9; id += 2 {
			c.send(get(id, "/"))
			if !c.until(c.ended(id)) || len(c.list) != 2 || c.list[1].Name != "content-type" || c.list[1].Value != "text/plain" {
				t.Fatalf("%s: %v", c, c.list)
			}
		}
	})
	t.Run("the client's table", func(t *testing.T) {
		w := newWorld(t, nil)
		c := w.open()
		id := uint32(1)
		// A decoder refuses what its limit does not allow, and an update that is missing shows as a field that is not there.
		for _, size := range []uint32{4096, 0, 100, 65536, 31, 4096, 0} {
			c.send(fr(fSettings, 0, 0, setting(setTable, size)))
			acks := c.acks
			if !c.until(func() bool { return c.acks > acks }) {
				t.Fatal(c)
			}
			c.dec.SetAllowedMaxDynamicTableSize(size)
			for range 4 {
				c.send(get(id, "/"))
				if !c.until(c.ended(id)) || len(c.list) != 2 || c.list[1].Value != "text/plain" {
					t.Fatalf("table of %d: %s: %v", size, c, c.list)
				}
				id += 2
			}
		}
		for _, sizes := range [][]uint32{{0, 4096}, {50, 3000, 60}, {4096, 0, 4096}} {
			var all string
			for _, n := range sizes {
				all += fr(fSettings, 0, 0, setting(setTable, n))
				c.dec.SetAllowedMaxDynamicTableSize(n)
			}
			c.send(all)
			if !c.flushed() {
				t.Fatal(c)
			}
			for range 4 {
				c.send(get(id, "/"))
				if !c.until(c.ended(id)) || len(c.list) != 2 || c.list[1].Value != "text/plain" {
					t.Fatalf("tables of %v: %s: %v", sizes, c, c.list)
				}
				id += 2
			}
		}
	})
	t.Run("a head in several frames", func(t *testing.T) {
		w := newWorld(t, nil)
		c := w.open()
		c.send(get(1, "/wide"), get(3, "/wide"), get(5, "/"))
		if !c.until(func() bool { return len(c.ends[1]) > 0 && len(c.ends[3]) > 0 && len(c.ends[5]) > 0 }) || c.String() != "1 200, 3 200, 5 200" {
			t.Fatal(c)
		}
		if c.continued < 2 {
			t.Fatalf("%d CONTINUATION frames came: this proves nothing", c.continued)
		}
	})
	t.Run("a reset while the answer is written", func(t *testing.T) {
		w := newWorld(t, nil)
		c := w.open()
		for i := range uint32(50) {
			id := 2*i + 1
			c.send(get(id, "/big?30000"), fr(fReset, 0, id, u32(8)))
		}
		if !c.flushed() {
			t.Fatal(c)
		}
		w.wait(50)
		c.send(fr(fWindow, 0, 0, u32(1<<20)))
		if !c.honest(highest) {
			t.Fatalf("windows are used up by streams that were reset: %s", c)
		}
	})
}

// TestConformanceFloods: each is told once, by its name, with the code that says so; a little less is none.
func TestConformanceFloods(t *testing.T) {
	few := func(o *http2.Options) {
		r := http2.Rate{Burst: 20, PerSecond: 1}
		o.Limits.Floods = http2.Floods{Reset: r, Ping: r, Settings: r, Priority: r, EmptyData: r, Unknown: r, Window: http2.Rate{Burst: 100, PerSecond: 1}}
	}
	times := func(one func(id uint32) string) func(int) string {
		return func(n int) string {
			var b strings.Builder
			for i := range n {
				b.WriteString(one(uint32(2*i + 3)))
			}
			return b.String()
		}
	}
	same := func(s string) func(int) string { return func(n int) string { return strings.Repeat(s, n) } }
	open := post(1, "/hold")
	for _, c := range []struct {
		name, flood string
		frames      func(n int) string
		less        int // so many are none
	}{
		{"resets", "streams reset", times(func(id uint32) string { return get(id, "/hold") + fr(fReset, 0, id, u32(8)) }), 20},
		{"resets of one stream", "streams reset", same(fr(fReset, 0, 1, u32(8))), 20},
		{"made to reset by a window of 0", "streams at fault", times(func(id uint32) string { return post(id, "/hold") + fr(fWindow, 0, id, u32(0)) }), 20},
		{"made to reset by a window too large", "streams at fault", times(func(id uint32) string { return post(id, "/hold") + fr(fWindow, 0, id, u32(1<<31-1)) }), 20},
		{"made to reset by PRIORITY", "streams at fault", times(func(id uint32) string { return post(id, "/hold") + fr(fPriority, 0, id, u32(0)) }), 20},
		{"made to reset by DATA", "streams at fault", times(func(id uint32) string { return get(id, "/hold") + data(id, 0, "x") }), 20},
		{"made to reset by trailers", "streams at fault", times(func(id uint32) string { return post(id, "/hold") + fr(fHeaders, endHeaders, id, "") }), 20},
		{"made to reset by a malformed head", "streams at fault", times(func(id uint32) string { return get(id, "/", "X", "y") }), 20},
		{"DATA on closed streams", "streams at fault", func(n int) string {
			return fr(fReset, 0, 1, u32(8)) + strings.Repeat(data(1, 0, "x"), n)
		}, 20},
		{"PING", "PING", same(fr(fPing, 0, 0, "12345678")), 18},
		{"PING answered", "PING", same(fr(fPing, ack, 0, "12345678")), 18},
		{"SETTINGS", "SETTINGS", same(fr(fSettings, 0, 0, setting(setInitial, 9))), 18},
		{"SETTINGS acknowledged", "SETTINGS", same(fr(fSettings, ack, 0, "")), 18},
		{"PRIORITY", "PRIORITY", same(fr(fPriority, 0, 9, u32(0)+"\x10")), 20},
		{"empty DATA", "empty DATA", same(data(1, 0, "")), 20},
		{"padding alone", "empty DATA", same(data(1, padded, "\x02\x00\x00")), 20},
		{"WINDOW_UPDATE", "WINDOW_UPDATE", same(fr(fWindow, 0, 0, u32(1))), 100},
		{"WINDOW_UPDATE of a stream", "WINDOW_UPDATE", same(fr(fWindow, 0, 1, u32(1))), 100},
		{"unknown frames", "unknown frames", same(fr(0x42, 0, 0, "abc")), 20},
		{"CONTINUATION", "an endless header block", func(n int) string {
			return fr(fHeaders, 0, 3, ask("GET", "/")) + strings.Repeat(fr(fContinuation, 0, 3, ""), min(n, 100)-4) + fr(fContinuation, endHeaders, 3, "")
		}, 19},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t, few)
			calm := w.open()
			calm.send(open, c.frames(c.less))
			if !calm.flushed() {
				t.Errorf("%d are a flood: %s, told of %v", c.less, calm, w.told())
			}
			client := w.open()
			client.send(open, c.frames(20_000))
			client.until(func() bool { return false })
			if f := w.told(); len(f) != 1 || f[0].Flood != c.flood || f[0].Code != http2.EnhanceYourCalm {
				t.Errorf("%s, told of %v, not of a flood of %s", client, f, c.flood)
			}
			// The other connection is as it was.
			if calm.send(fr(fWindow, 0, 0, u32(9))); len(calm.away) != 0 {
				t.Error(calm)
			}
		})
	}
}
