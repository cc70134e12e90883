package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"merlon/internal/model/inventory"
)

// running is a merlon serve in a process of its own, so that it can be killed.
type running struct {
	t             *testing.T
	cmd           *exec.Cmd
	client, admin string
	setup         string
	log           *bytes.Buffer
	ended         chan error
}

func serveProcess(t *testing.T, dir, upstream, policy string) *running {
	t.Helper()
	client := freeAddress(t)
	return serveText(t, dir, client, fmt.Sprintf("listen: [{address: %q}]\nsites: [{name: shop, upstreams: [{url: %q}]%s}]\n", client, upstream, policy))
}

// serveText serves a configuration file that says nothing of admin and storage; client is where clients are served.
func serveText(t *testing.T, dir, client, text string) *running {
	t.Helper()
	r := &running{t: t, client: client, admin: freeAddress(t), log: new(bytes.Buffer), ended: make(chan error, 1)}
	cfg := filepath.Join(dir, "merlon.yaml")
	text += fmt.Sprintf("admin: {address: %q, open_metrics: true}\nstorage: %q\n", r.admin, "sqlite:"+filepath.Join(dir, "data"))
	if err := os.WriteFile(cfg, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	r.cmd = exec.Command(os.Args[0], "serve", "-c", cfg)
	r.cmd.Env = append(os.Environ(), runAsMerlon+"=1")
	stderr, err := r.cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	go func() {
		told := false
		sc := bufio.NewScanner(stderr)
		for sc.Scan() {
			line := sc.Text()
			r.log.WriteString(line + "\n")
			if !told && (strings.Contains(line, "setup-link") || strings.Contains(line, "the dashboard is ready")) {
				if link, err := os.ReadFile(filepath.Join(dir, "data", "setup-link")); err == nil {
					r.setup = strings.TrimSpace(string(link))
				}
				told = true
				close(ready)
			}
		}
		r.ended <- r.cmd.Wait()
		close(r.ended)
	}()
	t.Cleanup(func() { _ = r.cmd.Process.Kill(); <-r.ended })
	select {
	case <-ready:
	case err := <-r.ended:
		t.Fatalf("merlon serve ended: %v\n%s", err, r.log)
	case <-time.After(time.Minute):
		t.Fatal("merlon serve does not come up")
	}
	return r
}

// freeAddress finds a port below those that the kernel hands out by itself: between finding and using it nobody's
// connection can take it.
func freeAddress(t *testing.T) string {
	t.Helper()
	for range 100 {
		if l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 15_000+rand.IntN(15_000))); err == nil {
			defer l.Close()
			return l.Addr().String()
		}
	}
	t.Fatal("no port is free")
	return ""
}

