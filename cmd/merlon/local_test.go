package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"merlon/internal/config"
	"merlon/internal/serve"
)

// TestCommandsBesideAServer: commands on a data directory that a server holds ask that server, without a token; through
// that door nobody does more than commands need.
func TestCommandsBesideAServer(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "{}") }))
	defer up.Close()
	data := filepath.Join(t.TempDir(), "data")
	cfg, wrong := config.Default().Apply(config.Flags{Upstream: up.URL, Listen: "127.0.0.1:0", Admin: "127.0.0.1:0", Data: data})
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	l, err := serve.Compile(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var out, told, log bytes.Buffer
	c := console{in: strings.NewReader(""), out: &out, err: &told}
	o := processOptions(l, console{err: &log})
	p := serve.New(l, o)
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	stopped := false
	defer func() {
		if !stopped {
			_ = p.Stop()
		}
	}()
	merlon := func(want int, args ...string) string {
		t.Helper()
		out.Reset()
		told.Reset()
		if got := run(context.Background(), append(args, "--data", data), c); got != want {
			t.Fatalf("%v: exit code %d: %s", args, got, &told)
		}
		return out.String()
	}
	if st, err := os.Stat(serve.LocalSocket(data)); err != nil || st.Mode().Perm() != 0o600 || st.Mode()&os.ModeSocket == 0 {
		t.Fatalf("the socket: %v %v", st, err)
	}
	secret := strings.TrimSpace(merlon(exitClean, "token", "create", "ci", "--role", "security"))
	if !strings.HasPrefix(secret, "mrl_") {
		t.Fatalf("no secret: %q, %s", secret, &told)
	}
	list := merlon(exitClean, "token", "list")
	if !strings.Contains(list, "security") || strings.Contains(list, secret) {
		t.Errorf("%s", list)
	}
	merlon(exitClean, "inventory", "list")
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r := askBeside(ctx, data)
	if r == nil {
		t.Fatal("nobody answers")
	}
	for path, may := range map[string]bool{
		"/v1/inventory": true, "/v1/status": true, "/v1/events": true, "/v1/tokens": true, "/v1/audit": false, "/v1/users": false, "/metrics": false,
	} {
		if err := r.call(ctx, http.MethodGet, path, "", nil, nil); (err == nil) != may {
			t.Errorf("GET %s: %v", path, err)
		}
	}
	if err := r.call(ctx, http.MethodPost, "/v1/standing", "", map[string]string{"kind": "address", "value": "192.0.2.1", "action": "block"}, nil); err == nil {
		t.Error("the local door blocks people")
	}
	id := strings.Fields(strings.Split(list, "\n")[1])[0]
	merlon(exitClean, "token", "revoke", id)
	merlon(exitUsage, "token", "revoke", id)
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
	stopped = true
	if strings.Contains(log.String(), secret) {
		t.Error("the log knows the secret")
	}
	if _, err := os.Stat(serve.LocalSocket(data)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left behind: %v", err)
	}
	if list := merlon(exitClean, "token", "list"); strings.Contains(list, "security") {
		t.Errorf("revoked, and there again: %s", list)
	}
}
