package listen

import (
	"crypto/tls"
	"errors"
	"io"
	"maps"
	"math/big"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/crypto/ocsp"
)

func TestCertificateByName(t *testing.T) {
	ca := newIssuer(t, "ca")
	var f folder
	x := newTLS(t, &f, TLSOptions{HTTP2: true, Certificates: []CertificateFiles{
		f.certificate(t, ca, "first", lease{names: []string{"first.example"}}),
		f.certificate(t, ca, "wild", lease{names: []string{"*.acme.example"}}),
		f.certificate(t, ca, "api", lease{names: []string{"api.acme.example", "API2.acme.example"}}),
	}})
	s := newStation(t, Options{TLS: x})
	for _, tc := range []struct{ name, ask, want string }{
		{"exact", "api.acme.example", "api.acme.example"},
		{"exact in another case", "API.Acme.example", "api.acme.example"},
		{"a name written in capitals", "api2.acme.example", "api.acme.example"},
		{"wildcard", "shop.acme.example", "*.acme.example"},
		{"a wildcard covers one label", "a.shop.acme.example", "first.example"},
		{"a wildcard does not cover its parent", "acme.example", "first.example"},
		{"unknown", "other.example", "first.example"},
		{"none", "", "first.example"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c, o, err := s.tls(&tls.Config{ServerName: tc.ask, InsecureSkipVerify: true, NextProtos: []string{"h2", "http/1.1"}})
			if err != nil || o.err != nil {
				t.Fatal(err, o.err)
			}
			if got := c.ConnectionState().PeerCertificates[0].DNSNames[0]; got != tc.want {
				t.Errorf("got the certificate of %s, want %s", got, tc.want)
			}
			h := o.conn.Client.TLS
			if !strings.EqualFold(h.ServerName, tc.ask) || h.ALPN != "h2" || !o.conn.HTTP2 || h.Version != tls.VersionTLS13 || len(h.JA4) != 36 {
				t.Errorf("handshake %+v", h)
			}
		})
	}
}

// TestTwoKeysForOneName: a client without ECDSA gets the RSA certificate.
func TestTwoKeysForOneName(t *testing.T) {
	ca := newIssuer(t, "ca")
	var f folder
	x := newTLS(t, &f, TLSOptions{Certificates: []CertificateFiles{
		f.certificate(t, ca, "ec", lease{names: []string{"a.example"}}),
		f.certificate(t, ca, "rsa", lease{names: []string{"a.example"}, rsa: true}),
	}})
	s := newStation(t, Options{TLS: x})
	for suite, want := range map[uint16]string{tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256: "RSA", tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256: "ECDSA"} {
		c, _, err := s.tls(&tls.Config{ServerName: "a.example", RootCAs: ca.pool(), MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{suite}})
		if err != nil || c.ConnectionState().PeerCertificates[0].PublicKeyAlgorithm.String() != want {
			t.Errorf("%s: %v", want, err)
		}
	}
}

func TestOldProtocolsAreRefused(t *testing.T) {
	ca := newIssuer(t, "ca")
	var f folder
	x := newTLS(t, &f, TLSOptions{Certificates: []CertificateFiles{f.certificate(t, ca, "a", lease{names: []string{"a.example"}, rsa: true})}})
	s := newStation(t, Options{TLS: x})
	for _, tc := range []struct {
		name   string
		config *tls.Config
		ok     bool
	}{
		{"TLS 1.1", &tls.Config{MinVersion: tls.VersionTLS10, MaxVersion: tls.VersionTLS11}, false},
		{"CBC", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA}}, false},
		{"no forward secrecy", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_RSA_WITH_AES_128_GCM_SHA256}}, false},
		{"GCM", &tls.Config{MaxVersion: tls.VersionTLS12, CipherSuites: []uint16{tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384}}, true},
		{"TLS 1.3", &tls.Config{}, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.config.ServerName, tc.config.RootCAs = "a.example", ca.pool()
			_, o, err := s.tls(tc.config)
			if (err == nil) != tc.ok || (o.err == nil) != tc.ok {
				t.Errorf("client %v, server %v", err, o.err)
			}
			if !tc.ok {
				wantErr(t, o.err, ErrHandshake)
			}
		})
	}
}

