package record

import (
	"bytes"
	"net/netip"

	"merlon/internal/edge/ingest/jsonscan"
	"merlon/internal/model/exchange"
)

// Request reads METHOD SP target SP HTTP/x.y. Servers log what they could not read as well: that is an exchange with an
// anomaly and nothing else known of its request, provided that the status is one that servers give to such bytes.
func (g *Target) Request(x *exchange.Exchange, line []byte) Cause {
	m := bytes.IndexByte(line, ' ')
	if v := versionAt(line); v > m+1 && IsMethod(line[:max(m, 0)]) {
		x.Method = line[:m:m]
		g.Set(x, line[m+1:v:v])
		return 0
	}
	if x.Status != 0 && x.Status < 400 {
		return CauseRequest
	}
	x.Observed &^= exchange.SawRequestLine
	if len(line) == 0 || len(line) == 1 && line[0] == '-' {
		x.Anomalies.Add(exchange.AnomalyIncomplete)
		return 0
	}
	x.Anomalies.Add(exchange.AnomalyBadRequestLine)
	x.RawHead = line
	return 0
}

// versionAt is where the version of a request line begins, with the space before it: HTTP/1.1, HTTP/2.0, and HTTP/2 as
// some write it. It is negative when there is none.
func versionAt(line []byte) int {
	v := bytes.LastIndexByte(line, ' ')
	if v < 0 || len(line) < v+7 || string(line[v+1:v+6]) != "HTTP/" || line[v+6]-'0' > 9 {
		return -1
	}
	if rest := line[v+7:]; len(rest) == 0 || len(rest) == 2 && rest[0] == '.' && rest[1]-'0' <= 9 {
		return v
	}
	return -1
}

// Address reads an IPv4 or IPv6 address. An IPv6 address costs one allocation.
func Address(b []byte) (netip.Addr, bool) {
	if a, ok := IPv4(b); ok {
		return a, true
	}
	if len(b) > 64 || bytes.IndexByte(b, ':') < 0 {
		return netip.Addr{}, false
	}
	a, err := netip.ParseAddr(string(b))
	return a, err == nil
}

// AddressPort reads an address that may have a port behind it: 192.0.2.1:80, [2001:db8::1]:80.
func AddressPort(b []byte) (netip.Addr, uint16, bool) {
	k := bytes.LastIndexByte(b, ':')
	if k < 0 || bytes.IndexByte(b, ':') != k { // an address alone, or IPv6
		if a, ok := Address(b); ok {
			return a, 0, true
		}
	}
	if k < 0 {
		k = len(b)
	}
	host := b[:k]
	if len(host) > 2 && host[0] == '[' && host[len(host)-1] == ']' {
		host = host[1 : len(host)-1]
	} else if len(b) > 2 && b[0] == '[' && b[len(b)-1] == ']' {
		host, k = b[1:len(b)-1], len(b)
	}
	a, ok := Address(host)
	if !ok {
		return netip.Addr{}, 0, false
	}
	if k == len(b) {
		return a, 0, true
	}
	port, ok := size(b[k+1:])
	if !ok || port >= 1<<16 {
		return netip.Addr{}, 0, false
	}
	return a, uint16(port), true
}

// IPv4 reads a dotted quad.
func IPv4(b []byte) (netip.Addr, bool) {
	var out [4]byte
	n, digits, v := 0, 0, 0
	for _, c := range b {
		switch {
		case c-'0' <= 9:
			if v = v*10 + int(c-'0'); v > 255 || digits > 0 && v < 10 {
				return netip.Addr{}, false // over a byte, or with a leading zero, which some read as octal
			}
			digits++
		case c == '.' && digits > 0 && n < 3:
			out[n] = byte(v)
			n, digits, v = n+1, 0, 0
		default:
			return netip.Addr{}, false
		}
	}
	if n != 3 || digits == 0 {
		return netip.Addr{}, false
	}
	out[3] = byte(v)
	return netip.AddrFrom4(out), true
}

// HostName tells a word that can stand for a client without being an address: a resolved name, "-", or nginx's "unix:".
func HostName(b []byte) bool {
	if len(b) > 253 {
		return false
	}
	for _, c := range b {
		if c-'0' > 9 && (c|0x20)-'a' > 25 && c != '.' && c != '-' && c != '_' {
			return string(b) == "unix:"
		}
	}
	return len(b) > 0
}

// Unescape undoes the escapes of Apache httpd and nginx (\" \\ \n \t \xHH and so on) in place. Anything else behind a
// backslash stays as it is.
func Unescape(b []byte) []byte {
	k := bytes.IndexByte(b, '\\')
	if k < 0 {
		return b
	}
	out := b[:k]
	for i := k; i < len(b); i++ {
		c := b[i]
		if c != '\\' || i+1 == len(b) {
			out = append(out, c)
			continue
		}
		i++
		switch b[i] {
		case '"', '\\':
			out = append(out, b[i])
		case 'n':
			out = append(out, '\n')
		case 'r':
			out = append(out, '\r')
		case 't':
			out = append(out, '\t')
		case 'b':
			out = append(out, '\b')
		case 'f':
			out = append(out, '\f')
		case 'v':
			out = append(out, '\v')
		case 'x':
			if i+2 < len(b) && jsonscan.Hex(b[i+1]) < 16 && jsonscan.Hex(b[i+2]) < 16 {
				out = append(out, jsonscan.Hex(b[i+1])<<4|jsonscan.Hex(b[i+2]))
				i += 2
				continue
			}
			out = append(out, '\\', 'x')
		default:
			out = append(out, '\\', b[i])
		}
	}
	return out
}
