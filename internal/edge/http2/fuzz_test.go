package http2

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"
)

// seeds are connections' beginnings.
func seeds() [][]byte {
	var out [][]byte
	add := func(parts ...string) { out = append(out, []byte(start+strings.Join(parts, ""))) }
	add(raw(frameHeaders, wholeGet, 1, get("/")))
	add(raw(frameHeaders, flagEndHeaders, 1, post("content-length", "3")), raw(frameData, flagEndStream, 1, "abc"), raw(frameHeaders, wholeGet, 3, get("/b")))
	add(raw(frameHeaders, flagEndHeaders, 1, post("trailer", "x")), raw(frameData, flagPadded, 1, "\x02abc\x00\x00"), raw(frameHeaders, wholeGet, 1, literals("x", "1")))
	add(raw(frameHeaders, flagPadded|flagPriority, 1, "\x01\x00\x00\x00\x00\x10"+get("/")[:5]+"\x00"), raw(frameContinuation, flagEndHeaders, 1, get("/")[5:]))
	add(raw(frameHeaders, wholeGet, 1, get("/", "cookie", "a=b", "x", "y", "cookie", "c=d", "te", "trailers", "host", "api.example")))
	add(raw(frameHeaders, wholeGet, 1, block(":method", "GET", ":scheme", "https", ":authority", "a", ":path", "/", "accept", "*/*")), raw(frameHeaders, wholeGet, 3, "\xbe\x82"))
	add(raw(frameSettings, 0, 0, "\x00\x04\x00\x00\x00\x00\x00\x01\x00\x00\x00\x00"), raw(frameHeaders, wholeGet, 1, get("/")), raw(frameWindow, 0, 1, "\x00\x00\x00\x01"), raw(frameSettings, flagAck, 0, ""))
	add(raw(framePing, 0, 0, "12345678"), raw(framePriority, 0, 1, "\x00\x00\x00\x00\x10"), raw(frameReset, 0, 1, "\x00\x00\x00\x08"))
	add(raw(frameHeaders, flagEndHeaders, 1, post()), raw(frameReset, 0, 1, "\x00\x00\x00\x08"), raw(frameData, 0, 1, "abc"), raw(frameGoAway, 0, 0, "\x00\x00\x00\x00\x00\x00\x00\x00"))
	add(raw(0x77, 0, 0, "abc"), raw(frameHeaders, wholeGet, 1, get("/", "Bad", "x")), raw(frameHeaders, wholeGet, 3, literals(":method", "CONNECT", ":authority", "a:1")))
	return out
}

// FuzzConn: whatever a client sends, in whatever pieces it comes: no panic, no request that is not one, no memory beyond the
// bounds, nobody left waiting; and the pieces change nothing.
func FuzzConn(f *testing.F) {
	for i, s := range seeds() {
		f.Add(s, i+1)
	}
	server := options(func(o *Options) {
		o.Limits.Streams, o.Limits.HeadBytes = 8, 4<<10
	})
	f.Fuzz(func(t *testing.T, in []byte, step int) {
		whole, wrote := play(t, server, in, 0)
		pieces, _ := play(t, server, in, max(1, step&255))
		if a, b := whole.account(), pieces.account(); a != b {
			t.Fatalf("in one piece:\n%s\nin several:\n%s", a, b)
		}
		for _, one := range whole.all {
			if len(one.head) > 4<<10+8<<10 {
				t.Fatalf("a head of %d bytes", len(one.head))
			}
			if n := strings.Count(one.head, "\r\n\r\n"); n != 1 || !strings.HasSuffix(one.head, "\r\n\r\n") {
				t.Fatalf("a head that is more than one: %q", one.head)
			}
		}
		if wrote.written > 4<<10+64*len(in) {
			t.Fatalf("%d bytes are answered with %d", len(in), wrote.written)
		}
		checkFrames(t, wrote.out.Bytes())
	})
}

