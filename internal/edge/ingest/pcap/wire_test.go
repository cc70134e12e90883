package pcap

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net/netip"
	"strings"
	"testing"

	"merlon/internal/model/exchange"
)

// script writes a capture, packet by packet.
type script struct {
	out     bytes.Buffer
	order   binary.ByteOrder
	section bool
	link    uint32
	at      int64 // of the next packet
	step    int64
	snap    int
}

const epoch = int64(1_700_000_000_000_000_000)

// newScript begins a pcap file of Ethernet packets a millisecond apart.
func newScript() *script {
	s := &script{order: binary.LittleEndian, link: linkEthernet, at: epoch, step: 1e6}
	s.header()
	return s
}

func (s *script) header() {
	s.out.Reset()
	if !s.section {
		b := make([]byte, 24)
		s.order.PutUint32(b, magicNano)
		s.order.PutUint16(b[4:], 2)
		s.order.PutUint16(b[6:], 4)
		s.order.PutUint32(b[16:], 262144)
		s.order.PutUint32(b[20:], s.link)
		s.out.Write(b)
		return
	}
	b := make([]byte, 28)
	s.order.PutUint32(b, blockSection)
	s.order.PutUint32(b[4:], 28)
	s.order.PutUint32(b[8:], sectionOrder)
	s.order.PutUint16(b[12:], 1)
	s.order.PutUint64(b[16:], ^uint64(0))
	s.order.PutUint32(b[24:], 28)
	s.out.Write(b)
	s.block(0xbad, []byte("a block that nobody knows...")) // passed over
	b = make([]byte, 24)
	s.order.PutUint16(b, uint16(s.link))
	s.order.PutUint16(b[8:], 9) // if_tsresol
	s.order.PutUint16(b[10:], 1)
	b[12] = 9
	s.block(blockInterface, b[:20])
}

func (s *script) block(kind uint32, b []byte) {
	for len(b)%4 != 0 {
		b = append(b, 0)
	}
	head := make([]byte, 8)
	s.order.PutUint32(head, kind)
	s.order.PutUint32(head[4:], uint32(len(b)+12))
	s.out.Write(head)
	s.out.Write(b)
	s.out.Write(head[4:])
}

// packet writes one packet and moves the clock.
func (s *script) packet(b []byte) {
	wire := len(b)
	if s.snap > 0 && len(b) > s.snap {
		b = b[:s.snap]
	}
	if s.section {
		head := make([]byte, 20)
		s.order.PutUint32(head[4:], uint32(uint64(s.at)>>32))
		s.order.PutUint32(head[8:], uint32(s.at))
		s.order.PutUint32(head[12:], uint32(len(b)))
		s.order.PutUint32(head[16:], uint32(wire))
		s.block(blockEnhanced, append(head, b...))
	} else {
		head := make([]byte, 16)
		s.order.PutUint32(head, uint32(s.at/1e9))
		s.order.PutUint32(head[4:], uint32(s.at%1e9))
		s.order.PutUint32(head[8:], uint32(len(b)))
		s.order.PutUint32(head[12:], uint32(wire))
		s.out.Write(head)
		s.out.Write(b)
	}
	s.at += s.step
}

// tcp is the bytes of a segment in its packet.
func (s *script) tcp(from, to netip.AddrPort, flags uint8, seq, ack uint32, payload []byte) []byte {
	var b []byte
	switch s.link {
	case linkEthernet:
		b = append(make([]byte, 12), 0x81, 0, 0, 7) // with a VLAN tag
	case linkLinuxSLL:
		b = make([]byte, 14)
	case linkNull:
		b = []byte{2, 0, 0, 0}
	}
	v4 := from.Addr().Is4()
	if s.link == linkEthernet || s.link == linkLinuxSLL {
		kind := uint16(etherIPv6)
		if v4 {
			kind = etherIPv4
		}
		b = binary.BigEndian.AppendUint16(b, kind)
	}
	if v4 {
		ip := make([]byte, 20)
		ip[0], ip[8], ip[9] = 0x45, 64, 6
		binary.BigEndian.PutUint16(ip[2:], uint16(40+len(payload)))
		copy(ip[12:], from.Addr().AsSlice())
		copy(ip[16:], to.Addr().AsSlice())
		b = append(b, ip...)
	} else {
		ip := make([]byte, 40)
		ip[0], ip[6], ip[7] = 0x60, 6, 64
		binary.BigEndian.PutUint16(ip[4:], uint16(20+len(payload)))
		copy(ip[8:], from.Addr().AsSlice())
		copy(ip[24:], to.Addr().AsSlice())
		b = append(b, ip...)
	}
	h := make([]byte, 20)
	binary.BigEndian.PutUint16(h, from.Port())
	binary.BigEndian.PutUint16(h[2:], to.Port())
	binary.BigEndian.PutUint32(h[4:], seq)
	binary.BigEndian.PutUint32(h[8:], ack)
	h[12], h[13] = 5<<4, flags
	return append(append(b, h...), payload...)
}

