package config

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/ocsp"
)

var checkedAt = time.Date(2026, 5, 1, 0, 0, 0, 0, time.UTC)

// shelf is a folder of certificates.
type shelf map[string][]byte

func (s shelf) read(name string) ([]byte, error) {
	if c, ok := s[strings.TrimPrefix(name, "/etc/merlon/")]; ok {
		return c, nil
	}
	return nil, errors.New("no such file")
}

// certificate puts name.pem and name.key on the shelf, signed by name "ca".
func (s shelf) certificate(t *testing.T, name string, from, to time.Time, ca *x509.Certificate, caKey crypto.Signer) (*x509.Certificate, crypto.Signer) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(len(s) + 1)), Subject: pkix.Name{CommonName: name}, DNSNames: []string{name + ".example"},
		NotBefore: from, NotAfter: to, IsCA: ca == nil, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	parent, signer := ca, caKey
	if ca == nil {
		parent, signer = template, key
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, key.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	made, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	chain := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	if ca != nil {
		chain = append(chain, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: ca.Raw})...)
	}
	s[name+".pem"] = chain
	s[name+".key"] = pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: private})
	return made, key
}

func (s shelf) response(t *testing.T, name string, status int, of, ca *x509.Certificate, caKey crypto.Signer, until time.Time) {
	t.Helper()
	der, err := ocsp.CreateResponse(ca, ca, ocsp.Response{Status: status, SerialNumber: of.SerialNumber, ThisUpdate: checkedAt.AddDate(0, 0, -7), NextUpdate: until}, caKey)
	if err != nil {
		t.Fatal(err)
	}
	s[name] = der
}