func (r *running) get(path string) (int, string) {
	r.t.Helper()
	resp, err := http.Get("http://" + r.client + path)
	if err != nil {
		r.t.Fatalf("%v\n%s", err, r.log)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

var learnedMetric = regexp.MustCompile(`(?m)^merlon_events_learned_total(?:\{[^}]*\})? (\S+)`)

// learned waits until n events are learned, and so journaled.
func (r *running) learned(n float64) {
	r.t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); ; {
		select {
		case <-tick.C:
		case <-deadline:
			r.t.Fatalf("%v events are not learned\n%s", n, r.log)
		}
		resp, err := http.Get("http://" + r.admin + "/metrics")
		if err != nil {
			continue
		}
		b, _ := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if m := learnedMetric.FindSubmatch(b); m != nil {
			if v, err := strconv.ParseFloat(string(m[1]), 64); err == nil && v >= n {
				return
			}
		}
	}
}

// administrator makes the account by the set-up link, as a browser would, and returns its client and forgery proof.
func (r *running) administrator() (*http.Client, string) {
	r.t.Helper()
	jar, _ := cookiejar.New(nil)
	c := &http.Client{Jar: jar, Timeout: time.Minute}
	resp, err := c.Get(r.setup)
	if err != nil {
		r.t.Fatal(err)
	}
	page, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	form := url.Values{"name": {"ana"}, "password": {"correct horse battery"}, "again": {"correct horse battery"}}
	for _, m := range regexp.MustCompile(`<input type="hidden" name="([^"]+)" value="([^"]*)"`).FindAllSubmatch(page, -1) {
		form.Set(string(m[1]), string(m[2]))
	}
	if resp, err = c.PostForm("http://"+r.admin+"/setup", form); err != nil {
		r.t.Fatal(err)
	}
	_ = resp.Body.Close()
	resp, err = c.Get("http://" + r.admin + "/v1/session")
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	var session struct {
		CSRF string `json:"csrf_token"`
	}
	if err := json.NewDecoder(resp.Body).Decode(&session); err != nil || resp.StatusCode != 200 || session.CSRF == "" {
		r.t.Fatalf("no session after set-up: %d %v", resp.StatusCode, err)
	}
	return c, session.CSRF
}

// TestServe is a user's way through one installation: traffic, inventory, a block made by a person, kill -9, restart,
// an orderly stop.
func TestServe(t *testing.T) {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":"`+strings.TrimPrefix(req.URL.Path, "/orders/")+`","total":12.5}`)
	}))
	defer up.Close()
	dir := t.TempDir()
	r := serveProcess(t, dir, up.URL, "")
	const first = 120
	for i := range first {
		if status, body := r.get(fmt.Sprintf("/orders/%d", 1000+i)); status != 200 || !strings.Contains(body, "12.5") {
			t.Fatalf("%d %s", status, body)
		}
	}
	kept := filepath.Join(dir, "data", "setup-link")
	if f, err := os.Stat(kept); err != nil || f.Mode() != 0o600 {
		t.Errorf("the set-up link's file: %v, %v", f, err)
	}
	c, proof := r.administrator()
	if _, err := os.Stat(kept); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the set-up link stays when it is used: %v", err)
	}
	req, _ := http.NewRequest("POST", "http://"+r.admin+"/v1/standing", strings.NewReader(`{"kind":"address","value":"127.0.0.1","mode":"enforce","why":"test"}`))
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("X-CSRF-Token", proof)
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	said, _ := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if resp.StatusCode != 201 {
		t.Fatalf("block: %d %s", resp.StatusCode, said)
	}
	status, body := r.get("/orders/1")
	if status != 403 || !strings.Contains(body, `"instance"`) {
		t.Fatalf("a blocked caller gets %d %s", status, body)
	}
	r.learned(first + 1)
	if err := r.cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	<-r.ended

	again := serveProcess(t, dir, up.URL, "")
	if again.setup != "" {
		t.Error("a second set-up link is given out though there is an account")
	}
	if status, _ := again.get("/orders/2"); status != 403 {
		t.Errorf("after kill -9 the block does not hold: %d", status)
	}
	again.learned(1)
	if err := again.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-again.ended; err != nil {
		t.Errorf("an orderly stop ends with %v\n%s", err, again.log)
	}
	if strings.Contains(r.log.String()+again.log.String(), "correct horse") {
		t.Error("the password is in the log")
	}
	if _, token, _ := strings.Cut(r.setup, "token="); token == "" || strings.Contains(r.log.String(), token) {
		t.Errorf("the set-up link %q is in the log, or nowhere", r.setup)
	}

	cmd := exec.Command(os.Args[0], "inventory", "show", "GET /orders/{orderId}", "--format", "json", "--data", filepath.Join(dir, "data"))
	cmd.Env = append(os.Environ(), runAsMerlon+"=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var e inventory.Endpoint
	if err := json.Unmarshal(out, &e); err != nil || e.Detail == nil {
		t.Fatalf("%v: %s", err, out)
	}
	if len(e.Detail.Statuses) == 0 || e.Detail.Statuses[0] != (inventory.StatusCount{Status: 200, Count: first}) {
		t.Errorf("%d requests were answered with 200 before kill -9, known are %+v", first, e.Detail.Statuses)
	}
}

// TestLockedDirectory: a second process says by whom the directory is used, and reading commands still read.
func TestLockedDirectory(t *testing.T) {
	up := httptest.NewServer(http.NotFoundHandler())
	defer up.Close()
	dir := t.TempDir()
	serveProcess(t, dir, up.URL, "")
	lines := filepath.Join(dir, "access.log")
	if err := os.WriteFile(lines, []byte(`192.0.2.7 - - [21/Nov/2026:10:00:00 +0000] "GET /a HTTP/1.1" 200 5 "-" "curl/8"`+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	ingest := exec.Command(os.Args[0], "ingest", "--data", filepath.Join(dir, "data"), lines)
	ingest.Env = append(os.Environ(), runAsMerlon+"=1")
	out, err := ingest.CombinedOutput()
	if ingest.ProcessState.ExitCode() != exitUsage || !strings.Contains(string(out), "merlon serve") {
		t.Errorf("%v: %s", err, out)
	}
	list := exec.Command(os.Args[0], "inventory", "list", "--data", filepath.Join(dir, "data"))
	list.Env = append(os.Environ(), runAsMerlon+"=1")
	if out, err := list.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
