package listen

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"io"
	"net/netip"
	"os"
	"testing"
)

// stream names one direction of a TCP connection.
type stream struct{ from, to netip.AddrPort }

// clientHellos are the TLS ClientHello records of a capture file (pcap or pcapng, gzipped), by connection, in the order in
// which they were sent. It reads what the captures of the corpus need, and nothing more.
func clientHellos(t *testing.T, file string) map[stream][][]byte {
	t.Helper()
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[stream][][]byte)
	open := make(map[stream]bool) // the last hello is not whole yet
	eachPacket(b, func(link uint32, p []byte) {
		from, to, payload := tcpSegment(link, p)
		if len(payload) == 0 {
			return
		}
		key := stream{from, to}
		// The second hello, after the server asked for another key share, has a change of ciphers before it.
		payload = bytes.TrimPrefix(payload, []byte{20, 3, 3, 0, 1, 1})
		switch {
		case len(payload) > 5 && payload[0] == 22 && payload[1] == 3 && payload[5] == 1:
			out[key] = append(out[key], bytes.Clone(payload))
		case open[key]:
			last := len(out[key]) - 1
			out[key][last] = append(out[key][last], payload...)
		default:
			return
		}
		last := out[key][len(out[key])-1]
		size := 5 + int(binary.BigEndian.Uint16(last[3:]))
		open[key] = len(last) < size
		if !open[key] {
			out[key][len(out[key])-1] = last[:size]
		}
	})
	return out
}

// eachPacket calls f for every packet with its link type.
func eachPacket(b []byte, f func(link uint32, packet []byte)) {
	le := binary.LittleEndian
	if le.Uint32(b) == 0xa1b2c3d4 { // pcap: a header of 24 bytes, then records of 16 and a packet
		link := le.Uint32(b[20:])
		for b = b[24:]; len(b) >= 16; {
			n := int(le.Uint32(b[8:]))
			f(link, b[16:16+n])
			b = b[16+n:]
		}
		return
	}
	var links []uint32
	for len(b) >= 12 { // pcapng: blocks of type, length, body, length
		kind, n := le.Uint32(b), int(le.Uint32(b[4:]))
		switch body := b[8 : n-4]; kind {
		case 1: // interface description
			links = append(links, uint32(le.Uint16(body)))
		case 6: // enhanced packet
			f(links[le.Uint32(body)], body[20:20+le.Uint32(body[12:])])
		}
		b = b[n:]
	}
}

// tcpSegment finds TCP in a packet; payload is nil for everything else.
func tcpSegment(link uint32, p []byte) (from, to netip.AddrPort, payload []byte) {
	kind := uint16(0)
	switch {
	case link == 1 && len(p) >= 14: // Ethernet
		kind, p = binary.BigEndian.Uint16(p[12:]), p[14:]
		if kind == 0x8100 && len(p) >= 4 {
			kind, p = binary.BigEndian.Uint16(p[2:]), p[4:]
		}
	case link == 113 && len(p) >= 16: // Linux cooked
		kind, p = binary.BigEndian.Uint16(p[14:]), p[16:]
	default: // loopback, raw IP
		if link == 0 && len(p) >= 4 {
			p = p[4:]
		}
		if len(p) > 0 {
			kind = map[byte]uint16{4: 0x0800, 6: 0x86dd}[p[0]>>4]
		}
	}
	var src, dst netip.Addr
	switch {
	case kind == 0x0800 && len(p) >= 20 && p[9] == 6:
		src, dst = netip.AddrFrom4([4]byte(p[12:])), netip.AddrFrom4([4]byte(p[16:]))
		end := min(int(binary.BigEndian.Uint16(p[2:])), len(p))
		p = p[min(int(p[0]&15)*4, end):end]
	case kind == 0x86dd && len(p) >= 40 && p[6] == 6:
		src, dst = netip.AddrFrom16([16]byte(p[8:])), netip.AddrFrom16([16]byte(p[24:]))
		p = p[40:min(40+int(binary.BigEndian.Uint16(p[4:])), len(p))]
	default:
		return from, to, nil
	}
	if len(p) < 20 || len(p) < int(p[12]>>4)*4 {
		return from, to, nil
	}
	return netip.AddrPortFrom(src, binary.BigEndian.Uint16(p)), netip.AddrPortFrom(dst, binary.BigEndian.Uint16(p[2:])), p[int(p[12]>>4)*4:]
}
