package pcap

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"merlon/internal/model/exchange"
)

// TestExchange reads every part of one exchange, over each kind of link.
func TestExchange(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name           string
		link           uint32
		client, server string
	}{
		{"ethernet, VLAN, IPv4", linkEthernet, "192.0.2.7:40000", "198.51.100.1:80"},
		{"ethernet, IPv6", linkEthernet, "[2001:db8::7]:40000", "[2001:db8::1]:80"},
		{"loopback", linkNull, "192.0.2.7:40000", "192.0.2.7:80"},
		{"any device", linkLinuxSLL, "203.0.113.7:40000", "198.51.100.1:80"},
		{"raw, IPv6", linkRaw, "[2001:db8::7]:40000", "[2001:db8::1]:80"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newScript()
			s.link = c.link
			s.header()
			l := s.connect(netip.MustParseAddrPort(c.client), netip.MustParseAddrPort(c.server)) // packets 1 to 3
			l.ask("POST /things?x=1 HTTP/1.1\r\nHost: Shop.example:80\r\nuser-agent: t\r\nContent-")
			l.ask("Type: application/json\r\nContent-Length: 4\r\n\r\ntrue")
			l.answer("HTTP/1.1 201 Created\r\nX: y\r\nContent-Length: 6\r\n\r\n")
			l.answer("\"made\"")
			r := NewReader(bytes.NewReader(s.out.Bytes()), Options{})
			number, err := r.Next()
			if err != nil || number != 4 {
				t.Fatalf("packet %d, error %v", number, err)
			}
			var x exchange.Exchange
			r.Fill(&x)
			if x.Source != exchange.SourcePcap || x.Observed != exchange.SawAll || x.Anomalies != 0 {
				t.Errorf("source %v, observed %b, anomalies %b", x.Source, x.Observed, x.Anomalies)
			}
			if x.At != epoch+3e6 || x.Latency != 1e6 || x.Duration != 2e6 {
				t.Errorf("at %d, latency %d, duration %d", x.At-epoch, x.Latency, x.Duration)
			}
			want := netip.MustParseAddrPort(c.client)
			if x.Client.Addr != want.Addr() || x.Client.Port != want.Port() {
				t.Errorf("client %v:%d", x.Client.Addr, x.Client.Port)
			}
			if got := fmt.Sprintf("%s %s %s %s %s %d %s", x.Method, x.Host, x.Path, x.RawQuery, x.Request.Body, x.Status, x.Response.Body); got != `POST Shop.example /things x=1 true 201 "made"` {
				t.Error(got)
			}
			if f := x.Request.Fields[1]; string(f.Name) != "user-agent" || f.ID != exchange.HeaderUserAgent || string(x.Response.Fields[0].Name) != "X" {
				t.Errorf("fields %q, %q", x.Request.Fields, x.Response.Fields)
			}
			if _, err := r.Next(); !errors.Is(err, io.EOF) {
				t.Error(err)
			}
		})
	}
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	s := newScript()
	l := s.connect(clientAddr, serverAddr)
	l.ask(post + "0123456789")
	l.answer(ok1)
	got, _ := read(t, s.out.Bytes(), Options{BodyLimit: 2})
	if want := "POST /p 01… -> 200 on…"; len(got) != 1 || got[0] != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestIdle lets a connection be silent for longer than it is remembered: what it was about is told then, not at the end.
