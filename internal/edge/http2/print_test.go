package http2

import (
	"bytes"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"
)

func TestFingerprint(t *testing.T) {
	settings := "\x00\x01\x00\x01\x00\x00\x00\x04\x00\x60\x00\x00"
	window := raw(frameWindow, 0, 0, "\x00\x0f\x00\x01")
	server := options(nil)
	print := func(parts ...string) uint64 {
		s, _ := play(t, server, []byte(preface+strings.Join(parts, "")), 7)
		return uint64(s.conn.Print())
	}
	request := block(":method", "GET", ":scheme", "http", ":authority", "api.example", ":path", "/", "user-agent", "u", "accept", "*/*", "accept-encoding", "gzip")
	base := print(raw(frameSettings, 0, 0, settings), window, raw(frameHeaders, flagEndHeaders, 1, request))
	if base == 0 {
		t.Fatal("no fingerprint")
	}
	// The construction is kept in what was learned: it changes with printVersion only.
	if base != 0x2932bd6f2cf2ea45 {
		t.Errorf("%#x: another construction", base)
	}
	for _, c := range []struct {
		name  string
		parts []string
		same  bool
	}{
		{"another path, cookie and priority", []string{
			raw(frameSettings, 0, 0, settings), window,
			raw(frameHeaders, flagEndHeaders|flagPriority, 1, "\x00\x00\x00\x00\xff"+get("/b", "user-agent", "v", "accept", "x", "cookie", "a=b", "accept-encoding", "gzip")),
		}, true},
		{"in pieces", []string{
			raw(frameSettings, 0, 0, settings), window,
			raw(frameHeaders, 0, 1, request[:9]), raw(frameContinuation, flagEndHeaders, 1, request[9:]),
		}, true},
		{"with settings drawn by lot", []string{raw(frameSettings, 0, 0, settings+"\x4a\x4a\x12\x34\x56\x78"), window, raw(frameHeaders, flagEndHeaders, 1, request)}, true},
		{"padded", []string{raw(frameSettings, 0, 0, settings), window, raw(frameHeaders, flagEndHeaders|flagPadded, 1, "\x03"+request+"\x00\x00\x00")}, true},
		{"other settings", []string{raw(frameSettings, 0, 0, settings[:6]), window, raw(frameHeaders, flagEndHeaders, 1, request)}, false},
		{"no window", []string{raw(frameSettings, 0, 0, settings), raw(frameHeaders, flagEndHeaders, 1, request)}, false},
		{"other order of pseudo-fields", []string{
			raw(frameSettings, 0, 0, settings), window,
			raw(frameHeaders, flagEndHeaders, 1, block(":method", "GET", ":path", "/", ":authority", "a", ":scheme", "http", "user-agent", "u", "accept", "*/*", "accept-encoding", "gzip")),
		}, false},
		{"other order of fields", []string{
			raw(frameSettings, 0, 0, settings), window,
			raw(frameHeaders, flagEndHeaders, 1, get("/", "accept", "*/*", "user-agent", "u", "accept-encoding", "gzip")),
		}, false},
		{"later requests do not count", []string{
			raw(frameSettings, 0, 0, settings), window, raw(frameHeaders, flagEndHeaders, 1, request), raw(frameSettings, 0, 0, settings[:6]),
			raw(frameHeaders, flagEndHeaders, 3, get("/", "accept", "*/*")),
		}, true},
	} {
		if got := print(c.parts...); got == 0 || (got == base) != c.same {
			t.Errorf("%s: %x against %x", c.name, got, base)
		}
	}
	if got := print(raw(frameSettings, 0, 0, settings), raw(frameHeaders, flagEndHeaders, 1, "\xff\xff\xff\xff\xff")); got != 0 {
		t.Errorf("a broken block gives %x", got)
	}
}

// A header block that says one long field over and over, in a byte each time, is not unpacked to its end.
func TestAPackedHeaderBlockCostsLittle(t *testing.T) {
	pack := func(repeats int) string {
		var b bytes.Buffer
		e := hpack.NewEncoder(&b)
		for _, f := range []hpack.HeaderField{{Name: ":method", Value: "GET"}, {Name: ":scheme", Value: "http"}, {Name: ":path", Value: "/"}, {Name: "accept-encoding", Value: "gzip"}} {
			if err := e.WriteField(f); err != nil {
				t.Fatal(err)
			}
		}
		for range repeats {
			if err := e.WriteField(hpack.HeaderField{Name: "user-agent", Value: strings.Repeat("a", 3000)}); err != nil {
				t.Fatal(err)
			}
		}
		return b.String()
	}
	server := options(nil)
	for _, c := range []struct {
		repeats         int
		tooLarge, flood bool
	}{{1, false, false}, {15, false, false}, {50, true, false}, {5000, false, true}} {
		s, _ := play(t, server, []byte(start+raw(frameHeaders, wholeGet, 1, pack(c.repeats))), 0)
		if c.flood {
			if s.fault == nil || s.fault.Flood == "" || len(s.all) != 0 {
				t.Errorf("%d times: %v, %d requests", c.repeats, s.fault, len(s.all))
			}
			continue
		}
		if len(s.all) != 1 || s.all[0].tooLarge != c.tooLarge || len(s.all[0].head) > 64<<10+64 || s.fault != nil {
			t.Errorf("%d times: %d requests, %v", c.repeats, len(s.all), s.fault)
		}
	}
}
