package conformance

import (
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"merlon/internal/model/event"
)

// Frame types and flags of RFC 9113 section 6.
const (
	frameData         = 0
	frameHeaders      = 1
	frameReset        = 3
	frameSettings     = 4
	frameGoAway       = 7
	flagAck           = 1
	flagEnd           = 1 // END_STREAM
	flagEndHead       = 4 // END_HEADERS
	prefaceHTTP2      = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
	maxFrameRead      = 1 << 20
	literalNotIndexed = 0
)

// h2 is a request as it can only be made by hand: fields are name, value, name, value and are sent as they are.
type h2 struct {
	name     string
	fields   []string
	body     string
	trailers []string
}

func appendFrame(dst []byte, kind, flags byte, stream uint32, payload []byte) []byte {
	n := len(payload)
	dst = append(dst, byte(n>>16), byte(n>>8), byte(n), kind, flags)
	return append(binary.BigEndian.AppendUint32(dst, stream), payload...)
}

// block writes fields as literals without indexing and without Huffman coding (RFC 7541 section 6.2.2).
func block(fields []string) (out []byte) {
	for i := 0; i+1 < len(fields); i += 2 {
		out = append(out, literalNotIndexed)
		for _, s := range fields[i : i+2] {
			if len(s) < 127 {
				out = append(out, byte(len(s)))
			} else {
				out = append(out, 127)
				rest := len(s) - 127
				for ; rest >= 128; rest >>= 7 {
					out = append(out, byte(rest)|128)
				}
				out = append(out, byte(rest))
			}
			out = append(out, s...)
		}
	}
	return out
}

// playHTTP2 sends q and, when the connection is still there, an honest request on the next stream. It tells how many of the two
// streams have ended.
func (r *rig) playHTTP2(q h2) (a account, ended int, err error) {
	a.blind = true
	c, err := tls.Dial("tcp", r.secure, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"h2"}})
	if err != nil {
		return a, 0, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	out := appendFrame([]byte(prefaceHTTP2), frameSettings, 0, 0, nil)
	end := byte(0)
	if q.body == "" && q.trailers == nil {
		end = flagEnd
	}
	out = appendFrame(out, frameHeaders, flagEndHead|end, 1, block(q.fields))
	if q.body != "" {
		end = flagEnd
		if q.trailers != nil {
			end = 0
		}
		out = appendFrame(out, frameData, end, 1, []byte(q.body))
	}
	if q.trailers != nil {
		out = appendFrame(out, frameHeaders, flagEndHead|flagEnd, 1, block(q.trailers))
	}
	if _, err := c.Write(out); err != nil {
		return a, 0, err
	}
	if alive, err := awaitStream(c, 1); err != nil {
		return a, 0, err
	} else if alive {
		ended = 1
		if _, err := c.Write(appendFrame(nil, frameHeaders, flagEndHead|flagEnd, 3, block(fieldsOf("GET", "/next")))); err != nil {
			return a, 0, err
		}
		if alive, err := awaitStream(c, 3); err != nil {
			return a, 0, err
		} else if alive {
			ended = 2
		}
	}
	_ = c.Close()
	return a, ended, r.collect(&a)
}

// awaitStream reads frames until the stream has ended. It reports false when the connection has.
func awaitStream(c net.Conn, stream uint32) (alive bool, err error) {
	var head [9]byte
	for {
		if _, err := io.ReadFull(c, head[:]); err != nil {
			var late net.Error
			if errors.As(err, &late) && late.Timeout() {
				return false, fmt.Errorf("stream %d does not end: %w", stream, err)
			}
			return false, nil
		}
		n := int(head[0])<<16 | int(head[1])<<8 | int(head[2])
		if n > maxFrameRead {
			return false, fmt.Errorf("a frame of %d bytes", n)
		}
		if _, err := io.CopyN(io.Discard, c, int64(n)); err != nil {
			return false, nil
		}
		kind, flags, id := head[3], head[4], binary.BigEndian.Uint32(head[5:])&(1<<31-1)
		switch {
		case kind == frameSettings && flags&flagAck == 0:
			if _, err := c.Write(appendFrame(nil, frameSettings, flagAck, 0, nil)); err != nil {
				return false, nil
			}
		case kind == frameGoAway:
			return false, nil
		case id == stream && (kind == frameReset || (kind == frameData || kind == frameHeaders) && flags&flagEnd != 0):
			return true, nil
		}
	}
}

