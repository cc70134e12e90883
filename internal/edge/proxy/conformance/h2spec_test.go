package conformance

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"encoding/xml"
	"log/slog"
	"math/big"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"merlon/internal/edge/proxy/listen"
)

// newTLS ends TLS connections with a certificate made for the test, and offers HTTP/2.
func newTLS(t *testing.T) *listen.TLS {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	c := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"a.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	secret, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	files := listen.CertificateFiles{Certificate: filepath.Join(t.TempDir(), "cert.pem"), Key: filepath.Join(t.TempDir(), "key.pem")}
	for name, block := range map[string]*pem.Block{files.Certificate: {Type: "CERTIFICATE", Bytes: der}, files.Key: {Type: "PRIVATE KEY", Bytes: secret}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	ends, err := listen.NewTLS(listen.TLSOptions{
		Certificates: []listen.CertificateFiles{files}, HTTP2: true, Read: os.ReadFile, Now: time.Now, Log: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	return ends
}

// h2specExceptions are the cases of h2spec that fail, each with the reason why it may. A case that fails and does not stand
// here fails the test, and so does one that stands here and passes. There is none.
var h2specExceptions = map[string]string{}

// h2specReport is the part of its JUnit report that is read.
type h2specReport struct {
	Suites []struct {
		Name  string `xml:"name,attr"`
		Cases []struct {
			Name    string    `xml:"classname,attr"`
			Failure *struct{} `xml:"failure"`
			Error   *struct{} `xml:"error"`
			Skipped *struct{} `xml:"skipped"`
		} `xml:"testcase"`
	} `xml:"testsuite"`
}

// h2specTimeout is how many seconds h2spec waits for what must come; whatever the server must not send costs it so long.
const h2specTimeout = "4"

func TestH2Spec(t *testing.T) {
	if testing.Short() {
		t.Skip("PASSED BY: -short")
	}
	program, err := exec.LookPath("h2spec")
	if err != nil {
		if program, err = filepath.Abs("../../../../bin/h2spec"); err != nil {
			t.Fatal(err)
		}
		if _, err := os.Stat(program); err != nil {
			t.Skip("PASSED BY: h2spec is missing: make bin/h2spec")
		}
	}
	r := newRig(t, goUpstream(t))
	host, port, err := net.SplitHostPort(r.secure)
	if err != nil {
		t.Fatal(err)
	}
	report := filepath.Join(t.TempDir(), "report.xml")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Minute)
	defer cancel()
	// Its exit code says no more than that something failed.
	said, runErr := exec.CommandContext(ctx, program, "-t", "-k", "-h", host, "-p", port, "-o", h2specTimeout, "-j", report).CombinedOutput()
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatalf("h2spec: %v, %v\n%s", runErr, err, said)
	}
	var all h2specReport
	if err := xml.Unmarshal(text, &all); err != nil {
		t.Fatal(err)
	}
	passed, excepted := 0, map[string]bool{}
	for _, s := range all.Suites {
		for _, c := range s.Cases {
			name := s.Name + ": " + c.Name
			_, allowed := h2specExceptions[name]
			switch failed := c.Failure != nil || c.Error != nil; {
			case c.Skipped != nil:
			case failed && allowed:
				excepted[name] = true
			case failed:
				t.Errorf("%s failed", name)
			case allowed:
				t.Errorf("%s passes: take it off the exceptions", name)
			default:
				passed++
			}
		}
	}
	for name := range h2specExceptions {
		if !excepted[name] {
			t.Errorf("%s did not run", name)
		}
	}
	if t.Logf("%d cases passed, %d are excepted", passed, len(excepted)); passed < 130 {
		t.Errorf("only %d cases passed", passed)
	}
	if t.Failed() {
		t.Logf("%s", said)
	}
}