// TestCheckFindsWhatListenersRefuse lists what is wrong with files, at the place that names them.
func TestCheckFindsWhatListenersRefuse(t *testing.T) {
	s := shelf{"junk.pem": []byte("junk"), "spec.yaml": []byte("openapi"), "policy.yaml": nil}
	year := checkedAt.AddDate(1, 0, 0)
	ca, caKey := s.certificate(t, "ca", checkedAt.AddDate(-1, 0, 0), year, nil, nil)
	good, _ := s.certificate(t, "good", checkedAt.AddDate(-1, 0, 0), year, ca, caKey)
	other, _ := s.certificate(t, "other", checkedAt.AddDate(-1, 0, 0), year, ca, caKey)
	s.certificate(t, "old", checkedAt.AddDate(-2, 0, 0), checkedAt.AddDate(-1, 0, 0), ca, caKey)
	s.certificate(t, "early", checkedAt.AddDate(0, 1, 0), year, ca, caKey)
	s.certificate(t, "soon", checkedAt.AddDate(-1, 0, 0), checkedAt.AddDate(0, 0, 3), ca, caKey)
	s.response(t, "good.ocsp", ocsp.Good, good, ca, caKey, checkedAt.AddDate(0, 0, 1))
	s.response(t, "other.ocsp", ocsp.Good, other, ca, caKey, checkedAt.AddDate(0, 0, 1))
	s.response(t, "old.ocsp", ocsp.Good, good, ca, caKey, checkedAt.AddDate(0, 0, -1))
	s.response(t, "revoked.ocsp", ocsp.Revoked, good, ca, caKey, checkedAt.AddDate(0, 0, 1))

	const site = "\nsites: [{name: a, upstreams: [{url: 'http://h'}]}]"
	tls := func(inner string) string { return "listen: [{address: ':1', tls: {" + inner + "}}]" + site }
	up := func(inner string) string { return "sites: [{name: a, upstreams: [{url: 'https://h', " + inner + "}]}]" }
	for _, c := range []struct {
		name, src      string
		wrong, notices []string
	}{
		{"good", tls("certificate: good.pem, key: good.key, ocsp: good.ocsp, client_ca: ca.pem"), nil, nil},
		{"gone", tls("certificate: none.pem, key: good.key"), []string{`1: listen[0].tls.certificate: cannot be read: no such file`}, nil},
		{"both gone", tls("certificate: none.pem, key: none.key"), []string{
			`1: listen[0].tls.certificate: cannot be read: no such file`, `1: listen[0].tls.key: cannot be read: no such file`,
		}, nil},
		{"not PEM", tls("certificate: junk.pem, key: good.key"), []string{
			`1: listen[0].tls.certificate: failed to find any PEM data in certificate input (the PEM file of the chain, leaf first)`,
		}, nil},
		{"key of another", tls("certificate: good.pem, key: other.key"), []string{
			`1: listen[0].tls.key: private key does not match public key (the PEM file of the private key that belongs to good.pem)`,
		}, nil},
		{"further key of another", tls("certificate: good.pem, key: good.key, certificates: [{certificate: other.pem, key: good.key}]"), []string{
			`1: listen[0].tls.certificates[0].key: private key does not match public key (the PEM file of the private key that belongs to other.pem)`,
		}, nil},
		{"only further ones", tls("certificates: [{certificate: other.pem, key: junk.pem}]"), []string{
			`1: listen[0].tls.certificates[0].key: failed to find any PEM data in key input (the PEM file of the private key that belongs to other.pem)`,
		}, nil},
		{"expired", tls("certificate: old.pem, key: old.key"), []string{`1: listen[0].tls.certificate: expired on 2025-05-01 (renew it)`}, nil},
		{"not yet", tls("certificate: early.pem, key: early.key"), []string{
			`1: listen[0].tls.certificate: is not valid before 2026-06-01 (check this machine's clock)`,
		}, nil},
		{"soon", tls("certificate: soon.pem, key: soon.key"), nil, []string{`1: listen[0].tls.certificate: expires on 2026-05-04 (renew it)`}},
		{"response for another", tls("certificate: good.pem, key: good.key, ocsp: other.ocsp"), []string{
			`1: listen[0].tls.ocsp: no response matching the supplied certificate (fetch it from the certificate's authority, in DER)`,
		}, nil},
		{"response is none", tls("certificate: good.pem, key: good.key, ocsp: junk.pem"), []string{
			`1: listen[0].tls.ocsp: is no OCSP response (fetch it from the certificate's authority, in DER)`,
		}, nil},
		{"response is old", tls("certificate: good.pem, key: good.key, ocsp: old.ocsp"), []string{`1: listen[0].tls.ocsp: was good until 2026-04-30 (fetch it anew)`}, nil},
		{"revoked", tls("certificate: good.pem, key: good.key, ocsp: revoked.ocsp"), []string{
			`1: listen[0].tls.ocsp: says that the certificate is revoked or unknown to its authority (renew the certificate)`,
		}, nil},
		{"authorities without any", tls("certificate: good.pem, key: good.key, client_ca: good.key"), []string{
			`1: listen[0].tls.client_ca: has no certificate in it (a PEM file of authorities' certificates)`,
		}, nil},
		{"upstream", up("ca: junk.pem, certificate: good.pem, key: other.key"), []string{
			`1: sites[0].upstreams[0].ca: has no certificate in it (a PEM file of authorities' certificates)`,
			`1: sites[0].upstreams[0].key: private key does not match public key (the PEM file of the private key that belongs to good.pem)`,
		}, nil},
		{"description and policy", "sites: [{name: a, upstreams: [{url: 'http://h'}], specs: [spec.yaml, none.yaml], policy: none}]", []string{
			`1: sites[0].specs[0]: not a description`, `1: sites[0].specs[1]: cannot be read: no such file`, `1: sites[0].policy: cannot be read: no such file`,
		}, nil},
		{"gRPC behind HTTP/1.1", "sites: [{name: a, upstreams: [{url: 'h2c://h'}]}]", nil, []string{
			`1: sites[0].upstreams[0].url: speaks HTTP/2 and no listener does, so gRPC clients cannot reach it (give a listener tls, or h2c: true)`,
		}},
		{"gRPC behind h2c", "listen: [{address: ':1', h2c: true}]\nsites: [{name: a, upstreams: [{url: 'h2c://h'}]}]", nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			s["merlon.yaml"] = []byte(c.src)
			const path = "/etc/merlon/merlon.yaml"
			f := Files{Read: s.read, Now: checkedAt, Strict: true, Spec: func(string, []byte) error { return errors.New("not a description") }}
			_, notices, wrong := Read(path, Flags{}, f)
			texts := func(list []Mistake) (out []string) {
				for _, m := range list {
					if m.Column < 20 {
						t.Errorf("%s is not where the file's name stands", m)
					}
					m.File, m.Column = "", 0
					out = append(out, strings.TrimPrefix(strings.Replace(m.String(), ":0: ", ": ", 1), ":"))
				}
				return out
			}
			if d := cmp.Diff(c.wrong, texts(wrong)); d != "" {
				t.Errorf("mistakes (-want +got):\n%s", d)
			}
			if d := cmp.Diff(c.notices, texts(notices)); d != "" {
				t.Errorf("notices (-want +got):\n%s", d)
			}
		})
	}
	t.Run("a restart goes on with what has expired", func(t *testing.T) {
		s["merlon.yaml"] = []byte(tls("certificate: old.pem, key: old.key"))
		_, notices, wrong := Read("/etc/merlon/merlon.yaml", Flags{}, Files{Read: s.read, Now: checkedAt})
		if len(wrong) > 0 || len(notices) != 1 {
			t.Errorf("mistakes %v, notices %v", wrong, notices)
		}
	})
}

func TestTokenFile(t *testing.T) {
	const want = "0123456789abcdef"
	for _, c := range []struct{ name, content, mistake string }{
		{"good", want + "\n", ""},
		{"no file", "", "no such file"},
		{"empty", "\n", "holds no token"},
		{"short", "abc\n", "3 characters"},
		{"two lines", want + "\n" + want, "more than one line"},
		{"with the scheme", "Bearer " + want, "more than one line"},
		{"not text", "\x00" + want, "more than one line"},
		{"long", strings.Repeat("a", 5000), "5000 characters"},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := shelf{"m.yaml": []byte("otlp: {address: '127.0.0.1:4318', token_file: t}\nsites: [{name: a, upstreams: [{url: 'http://h'}]}]")}
			if c.content != "" {
				s["t"] = []byte(c.content)
			}
			_, _, mistakes := Read("/etc/merlon/m.yaml", Flags{}, Files{Read: s.read, Now: checkedAt})
			if c.mistake == "" {
				if token, err := ParseToken(s["t"]); len(mistakes) > 0 || err != nil || token != want {
					t.Error(mistakes, token, err)
				}
				return
			}
			if len(mistakes) != 1 || mistakes[0].Key != "otlp.token_file" || mistakes[0].Line != 1 || !strings.Contains(mistakes[0].Message, c.mistake) || strings.Contains(mistakes[0].Message, want) {
				t.Error(mistakes)
			}
		})
	}
}
