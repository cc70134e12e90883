package listen

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestRefusedByFingerprint: a listed fingerprint ends at its ClientHello.
func TestRefusedByFingerprint(t *testing.T) {
	ca := newIssuer(t, "ca")
	var f folder
	x := newTLS(t, &f, TLSOptions{Certificates: []CertificateFiles{f.certificate(t, ca, "a", lease{names: []string{"a.example"}})}})
	a := NewAdmission(AdmissionOptions{Now: time.Now, Log: slog.New(slog.DiscardHandler), Refuse: func(_ netip.Addr, ja4 string) bool {
		return strings.HasPrefix(ja4, "t12") || strings.Contains(ja4, "d00")
	}})
	s := newStation(t, Options{TLS: x, Admission: a})
	for _, tc := range []struct {
		name string
		max  uint16
		in   bool
	}{{"listed", tls.VersionTLS12, false}, {"not listed", tls.VersionTLS13, true}} {
		_, o, err := s.tls(&tls.Config{ServerName: "a.example", RootCAs: ca.pool(), MaxVersion: tc.max})
		if (err == nil) != tc.in || (o.err == nil) != tc.in {
			t.Errorf("%s: client %v, server %v", tc.name, err, o.err)
		}
		if !tc.in {
			wantErr(t, o.err, ErrRefused)
		}
	}
	if st := a.Stats(); st.RefusedListed != 1 || st.HandshakesFailed != 0 || st.Handshakes != 2 {
		t.Errorf("%+v", st)
	}
}