// line is a scripted connection: it keeps both sequence numbers.
type line struct {
	s              *script
	client, server netip.AddrPort
	seq, ack       uint32 // of the client, of the server
}

var (
	clientAddr = netip.MustParseAddrPort("192.0.2.7:40000")
	serverAddr = netip.MustParseAddrPort("198.51.100.1:80")
)

func (s *script) connect(client, server netip.AddrPort) *line {
	l := s.join(client, server)
	s.packet(s.tcp(client, server, flagSYN, l.seq-1, 0, nil))
	s.packet(s.tcp(server, client, flagSYN|flagACK, l.ack-1, l.seq, nil))
	s.packet(s.tcp(client, server, flagACK, l.seq, l.ack, nil))
	return l
}

// join is a connection whose beginning was not captured.
func (s *script) join(client, server netip.AddrPort) *line {
	return &line{s: s, client: client, server: server, seq: 0xffffff00, ack: 5_000}
}

func (l *line) ask(b string)    { l.s.packet(l.askLater(b)) }
func (l *line) answer(b string) { l.s.packet(l.answerLater(b)) }

// askLater and answerLater move the sequence numbers and leave it to the caller to write the packet, or to lose it.
func (l *line) askLater(b string) []byte {
	p := l.s.tcp(l.client, l.server, flagACK, l.seq, l.ack, []byte(b))
	l.seq += uint32(len(b))
	return p
}

func (l *line) answerLater(b string) []byte {
	p := l.s.tcp(l.server, l.client, flagACK, l.ack, l.seq, []byte(b))
	l.ack += uint32(len(b))
	return p
}

func (l *line) close() {
	l.s.packet(l.s.tcp(l.server, l.client, flagFIN|flagACK, l.ack, l.seq, nil))
	l.s.packet(l.s.tcp(l.client, l.server, flagFIN|flagACK, l.seq, l.ack+1, nil))
}

func (l *line) reset() { l.s.packet(l.s.tcp(l.client, l.server, flagRST, l.seq, 0, nil)) }

// read reads a capture and writes each exchange as one line.
func read(tb testing.TB, capture []byte, o Options) (lines []string, st Stats) {
	tb.Helper()
	r := NewReader(bytes.NewReader(capture), o)
	var x exchange.Exchange
	for {
		_, err := r.Next()
		if errors.Is(err, io.EOF) {
			return lines, r.Stats()
		}
		if err != nil {
			tb.Fatal(err)
		}
		x.Reset()
		r.Fill(&x)
		lines = append(lines, describe(&x))
	}
}

func describe(x *exchange.Exchange) string {
	var b strings.Builder
	b.WriteString(string(x.Method) + " " + string(x.Target))
	if len(x.Request.Body) > 0 {
		b.WriteString(" " + string(x.Request.Body))
	}
	if x.Request.BodySize != int64(len(x.Request.Body)) {
		b.WriteString("…")
	}
	if x.Observed.Has(exchange.SawStatus) {
		b.WriteString(" -> " + string('0'+byte(x.Status/100)) + string('0'+byte(x.Status/10%10)) + string('0'+byte(x.Status%10)))
		if len(x.Response.Body) > 0 {
			b.WriteString(" " + string(x.Response.Body))
		}
		if x.Response.BodySize != int64(len(x.Response.Body)) {
			b.WriteString("…")
		}
	} else {
		b.WriteString(" -> ?")
	}
	for a := range x.Anomalies.All() {
		b.WriteString(" !" + strings.TrimPrefix(a.Describe().Name, "wire."))
	}
	return b.String()
}
