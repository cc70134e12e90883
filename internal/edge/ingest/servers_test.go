package ingest

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"merlon/internal/edge/ingest/record"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// The log formats that the servers are given, and that --log-format is given.
const (
	nginxFormat = `$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent" ` +
		`$request_length $request_time "$upstream_response_time" $host "$http_x_forwarded_for"`
	nginxJSON = `{"time":"$time_iso8601","ip":"$remote_addr","line":"$request","status":$status,"bytes":$body_bytes_sent,` +
		`"agent":"$http_user_agent","host":"$host","took":$request_time}`
	nginxNamed = `{"time_iso8601":"$time_iso8601","remote_addr":"$remote_addr","request":"$request","status":"$status",` +
		`"body_bytes_sent":"$body_bytes_sent","http_user_agent":"$http_user_agent","host":"$host","request_time":"$request_time"}`
	apacheFormat = `%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %D %I %O %V`
	apacheParts  = `%a %{sec}t "%m %U%q %H" %s %B %{us}T %{Host}i "%{User-Agent}i"`
)

// server is a program that logs, and what it logs by format.
type server struct {
	program string
	logs    []serverLog
	start   func(dir, address string) (*exec.Cmd, error)
}

type serverLog struct {
	file, format, logFormat string
	auto                    string // the format as it must be told without help; empty for none
	cut                     string // what this log cannot show: the host, the body's size, broken requests
}

func servers() []server {
	return []server{
		{"nginx", []serverLog{
			{file: "combined.log", format: auto, auto: "combined", cut: "host"},
			{file: "own.log", format: auto, logFormat: nginxFormat},
			{file: "json.log", format: auto, logFormat: nginxJSON},
			{file: "named.log", format: auto, auto: "nginx-json"},
		}, startNginx},
		{"apache2", []serverLog{
			{file: "vhost.log", format: auto, auto: "vhost", cut: "size host"},
			{file: "own.log", format: auto, logFormat: "LogFormat \"" + strings.ReplaceAll(apacheFormat, `"`, `\"`) + "\" own"},
			{file: "parts.log", format: auto, logFormat: apacheParts, cut: "broken"},
		}, startApache},
		{"caddy", []serverLog{
			{file: "caddy.log", format: auto, auto: "caddy", cut: "broken size"},
		}, startCaddy},
	}
}

func startNginx(dir, address string) (*exec.Cmd, error) {
	conf := fmt.Sprintf(`daemon off; master_process off; pid %[1]s/pid; error_log %[1]s/error.log;
events {}
http {
  client_body_temp_path %[1]s/b; proxy_temp_path %[1]s/p; fastcgi_temp_path %[1]s/f; uwsgi_temp_path %[1]s/u; scgi_temp_path %[1]s/s;
  log_format own '%[3]s'; log_format json escape=json '%[4]s'; log_format named escape=json '%[5]s';
  server {
    listen %[2]s; server_name api.example;
    access_log %[1]s/combined.log combined; access_log %[1]s/own.log own; access_log %[1]s/json.log json; access_log %[1]s/named.log named;
    location / { return 200 "hello"; }
  }
}
`, dir, address, nginxFormat, nginxJSON, nginxNamed)
	path := filepath.Join(dir, "nginx.conf")
	return exec.Command("nginx", "-c", path, "-e", filepath.Join(dir, "error.log")), os.WriteFile(path, []byte(conf), 0o600)
}

func startApache(dir, address string) (*exec.Cmd, error) {
	quote := func(s string) string { return strings.ReplaceAll(s, `"`, `\"`) }
	var modules strings.Builder
	for _, m := range []string{"mpm_event", "authz_core", "logio"} {
		path := "/usr/lib/apache2/modules/mod_" + m + ".so"
		if _, err := os.Stat(path); err == nil {
			fmt.Fprintf(&modules, "LoadModule %s_module %s\n", m, path)
		}
	}
	conf := fmt.Sprintf(`ServerRoot %[1]s
PidFile %[1]s/pid
DefaultRuntimeDir %[1]s
Listen %[2]s
ServerName api.example
DocumentRoot %[1]s/www
UseCanonicalName Off
ErrorLog %[1]s/error.log
%[5]s<Directory />
Require all granted
</Directory>
LogFormat "%%v:%%p %%h %%l %%u %%t \"%%r\" %%>s %%O \"%%{Referer}i\" \"%%{User-Agent}i\"" vhost_combined
LogFormat "%[3]s" own
LogFormat "%[4]s" parts
CustomLog %[1]s/vhost.log vhost_combined
CustomLog %[1]s/own.log own
CustomLog %[1]s/parts.log parts
`, dir, address, quote(apacheFormat), quote(apacheParts), &modules)
	path := filepath.Join(dir, "apache.conf")
	if err := os.MkdirAll(filepath.Join(dir, "www"), 0o755); err != nil {
		return nil, err
	}
	return exec.Command("apache2", "-X", "-f", path), os.WriteFile(path, []byte(conf), 0o600)
}

func startCaddy(dir, address string) (*exec.Cmd, error) {
	conf := fmt.Sprintf(`{
	admin off
	auto_https off
	storage file_system %[1]s/caddy
}
http://%[2]s {
	bind 127.0.0.1
	log {
		output file %[1]s/caddy.log
	}
	respond "hello"
}
`, dir, address)
	path := filepath.Join(dir, "Caddyfile")
	cmd := exec.Command("caddy", "run", "--config", path, "--adapter", "caddyfile")
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_CONFIG_HOME="+dir, "XDG_DATA_HOME="+dir)
	return cmd, os.WriteFile(path, []byte(conf), 0o600)
}

