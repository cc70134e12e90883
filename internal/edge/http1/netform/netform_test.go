package netform

import (
	"bufio"
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"

	"merlon/internal/edge/http1"
	"merlon/internal/model/exchange"
)

func limits() *http1.Limits {
	l := http1.DefaultLimits()
	return &l
}

// received is a request as a server of net/http would hand it over.
func received(tb testing.TB, raw string) *http.Request {
	tb.Helper()
	r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(raw)))
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func TestRequest(t *testing.T) {
	for _, c := range []struct{ name, raw, want string }{
		{
			"sorted, host first, repeated fields kept",
			"GET /a?b=c HTTP/1.1\r\nX-B: 2\r\nhost: api.example\r\nx-a: 1\r\nX-B: 3\r\n\r\n",
			"GET /a?b=c HTTP/1.1\r\nHost: api.example\r\nX-A: 1\r\nX-B: 2\r\nX-B: 3\r\n\r\n",
		},
		{
			"length",
			"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc",
			"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n",
		},
		{
			"no bytes announced",
			"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
			"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
		},
		{
			"chunks with trailers",
			"POST / HTTP/1.1\r\nHost: h\r\nTrailer: X-T\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
			"POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
		},
		{"HTTP/1.0 without host", "GET / HTTP/1.0\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := received(t, c.raw)
			l := LineOf(r)
			var f Request
			for range 2 { // a form is reused
				if err := f.Read(&l, r.Header, nil, limits()); err != nil {
					t.Fatal(err)
				}
				if string(f.Head.Raw) != c.want {
					t.Errorf("got %q, want %q", f.Head.Raw, c.want)
				}
			}
		})
	}
}

func TestRequestRefused(t *testing.T) {
	for _, c := range []struct {
		name   string
		line   Line
		fields http.Header
		status int
	}{
		{"field that ends its line", Line{Method: "GET", Target: "/", Host: "h"}, http.Header{"X": {"a\r\nY: b"}}, 400},
		{"field that ends the head", Line{Method: "GET", Target: "/", Host: "h"}, http.Header{"X": {"a\r\n\r\n"}}, 400},
		{"name that is another field", Line{Method: "GET", Target: "/", Host: "h"}, http.Header{"X: a\r\nY": {"b"}}, 400},
		{"target with a line of its own", Line{Method: "GET", Target: "/ HTTP/1.1\r\nHost: a\r\nX: y", Host: "h"}, nil, 400},
		{"target with a space", Line{Method: "GET", Target: "/a b", Host: "h"}, nil, 400},
		{"method with a target", Line{Method: "GET /evil HTTP/1.1\r\nHost: h\r\n\r\n", Target: "/", Host: "h"}, nil, 400},
		{"empty method", Line{Target: "/", Host: "h"}, nil, 400},
		{"fragment", Line{Method: "GET", Target: "/#a", Host: "h"}, nil, 400},
		{"no host", Line{Method: "GET", Target: "/"}, nil, 400},
		{"host with a path", Line{Method: "GET", Target: "/", Host: "h/x"}, nil, 400},
		{"connect", Line{Method: "CONNECT", Target: "h:443", Host: "h:443"}, nil, 405},
		{"too large", Line{Method: "GET", Target: "/", Host: "h"}, http.Header{"X": {strings.Repeat("a", 40<<10)}}, 431},
	} {
		t.Run(c.name, func(t *testing.T) {
			var f Request
			err := f.Read(&c.line, c.fields, nil, limits())
			var reject http1.RejectError
			if !errors.As(err, &reject) {
				t.Fatalf("got %v", err)
			}
			if f.Head.Anomalies == 0 || reject.Status() != c.status {
				t.Errorf("%v: status %d, want %d", err, reject.Status(), c.status)
			}
		})
	}
}

