package record

import (
	"bytes"

	"merlon/internal/model/exchange"
)

// sizes fills the sizes of bodies. A size with its head is taken where no other is known, and for a request only when the
// method gives it a body.
func (l *Line) sizes(x *exchange.Exchange) Cause {
	for _, m := range [...]struct {
		body, all What
		message   *exchange.Message
		wanted    bool
	}{
		{RequestBody, RequestReceived, &x.Request, hasBody(x.Method)},
		{ResponseBody, ResponseSent, &x.Response, l.present>>ResponseBody&1 == 0}, // "-" is an empty one
	} {
		v := l.values[m.body]
		if v == nil && m.wanted {
			v = l.values[m.all]
		}
		if v == nil {
			continue
		}
		n, ok := size(v)
		if !ok {
			return CauseSize
		}
		m.message.BodySize = n
	}
	return 0
}

// hasBody tells a method whose requests have content (RFC 9110 section 9.3).
func hasBody(method []byte) bool {
	switch string(method) {
	case "POST", "PUT", "PATCH":
		return true
	}
	return false
}

// requestLine reads the request from whichever fields show it.
func (l *Line) requestLine(x *exchange.Exchange) Cause {
	v := &l.values
	switch {
	case v[Request] != nil:
		return l.target.Request(x, v[Request])
	case v[URL] != nil:
		return l.url(x, v[URL])
	case v[Method] == nil && v[URI] == nil && v[Path] == nil:
		if l.present>>Request&1|l.present>>URL&1|l.present>>Method&1 == 0 {
			return CauseMember
		}
		return l.target.Request(x, nil) // a connection without a request, if the status agrees
	case !IsMethod(v[Method]):
		return CauseMethod
	}
	x.Method = v[Method]
	t := v[URI]
	if t == nil {
		if v[Path] == nil {
			return CauseURL
		}
		if t = v[Path]; v[Query] != nil || bytes.IndexByte(t, '?') < 0 {
			t = l.encoded(t, v[Query])
		}
	} else if q := v[Query]; q != nil && bytes.IndexByte(t, '?') < 0 {
		l.scratch = append(append(append(l.scratch[:0], t...), '?'), bytes.TrimPrefix(q, []byte("?"))...)
		t = l.scratch
	}
	l.target.Set(x, t)
	return 0
}

// encoded is a target whose path had been decoded: what could not stand in one is escaped again, so that it is no mistake
// of the client's.
func (l *Line) encoded(path, query []byte) []byte {
	const digits = "0123456789ABCDEF"
	b := l.scratch[:0]
	for _, c := range path {
		if c <= ' ' || c >= 0x7f || c == '%' || c == '?' || c == '#' || c == '\\' {
			b = append(b, '%', digits[c>>4], digits[c&15])
		} else {
			b = append(b, c)
		}
	}
	if query = bytes.TrimPrefix(query, []byte("?")); len(query) > 0 {
		b = append(append(b, '?'), query...)
	}
	l.scratch = b
	return b
}

// url reads METHOD http://host:port/target HTTP/x.y, as load balancers write it whatever the client sent; a request that
// could not be read has dashes for its parts.
func (l *Line) url(x *exchange.Exchange, line []byte) Cause {
	m := bytes.IndexByte(line, ' ')
	end := versionAt(line)
	if m <= 0 || line[0] == '-' && m == 1 || end <= m || !IsMethod(line[:m]) {
		if v := bytes.LastIndexByte(line, ' '); m == 1 && line[0] == '-' || v > 0 && string(bytes.TrimRight(line[v+1:], " ")) == "-" {
			line = nil
		}
		return l.target.Request(x, line)
	}
	x.Method = line[:m:m]
	u := line[m+1 : end : end]
	k := bytes.Index(u, []byte("://"))
	if k < 0 || k > 5 {
		l.target.Set(x, u)
		return 0
	}
	u = u[k+3:]
	slash := bytes.IndexAny(u, "/?")
	if slash < 0 {
		slash = len(u)
	}
	host := HostOnly(u[:slash:slash])
	switch u = u[slash:]; {
	case len(u) == 0:
		u = append(l.scratch[:0], '/')
		l.scratch = u
	case u[0] == '?':
		u = append(append(l.scratch[:0], '/'), u...)
		l.scratch = u
	}
	l.target.Set(x, u)
	if len(l.values[HostHeader]) == 0 {
		x.Host = host
	}
	return 0
}
