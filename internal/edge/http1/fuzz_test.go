package http1

import (
	"bytes"
	"reflect"
	"testing"

	"merlon/internal/model/exchange"
)

// FuzzRequestHead checks, for any bytes: the same transcript however they are cut; what is accepted, net/http reads alike,
// also after it was written afresh; no control character survives into method, target or fields.
func FuzzRequestHead(f *testing.F) {
	for _, c := range readCases(f, "testdata/requests.txt") {
		f.Add(c.wire)
	}
	f.Add([]byte(browserHead))
	l := DefaultLimits()
	f.Fuzz(func(t *testing.T, wire []byte) {
		whole := decode(wire, 0, fromClient, MethodGet, &l)
		if split := decode(wire, 3, fromClient, MethodGet, &l); !sameTranscript(whole, split) {
			t.Fatalf("whole %+v\nsplit %+v", whole, split)
		}
		for _, m := range whole.messages {
			checkSafe(t, m.method, m.target, m.host)
			for _, field := range append(m.fields, m.trailers...) {
				checkSafe(t, field[0], field[1])
			}
		}
		if whole.err != nil || len(whole.messages) == 0 {
			return
		}
		if d := compareRequest(wire, &whole.messages[0], whole.anomalies); d != "" {
			t.Fatalf("%q: %s", wire, d)
		}
		if d := checkRewrite(wire, &l); d != "" {
			t.Fatalf("%q, written afresh: %s", wire, d)
		}
	})
}

// FuzzResponseHead checks the same for responses, without net/http, whose client tolerates and hides more.
func FuzzResponseHead(f *testing.F) {
	for _, c := range readCases(f, "testdata/responses.txt") {
		f.Add(c.wire, uint8(MethodGet))
	}
	l := DefaultLimits()
	f.Fuzz(func(t *testing.T, wire []byte, method uint8) {
		whole := decode(wire, 0, fromUpstream, Method(method), &l)
		if split := decode(wire, 3, fromUpstream, Method(method), &l); !sameTranscript(whole, split) {
			t.Fatalf("whole %+v\nsplit %+v", whole, split)
		}
		var h ResponseHead
		if _, err := h.Parse(wire, &l, Method(method), false); err != nil {
			return
		}
		for _, w := range []Rewrite{{}, {Close: true}, {HTTP10: true}} {
			out, err := AppendResponseHead(nil, &h, &w)
			if err != nil {
				t.Fatal(err)
			}
			var again ResponseHead
			n, err := again.Parse(out, &l, Method(method), false)
			if err != nil || n != len(out) {
				t.Fatalf("%q became %q: %d, %v", wire, out, n, err)
			}
			if again.Status != h.Status || !h.Interim() && again.Framing != BodyFraming(&h, &w) {
				t.Fatalf("%q became %q", wire, out)
			}
		}
	})
}

// FuzzBody checks that a chunked body decodes to the same payload, trailers and verdict however it is cut, and that the
// decoder never consumes or returns more than it was given.
func FuzzBody(f *testing.F) {
	f.Add([]byte("5\r\nhello\r\n0\r\n\r\n"), uint8(1))
	f.Add([]byte("5;a=b\r\nhello\r\n0\r\nX: y\r\nContent-Length: 4\r\n\r\nGET / HTTP/1.1\r\n"), uint8(2))
	f.Add([]byte("a\r\n0123456789\r\n3\r\nabc\r\n00\r\n\r\n"), uint8(4))
	f.Add([]byte("ffffffffffffffff\r\n"), uint8(3))
	f.Add([]byte("1;\n"), uint8(1))
	l := DefaultLimits()
	l.TrailerBytes, l.ChunkExtensionBytes = 64, 16
	f.Fuzz(func(t *testing.T, wire []byte, piece uint8) {
		whole, wholeRest, wholeTrailers, wholeErr := decodeChunks(t, wire, len(wire), &l)
		parts, partsRest, partsTrailers, partsErr := decodeChunks(t, wire, int(piece), &l)
		if !bytes.Equal(whole, parts) || wholeRest != partsRest || wholeErr != partsErr || !reflect.DeepEqual(wholeTrailers, partsTrailers) {
			t.Fatalf("%q: whole %q %d %v %v, in pieces of %d %q %d %v %v", wire, whole, wholeRest, wholeTrailers, wholeErr,
				piece, parts, partsRest, partsTrailers, partsErr)
		}
	})
}

func decodeChunks(t *testing.T, wire []byte, piece int, l *Limits) (payload []byte, rest int, trailers [][2]string, err error) {
	var d Body
	d.BeginRequest(&RequestHead{Head: Head{Framing: FramingChunked}}, l)
	piece = max(piece, 1)
	for len(wire) > 0 && !d.Done() {
		in := wire[:min(piece, len(wire))]
		for len(in) > 0 && !d.Done() {
			p, n, done, err := d.Next(in)
			if n > len(in) || len(p) > n || done != d.Done() {
				t.Fatalf("Next(%q) = %q, %d, %v", in, p, n, done)
			}
			if payload = append(payload, p...); err != nil {
				return payload, 0, nil, err
			}
			if n == 0 {
				t.Fatalf("Next(%q) made no progress", in)
			}
			in, wire = in[n:], wire[n:]
		}
	}
	if !d.Done() {
		return payload, 0, nil, d.End()
	}
	return payload, len(wire), copyFields(d.Trailers), nil
}

// sameTranscript compares all but the anomalies of a refused message: one that is refused in its middle may have been
// noted for more when more of it was there. A head that is bad and cut short as well may be refused for either.
func sameTranscript(a, b transcript) bool {
	const cut = RejectError(exchange.AnomalyIncomplete)
	if a.err != nil && b.err != nil && (a.err == cut || b.err == cut) {
		b.err = a.err
	}
	if a.err != b.err || len(a.messages) != len(b.messages) || a.err == nil && a.anomalies != b.anomalies {
		return false
	}
	for i := range a.messages {
		if i == len(a.messages)-1 && a.err != nil {
			break // its body was cut where the piece ended
		}
		if !reflect.DeepEqual(a.messages[i], b.messages[i]) {
			return false
		}
	}
	return true
}

func checkSafe(t *testing.T, texts ...string) {
	for _, s := range texts {
		for i := range len(s) {
			if c := s[i]; c < 0x20 && c != '\t' || c == 0x7f {
				t.Fatalf("control character in %q", s)
			}
		}
	}
}
