package traffic

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"merlon/internal/lab/acme"
)

// proxied is a listener that takes PROXY headers of both versions off, read here by hand from the specification.
type proxied struct{ net.Listener }

type proxiedConn struct {
	net.Conn
	br   *bufio.Reader
	from net.Addr
}

func (c *proxiedConn) Read(b []byte) (int, error) { return c.br.Read(b) }
func (c *proxiedConn) RemoteAddr() net.Addr       { return c.from }

func (l proxied) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	br := bufio.NewReader(c)
	from, err := readProxy(br)
	if err != nil {
		_ = c.Close()
		return c, nil
	}
	return &proxiedConn{c, br, net.TCPAddrFromAddrPort(from)}, nil
}

func readProxy(br *bufio.Reader) (netip.AddrPort, error) {
	head, err := br.Peek(16)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if !bytes.HasPrefix(head, []byte("\r\n\r\n\x00\r\nQUIT\n")) {
		line, err := br.ReadString('\n')
		if err != nil {
			return netip.AddrPort{}, err
		}
		f := strings.Fields(line)
		return netip.ParseAddrPort(net.JoinHostPort(f[2], f[4]))
	}
	b := make([]byte, 16+int(binary.BigEndian.Uint16(head[14:])))
	if _, err := io.ReadFull(br, b); err != nil {
		return netip.AddrPort{}, err
	}
	n := 4
	if b[13] == 0x21 {
		n = 16
	}
	a, _ := netip.AddrFromSlice(b[16 : 16+n])
	return netip.AddrPortFrom(a, binary.BigEndian.Uint16(b[16+2*n:])), nil
}

func TestLive(t *testing.T) {
	for _, version := range []int{0, 1, 2} {
		t.Run(map[int]string{0: "plain", 1: "PROXY v1", 2: "PROXY v2"}[version], func(t *testing.T) { live(t, version) })
	}
}

func live(t *testing.T, version int) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	h := acme.New(acme.Options{Seed: 42, Patients: 120, Now: time.Now, BillingWriteFrom: time.Unix(1, 0)})
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	target := ln.Addr().String()
	if version > 0 {
		ln = proxied{ln}
	}
	var mu sync.Mutex
	seen := map[string]bool{}
	srv := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		mu.Lock()
		seen[host] = true
		mu.Unlock()
		h.ServeHTTP(w, r)
	})}
	go func() { _ = srv.Serve(ln) }()
	defer srv.Close()

	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	o := Options{
		Seed: 42, Rate: 400, Directory: h.Directory(), Host: "api.acme.example",
		Attacks: []Attack{{Kind: VendorBreach, Rate: 400, For: time.Hour}, {Kind: ScanLoud, Rate: 100, For: time.Hour}},
	}
	kinds, status, sockets := map[string]int{}, map[int]int{}, 0
	addresses := map[string]bool{}
	n, err := Live(ctx, o, LiveOptions{Target: target, Proxy: version, Now: time.Now, MaxRate: 5000, Pace: 1000, Flat: true, MaxConns: 40, Sink: func(e Entry) error {
		kinds[e.Label.Kind]++
		addresses[e.Client.IP] = true
		if e.Label.Kind == Benign {
			status[e.Response.Status]++
		}
		if e.Response.Status == 101 {
			sockets++
		}
		if kinds[Benign] > 600 && kinds["API1:2023"] > 50 && kinds["OAT-014"] > 50 && sockets > 0 {
			cancel()
		}
		return nil
	}})
	if err != nil || n.Failed > 0 || n.Exchanges < 700 || n.Sessions < 20 {
		t.Errorf("%+v %v", n, err)
	}
	if good := status[200] + status[201] + status[204] + status[303] + status[101]; good*100 < kinds[Benign]*95 {
		t.Errorf("honest clients fail: %v", status)
	}
	mu.Lock()
	defer mu.Unlock()
	for a := range addresses {
		if version > 0 && !seen[a] {
			t.Errorf("the server never saw %s", a)
		}
	}
	if version == 0 && len(seen) != 1 {
		t.Errorf("without PROXY headers only loopback can be seen: %v", seen)
	}
}

