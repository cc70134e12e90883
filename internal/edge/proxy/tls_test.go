package proxy

import (
	"bufio"
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"merlon/internal/edge/proxy/listen"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/identity"
)

// selfSigned is a certificate that is its own authority, for servers and clients, in PEM.
func selfSigned(t testing.TB) (cert, key []byte) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "billing"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"a.example"}, IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})
}

// withTLS puts TLS before a rig and returns what a client of it needs.
func withTLS(t testing.TB) (*listen.TLS, *tls.Config) {
	t.Helper()
	cert, key := selfSigned(t)
	x, err := listen.NewTLS(listen.TLSOptions{
		Certificates: []listen.CertificateFiles{{Certificate: "cert", Key: "key"}}, ClientAuth: listen.RequestClientAuth, ClientCA: "cert",
		Read: func(name string) ([]byte, error) { return map[string][]byte{"cert": cert, "key": key}[name], nil },
		Now:  time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	pair, err := tls.X509KeyPair(cert, key)
	if err != nil {
		t.Fatal(err)
	}
	return x, &tls.Config{RootCAs: pool, ServerName: "a.example", Certificates: []tls.Certificate{pair}}
}

// TestTLS: requests over TLS, whole and in pieces, with what the handshake has shown in their events.
func TestTLS(t *testing.T) {
	x, config := withTLS(t)
	r := newRig(t, echo, func(o *rigOptions) { o.tls, o.Timeouts.Head = x, time.Second })
	c, err := tls.Dial("tcp", r.addr, config)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	br := bufio.NewReader(c)
	big := strings.Repeat("b", 300_000)
	n := 0
	for _, pieces := range [][]string{
		{"GET /1 HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"G", "ET /2 HTTP/1.1\r\n", "Host: a\r\n\r", "\n"},
		{"POST /3 HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n" + big},
		{"GET /4 HTTP/1.1\r\nHost: a\r\n\r\nGET /5 HTTP/1.1\r\nHost: a\r\n\r\n"},
	} {
		for _, p := range pieces {
			if _, err := io.WriteString(c, p); err != nil {
				t.Fatal(err)
			}
		}
		for range strings.Count(strings.Join(pieces, ""), "HTTP/1.1") {
			n++
			resp, err := http.ReadResponse(br, nil)
			if err != nil {
				t.Fatalf("answer %d: %v", n, err)
			}
			b, err := io.ReadAll(resp.Body)
			if err != nil || resp.StatusCode != 200 || !strings.Contains(string(b), `"path":"/`+string(rune('0'+n))+`"`) {
				t.Fatalf("answer %d: %d %s, %v", n, resp.StatusCode, b, err)
			}
		}
	}
	for _, e := range r.wait(n) {
		if len(e.Text(e.JA4)) != 36 || e.Principal.Strength != identity.Verified || e.Principal.Carrier != identity.MTLS {
			t.Errorf("JA4 %q, principal %+v", e.Text(e.JA4), e.Principal)
		}
	}
	// A head that stops in the middle has its own time-out, not that of silence.
	if _, err := io.WriteString(c, "GET /6 HT"); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(br, nil)
	if err != nil || resp.StatusCode != 408 {
		t.Fatalf("%v, %v", resp, err)
	}
	if e := r.wait(n + 1)[n]; !e.Anomalies.Has(exchange.AnomalyTimeout) || e.Outcome != event.OutcomeRefused {
		t.Errorf("%+v", e)
	}
}

func TestPlainTextOnTLS(t *testing.T) {
	x, _ := withTLS(t)
	r := newRig(t, echo, func(o *rigOptions) { o.tls = x })
	c, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if b, err := io.ReadAll(c); bytes.Contains(b, []byte("200")) {
		t.Errorf("%q, %v", b, err)
	}
}

// TestPlainHTTPOnTLS: whoever asks in plain text is told so in plain text, and it is one event.
func TestPlainHTTPOnTLS(t *testing.T) {
	x, _ := withTLS(t)
	a := listen.NewAdmission(listen.AdmissionOptions{Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	r := newRig(t, echo, func(o *rigOptions) { o.tls, o.Admission = x, a })
	got := r.raw("GET /secret?a=b HTTP/1.1\r\nHost: a.example\r\nAuthorization: Bearer abc\r\n\r\n"+strings.Repeat("x", 20_000), 1)
	if !strings.HasPrefix(got, "HTTP/1.1 400 Bad Request\r\n") || !strings.HasSuffix(got, "\r\n\r\n"+plainText) || !strings.Contains(got, "Connection: close\r\n") {
		t.Errorf("%q", got)
	}
	e := r.wait(1)[0]
	if !e.Anomalies.Has(exchange.AnomalyPlainHTTP) || e.Outcome != event.OutcomeRefused || e.Status != 400 || e.Text(e.Host) != "a.example" || e.JA4.Len != 0 {
		t.Errorf("%+v", e)
	}
	if s := a.Stats(); s.PlainHTTP != 1 || s.HandshakesFailed != 1 {
		t.Errorf("%+v", s)
	}
}
