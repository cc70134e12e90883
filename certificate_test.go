package merlon

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"math/big"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"
)

// clientCertificate is one that says its owner is cn, signed by itself.
func clientCertificate(t *testing.T, cn string) tls.Certificate {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: cn}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
}

// TestClientCertificate: a certificate that the handshake verified says who the caller is, one that was merely shown
// nothing.
func TestClientCertificate(t *testing.T) {
	known, same := clientCertificate(t, "payments"), clientCertificate(t, "payments")
	for _, c := range []struct {
		name     string
		auth     tls.ClientAuthType
		shown    []tls.Certificate
		strength string
	}{
		{"verified", tls.VerifyClientCertIfGiven, []tls.Certificate{known}, "verified"},
		{"shown, and not verified", tls.RequestClientCert, []tls.Certificate{known}, "anonymous"},
		{"made up in its name", tls.RequestClientCert, []tls.Certificate{same}, "anonymous"},
		{"none", tls.VerifyClientCertIfGiven, nil, "anonymous"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := start(t, Options{})
			r.server = httptest.NewUnstartedServer(r.guard.Wrap(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})))
			pool := x509.NewCertPool()
			pool.AddCert(known.Leaf)
			r.server.TLS = &tls.Config{ClientAuth: c.auth, ClientCAs: pool}
			r.server.StartTLS()
			shown := c.shown
			r.server.Client().Transport.(*http.Transport).TLSClientConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
				if len(shown) == 0 {
					return &tls.Certificate{}, nil
				}
				return &shown[0], nil
			}
			r.do("GET", "/orders/7", nil)
			r.one()
			var got struct {
				Principal struct{ Name, Strength string }
			}
			if err := json.Unmarshal(r.lines.Bytes(), &got); err != nil {
				t.Fatal(err)
			}
			if got.Principal.Strength != c.strength || (got.Principal.Name != "") != (c.strength == "verified") {
				t.Errorf("%+v: %s", got, r.lines.Bytes())
			}
		})
	}
}
