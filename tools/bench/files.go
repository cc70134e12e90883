package main

import (
	"bufio"
	_ "embed" // wrk.lua is compiled in
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
)

//go:embed wrk.lua
var wrkScript string

const seed = 20240229

// writeWorkload writes what wrk reads: script, requests and tokens.
func writeWorkload(dir string, w *workload, principals int) error {
	if err := os.WriteFile(filepath.Join(dir, "wrk.lua"), []byte(wrkScript), 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(dir, "requests.lua"), []byte(luaRequests(w)), 0o600); err != nil {
		return err
	}
	f, err := os.Create(filepath.Join(dir, "tokens.txt"))
	if err != nil {
		return err
	}
	out := bufio.NewWriter(f)
	r := rand.New(rand.NewPCG(seed, 1))
	for i := range principals {
		fmt.Fprintln(out, token(r, i))
	}
	if err := out.Flush(); err != nil {
		f.Close()
		return err
	}
	return f.Close()
}

func luaRequests(w *workload) string {
	var b strings.Builder
	fmt.Fprintf(&b, "local r = { plain = %s }\nlocal h = %s\n", luaQuote(headers), luaQuote(headers))
	for i := range w.pieces {
		p := &w.pieces[i]
		if p.numberFirst {
			fmt.Fprintf(&b, "r[%d] = { true, %s, h, %s }\n", i+1, luaQuote(p.a), luaQuote(p.c))
		} else {
			fmt.Fprintf(&b, "r[%d] = { false, %s, %s, %s }\n", i+1, luaQuote(p.a), luaQuote(p.b), luaQuote(p.c))
		}
	}
	b.WriteString("return r\n")
	return b.String()
}

// luaQuote writes s as a Lua string. Everything but printable ASCII becomes a decimal escape of three digits.
func luaQuote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := range len(s) {
		switch c := s[i]; {
		case c == '"' || c == '\\':
			b.WriteByte('\\')
			b.WriteByte(c)
		case c < ' ' || c > '~':
			fmt.Fprintf(&b, `\%03d`, c)
		default:
			b.WriteByte(c)
		}
	}
	b.WriteByte('"')
	return b.String()
}

// nginxBase is common to upstream and proxy; %s: folder and name twice, workers, body. Buffers are large enough that
// neither ever writes a body to disk.
const nginxBase = `daemon off;
worker_processes %[3]d;
pid %[1]s/%[2]s.pid;
error_log %[1]s/%[2]s.err error;
events { worker_connections 8192; }
http {
  access_log off;
  keepalive_requests 1000000000;
  keepalive_timeout 3600s;
  client_body_buffer_size 64k;
  client_body_temp_path %[1]s/%[2]s-body;
  proxy_temp_path %[1]s/%[2]s-proxy;
  fastcgi_temp_path %[1]s/%[2]s-fastcgi;
  uwsgi_temp_path %[1]s/%[2]s-uwsgi;
  scgi_temp_path %[1]s/%[2]s-scgi;
%[4]s
}
`

// upstreamConfig answers every resource with a document of its own and everything else with 404.
func upstreamConfig(dir, listen string, w *workload) string {
	var b strings.Builder
	fmt.Fprintf(&b, "  server {\n    listen %s backlog=4096;\n    default_type application/json;\n", listen)
	for _, r := range w.resources {
		b.WriteString("    location = " + r.path + " { ")
		if r.posted != "" {
			b.WriteString("if ($request_method = POST) { return 201 '" + r.posted + "'; } ")
		}
		b.WriteString("return 200 '" + r.body + "'; }\n")
	}
	b.WriteString("    location / { return 404 '{\"status\":\"not found\"}'; }\n  }")
	return fmt.Sprintf(nginxBase, dir, "upstream", 1, b.String())
}

func nginxConfig(dir, listen, upstream string) string {
	return fmt.Sprintf(nginxBase, dir, "nginx", 2, fmt.Sprintf(`  upstream u { server %s; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen %s reuseport backlog=4096;
    location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; }
  }`, upstream, listen))
}

func haproxyConfig(listen, upstream string) string {
	return fmt.Sprintf(`global
  nbthread 2
  maxconn 4000
defaults
  mode http
  timeout connect 2s
  timeout client 60s
  timeout server 60s
  option http-keep-alive
  http-reuse always
  no log
frontend f
  bind %s
  default_backend b
backend b
  server u %s maxconn 1000
`, listen, upstream)
}

// nginxSecureConfig is nginx with the one cipher that is compared.
func nginxSecureConfig(dir, listen, upstream string) string {
	return fmt.Sprintf(nginxBase, dir, "nginx-tls", 2, fmt.Sprintf(`  upstream u { server %s; keepalive 256; keepalive_requests 1000000000; }
  server {
    listen %s ssl http2 reuseport backlog=4096;
    ssl_certificate %s/cert.pem;
    ssl_certificate_key %[3]s/key.pem;
    ssl_protocols TLSv1.3;
    ssl_conf_command Ciphersuites %[4]s;
    location / { proxy_pass http://u; proxy_http_version 1.1; proxy_set_header Connection ""; proxy_set_header Host $host; }
  }`, upstream, listen, dir, h2Cipher))
}

func merlonSecureConfig(dir, listen, upstream string) string {
	return fmt.Sprintf("listen:\n  - address: %q\n    tls: {certificate: %q, key: %q}\n", listen, dir+"/cert.pem", dir+"/key.pem") + merlonConfig(upstream)
}

// merlonConfig is Merlon as installed: everything at its default but what the bench cannot do without.
func merlonConfig(upstream string) string {
	return fmt.Sprintf(`admin:
  open_metrics: true
sites:
  - name: bench
    trusted_hops: 1
    upstreams:
      - url: http://%s
`, upstream)
}
