package pcap

import (
	"bytes"
	"encoding/binary"
	"net/netip"
)

// Link types (https://www.tcpdump.org/linktypes.html) that are read.
const (
	linkNull      = 0
	linkEthernet  = 1
	linkRawOpen   = 12 // raw IP as some systems number it
	linkRawOpenB  = 14
	linkRaw       = 101
	linkLoop      = 108
	linkLinuxSLL  = 113
	linkIPv4      = 228
	linkIPv6      = 229
	linkLinuxSLL2 = 276
)

// EtherTypes (IEEE 802 numbers).
const (
	etherIPv4  = 0x0800
	etherIPv6  = 0x86dd
	etherVLAN  = 0x8100
	etherQinQ  = 0x88a8
	etherQinQ2 = 0x9100
)

// Bounds on what may stand in front of a TCP header.
const (
	maxTags       = 4
	maxExtensions = 8
)

// TCP flags (RFC 9293 section 3.1).
const (
	flagFIN = 1 << iota
	flagSYN
	flagRST
	_
	flagACK
)

// key names a connection: both ends, the smaller first, so that both directions find it.
type key struct {
	addr [2][16]byte
	port [2]uint16
}

// ip is the address of one end.
func (k *key) ip(side uint8) netip.Addr { return netip.AddrFrom16(k.addr[side]).Unmap() }

// segment is one TCP segment. payload points into the packet.
type segment struct {
	key      key
	side     uint8 // the end of key that sent it
	flags    uint8
	seq, ack uint32
	payload  []byte
	// missing bytes follow the payload on the wire: the capture cut the packet.
	missing int
}

// outcome says what a packet was.
type outcome uint8

const (
	isOther    outcome = iota // not TCP, or not readable
	isSegment                 // a TCP segment
	isFragment                // a piece of an IP packet
)

// parse finds the TCP segment in a packet.
func (s *segment) parse(p *packet) outcome {
	b := p.data
	kind := uint16(0)
	switch p.link {
	case linkEthernet:
		if len(b) < 14 {
			return isOther
		}
		kind, b = binary.BigEndian.Uint16(b[12:]), b[14:]
		for n := 0; kind == etherVLAN || kind == etherQinQ || kind == etherQinQ2; n++ {
			if len(b) < 4 || n == maxTags {
				return isOther
			}
			kind, b = binary.BigEndian.Uint16(b[2:]), b[4:]
		}
		if kind != etherIPv4 && kind != etherIPv6 {
			return isOther
		}
	case linkLinuxSLL:
		if len(b) < 16 {
			return isOther
		}
		kind, b = binary.BigEndian.Uint16(b[14:]), b[16:]
	case linkLinuxSLL2:
		if len(b) < 20 {
			return isOther
		}
		kind, b = binary.BigEndian.Uint16(b), b[20:]
	case linkNull, linkLoop:
		if len(b) < 4 {
			return isOther
		}
		b = b[4:] // the family's number is another on each system; the IP version says the same
	case linkRaw, linkRawOpen, linkRawOpenB, linkIPv4, linkIPv6:
	default:
		return isOther
	}
	if len(b) == 0 || kind != 0 && kind != etherIPv4 && kind != etherIPv6 {
		return isOther
	}
	wire := p.wire - (len(p.data) - len(b))
	switch b[0] >> 4 {
	case 4:
		return s.parseIPv4(b, wire)
	case 6:
		return s.parseIPv6(b, wire)
	}
	return isOther
}

// v4in6 is what IPv4 addresses begin with when written as IPv6.
const v4in6 = "\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xff\xff"

// parseIPv4 reads RFC 791. wire is how many bytes there were on the wire at most.
func (s *segment) parseIPv4(b []byte, wire int) outcome {
	if len(b) < 20 {
		return isOther
	}
	head, total := int(b[0]&15)*4, int(binary.BigEndian.Uint16(b[2:]))
	if total == 0 {
		total = wire // segmentation is left to the network card, and the packet is larger than the field
	}
	if head < 20 || total < head || len(b) < head {
		return isOther
	}
	if binary.BigEndian.Uint16(b[6:])&0x3fff != 0 { // more fragments, or an offset
		return isFragment
	}
	if b[9] != 6 {
		return isOther
	}
	var from, to [16]byte
	copy(from[:], v4in6)
	copy(to[:], v4in6)
	copy(from[12:], b[12:16])
	copy(to[12:], b[16:20])
	return s.parseTCP(b[head:min(len(b), total)], total-head, &from, &to)
}

// parseIPv6 reads RFC 8200.
func (s *segment) parseIPv6(b []byte, wire int) outcome {
	if len(b) < 40 {
		return isOther
	}
	rest := int(binary.BigEndian.Uint16(b[4:]))
	if rest == 0 {
		rest = wire - 40 // as above
	}
	from, to := [16]byte(b[8:24]), [16]byte(b[24:40])
	next := b[6]
	if rest < 0 {
		return isOther
	}
	b = b[40:min(len(b), 40+rest)]
	for n := 0; ; n++ {
		if next == 6 {
			return s.parseTCP(b, rest, &from, &to)
		}
		if len(b) < 8 || n == maxExtensions {
			return isOther
		}
		size := 0
		switch next {
		case 0, 43, 60: // hop by hop, routing, destination options
			size = int(b[1])*8 + 8
		case 51: // authentication
			size = int(b[1])*4 + 8
		case 44: // fragment
			if binary.BigEndian.Uint16(b[2:])&0xfff9 != 0 {
				return isFragment
			}
			size = 8
		default:
			return isOther
		}
		if size > len(b) {
			return isOther
		}
		next, b, rest = b[0], b[size:], rest-size
	}
}

// parseTCP reads RFC 9293. wire is the length of header and payload on the wire.
func (s *segment) parseTCP(b []byte, wire int, from, to *[16]byte) outcome {
	if len(b) < 20 {
		return isOther
	}
	head := int(b[12]>>4) * 4
	if head < 20 || head > wire || len(b) < head {
		return isOther
	}
	src, dst := binary.BigEndian.Uint16(b), binary.BigEndian.Uint16(b[2:])
	s.seq, s.ack, s.flags = binary.BigEndian.Uint32(b[4:]), binary.BigEndian.Uint32(b[8:]), b[13]
	s.payload = b[head:]
	s.missing = wire - len(b)
	s.side = 0
	if c := bytes.Compare(from[:], to[:]); c > 0 || c == 0 && src > dst {
		s.side = 1
		from, to, src, dst = to, from, dst, src
	}
	s.key = key{addr: [2][16]byte{*from, *to}, port: [2]uint16{src, dst}}
	return isSegment
}