func TestLiveRefuses(t *testing.T) {
	_, h := hospital(1, 0)
	o := Options{Directory: h.Directory()}
	for _, tc := range []struct {
		name, target string
		l            LiveOptions
		want         error
	}{
		{"public address", "93.184.216.34:80", LiveOptions{}, ErrNotLoopback},
		{"private address", "10.0.0.1:80", LiveOptions{}, ErrNotLoopback},
		{"any address", "0.0.0.0:80", LiveOptions{}, ErrNotLoopback},
		{"name", "api.acme.example:80", LiveOptions{}, ErrNotLoopback},
		{"name like localhost", "localhost.example:80", LiveOptions{}, ErrNotLoopback},
		{"no port", "127.0.0.1", LiveOptions{}, ErrOptions},
		{"PROXY 3", "127.0.0.1:1", LiveOptions{Proxy: 3}, ErrOptions},
		{"too many connections", "127.0.0.1:1", LiveOptions{MaxConns: 5000}, ErrOptions},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.l.Target, tc.l.Now = tc.target, time.Now
			if _, err := Live(context.Background(), o, tc.l); !errors.Is(err, tc.want) {
				t.Errorf("%v, want %v", err, tc.want)
			}
		})
	}
	for _, target := range []string{"localhost:1", "127.8.9.1:1", "[::1]:1"} {
		l := LiveOptions{Target: target, Now: time.Now}
		if err := l.check(); err != nil {
			t.Error(err)
		}
	}
}

func TestLiveSinkEndsIt(t *testing.T) {
	defer goleak.VerifyNone(t, goleak.IgnoreCurrent())
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	h := acme.New(acme.Options{Seed: 1, Patients: 20, Now: time.Now})
	srv := &http.Server{Handler: h}
	go func() { _ = srv.Serve(ln) }()
	defer srv.Close()
	boom := errors.New("full")
	_, err = Live(context.Background(), Options{Seed: 1, Directory: h.Directory(), Attacks: []Attack{{Kind: ScanLoud, Rate: 500}}},
		LiveOptions{Target: ln.Addr().String(), Now: time.Now, Sink: func(Entry) error { return boom }})
	if !errors.Is(err, boom) {
		t.Error(err)
	}
}

func TestProxyHeader(t *testing.T) {
	ap := netip.MustParseAddrPort
	for _, tc := range []struct {
		name     string
		version  int
		from, to string
		want     string
	}{
		{"v1 IPv4", 1, "73.1.2.3:4711", "127.0.0.1:80", "PROXY TCP4 73.1.2.3 127.0.0.1 4711 80\r\n"},
		{"v1 IPv6 to IPv4", 1, "[2003::7]:4711", "127.0.0.1:80", "PROXY TCP6 2003::7 ::1 4711 80\r\n"},
		{"v1 IPv4 to IPv6", 1, "73.1.2.3:4711", "[::1]:80", "PROXY TCP4 73.1.2.3 127.0.0.1 4711 80\r\n"},
		{"v2 IPv4", 2, "73.1.2.3:258", "127.0.0.1:80", "\r\n\r\n\x00\r\nQUIT\n\x21\x11\x00\x0c\x49\x01\x02\x03\x7f\x00\x00\x01\x01\x02\x00\x50"},
		{"v2 IPv6", 2, "[2003::7]:258", "[::1]:80", "\r\n\r\n\x00\r\nQUIT\n\x21\x21\x00\x24\x20\x03" + strings.Repeat("\x00", 13) + "\x07" + strings.Repeat("\x00", 15) + "\x01\x01\x02\x00\x50"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if got := string(proxyHeader(tc.version, ap(tc.from), ap(tc.to))); got != tc.want {
				t.Errorf("%q, want %q", got, tc.want)
			}
		})
	}
}