// fieldsOf is the honest request, with further fields.
func fieldsOf(method, path string, more ...string) []string {
	return append([]string{":method", method, ":scheme", "https", ":authority", "a.example", ":path", path}, more...)
}

// with replaces a pseudo-header field of an honest POST.
func with(name, value string) []string {
	f := fieldsOf("POST", "/first", "content-length", "44")
	for i := 0; i < len(f); i += 2 {
		if f[i] == name {
			f[i+1] = value
		}
	}
	return f
}

// without leaves one out.
func without(name string) (out []string) {
	for f := fieldsOf("POST", "/first", "content-length", "44"); len(f) > 0; f = f[2:] {
		if f[0] != name {
			out = append(out, f[:2]...)
		}
	}
	return out
}

// h2Shapes are what HTTP/2 can carry and HTTP/1.1 cannot say, or says in another way.
func h2Shapes() []h2 {
	const chunks = "0\r\n\r\n" + marker
	out := []h2{
		{name: "get", fields: fieldsOf("GET", "/first")},
		{name: "post", fields: fieldsOf("POST", "/first", "content-length", "5"), body: "hello"},
		{name: "post without a length", fields: fieldsOf("POST", "/first"), body: marker},
		{name: "trailers", fields: fieldsOf("POST", "/first"), body: marker, trailers: []string{"x-sum", "1"}},
		{name: "host instead of authority", fields: append(without(":authority"), "host", "a.example"), body: marker},
		{name: "host as authority", fields: with("", ""), body: marker},
		{name: "no authority", fields: without(":authority"), body: marker},
		{name: "no path", fields: without(":path"), body: marker},
		{name: "no method", fields: without(":method"), body: marker},
		{name: "no scheme", fields: without(":scheme"), body: marker},
		{name: "a path behind a field", fields: append(without(":path"), ":path", "/first"), body: marker},
		{name: "crumbs of a cookie", fields: fieldsOf("GET", "/first", "cookie", "a=b", "cookie", "c=d")},
		{name: "connect", fields: []string{":method", "CONNECT", ":authority", "a.example:80"}, body: marker},
		{name: "extended connect", fields: fieldsOf("CONNECT", "/first", ":protocol", "websocket")},
	}
	for _, v := range []string{"0", "5", "43", "45", "1000", "+44", "-44", "44, 44", "44,0", " 44", "0x2c", "044", "44\r\n", "", "44\x00", "18446744073709551660"} {
		out = append(out, h2{name: fmt.Sprintf("length %q", v), fields: fieldsOf("POST", "/first", "content-length", v), body: marker})
		out = append(out, h2{name: fmt.Sprintf("length %q and no body", v), fields: fieldsOf("GET", "/first", "content-length", v)})
		out = append(out, h2{name: fmt.Sprintf("length %q behind 44", v), fields: fieldsOf("POST", "/first", "content-length", "44", "content-length", v), body: marker})
	}
	for _, f := range [][2]string{
		{"transfer-encoding", "chunked"},
		{"transfer-encoding", "identity"},
		{"Transfer-Encoding", "chunked"},
		{"transfer-encoding ", "chunked"},
		{"transfer-encoding", "chunked\r\n"},
		{"transfer_encoding", "chunked"},
		{"connection", "keep-alive"},
		{"connection", "close"},
		{"connection", "transfer-encoding"},
		{"proxy-connection", "keep-alive"},
		{"keep-alive", "timeout=5"},
		{"upgrade", "h2c"},
		{"upgrade", "websocket"},
		{"te", "chunked"},
		{"te", "trailers"},
		{"http2-settings", "AAMAAABk"},
		{"x", "y\r\nTransfer-Encoding: chunked"},
		{"x", "y\r\n\r\n" + marker},
		{"x", "y\nTransfer-Encoding: chunked"},
		{"x", "y\rTransfer-Encoding: chunked"},
		{"x", "y\x00z"},
		{"x", "\x7f"},
		{"x", " y "},
		{"x", "\ty"},
		{"x: y\r\nTransfer-Encoding", "chunked"},
		{"x\r\n\r\n" + marker, "y"},
		{"x y", "z"},
		{"x:", "y"},
		{":x", "y"},
		{"", "y"},
		{"X", "y"},
		{"x\x00", "y"},
		{"x\xc3\xa4", "y"},
		{":path", "/marker"},
		{":authority", "evil.example"},
		{":method", "GET"},
		{":status", "200"},
		{"host", "evil.example"},
		{"host", "a.example"},
		{"host", ""},
		{"expect", "100-continue"},
		{"expect", "x"},
		{"content-length", "44"},
		{"trailer", "content-length"},
		{"content_length", "0"},
	} {
		out = append(out, h2{name: fmt.Sprintf("%q: %q", f[0], f[1]), fields: fieldsOf("POST", "/first", f[0], f[1]), body: chunks})
		out = append(out, h2{name: fmt.Sprintf("%q: %q of a get", f[0], f[1]), fields: fieldsOf("GET", "/first", f[0], f[1])})
		out = append(out, h2{name: fmt.Sprintf("%q: %q as trailer", f[0], f[1]), fields: fieldsOf("POST", "/first"), body: chunks, trailers: []string{f[0], f[1]}})
	}
	for _, v := range []string{
		"/marker HTTP/1.1\r\nHost: evil.example\r\n\r\n", "/first HTTP/1.1\r\nX: y", "/first HTTP/1.1", "/fir st", "/first\tx", "/first\r", "/first\n", "/first\x00", "first", "*", "", "http://evil.example/first", "https://a.example/first", "//evil.example/first", "/first#x", "/a/../b", "/a%0d%0ab", "/\xc3\xa4", "?x",
	} {
		out = append(out, h2{name: fmt.Sprintf("path %q", v), fields: with(":path", v), body: marker})
	}
	for _, v := range []string{"GET /marker HTTP/1.1\r\nHost: evil.example\r\n\r\nGET", "GET /marker", "GET\r\n", "get", "G\x00T", "", "PRI", "M\xc3\xa4", "GET,POST", strings.Repeat("M", 100)} {
		out = append(out, h2{name: fmt.Sprintf("method %q", v), fields: with(":method", v), body: marker})
	}
	for _, v := range []string{"evil.example\r\nX: y", "a.example/x", "u@a.example", "a.example:80", "a.example:x", "a.example:", "", "a b", "a,b", "[::1]", "[::1", "A.EXAMPLE", "a.example.", "a.example#", "a.example?x", "\x00"} {
		out = append(out, h2{name: fmt.Sprintf("authority %q", v), fields: with(":authority", v), body: marker})
		out = append(out, h2{name: fmt.Sprintf("authority with host %q", v), fields: fieldsOf("GET", "/first", "host", v)})
	}
	for _, v := range []string{"http", "HTTPS", "ftp", "https://evil.example/", "https\r\nX: y", ""} {
		out = append(out, h2{name: fmt.Sprintf("scheme %q", v), fields: with(":scheme", v), body: marker})
	}
	return out
}

