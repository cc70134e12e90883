package http1

import (
	"slices"

	"merlon/internal/model/exchange"
)

// firstFields is how many fields a Head first makes room for: more than most requests have.
const firstFields = 32

// parseFields reads field lines from b[i:] to the empty line that ends them and returns the index behind it.
func (h *Head) parseFields(b []byte, i, limit int, from side) (int, error) {
	var high uint64
	var class uint16
	for {
		if i >= len(b) {
			return 0, ErrNeedMore
		}
		if c := b[i]; c == '\r' || c == '\n' {
			if high&highs != 0 {
				h.Anomalies.Add(exchange.AnomalyNonASCIIField)
			}
			h.judgeNames(class)
			return h.lineEnd(b, i, from)
		}
		if len(h.Fields) == limit {
			return 0, h.note(exchange.AnomalyTooManyHeaders, from)
		}

		s := i
		for i = scanName(b, i); i < len(b); {
			c := byteClass[b[i]]
			if c&classToken == 0 {
				break
			}
			class |= c
			i++
		}
		if i == len(b) {
			return 0, ErrNeedMore
		}
		e := i
		if b[i] != ':' || e == s {
			var err error
			if i, err = h.oddName(b, s, i, from); err != nil {
				return 0, err
			}
		}
		i++
		for i < len(b) && isSpace(b[i]) {
			i++
		}

		v := i
		var seen uint64
		for {
			i, seen = scanText(b, i)
			high |= seen
			if i < len(b) && b[i] == '\t' {
				i++
				continue
			}
			break
		}
		end := i
		if i+1 < len(b) && b[i] == '\r' && b[i+1] == '\n' {
			i += 2
		} else {
			var err error
			if i, err = h.lineEnd(b, i, from); err != nil {
				return 0, err
			}
		}
		for end > v && isSpace(b[end-1]) {
			end--
		}

		id := lookup(b, s, e)
		if len(h.Fields) == cap(h.Fields) {
			h.Fields = slices.Grow(h.Fields, min(limit, firstFields))
		}
		h.Fields = h.Fields[:len(h.Fields)+1]
		f := &h.Fields[len(h.Fields)-1]
		f.Name, f.Value, f.ID = b[s:e:e], b[v:end:end], id
		if id != exchange.HeaderOther {
			if h.index[id] == 0 {
				h.index[id] = uint8(len(h.Fields))
			} else {
				h.dups |= 1 << id
			}
			h.seen |= 1 << id
		}
	}
}

// oddName judges a field line whose name is not followed by a colon at once. Where that is tolerated it returns the
// colon's index.
func (h *Head) oddName(b []byte, s, i int, from side) (int, error) {
	switch c := b[i]; {
	case i == s && isSpace(c):
		return 0, h.refuse(exchange.AnomalyObsFold)
	case c == 0:
		return 0, h.refuse(exchange.AnomalyNUL)
	case i == s || !isSpace(c):
		return 0, h.refuse(exchange.AnomalyBadFieldName)
	}
	for i < len(b) && isSpace(b[i]) {
		i++
	}
	if i == len(b) {
		return 0, ErrNeedMore
	}
	if b[i] != ':' {
		return 0, h.refuse(exchange.AnomalyBadFieldName)
	}
	return i, h.note(exchange.AnomalySpaceBeforeColon, from)
}

// mask is the set of ids as bits.
func mask(ids ...exchange.HeaderID) (m uint64) {
	for _, id := range ids {
		m |= 1 << id
	}
	return m
}

// singletons are fields that may stand once only; the framing ones and Host have anomalies of their own.
var singletons = mask(exchange.HeaderContentType, exchange.HeaderAuthorization, exchange.HeaderCookie, exchange.HeaderUserAgent,
	exchange.HeaderXAPIKey, exchange.HeaderLocation, exchange.HeaderDate, exchange.HeaderServer, exchange.HeaderOrigin,
	exchange.HeaderReferer, exchange.HeaderRetryAfter, exchange.HeaderProxyAuthorization, exchange.HeaderSecWebSocketKey,
	exchange.HeaderSecWebSocketVersion, exchange.HeaderETag, exchange.HeaderExpect)

// judgeNames notes what the field names say together: repeated singletons and '_' in place of '-'.
func (h *Head) judgeNames(class uint16) {
	if h.dups&singletons != 0 {
		h.Anomalies.Add(exchange.AnomalyDuplicateField)
	}
	if class&classUnderscore == 0 {
		return
	}
	for i := range h.Fields {
		f := &h.Fields[i]
		if f.ID == exchange.HeaderOther && isDisguised(f.Name) {
			h.Anomalies.Add(exchange.AnomalyUnderscoreField)
			return
		}
	}
}

// isDisguised tells whether name is a well-known one, or a forwarding one, spelt with '_' (CGI, WSGI and Rack cannot tell
// Content_Length from Content-Length).
func isDisguised(name []byte) bool {
	const longest = 24
	if len(name) > longest {
		return false
	}
	var folded [longest]byte
	found := false
	for i, c := range name {
		if c == '_' {
			c, found = '-', true
		}
		folded[i] = lower(c)
	}
	if !found {
		return false
	}
	s := folded[:len(name)]
	return lookup(s, 0, len(s)) != exchange.HeaderOther || isForwarding(s)
}

// IsForwarding tells whether name is one with which proxies tell of a client; see Rewrite.DropForwarding.
func IsForwarding(name []byte) bool { return isForwarding(name) }

// isForwarding tells whether name is one with which proxies tell the client's address, host, scheme or certificate.
func isForwarding(name []byte) bool {
	const prefix = "x-forwarded-"
	if len(name) > len(prefix) && equalFold(name[:len(prefix)], prefix) {
		return true
	}
	if len(name) >= len(forwarding) {
		return false
	}
	for _, one := range forwarding[len(name)] {
		if equalFold(name, one) {
			return true
		}
	}
	return false
}

// forwarding are the other names in use (RFC 9440, content delivery networks, recipes for nginx and IIS), by length. It is
// read-only.
var forwarding = func() (t [25][]string) {
	for _, name := range []string{
		"x-real-ip", "x-client-ip", "true-client-ip", "cf-connecting-ip", "fastly-client-ip", "x-cluster-client-ip",
		"x-original-url", "x-original-uri", "x-original-host", "x-original-method", "x-rewrite-url",
		"client-cert", "client-cert-chain", "x-client-cert", "x-client-dn", "x-client-verify", "x-arr-clientcert",
		"x-ssl-cert", "x-ssl-client-cert", "x-ssl-client-dn", "x-ssl-client-s-dn", "x-ssl-client-verify",
		"x-ssl-client-fingerprint", "ssl-client-cert", "ssl-client-verify", "x-ssl-client-cn",
	} {
		t[len(name)] = append(t[len(name)], name)
	}
	return t
}()