// account is what came out of a connection, in the order of its streams; how far the bodies of streams came that the end of the
// connection cut is a matter of chance.
func (s *site) account() string {
	var b strings.Builder
	for _, one := range s.all {
		fmt.Fprintf(&b, "%q %v %v", one.head, one.malformed, one.tooLarge)
	}
	fmt.Fprintf(&b, "%+v %x", s.fault, s.conn.print)
	return b.String()
}

// checkFrames reads what we wrote: frames without a fault, whose blocks decode.
func checkFrames(t *testing.T, out []byte) {
	t.Helper()
	d := hpack.NewDecoder(initialHeaderTable, nil)
	for len(out) > 0 {
		if len(out) < frameHead {
			t.Fatalf("half a frame is left: %q", out)
		}
		f := parseFrame(out)
		if len(out) < frameHead+f.length || f.length > defaultFrame {
			t.Fatalf("a frame of %d bytes, with %d left", f.length, len(out))
		}
		payload := out[frameHead : frameHead+f.length]
		out = out[frameHead+f.length:]
		if f.kind == frameHeaders && f.has(flagEndHeaders) {
			if _, err := d.DecodeFull(payload); err != nil {
				t.Fatalf("a block that does not decode: %v", err)
			}
		}
		if slices.Contains([]byte{framePush, framePriority}, f.kind) {
			t.Fatalf("a frame of type %d", f.kind)
		}
	}
}

// TestSplits: every way to cut a connection's bytes in two gives the same requests.
func TestSplits(t *testing.T) {
	server := options(nil)
	for i, in := range seeds() {
		whole, _ := play(t, server, in, 0)
		for step := 1; step < 40; step++ {
			pieces, _ := play(t, server, in, step)
			if a, b := whole.account(), pieces.account(); a != b {
				t.Fatalf("seed %d in pieces of %d: %s, not %s", i, step, b, a)
			}
		}
		for at := range len(in) {
			s := &site{t: t}
			nc := &scripted{in: in[at:]}
			s.conn = server.Open(nc, in[:at], s) // read ahead by whoever found out what it is
			s.conn.Serve()
			s.running.Wait()
			if a, b := whole.account(), s.account(); a != b {
				t.Fatalf("seed %d cut at %d: %s, not %s", i, at, b, a)
			}
		}
	}
}

// FuzzHead: no list of fields writes a head that is more than one, or says another method or target than it was given.
func FuzzHead(f *testing.F) {
	f.Add(":method", "GET", ":path", "/a", "x", "y", "cookie", "a", false)
	f.Add(":method", "G T", ":path", "/\r\n\r\n", "x\r\n", "\r\ny", ":path", "/b", true)
	f.Add(":authority", "a b", ":path", "http://x/", "host", "evil", "content-length", "5", true)
	f.Fuzz(func(t *testing.T, n1, v1, n2, v2, n3, v3, n4, v4 string, ended bool) {
		var h head
		h.limit = 1 << 10
		h.begin(nil, false, ended)
		for _, p := range [][2]string{{":scheme", "https"}, {n1, v1}, {n2, v2}, {n3, v3}, {n4, v4}} {
			h.field([]byte(p[0]), []byte(p[1]))
		}
		h.end()
		text := string(h.text)
		if strings.Count(text, "\r\n\r\n") != 1 || !strings.HasSuffix(text, "\r\n\r\n") || strings.Contains(strings.ReplaceAll(text, "\r\n", ""), "\n") {
			t.Fatalf("%q", text)
		}
		line, _, _ := strings.Cut(text, "\r\n")
		if !strings.HasSuffix(line, " HTTP/1.1") || strings.Count(line, " ") != 2 || strings.Index(line, " ") != h.method || len(line) != h.method+h.target+len("  HTTP/1.1") {
			t.Fatalf("a line of %d and %d: %q", h.method, h.target, line)
		}
		if len(text) > 8<<10 {
			t.Fatalf("%d bytes", len(text))
		}
	})
}
