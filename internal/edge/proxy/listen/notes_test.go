package listen

import (
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// ledger is a log to count lines in.
type ledger struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *ledger) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// take returns the lines since the last call.
func (l *ledger) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := strings.FieldsFunc(l.b.String(), func(r rune) bool { return r == '\n' })
	l.b.Reset()
	return lines
}

// watch is an Admission with a log that is read and a clock that is set.
func watch(o AdmissionOptions) (*Admission, *ledger, *atomic.Int64) {
	l, offset := new(ledger), new(atomic.Int64)
	o.Now = func() time.Time { return time.Now().Add(time.Duration(offset.Load())) }
	o.Log = slog.New(slog.NewTextHandler(l, nil))
	return NewAdmission(o), l, offset
}

func TestLinesFromTheWireAreBounded(t *testing.T) {
	a, log, offset := watch(AdmissionOptions{})
	one, same, other := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.77"), netip.MustParseAddr("198.51.100.1")
	for range 1000 {
		a.note(one, reasonProxyHeader)
		a.note(same, reasonProxyHeader)
		a.note(one, reasonExpired)
		a.note(other, reasonProxyHeader)
	}
	if got := log.take(); len(got) != 3 || strings.Contains(strings.Join(got, ""), "left_out") {
		t.Fatalf("%d lines: %q", len(got), got)
	}
	offset.Add(int64(time.Minute))
	a.note(one, reasonProxyHeader)
	if got := log.take(); len(got) != 1 || !strings.Contains(got[0], "network=192.0.2.0/24 left_out_before=1999") {
		t.Errorf("%q", got)
	}
	a.tellLeftOut() // the others have not come again
	got := strings.Join(log.take(), "\n")
	if strings.Count(got, "left_out_before=999") != 2 || !strings.Contains(got, "198.51.100.0/24") || strings.Count(got, "\n") != 1 {
		t.Errorf("%q", got)
	}
	a.tellLeftOut()
	offset.Add(int64(time.Minute))
	a.tellLeftOut()
	if got := log.take(); len(got) != 0 {
		t.Errorf("said twice: %q", got)
	}

	// A flood of networks has a bound, too, and none of it is lost from the counts.
	offset.Add(int64(time.Minute))
	const networks = 20_000
	for i := range networks {
		a.note(netip.AddrFrom4([4]byte{10, byte(i >> 8), byte(i), 1}), reasonCrowd)
	}
	said := log.take()
	if len(said) != notesMinute {
		t.Errorf("%d lines for %d networks", len(said), networks)
	}
	total := len(said)
	for range 20 {
		offset.Add(int64(time.Minute))
		a.tellLeftOut()
		lines := log.take()
		if len(lines) > notesMinute+1 {
			t.Fatalf("%d lines in a minute", len(lines))
		}
		for _, line := range lines {
			_, n, _ := strings.Cut(line, "left_out_before=")
			left := 0
			if _, err := fmt.Sscan(n, &left); err != nil {
				t.Fatal(line)
			}
			total += left
		}
	}
	if total != networks {
		t.Errorf("%d of %d are accounted for", total, networks)
	}
}

func TestDamagedProxyHeadersAreSaidOnce(t *testing.T) {
	a, log, _ := watch(AdmissionOptions{})
	s := newStation(t, Options{Admission: a, Trusted: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}})
	for range 5 {
		nc, err := net.Dial("tcp", s.addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = io.WriteString(nc, "PROXY nonsense\r\n")
		wantErr(t, s.next().err, ErrProxyHeader)
		_ = nc.Close()
	}
	if got := log.take(); len(got) != 1 || !strings.Contains(got[0], "network=127.0.0.0/24") || strings.Contains(got[0], "nonsense") {
		t.Errorf("%q", got)
	}
}

