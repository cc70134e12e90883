package conformance

import (
	"slices"
	"strings"
	"testing"
)

// TestHTTP2Verdicts says of shapes of HTTP/2 one by one what becomes of them: what the upstream is asked, or why it is not. Each
// is one event, and the connection serves the next request.
func TestHTTP2Verdicts(t *testing.T) {
	const (
		malformed = "wire.http2-malformed"
		post44    = "POST /first 44"
	)
	chunk := "2c\r\n" + marker + "\r\n0\r\n\r\n"
	post := func(more ...string) []string { return fieldsOf("POST", "/first", more...) }
	r := newRig(t, goUpstream(t))
	for _, c := range []struct {
		h2
		want string
	}{
		{h2{"a request", fieldsOf("GET", "/first"), "", nil}, "GET /first 0"},
		{h2{"a body that looks like a request", post(), marker, nil}, post44},
		{h2{"a body that looks like chunks", post(), "0\r\n\r\n" + marker, nil}, "POST /first 49"},
		{h2{"its length", post("content-length", "44"), marker, nil}, post44},
		{h2{"its length twice", post("content-length", "44", "content-length", "44"), marker, nil}, "wire.duplicate-content-length"},
		{h2{"two lengths", post("content-length", "44", "content-length", "0"), marker, nil}, "wire.differing-content-length"},
		{h2{"a length too short", post("content-length", "5"), marker, nil}, malformed},
		{h2{"a length of nothing, and a body", post("content-length", "0"), marker, nil}, malformed},
		{h2{"a length too long", post("content-length", "45"), marker, nil}, malformed},
		{h2{"a length too long by far", post("content-length", "4000000000"), marker, nil}, malformed},
		{h2{"a length with a sign", post("content-length", "+44"), marker, nil}, "wire.bad-content-length"},
		{h2{"a list of lengths", post("content-length", "44, 44"), marker, nil}, "wire.duplicate-content-length"},
		{h2{"a length in hexadecimal", post("content-length", "0x2c"), marker, nil}, "wire.bad-content-length"},
		{h2{"a length that overflows", post("content-length", "18446744073709551660"), marker, nil}, "wire.bad-content-length"},
		{h2{"a length, and the end", fieldsOf("GET", "/first", "content-length", "44"), "", nil}, malformed},
		{h2{"a length too short, and trailers", post("content-length", "43"), marker, []string{"x", "y"}}, malformed},
		{h2{"a transfer coding", post("transfer-encoding", "chunked"), chunk, nil}, malformed},
		{h2{"a transfer coding beside a length", post("content-length", "44", "transfer-encoding", "chunked"), chunk, nil}, malformed},
		{h2{"a transfer coding in another case", post("Transfer-Encoding", "chunked"), chunk, nil}, malformed},
		{h2{"a transfer coding with a space", post("transfer-encoding ", "chunked"), chunk, nil}, malformed},
		{h2{"a transfer coding within a value", post("x", "y\r\ntransfer-encoding: chunked"), chunk, nil}, malformed},
		{h2{"a transfer coding within a name", post("x: y\r\ntransfer-encoding", "chunked"), chunk, nil}, malformed},
		{h2{"a transfer coding as trailer", post(), marker, []string{"transfer-encoding", "chunked"}}, malformed},
		{h2{"a length as trailer", post(), marker, []string{"content-length", "0"}}, malformed},
		{h2{"a path as trailer", post(), marker, []string{":path", "/marker"}}, malformed},
		{h2{"an honest trailer", post(), marker, []string{"x-sum", "1"}}, post44},
		{h2{"a request within a value", fieldsOf("GET", "/first", "x", "y\r\n\r\n"+marker), "", nil}, malformed},
		{h2{"a request within a name", fieldsOf("GET", "/first", "x\r\n\r\n"+marker, "y"), "", nil}, malformed},
		{h2{"a request within the path", fieldsOf("GET", "/marker HTTP/1.1\r\nHost: a.example\r\n\r\nGET /first"), "", nil}, malformed},
		{h2{"a request within the method", fieldsOf("GET /marker HTTP/1.1\r\nHost: a.example\r\n\r\nGET", "/first"), "", nil}, "wire.bad-method"},
		{h2{"a request within the authority", with(":authority", "a.example\r\n\r\n"+marker), marker, nil}, "wire.bad-host"},
		{h2{"a request within the scheme", with(":scheme", "https://a.example/marker HTTP/1.1\r\n\r\n"), marker, nil}, malformed},
		{h2{"LF alone", fieldsOf("GET", "/first", "x", "y\nz: 1"), "", nil}, malformed},
		{h2{"CR alone", fieldsOf("GET", "/first", "x", "y\rz"), "", nil}, malformed},
		{h2{"NUL", fieldsOf("GET", "/first", "x", "y\x00z"), "", nil}, malformed},
		{h2{"a colon in a name", fieldsOf("GET", "/first", "x:y", "z"), "", nil}, malformed},
		{h2{"connection: close", fieldsOf("GET", "/first", "connection", "close"), "", nil}, malformed},
		{h2{"connection names a field", fieldsOf("GET", "/first", "connection", "authorization"), "", nil}, malformed},
		{h2{"upgrade", fieldsOf("GET", "/first", "upgrade", "h2c", "http2-settings", "AAMAAABk"), "", nil}, malformed},
		{h2{"te: trailers", fieldsOf("GET", "/first", "te", "trailers"), "", nil}, "GET /first 0"},
		{h2{"te: chunked", fieldsOf("GET", "/first", "te", "chunked"), "", nil}, malformed},
		{h2{"no slash", with(":path", "first"), marker, nil}, "wire.bad-target"},
		{h2{"a whole URI", with(":path", "http://evil.example/first"), marker, nil}, "wire.absolute-form-host"},
		{h2{"two paths", append([]string{":path", "/marker"}, post()...), marker, nil}, malformed},
		{h2{"two methods", append([]string{":method", "GET"}, post()...), marker, nil}, malformed},
		{h2{"two authorities", append([]string{":authority", "evil.example"}, post()...), marker, nil}, malformed},
		{h2{"another host", fieldsOf("GET", "/first", "host", "evil.example"), "", nil}, malformed},
		{h2{"the same host", fieldsOf("GET", "/first", "host", "a.example"), "", nil}, "GET /first 0"},
		{h2{"host alone", append(without(":authority"), "host", "a.example"), marker, nil}, post44},
		{h2{"two hosts and no authority", append(without(":authority"), "host", "a.example", "host", "evil.example"), marker, nil}, "wire.duplicate-host"},
		{h2{"neither authority nor host", without(":authority"), marker, nil}, "wire.missing-host"},
		{h2{"CONNECT", []string{":method", "CONNECT", ":authority", "a.example:443"}, "", nil}, "wire.connect"},
		{h2{"OPTIONS of the server", fieldsOf("OPTIONS", "*"), "", nil}, "OPTIONS * 0"},
		{h2{"GET of an asterisk", fieldsOf("GET", "*"), "", nil}, "wire.bad-target"},
	} {
		a, ended, err := r.playHTTP2(c.h2)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if ended != 2 {
			t.Errorf("%s: %d of two streams have ended", c.name, ended)
		}
		got := strings.Split(a.verdict(), ", ")
		want := []string{c.want, "GET /next 0"}
		slices.Sort(got)
		slices.Sort(want)
		if !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", c.name, got, want)
		}
		for _, d := range r.up.differences(a) {
			t.Errorf("%s: %s", c.name, d)
		}
	}
}
