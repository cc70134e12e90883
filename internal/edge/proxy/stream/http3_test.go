package stream

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/quic-go/quic-go/http3"

	"merlon/internal/edge/proxy/listen"
	"merlon/internal/model/event"
)

// certificate is one for localhost, as PEM.
func certificate(t testing.TB) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})
}

func TestHTTP3(t *testing.T) {
	admission := listen.NewAdmission(listen.AdmissionOptions{Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	r := newRig(t, http.HandlerFunc(echo), func(o *setup) { o.Admission = admission })
	cert, key := certificate(t)
	secure, err := listen.NewTLS(listen.TLSOptions{
		Certificates: []listen.CertificateFiles{{Certificate: "c", Key: "k"}}, Now: time.Now, Log: slog.New(slog.DiscardHandler),
		Read: func(name string) ([]byte, error) {
			switch name {
			case "c":
				return cert, nil
			case "k":
				return key, nil
			}
			return nil, fs.ErrNotExist
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	pc, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer pc.Close()
	h, err := r.server.NewHTTP3(pc, secure)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- h.Serve() }()
	client := &http3.Transport{TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "localhost"}}
	ask := func(method string, body io.Reader) string {
		req, err := http.NewRequestWithContext(context.Background(), method, fmt.Sprintf("https://%s/a?b=c", pc.LocalAddr()), body)
		if err != nil {
			t.Fatal(err)
		}
		res, err := client.RoundTrip(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		b, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != 201 || res.ProtoMajor != 3 {
			t.Fatalf("%s, %v", res.Status, err)
		}
		return string(b)
	}
	if got := ask("GET", nil); got != "GET /a?b=c 0 127.0.0.1" {
		t.Errorf("%q", got)
	}
	if got := ask("POST", strings.NewReader(strings.Repeat("x", 5000))); got != "POST /a?b=c 5000 127.0.0.1" {
		t.Errorf("%q", got)
	}
	if got := ask("PUT", io.MultiReader(strings.NewReader("of no announced length"))); got != "PUT /a?b=c 22 127.0.0.1" {
		t.Errorf("%q", got)
	}
	if got := ask("DELETE", io.MultiReader(strings.NewReader("unusual"))); got != "DELETE /a?b=c 7 127.0.0.1" {
		t.Errorf("%q", got)
	}
	for _, e := range r.wait(4) {
		if ja4 := e.Text(e.JA4); !strings.HasPrefix(ja4, "q13d") || len(ja4) != 36 || e.Outcome != event.OutcomeAnswered || e.HTTP2 != 0 || e.Fingerprint != 0 {
			t.Errorf("%q %v %x", ja4, e.Outcome, e.HTTP2)
		}
	}
	r.quiet()
	if got := admission.Stats(); got.Open != 1 || got.Admitted != 1 {
		t.Errorf("%+v", got)
	}
	if n := admission.Shed(1); n != 1 {
		t.Errorf("%d idle connections were closed", n)
	}
	_ = client.Close()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := h.Shutdown(ctx); err != nil {
		t.Errorf("shutdown: %v", err)
	}
	if err := <-served; err != nil {
		t.Errorf("serve: %v", err)
	}
}