// TestRefusedClientCertificates: the log says why, once a minute.
func TestRefusedClientCertificates(t *testing.T) {
	ca, clients, strangers := newIssuer(t, "ca"), newIssuer(t, "clients"), newIssuer(t, "strangers")
	var f folder
	f.put("clients.pem", clients.pem())
	server := f.certificate(t, ca, "a", lease{names: []string{"a.example"}})
	pair := func(by *issuer, l lease) *tls.Certificate {
		chain, key := by.leaf(t, l)
		p, err := tls.X509KeyPair(chain, key)
		if err != nil {
			t.Fatal(err)
		}
		return &p
	}
	for _, tc := range []struct {
		name string
		show *tls.Certificate
		want string
	}{
		{"none", new(tls.Certificate), "gave none"},
		{"of a stranger", pair(strangers, lease{subject: "evil", client: true}), "none of this listener's authorities has signed it"},
		{"expired", pair(clients, lease{subject: "billing", client: true, to: time.Now().Add(-time.Minute)}), "expired"},
		{"not yet", pair(clients, lease{subject: "billing", client: true, from: time.Now().Add(time.Hour)}), "not valid yet"},
		{"for a server", pair(clients, lease{subject: "billing"}), "does not verify"},
		{"good", pair(clients, lease{subject: "billing", client: true}), ""},
	} {
		for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
			t.Run(fmt.Sprintf("%s %x", tc.name, version), func(t *testing.T) {
				a, log, _ := watch(AdmissionOptions{})
				x := newTLS(t, &f, TLSOptions{Certificates: []CertificateFiles{server}, ClientAuth: RequireClientAuth, ClientCA: "clients.pem"})
				s := newStation(t, Options{TLS: x, Admission: a})
				for range 3 {
					_, o, _ := s.tls(&tls.Config{ServerName: "a.example", RootCAs: ca.pool(), MaxVersion: version, GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
						return tc.show, nil
					}})
					if (o.err == nil) != (tc.want == "") {
						t.Fatal(o.err)
					}
				}
				got := log.take()
				if tc.want == "" {
					if len(got) != 0 {
						t.Errorf("%q", got)
					}
					return
				}
				if len(got) != 1 || !strings.Contains(got[0], tc.want) || len(tc.show.Certificate) > 0 && !strings.Contains(got[0], "subject=") {
					t.Errorf("%q", got)
				}
			})
		}
	}
}

func TestPlainHTTP(t *testing.T) {
	ca := newIssuer(t, "ca")
	var f folder
	x := newTLS(t, &f, TLSOptions{Certificates: []CertificateFiles{f.certificate(t, ca, "a", lease{names: []string{"a.example"}})}})
	for _, tc := range []struct {
		name, text string
		http       bool
	}{
		{"a request", "GET /a HTTP/1.1\r\nHost: a\r\n\r\n", true},
		{"HTTP/2 by prior knowledge", preface, true},
		{"a longer method", "PROPFIND / HTTP/1.1\r\n\r\n", true},
		{"another protocol", "SSH-2.0-OpenSSH_9.9\r\n", false},
		{"small letters", "hello, world\r\n", false},
		{"too short a method", "A / HTTP/1.1\r\n\r\n", false},
		{"a broken record", "\x16\x16\x16\x16\x16GET / HTTP/1.1\r\n\r\n", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a, log, _ := watch(AdmissionOptions{})
			s := newStation(t, Options{TLS: x, Admission: a})
			send := func(pieces ...string) error {
				nc, err := net.Dial("tcp", s.addr)
				if err != nil {
					t.Fatal(err)
				}
				defer nc.Close()
				for _, p := range pieces {
					_, _ = io.WriteString(nc, p)
				}
				return s.next().err
			}
			want := ErrHandshake
			if tc.http {
				want = ErrPlainHTTP
			}
			wantErr(t, send(tc.text), want)
			wantErr(t, send(tc.text[:1], tc.text[1:]), want)
			for range plainAnswers {
				_ = send(tc.text)
			}
			wantErr(t, send(tc.text), ErrHandshake) // a flood is not spoken to
			if n := a.Stats().PlainHTTP; n != 0 != tc.http {
				t.Errorf("%d counted", n)
			}
			if got := log.take(); len(got) > 1 {
				t.Errorf("%q", got)
			}
		})
	}
}
