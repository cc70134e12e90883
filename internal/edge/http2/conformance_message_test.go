package http2_test

import (
	"slices"
	"strings"
	"testing"
)

// message is a request and what becomes of it: refused as malformed, or the head, body and trailers that are handed over.
type message struct {
	section, name string
	frames        string // on stream 1
	malformed     bool
	head          string // behind the request line and host, "" when it is not looked at
	body          string
	trailers      string
	// behind: the head was right, what came behind it was not.
	behind bool
}

func messages() []message {
	end := byte(endHeaders | endStream)
	only := func(pairs ...string) string { return fr(fHeaders, end, 1, fields(pairs...)) }
	with := func(pairs ...string) string { return get(1, "/", pairs...) }
	trail := func(pairs ...string) string {
		return post(1, "/") + data(1, 0, "body") + fr(fHeaders, end, 1, fields(pairs...))
	}
	all := []message{
		{section: "8.1", name: "END_STREAM on HEADERS", frames: get(1, "/"), head: "\r\n"},
		{section: "8.1", name: "END_STREAM on HEADERS, CONTINUATION behind", frames: fr(fHeaders, endStream, 1, ask("GET", "/")) + fr(fContinuation, endHeaders, 1, fields("a", "b")), head: "a: b\r\n\r\n"},
		{section: "8.1", name: "END_STREAM on DATA", frames: post(1, "/") + data(1, 0, "bo") + data(1, endStream, "dy"), head: "transfer-encoding: chunked\r\n\r\n", body: "body"},
		{section: "8.1", name: "END_STREAM on empty DATA", frames: post(1, "/") + data(1, 0, "body") + data(1, endStream, ""), body: "body"},
		{section: "8.1", name: "END_STREAM on padding", frames: post(1, "/") + data(1, 0, "body") + data(1, endStream|padded, "\x02\x00\x00"), body: "body"},
		{section: "8.1", name: "END_STREAM on empty DATA alone", frames: post(1, "/") + data(1, endStream, "")},
		{section: "8.1", name: "trailers", frames: trail("x-sum", "1"), body: "body", trailers: "x-sum: 1\r\n"},
		{section: "8.1", name: "trailers in pieces", frames: post(1, "/") + data(1, 0, "body") + fr(fHeaders, endStream, 1, fields("x-sum", "1")) + fr(fContinuation, endHeaders, 1, fields("y", "2")), body: "body", trailers: "x-sum: 1\r\ny: 2\r\n"},
		{section: "8.1", name: "no trailers in trailers", frames: trail(), body: "body"},
		{section: "8.1", name: "trailers without a body", frames: post(1, "/") + fr(fHeaders, end, 1, fields("x", "y")), trailers: "x: y\r\n"},
		{section: "8.1", name: "trailers that do not end the stream", frames: post(1, "/") + data(1, 0, "body") + fr(fHeaders, endHeaders, 1, fields("x", "y")), behind: true},
		{section: "8.1", name: "pseudo-field in trailers", frames: trail(":path", "/"), behind: true},
		{section: "8.1", name: "pseudo-field of answers in trailers", frames: trail(":status", "200"), behind: true},
		{section: "8.1", name: "upper case in trailers", frames: trail("X", "y"), behind: true},
		{section: "8.1", name: "line break in trailers", frames: trail("x", "y\r\nz: 1"), behind: true},
		{section: "8.1", name: "length in trailers", frames: trail("content-length", "4"), behind: true},
		{section: "8.1", name: "transfer coding in trailers", frames: trail("transfer-encoding", "chunked"), behind: true},

		{section: "8.2.1", name: "name in upper case", frames: with("X-a", "b"), malformed: true},
		{section: "8.2.1", name: "empty name", frames: with("", "b"), malformed: true},
		{section: "8.2.1", name: "space in a name", frames: with("x a", "b"), malformed: true},
		{section: "8.2.1", name: "colon in a name", frames: with("x:a", "b"), malformed: true},
		{section: "8.2.1", name: "colon behind a name", frames: with("x:", "b"), malformed: true},
		{section: "8.2.1", name: "line break in a name", frames: with("x\r\na", "b"), malformed: true},
		{section: "8.2.1", name: "a whole field in a name", frames: with("x: y\r\ntransfer-encoding", "chunked"), malformed: true},
		{section: "8.2.1", name: "NUL in a name", frames: with("x\x00", "b"), malformed: true},
		{section: "8.2.1", name: "DEL in a name", frames: with("x\x7f", "b"), malformed: true},
		{section: "8.2.1", name: "high octet in a name", frames: with("x\x80", "b"), malformed: true},
		{section: "8.2.1", name: "CR in a value", frames: with("x", "a\rb"), malformed: true},
		{section: "8.2.1", name: "LF in a value", frames: with("x", "a\nb"), malformed: true},
		{section: "8.2.1", name: "NUL in a value", frames: with("x", "a\x00b"), malformed: true},
		{section: "8.2.1", name: "space before a value", frames: with("x", " a"), malformed: true},
		{section: "8.2.1", name: "tab behind a value", frames: with("x", "a\t"), malformed: true},
		{section: "8.2.1", name: "only a space as value", frames: with("x", " "), malformed: true},
		{section: "8.2.1", name: "empty value", frames: with("x", ""), head: "x: \r\n\r\n"},
		{section: "8.2.1", name: "space and high octets within a value", frames: with("x", "a b\t\xc3\xa4"), head: "x: a b\t\xc3\xa4\r\n\r\n"},

		{section: "8.2.2", name: "te: trailers", frames: with("te", "trailers"), head: "te: trailers\r\n\r\n"},
		{section: "8.2.2", name: "te: gzip", frames: with("te", "gzip"), malformed: true},
		{section: "8.2.2", name: "te: trailers, gzip", frames: with("te", "trailers, gzip"), malformed: true},
		{section: "8.2.3", name: "crumbs of a cookie", frames: with("cookie", "a=b", "x", "y", "cookie", "c=d", "cookie", "e=f"), head: "cookie: a=b; c=d; e=f\r\nx: y\r\n\r\n"},

		{section: "8.3", name: "pseudo-field behind a field", frames: only(":method", "GET", ":scheme", "http", ":authority", "a.example", "x", "y", ":path", "/"), malformed: true},
		{section: "8.3", name: "pseudo-field nobody knows", frames: with(":x", "y"), malformed: true},
		{section: "8.3", name: "a colon alone", frames: only(":method", "GET", ":scheme", "http", ":path", "/", ":", "x"), malformed: true},
		{section: "8.3", name: "pseudo-field in upper case", frames: only(":Method", "GET", ":scheme", "http", ":path", "/"), malformed: true},
		{section: "8.3", name: "pseudo-field of answers", frames: only(":method", "GET", ":scheme", "http", ":path", "/", ":status", "200"), malformed: true},
		{section: "8.3.1", name: "no pseudo-fields", frames: only("host", "a.example"), malformed: true},
		{section: "8.3.1", name: "path without slash", frames: get(1, "marker"), malformed: true},
		{section: "8.3.1", name: "path of a question mark", frames: get(1, "?x"), malformed: true},
		{section: "8.3.1", name: "path empty", frames: get(1, ""), malformed: true},
		{section: "8.3.1", name: "path absolute", frames: get(1, "http://evil.example/"), malformed: true},
		{section: "8.3.1", name: "path with a space", frames: get(1, "/a HTTP/1.1"), malformed: true},
		{section: "8.3.1", name: "path with a line break", frames: get(1, "/a\r\nx: y"), malformed: true},
		{section: "8.3.1", name: "path with NUL", frames: get(1, "/a\x00"), malformed: true},
		{section: "8.3.1", name: "method with a space", frames: fr(fHeaders, end, 1, ask("GET /marker", "/")), malformed: true},
		{section: "8.3.1", name: "method with a whole request", frames: fr(fHeaders, end, 1, ask("GET /marker HTTP/1.1\r\nHost: a\r\n\r\nGET", "/")), malformed: true},
		{section: "8.3.1", name: "method with a high octet", frames: fr(fHeaders, end, 1, ask("G\x80T", "/")), malformed: true},
		{section: "8.3.1", name: "method empty", frames: fr(fHeaders, end, 1, ask("", "/")), malformed: true},
		{section: "8.3.1", name: "scheme empty", frames: only(":method", "GET", ":scheme", "", ":authority", "a.example", ":path", "/"), malformed: true},
		{section: "8.3.1", name: "scheme with a line break", frames: only(":method", "GET", ":scheme", "http\r\nx: y", ":authority", "a.example", ":path", "/"), malformed: true},
		{section: "8.3.1", name: "scheme with more", frames: only(":method", "GET", ":scheme", "https://evil.example/", ":authority", "a.example", ":path", "/"), malformed: true},
		{section: "8.3.1", name: "authority with a line break", frames: only(":method", "GET", ":scheme", "http", ":authority", "a\r\nx: y", ":path", "/"), malformed: true},
		{section: "8.3.1", name: "authority with a space", frames: only(":method", "GET", ":scheme", "http", ":authority", "a b", ":path", "/"), malformed: true},
		{section: "8.3.1", name: "another host", frames: with("host", "evil.example"), malformed: true},
		{section: "8.3.1", name: "the same host", frames: with("host", "a.example", "x", "y"), head: "x: y\r\n\r\n"},
		{section: "8.3.1", name: "the same host, then another", frames: with("host", "a.example", "host", "evil.example"), malformed: true},
		{section: "8.3.1", name: "host alone", frames: only(":method", "GET", ":scheme", "http", ":path", "/", "host", "a.example"), head: "\r\n"},
		{section: "8.5", name: "CONNECT with a path", frames: only(":method", "CONNECT", ":authority", "a:443", ":path", "/"), malformed: true},
		{section: "8.5", name: "CONNECT with a scheme", frames: only(":method", "CONNECT", ":authority", "a:443", ":scheme", "http"), malformed: true},
		{section: "8.5", name: "CONNECT without an authority", frames: only(":method", "CONNECT"), malformed: true},
		{section: "8.5", name: "CONNECT as of RFC 8441", frames: only(":method", "CONNECT", ":scheme", "http", ":authority", "a.example", ":path", "/", ":protocol", "websocket"), malformed: true},
		{section: "8.1.1", name: "a length, and no body", frames: with("content-length", "5"), malformed: true},
		{section: "8.1.1", name: "length 0, and no body", frames: with("content-length", "0"), head: "content-length: 0\r\n\r\n"},
		{section: "8.1.1", name: "a length and a body", frames: post(1, "/", "content-length", "4") + data(1, endStream, "body"), head: "content-length: 4\r\n\r\n", body: "body"},
	}
	for _, name := range []string{":method", ":scheme", ":authority", ":path"} {
		var some, twice []string
		for _, p := range [][2]string{{":method", "GET"}, {":scheme", "http"}, {":authority", "a.example"}, {":path", "/"}} {
			if p[0] != name {
				some = append(some, p[:]...)
			} else {
				twice = append(twice, p[:]...)
			}
			twice = append(twice, p[:]...)
		}
		if name != ":authority" {
			all = append(all, message{section: "8.3.1", name: "no " + name, frames: only(some...), malformed: true})
		}
		all = append(all, message{section: "8.3.1", name: name + " twice", frames: only(twice...), malformed: true})
	}
	for _, p := range [][2]string{
		{"connection", "close"},
		{"connection", ""},
		{"connection", "x"},
		{"proxy-connection", "keep-alive"},
		{"keep-alive", "timeout=5"},
		{"upgrade", "websocket"},
		{"transfer-encoding", "chunked"},
		{"transfer-encoding", "identity"},
		{"transfer-encoding", ""},
	} {
		all = append(all, message{section: "8.2.2", name: p[0] + ": " + p[1], frames: with(p[:]...), malformed: true},
			message{section: "8.2.2", name: p[0] + ": " + p[1] + " with a body", frames: post(1, "/", p[:]...) + data(1, endStream, "0\r\n\r\n"), malformed: true})
	}
	return all
}

