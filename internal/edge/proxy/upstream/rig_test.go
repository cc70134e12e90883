package upstream

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"merlon/internal/edge/http1"
	"merlon/internal/model/exchange"
)

// patience bounds what a test waits for when something is broken; no outcome depends on it.
const patience = 20 * time.Second

// authority issues the certificates of one test.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
	pem  []byte
}

func newAuthority(t *testing.T) *authority {
	t.Helper()
	a := &authority{t: t}
	var err error
	if a.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &a.key.PublicKey, a.key)
	if err != nil {
		t.Fatal(err)
	}
	if a.cert, err = x509.ParseCertificate(der); err != nil {
		t.Fatal(err)
	}
	a.pem = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return a
}

// issue makes a certificate for name and its key, in PEM form.
func (a *authority) issue(name string) (cert, key []byte) {
	a.t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		a.t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, a.cert, &k.PublicKey, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		a.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: raw})
}

// kinds are the ways a server can be spoken to.
var kinds = []string{"http", "unix", "https", "h2c", "h2"}

// serve runs h as a server of that kind and returns its target. The TLS kinds ask for a client certificate.
func serve(t *testing.T, kind string, h http.Handler) Target {
	t.Helper()
	network, address := "tcp", "127.0.0.1:0"
	if kind == "unix" {
		network, address = "unix", filepath.Join(t.TempDir(), "s")
	}
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h, ErrorLog: slog.NewLogLogger(slog.DiscardHandler, slog.LevelError), Protocols: new(http.Protocols)}
	switch kind {
	case "h2":
		s.Protocols.SetHTTP2(true)
	case "h2c":
		s.Protocols.SetUnencryptedHTTP2(true)
	default:
		s.Protocols.SetHTTP1(true)
	}
	url := kind + "://" + l.Addr().String()
	if kind == "unix" {
		url = "unix:" + address
	}
	target, err := ParseTarget(url)
	if err != nil {
		t.Fatal(err)
	}
	if target.TLS != nil {
		a := newAuthority(t)
		cert, key := a.issue("upstream.test")
		own, err := tls.X509KeyPair(cert, key)
		if err != nil {
			t.Fatal(err)
		}
		pool := x509.NewCertPool()
		pool.AddCert(a.cert)
		s.TLSConfig = &tls.Config{Certificates: []tls.Certificate{own}, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS12}
		cert, key = a.issue("merlon.test")
		if err := target.Secure(Credentials{CA: a.pem, Certificate: cert, Key: key, ServerName: "upstream.test"}); err != nil {
			t.Fatal(err)
		}
	}
	done := make(chan error, 1)
	go func() {
		if target.TLS != nil {
			done <- s.ServeTLS(l, "", "")
			return
		}
		done <- s.Serve(l)
	}()
	t.Cleanup(func() {
		_ = s.Close()
		<-done
	})
	return target
}

// newGroup is a group before the targets.
func newGroup(t testing.TB, change func(*Options), targets ...Target) *Group {
	t.Helper()
	o := Options{Site: "acme", Targets: targets, Log: slog.New(slog.DiscardHandler), Now: time.Now}
	if change != nil {
		change(&o)
	}
	g := NewGroup(o)
	t.Cleanup(g.Close)
	return g
}

// head parses a request head; the final empty line is added.
func head(t testing.TB, text string) *http1.RequestHead {
	t.Helper()
	h := new(http1.RequestHead)
	l := http1.DefaultLimits()
	text = strings.ReplaceAll(text, "\n", "\r\n") + "\r\n\r\n"
	if n, err := h.Parse([]byte(text), &l); err != nil || n != len(text) {
		t.Fatalf("%q: %d, %v", text, n, err)
	}
	return h
}

// reply is an answer read to its end.
type reply struct {
	status   int
	body     string
	fields   map[string]string
	trailers map[string]string
}

func fieldMap(fields []exchange.Field) map[string]string {
	m := make(map[string]string)
	for _, f := range fields {
		m[strings.ToLower(string(f.Name))] = string(f.Value)
	}
	return m
}

// read reads an answer to its end and closes it.
func read(a *Answer) (reply, error) {
	defer a.Close()
	r := reply{status: a.Head.Status, fields: fieldMap(a.Head.Fields)}
	for {
		payload, done, err := a.Next()
		if err != nil {
			return r, err
		}
		r.body += string(payload)
		if done {
			r.trailers = fieldMap(a.Trailers())
			return r, nil
		}
	}
}

// ask sends a request and reads the answer.
func ask(t testing.TB, g *Group, r *Request) (reply, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	a, err := g.Do(ctx, r)
	if err != nil {
		return reply{}, err
	}
	return read(a)
}

// pieces is a body that arrives when the test says so.
type pieces struct {
	c       chan string // closed: the end
	stopped chan struct{}
}

func newPieces() *pieces { return &pieces{make(chan string), make(chan struct{})} }

func (p *pieces) Next() ([]byte, bool, error) {
	select {
	case s, ok := <-p.c:
		return []byte(s), !ok, nil
	case <-p.stopped:
		return nil, false, errors.New("stopped")
	}
}

func (p *pieces) Stop() { close(p.stopped) }

// failing is a body whose client goes away.
type failing struct{}

var errClient = errors.New("the client is gone")

func (failing) Next() ([]byte, bool, error) { return nil, false, errClient }
func (failing) Stop()                       {}

// all reads a handler's request body.
func all(r *http.Request) string {
	b, _ := io.ReadAll(r.Body)
	return string(b)
}
