package walk

import (
	"bytes"

	"merlon/internal/model/dataclass"
	"merlon/internal/model/exchange"
)

// headers lists the fields that belong to the API as leaves of part: not those of the connection, of caches and of every
// browser. Cookies become leaves of InCookie. The value of a credential is classified, and flagged LeafSecretName.
func (w *Walker) headers(fields []exchange.Field, part exchange.Part) {
	n, root := 0, exchange.RootLoc(part)
	for i := range fields {
		f := &fields[i]
		secret := false
		switch f.ID {
		case exchange.HeaderOther:
			if common(f.Name) {
				continue
			}
		case exchange.HeaderCookie:
			w.part = exchange.InCookie
			w.cookies(f.Value)
			continue
		case exchange.HeaderAuthorization, exchange.HeaderProxyAuthorization, exchange.HeaderXAPIKey:
			secret = true
		case exchange.HeaderSetCookie:
			secret = true
		case exchange.HeaderContentType, exchange.HeaderLocation, exchange.HeaderWWWAuthenticate:
		default:
			continue
		}
		if n++; n > w.lim.Headers || w.full() {
			w.report.Skipped++
			w.report.Issues.add(IssueTooMany)
			continue
		}
		w.part = part
		name := knownNames[f.ID]
		if f.ID == exchange.HeaderOther {
			name = w.lowered(f.Name)
		}
		loc, t, at, again := w.member(root, -1, name)
		l := w.grow(loc, -1, name, flagsOf(t, again && f.ID != exchange.HeaderSetCookie), w.repeated(at))
		if secret { // its class is known by its name, and looking at a long token costs more than all the rest
			l.Kind, l.Value, l.Len = exchange.KindString, f.Value, uint32(len(f.Value))
			l.Flags |= exchange.LeafSecretName
			if f.ID != exchange.HeaderSetCookie {
				l.Classes = 1 << dataclass.CredentialKey
			}
			continue
		}
		w.text(l, f.Value, t)
	}
}

// cookies lists the pairs of a Cookie field (RFC 6265 section 4.2.1). A cookie's value is never kept as a literal, and
// one that looks like a key is a secret whatever its name: sessions hide under any name.
func (w *Walker) cookies(v []byte) {
	root := exchange.RootLoc(exchange.InCookie)
	for n := 0; len(v) > 0; {
		end := bytes.IndexByte(v, ';')
		pair := v
		if end >= 0 {
			pair, v = v[:end:end], v[end+1:]
		} else {
			v = nil
		}
		pair = bytes.TrimSpace(pair)
		if len(pair) == 0 {
			continue
		}
		if n++; n > w.lim.Cookies || w.full() {
			w.report.Skipped++
			w.report.Issues.add(IssueTooMany)
			continue
		}
		name, value := pair, []byte(nil)
		if eq := bytes.IndexByte(pair, '='); eq >= 0 {
			name, value = pair[:eq:eq], pair[eq+1:]
		}
		if k := len(value); k > 1 && value[0] == '"' && value[k-1] == '"' {
			value = value[1 : k-1]
		}
		loc, t, at, again := w.member(root, -1, name)
		l := w.grow(loc, -1, name, flagsOf(t, again), w.repeated(at))
		w.text(l, value, t)
		l.Flags &^= exchange.LeafLiteral
		if len(value) >= 16 && l.Classes&opaqueClasses != 0 {
			l.Flags = l.Flags&^exchange.LeafIdentifier | exchange.LeafSecretName
		}
	}
}

// opaqueClasses are the forms in which session keys come.
const opaqueClasses = uint64(1<<dataclass.UUID | 1<<dataclass.ULID | 1<<dataclass.KSUID | 1<<dataclass.Hex |
	1<<dataclass.Base64 | 1<<dataclass.Base62 | 1<<dataclass.PrefixedID)

// knownNames are the names of the well-known fields in lower case. They are constant.
var knownNames = func() (t [exchange.NumHeaders][]byte) {
	for id := range t {
		t[id] = []byte(exchange.HeaderID(id).String())
	}
	return t
}()

// lowered is a field name in lower case: names compare without case, and locations must too.
func (w *Walker) lowered(name []byte) []byte {
	from := len(w.arena)
	for _, c := range name {
		if c-'A' < 26 {
			c |= 0x20
		}
		w.arena = append(w.arena, c)
	}
	return w.arena[from:len(w.arena):len(w.arena)]
}

// common tells fields that every client, proxy or browser sends and no API reads.
func common(name []byte) bool {
	var buf [28]byte
	if len(name) > len(buf) {
		return hasPrefix(name, "sec-ch-") || hasPrefix(name, "access-control-") || hasPrefix(name, "cf-") || hasPrefix(name, "content-security-policy")
	}
	s := buf[:lower(buf[:], name)]
	switch s[0] {
	case 's':
		if hasPrefix(s, "sec-") {
			return true
		}
	case 'a':
		if hasPrefix(s, "access-control-") {
			return true
		}
	case 'c':
		if hasPrefix(s, "cf-") || hasPrefix(s, "content-") {
			return true
		}
	case 'i':
		if hasPrefix(s, "if-") {
			return true
		}
	case 'x':
		if hasPrefix(s, "x-forwarded-") || hasPrefix(s, "x-b3-") || hasPrefix(s, "x-amz") || hasPrefix(s, "x-envoy-") {
			return true
		}
	}
	switch string(s) {
	case "dnt", "via", "age", "vary", "pragma", "range", "priority", "expires", "last-modified", "accept-ranges",
		"accept-charset", "upgrade-insecure-requests", "save-data", "traceparent", "tracestate", "baggage", "sentry-trace",
		"x-real-ip", "x-correlation-id", "x-trace-id", "x-request-start", "x-powered-by", "x-runtime", "x-frame-options",
		"x-content-type-options", "x-xss-protection", "x-dns-prefetch-control", "x-download-options", "x-cache", "server-timing",
		"strict-transport-security", "referrer-policy", "permissions-policy", "report-to", "nel", "alt-svc", "link", "allow",
		"true-client-ip", "x-requested-with", "x-ua-compatible":
		return true
	}
	return false
}

// hasPrefix compares the beginning of b with a lower-case prefix, without case.
func hasPrefix(b []byte, prefix string) bool {
	if len(b) < len(prefix) {
		return false
	}
	for i := range len(prefix) {
		c := b[i]
		if c-'A' < 26 {
			c |= 0x20
		}
		if c != prefix[i] {
			return false
		}
	}
	return true
}
