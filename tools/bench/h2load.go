package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	h2Cipher  = "TLS_AES_128_GCM_SHA256"
	h2Streams = 10  // requests under way on each connection
	h2Targets = 400 // different requests; h2load sends them in turn on every connection
)

// certificate makes a self-signed certificate for loopback, in PEM: ECDSA with P-256, as most sites have.
func certificate(now time.Time) (cert, key string, err error) {
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", err
	}
	serial, err := rand.Int(rand.Reader, big.NewInt(1<<62))
	if err != nil {
		return "", "", err
	}
	c := &x509.Certificate{
		SerialNumber: serial, Subject: pkix.Name{CommonName: "api.bench.example"}, DNSNames: []string{"api.bench.example", "localhost"},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, NotBefore: now.Add(-time.Hour), NotAfter: now.Add(30 * 24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, c, c, &k.PublicKey, k)
	if err != nil {
		return "", "", err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		return "", "", err
	}
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})), string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})), nil
}

// h2Lines are the targets of the workload's reads, one a line, as h2load reads them.
func h2Lines(w *workload) string {
	var b strings.Builder
	n := 0
	for _, p := range w.pieces {
		if p.numberFirst && n < h2Targets {
			fmt.Fprintf(&b, "%s%010d\n", strings.TrimPrefix(p.a, "GET "), n)
			n++
		}
	}
	return b.String()
}

// h2load runs h2load for d, and returns what it counted.
func (f *field) h2load(ctx context.Context, address string, conns int, d time.Duration) (outcome, error) {
	program, err := program("h2load", "nghttp2-client")
	if err != nil {
		return outcome{}, err
	}
	uris := filepath.Join(f.dir, "h2.txt")
	ctx, cancel := context.WithTimeout(ctx, d+time.Minute)
	defer cancel()
	args := []string{
		"-t1", fmt.Sprintf("-c%d", conns), fmt.Sprintf("-m%d", h2Streams), fmt.Sprintf("-D%d", max(1, int(d.Seconds()))), "-i", uris, "-B", "https://" + address,
		"--tls13-ciphers=" + h2Cipher,
	}
	for line := range strings.SplitSeq(headers+f.token, "\r\n") {
		if name, value, ok := strings.Cut(line, ": "); ok && name != "Host" {
			args = append(args, "-H", strings.ToLower(name)+": "+value)
		}
	}
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if err := cmd.Run(); err != nil {
		return outcome{}, fmt.Errorf("h2load: %w\n%s", err, said.String())
	}
	return parseH2load(said.String())
}

var (
	h2Requests = regexp.MustCompile(`(?m)^requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout`)
	h2Finished = regexp.MustCompile(`(?m)^finished in ([0-9.]+)(us|ms|s|m),`)
	h2Statuses = regexp.MustCompile(`(?m)^status codes: (\d+) 2xx`)
)

// parseH2load reads h2load's summary. Another cipher or protocol than was asked for is an error: the figures would not
// compare. So is nothing done.
func parseH2load(text string) (o outcome, err error) {
	counts, took, ok := h2Requests.FindStringSubmatch(text), h2Finished.FindStringSubmatch(text), h2Statuses.FindStringSubmatch(text)
	if counts == nil || took == nil || ok == nil {
		return o, fmt.Errorf("h2load gave no summary:\n%s", text)
	}
	for _, want := range []string{"TLS Protocol: TLSv1.3\n", "Cipher: " + h2Cipher + "\n", "Application protocol: h2\n"} {
		if !strings.Contains(text, want) {
			return o, fmt.Errorf("h2load does not say %q:\n%s", strings.TrimSpace(want), text)
		}
	}
	n := make([]int, len(counts)-1)
	for i := range n {
		if n[i], err = strconv.Atoi(counts[i+1]); err != nil {
			return o, err
		}
	}
	good, err := strconv.Atoi(ok[1])
	if err != nil {
		return o, err
	}
	if o.Duration, err = time.ParseDuration(took[1] + took[2]); err != nil {
		return o, err
	}
	done, failed, errored, late := n[0], n[2], n[3], n[4]
	if done == 0 {
		return o, errors.New("h2load got no answer")
	}
	o.Requests, o.Refused, o.Errors = done, done-good, max(errored+late, failed-(done-good))
	return o, nil
}
