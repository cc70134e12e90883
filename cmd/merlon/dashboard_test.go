package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"
)

// certify writes a certificate of its own for a listener.
func certify(t *testing.T, dir string) {
	t.Helper()
	certifyUntil(t, dir, time.Now().Add(time.Hour))
}

func certifyUntil(t *testing.T, dir string, end time.Time) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"shop.example"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: end,
	}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for name, block := range map[string]*pem.Block{"cert.pem": {Type: "CERTIFICATE", Bytes: certificate}, "key.pem": {Type: "PRIVATE KEY", Bytes: private}} {
		if err := os.WriteFile(filepath.Join(dir, name), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// TestDashboard: every metric that the Grafana dashboard asks for is one that a running process shows, and every metric
// of Merlon's own is on it.
func TestDashboard(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(deploy, "grafana", "merlon.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(b, &dashboard); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certify(t, dir)
	client := freeAddress(t)
	r := serveText(t, dir, client, fmt.Sprintf("listen: [{address: %q}, {address: %q, tls: {certificate: cert.pem, key: key.pem}}]\notlp: {address: %q}\n"+
		"sites: [{name: shop, upstreams: [{url: %q}]}]\n", client, freeAddress(t), freeAddress(t), echo(t).URL))
	const asks = 3
	for range asks {
		r.get("/orders/1")
	}
	r.learned(asks)
	for series, want := range map[string]float64{
		`merlon_requests_total{outcome="answered",site="shop"}`: asks, `merlon_requests_total{outcome="refused",site="shop"}`: 0,
		`merlon_upstream_latency_seconds_count{site="shop"}`: asks, `merlon_added_latency_seconds_count{site="shop"}`: asks,
		`merlon_refusals_total{reason="contract",site="shop"}`: 0,
	} {
		if got := r.metric(series); got != want {
			t.Errorf("%s is %v, wanted %v", series, got, want)
		}
	}
	resp, err := http.Get("http://" + r.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	shown := make(map[string]bool)
	for line := range strings.Lines(string(text)) {
		if name, _, ok := strings.Cut(line, " "); ok && name != "#" {
			name, _, _ = strings.Cut(name, "{")
			shown[name] = true
		}
	}
	asked := make(map[string]bool)
	metric := regexp.MustCompile(`\b(?:merlon|go|process)_[a-z0-9_]+`)
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			for _, name := range metric.FindAllString(target.Expr, -1) {
				asked[name] = true
				if !shown[name] {
					t.Errorf("panel %q asks for %s, which /metrics does not show", p.Title, name)
				}
			}
		}
	}
	for name := range shown {
		if strings.HasPrefix(name, "merlon_") && name != "merlon_build_info" && !asked[name] {
			t.Errorf("%s is on no panel", name)
		}
	}
	if len(asked) < 15 {
		t.Errorf("the dashboard asks for %d metrics only", len(asked))
	}
}
