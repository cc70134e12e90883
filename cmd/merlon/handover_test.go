package main

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"merlon/internal/model/inventory"
)

// echo answers every path with itself, so that a mixed-up answer is seen.
func echo(t *testing.T) *httptest.Server {
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":"`+strings.TrimPrefix(req.URL.Path, "/orders/")+`"}`)
	}))
	t.Cleanup(up.Close)
	return up
}

// holder is the process that holds the data directory; 0 while it passes from one to the next.
func holder(t *testing.T, dir string) int {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(dir, "data", "lock"))
	if err != nil {
		t.Fatal(err)
	}
	first, _, _ := strings.Cut(string(b), "\n")
	pid, _ := strconv.Atoi(first) // empty while it is written
	return pid
}

// until polls, for what happens in another process.
func until(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(20 * time.Second); !ok(); {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s does not happen", what)
		}
	}
}

// callers ask without pause until stopped: half of them on kept connections, half on a new one each time.
type callers struct {
	t       *testing.T
	asked   atomic.Int64
	quit    chan struct{}
	once    sync.Once
	running sync.WaitGroup
}

func call(t *testing.T, address string) *callers {
	c := &callers{t: t, quit: make(chan struct{})}
	for i := range 4 {
		tr := &http.Transport{DisableKeepAlives: i%2 == 0}
		client := &http.Client{Transport: tr, Timeout: 30 * time.Second}
		c.running.Go(func() {
			defer tr.CloseIdleConnections()
			for {
				select {
				case <-c.quit:
					return
				default:
				}
				id := strconv.FormatInt(100_000+c.asked.Add(1), 10)
				resp, err := client.Get("http://" + address + "/orders/" + id)
				if err != nil {
					t.Errorf("a request is lost: %v", err)
					continue
				}
				body, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if err != nil || resp.StatusCode != 200 || string(body) != `{"id":"`+id+`"}` {
					t.Errorf("order %s is answered with %d %q, %v", id, resp.StatusCode, body, err)
				}
			}
		})
	}
	t.Cleanup(func() { c.stop() })
	return c
}

func (c *callers) stop() int64 {
	c.once.Do(func() { close(c.quit) })
	c.running.Wait()
	return c.asked.Load()
}

// after waits for n more requests.
func (c *callers) after(n int64) {
	from := c.asked.Load()
	until(c.t, "traffic", func() bool { return c.asked.Load() >= from+n })
}

// TestHandOver replaces the process three times under load: no request is lost, and every event is learned exactly once.
func TestHandOver(t *testing.T) {
	up := echo(t)
	dir := t.TempDir()
	r := serveProcess(t, dir, up.URL, "")
	pid := r.cmd.Process.Pid
	t.Cleanup(func() { // it holds the standard error that r reads to its end
		until(t, "an end", func() bool { return holder(t, dir) != 0 || len(r.ended) > 0 })
		if last := holder(t, dir); last != 0 {
			_ = syscall.Kill(last, syscall.SIGKILL)
		}
	})
	c := call(t, r.client)
	defer func() {
		if t.Failed() {
			t.Log(r.log.String()) // it may still be written to; better torn than unread
		}
	}()
	for range 3 {
		c.after(200)
		if err := syscall.Kill(pid, syscall.SIGUSR2); err != nil {
			t.Fatal(err)
		}
		until(t, "the hand-over", func() bool {
			next := holder(t, dir)
			return next != 0 && next != pid
		})
		pid = holder(t, dir)
		until(t, "the new process's dashboard", func() bool {
			resp, err := http.Get("http://" + r.admin + "/metrics")
			if err != nil {
				return false
			}
			defer resp.Body.Close()
			return resp.StatusCode == 200
		})
	}
	c.after(200)
	asked := c.stop()
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-r.ended // all of them had this process's standard error
	if n := strings.Count(r.log.String(), "another process has taken over"); n != 3 {
		t.Errorf("%d hand-overs, want 3\n%s", n, r.log)
	}
	if got := answered(t, dir); got != uint64(asked) {
		t.Errorf("%d requests were answered, %d are learned\n%s", asked, got, r.log)
	}
	if strings.Contains(r.log.String(), `"ERROR"`) {
		t.Errorf("there were errors:\n%s", r.log)
	}
}

// handedOver is a process that drains and cannot end, because a request is still answered by it, and the one that serves in its
// place, with events that wait.
type handedOver struct {
	*running
	dir  string
	next int // its process id
}

const waitingEvents = 20

