package identify

import (
	"bytes"
	"net/netip"
	"unsafe"

	"merlon/internal/model/exchange"
)

// forwarded finds the client in X-Forwarded-For or, where there is none, in Forwarded (RFC 7239): the entry that the
// outermost of the trusted hops wrote, counted from the right, since everything to its left is the client's own words. With
// fewer entries than hops it is the leftmost; an entry that is no address ends the search at the one to its right.
//
// Only one of the two is read. Hops append to one and pass the other on as the client made it up, and nearly all append to
// X-Forwarded-For.
func forwarded(fields []exchange.Field, hops int) (addr netip.Addr, ok bool) {
	id := exchange.HeaderForwarded
	for i := range fields {
		if fields[i].ID == exchange.HeaderXForwardedFor {
			id = exchange.HeaderXForwardedFor
			break
		}
	}
	for i := len(fields) - 1; i >= 0; i-- {
		if fields[i].ID != id {
			continue
		}
		for v := fields[i].Value; ; {
			comma := bytes.LastIndexByte(v, ',')
			entry := bytes.TrimSpace(v[comma+1:])
			if id == exchange.HeaderForwarded {
				entry = forwardedNode(entry)
			}
			a, valid := address(entry)
			if !valid {
				return addr, ok
			}
			addr, ok = a, true
			if hops--; hops == 0 {
				return addr, true
			}
			if comma < 0 {
				break
			}
			v = v[:comma]
		}
	}
	return addr, ok
}

// forwardedNode is the node of an element's for parameter (RFC 7239 section 4), without its quotes; nil when there is none,
// or more than one. No node holds a comma, a semicolon or an escape, so an element in which one was quoted falls apart into
// pieces that are no addresses, and the search ends there.
func forwardedNode(element []byte) (node []byte) {
	for more := true; more; {
		var pair []byte
		pair, element, more = bytes.Cut(element, []byte{';'})
		name, value, found := bytes.Cut(bytes.TrimSpace(pair), []byte{'='})
		if !found || !bytes.EqualFold(name, []byte("for")) {
			continue
		}
		if node != nil {
			return nil
		}
		if n := len(value); n >= 2 && value[0] == '"' && value[n-1] == '"' {
			value = value[1 : n-1]
		}
		node = value
	}
	return node
}

// maxAddress is the length of the longest address with brackets and port.
const maxAddress = 54

// address reads an address with or without port; IPv6 with a port stands in brackets. Zones name interfaces of another
// machine and are refused.
func address(v []byte) (netip.Addr, bool) {
	if len(v) < 2 || len(v) > maxAddress || bytes.IndexByte(v, '%') >= 0 {
		return netip.Addr{}, false
	}
	if v[0] == '[' {
		end := bytes.IndexByte(v, ']')
		if end < 0 || end+1 < len(v) && !isPort(v[end+1:]) {
			return netip.Addr{}, false
		}
		v = v[1:end]
	} else if colon := bytes.IndexByte(v, ':'); colon >= 0 && bytes.IndexByte(v[colon+1:], ':') < 0 {
		if !isPort(v[colon:]) {
			return netip.Addr{}, false
		}
		v = v[:colon]
	}
	if len(v) == 0 {
		return netip.Addr{}, false
	}
	// Without a zone the address keeps nothing of the string.
	a, err := netip.ParseAddr(unsafe.String(unsafe.SliceData(v), len(v)))
	return a.Unmap(), err == nil
}

func isPort(v []byte) bool {
	if len(v) < 2 || len(v) > 6 || v[0] != ':' {
		return false
	}
	for _, c := range v[1:] {
		if c-'0' > 9 {
			return false
		}
	}
	return true
}
