package http1

import (
	"strings"
	"testing"

	"merlon/internal/model/exchange"
)

func TestKeepAlive(t *testing.T) {
	for _, c := range []struct {
		name, line, fields string
		want               bool
	}{
		{"1.1", "GET / HTTP/1.1", "", true},
		{"1.1 close", "GET / HTTP/1.1", "Connection: close\r\n", false},
		{"1.1 close in a list", "GET / HTTP/1.1", "Connection: TE , Close\r\n", false},
		{"1.1 close in a second line", "GET / HTTP/1.1", "Connection: keep-alive\r\nConnection: close\r\n", false},
		{"1.1 something like close", "GET / HTTP/1.1", "Connection: closed\r\n", true},
		{"1.0", "GET / HTTP/1.0", "", false},
		{"1.0 keep-alive", "GET / HTTP/1.0", "Connection: Keep-Alive\r\n", true},
		{"1.0 both", "GET / HTTP/1.0", "Connection: keep-alive, close\r\n", false},
		{"1.0 Proxy-Connection says nothing", "GET / HTTP/1.0", "Proxy-Connection: keep-alive\r\n", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if h := mustRequest(t, c.line+"\r\nHost: h\r\n"+c.fields+"\r\n"); h.KeepAlive != c.want {
				t.Errorf("request: %v", h.KeepAlive)
			}
			line := strings.Replace(c.line, "GET / ", "", 1) + " 200 OK\r\nContent-Length: 0\r\n"
			if h := mustResponse(t, line+c.fields+"\r\n", MethodGet, false); h.KeepAlive != c.want {
				t.Errorf("response: %v", h.KeepAlive)
			}
		})
	}
	if mustResponse(t, "HTTP/1.1 200 OK\r\n\r\n", MethodGet, false).KeepAlive {
		t.Error("a response that ends with the connection cannot keep it")
	}
	if mustResponse(t, "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", MethodGet, false).KeepAlive {
		t.Error("a 204 with a length must not be followed by another response")
	}
}

func TestRequestParts(t *testing.T) {
	for _, c := range []struct {
		name, target, host    string
		path, query, hostname string
		hasQuery              bool
	}{
		{"origin form", "/a/b?c=d?e", "h:8080", "/a/b", "c=d?e", "h", true},
		{"no query", "/a", "H.example", "/a", "", "H.example", false},
		{"IPv6", "/", "[2001:db8::1]:443", "/", "", "[2001:db8::1]", false},
		{"IPv4", "/", "127.0.0.1", "/", "", "127.0.0.1", false},
		{"absolute form", "http://h:80/a?b", "h:80", "/a", "b", "h", true},
		{"absolute form, query only", "http://h?a/b", "h", "/", "a/b", "h", true},
		{"two slashes", "//a/b", "h", "//a/b", "", "h", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := mustRequest(t, "GET "+c.target+" HTTP/1.1\r\nHost: "+c.host+"\r\n\r\n")
			if string(h.Path) != c.path || string(h.RawQuery) != c.query || string(h.Hostname) != c.hostname || h.HasQuery != c.hasQuery ||
				string(h.Host) != c.host || string(h.Target) != c.target {
				t.Errorf("path %q, query %q, hostname %q, host %q", h.Path, h.RawQuery, h.Hostname, h.Host)
			}
		})
	}
}

func TestExpect(t *testing.T) {
	for _, c := range []struct {
		name, wire string
		want       bool
	}{
		{"body to come", "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 5\r\n\r\n", true},
		{"chunks to come", "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n", true},
		{"no body", "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\n\r\n", false},
		{"HTTP/1.0", "POST / HTTP/1.0\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", false},
	} {
		if h := mustRequest(t, c.wire); h.ExpectContinue != c.want {
			t.Errorf("%s: %v", c.name, h.ExpectContinue)
		}
	}
}

func TestWebSocketHandshake(t *testing.T) {
	if !mustRequest(t, webSocketRequest).WebSocket {
		t.Error("a complete handshake is not recognised")
	}
	for _, c := range [][2]string{
		{"GET", "POST"},
		{"keep-alive, Upgrade", "keep-alive"},
		{"Version: 13", "Version: 8"},
		{"bGUgbm9uY2U=", "bGUgbm9uY2U"},
		{"dGhlIHNhbXBsZSBub25jZQ==", "dGhlIHNhbXBsZSBub25jZQ=a"},
		{"dGhl", "d!hl"},
		{"Sec-WebSocket-Key", "X-Key"},
		{"Host: a\r\n", "Host: a\r\nContent-Length: 1\r\n"},
		{"Host: a\r\n", "Host: a\r\nSec-WebSocket-Version: 13\r\n"},
		{"WebSocket\r\n", "websocket, h2c\r\n"},
		{"HTTP/1.1", "HTTP/1.0"},
	} {
		wire := strings.Replace(webSocketRequest, c[0], c[1], 1)
		h := mustRequest(t, wire)
		noted := h.Anomalies.Has(exchange.AnomalyBadWebSocket) || h.Anomalies.Has(exchange.AnomalyUpgradeUnsupported)
		if wire != webSocketRequest && (h.WebSocket || !noted) {
			t.Errorf("%q: websocket %v, noted %v", c, h.WebSocket, noted)
		}
	}
}