// sent are the requests, each with an agent of its own by which its line is known.
func sent(address string) []string {
	request := func(line, agent, more string) string {
		return line + " HTTP/1.1\r\nHost: " + address + "\r\nUser-Agent: " + agent + "\r\n" + more + "Connection: close\r\n\r\n"
	}
	return []string{
		request("GET /plain?a=b&c=%22", "plain/1", ""),
		request("GET /quote", `quo"te\1`, "Referer: https://r.example/\"x\"\r\n"),
		request("GET /caf%C3%A9/%20x", "caf\u00e9/1", ""),
		request("HEAD /head", "head/1", ""),
		request("POST /post", "post/1", "Content-Length: 0\r\n"),
		request("GET /late", "last/1", "X-Forwarded-For: 203.0.113.7\r\n"),
	}
}

// broken is what no server takes for a request.
const broken = "\x16\x03\x01\x00\xa5\x01\x00\x00\r\n\r\n"

func send(t *testing.T, address, raw string, ended <-chan error, log fmt.Stringer) {
	t.Helper()
	var c net.Conn
	var err error
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(2 * time.Minute); ; {
		if c, err = net.Dial("tcp", address); err == nil {
			break
		}
		select {
		case <-tick.C:
		case e := <-ended:
			t.Fatalf("the server ended: %v\n%s", e, log)
		case <-deadline:
			t.Fatalf("the server does not come up: %v", err)
		}
	}
	defer c.Close()
	if _, err := io.WriteString(c, raw); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, c) // a server may reset what it does not like
}

// TestServers reads what the real programs log, by every format that they can be given.
func TestServers(t *testing.T) {
	t.Parallel()
	for _, s := range servers() {
		t.Run(s.program, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(s.program); err != nil {
				t.Skipf("%s is not installed: its logs are not read in this run", s.program)
			}
			dir := t.TempDir()
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			address := l.Addr().String()
			_ = l.Close()
			cmd, err := s.start(dir, address)
			if err != nil {
				t.Fatal(err)
			}
			var log strings.Builder
			cmd.Stderr, cmd.Stdout = &log, &log
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() { ended <- cmd.Wait(); close(ended) }()
			stop := func() {
				_ = cmd.Process.Signal(syscall.SIGTERM)
				<-ended
			}
			t.Cleanup(stop)
			send(t, address, broken, ended, &log)
			for _, raw := range sent(address) {
				send(t, address, raw, ended, &log)
			}
			stop() // logs are whole then
			for _, l := range s.logs {
				t.Run(l.file, func(t *testing.T) { checkLog(t, filepath.Join(dir, l.file), address, l) })
			}
		})
	}
}

func checkLog(t *testing.T, path, address string, l serverLog) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	type seen struct {
		method, host string
		status       uint16
		size         int64
		timed        bool
		client       string
		anomalies    exchange.Anomalies
	}
	got := make(map[string]seen)
	told := ""
	res := run(t, Options{Format: l.format, LogFormat: l.logFormat, Hops: record.Auto, Now: time.Now, Opened: func(_, f string) { told = f }}, func(e *event.Event) {
		got[e.Text(e.UserAgent)] = seen{e.Text(e.Method), e.Text(e.Host), e.Status, e.ResponseBytes, e.Latency > 0, e.Client.String(), e.Anomalies}
	}, File(path))
	if res.Damaged > 0 && !strings.Contains(l.cut, "broken") || res.Damaged > 1 || l.auto != "" && told != l.auto {
		t.Fatalf("told to be %q; %d of %d damaged, %v\n%s", told, res.Damaged, res.Lines, res.ByCause, text)
	}
	host, _, _ := strings.Cut(address, ":")
	for _, raw := range sent(address) {
		_, agent, _ := strings.Cut(raw, "User-Agent: ")
		agent, _, _ = strings.Cut(agent, "\r\n")
		method, _, _ := strings.Cut(raw, " ")
		g, ok := got[agent]
		client := "127.0.0.1"
		if strings.HasPrefix(agent, "last") && (strings.Contains(l.logFormat, "forwarded_for") || l.auto == "caddy") {
			client = "203.0.113.7"
		}
		if !ok || g.method != method || g.status < 200 || g.status > 404 || g.client != client ||
			!strings.Contains(l.cut, "host") && g.host != host || !strings.Contains(l.cut, "size") && method == "HEAD" && g.size != 0 {
			t.Errorf("%s: %+v\n%s", agent, g, text)
		}
	}
	if !strings.Contains(l.cut, "broken") {
		if g, ok := got[""]; !ok || g.status != 400 || g.anomalies == 0 {
			t.Errorf("broken request: %+v of %v\n%s", g, got, text)
		}
	}
	if l.auto != "" {
		checkFollowed(t, path, res.Lines)
	}
}

// checkFollowed reads the same log as it would be followed.
func checkFollowed(t *testing.T, path string, lines int64) {
	t.Helper()
	b := newBench(t, nil)
	defer b.close()
	g, err := New(Options{Engine: b.engine, Now: time.Now, Hops: record.Auto})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	res, err := g.Follow(ctx, Following{
		Ledger: filepath.Join(t.TempDir(), "positions.json"),
		Settle: func(context.Context) (uint64, error) {
			if g.result.Lines == lines {
				cancel()
			}
			return b.queue.Published(), nil
		},
	}, path)
	if err != nil || res.Lines != lines {
		t.Errorf("%d of %d lines are followed: %v", res.Lines, lines, err)
	}
	cancel()
}
