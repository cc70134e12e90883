package pcap

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const (
	getA = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n"
	getB = "GET /b HTTP/1.1\r\nHost: h\r\n\r\n"
	ok1  = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\none"
	ok2  = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\ntwo"
	post = "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 10\r\n\r\n"
)

// TestReassembly gives each way in which packets come, or do not come, and what must be read.
func TestReassembly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name  string
		write func(s *script)
		want  []string
		stats Stats // those that are not zero, apart from packets and exchanges
	}{
		{"keep-alive", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			l.ask(getA)
			l.answer(ok1)
			l.ask(getB)
			l.answer(ok2)
			l.close()
		}, []string{"GET /a -> 200 one", "GET /b -> 200 two"}, Stats{HTTP: 1}},
		{"pipelined in one segment", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			l.ask(getA + getB)
			l.answer(ok1 + ok2)
		}, []string{"GET /a -> 200 one", "GET /b -> 200 two"}, Stats{HTTP: 1}},
		{"byte by byte", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			for _, b := range post + "0123456789" {
				l.ask(string(b))
			}
			for _, b := range ok1 {
				l.answer(string(b))
			}
		}, []string{"POST /p 0123456789 -> 200 one"}, Stats{HTTP: 1}},
		{"chunked both ways, with a 100 between", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			l.ask("POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nExpect: 100-continue\r\n\r\n")
			l.answer("HTTP/1.1 100 Continue\r\n\r\n")
			l.ask("3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n")
			l.answer("HTTP/1.1 201 Created\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n")
		}, []string{"POST /p abcde -> 201 hello"}, Stats{HTTP: 1}},
		{"until close", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			l.ask(getA)
			l.answer("HTTP/1.0 200 OK\r\n\r\nall ")
			l.answer("of it")
			l.close()
		}, []string{"GET /a -> 200 all of it"}, Stats{HTTP: 1}},
		{"head and not modified have no body", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			l.ask("HEAD /a HTTP/1.1\r\nHost: h\r\n\r\n" + getB)
			l.answer("HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 3\r\n\r\n")
		}, []string{"HEAD /a -> 200", "GET /b -> 304"}, Stats{HTTP: 1}},
		{"out of order", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			first, second, third := l.askLater(post[:20]), l.askLater(post[20:]), l.askLater("0123456789")
			s.packet(third)
			s.packet(second)
			s.packet(first)
			x, y := l.answerLater(ok1[:30]), l.answerLater(ok1[30:])
			s.packet(y)
			s.packet(x)
		}, []string{"POST /p 0123456789 -> 200 one"}, Stats{HTTP: 1}},
		{"answer captured before its request", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			q, a := l.askLater(getA), l.answerLater(ok1)
			s.packet(a)
			s.packet(q)
		}, []string{"GET /a -> 200 one"}, Stats{HTTP: 1}},
		{"retransmitted, whole and in part", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			p := l.askLater(getA)
			s.packet(p)
			s.packet(p)
			from := l.ack
			l.answer(ok1[:25])
			s.packet(s.tcp(l.server, l.client, flagACK, from+10, l.seq, []byte(ok1[10:])))
		}, []string{"GET /a -> 200 one"}, Stats{HTTP: 1}},
		{"retransmitted with other bytes: the first count", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			from := l.seq
			l.ask(getA)
			s.packet(s.tcp(l.client, l.server, flagACK, from, l.ack, []byte(getB)))
			l.answer(ok1)
		}, []string{"GET /a -> 200 one"}, Stats{HTTP: 1, Differing: 1}},
		{"overlapping with other bytes while waiting: the first count", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			from := l.seq
			s.packet(s.tcp(l.client, l.server, flagACK, from+5, l.ack, []byte(getA[5:])))
			s.packet(s.tcp(l.client, l.server, flagACK, from+3, l.ack, []byte(getB[3:])))
			s.packet(s.tcp(l.client, l.server, flagACK, from, l.ack, []byte(getB[:3])))
			l.seq = from + uint32(len(getA))
			l.answer(ok1)
		}, []string{"GET /a -> 200 one"}, Stats{HTTP: 1, Differing: 1}},
		{"keep-alive probes say nothing", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			l.ask(getA)
			s.packet(s.tcp(l.client, l.server, flagACK, l.seq-1, l.ack, []byte{0}))
			l.answer(ok1)
		}, []string{"GET /a -> 200 one"}, Stats{HTTP: 1}},
		{"a hole in a body of known length", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			l.ask(post + "012")
			l.askLater("3456")
			l.ask("789" + getB)
			l.answer(ok1 + ok2)
		}, []string{"POST /p 012… -> 200 one", "GET /b -> 200 two"}, Stats{HTTP: 1, Gaps: 1}},
		{"a hole in a head: picked up at the next request", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			l.askLater(getA[:10])
			l.ask(getA[10:])
			l.answer(ok1)
			l.ask(getB)
			l.answer(ok2)
		}, []string{"GET /b -> 200 two"}, Stats{HTTP: 1, Gaps: 1, Lost: 1, Orphans: 1}},
		{"a whole request is missing: no answer goes to another", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			l.ask("GET /first HTTP/1.1\r\nHost: h\r\n\r\n")
			l.answer(ok1)
			l.askLater(getA)
			l.answer(ok1)
			l.ask(getB)
			l.answer(ok2)
		}, []string{"GET /first -> 200 one", "GET /b -> 200 two"}, Stats{HTTP: 1, Gaps: 1, Lost: 1, Orphans: 1}},
		{"a whole answer is missing", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			l.ask(getA)
			l.answerLater(ok1)
			l.ask(getB)
			l.answer(ok2)
			l.ask("GET /c HTTP/1.1\r\nHost: h\r\n\r\n")
			l.answer(ok1)
			l.close()
		}, []string{"GET /a -> ?", "GET /b -> 200 two", "GET /c -> 200 one"}, Stats{HTTP: 1, Gaps: 1, Lost: 1, Unanswered: 1}},
		{"a missing request among pipelined ones: whose answer is whose, nobody can say", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			l.ask(getA)
			l.answer(ok1)
			l.askLater("GET /lost HTTP/1.1\r\nHost: h\r\n\r\n")
			l.ask(getB)
			l.answer(ok1 + ok2)
			l.ask("GET /c HTTP/1.1\r\nHost: h\r\n\r\n")
			l.answer(ok1)
		}, []string{"GET /a -> 200 one", "GET /b -> ?", "GET /c -> 200 one"}, Stats{HTTP: 1, Gaps: 1, Lost: 1, Unanswered: 1, Orphans: 1}},
		{"a hole in a chunked request: its answer is the next", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			l.ask("POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
			l.askLater("2\r\nde\r\n")
			l.ask("0\r\n\r\n")
			l.answer(ok1)
			l.ask(getB)
			l.answer(ok2)
			l.ask("GET /c HTTP/1.1\r\nHost: h\r\n\r\n")
			l.answer(ok1)
		}, []string{"POST /p abc… -> 200 one", "GET /b -> ?", "GET /c -> 200 one"}, Stats{HTTP: 1, Gaps: 1, Lost: 1, Cut: 1, Unanswered: 1, Orphans: 1}},
		{"a hole in a chunked answer", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			l.ask(getA)
			l.answer("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n")
			l.answerLater("2\r\nde\r\n")
			l.answer("0\r\n\r\n")
			l.ask(getB)
			l.answer(ok2)
		}, []string{"GET /a -> 200 abc…", "GET /b -> 200 two"}, Stats{HTTP: 1, Gaps: 1, Lost: 1, Orphans: 1}},
		{"a tunnel", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			l.ask("CONNECT h:443 HTTP/1.1\r\nHost: h:443\r\n\r\n")
			l.answer("HTTP/1.1 200 Connection established\r\n\r\n")
			l.ask("\x16\x03\x01\x00\x05hello")
		}, []string{"CONNECT h:443 -> 200 !connect"}, Stats{HTTP: 1, Switched: 1}},
		{"begun in the middle", func(s *script) {
			l := s.join(clientAddr, serverAddr)
			l.answer("the end of something\r\n")
			l.ask(getA)
			l.answer(ok1)
		}, []string{"GET /a -> 200 one"}, Stats{HTTP: 1}},
		{"cut by the snapshot length", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			l.ask(getA)
			s.snap = 58 + len("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n") + 5
			l.answer("HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n" + strings.Repeat("0123456789", 10))
			s.snap = 0
			l.ask(getB)
			l.answer(ok2)
		}, []string{"GET /a -> 200 01234…", "GET /b -> 200 two"}, Stats{HTTP: 1, Gaps: 1}},
		{"the same ports again", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			l.ask(getA)
			l.answer(ok1)
			n := s.join(clientAddr, serverAddr)
			n.seq, n.ack = 77_000, 99_000
			s.packet(s.tcp(n.client, n.server, flagSYN, n.seq-1, 0, nil))
			s.packet(s.tcp(n.server, n.client, flagSYN|flagACK, n.ack-1, n.seq, nil))
			n.ask(getB)
			n.answer(ok2)
		}, []string{"GET /a -> 200 one", "GET /b -> 200 two"}, Stats{HTTP: 2}},
		{"reset before the answer", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			l.ask(getA)
			l.reset()
		}, []string{"GET /a -> ?"}, Stats{HTTP: 1, Unanswered: 1}},
		{"ended in the middle of a head", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			l.ask(getA[:20])
			l.close()
		}, []string{"GET /a -> ? !incomplete"}, Stats{HTTP: 1, Unanswered: 1}},
		{"ended in the middle of a body", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			l.ask(post + "012")
			l.close()
		}, []string{"POST /p 012 -> ? !incomplete"}, Stats{HTTP: 1, Unanswered: 1}},
		{"refused: both lengths; what follows is not guessed at", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			l.ask("POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + getB)
			l.answer(ok1 + ok2)
		}, []string{"POST /p -> 200 one !cl-te"}, Stats{HTTP: 1}},
		{"websocket", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			l.ask("GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n")
			l.answer("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n\x81\x05hello")
			l.ask("\x81\x85....hello")
		}, []string{"GET /ws -> 101"}, Stats{HTTP: 1, Switched: 1}},
		{"TLS", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			l.ask("\x16\x03\x01\x00\x05hello")
			l.answer("\x16\x03\x03\x00\x05hello")
		}, nil, Stats{TLS: 1, TLSBytes: 20}},
		{"TLS from the middle", func(s *script) {
			s.join(clientAddr, serverAddr).answer("\x17\x03\x03\x00\x05hello")
		}, nil, Stats{TLS: 1, TLSBytes: 10}},
		{"HTTP/2", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			l.ask("PRI * HT")
			l.ask("TP/2.0\r\n\r\nSM\r\n\r\n")
		}, nil, Stats{HTTP2: 1}},
		{"SSH and SMTP", func(s *script) {
			s.connect(clientAddr, serverAddr).answer("SSH-2.0-OpenSSH_9.6\r\n")
			s.connect(netip.MustParseAddrPort("192.0.2.7:2"), serverAddr).ask("EHLO example\r\n")
		}, nil, Stats{Other: 2}},
		{"fragments and other packets", func(s *script) {
			l := s.connect(clientAddr, serverAddr)
			p := l.askLater(getA)
			p[16+2+6] |= 0x20 // more fragments
			s.packet(p)
			s.packet([]byte("short"))
		}, nil, Stats{Fragments: 1, OtherPackets: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, section := range []bool{false, true} {
				for _, order := range []binary.ByteOrder{binary.LittleEndian, binary.BigEndian} {
					s := newScript()
					s.section, s.order = section, order
					s.header()
					c.write(s)
					got, st := read(t, s.out.Bytes(), Options{})
					if d := cmp.Diff(c.want, got); d != "" {
						t.Error(d)
					}
					st.Packets, st.Exchanges = 0, 0
					if d := cmp.Diff(c.stats, st); d != "" {
						t.Error(d)
					}
				}
			}
		})
	}
}
