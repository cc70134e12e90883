package hpack

import (
	"bytes"
	"testing"

	peer "golang.org/x/net/http2/hpack"
)

// browser is a request as browsers send it; reply an answer of an API.
func browser() []peer.HeaderField {
	return []peer.HeaderField{
		{Name: ":method", Value: "GET"},
		{Name: ":scheme", Value: "https"},
		{Name: ":authority", Value: "api.example.com"},
		{Name: ":path", Value: "/v1/orders/18231?expand=lines"},
		{Name: "user-agent", Value: "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"},
		{Name: "accept", Value: "application/json"},
		{Name: "accept-language", Value: "en-GB,en;q=0.5"},
		{Name: "accept-encoding", Value: "gzip, deflate, br, zstd"},
		{Name: "referer", Value: "https://shop.example.com/orders"},
		{Name: "origin", Value: "https://shop.example.com"},
		{Name: "authorization", Value: "Bearer 0123456789abcdef0123456789abcdef", Sensitive: true},
		{Name: "sec-fetch-mode", Value: "cors"},
	}
}

func reply() []peer.HeaderField {
	return []peer.HeaderField{
		{Name: "content-type", Value: "application/json"},
		{Name: "content-length", Value: "1832"},
		{Name: "date", Value: "Sun, 22 Nov 2026 07:00:00 GMT"},
		{Name: "server", Value: "acme"},
		{Name: "cache-control", Value: "no-store"},
		{Name: "vary", Value: "origin"},
		{Name: "access-control-allow-origin", Value: "https://shop.example.com"},
		{Name: "strict-transport-security", Value: "max-age=31536000"},
		{Name: "etag", Value: `"5d8c72a5edda8d6a"`},
		{Name: "x-request-id", Value: "0f3c1b2a9d8e7f60"},
	}
}

// blocks are a first request of a connection, and what later ones look like once the table is warm.
func blocks() (first, later, cold []byte) {
	var buf bytes.Buffer
	e := peer.NewEncoder(&buf)
	write := func() []byte {
		buf.Reset()
		for _, f := range browser() {
			_ = e.WriteField(f) // a bytes.Buffer takes everything
		}
		return bytes.Clone(buf.Bytes())
	}
	first, later = write(), write()
	for _, f := range browser() {
		cold = appendLiteral(cold, 0, 4, 0, []byte(f.Name), []byte(f.Value))
	}
	return first, later, cold
}

type pair struct{ name, value []byte }

func pairs(fields []peer.HeaderField) (out []pair) {
	for _, f := range fields {
		out = append(out, pair{[]byte(f.Name), []byte(f.Value)})
	}
	return out
}

// TestNoAllocation: once its memory has grown, neither side allocates; beginning again keeps it.
func TestNoAllocation(t *testing.T) {
	first, later, cold := blocks()
	var d Decoder
	emit := func(_, _ []byte, _ bool) error { return nil }
	decode := func() {
		d.Begin(4096, 64<<10)
		for _, b := range [][]byte{first, later, cold, later} {
			if err := d.Decode(b, emit); err != nil {
				t.Fatal(err)
			}
		}
	}
	if n := testing.AllocsPerRun(100, decode); n != 0 {
		t.Errorf("decoding a connection allocates %v times", n)
	}
	var e Encoder
	fields := pairs(reply())
	buf := make([]byte, 0, 4096)
	encode := func() {
		e.Begin()
		for range 4 {
			buf = e.AppendStatus(buf[:0], 201)
			for _, f := range fields {
				buf = e.Append(buf, f.name, f.value, false)
			}
		}
	}
	if n := testing.AllocsPerRun(100, encode); n != 0 {
		t.Errorf("encoding a connection allocates %v times", n)
	}
}

func BenchmarkDecode(b *testing.B) {
	first, later, cold := blocks()
	for _, c := range []struct {
		name  string
		block []byte
	}{{"warm", later}, {"literal", cold}} {
		b.Run(c.name+"/ours", func(b *testing.B) {
			b.ReportAllocs()
			var d Decoder
			d.Begin(4096, 64<<10)
			n := 0
			emit := func(name, value []byte, _ bool) error { n += len(name) + len(value); return nil }
			if err := d.Decode(first, emit); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if err := d.Decode(c.block, emit); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(c.name+"/xnet", func(b *testing.B) {
			b.ReportAllocs()
			n := 0
			d := peer.NewDecoder(4096, func(f peer.HeaderField) { n += len(f.Name) + len(f.Value) })
			if _, err := d.Write(first); err != nil {
				b.Fatal(err)
			}
			for b.Loop() {
				if _, err := d.Write(c.block); err != nil {
					b.Fatal(err)
				}
				if err := d.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkEncode(b *testing.B) {
	b.Run("ours", func(b *testing.B) {
		b.ReportAllocs()
		var e Encoder
		fields := pairs(reply())
		var buf []byte
		for b.Loop() {
			buf = e.AppendStatus(buf[:0], 200)
			for _, f := range fields {
				buf = e.Append(buf, f.name, f.value, false)
			}
		}
		b.ReportMetric(float64(len(buf)), "octets")
	})
	b.Run("xnet", func(b *testing.B) {
		b.ReportAllocs()
		var buf bytes.Buffer
		e := peer.NewEncoder(&buf)
		fields := reply()
		for b.Loop() {
			buf.Reset()
			_ = e.WriteField(peer.HeaderField{Name: ":status", Value: "200"}) // a bytes.Buffer takes everything
			for _, f := range fields {
				_ = e.WriteField(f)
			}
		}
		b.ReportMetric(float64(buf.Len()), "octets")
	})
}

func BenchmarkHuffman(b *testing.B) {
	s := []byte("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
	h := appendHuffman(nil, s)
	b.Run("decode/ours", func(b *testing.B) {
		b.SetBytes(int64(len(s)))
		var out []byte
		for b.Loop() {
			out, _ = appendDecoded(out[:0], h)
		}
	})
	b.Run("decode/xnet", func(b *testing.B) {
		b.SetBytes(int64(len(s)))
		var buf bytes.Buffer
		for b.Loop() {
			buf.Reset()
			_, _ = peer.HuffmanDecode(&buf, h)
		}
	})
	b.Run("encode/ours", func(b *testing.B) {
		b.SetBytes(int64(len(s)))
		var out []byte
		for b.Loop() {
			out = appendHuffman(out[:0], s)
		}
	})
}
