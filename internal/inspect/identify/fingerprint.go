package identify

import (
	"merlon/internal/model/exchange"
	"merlon/internal/model/identity"
)

// fingerprintVersion begins every fingerprint, so that a changed construction never meets old values.
const fingerprintVersion = 0x6d66703100000001

// fingerprint is our own construction: a hash of the names of the fields that a client's HTTP stack writes on every
// request, in wire order and casing, and of the value of Accept-Encoding, which the stack fills in too.
//
// Only fields of a fixed list count. What a page, a method, a login or a hop adds (Cookie, Authorization, Content-*,
// Origin, Referer, If-*, Range, Cache-Control, Connection, X-Forwarded-*, trace ids, an API's own fields) does not, so
// that one client's GET and POST, anonymous and logged in, have one fingerprint. Two clients of one stack share it: it
// says what a client is, not who.
func fingerprint(fields []exchange.Field) identity.Fingerprint {
	h := uint64(fingerprintVersion)
	n := 0
	for i := range fields {
		f := &fields[i]
		switch f.ID {
		case exchange.HeaderHost, exchange.HeaderUserAgent, exchange.HeaderAccept, exchange.HeaderAcceptLanguage:
		case exchange.HeaderAcceptEncoding:
			h = exchange.MemberLoc(h, f.Value)
		case exchange.HeaderOther:
			if !stackField(f.Name) {
				continue
			}
		default:
			continue
		}
		h = exchange.MemberLoc(h, f.Name)
		n++
	}
	if n == 0 {
		return 0
	}
	return identity.Fingerprint(h)
}

// stackField knows the less common fields that a stack writes on every request. Navigations add others
// (sec-fetch-user, upgrade-insecure-requests), which are left out.
func stackField(name []byte) bool {
	switch len(name) {
	case 3, 7, 8, 9, 14, 16, 18, 26, 27, 32:
	default:
		return false
	}
	switch name[0] | 0x20 {
	case 'a', 'd', 'p', 's':
	default:
		return false
	}
	var buf [32]byte
	switch string(lower(buf[:], name)) {
	case "dnt", "sec-gpc", "priority", "sec-ch-ua", "accept-charset", "sec-fetch-site", "sec-fetch-mode", "sec-fetch-dest",
		"sec-ch-ua-mobile", "sec-ch-ua-platform":
		return true
	}
	return false
}

// lower copies name in lower case to dst, as far as it fits.
func lower(dst, name []byte) []byte {
	n := copy(dst, name)
	for i, c := range dst[:n] {
		if c-'A' < 26 {
			dst[i] = c | 0x20
		}
	}
	return dst[:n]
}