// TestHTTP2Shapes: what came by HTTP/2 is one request of HTTP/1.1 to the server behind, the one that was judged.
func TestHTTP2Shapes(t *testing.T) {
	all := h2Shapes()
	everyUpstream(t, func(t *testing.T, r *rig) {
		passed, refused := 0, 0
		for _, s := range all {
			a, ended, err := r.playHTTP2(s)
			if err != nil {
				t.Errorf("%s: %v", s.name, err)
				continue
			}
			for _, d := range r.up.differences(a) {
				t.Errorf("%s: %s; events %v", s.name, d, a.events)
			}
			if len(a.events) < max(ended, 1) {
				t.Errorf("%s: no event tells of it: %d streams have ended, events %v", s.name, ended, a.events)
			}
			if len(a.events) > 2 {
				t.Errorf("%s: more than one event for a request: %v", s.name, a.events)
			}
			for _, e := range a.events {
				switch {
				case e.outcome != event.OutcomeAnswered:
					refused++
				case e.matches(&record{method: e.method, segments: segmentsOf("/marker")}):
					t.Errorf("%s: the marker was taken for a request: %v", s.name, e)
				default:
					passed++
				}
			}
		}
		t.Logf("%d requests over HTTP/2: %d events passed on, %d not", len(all), passed, refused)
		if passed < len(all)/4 || refused < len(all)/4 {
			t.Error("this proves little")
		}
	})
}