func TestRequestWithout(t *testing.T) {
	var f Request
	h := http.Header{"X-Original-Uri": {"/a"}, "X-Forwarded-For": {"1.2.3.4"}, "X-Kept": {"1"}}
	if err := f.Read(&Line{Method: "GET", Target: "/", Host: "h"}, h, []string{"X-Original-Uri", "X-Forwarded-For"}, limits()); err != nil {
		t.Fatal(err)
	}
	if got := string(f.Head.Raw); got != "GET / HTTP/1.1\r\nHost: h\r\nX-Kept: 1\r\n\r\n" {
		t.Errorf("%q", got)
	}
}

func TestResponse(t *testing.T) {
	var f Response
	h := http.Header{"Content-Type": {"application/json"}, "Set-Cookie": {"a=1", "b=2"}, "Content-Length": {"9"}}
	if err := f.Read(200, h, 9, http1.MethodGet, limits()); err != nil {
		t.Fatal(err)
	}
	if got := f.Head.Value(exchange.HeaderContentType); string(got) != "application/json" || len(f.Head.Fields) != 4 || f.Head.ContentLength != 9 {
		t.Errorf("%s %d %d", got, len(f.Head.Fields), f.Head.ContentLength)
	}
	if err := f.Read(200, http.Header{"X": {"a\r\nY: b"}}, -1, http1.MethodGet, limits()); err == nil {
		t.Error("a field that ends its line passes")
	}
}

// FuzzRequest: whatever net/http could hand over, an accepted head says exactly what was handed over.
func FuzzRequest(f *testing.F) {
	f.Add("GET", "/a?b=c", "api.example", "X-A", "1")
	f.Add("POST", "http://h/x", "h", "Transfer-Encoding", "chunked")
	f.Add("GET", "/ HTTP/1.1\r\nX: y", "h", "Cookie", "a\r\n\r\n")
	f.Add("M", "*", "", "Content-Length", "-1")
	f.Fuzz(func(t *testing.T, method, target, host, name, value string) {
		var q Request
		l := Line{Method: method, Target: target, Host: host, Length: int64(len(value)%3) - 1}
		h := http.Header{name: {value}}
		if q.Read(&l, h, nil, limits()) != nil {
			return
		}
		if string(q.Head.Method) != method || string(q.Head.Target) != target {
			t.Fatalf("%q %q was read as %q %q", method, target, q.Head.Method, q.Head.Target)
		}
		found := 0
		for _, x := range q.Head.Fields {
			switch string(x.Name) {
			case "Host":
				if string(x.Value) != strings.Trim(host, " \t") {
					t.Fatalf("host %q was read as %q", host, x.Value)
				}
			case name:
				found++
				if !bytes.Equal(x.Value, []byte(strings.Trim(value, " \t"))) {
					t.Fatalf("%q was read as %q", value, x.Value)
				}
			}
		}
		if found > 1 {
			t.Fatalf("one field became %d", found)
		}
	})
}

func BenchmarkRequest(b *testing.B) {
	r := received(b, "GET /v1/orders/6f1c9a30-1b7e-4f0e-9d7c-0a1b2c3d4e5f?expand=true HTTP/1.1\r\nHost: api.example.com\r\n"+
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36\r\n"+
		"Accept: application/json, text/plain, */*\r\nAccept-Language: en-US,en;q=0.9\r\nAccept-Encoding: gzip, deflate, br\r\n"+
		"Authorization: Bearer "+strings.Repeat("a", 300)+"\r\nX-Request-ID: 6f1c9a30\r\nOrigin: https://shop.example.com\r\n"+
		"Referer: https://shop.example.com/cart\r\nCookie: sid=8a1b6f0d27c94e53b6d0e1f2; theme=dark\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Site: same-site\r\n\r\n")
	var f Request
	l := limits()
	b.ReportAllocs()
	for b.Loop() {
		line := LineOf(r)
		if err := f.Read(&line, r.Header, nil, l); err != nil {
			b.Fatal(err)
		}
	}
}