// TestKnownHeaders: every well-known name is found in any casing, and no neighbour of one is.
func TestKnownHeaders(t *testing.T) {
	l := DefaultLimits()
	for id := exchange.HeaderOther + 1; id < exchange.NumHeaders; id++ {
		name := id.String()
		for _, spelling := range []string{name, strings.ToUpper(name), strings.ToUpper(name[:1]) + name[1:]} {
			b := []byte(spelling)
			if got := lookup(b, 0, len(b)); got != id {
				t.Errorf("%s alone: %d", spelling, got)
			}
			b = []byte(spelling + ": value follows")
			if got := lookup(b, 0, len(spelling)); got != id {
				t.Errorf("%s in a line: %d", spelling, got)
			}
		}
		for i := range len(name) {
			for c := range 256 {
				b := []byte(name)
				b[i] = byte(c)
				if got, want := lookup(b, 0, len(b)), exchange.LookupHeader(b); isToken(b) && got != want {
					t.Errorf("%q: %d, want %d", b, got, want)
				}
			}
		}
	}
	var h RequestHead
	wire := "GET / HTTP/1.1\r\nHOST: h\r\ncontent-TYPE: text/plain\r\nX-Own: a\r\n\r\n"
	if _, err := h.Parse([]byte(wire), &l); err != nil {
		t.Fatal(err)
	}
	if h.Fields[1].ID != exchange.HeaderContentType || h.Fields[2].ID != exchange.HeaderOther ||
		string(h.Value(exchange.HeaderContentType)) != "text/plain" || h.Value(exchange.HeaderCookie) != nil {
		t.Errorf("%+v", h.Fields)
	}
}

// TestRejectedHead: a refused head keeps its bytes and what was understood of it, and the next head starts afresh.
func TestRejectedHead(t *testing.T) {
	l := DefaultLimits()
	var h RequestHead
	wire := "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nbody"
	_, err := h.Parse([]byte(wire), &l)
	reject, ok := err.(RejectError)
	if !ok || reject.Anomaly() != exchange.AnomalyDifferingContentLength || reject.Status() != 400 {
		t.Fatalf("got %v", err)
	}
	if !strings.Contains(err.Error(), "wire.differing-content-length") || string(h.Path) != "/x" || len(h.Fields) != 3 ||
		!strings.HasPrefix(wire, string(h.Raw)) || len(h.Raw) == 0 || h.KeepAlive {
		t.Errorf("%v: path %q, %d fields, raw %q", err, h.Path, len(h.Fields), h.Raw)
	}
	if n, err := h.Parse([]byte("GET / HTTP/1.1\r\nHost: h\r\n\r\nrest"), &l); err != nil || n != 27 || h.Anomalies != 0 || len(h.Raw) != 27 {
		t.Errorf("the next head: %d, %v", n, err)
	}
}

// TestAbandon: a head cut short by time or by the peer keeps what is known of it.
func TestAbandon(t *testing.T) {
	l := DefaultLimits()
	var h RequestHead
	wire := []byte("GET /slow?x HTTP/1.1\r\nHost: h\r\nX-Slow")
	if _, err := h.Parse(wire[:10], &l); err != ErrNeedMore {
		t.Fatal(err)
	}
	err := h.Abandon(wire, exchange.AnomalyTimeout, &l)
	if err != RejectError(exchange.AnomalyTimeout) || err.(RejectError).Status() != 408 || !h.Anomalies.Has(exchange.AnomalyTimeout) {
		t.Errorf("got %v, %v", err, names(h.Anomalies))
	}
	if string(h.Raw) != string(wire) || string(h.Path) != "/slow" || len(h.Fields) != 1 {
		t.Errorf("raw %q, path %q, %d fields", h.Raw, h.Path, len(h.Fields))
	}
	if _, err := h.Parse([]byte("GET / HTTP/1.1\r\nHost: h\r\n\r\n"), &l); err != nil || h.Anomalies != 0 {
		t.Errorf("the next head: %v", err)
	}
	if err := h.Abandon(nil, exchange.AnomalyIncomplete, &l); err != RejectError(exchange.AnomalyIncomplete) {
		t.Errorf("nothing at all: %v", err)
	}
}

// TestNoAllocation holds the hot path to its promise.
func TestNoAllocation(t *testing.T) {
	l := DefaultLimits()
	var h RequestHead
	var r ResponseHead
	var d Body
	in, reply := []byte(browserHead), []byte(apiResponse)
	out := make([]byte, 0, 8192)
	bad := []byte("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n")
	chunked := &ResponseHead{Head: Head{Framing: FramingChunked}}
	body := []byte("5\r\nhello\r\n0\r\n\r\n")
	step := func() {
		if _, err := h.Parse(in, &l); err != nil {
			t.Fatal(err)
		}
		if _, err := AppendRequestHead(out, &h, &Rewrite{}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Parse(reply, &l, h.MethodID, false); err != nil {
			t.Fatal(err)
		}
		if _, err := AppendResponseHead(out, &r, &Rewrite{}); err != nil {
			t.Fatal(err)
		}
		d.BeginResponse(chunked, &l)
		for rest := body; !d.Done(); {
			_, n, _, err := d.Next(rest)
			if err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if _, err := h.Parse(bad, &l); err == nil {
			t.Fatal("two hosts were accepted")
		}
	}
	step()
	if n := testing.AllocsPerRun(100, step); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
