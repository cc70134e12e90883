package http1

import (
	"errors"
	"testing"

	"merlon/internal/model/exchange"
)

func mustRequest(t *testing.T, wire string) *RequestHead {
	t.Helper()
	l := DefaultLimits()
	h := &RequestHead{}
	if _, err := h.Parse([]byte(wire), &l); err != nil {
		t.Fatalf("%q: %v", wire, err)
	}
	return h
}

func mustResponse(t *testing.T, wire string, method Method, websocket bool) *ResponseHead {
	t.Helper()
	l := DefaultLimits()
	h := &ResponseHead{}
	if _, err := h.Parse([]byte(wire), &l, method, websocket); err != nil {
		t.Fatalf("%q: %v", wire, err)
	}
	return h
}

const webSocketRequest = "GET /live HTTP/1.1\r\nHost: a\r\nConnection: keep-alive, Upgrade\r\nUpgrade: WebSocket\r\n" +
	"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

func TestAppendRequestHead(t *testing.T) {
	for _, c := range []struct {
		name, in string
		w        Rewrite
		want     string
	}{
		{
			"order and casing stay, Host comes first", "GET /a?b HTTP/1.1\r\nACCEPT:  */* \r\nHost: h:80\r\nx-y:z\r\n\r\n",
			Rewrite{},
			"GET /a?b HTTP/1.1\r\nHost: h:80\r\nACCEPT: */*\r\nx-y: z\r\n\r\n",
		},
		{
			"hop-by-hop and named fields go", "GET / HTTP/1.1\r\nHost: h\r\nConnection: close, X-Hop\r\nKeep-Alive: 5\r\nProxy-Connection: x\r\n" +
				"TE: trailers\r\nX-Hop: 1\r\nx-hop: 2\r\nProxy-Authorization: Basic x\r\nX-Stays: 3\r\n\r\n",
			Rewrite{},
			"GET / HTTP/1.1\r\nHost: h\r\nX-Stays: 3\r\n\r\n",
		},
		{"end-to-end fields stay though named", "GET / HTTP/1.1\r\nHost: h\r\nConnection: Authorization, X-Forwarded-Host, Host\r\nAuthorization: x\r\n" +
			"X-Forwarded-Host: y\r\n\r\n", Rewrite{}, "GET / HTTP/1.1\r\nHost: h\r\nAuthorization: x\r\nX-Forwarded-Host: y\r\n\r\n"},
		{"absolute form", "GET HTTP://H/a?b HTTP/1.1\r\nHost: h\r\n\r\n", Rewrite{}, "GET /a?b HTTP/1.1\r\nHost: H\r\n\r\n"},
		{"absolute form without path", "GET https://h?b HTTP/1.1\r\nHost: h\r\n\r\n", Rewrite{}, "GET /?b HTTP/1.1\r\nHost: h\r\n\r\n"},
		{"empty query stays", "GET /? HTTP/1.1\r\nHost: h\r\n\r\n", Rewrite{}, "GET /? HTTP/1.1\r\nHost: h\r\n\r\n"},
		{"asterisk", "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n", Rewrite{}, "OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n"},
		{"HTTP/1.0 becomes 1.1", "GET / HTTP/1.0\r\n\r\n", Rewrite{Host: []byte("up:9000")}, "GET / HTTP/1.1\r\nHost: up:9000\r\n\r\n"},
		{
			"length is written afresh", "POST / HTTP/1.1\r\nHost: h\r\ncontent-length: 005\r\n\r\n",
			Rewrite{},
			"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n",
		},
		{"zero length stays", "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", Rewrite{}, "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"},
		{
			"chunked", "POST / HTTP/1.1\r\nHost: h\r\ntransfer-encoding: CHUNKED\r\nTrailer: X\r\n\r\n",
			Rewrite{},
			"POST / HTTP/1.1\r\nHost: h\r\nTrailer: X\r\nTransfer-Encoding: chunked\r\n\r\n",
		},
		{
			"reframed", "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n",
			Rewrite{Reframe: true, Framing: FramingLength, Length: 7},
			"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 7\r\n\r\n",
		},
		{
			"Expect goes", "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
			Rewrite{},
			"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n",
		},
		{
			"Expect stays", "POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
			Rewrite{KeepExpect: true},
			"POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n",
		},
		{"websocket", webSocketRequest, Rewrite{}, "GET /live HTTP/1.1\r\nHost: a\r\nSec-WebSocket-Version: 13\r\n" +
			"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"},
		{
			"h2c goes", "GET / HTTP/1.1\r\nHost: h\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: x\r\n\r\n",
			Rewrite{},
			"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
		},
		{
			"replaced and added fields, close", "GET / HTTP/1.1\r\nHost: h\r\nX-Forwarded-For: 1.2.3.4\r\nAccept-Encoding: br\r\n\r\n",
			Rewrite{
				Drop: DropFields(exchange.HeaderXForwardedFor, exchange.HeaderAcceptEncoding), Close: true,
				Add: Fields{{Name: []byte("X-Forwarded-For"), Value: []byte("203.0.113.9")}},
			},
			"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n",
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := AppendRequestHead([]byte("before"), mustRequest(t, c.in), &c.w)
			if err != nil || string(got) != "before"+c.want {
				t.Errorf("got %v\n%q\nwant\n%q", err, got, "before"+c.want)
			}
		})
	}
}

