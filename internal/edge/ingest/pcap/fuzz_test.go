package pcap

import (
	"bytes"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"merlon/internal/model/exchange"
)

// FuzzReader reads anything: it ends, keeps within its bounds, and forgets everything in the end.
func FuzzReader(f *testing.F) {
	for _, section := range []bool{false, true} {
		s := newScript()
		s.section = section
		s.header()
		l := s.connect(clientAddr, serverAddr)
		l.ask(post + "0123")
		l.ask("456789")
		l.answer(ok1)
		l.ask(getA + getB)
		l.answerLater(ok1)
		l.answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n")
		l.close()
		v6 := s.connect(netip.MustParseAddrPort("[2001:db8::7]:1"), netip.MustParseAddrPort("[2001:db8::8]:80"))
		v6.ask("\x16\x03\x01")
		two := s.connect(netip.MustParseAddrPort("192.0.2.9:2"), serverAddr)
		q, a := newSide(), newSide()
		two.ask(client2 + frame2(frameSettings, 0, 0, "\x00\x01\x00\x00\x20\x00"))
		two.ask(frame2(frameHeaders, endHeaders, 1, q.fields(":method", "POST", ":path", "/a", ":authority", "h")) + frame2(frameData, endStream|padded, 1, "\x01ab\x00"))
		two.answer(frame2(frameHeaders, endHeaders, 1, a.fields(":status", "200", "server", "s")) + frame2(frameData, endStream, 1, "bee"))
		f.Add(s.out.Bytes())
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		o := Options{BodyLimit: 64, Memory: 32 << 10, Connections: 8, Window: 512}
		r := NewReader(bytes.NewReader(b), o)
		var x exchange.Exchange
		for {
			_, err := r.Next()
			if err != nil {
				break
			}
			x.Reset()
			r.Fill(&x)
			if len(x.Request.Body) > 64 || len(x.Response.Body) > 64 {
				t.Fatal("a body longer than its limit")
			}
			if x.Request.BodySize < int64(len(x.Request.Body)) || x.Response.BodySize < int64(len(x.Response.Body)) {
				t.Fatal("a body larger than its size")
			}
			if x.Latency < 0 || x.Duration < 0 {
				t.Fatal("an answer before its request")
			}
		}
		if r.held != 0 || len(r.table) != 0 || r.recent.oldest() != nil {
			t.Fatalf("%d bytes and %d connections are left", r.held, len(r.table))
		}
	})
}

// FuzzReassembly sends the segments of known conversations in any order, twice, and not at all. Nothing lost: everything
// is read as if it had come in order. Something lost: no request is ever given another's answer.
func FuzzReassembly(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte{9, 1, 2, 3, 4, 5, 6, 7, 8})
	f.Add([]byte("\x07lose, swap and repeat some of them"))
	f.Add([]byte{0xff, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3})
	f.Fuzz(func(t *testing.T, choices []byte) {
		next := func() int {
			if len(choices) == 0 {
				return 0
			}
			c := choices[0]
			choices = choices[1:]
			return int(c)
		}
		s := newScript()
		s.step = 1000
		l := s.connect(clientAddr, serverAddr)
		mayLose := next()%2 == 1
		var packets [][]byte
		var want []string
		cut := func(b string, later func(string) []byte) {
			for len(b) > 0 {
				n := min(len(b), 1+next()%60)
				packets = append(packets, later(b[:n]))
				b = b[n:]
			}
		}
		for i := range 6 {
			word := fmt.Sprintf("word-%d", i)
			switch next() % 3 {
			case 0:
				cut(fmt.Sprintf("GET /%s HTTP/1.1\r\nHost: h\r\n\r\n", word), l.askLater)
			case 1:
				cut(fmt.Sprintf("POST /%s HTTP/1.1\r\nHost: h\r\nContent-Length: 40\r\n\r\n%040d", word, 7), l.askLater)
			default:
				cut(fmt.Sprintf("POST /%s HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n28\r\n%040d\r\n0\r\n\r\n", word, 7), l.askLater)
			}
			if next()%2 == 0 {
				cut(fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n%s%24d", word, 1), l.answerLater)
			} else {
				cut(fmt.Sprintf("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1e\r\n%s%24d\r\n0\r\n\r\n", word, 1), l.answerLater)
			}
			want = append(want, word)
		}
		lost := false
		for i := 0; i < len(packets); i++ {
			switch c := next(); {
			case c%8 == 1 && i+1 < len(packets):
				k := min(i+1+c/8%5, len(packets)-1)
				packets[i], packets[k] = packets[k], packets[i]
			case c%8 == 2:
				s.packet(packets[i])
			case c%16 == 3 && mayLose:
				lost = true
				continue
			}
			s.packet(packets[i])
		}
		lines, st := read(t, s.out.Bytes(), Options{})
		var got []string
		for _, line := range lines {
			asked, answer, _ := strings.Cut(line, " -> ")
			word := strings.TrimSuffix(strings.TrimPrefix(strings.Fields(asked)[1], "/"), "…")
			body := strings.TrimPrefix(strings.TrimPrefix(answer, "200"), " ")
			if k := min(len(word), len(strings.TrimSuffix(body, "…"))); answer != "?" && body[:k] != word[:k] {
				t.Fatalf("%q: another's answer\n%v", line, lines)
			}
			got = append(got, word)
		}
		if st.Differing != 0 {
			t.Fatal("nothing differs")
		}
		if !lost && (!slices.Equal(got, want) || st.Unanswered+st.Gaps+st.Orphans+st.Cut != 0) {
			t.Fatalf("nothing was lost, and %v is read\n%+v", lines, st)
		}
	})
}

// BenchmarkReader is a gigabit of small keep-alive exchanges, 100 a connection.
func BenchmarkReader(b *testing.B) {
	s := newScript()
	ask := "POST /api/v1/orders HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: bench/1.0\r\nAccept: */*\r\nContent-Type: application/json\r\nAuthorization: Bearer 0123456789abcdef\r\nContent-Length: 300\r\n\r\n" + strings.Repeat("0123456789", 30)
	answer := "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nDate: now\r\nServer: s\r\nContent-Length: 2000\r\n\r\n" + strings.Repeat("0123456789", 200)
	const exchanges = 10_000
	var l *line
	for i := range exchanges {
		if i%100 == 0 {
			if l != nil {
				l.close()
			}
			l = s.connect(netip.AddrPortFrom(clientAddr.Addr(), uint16(1024+i/100)), serverAddr)
		}
		l.ask(ask)
		l.answer(answer[:1400])
		l.answer(answer[1400:])
	}
	capture := s.out.Bytes()
	b.SetBytes(int64(len(capture)))
	b.ReportAllocs()
	for b.Loop() {
		r := NewReader(bytes.NewReader(capture), Options{})
		var x exchange.Exchange
		n := 0
		for {
			if _, err := r.Next(); err != nil {
				break
			}
			x.Reset()
			r.Fill(&x)
			n++
		}
		if n != exchanges {
			b.Fatal(n)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/exchanges, "ns/exchange")
}