// TestReload: new files serve new handshakes while open connections go on; a bad file replaces nothing and is named.
func TestReload(t *testing.T) {
	ca := newIssuer(t, "ca")
	var f folder
	files := f.certificate(t, ca, "a", lease{names: []string{"old.example"}})
	second := f.certificate(t, ca, "b", lease{names: []string{"b.example"}})
	options := TLSOptions{Certificates: []CertificateFiles{files, second}}
	x := newTLS(t, &f, options)
	reload := reloading(&f, x, options)
	s := newStation(t, Options{TLS: x})
	open, o, err := s.tls(&tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	shown := func() string {
		c, _, err := s.tls(&tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		return c.ConnectionState().PeerCertificates[0].DNSNames[0]
	}
	good := maps.Clone(f.files)
	newChain, newKey := ca.leaf(t, lease{names: []string{"new.example"}})
	expiredChain, expiredKey := ca.leaf(t, lease{names: []string{"new.example"}, to: time.Now().Add(-time.Minute)})
	earlyChain, earlyKey := ca.leaf(t, lease{names: []string{"new.example"}, from: time.Now().Add(time.Hour)})
	for _, tc := range []struct {
		name  string
		files map[string][]byte
		want  error
		says  []string
	}{
		{"expired", map[string][]byte{"a.pem": expiredChain, "a.key": expiredKey}, ErrExpired, []string{"a.pem", "expired at", "renew"}},
		{"not yet valid", map[string][]byte{"a.pem": earlyChain, "a.key": earlyKey}, ErrExpired, []string{"a.pem", "clock"}},
		{"key of another", map[string][]byte{"a.pem": newChain}, ErrKeyMismatch, []string{"a.key", "a.pem"}},
		{"gone", map[string][]byte{"b.pem": nil}, ErrUnreadable, []string{"b.pem"}},
		{"garbage", map[string][]byte{"b.pem": []byte("hello")}, ErrUnreadable, []string{"b.pem", "CERTIFICATE"}},
		{"a damaged certificate", map[string][]byte{"b.pem": []byte("-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n")}, ErrUnreadable, []string{"b.pem"}},
		{"no key", map[string][]byte{"b.key": []byte("hello")}, ErrUnreadable, []string{"b.key"}},
		{"an encrypted key", map[string][]byte{"b.key": []byte("-----BEGIN ENCRYPTED PRIVATE KEY-----\naGVsbG8=\n-----END ENCRYPTED PRIVATE KEY-----\n")}, ErrUnreadable, []string{"b.key", "encrypted"}},
		{"one good, one bad", map[string][]byte{"a.pem": newChain, "a.key": newKey, "b.key": newKey}, ErrKeyMismatch, []string{"b.key"}},
		{"two bad", map[string][]byte{"a.pem": []byte("x"), "b.key": newKey}, ErrKeyMismatch, []string{"a.pem", "b.key"}},
		{"a huge file", map[string][]byte{"b.pem": make([]byte, maxFile+1)}, ErrUnreadable, []string{"b.pem"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			for name, b := range good {
				f.put(name, b)
			}
			for name, b := range tc.files {
				if f.put(name, b); b == nil {
					delete(f.files, name)
				}
			}
			err := reload()
			wantErr(t, err, tc.want)
			for _, part := range tc.says {
				if !strings.Contains(err.Error(), part) {
					t.Errorf("%q does not say %q", err, part)
				}
			}
			if got := shown(); got != "old.example" {
				t.Errorf("%s is served", got)
			}
		})
	}
	f.put("a.pem", newChain)
	f.put("a.key", newKey)
	f.put("b.pem", good["b.pem"])
	f.put("b.key", good["b.key"])
	if err := reload(); err != nil {
		t.Fatal(err)
	}
	if got := shown(); got != "new.example" {
		t.Errorf("%s is served", got)
	}
	_, _ = io.WriteString(o.conn, "still here")
	got := make([]byte, 10)
	if _, err := io.ReadFull(open, got); err != nil || string(got) != "still here" {
		t.Errorf("the open connection: %q, %v", got, err)
	}
	if x.Expires().IsZero() || x.Expires().After(time.Now().AddDate(1, 0, 1)) {
		t.Errorf("expires %v", x.Expires())
	}
}

func TestStart(t *testing.T) {
	ca := newIssuer(t, "ca")
	var f folder
	expired := f.certificate(t, ca, "a", lease{names: []string{"a.example"}, to: time.Now().Add(-time.Minute)})
	newTLS(t, &f, TLSOptions{Certificates: []CertificateFiles{expired}}) // better than none
	f.put("bad.pem", []byte("x"))
	for name, o := range map[string]TLSOptions{
		"no certificate":       {},
		"an unreadable one":    {Certificates: []CertificateFiles{expired, {Certificate: "bad.pem", Key: "a.key"}}},
		"no client authority":  {Certificates: []CertificateFiles{expired}, ClientAuth: RequireClientAuth},
		"bad client authority": {Certificates: []CertificateFiles{expired}, ClientAuth: RequestClientAuth, ClientCA: "bad.pem"},
	} {
		o.Read, o.Now = f.read, time.Now
		if _, err := NewTLS(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

func TestTicketKeysRotate(t *testing.T) {
	ca := newIssuer(t, "ca")
	var f folder
	options := TLSOptions{
		Certificates: []CertificateFiles{f.certificate(t, ca, "a", lease{names: []string{"a.example"}})}, ClientAuth: RequestClientAuth, ClientCA: "ca.pem",
		Read: f.read,
	}.with(&f, ca)
	x := newTLS(t, &f, options)
	reload := reloading(&f, x, options)
	s := newStation(t, Options{TLS: x})
	for _, version := range []uint16{tls.VersionTLS12, tls.VersionTLS13} {
		connect := func(cache tls.ClientSessionCache) bool {
			c, o, err := s.tls(&tls.Config{ServerName: "a.example", RootCAs: ca.pool(), ClientSessionCache: cache, MaxVersion: version})
			if err != nil {
				t.Fatal(err)
			}
			if o.conn.Client.TLS.Resumed != c.ConnectionState().DidResume {
				t.Error("the two ends differ")
			}
			return c.ConnectionState().DidResume
		}
		cache := frozen{tls.NewLRUClientSessionCache(1), new(atomic.Bool)}
		if connect(cache) {
			t.Error("resumed at once")
		}
		cache.closed.Store(true) // always come back with the first ticket
		for i := range ticketsKept {
			if !connect(cache) {
				t.Errorf("version %x: a ticket of %d rotations ago is refused", version, i)
			}
			if i == 0 {
				if err := reload(); err != nil {
					t.Fatal(err)
				}
				if !connect(cache) {
					t.Error("a reload of the same files ends sessions")
				}
			}
			x.tickets.rotate(newTicketKey())
		}
		if connect(cache) {
			t.Errorf("version %x: a ticket of %d rotations ago is accepted", version, ticketsKept)
		}
	}
	// Whoever was let in under other authorities has to show a certificate again.
	cache := frozen{tls.NewLRUClientSessionCache(1), new(atomic.Bool)}
	for i, want := range []bool{false, true, false} {
		if i == 2 {
			f.put("ca.pem", newIssuer(t, "another").pem())
			if err := reload(); err != nil {
				t.Fatal(err)
			}
		}
		c, _, err := s.tls(&tls.Config{ServerName: "a.example", RootCAs: ca.pool(), ClientSessionCache: cache})
		if err != nil || c.ConnectionState().DidResume != want {
			t.Errorf("connection %d: resumed %v, %v", i, c.ConnectionState().DidResume, err)
		}
	}
}

// TestPrepared: what was checked is what serves, whatever the files hold by then, and under the conditions it was checked with.
func TestPrepared(t *testing.T) {
	ca := newIssuer(t, "ca")
	var f folder
	options := TLSOptions{Certificates: []CertificateFiles{f.certificate(t, ca, "a", lease{names: []string{"old.example"}})}, Read: f.read, Now: time.Now}
	x := newTLS(t, &f, options)
	s := newStation(t, Options{TLS: x})
	shown := func(highest uint16) (string, error) {
		c, _, err := s.tls(&tls.Config{InsecureSkipVerify: true, MaxVersion: highest})
		if err != nil {
			return "", err
		}
		return c.ConnectionState().PeerCertificates[0].DNSNames[0], nil
	}
	chain, key := ca.leaf(t, lease{names: []string{"checked.example"}})
	f.put("a.pem", chain)
	f.put("a.key", key)
	options.MinVersion = tls.VersionTLS13
	p, err := Prepare(options)
	if err != nil {
		t.Fatal(err)
	}
	f.put("a.pem", []byte("another content"))
	if got, err := shown(tls.VersionTLS12); err != nil || got != "old.example" {
		t.Errorf("before it is used: %q, %v", got, err)
	}
	x.Use(p)
	if got, err := shown(0); err != nil || got != "checked.example" {
		t.Errorf("used: %q, %v", got, err)
	}
	if got, err := shown(tls.VersionTLS12); err == nil {
		t.Errorf("TLS 1.2 is spoken: %q", got)
	}
}

// with puts the authority where the options expect it.
func (o TLSOptions) with(f *folder, ca *issuer) TLSOptions {
	f.put("ca.pem", ca.pem())
	return o
}

// frozen is a session cache that can stop taking new sessions.
type frozen struct {
	tls.ClientSessionCache
	closed *atomic.Bool
}

// Put implements tls.ClientSessionCache.
func (f frozen) Put(key string, s *tls.ClientSessionState) {
	if !f.closed.Load() {
		f.ClientSessionCache.Put(key, s)
	}
}

func TestStaple(t *testing.T) {
	ca := newIssuer(t, "ca")
	var f folder
	files := f.certificate(t, ca, "a", lease{names: []string{"a.example"}})
	files.OCSP = "a.ocsp"
	leaf, err := firstCertificate(f.files["a.pem"])
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Now().Truncate(time.Second)
	response := func(by *issuer, serial *big.Int, status int, next time.Time) []byte {
		der, err := ocsp.CreateResponse(by.cert, by.cert, ocsp.Response{Status: status, SerialNumber: serial, ThisUpdate: begin.Add(-time.Hour), NextUpdate: next}, by.key)
		if err != nil {
			t.Fatal(err)
		}
		return der
	}
	f.put("a.ocsp", response(ca, leaf.SerialNumber, ocsp.Good, begin.Add(time.Hour)))
	var ahead atomic.Int64
	options := TLSOptions{Certificates: []CertificateFiles{files}, Now: func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }}
	x := newTLS(t, &f, options)
	reload := reloading(&f, x, options)
	s := newStation(t, Options{TLS: x})
	stapled := func() bool {
		c, _, err := s.tls(&tls.Config{ServerName: "a.example", RootCAs: ca.pool()})
		if err != nil {
			t.Fatal(err)
		}
		return len(c.OCSPResponse()) > 0
	}
	if !stapled() {
		t.Error("not stapled")
	}
	ahead.Store(int64(2 * time.Hour))
	if stapled() {
		t.Error("a stale response is stapled")
	}
	if err := reload(); err != nil {
		t.Errorf("a stale response keeps a good certificate from being used: %v", err)
	}
	ahead.Store(0)
	chain := f.files["a.pem"]
	for name, change := range map[string]func(){
		"of another certificate": func() { f.put("a.ocsp", response(ca, big.NewInt(1<<40), ocsp.Good, begin.Add(time.Hour))) },
		"of another issuer": func() {
			f.put("a.ocsp", response(newIssuer(t, "ca"), leaf.SerialNumber, ocsp.Good, begin.Add(time.Hour)))
		},
		"revoked":     func() { f.put("a.ocsp", response(ca, leaf.SerialNumber, ocsp.Revoked, begin.Add(time.Hour))) },
		"without end": func() { f.put("a.ocsp", response(ca, leaf.SerialNumber, ocsp.Good, time.Time{})) },
		"garbage":     func() { f.put("a.ocsp", []byte("x")) },
		"no issuer in the chain": func() {
			f.put("a.ocsp", response(ca, leaf.SerialNumber, ocsp.Good, begin.Add(time.Hour)))
			f.put("a.pem", chain[:len(chain)-len(ca.pem())])
		},
	} {
		f.put("a.pem", chain)
		change()
		if err := reload(); !errors.Is(err, ErrStaple) || !strings.Contains(err.Error(), "a.ocsp") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestClientCertificates(t *testing.T) {
	ca, clients, strangers := newIssuer(t, "ca"), newIssuer(t, "clients"), newIssuer(t, "strangers")
	var f folder
	f.put("clients.pem", clients.pem())
	server := f.certificate(t, ca, "a", lease{names: []string{"a.example"}})
	pair := func(by *issuer, l lease) []tls.Certificate {
		l.client = true
		chain, key := by.leaf(t, l)
		p, err := tls.X509KeyPair(chain, key)
		if err != nil {
			t.Fatal(err)
		}
		return []tls.Certificate{p}
	}
	for _, tc := range []struct {
		name             string
		show             []tls.Certificate
		request, require bool // let in
		as               string
	}{
		{"none", nil, true, false, ""},
		{"by subject", pair(clients, lease{subject: "billing"}), true, true, "billing"},
		{"by URI", pair(clients, lease{subject: "x", uri: "spiffe://acme/billing"}), true, true, "spiffe://acme/billing"},
		{"by key", pair(clients, lease{}), true, true, "key"},
		{"of a stranger", pair(strangers, lease{subject: "billing"}), false, false, ""},
		{"expired", pair(clients, lease{subject: "billing", to: time.Now().Add(-time.Minute)}), false, false, ""},
	} {
		for auth, in := range map[ClientAuth]bool{RequestClientAuth: tc.request, RequireClientAuth: tc.require} {
			t.Run(tc.name, func(t *testing.T) {
				x := newTLS(t, &f, TLSOptions{Certificates: []CertificateFiles{server}, ClientAuth: auth, ClientCA: "clients.pem"})
				s := newStation(t, Options{TLS: x})
				// Shown whatever the server says it accepts, as an attacker would.
				config := &tls.Config{ServerName: "a.example", RootCAs: ca.pool(), GetClientCertificate: func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
					if tc.show == nil {
						return new(tls.Certificate), nil
					}
					return &tc.show[0], nil
				}}
				_, o, err := s.tls(config)
				if (err == nil) != in || (o.err == nil) != in {
					t.Fatalf("client %v, server %v", err, o.err)
				}
				if !in {
					return
				}
				h := o.conn.Client.TLS
				name := string(h.Name)
				switch tc.as {
				case "":
					if len(h.Verified) != 0 || len(h.Name) != 0 || h.KeyHash != [32]byte{} {
						t.Errorf("somebody: %+v", h)
					}
				case "key":
					if name != string(h.KeyHash[:]) || h.KeyHash == [32]byte{} {
						t.Errorf("name %q", name)
					}
				default:
					if !strings.Contains(name, tc.as) || h.KeyHash == [32]byte{} || len(h.Verified) != 2 {
						t.Errorf("name %q, chain of %d", name, len(h.Verified))
					}
				}
			})
		}
	}
}