// TestConformanceMessages: what section 8 calls malformed resets its stream, and is handed over once, to be told of; nothing
// of it can be read as more than one request. Everything else is handed over as it came.
func TestConformanceMessages(t *testing.T) {
	for _, m := range messages() {
		t.Run(m.section+" "+m.name, func(t *testing.T) {
			w := newWorld(t, nil)
			c := w.open()
			c.send(m.frames)
			want := "1 200"
			if m.malformed || m.behind {
				want = "1 PROTOCOL_ERROR"
			}
			if !c.until(c.ended(1)) || !c.honest(highest) || c.String() != want {
				t.Fatalf("the server does %q, not %q", c, want)
			}
			all := w.wait(2)
			r := all[slices.IndexFunc(all, func(r *request) bool { return r.path() != "/honest" })]
			if len(all) != 2 || r.malformed != m.malformed || len(w.told()) != 0 {
				t.Fatalf("%d requests, the first malformed: %t; faults %v", len(all), r.malformed, w.told())
			}
			if n := strings.Count(r.head, "\r\n\r\n"); n != 1 || !strings.HasSuffix(r.head, "\r\n\r\n") || strings.ContainsAny(strings.ReplaceAll(r.head, "\r\n", ""), "\r\n\x00") {
				t.Fatalf("a head that is not one: %q", r.head)
			}
			if strings.Contains(r.head, "transfer-encoding") && (!strings.Contains(r.head, "transfer-encoding: chunked\r\n\r\n") || strings.Count(r.head, "transfer-encoding") != 1) {
				t.Fatalf("a transfer coding that is not ours: %q", r.head)
			}
			if m.malformed {
				return
			}
			_, rest, _ := strings.Cut(r.head, "host: a.example\r\n")
			if m.head != "" && rest != m.head || r.body != m.body && !m.behind || r.trailers != m.trailers {
				t.Fatalf("head %q, body %q, trailers %q", r.head, r.body, r.trailers)
			}
			if m.behind != (r.readErr != nil) || m.behind != r.afterHead {
				t.Fatalf("reading ends with %v, at fault: %t", r.readErr, r.afterHead)
			}
		})
	}
}
