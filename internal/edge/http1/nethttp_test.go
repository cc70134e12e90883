package http1

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/textproto"
	"slices"
	"strings"
	"testing"

	"merlon/internal/model/exchange"
)

// compareRequest checks the first message of wire against net/http: what this codec accepts, net/http must accept and
// read alike. It returns "" or the difference. Where net/http's reading cannot be compared, the exceptions say why;
// docs/reference/wire.md explains each of them.
func compareRequest(wire []byte, m *message, anomalies exchange.Anomalies) string {
	if wire[0] == '\r' {
		wire = wire[2:] // net/http does not skip an empty line
	}
	r, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(wire)))
	if err != nil {
		if exceptedRefusal(m, anomalies, err) {
			return ""
		}
		return "net/http refuses: " + err.Error()
	}
	if r.Method != m.method {
		return fmt.Sprintf("method %q, ours %q", r.Method, m.method)
	}
	if r.RequestURI != m.target {
		return fmt.Sprintf("target %q, ours %q", r.RequestURI, m.target)
	}
	if r.ProtoMinor != int(m.minor) {
		return fmt.Sprintf("version 1.%d, ours 1.%d", r.ProtoMinor, m.minor)
	}
	if !strings.EqualFold(r.Host, m.host) {
		return fmt.Sprintf("host %q, ours %q", r.Host, m.host)
	}
	if m.target[0] == '/' && !strings.HasPrefix(m.target, "//") && r.URL.RawQuery != m.query {
		return fmt.Sprintf("query %q, ours %q", r.URL.RawQuery, m.query)
	}
	if r.Close == m.keepAlive {
		return fmt.Sprintf("close %v, ours keep-alive %v", r.Close, m.keepAlive)
	}
	length := r.ContentLength
	framing := FramingNone
	switch {
	case length < 0:
		framing = FramingChunked
	case length > 0:
		framing = FramingLength
	}
	if framing != m.framing {
		return fmt.Sprintf("framing %d, ours %d", framing, m.framing)
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return "net/http refuses the body: " + err.Error()
	}
	if string(body) != m.body {
		return fmt.Sprintf("body %q, ours %q", body, m.body)
	}
	return compareFields(r.Header, m)
}

// exceptedRefusal lists the requests that net/http refuses and this codec accepts.
func exceptedRefusal(m *message, anomalies exchange.Anomalies, err error) bool {
	text := err.Error()
	switch {
	case strings.Contains(text, "invalid URL escape"):
		// A '%' without digits is noted here and left to the upstream.
		return anomalies.Has(exchange.AnomalyBadPercentEncoding) || strings.Contains(m.path, "%") || strings.Contains(m.query, "%")
	case strings.Contains(text, "invalid userinfo"), strings.Contains(text, "invalid character"), strings.Contains(text, "invalid port"):
		return strings.HasPrefix(m.target, "//") // net/http takes "//host/path" for a network-path reference; RFC 9112 for a path
	}
	return false
}

// compareFields compares values by canonical name. net/http moves Host out, drops the framing fields and canonicalises
// Trailer; these are compared elsewhere.
func compareFields(h http.Header, m *message) string {
	ours := http.Header{}
	for _, f := range m.fields {
		name := textproto.CanonicalMIMEHeaderKey(f[0])
		ours[name] = append(ours[name], f[1])
	}
	for _, name := range []string{"Host", "Transfer-Encoding", "Trailer"} {
		delete(ours, name)
		h.Del(name)
	}
	if len(ours["Pragma"]) > 0 && ours["Cache-Control"] == nil {
		h.Del("Cache-Control") // net/http adds it beside "Pragma: no-cache"
	}
	for name, values := range ours {
		if !slices.Equal(values, h[name]) {
			return fmt.Sprintf("field %s %q, ours %q", name, h[name], values)
		}
	}
	for name := range h {
		if ours[name] == nil {
			return "field " + name + " is missing in ours"
		}
	}
	return ""
}