func TestAppendResponseHead(t *testing.T) {
	for _, c := range []struct {
		name, in string
		method   Method
		w        Rewrite
		want     string
		framing  Framing
	}{
		{
			"length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nX: y\r\n\r\n", MethodGet,
			Rewrite{},
			"HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 5\r\n\r\n", FramingLength,
		},
		{
			"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", MethodGet,
			Rewrite{Close: true},
			"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n", FramingChunked,
		},
		{
			"chunked for an HTTP/1.0 client", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", MethodGet,
			Rewrite{HTTP10: true},
			"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", FramingUntilClose,
		},
		{"until close becomes chunked", "HTTP/1.0 200 OK\r\n\r\n", MethodGet, Rewrite{}, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", FramingChunked},
		{
			"HTTP/1.0 client keeps alive", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", MethodGet,
			Rewrite{HTTP10: true},
			"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: keep-alive\r\n\r\n", FramingNone,
		},
		{"HEAD keeps its length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", MethodHead, Rewrite{}, "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", FramingNone},
		{
			"304 keeps its length", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", MethodGet,
			Rewrite{},
			"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", FramingNone,
		},
		{"204 has none", "HTTP/1.1 204 No Content\r\nContent-Length: 0\r\n\r\n", MethodGet, Rewrite{}, "HTTP/1.1 204 No Content\r\n\r\n", FramingNone},
		{"interim", "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", MethodGet, Rewrite{Close: true}, "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", FramingNone},
		{
			"masked body has another length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", MethodGet,
			Rewrite{Reframe: true, Framing: FramingLength, Length: 9},
			"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", FramingLength,
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := mustResponse(t, c.in, c.method, false)
			got, err := AppendResponseHead(nil, h, &c.w)
			if err != nil || string(got) != c.want {
				t.Errorf("got %v\n%q\nwant\n%q", err, got, c.want)
			}
			if f := BodyFraming(h, &c.w); f != c.framing {
				t.Errorf("framing %d, want %d", f, c.framing)
			}
		})
	}
	h := mustResponse(t, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: x\r\n\r\n", MethodGet, true)
	got, err := AppendResponseHead(nil, h, &Rewrite{})
	if want := "HTTP/1.1 101 Switching Protocols\r\nSec-WebSocket-Accept: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"; err != nil || string(got) != want {
		t.Errorf("101: %v %q", err, got)
	}
}

// TestNoInjection: whatever is added from outside cannot end a line, frame the message or replace Host.
func TestNoInjection(t *testing.T) {
	h := mustRequest(t, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
	for _, c := range [][2]string{
		{"X", "a\r\nY: b"},
		{"X", "a\nb"},
		{"X", "a\rb"},
		{"X", "a\x00b"},
		{"X", "a\x7fb"},
		{"X\r\nY", "a"},
		{"X Y", "a"},
		{"", "a"},
		{"X:", "a"},
		{"Content-Length", "5"},
		{"transfer-encoding", "chunked"},
		{"Host", "b"},
		{"Connection", "x"},
		{"Upgrade", "h2c"},
	} {
		dst := []byte("before")
		got, err := AppendRequestHead(dst, h, &Rewrite{Add: Fields{{Name: []byte(c[0]), Value: []byte(c[1])}}})
		if !errors.Is(err, ErrUnsafe) || string(got) != "before" {
			t.Errorf("%q: %v, %q", c, err, got)
		}
	}
	if _, err := AppendRequestHead(nil, h, &Rewrite{Host: []byte("h\r\nX: y")}); !errors.Is(err, ErrUnsafe) {
		t.Errorf("host: %v", err)
	}
	if got, err := AppendField([]byte("b"), []byte("X"), []byte("a\tb\xff")); err != nil || string(got) != "bX: a\tb\xff\r\n" {
		t.Errorf("legal field: %v, %q", err, got)
	}
	if got, err := AppendLastChunk(nil, Fields{{Name: []byte("X"), Value: []byte("\r\n")}}); !errors.Is(err, ErrUnsafe) || len(got) != 0 {
		t.Errorf("trailer: %v, %q", err, got)
	}
	if got := AppendStatusLine(nil, 502, "Bad\r\nGateway"); string(got) != "HTTP/1.1 502 BadGateway\r\n" {
		t.Errorf("reason: %q", got)
	}
}

func TestChunks(t *testing.T) {
	out := AppendChunk(nil, []byte("hello"))
	out = AppendChunk(out, nil)
	out = AppendChunk(out, make([]byte, 26))
	out, err := AppendLastChunk(out, Fields{{Name: []byte("X-Sum"), Value: []byte("1")}})
	if want := "5\r\nhello\r\n1a\r\n" + string(make([]byte, 26)) + "\r\n0\r\nX-Sum: 1\r\n\r\n"; err != nil || string(out) != want {
		t.Errorf("%v %q", err, out)
	}
}