func TestIdle(t *testing.T) {
	t.Parallel()
	s := newScript()
	l := s.connect(clientAddr, serverAddr)
	l.ask(getA)
	s.at += int64(time.Hour)
	o := s.connect(netip.MustParseAddrPort("192.0.2.8:1"), serverAddr)
	o.ask(getB)
	l.answer(ok1)
	o.answer(ok2)
	got, _ := read(t, s.out.Bytes(), Options{})
	if want := []string{"GET /a -> ?", "GET /b -> 200 two"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestReordered waits for a missing segment by the capture's clock, then goes on without it while the connection lives.
func TestReordered(t *testing.T) {
	t.Parallel()
	s := newScript()
	l := s.connect(clientAddr, serverAddr)
	l.ask(post + "01")
	l.askLater("234")
	l.ask("56")
	s.at += int64(5 * time.Second)
	l.ask("789")
	l.answer(ok1)
	r := NewReader(bytes.NewReader(s.out.Bytes()), Options{})
	for range 8 {
		r.step()
	}
	if len(r.done) != 1 || r.held > talkCost {
		t.Errorf("%d exchanges at the last packet, %d bytes kept", len(r.done), r.held)
	}
}

// TestDamaged cuts a capture at every byte: what was whole is read, the rest is reported unless nothing is missing.
func TestDamaged(t *testing.T) {
	t.Parallel()
	for _, section := range []bool{false, true} {
		s := newScript()
		s.section = section
		s.header()
		l := s.connect(clientAddr, serverAddr)
		l.ask(getA)
		asked := s.out.Len()
		l.answer(ok1)
		b := s.out.Bytes()
		for n := range len(b) {
			r := NewReader(bytes.NewReader(b[:n]), Options{})
			found := 0
			var err error
			for err == nil {
				if _, err = r.Next(); err == nil {
					found++
				}
			}
			if !errors.Is(err, io.EOF) && !errors.Is(err, ErrDamaged) {
				t.Fatalf("cut at %d: %v", n, err)
			}
			wanted := 0
			if n >= asked {
				wanted = 1
			}
			if found != wanted {
				t.Fatalf("cut at %d of %d: %d exchanges", n, len(b), found)
			}
		}
	}
	for _, bad := range []string{"", "x", "\xd4\xc3\xb2\xa1", "\x0a\x0d\x0d\x0a\xff\xff\xff\xff\x4d\x3c\x2b\x1a"} {
		r := NewReader(strings.NewReader(bad), Options{})
		if _, err := r.Next(); err == nil {
			t.Errorf("%q was read", bad)
		}
	}
}

// halfOpen writes a capture of n connections of which nothing, or only the beginning of a request, was captured.
type halfOpen struct {
	n, of   int
	payload string // the first segments of each
	ahead   string // and one behind a gap
	s       *script
	b       []byte
}

func (h *halfOpen) Read(p []byte) (int, error) {
	for len(h.b) == 0 {
		if h.n == h.of {
			return 0, io.EOF
		}
		h.s.out.Reset()
		if h.n == 0 {
			h.s.header()
		}
		addr := netip.AddrFrom4([4]byte{10, byte(h.n >> 16), byte(h.n >> 8), byte(h.n)})
		h.n++
		l := h.s.join(netip.AddrPortFrom(addr, 1024), serverAddr)
		h.s.packet(h.s.tcp(l.client, l.server, flagSYN, l.seq-1, 0, nil))
		for b := h.payload; b != ""; {
			n := min(len(b), 16<<10)
			l.ask(b[:n])
			b = b[n:]
		}
		if h.ahead != "" {
			l.askLater("lost")
			l.ask(h.ahead)
		}
		h.b = h.s.out.Bytes()
	}
	n := copy(p, h.b)
	h.b = h.b[n:]
	return n, nil
}

// TestMemory reads captures of 100,000 connections that never end and looks at the heap when all of them were seen.
func TestMemory(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds")
	}
	begun := "POST /x HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", 1300)
	for _, c := range []struct {
		name           string
		n              int
		payload, ahead string
		bound          uint64 // bytes of heap
	}{
		{"only SYN", 100_000, "", "", 32 << 20},
		{"the beginning of a request and a segment ahead", 100_000, begun, begun, 112 << 20},
		{
			"a large head, and all but the end of its trailers", 10_000,
			"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nX: " + strings.Repeat("x", 30<<10) + "\r\n\r\n0\r\nY: " + strings.Repeat("y", 7<<10), "", 112 << 20,
		},
		{"a large request, whole", 10_000, "GET /x HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("x", 30<<10) + "\r\n\r\n", "", 112 << 20},
		{"pipelined", 10_000, strings.Repeat("GET / HTTP/1.1\r\nHost: h\r\n\r\n", 250), "", 112 << 20},
		{"single bytes ahead", 10_000, "GET /", "x", 112 << 20},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newScript()
			s.step = 1000 // all within a second, so that nothing is idle
			r := NewReader(&halfOpen{of: c.n, payload: c.payload, ahead: c.ahead, s: s}, Options{})
			heap := func() uint64 {
				var m runtime.MemStats
				runtime.GC()
				runtime.ReadMemStats(&m)
				return m.HeapAlloc
			}
			before := heap()
			for r.err == nil {
				r.step()
				r.done = nil // as if taken
			}
			used := heap() - before
			t.Logf("%d connections, %d KiB kept, heap %d KiB, evicted %d", len(r.table), r.held>>10, used>>10, r.stats.Evicted)
			if used > c.bound {
				t.Errorf("%d MiB of heap, more than %d", used>>20, c.bound>>20)
			}
			if len(r.table) > r.o.Connections || r.held > r.o.Memory {
				t.Errorf("%d connections, %d bytes", len(r.table), r.held)
			}
			runtime.KeepAlive(r)
			for c := r.recent.oldest(); c != nil; c = r.recent.oldest() {
				r.finish(c, false)
			}
			if r.held != 0 || len(r.table) != 0 {
				t.Errorf("%d bytes are counted as kept when nothing is", r.held)
			}
		})
	}
}

