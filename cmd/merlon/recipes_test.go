package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// Clients of the recipes: loopback has many addresses, so that the client's is told from everybody else's.
const (
	honestClient  = "127.0.0.2"
	blockedClient = "127.0.0.66"
	recipePolicy  = `
version: 1
lists: [{name: blocked, kind: address, values: [127.0.0.66], action: block}]
rules:
  - {name: old client, when: 'request.header("User-Agent") startsWith "Old/"', action: tag, mode: enforce}
  - {name: secret, when: 'request.path == "/secret/13" and request.query == "a=b" and request.method == "DELETE"', action: block, mode: enforce}
`
)

var guideBlock = regexp.MustCompile("(?ms)^```(\\w+) (\\S+)\n(.*?)^```$")

// guide reads the files of a page of docs/guides, in order.
func guide(t *testing.T, page string) (names, texts []string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join("..", "..", "docs", "guides", page))
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range guideBlock.FindAllSubmatch(b, -1) {
		names, texts = append(names, string(m[2])), append(texts, string(m[3]))
	}
	if fences := bytes.Count(b, []byte("\n```")); fences != 2*len(names) || len(names) == 0 {
		t.Fatalf("%s: %d fences for %d files: a block without a file name is not run", page, fences, len(names))
	}
	return names, texts
}

// recipe is a page's set-up: the program in front, Merlon and the API, all on loopback.
type recipe struct {
	t      *testing.T
	dir    string
	front  string // where clients connect
	ports  *strings.Replacer
	api    *httptest.Server
	seen   atomic.Pointer[http.Request] // the last one the API got
	body   atomic.Pointer[[]byte]
	merlon *running
	people *http.Client // signed in; nil before
}

