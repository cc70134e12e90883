package listen

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"slices"
)

// ja4Values bounds how many ciphers, extensions and signature schemes of one ClientHello are looked at. Browsers send 15
// to 20 ciphers, scanners that try everything some 350; a hello has room for 30,000, and sorting those is work for free.
const ja4Values = 512

// extension numbers that JA4 treats apart (RFC 6066, RFC 7301, RFC 8446).
const (
	extServerName        = 0
	extALPN              = 16
	extSupportedVersions = 43
)

// ja4 is the JA4 fingerprint of a ClientHello that came over TCP, such as t13d1516h2_8daaf6152771_e5627efa2ab1
// (FoxIO JA4, TLS client, BSD-3-Clause): transport, version, whether a name was asked for, how many ciphers and
// extensions, the first ALPN value; a hash of the sorted ciphers; a hash of the sorted extensions with the signature
// schemes in the order they were sent. GREASE values (RFC 8701) are left out everywhere.
func ja4(h *tls.ClientHelloInfo) string {
	var ciphers, extensions, schemes [ja4Values]uint16
	c := withoutGrease(ciphers[:0], h.CipherSuites)
	e := withoutGrease(extensions[:0], h.Extensions)
	s := schemes[:0]
	for _, v := range h.SignatureSchemes[:min(len(h.SignatureSchemes), ja4Values)] {
		if !grease(uint16(v)) {
			s = append(s, uint16(v))
		}
	}
	named := byte('i')
	if slices.Contains(e, extServerName) {
		named = 'd'
	}
	var text [36]byte
	out := append(text[:0], 't')
	out = append(out, ja4Version(h.SupportedVersions, slices.Contains(e, extSupportedVersions))...)
	out = append(out, named)
	out = appendCount(out, len(c))
	out = appendCount(out, len(e))
	out = appendALPN(out, h.SupportedProtos)

	slices.Sort(c)
	out = append(out, '_')
	out = appendHash(out, c, nil)
	// Name and ALPN differ from site to site for one and the same client, so the list goes without them.
	e = slices.DeleteFunc(e, func(v uint16) bool { return v == extServerName || v == extALPN })
	slices.Sort(e)
	out = append(out, '_')
	out = appendHash(out, e, s)
	return string(out)
}

// grease tells the values that clients send so that servers stay tolerant: 0x0a0a, 0x1a1a ... 0xfafa.
func grease(v uint16) bool { return v&0x0f0f == 0x0a0a && v>>8 == v&0xff }

func withoutGrease(dst, list []uint16) []uint16 {
	for _, v := range list[:min(len(list), ja4Values)] {
		if !grease(v) {
			dst = append(dst, v)
		}
	}
	return dst
}

// ja4Version is the highest version the client offers. A hello without the extension and below TLS 1.0 leaves the list
// empty, which crypto/tls makes of the old version field.
func ja4Version(versions []uint16, extended bool) string {
	highest := uint16(0)
	for _, v := range versions {
		if !grease(v) {
			highest = max(highest, v)
		}
	}
	switch highest {
	case tls.VersionTLS13:
		return "13"
	case tls.VersionTLS12:
		return "12"
	case tls.VersionTLS11:
		return "11"
	case tls.VersionTLS10:
		return "10"
	case 0:
		if !extended {
			return "s3"
		}
	}
	return "00"
}

// appendCount writes two digits; there is no room for more than 99.
func appendCount(dst []byte, n int) []byte {
	n = min(n, 99)
	return append(dst, '0'+byte(n/10), '0'+byte(n%10))
}

// appendALPN writes the first and last character of the first protocol, or of its hexadecimal form when one of them is
// neither letter nor digit.
func appendALPN(dst []byte, protocols []string) []byte {
	if len(protocols) == 0 || protocols[0] == "" {
		return append(dst, '0', '0')
	}
	p := protocols[0]
	first, last := p[0], p[len(p)-1]
	if alphanumeric(first) && alphanumeric(last) {
		return append(dst, first, last)
	}
	const digits = "0123456789abcdef"
	return append(dst, digits[first>>4], digits[last&15])
}

func alphanumeric(b byte) bool {
	return b-'0' < 10 || b|0x20 >= 'a' && b|0x20 <= 'z'
}

// appendHash writes the first 12 hexadecimal digits of the SHA-256 of a list in hexadecimal, values and then more behind
// an underscore; twelve zeros for an empty list.
func appendHash(dst []byte, values, more []uint16) []byte {
	if len(values) == 0 {
		return append(dst, "000000000000"...)
	}
	var room [1024]byte // an ordinary list takes 200 bytes
	text := appendList(room[:0], values)
	if len(more) > 0 {
		text = appendList(append(text, '_'), more)
	}
	sum := sha256.Sum256(text)
	return hex.AppendEncode(dst, sum[:6])
}

func appendList(dst []byte, values []uint16) []byte {
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = hex.AppendEncode(dst, []byte{byte(v >> 8), byte(v)})
	}
	return dst
}