// TestCaptures reads published captures: those with plain HTTP give it, all others say what they hold.
func TestCaptures(t *testing.T) {
	t.Parallel()
	dir := os.Getenv("MERLON_EVAL_DATA")
	if dir == "" {
		t.Skip("MERLON_EVAL_DATA is not set: no captures to read")
	}
	files, err := filepath.Glob(filepath.Join(dir, "ja4-pcaps/pcap/*.gz"))
	if err != nil || len(files) == 0 {
		t.Fatal("no captures", err)
	}
	type held struct {
		exchanges  []string // their beginnings
		tls, other int64
	}
	want := map[string]held{
		"badcurveball.pcap.gz":                          {tls: 1},
		"chrome-cloudflare-quic-with-secrets.pcapng.gz": {tls: 1},
		"http-empty-useragent.pcap.gz":                  {exchanges: []string{"GET / -> 200 {\n  \"name\" : \"-RrS9vI\","}},
		"http1-with-cookies.pcapng.gz":                  {exchanges: []string{"GET / -> 200 <!DOCTYPE HTML>"}},
		"https3-301-get.pcap.gz":                        {tls: 1},
		"ipv6.pcapng.gz":                                {tls: 1},
		"macos_tcp_flags.pcap.gz":                       {tls: 1},
		"socks-https-example.pcap.gz":                   {other: 3},
		"ssh-r.pcap.gz":                                 {other: 3},
		"ssh-scp-1050.pcap.gz":                          {other: 1},
		"ssh2-malformed.pcap.gz":                        {other: 1},
		"ssh2-moloch-crash.pcap.gz":                     {other: 1},
		"ssh2.pcapng.gz": {exchanges: []string{
			"GET /connecttest.txt -> 200 Microsoft Connect Test", "GET /connecttest.txt -> 200 Microsoft Connect Test",
		}, tls: 11, other: 1},
		"sshv1.pcap.gz":           {other: 1},
		"tls-alpn-h2.pcap.gz":     {tls: 1},
		"tls-handshake.pcapng.gz": {tls: 59},
		"tls-sni.pcapng.gz":       {tls: 59},
		"tls12.pcap.gz":           {tls: 1},
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		z, err := gzip.NewReader(bytes.NewReader(b))
		if err != nil {
			t.Fatal(err)
		}
		plain, err := io.ReadAll(z)
		if err != nil {
			t.Fatal(err)
		}
		lines, st := read(t, plain, Options{})
		w := want[filepath.Base(name)]
		if len(lines) != len(w.exchanges) || st.TLS != w.tls || st.Other != w.other || st.Lost != 0 || st.Differing != 0 {
			t.Errorf("%s: %+v", filepath.Base(name), st)
			continue
		}
		for i := range lines {
			if !strings.HasPrefix(lines[i], w.exchanges[i]) {
				t.Errorf("%s: %s", filepath.Base(name), lines[i])
			}
		}
	}
}
