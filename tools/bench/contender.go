package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"time"
)

// contender is a proxy under measurement. Its configuration lies ready; it is started afresh for every round.
type contender struct {
	name   string
	listen string
	admin  string // "" for proxies without metrics of ours
	secure bool   // it speaks TLS
	argv   []string
}

// base is the beginning of its URLs.
func (c contender) base() string {
	if c.secure {
		return "https://" + c.listen
	}
	return "http://" + c.listen
}

// field is everything that is set up once: folder, programs, upstream, contenders.
type field struct {
	dir        string
	wrk        string
	upstream   *server
	address    string // of the upstream
	contenders []contender
	secure     []contender // over TLS
	program    string      // Merlon
	token      string      // of the one caller that h2load plays
	client     *http.Client
	work       *workload
}

// setUp finds the programs, writes the workload and starts the upstream. Its caller calls close, also after an error.
func setUp(ctx context.Context, merlon string, principals int) (f *field, err error) {
	f = &field{work: newWorkload(seed), client: &http.Client{
		Transport: &http.Transport{
			DisableKeepAlives: true, DisableCompression: true, ForceAttemptHTTP2: true,
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the certificate is made below, for loopback
		},
		Timeout: 10 * time.Second,
	}}
	if merlon, err = filepath.Abs(merlon); err != nil {
		return f, err
	}
	if _, err = os.Stat(merlon); err != nil {
		return f, fmt.Errorf("no Merlon to measure (make build): %w", err)
	}
	nginx, nginxErr := program("nginx", "nginx-light")
	haproxy, haproxyErr := program("haproxy", "haproxy")
	wrk, wrkErr := program("wrk", "wrk")
	if err = errors.Join(nginxErr, haproxyErr, wrkErr); err != nil {
		return f, err
	}
	f.wrk = wrk
	if f.dir, err = os.MkdirTemp("", "merlon-bench-"); err != nil {
		return f, err
	}
	var a [8]string
	for i := range a {
		if a[i], err = freeAddress(ctx); err != nil {
			return f, err
		}
	}
	f.address, f.program = a[0], merlon
	files := map[string]string{
		"upstream.conf":   upstreamConfig(f.dir, a[0], f.work),
		"haproxy.cfg":     haproxyConfig(a[1], a[0]),
		"nginx.conf":      nginxConfig(f.dir, a[2], a[0]),
		"merlon.yaml":     merlonConfig(a[0]),
		"nginx-tls.conf":  nginxSecureConfig(f.dir, a[5], a[0]),
		"merlon-tls.yaml": merlonSecureConfig(f.dir, a[6], a[0]),
	}
	if files["cert.pem"], files["key.pem"], err = certificate(time.Now()); err != nil {
		return f, err
	}
	f.token = token(rand.New(rand.NewPCG(seed, 2)), 0)
	files["h2.txt"] = h2Lines(f.work)
	for name, text := range files {
		if err = os.WriteFile(filepath.Join(f.dir, name), []byte(text), 0o600); err != nil {
			return f, err
		}
	}
	if err = writeWorkload(f.dir, f.work, principals); err != nil {
		return f, err
	}
	at := func(name string) string { return filepath.Join(f.dir, name) }
	f.contenders = []contender{
		{name: "haproxy", listen: a[1], argv: []string{haproxy, "-db", "-f", at("haproxy.cfg")}},
		{name: "nginx", listen: a[2], argv: []string{nginx, "-c", at("nginx.conf"), "-e", at("nginx.err")}},
		{name: "merlon", listen: a[3], admin: a[4], argv: []string{
			merlon, "serve", "-c", at("merlon.yaml"), "--upstream", "http://" + a[0], "--listen", a[3], "--admin", a[4], "--data", at("data"),
		}},
	}
	f.secure = []contender{
		{name: "nginx", listen: a[5], secure: true, argv: []string{nginx, "-c", at("nginx-tls.conf"), "-e", at("nginx-tls.err")}},
		{name: "merlon", listen: a[6], secure: true, admin: a[7], argv: []string{merlon, "serve", "-c", at("merlon-tls.yaml"), "--admin", a[7], "--data", at("data")}},
	}
	f.upstream, err = startServer(ctx, "upstream", f.dir, a[0], nginx, "-c", at("upstream.conf"), "-e", at("upstream.err"))
	return f, err
}

// forget removes what Merlon has learned, so that a workload begins with an empty data directory.
func (f *field) forget() error { return os.RemoveAll(filepath.Join(f.dir, "data")) }

func (f *field) merlon() contender { return f.contenders[len(f.contenders)-1] }

// start runs one contender.
func (f *field) start(ctx context.Context, c contender) (*server, error) {
	return startServer(ctx, c.name, f.dir, c.listen, c.argv...)
}

// close ends the upstream and removes the folder.
func (f *field) close() error {
	var err error
	if f.upstream != nil {
		_, err = f.upstream.stop()
	}
	if f.dir != "" {
		if rmErr := os.RemoveAll(f.dir); err == nil {
			err = rmErr
		}
	}
	return err
}