func newRecipe(t *testing.T) *recipe {
	t.Helper()
	r := &recipe{t: t, dir: t.TempDir(), front: freeAddress(t)}
	r.api = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if q.Header.Get("Upgrade") != "" {
			shout(w)
			return
		}
		b, _ := io.ReadAll(q.Body)
		r.seen.Store(q)
		r.body.Store(&b)
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"id":7,"total":12.5}`)
	}))
	t.Cleanup(r.api.Close)
	_, port, _ := net.SplitHostPort(r.front)
	r.ports = strings.NewReplacer(
		"127.0.0.1:3000", r.api.Listener.Addr().String(), "127.0.0.1:8080", freeAddress(t), "127.0.0.1:9902", freeAddress(t), "127.0.0.1:9903", freeAddress(t),
		"listen 80;", "listen "+r.front+";", "bind :80", "bind "+r.front, "http://api.example.com:80", "{\n\tadmin off\n\tdefault_bind 127.0.0.1\n}\nhttp://api.example.com:"+port,
	)
	if err := os.WriteFile(filepath.Join(r.dir, "policy.yaml"), []byte(recipePolicy), 0o600); err != nil {
		t.Fatal(err)
	}
	return r
}

// serve starts Merlon with a page's merlon.yaml.
func (r *recipe) serve(text string) {
	r.t.Helper()
	r.merlon = serveText(r.t, r.dir, r.ports.Replace("127.0.0.1:8080"), r.ports.Replace(text))
}

// program finds a program of Debian, or passes the test by, loudly.
func program(t *testing.T, name string) string {
	t.Helper()
	for _, dir := range append(filepath.SplitList(os.Getenv("PATH")), "/usr/sbin") {
		if p := filepath.Join(dir, name); dir != "" {
			if st, err := os.Stat(p); err == nil && st.Mode()&0o111 != 0 {
				return p
			}
		}
	}
	t.Skipf("PASSED BY: there is no %s here (as root: make deps)", name)
	return ""
}

// run starts the program in front and waits until it takes connections.
func (r *recipe) run(name string, args ...string) {
	r.t.Helper()
	r.runCommand(exec.Command(name, args...))
}

// runCommand is run of a prepared command; it returns what tells when the program has ended.
func (r *recipe) runCommand(cmd *exec.Cmd) (ended chan error) {
	r.t.Helper()
	name := filepath.Base(cmd.Path)
	cmd.Env = append(os.Environ(), "HOME="+r.dir, "XDG_DATA_HOME="+r.dir, "XDG_CONFIG_HOME="+r.dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	out := new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		r.t.Fatal(err)
	}
	ended = make(chan error, 1)
	go func() {
		ended <- cmd.Wait()
		close(ended)
	}()
	r.t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(20 * time.Second):
			_ = cmd.Process.Kill()
			<-ended
		}
		if r.t.Failed() {
			r.t.Logf("%s:\n%s", name, out)
		}
	})
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); ; {
		select {
		case <-tick.C:
		case err := <-ended:
			r.t.Fatalf("%s ended: %v\n%s", name, err, out)
		case <-deadline:
			r.t.Fatalf("%s does not come up\n%s", name, out)
		}
		if nc, err := net.Dial("tcp", r.front); err == nil {
			_ = nc.Close()
			return ended
		}
	}
}

// nginx runs nginx with blocks of a page inside of http, or at the top level.
func (r *recipe) nginx(top, http string) {
	r.t.Helper()
	path := program(r.t, "nginx")
	if top != "" {
		if _, err := os.Stat("/usr/lib/nginx/modules/ngx_stream_module.so"); err != nil {
			r.t.Skip("PASSED BY: nginx has no stream module here (as root: make deps)")
		}
		top = "load_module /usr/lib/nginx/modules/ngx_stream_module.so;\n" + top
	} else {
		http = "http {\naccess_log off;\n" + http + "\n}\n"
		for _, temp := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
			http = strings.Replace(http, "access_log off;\n", "access_log off;\n"+temp+"_temp_path "+r.dir+"/"+temp+";\n", 1)
		}
	}
	text := "daemon off; master_process off; pid " + r.dir + "/nginx.pid; error_log stderr warn;\n" + r.ports.Replace(top) + "\nevents {}\n" + r.ports.Replace(http)
	file := filepath.Join(r.dir, "nginx.conf")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		r.t.Fatal(err)
	}
	r.run(path, "-p", r.dir, "-e", "stderr", "-c", file)
}

// ask sends a request from an address of loopback.
func (r *recipe) ask(from, method, target, body string, fields ...string) (int, http.Header, string) {
	r.t.Helper()
	tr := &http.Transport{DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
		d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(from)}}
		return d.DialContext(ctx, network, r.front)
	}}
	defer tr.CloseIdleConnections()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	q, err := http.NewRequest(method, "http://api.example.com"+target, in)
	if err != nil {
		r.t.Fatal(err)
	}
	for i := 0; i < len(fields); i += 2 {
		q.Header.Set(fields[i], fields[i+1])
	}
	resp, err := (&http.Client{Transport: tr, Timeout: time.Minute}).Do(q)
	if err != nil {
		r.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, resp.Header, string(b)
}

// shout answers a WebSocket handshake, and one line in capitals.
func shout(w http.ResponseWriter) {
	nc, rw, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	defer nc.Close()
	_, _ = rw.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n")
	_ = rw.Flush()
	text, _ := rw.ReadString('\n')
	_, _ = io.WriteString(nc, strings.ToUpper(text))
}

// chat sends a line over a WebSocket connection through everything.
func (r *recipe) chat() {
	r.t.Helper()
	nc, err := net.Dial("tcp", r.front)
	if err != nil {
		r.t.Fatal(err)
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(time.Minute))
	_, _ = io.WriteString(nc, "GET /chat HTTP/1.1\r\nHost: api.example.com\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
	in := bufio.NewReader(nc)
	resp, err := http.ReadResponse(in, nil)
	if err != nil || resp.StatusCode != 101 {
		r.t.Errorf("a WebSocket is not opened: %v %+v", err, resp)
		return
	}
	_, _ = io.WriteString(nc, "hello\n")
	if got, err := in.ReadString('\n'); got != "HELLO\n" {
		r.t.Errorf("a WebSocket says %q %v", got, err)
	}
}

// recorded is what the tests read of an event.
type recorded struct {
	ID, Site, Source, Method, Host, Address, Action, Mode, Rule string
	Status                                                      int
}

// events waits for n events and returns them, oldest first.
func (r *recipe) events(n int) []recorded {
	r.t.Helper()
	if r.people == nil { // the set-up link works once
		r.people, _ = r.merlon.administrator()
	}
	c := r.people
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); ; {
		resp, err := c.Get("http://" + r.merlon.admin + "/v1/events")
		if err != nil {
			r.t.Fatal(err)
		}
		var list struct{ Items []recorded }
		err = json.NewDecoder(resp.Body).Decode(&list)
		_ = resp.Body.Close()
		if err != nil {
			r.t.Fatal(err)
		}
		if len(list.Items) >= n {
			if len(list.Items) > n {
				r.t.Errorf("%d events, wanted %d: %+v", len(list.Items), n, list.Items)
			}
			// By when they began: an answer may reach its caller, who asks again, before its event is recorded.
			out := list.Items[len(list.Items)-n:]
			slices.SortFunc(out, func(a, b recorded) int { return strings.Compare(a.ID, b.ID) })
			return out
		}
		select {
		case <-tick.C:
		case <-deadline:
			r.t.Fatalf("%d events, wanted %d: %+v\n%s", len(list.Items), n, list.Items, r.merlon.log)
		}
	}
}

// tour sends what every recipe that can refuse has to deal with, and checks callers, API and events.
func (r *recipe) tour(source string) {
	t := r.t
	t.Helper()
	status, _, body := r.ask(honestClient, "POST", "/orders/7?full=%41", `{"qty":2}`, "Content-Type", "application/json", "X-Forwarded-For", blockedClient,
		"X-Original-URI", "/else", "X-Forwarded-Uri", "/else", "Merlon-Tag", "made up")
	if status != 200 || !strings.Contains(body, "12.5") {
		t.Errorf("an honest caller gets %d %s", status, body)
	}
	seen := r.seen.Swap(nil)
	if seen == nil {
		t.Fatal("the API was not asked")
	}
	if seen.RequestURI != "/orders/7?full=%41" || seen.Method != "POST" || string(*r.body.Load()) != `{"qty":2}` || seen.Header["Merlon-Tag"] != nil {
		t.Errorf("the API got %s %s with %s, tag %q", seen.Method, seen.RequestURI, *r.body.Load(), seen.Header["Merlon-Tag"])
	}
	if status, _, _ := r.ask(honestClient, "GET", "/orders/8", "", "User-Agent", "Old/1"); status != 200 {
		t.Errorf("a tagged caller gets %d", status)
	}
	if seen = r.seen.Swap(nil); seen == nil || seen.Header.Get("Merlon-Tag") != "old client" {
		t.Errorf("the API is told %v", seen)
	}
	status, header, body := r.ask(blockedClient, "GET", "/orders/9", "", "X-Forwarded-For", honestClient, "X-Real-IP", honestClient)
	var problem struct {
		Status   int
		Instance string
	}
	if err := json.Unmarshal([]byte(body), &problem); err != nil || status != 403 || header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("a blocked caller gets %d %v %s", status, header, body)
	}
	if r.seen.Load() != nil {
		t.Error("a blocked request reaches the API")
	}
	if status, _, _ := r.ask(honestClient, "DELETE", "/secret/13?a=b", "", "X-Original-Method", "GET", "X-Forwarded-Method", "GET"); status != 403 || r.seen.Load() != nil {
		t.Errorf("method and target are not what the caller sent: %d", status)
	}
	events := r.events(4)
	for i, want := range []recorded{
		{Method: "POST", Address: honestClient, Action: "allow"},
		{Method: "GET", Address: honestClient, Action: "tag", Mode: "enforce", Rule: "old client"},
		{Method: "GET", Address: blockedClient, Action: "block", Mode: "enforce", Rule: "list:blocked", Status: 403},
		{Method: "DELETE", Address: honestClient, Action: "block", Mode: "enforce", Rule: "secret", Status: 403},
	} {
		e := events[i]
		if e.Method != want.Method || e.Address != want.Address || e.Action != want.Action || e.Site != "shop" || e.Host != "api.example.com" || e.Source != source ||
			want.Mode != "" && (e.Mode != want.Mode || !strings.HasSuffix(e.Rule, want.Rule)) || want.Status != 0 && e.Status != want.Status {
			t.Errorf("recorded %+v, wanted %+v", e, want)
		}
	}
	if problem.Instance != events[2].ID {
		t.Errorf("the caller is told of event %s, recorded is %s", problem.Instance, events[2].ID)
	}
}

func TestRecipeNginxInFront(t *testing.T) {
	names, texts := guide(t, "nginx-in-front.md")
	if strings.Join(names, " ") != "http.conf merlon.yaml stream.conf merlon.yaml" {
		t.Fatal(names)
	}
	t.Run("X-Forwarded-For", func(t *testing.T) {
		r := newRecipe(t)
		r.nginx("", texts[0])
		r.serve(texts[1])
		r.tour("proxy")
		r.chat()
	})
	t.Run("PROXY protocol", func(t *testing.T) {
		r := newRecipe(t)
		r.serve(texts[3])
		r.nginx(texts[2], "")
		r.tour("proxy")
		r.chat()
	})
}

func TestRecipeNginxAuthRequest(t *testing.T) {
	names, texts := guide(t, "nginx-auth-request.md")
	if strings.Join(names, " ") != "http.conf merlon.yaml fail-open.conf unasked.conf" {
		t.Fatal(names)
	}
	t.Run("ask", func(t *testing.T) {
		r := newRecipe(t)
		r.nginx("", texts[0])
		if status, _, _ := r.ask(honestClient, "GET", "/orders/1", ""); status != 500 || r.seen.Load() != nil {
			t.Errorf("with Merlon away a caller gets %d", status)
		}
		r.serve(texts[1])
		r.tour("decide")
	})
	t.Run("fail open", func(t *testing.T) {
		r := newRecipe(t)
		open := strings.Replace(texts[0], "        internal;\n        proxy_pass http://merlon/original;\n", "        internal;\n        proxy_pass http://merlon/original;\n"+texts[2], 1)
		open = strings.Replace(open, "    location = /_merlon {", texts[3]+"\n    location = /_merlon {", 1)
		r.nginx("", open)
		if status, _, _ := r.ask(honestClient, "GET", "/orders/1", ""); status != 200 || r.seen.Swap(nil) == nil {
			t.Errorf("with Merlon away a caller gets %d", status)
		}
		r.serve(texts[1])
		r.tour("decide")
	})
}

func TestRecipeNginxMirror(t *testing.T) {
	names, texts := guide(t, "nginx-mirror.md")
	if strings.Join(names, " ") != "http.conf merlon.yaml" {
		t.Fatal(names)
	}
	r := newRecipe(t)
	r.nginx("", texts[0])
	if status, _, _ := r.ask(honestClient, "GET", "/orders/1", ""); status != 200 {
		t.Errorf("with Merlon away a caller gets %d", status)
	}
	r.serve(texts[1])
	if status, _, _ := r.ask(honestClient, "POST", "/orders/7?full=%41", `{"qty":2}`, "Content-Type", "application/json", "X-Original-URI", "/else"); status != 200 {
		t.Errorf("an honest caller gets %d", status)
	}
	r.events(1) // nobody waits for a copy, so the next request's may overtake it on a connection of its own
	if status, _, _ := r.ask(blockedClient, "GET", "/orders/9", "", "X-Real-IP", honestClient); status != 200 || r.seen.Load().RequestURI != "/orders/9" {
		t.Errorf("a mirror stands in the way: %d", status)
	}
	events := r.events(2)
	for i, want := range []recorded{{Method: "POST", Address: honestClient}, {Method: "GET", Address: blockedClient, Rule: "list:blocked"}} {
		e := events[i]
		if e.Method != want.Method || e.Address != want.Address || e.Rule != want.Rule || e.Status != 0 || e.Source != "mirror" || e.Host != "api.example.com" || e.Site != "shop" {
			t.Errorf("recorded %+v, wanted %+v", e, want)
		}
	}
}

func TestRecipeHAProxyInFront(t *testing.T) {
	names, texts := guide(t, "haproxy-in-front.md")
	if strings.Join(names, " ") != "haproxy.cfg merlon.yaml" {
		t.Fatal(names)
	}
	path := program(t, "haproxy")
	r := newRecipe(t)
	file := filepath.Join(r.dir, "haproxy.cfg")
	if err := os.WriteFile(file, []byte(r.ports.Replace(texts[0])), 0o600); err != nil {
		t.Fatal(err)
	}
	r.serve(texts[1])
	r.run(path, "-db", "-f", file)
	r.tour("proxy")
	r.chat()
}

func TestRecipeCaddy(t *testing.T) {
	for _, c := range []struct{ page, source string }{{"caddy-in-front.md", "proxy"}, {"caddy-forward-auth.md", "decide"}} {
		t.Run(c.page, func(t *testing.T) {
			names, texts := guide(t, c.page)
			if strings.Join(names, " ") != "Caddyfile merlon.yaml" {
				t.Fatal(names)
			}
			path := program(t, "caddy")
			r := newRecipe(t)
			file := filepath.Join(r.dir, "Caddyfile")
			if err := os.WriteFile(file, []byte(r.ports.Replace(texts[0])), 0o600); err != nil {
				t.Fatal(err)
			}
			r.serve(texts[1])
			r.run(path, "run", "--config", file, "--adapter", "caddyfile")
			if r.tour(c.source); c.source == "proxy" {
				r.chat()
			}
		})
	}
}

func TestRecipeGoMiddleware(t *testing.T) {
	names, texts := guide(t, "go-middleware.md")
	if strings.Join(names, " ") != "main.go" {
		t.Fatal(names)
	}
	path := program(t, "go")
	r := newRecipe(t)
	main := filepath.Join(r.dir, "main.go")
	if err := os.WriteFile(main, []byte(strings.ReplaceAll(texts[0], "127.0.0.1:8080", r.front)), 0o600); err != nil {
		t.Fatal(err)
	}
	binary := filepath.Join(r.dir, "shop")
	build := exec.Command(path, "build", "-o", binary, main)
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	cmd := exec.Command(binary)
	cmd.Dir = r.dir
	ended := r.runCommand(cmd)
	if status, _, body := r.ask(honestClient, "GET", "/orders/7", ""); status != 200 || body != `{"id":"7","total":12.5}` {
		t.Errorf("an honest caller gets %d %s", status, body)
	}
	if status, header, _ := r.ask(blockedClient, "GET", "/orders/7", ""); status != 403 || header.Get("Content-Type") != "application/problem+json" {
		t.Errorf("a blocked caller gets %d %v", status, header)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("an orderly stop ends with %v", err)
	}
	list := exec.Command(os.Args[0], "inventory", "list", "--format", "json", "--data", filepath.Join(r.dir, "merlon-data"))
	list.Env = append(os.Environ(), runAsMerlon+"=1")
	out, err := list.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "/orders/") {
		t.Errorf("not learned: %v\n%s", err, out)
	}
}