// TestSilentHandshakesHoldNothing: clients that stop in the middle of their handshake keep nobody out, and end.
func TestSilentHandshakesHoldNothing(t *testing.T) {
	ca := newIssuer(t, "ca")
	var f folder
	x := newTLS(t, &f, TLSOptions{Certificates: []CertificateFiles{f.certificate(t, ca, "a", lease{names: []string{"a.example"}})}})
	a := NewAdmission(AdmissionOptions{Computing: 1, Handshakes: 1, HandshakeTimeout: 3 * time.Second, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	s := newStation(t, Options{TLS: x, Admission: a})
	hello := captureHello(t)
	for i := range 20 {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if i%2 == 0 {
			_, _ = c.Write(hello)
			_, _ = io.ReadFull(c, make([]byte, 5)) // the server has computed, and waits
		} else {
			_, _ = c.Write(hello[:20])
		}
	}
	deadline := time.After(20 * time.Second)
	in := make(chan error, 1)
	go func() {
		nc, err := net.Dial("tcp", s.addr)
		if err == nil {
			err = tls.Client(nc, &tls.Config{ServerName: "a.example", RootCAs: ca.pool()}).Handshake()
			_ = nc.Close()
		}
		in <- err
	}()
	select {
	case err := <-in:
		if err != nil {
			t.Errorf("an honest client: %v", err)
		}
	case <-deadline:
		t.Fatal("an honest client waits")
	}
	failed := 0
	for range 21 {
		if o := s.next(); o.err != nil {
			wantErr(t, o.err, ErrHandshake)
			failed++
		}
	}
	if failed != 20 || len(a.handshakes.places) != 0 {
		t.Errorf("%d failed, %d places are held", failed, len(a.handshakes.places))
	}
}

// captureHello is the first thing a client says.
func captureHello(t *testing.T) []byte {
	t.Helper()
	near, far := net.Pipe()
	defer near.Close()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = tls.Client(far, &tls.Config{ServerName: "a.example"}).Handshake() // ends when the pipe does
	}()
	b := make([]byte, 4096)
	n, err := near.Read(b)
	if err != nil {
		t.Fatal(err)
	}
	_ = near.Close()
	<-done
	return b[:n]
}

func TestHandshakeQueue(t *testing.T) {
	var h handshakes
	h.fill(1, 16)
	if !h.take(1, 0) {
		t.Fatal("an empty house is full")
	}
	waiters := make(chan bool, 16)
	for range 16 {
		go func() { waiters <- h.take(1, 0) }()
	}
	for h.waiting.Load() < 16 { // they are on their way
		select {
		case in := <-waiters:
			t.Fatalf("taken: %v", in)
		default:
		}
	}
	if h.take(1, 0) {
		t.Error("the queue has no end")
	}
	for range 16 {
		h.give()
		if !<-waiters {
			t.Error("one of the queue was turned away")
		}
	}
	for range failuresSuspect {
		h.note(7, 0)
	}
	for range 3 {
		go func() { waiters <- h.take(1, 0) }()
	}
	for h.waiting.Load() < 3 {
		runtime.Gosched()
	}
	if h.take(7, 0) {
		t.Error("a network that fails all the time stands in the queue with the others")
	}
	for range 3 {
		h.give()
		<-waiters
	}
}

func TestFailuresAreCountedByNetwork(t *testing.T) {
	var f failures
	for i := range uint64(200) {
		for range i%50 + 1 {
			f.note(i, 5)
		}
	}
	for i := range uint64(200) {
		if got := uint64(f.failed(i, 5)); got > i%50+1 {
			t.Errorf("network %d: %d", i, got)
		}
	}
	for i := range uint64(1_000_000) { // a flood of networks
		f.note(1000+i, 6)
		if i%1000 == 0 {
			f.note(3, 6)
		}
	}
	if f.failed(3, 5) != 0 || f.note(3, 6) < 100 {
		t.Error("a network that fails often is lost among many that fail once")
	}
}

func TestPriorKnowledge(t *testing.T) {
	s := newStation(t, Options{H2C: true})
	for _, tc := range []struct {
		name, send string
		http2      bool
	}{
		{"HTTP/2", preface, true},
		{"HTTP/2 with settings", preface + "\x00\x00\x00\x04\x00\x00\x00\x00\x00", true},
		{"HTTP/1.1", "GET / HTTP/1.1\r\n", false},
		{"a method that begins like it", "PROPFIND / HTTP/1.1\r\n", false},
	} {
		c, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		_, _ = io.WriteString(c, tc.send)
		o := s.next()
		if o.err != nil || o.conn.HTTP2 != tc.http2 || !strings.HasPrefix(tc.send, string(o.conn.Early)) {
			t.Errorf("%s: %+v, %v", tc.name, o.conn, o.err)
		}
	}
	c, err := net.Dial("tcp", s.addr)
	if err != nil {
		t.Fatal(err)
	}
	_, _ = io.WriteString(c, "PRI *")
	_ = c.Close()
	wantErr(t, s.next().err, ErrSilent)
}

// prefixed sends something in one piece with what is written first.
type prefixed struct {
	net.Conn
	prefix string
}

// Write implements net.Conn.
func (p *prefixed) Write(b []byte) (int, error) {
	if p.prefix == "" {
		return p.Conn.Write(b)
	}
	n, err := p.Conn.Write(append([]byte(p.prefix), b...))
	n = max(n-len(p.prefix), 0)
	p.prefix = ""
	return n, err
}

// TestProxyHeaderBeforeTLS: a ClientHello that comes in one piece with the PROXY header is not lost.
func TestProxyHeaderBeforeTLS(t *testing.T) {
	ca := newIssuer(t, "ca")
	var f folder
	x := newTLS(t, &f, TLSOptions{Certificates: []CertificateFiles{f.certificate(t, ca, "a", lease{names: []string{"a.example"}})}})
	s := newStation(t, Options{TLS: x, Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	for _, prefix := range []string{"PROXY TCP4 192.0.2.1 127.0.0.1 1234 443\r\n", ""} {
		nc, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer nc.Close()
		_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
		tc := tls.Client(&prefixed{nc, prefix}, &tls.Config{ServerName: "a.example", RootCAs: ca.pool()})
		got := make([]byte, 2)
		if _, err := io.ReadFull(tc, got); err != nil || string(got) != "ok" {
			t.Fatalf("%q, %v", got, err)
		}
		c := s.next().conn
		want := "192.0.2.1:1234"
		if prefix == "" {
			want = nc.LocalAddr().String()
		}
		if c.Client.Addr.String() != want || c.Client.Peer.String() != nc.LocalAddr().String() || c.Client.TLS == nil || len(c.Early) != 0 {
			t.Errorf("%+v", c.Client)
		}
	}
}

// TestAPanicGivesItsPlaceBack: a handshake that panics in its computation takes nobody else's place along.
func TestAPanicGivesItsPlaceBack(t *testing.T) {
	ca := newIssuer(t, "ca")
	var f folder
	var broken atomic.Bool
	x := newTLS(t, &f, TLSOptions{
		Certificates: []CertificateFiles{f.certificate(t, ca, "a", lease{names: []string{"a.example"}})},
		Now: func() time.Time {
			if broken.Load() {
				panic("a clock")
			}
			return time.Now()
		},
	})
	a := NewAdmission(AdmissionOptions{Computing: 1, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	broken.Store(true)
	near, far := net.Pipe()
	go func() { _ = tls.Client(far, &tls.Config{ServerName: "a.example", RootCAs: ca.pool()}).Handshake() }()
	func() {
		defer func() {
			if recover() == nil {
				t.Error("nothing panicked")
			}
		}()
		_ = x.handshake(&Conn{Conn: near, Raw: near}, a)
	}()
	_, _ = near.Close(), far.Close()
	if n := len(a.handshakes.places); n != 0 {
		t.Errorf("%d places are lost", n)
	}
}
