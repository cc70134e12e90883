package listen

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"io"
	"log/slog"
	"math/big"
	"net"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// issuer is a certificate authority of a test; leaf makes certificates of it.
type issuer struct {
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

// lease is what a test wants of a certificate.
type lease struct {
	names    []string
	uri      string
	subject  string
	from, to time.Time
	rsa      bool
	client   bool
}

var serials atomic.Int64

func newIssuer(t testing.TB, name string) *issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serials.Add(1)), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(2, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return &issuer{cert, key}
}

func (ca *issuer) pem() []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.cert.Raw})
}

func (ca *issuer) pool() *x509.CertPool {
	p := x509.NewCertPool()
	p.AddCert(ca.cert)
	return p
}

// leaf makes a certificate with its chain and key, in PEM.
func (ca *issuer) leaf(t testing.TB, l lease) (chain, key []byte) {
	t.Helper()
	var private crypto.Signer
	var err error
	if l.rsa {
		private, err = rsa.GenerateKey(rand.Reader, 2048)
	} else {
		private, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	}
	if err != nil {
		t.Fatal(err)
	}
	if l.from.IsZero() {
		l.from = time.Now().Add(-time.Hour)
	}
	if l.to.IsZero() {
		l.to = time.Now().AddDate(1, 0, 0)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serials.Add(1)), NotBefore: l.from, NotAfter: l.to, DNSNames: l.names,
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	if l.subject != "" {
		template.Subject = pkix.Name{CommonName: l.subject}
	}
	if l.client {
		template.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}
	}
	if l.uri != "" {
		u, err := url.Parse(l.uri)
		if err != nil {
			t.Fatal(err)
		}
		template.URIs = []*url.URL{u}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, ca.cert, private.Public(), ca.key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	chain = append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), ca.pem()...)
	return chain, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: text})
}

// folder holds files in memory.
type folder struct {
	mu    sync.Mutex
	files map[string][]byte
}

func (f *folder) read(name string) ([]byte, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if b, ok := f.files[name]; ok {
		return b, nil
	}
	return nil, os.ErrNotExist
}

func (f *folder) put(name string, b []byte) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.files == nil {
		f.files = make(map[string][]byte)
	}
	f.files[name] = b
}

// certificate puts a certificate's two files under a name.
func (f *folder) certificate(t testing.TB, ca *issuer, name string, l lease) CertificateFiles {
	chain, key := ca.leaf(t, l)
	f.put(name+".pem", chain)
	f.put(name+".key", key)
	return CertificateFiles{Certificate: name + ".pem", Key: name + ".key"}
}

// opened is what became of one connection.
type opened struct {
	conn *Conn
	err  error
}

// station is a listener on loopback that opens every connection, answers "ok" and hands it to the test.
type station struct {
	t    testing.TB
	l    *Listener
	addr string
	seen chan opened
}

func newStation(t testing.TB, o Options) *station {
	t.Helper()
	nl, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	s := &station{t: t, l: New(nl, o), addr: nl.Addr().String(), seen: make(chan opened, 10_000)}
	var open sync.WaitGroup
	accepting := make(chan struct{})
	var mu sync.Mutex
	var all []net.Conn
	go func() {
		defer close(accepting)
		for {
			nc, err := s.l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			all = append(all, nc)
			mu.Unlock()
			open.Go(func() {
				c, err := s.l.Open(context.Background(), nc)
				if err != nil {
					_ = nc.Close()
				} else {
					_, _ = io.WriteString(c, "ok")
				}
				s.seen <- opened{c, err}
			})
		}
	}()
	t.Cleanup(func() {
		_ = s.l.Close()
		<-accepting
		for _, c := range all {
			_ = c.(*Conn).Raw.Close()
		}
		open.Wait()
		for _, c := range all {
			_ = c.Close()
		}
	})
	return s
}

// next is what became of the next connection.
func (s *station) next() opened {
	s.t.Helper()
	select {
	case o := <-s.seen:
		return o
	case <-time.After(20 * time.Second):
		s.t.Fatal("no connection was opened")
		return opened{}
	}
}

// tls connects with a client configuration, waits for the answer and returns both ends.
func (s *station) tls(c *tls.Config) (*tls.Conn, opened, error) {
	s.t.Helper()
	nc, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = nc.Close() })
	_ = nc.SetDeadline(time.Now().Add(20 * time.Second))
	tc := tls.Client(nc, c)
	err = tc.Handshake()
	if err == nil {
		_, err = io.ReadFull(tc, make([]byte, 2)) // a TLS 1.3 client learns here that its certificate was refused
	}
	if err != nil {
		_ = nc.Close()
	}
	return tc, s.next(), err
}

func newTLS(t testing.TB, f *folder, o TLSOptions) *TLS {
	t.Helper()
	o.Read = f.read
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	x, err := NewTLS(o)
	if err != nil {
		t.Fatal(err)
	}
	return x
}

// reloading reads the files of x again.
func reloading(f *folder, x *TLS, o TLSOptions) func() error {
	o.Read, o.Log = f.read, slog.New(slog.DiscardHandler)
	if o.Now == nil {
		o.Now = time.Now
	}
	return func() error {
		p, err := Prepare(o)
		if err == nil {
			x.Use(p)
		}
		return err
	}
}

func wantErr(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("error %v, want %v", got, want)
	}
}