func handOverWaits(t *testing.T) *handedOver {
	t.Helper()
	arrived, release := make(chan struct{}), make(chan struct{})
	up := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		if req.URL.Path == "/slow" {
			close(arrived)
			<-release
			return
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":"`+strings.TrimPrefix(req.URL.Path, "/orders/")+`"}`)
	}))
	t.Cleanup(up.Close)
	dir := t.TempDir()
	h := &handedOver{running: serveProcess(t, dir, up.URL, ""), dir: dir}
	slow := make(chan struct{})
	go func() {
		defer close(slow)
		if resp, err := http.Get("http://" + h.client + "/slow"); err == nil { // its process may be killed
			_ = resp.Body.Close()
		}
	}()
	t.Cleanup(func() {
		close(release)
		<-slow
	})
	<-arrived
	pid := h.cmd.Process.Pid
	if err := syscall.Kill(pid, syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	until(t, "the drain", func() bool {
		resp, err := http.Get("http://" + h.admin + "/readyz")
		if err != nil {
			return false
		}
		_ = resp.Body.Close()
		return resp.StatusCode == 503
	})
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/task/" + strconv.Itoa(pid) + "/children")
	for _, other := range tasks(pid) {
		more, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/task/" + other + "/children")
		b = append(append(b, ' '), more...)
	}
	if fields := strings.Fields(string(b)); len(fields) > 0 {
		h.next, _ = strconv.Atoi(fields[0])
	}
	if h.next == 0 {
		t.Skipf("PASSED BY: the kernel does not tell a process's children: %v", err)
	}
	t.Cleanup(func() { _ = syscall.Kill(h.next, syscall.SIGKILL) })
	for i := range waitingEvents {
		if status, _ := h.get("/orders/" + strconv.Itoa(100_000+i)); status != 200 {
			t.Fatalf("order %d is answered with %d", i, status)
		}
	}
	return h
}

// tasks are the threads of a process: children belong to the one that started them.
func tasks(pid int) (list []string) {
	entries, _ := os.ReadDir("/proc/" + strconv.Itoa(pid) + "/task")
	for _, e := range entries {
		list = append(list, e.Name())
	}
	return list
}

// TestHandOverFromTheDead: the process before dies instead of ending, and what its successor had waiting is learned.
func TestHandOverFromTheDead(t *testing.T) {
	h := handOverWaits(t)
	if err := h.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	until(t, "the hand-over", func() bool { return holder(t, h.dir) == h.next })
	until(t, "the new process's dashboard", func() bool { return h.metric("merlon_connections") >= 0 })
	if err := syscall.Kill(h.next, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-h.ended
	if got := answered(t, h.dir); got != waitingEvents {
		t.Errorf("%d of %d are learned\n%s", got, waitingEvents, h.log)
	}
	if strings.Contains(h.log.String(), "events are lost") {
		t.Error(h.log)
	}
}

// TestHandOverThatNeverEnds: the process before keeps the data directory until its successor is told to stop. What the
// successor had waiting is lost, and it says so, with the number.
func TestHandOverThatNeverEnds(t *testing.T) {
	h := handOverWaits(t)
	if err := syscall.Kill(h.next, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until(t, "the successor's end", func() bool { return syscall.Kill(h.next, 0) != nil || zombie(h.next) })
	if err := h.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-h.ended
	if want := `"events":` + strconv.Itoa(waitingEvents); !strings.Contains(h.log.String(), "events are lost") || !strings.Contains(h.log.String(), want) {
		t.Errorf("the log does not say %s\n%s", want, h.log)
	}
}

// zombie tells whether a process has ended and its parent has not asked.
func zombie(pid int) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	_, rest, _ := strings.Cut(string(b), ") ")
	return err == nil && strings.HasPrefix(rest, "Z")
}

// answered is how many answers with status 200 the learned state knows of GET /orders/{orderId}.
func answered(t *testing.T, dir string) (n uint64) {
	t.Helper()
	cmd := exec.Command(os.Args[0], "inventory", "show", "GET /orders/{orderId}", "--format", "json", "--data", filepath.Join(dir, "data"))
	cmd.Env = append(os.Environ(), runAsMerlon+"=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var e inventory.Endpoint
	if err := json.Unmarshal(out, &e); err != nil || e.Detail == nil {
		t.Fatalf("%v: %s", err, out)
	}
	for _, s := range e.Detail.Statuses {
		if s.Status == 200 {
			n += s.Count
		}
	}
	return n
}

// TestHandOverThatFails: the new program cannot begin, so the old one goes on and says why.
func TestHandOverThatFails(t *testing.T) {
	up := echo(t)
	dir := t.TempDir()
	r := serveProcess(t, dir, up.URL, "")
	file := filepath.Join(dir, "merlon.yaml")
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	c := call(t, r.client)
	c.after(50)
	for i, bad := range []string{"sites: nonsense\n", strings.Replace(string(good), "name: shop", "name: another", 1)} {
		if err := os.WriteFile(file, []byte(bad), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := r.cmd.Process.Signal(syscall.SIGUSR2); err != nil {
			t.Fatal(err)
		}
		until(t, "the failure", func() bool { return r.metric("merlon_handovers_failed_total") == float64(i+1) })
	}
	c.after(100)
	c.stop()
	if holder(t, dir) != r.cmd.Process.Pid {
		t.Error("another process has the data directory")
	}
	if status, body := r.get("/orders/7"); status != 200 {
		t.Errorf("%d %s", status, body)
	}
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
	for _, want := range []string{"the hand-over failed, and this process goes on", "expected a list, found", "SIGHUP"} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, r.log)
		}
	}
}

// metric is the value of a metric, by its name with labels; -1 when it cannot be had.
func (r *running) metric(name string) float64 {
	resp, err := http.Get("http://" + r.admin + "/metrics")
	if err != nil {
		return -1
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err == nil {
				return v
			}
		}
	}
	return -1
}
