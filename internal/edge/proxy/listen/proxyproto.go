package listen

import (
	"bytes"
	"encoding/binary"
	"errors"
	"net/netip"
	"strconv"
	"strings"
)

// The PROXY protocol, versions 1 and 2 (haproxy.org/download/2.9/doc/proxy-protocol.txt).
var (
	proxyV1 = []byte("PROXY ")
	proxyV2 = []byte("\r\n\r\n\x00\r\nQUIT\n")
)

// maxProxyV1 is the longest version 1 line the specification allows, with its CRLF.
const maxProxyV1 = 107

// maxProxyV2 bounds the address block and TLVs of version 2; the longest known TLVs (certificate subjects) stay below.
const maxProxyV2 = 4 << 10

var (
	errProxyMore    = errors.New("the header is not complete yet")
	errProxyDamaged = errors.New("damaged PROXY protocol header")
)

// parseProxyHeader takes a PROXY protocol header off b. It returns its length, which is 0 when b does not begin with
// one, and the client it names, which is invalid for LOCAL and UNKNOWN (health checks of the peer itself).
func parseProxyHeader(b []byte) (int, netip.AddrPort, error) {
	switch {
	case len(b) == 0 || hasPart(b, proxyV1) || hasPart(b, proxyV2):
		return 0, netip.AddrPort{}, errProxyMore
	case bytes.HasPrefix(b, proxyV1):
		return parseProxyV1(b)
	case bytes.HasPrefix(b, proxyV2):
		return parseProxyV2(b)
	default:
		return 0, netip.AddrPort{}, nil
	}
}

// hasPart tells whether b is shorter than sign and may become it.
func hasPart(b, sign []byte) bool { return len(b) < len(sign) && bytes.HasPrefix(sign, b) }

func parseProxyV1(b []byte) (int, netip.AddrPort, error) {
	end := bytes.Index(b[:min(len(b), maxProxyV1)], []byte("\r\n"))
	if end < 0 {
		if len(b) >= maxProxyV1 {
			return 0, netip.AddrPort{}, errProxyDamaged
		}
		return 0, netip.AddrPort{}, errProxyMore
	}
	words := strings.Split(string(b[len(proxyV1):end]), " ")
	if words[0] == "UNKNOWN" {
		return end + 2, netip.AddrPort{}, nil
	}
	if len(words) != 5 || words[0] != "TCP4" && words[0] != "TCP6" {
		return 0, netip.AddrPort{}, errProxyDamaged
	}
	addr, err := netip.ParseAddr(words[1])
	port, errPort := strconv.ParseUint(words[3], 10, 16)
	if err != nil || errPort != nil || addr.Zone() != "" || addr.Is4() != (words[0] == "TCP4") {
		return 0, netip.AddrPort{}, errProxyDamaged
	}
	if _, err := netip.ParseAddr(words[2]); err != nil {
		return 0, netip.AddrPort{}, errProxyDamaged
	}
	return end + 2, netip.AddrPortFrom(addr.Unmap(), uint16(port)), nil
}

func parseProxyV2(b []byte) (int, netip.AddrPort, error) {
	const fixed = 16
	if len(b) < fixed {
		return 0, netip.AddrPort{}, errProxyMore
	}
	n := int(binary.BigEndian.Uint16(b[14:]))
	if b[12]>>4 != 2 || b[12]&15 > 1 || n > maxProxyV2 {
		return 0, netip.AddrPort{}, errProxyDamaged
	}
	if len(b) < fixed+n {
		return 0, netip.AddrPort{}, errProxyMore
	}
	block := b[fixed : fixed+n]
	if b[12]&15 == 0 { // LOCAL
		return fixed + n, netip.AddrPort{}, nil
	}
	switch b[13] {
	case 0x11: // TCP over IPv4
		if n < 12 {
			return 0, netip.AddrPort{}, errProxyDamaged
		}
		return fixed + n, netip.AddrPortFrom(netip.AddrFrom4([4]byte(block[:4])), binary.BigEndian.Uint16(block[8:])), nil
	case 0x21: // TCP over IPv6
		if n < 36 {
			return 0, netip.AddrPort{}, errProxyDamaged
		}
		return fixed + n, netip.AddrPortFrom(netip.AddrFrom16([16]byte(block[:16])).Unmap(), binary.BigEndian.Uint16(block[32:])), nil
	default: // UNSPEC, UDP, UNIX: nothing that names a client here
		return fixed + n, netip.AddrPort{}, nil
	}
}