// TestNetHTTP compares the corpus, and the rewritten form of whatever is accepted, with net/http.
func TestNetHTTP(t *testing.T) {
	l := DefaultLimits()
	compared := 0
	for _, c := range readCases(t, "testdata/requests.txt") {
		tr := decode(c.wire, 0, fromClient, MethodGet, &l)
		if tr.err != nil {
			continue
		}
		compared++
		if d := compareRequest(c.wire, &tr.messages[0], tr.anomalies); d != "" {
			t.Errorf("%s: %s", c.name, d)
		}
		if d := checkRewrite(c.wire, &l); d != "" {
			t.Errorf("%s, written afresh: %s", c.name, d)
		}
	}
	if compared < 40 {
		t.Fatalf("only %d cases compared", compared)
	}
}

// TestNetHTTPTolerates holds docs/reference/wire.md to what it says of net/http: these it accepts, here they refuse.
func TestNetHTTPTolerates(t *testing.T) {
	l := DefaultLimits()
	for _, c := range []struct{ name, wire string }{
		{"bare LF as line end", "GET / HTTP/1.1\nHost: a\n\n"},
		{"folded line", "GET / HTTP/1.1\r\nHost: a\r\nX: a\r\n b\r\n\r\n"},
		{"CL with TE", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{"equal lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\nabc"},
		{"TE in HTTP/1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
		{"absolute form against Host", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"empty Host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"},
		{"fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"},
		{"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n"},
		{"CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n"},
		{"white space behind chunk size", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1  \r\nx\r\n0\r\n\r\n"},
	} {
		r, err := http.ReadRequest(bufio.NewReader(strings.NewReader(c.wire)))
		if err == nil {
			_, err = io.ReadAll(r.Body)
		}
		if err != nil {
			t.Errorf("%s: net/http no longer accepts it: %v", c.name, err)
		}
		if tr := decode([]byte(c.wire), 0, fromClient, MethodGet, &l); tr.err == nil {
			t.Errorf("%s: accepted here", c.name)
		}
	}
}

// checkRewrite writes the first request of wire afresh and checks that this codec and net/http read back the same
// request: same method, path, query, host and body, no hop-by-hop field of the client's.
func checkRewrite(wire []byte, l *Limits) string {
	var h RequestHead
	n, err := h.Parse(wire, l)
	if err != nil {
		return ""
	}
	w := Rewrite{KeepExpect: true}
	if len(h.Host) == 0 {
		w.Host = []byte("upstream.example")
	}
	out, err := AppendRequestHead(nil, &h, &w)
	if err != nil {
		return err.Error()
	}
	var body Body
	body.BeginRequest(&h, l)
	for rest := wire[n:]; !body.Done(); {
		payload, k, _, err := body.Next(rest)
		if err != nil || k == 0 {
			return "" // refused or cut short: nothing is forwarded
		}
		if rest = rest[k:]; h.Framing == FramingChunked {
			out = AppendChunk(out, payload)
		} else {
			out = append(out, payload...)
		}
	}
	if h.Framing == FramingChunked {
		if out, err = AppendLastChunk(out, body.Trailers); err != nil {
			return "trailers: " + err.Error()
		}
	}
	before := decode(wire, 0, fromClient, MethodGet, l).messages[0]
	tr := decode(out, 0, fromClient, MethodGet, l)
	if tr.err != nil || len(tr.messages) != 1 {
		return fmt.Sprintf("%d messages, %v: %q", len(tr.messages), tr.err, out)
	}
	after := &tr.messages[0]
	if after.method != before.method || after.path != before.path || after.query != before.query || after.body != before.body ||
		before.host != "" && after.host != before.host || after.framing != before.framing || after.websocket != before.websocket {
		return fmt.Sprintf("%+v became %+v", before, *after)
	}
	for _, f := range after.fields {
		switch name := strings.ToLower(f[0]); name {
		case "keep-alive", "proxy-connection", "te", "proxy-authorization":
			return name + " was passed on"
		case "upgrade", "connection":
			if !before.websocket {
				return name + " was passed on"
			}
		}
	}
	return compareRequest(out, after, tr.anomalies)
}
