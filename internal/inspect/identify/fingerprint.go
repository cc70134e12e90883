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
		if !exchange.StackField(f.ID, f.Name) {
			continue
		}
		if f.ID == exchange.HeaderAcceptEncoding {
			h = exchange.MemberLoc(h, f.Value)
		}
		h = exchange.MemberLoc(h, f.Name)
		n++
	}
	if n == 0 {
		return 0
	}
	return identity.Fingerprint(h)
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
