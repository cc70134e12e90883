package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestWorkload(t *testing.T) {
	w := newWorkload(seed)
	known := map[string]bool{}
	answers := map[string]bool{}
	for _, r := range w.resources {
		known[r.path] = true
		for _, b := range []string{r.body, r.posted} {
			if b == "" {
				continue
			}
			if !json.Valid([]byte(b)) || len(b) < 850 || len(b) > 1150 || strings.ContainsAny(b, "'$\\") {
				t.Fatalf("%s answers %d bytes that are no JSON, of another size, or mean something to nginx: %s", r.path, len(b), b)
			}
			answers[b] = true
		}
	}
	if len(known) != 810 || len(answers) != 820 {
		t.Errorf("%d resources and %d different answers, want 810 and 820", len(known), len(answers))
	}
	writes := 0
	for _, p := range w.pieces {
		text := p.a + "0000000042" + p.b + "TOKEN" + "\r\nX-Forwarded-For: 192.0.2.1" + p.c
		if !p.numberFirst {
			text = p.a + "TOKEN\r\nX-Forwarded-For: 192.0.2.1" + p.b + "0000000042" + p.c
		}
		req, err := http.ReadRequest(bufio.NewReader(strings.NewReader(text)))
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		if req.Method != p.method || req.URL.Path != p.route || !known[p.route] || req.Header.Get("Authorization") != "Bearer TOKEN" || req.Header.Get("X-Forwarded-For") != "192.0.2.1" {
			t.Fatalf("%q is not what was meant", text)
		}
		body, err := io.ReadAll(req.Body)
		if err != nil {
			t.Fatal(err)
		}
		if p.method == http.MethodGet {
			if len(body) != 0 || req.URL.RawQuery == "" {
				t.Fatalf("%q: a GET has a query and no body", text)
			}
			continue
		}
		writes++
		if !json.Valid(body) || len(body) < 850 || len(body) > 1150 || !bytes.Contains(body, []byte("R0000000042")) {
			t.Fatalf("body %q", body)
		}
	}
	if writes*10 != len(w.pieces)*writesPerTen {
		t.Errorf("%d of %d requests write", writes, len(w.pieces))
	}
}

func TestTokensHaveSubjectsOfTheirOwn(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	seen := map[string]bool{}
	for i := range 100 {
		parts := strings.Split(token(r, i), ".")
		if len(parts) != 3 {
			t.Fatalf("%d parts", len(parts))
		}
		raw, err := base64.RawURLEncoding.DecodeString(parts[1])
		if err != nil {
			t.Fatal(err)
		}
		var claims struct {
			Subject string `json:"sub"`
		}
		if err := json.Unmarshal(raw, &claims); err != nil || seen[claims.Subject] {
			t.Fatalf("subject %q again, or %v", claims.Subject, err)
		}
		seen[claims.Subject] = true
	}
}

func TestLuaQuote(t *testing.T) {
	if got, want := luaQuote("a\"\\\r\n\x00é9"), `"a\"\\\013\010\000\195\1699"`; got != want {
		t.Errorf("%s, want %s", got, want)
	}
}

// TestWrkSends runs the real wrk against a server in this process: distinct callers, every number once, junk marked.
func TestWrkSends(t *testing.T) {
	wrk, err := program("wrk", "wrk")
	if err != nil {
		t.Skip("PASSED BY: ", err)
	}
	var mu sync.Mutex
	addresses, tokens, targets, methods := map[string]int{}, map[string]int{}, map[string]int{}, map[string]int{}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan struct{})
	srv := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		addresses[r.Header.Get("X-Forwarded-For")]++
		tokens[r.Header.Get("Authorization")]++
		targets[r.Method+r.RequestURI+string(body)]++
		methods[r.Method]++
		mu.Unlock()
		if !strings.HasPrefix(r.URL.Path, "/v1/") || strings.HasPrefix(r.URL.Path, "/v1/zz/") {
			w.WriteHeader(http.StatusNotFound)
		}
	})}
	go func() { _ = srv.Serve(l); close(served) }()
	defer func() { _ = srv.Close(); <-served }()
	dir := t.TempDir()
	if err := writeWorkload(dir, newWorkload(seed), 50); err != nil {
		t.Fatal(err)
	}
	const wanted = 4000
	o, err := load{program: wrk, dir: dir, address: l.Addr().String(), conns: 4, duration: 2 * time.Minute, requests: wanted, principals: 50, addresses: 200, junk: 30}.run(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if !o.Completed || o.bad() != 0 || o.Requests < wanted-8 || o.Requests > wanted+8 || o.Junk < wanted/10-8 {
		t.Errorf("%+v", o)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(addresses) != 200 || len(tokens) != 50 {
		t.Errorf("%d addresses and %d tokens, want 200 and 50", len(addresses), len(tokens))
	}
	for a := range addresses {
		if net.ParseIP(a) == nil {
			t.Errorf("%q is no address", a)
		}
	}
	junk := 0
	for target, n := range targets {
		if !strings.HasPrefix(target, "GET/v1/") && strings.HasPrefix(target, "GET") || strings.HasPrefix(target, "GET/v1/zz/") {
			junk++
		} else if n != 1 {
			t.Errorf("%s was sent %d times", target, n)
		}
	}
	if junk != 30 {
		t.Errorf("%d junk paths, want 30", junk)
	}
	if n := methods["POST"] + methods["PUT"]; n < wanted/5 || n > wanted*2/5 {
		t.Errorf("%d of %d requests write", n, wanted)
	}
}

// TestConfigurationsAreAccepted lets nginx and HAProxy check what is generated for them.
func TestConfigurationsAreAccepted(t *testing.T) {
	dir, w := t.TempDir(), newWorkload(seed)
	cert, key, err := certificate(time.Now())
	if err := errors.Join(err, writeFile(dir+"/cert.pem", cert), writeFile(dir+"/key.pem", key)); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name, pack, text string
		args             []string
	}{
		{"nginx", "nginx-light", upstreamConfig(dir, "127.0.0.1:1", w), []string{"-t", "-e", dir + "/err", "-c"}},
		{"nginx", "nginx-light", nginxConfig(dir, "127.0.0.1:1", "127.0.0.1:2"), []string{"-t", "-e", dir + "/err", "-c"}},
		{"nginx", "nginx-light", nginxSecureConfig(dir, "127.0.0.1:1", "127.0.0.1:2"), []string{"-t", "-e", dir + "/err", "-c"}},
		{"haproxy", "haproxy", haproxyConfig("127.0.0.1:1", "127.0.0.1:2"), []string{"-c", "-f"}},
	} {
		p, err := program(c.name, c.pack)
		if err != nil {
			t.Log("PASSED BY: ", err)
			continue
		}
		file := dir + "/conf"
		if err := writeFile(file, c.text); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command(p, append(c.args, file)...).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", c.name, err, out)
		}
	}
}
