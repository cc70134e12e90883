package conformance

import (
	"bufio"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// upstream is a real server that tells what it was asked: in X-Seen of each answer, and in its log.
type upstream struct {
	name, address string
	seen          chan seen
	// silent: what it refuses by itself may be missing from its log.
	silent bool
	// unordered: it writes its log after the answer, from more than one thread.
	unordered bool
	// asterisk: it answers OPTIONS * by itself.
	asterisk bool
}

// server says how to run a program as an upstream. args and files may hold %[1]s, its folder, and %[2]s, its address.
type server struct {
	name, program, pack string
	args                []string
	files               map[string]string
	read                func(line string) (seen, bool)
	silent, unordered   bool
	asterisk            bool
}

// servers are the programs; net/http runs in this process beside them.
var servers = []server{
	{
		name: "nginx", program: "nginx", pack: "nginx-light", args: []string{"-c", "%[1]s/nginx.conf", "-e", "stderr"}, read: readNginx,
		files: map[string]string{"nginx.conf": `daemon off;
worker_processes 1;
pid %[1]s/nginx.pid;
error_log stderr crit;
events { worker_connections 256; }
http {
  log_format seen escape=json 'SEEN $request_method $status $request_uri $request_body';
  client_body_buffer_size 256k;
  client_body_in_single_buffer on;
  client_body_temp_path %[1]s/body;
  proxy_temp_path %[1]s/proxy;
  fastcgi_temp_path %[1]s/fastcgi;
  uwsgi_temp_path %[1]s/uwsgi;
  scgi_temp_path %[1]s/scgi;
  keepalive_timeout 60s;
  server {
    listen unix:%[1]s/inner.sock;
    access_log off;
    location / { add_header X-Seen "$request_method $request_uri" always; default_type text/plain; return 200 ok; }
  }
  server {
    listen %[2]s;
    access_log /dev/stdout seen;
    location / { proxy_pass http://unix:%[1]s/inner.sock; proxy_set_header Connection close; proxy_buffer_size 32k; proxy_buffers 4 32k; }
  }
}
`},
	},
	{
		name: "haproxy", program: "haproxy", pack: "haproxy", args: []string{"-db", "-f", "%[1]s/haproxy.cfg"}, read: readHAProxy, unordered: true,
		files: map[string]string{"haproxy.cfg": `global
  log stdout len 32768 format raw local0
  tune.http.logurilen 16384
  nbthread 1
defaults
  mode http
  log global
  timeout client 60s
  timeout server 60s
  timeout connect 5s
  timeout http-request 20s
  option http-buffer-request
  option dontlognull
  log-format "SEEN %%HM %%[var(txn.len)] %%ST %%HU"
frontend f
  bind %[2]s
  http-request set-var(txn.len) req.body_len
  http-request return status 200 content-type text/plain hdr X-Seen "%%[method] %%[url]" string ok
`},
	},
	{
		name: "apache", program: "apache2", pack: "apache2-bin", args: []string{"-D", "FOREGROUND", "-d", "%[1]s", "-f", "%[1]s/apache.conf"}, read: readApache, unordered: true, asterisk: true,
		files: map[string]string{"apache.conf": `Listen %[2]s
ServerName a.example
PidFile %[1]s/apache.pid
Mutex file:%[1]s
User www-data
Group www-data
LoadModule mpm_event_module /usr/lib/apache2/modules/mod_mpm_event.so
LoadModule authz_core_module /usr/lib/apache2/modules/mod_authz_core.so
LoadModule lua_module /usr/lib/apache2/modules/mod_lua.so
ErrorLog /dev/stderr
LogLevel crit
LogFormat "SEEN %%m %%{len}n %%>s %%r" seen
CustomLog /dev/stdout seen
StartServers 1
ServerLimit 1
ThreadsPerChild 25
MaxRequestWorkers 25
KeepAliveTimeout 60
MaxKeepAliveRequests 0
AllowEncodedSlashes NoDecode
LuaMapHandler ".*" "%[1]s/seen.lua" handle
LuaInputFilter count "%[1]s/seen.lua" count
SetInputFilter count
`, "seen.lua": `function count(r)
  coroutine.yield()
  while bucket do
    r.notes["len"] = tostring(tonumber(r.notes["len"] or "0") + #bucket)
    coroutine.yield(bucket)
  end
end
function handle(r)
  r.notes["len"] = "0"
  r.headers_out["X-Seen"] = r.method .. " " .. r.unparsed_uri
  r.content_type = "text/plain"
  r:puts("ok")
  return apache2.OK
end
`},
	},
	{
		name: "caddy", program: "caddy", pack: "caddy", args: []string{"run", "--config", "%[1]s/caddy.json"}, read: readCaddy, silent: true, unordered: true, asterisk: true,
		files: map[string]string{"caddy.json": `{"admin":{"disabled":true,"config":{"persist":false}},
"logging":{"logs":{"default":{"writer":{"output":"stdout"},"encoder":{"format":"json"},"level":"INFO"}}},
"apps":{"http":{"servers":{"s":{"listen":["%[2]s"],"automatic_https":{"disable":true},"logs":{},"routes":[{"handle":[
{"handler":"headers","response":{"set":{"X-Seen":["{http.request.method} {http.request.orig_uri}"]}}},
{"handler":"static_response","status_code":200,"body":"{http.request.body}"}]}]}}}}}
`},
	},
	{name: "node", program: "node", pack: "nodejs", args: []string{"%[1]s/seen.js", "%[2]s"}, read: readLine, files: map[string]string{"seen.js": nodeScript}},
	{name: "node, lenient", program: "node", pack: "nodejs", args: []string{"--insecure-http-parser", "%[1]s/seen.js", "%[2]s"}, read: readLine, files: map[string]string{"seen.js": nodeScript}},
}

const nodeScript = `const [host, port] = process.argv[2].split(":");
const server = require("http").createServer((req, res) => {
  let size = 0;
  req.on("data", (d) => { size += d.length; });
  req.on("end", () => {
    console.log("SEEN " + req.method + " " + size + " 200 " + req.url);
    res.setHeader("X-Seen", req.method + " " + req.url.replace(/[^\x20-\x7e]/g, "?"));
    res.end("ok");
  });
});
server.keepAliveTimeout = 60000;
server.on("clientError", (err, socket) => {
  if (err.code === "ECONNRESET") { socket.destroy(); return; }
  console.log("SEEN - -1 400 -");
  socket.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
});
server.listen(Number(port), host);
`

// readLine reads "SEEN method body status target".
func readLine(line string) (seen, bool) {
	f := strings.SplitN(line, " ", 5)
	if len(f) != 5 || f[0] != "SEEN" {
		return seen{}, false
	}
	s := seen{method: f[1], body: -1, target: f[4]}
	if n, err := strconv.ParseInt(f[2], 10, 64); err == nil {
		s.body = n
	}
	s.refused = f[3] >= "400"
	return s, true
}

// readApache reads "SEEN method body status request-line".
func readApache(line string) (seen, bool) {
	s, ok := readLine(line)
	if f := strings.Fields(s.target); len(f) == 3 {
		s.target = f[1]
	}
	if plain, err := strconv.Unquote(`"` + s.target + `"`); err == nil {
		s.target = plain
	}
	return s, ok
}

var haproxyEscape = regexp.MustCompile(`#[0-9A-F]{2}`)

// readHAProxy is readLine where # and two digits stand for a byte; a request's target never holds the '#' itself.
func readHAProxy(line string) (seen, bool) {
	s, ok := readLine(line)
	s.target = haproxyEscape.ReplaceAllStringFunc(s.target, func(m string) string {
		b, _ := hex.DecodeString(m[1:])
		return string(b)
	})
	return s, ok
}

// readNginx reads "SEEN method status target body", where target and body are JSON strings without their quotes.
func readNginx(line string) (seen, bool) {
	f := strings.SplitN(line, " ", 5)
	if len(f) != 5 || f[0] != "SEEN" {
		return seen{}, false
	}
	var target, body string
	if json.Unmarshal([]byte(`"`+f[3]+`"`), &target) != nil || json.Unmarshal([]byte(`"`+f[4]+`"`), &body) != nil {
		return seen{}, false
	}
	return seen{method: f[1], target: target, body: int64(len(body)), refused: f[2] >= "400"}, true
}

// readCaddy reads Caddy's access log; the answer repeats the body, so its size is the body's.
func readCaddy(line string) (seen, bool) {
	var l struct {
		Logger  string
		Request struct{ Method, URI string }
		Size    int64
		Status  int
	}
	if json.Unmarshal([]byte(line), &l) != nil || !strings.HasPrefix(l.Logger, "http.log.access") {
		return seen{}, false
	}
	s := seen{method: l.Request.Method, target: l.Request.URI, body: l.Size, refused: l.Status >= 400}
	if s.method == "HEAD" || s.refused {
		s.body = -1
	}
	return s, true
}

// run starts s and waits until it takes connections. It is passed by, loudly, when the program is not there.
func (s *server) run(t *testing.T) *upstream {
	t.Helper()
	path, err := exec.LookPath(s.program)
	if err != nil {
		path = "/usr/sbin/" + s.program
		if _, err := os.Stat(path); err != nil {
			t.Skipf("PASSED BY: %s is missing: apt-get install %s", s.program, s.pack)
		}
	}
	dir := serverFolder(t)
	address := freeAddress(t)
	for name, text := range s.files {
		if strings.Contains(text, "%[") {
			text = fmt.Sprintf(strings.ReplaceAll(text, "\x00", ""), dir, address)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	args := make([]string, len(s.args))
	for i, a := range s.args {
		if args[i] = a; strings.Contains(a, "%[") {
			args[i] = strings.NewReplacer("%[1]s", dir, "%[2]s", address).Replace(a)
		}
	}
	u := &upstream{name: s.name, address: address, seen: make(chan seen, 100_000), silent: s.silent, unordered: s.unordered, asterisk: s.asterisk}
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CONFIG_HOME="+dir)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	trouble, err := os.Create(filepath.Join(dir, "stderr"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = trouble
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	read := make(chan struct{})
	go func() {
		defer close(read)
		for lines := bufio.NewReader(out); ; {
			line, err := lines.ReadString('\n')
			if one, ok := s.read(strings.TrimSuffix(line, "\n")); ok {
				u.seen <- one
			}
			if err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		hung := time.AfterFunc(patience, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }) // a group of its own
		<-read
		_ = cmd.Wait()
		hung.Stop()
		_ = trouble.Close()
	})
	if err := await(address); err != nil {
		said, _ := os.ReadFile(trouble.Name())
		t.Fatalf("%s: %v\n%s", s.name, err, said)
	}
	return u
}

// serverFolder can be entered by the users that servers turn into; names of sockets in it are short.
func serverFolder(t *testing.T) string {
	dir, err := os.MkdirTemp("", "merlon-up-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	return dir
}

func freeAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

// await dials address until it answers.
func await(address string) error {
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	late := time.NewTimer(patience)
	defer late.Stop()
	for {
		c, err := net.Dial("tcp", address)
		if err == nil {
			return c.Close()
		}
		select {
		case <-again.C:
		case <-late.C:
			return err
		}
	}
}

// goUpstream is net/http.
func goUpstream(t *testing.T) *upstream {
	u := &upstream{name: "net/http", seen: make(chan seen, 100_000), silent: true, asterisk: true}
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, err := io.Copy(io.Discard, r.Body)
		if err != nil {
			n = -1
		}
		u.seen <- seen{r.Method, r.RequestURI, n, err != nil}
		w.Header().Set("X-Seen", r.Method+" "+r.RequestURI)
		_, _ = io.WriteString(w, "ok")
	}))
	t.Cleanup(s.Close)
	u.address = s.Listener.Addr().String()
	return u
}
