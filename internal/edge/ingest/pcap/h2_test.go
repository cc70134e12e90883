package pcap

import (
	"bytes"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/http2/hpack"

	"merlon/internal/model/exchange"
)

// side writes the frames of one direction.
type side struct {
	buf bytes.Buffer
	enc *hpack.Encoder
}

func newSide() *side {
	s := new(side)
	s.enc = hpack.NewEncoder(&s.buf)
	return s
}

func frame2(kind, flags byte, id uint32, payload string) string {
	n := len(payload)
	return string([]byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags, byte(id >> 24), byte(id >> 16), byte(id >> 8), byte(id)}) + payload
}

// fields encodes name, value, name, value ...
func (s *side) fields(pairs ...string) string {
	s.buf.Reset()
	for i := 0; i < len(pairs); i += 2 {
		s.enc.WriteField(hpack.HeaderField{Name: pairs[i], Value: pairs[i+1]})
	}
	return s.buf.String()
}

const client2 = preface + "\r\n\r\nSM\r\n\r\n"

func TestHTTP2(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		write func(l *line, q, a *side)
		want  []string
		stats Stats
	}{
		{"two streams at a time, the second answered first", func(l *line, q, a *side) {
			l.answer(frame2(frameSettings, 0, 0, "")) // a server that speaks first
			l.ask(client2 + frame2(frameSettings, 0, 0, "\x00\x01\x00\x00\x20\x00"))
			get := []string{":method", "GET", ":scheme", "http", ":authority", "h", ":path", "/a", "user-agent", "t"}
			l.ask(frame2(frameHeaders, endHeaders|endStream, 1, q.fields(get...)))
			get[7] = "/b"
			l.ask(frame2(frameHeaders, endHeaders|endStream, 3, q.fields(get...)))
			l.answer(frame2(frameHeaders, endHeaders, 3, a.fields(":status", "200", "server", "s")) + frame2(frameData, endStream, 3, "bee"))
			l.answer(frame2(frameHeaders, endHeaders, 1, a.fields(":status", "404", "server", "s")) + frame2(frameData, 0, 1, "no"))
			l.answer(frame2(frameData, endStream, 1, "ne"))
		}, []string{"GET /b -> 200 bee", "GET /a -> 404 none"}, Stats{HTTP2: 1}},
		{"padding, priority, continuation, 100, trailers, one byte a packet", func(l *line, q, a *side) {
			block := q.fields(":method", "POST", ":path", "/p", ":authority", "h", "cookie", "a=1", "cookie", "b=2")
			out := client2 + frame2(frameHeaders, padded|hasPriority, 1, "\x02\x00\x00\x00\x00\x10"+block[:4]+"\x00\x00") +
				frame2(frameContinuation, 0, 1, block[4:6]) + frame2(frameContinuation, endHeaders, 1, block[6:]) +
				frame2(frameData, padded, 1, "\x03body\x00\x00\x00") + frame2(frameHeaders, endHeaders|endStream, 1, q.fields("x", "y"))
			for _, b := range []byte(out) {
				l.ask(string([]byte{b}))
			}
			l.answer(frame2(frameHeaders, endHeaders, 1, a.fields(":status", "100")))
			l.answer(frame2(frameHeaders, endHeaders, 1, a.fields(":status", "200")) + frame2(frameHeaders, endHeaders|endStream, 1, a.fields("grpc-status", "0")))
		}, []string{"POST /p body -> 200"}, Stats{HTTP2: 1}},
		{"a stream that is reset, and one that is not answered", func(l *line, q, a *side) {
			l.ask(client2 + frame2(frameHeaders, endHeaders|endStream, 1, q.fields(":method", "GET", ":path", "/a", ":authority", "h")))
			l.answer(frame2(frameHeaders, endHeaders, 1, a.fields(":status", "200")) + frame2(frameData, 0, 1, "par") + frame2(frameReset, 0, 1, "\x00\x00\x00\x02"))
			l.ask(frame2(frameHeaders, endHeaders|endStream, 3, q.fields(":method", "GET", ":path", "/b", ":authority", "h")))
		}, []string{"GET /a -> 200 par…", "GET /b -> ?"}, Stats{HTTP2: 1, Unanswered: 1}},
		{"fields that HTTP/1.1 would read differently are no request", func(l *line, q, a *side) {
			l.ask(client2 + frame2(frameHeaders, endHeaders|endStream, 1, q.fields(":method", "GET", ":path", "/a HTTP/1.1\r\nx: y", ":authority", "h")))
			l.ask(frame2(frameHeaders, endHeaders|endStream, 3, q.fields(":method", "GET", ":path", "/a", ":authority", "h", "x", "y\r\nz: 1")))
			l.ask(frame2(frameHeaders, endHeaders|endStream, 5, q.fields(":method", "GET", ":path", "/a", ":authority", "h", "transfer-encoding", "chunked")))
			l.ask(frame2(frameHeaders, endHeaders|endStream, 7, q.fields(":method", "GET", ":path", "/ok", ":authority", "h")))
			l.answer(frame2(frameHeaders, endHeaders|endStream, 1, a.fields(":status", "400")) + frame2(frameHeaders, endHeaders|endStream, 7, a.fields(":status", "204")))
		}, []string{"GET /ok -> 204"}, Stats{HTTP2: 1}},
		{"behind a gap nothing can be decoded", func(l *line, q, a *side) {
			l.ask(client2 + frame2(frameHeaders, endHeaders|endStream, 1, q.fields(":method", "GET", ":path", "/a", ":authority", "h")))
			l.askLater(frame2(frameHeaders, endHeaders|endStream, 3, q.fields(":method", "GET", ":path", "/b", ":authority", "h")))
			l.ask(frame2(frameHeaders, endHeaders|endStream, 5, q.fields(":method", "GET", ":path", "/c", ":authority", "h")))
		}, []string{"GET /a -> ?"}, Stats{HTTP2: 1, Gaps: 1, Lost: 1, Unanswered: 1}},
		{"a damaged block ends it", func(l *line, q, a *side) {
			l.ask(client2 + frame2(frameHeaders, endHeaders|endStream, 1, "\xff\xff\xff\xff\xff"))
		}, nil, Stats{HTTP2: 1, Lost: 1}},
		{"a frame that does not continue a block ends it", func(l *line, q, a *side) {
			l.ask(client2 + frame2(frameHeaders, 0, 1, q.fields(":method", "GET")) + frame2(frameData, 0, 1, "x"))
		}, nil, Stats{HTTP2: 1, Lost: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newScript()
			c.write(s.connect(clientAddr, serverAddr), newSide(), newSide())
			got, st := read(t, s.out.Bytes(), Options{})
			if d := cmp.Diff(c.want, got); d != "" {
				t.Error(d)
			}
			st.Packets, st.Exchanges = 0, 0
			if d := cmp.Diff(c.stats, st); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestHTTP2Exchange reads the parts of an exchange: what HTTP/2 does not show as HTTP/1 does is not claimed.
func TestHTTP2Exchange(t *testing.T) {
	t.Parallel()
	s := newScript()
	l := s.connect(clientAddr, serverAddr)
	q, a := newSide(), newSide()
	l.ask(client2 + frame2(frameHeaders, endHeaders|endStream, 1, q.fields(":method", "GET", ":path", "/a?b=c", ":authority", "Shop.example:80", "cookie", "a=1", "cookie", "b=2", "user-agent", "t")))
	l.answer(frame2(frameHeaders, endHeaders|endStream, 1, a.fields(":status", "200", "content-type", "text/plain")))
	r := NewReader(bytes.NewReader(s.out.Bytes()), Options{})
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	var x exchange.Exchange
	r.Fill(&x)
	cookie, _ := x.Request.Field(exchange.HeaderCookie)
	kind, _ := x.Response.Field(exchange.HeaderContentType)
	if string(x.Host) != "Shop.example" || string(x.Path) != "/a" || string(cookie) != "a=1; b=2" || string(kind) != "text/plain" || x.Status != 200 || x.Anomalies != 0 {
		t.Errorf("%+v", x)
	}
	if x.Observed != exchange.SawAll&^(exchange.SawHeaderOrder|exchange.SawWire) {
		t.Errorf("observed %b", x.Observed)
	}
	r.finish(r.recent.oldest(), false)
	if r.held != 0 {
		t.Errorf("%d bytes are counted as kept", r.held)
	}
}
