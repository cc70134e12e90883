package record

import (
	"bytes"

	"merlon/internal/edge/http1"
	"merlon/internal/model/exchange"
)

// Target reads request targets. A plain one costs one look at its bytes; any other is judged by the codec that the proxy
// uses, so that a path has the same anomalies whether it was seen live or logged.
type Target struct {
	head    http1.RequestHead
	scratch []byte
}

// maxTarget bounds the targets that the codec looks at. An exchange line may have one of megabytes.
const maxTarget = 64 << 10

// targetAnomalies are those that a request line alone can show.
const targetAnomalies = exchange.Anomalies(1<<exchange.AnomalyBadRequestLine | 1<<exchange.AnomalyBadTarget | 1<<exchange.AnomalyConnect |
	1<<exchange.AnomalyAbsoluteForm | 1<<exchange.AnomalyFragment | 1<<exchange.AnomalyTargetCharacter |
	1<<exchange.AnomalyNonASCIITarget | 1<<exchange.AnomalyBadPercentEncoding | 1<<exchange.AnomalyEncodedSlash |
	1<<exchange.AnomalyEncodedControl | 1<<exchange.AnomalyDotSegment | 1<<exchange.AnomalyBackslash)

// Set fills Target, Path, RawQuery, target anomalies, and the host of an absolute form. x.Method is set before.
func (g *Target) Set(x *exchange.Exchange, t []byte) {
	x.Target = t
	x.Path, x.RawQuery = t, nil
	if q := bytes.IndexByte(t, '?'); q >= 0 {
		x.Path, x.RawQuery = t[:q:q], t[q+1:]
	}
	if plainTarget(t) {
		return
	}
	if len(t) > maxTarget {
		x.Anomalies.Add(exchange.AnomalyLineTooLong)
		x.RawHead = t[:maxTarget]
		return
	}
	if broken := brokenTarget(t); broken != 0 {
		// No codec would have taken this for one request line: it is known only because a server logged it.
		x.Anomalies.Union(broken)
		x.RawHead = t
		return
	}
	b := append(g.scratch[:0], x.Method...)
	b = append(b, ' ')
	b = append(b, t...)
	line := len(b) + len(" HTTP/1.1")
	b = append(b, " HTTP/1.1\r\nHost: h\r\n\r\n"...)
	g.scratch = b
	limits := http1.DefaultLimits()
	limits.StartLineBytes, limits.HeadBytes = 2*maxTarget, 2*maxTarget // what was logged was served, whatever its length
	h := &g.head
	_, err := h.Parse(b, &limits)
	found := h.Anomalies & targetAnomalies
	if err != nil && found == 0 {
		found.Add(exchange.AnomalyBadTarget)
	}
	x.Anomalies.Union(found)
	if found.Has(exchange.AnomalyAbsoluteForm) && len(h.Path) > 0 {
		x.Path, x.RawQuery = h.Path, h.RawQuery
		x.Host = HostOnly(h.Host)
	}
	if x.Anomalies != 0 {
		x.RawHead = b[:line:line]
	}
	if err != nil {
		h.Reset() // the next target is another message
	}
}

// brokenTarget finds bytes that end a target, or a line, in every parser.
func brokenTarget(t []byte) (found exchange.Anomalies) {
	for _, c := range t {
		switch {
		case c == ' ':
			found.Add(exchange.AnomalyBadRequestLine)
		case c == 0:
			found.Add(exchange.AnomalyNUL)
		case c < ' ' || c == 0x7f:
			found.Add(exchange.AnomalyControlCharacter)
		}
	}
	return found
}

// plainTarget tells an origin-form target whose path has no escape, no dot segment and none but common characters.
func plainTarget(t []byte) bool {
	if len(t) == 0 || t[0] != '/' {
		return false
	}
	i := 1
	for ; i < len(t); i++ {
		c := t[i]
		if plainByte[c] {
			continue
		}
		if c == '?' {
			i++
			break
		}
		if c != '.' || t[i-1] == '/' {
			return false
		}
	}
	for ; i < len(t); i++ {
		if c := t[i]; !plainByte[c] && c != '.' && c != '%' && c != '?' {
			return false
		}
	}
	return true
}

// plainByte is read-only data: characters of a path that need no further look (RFC 3986 pchar and the slash, without
// percent and dot).
var plainByte = func() (t [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_~!$&'()*+,;=:@/") {
		t[c] = true
	}
	return t
}()

// tokenByte is read-only data: tchar of RFC 9110 section 5.6.2.
var tokenByte = func() (t [256]bool) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789!#$%&'*+-.^_`|~") {
		t[c] = true
	}
	return t
}()

// maxMethod bounds a method, as the codec does.
const maxMethod = 32

// IsMethod tells a method: a token of at most maxMethod bytes.
func IsMethod(b []byte) bool {
	if len(b) == 0 || len(b) > maxMethod {
		return false
	}
	for _, c := range b {
		if !tokenByte[c] {
			return false
		}
	}
	return true
}

// HostOnly is an authority without user information and port.
func HostOnly(b []byte) []byte {
	if k := bytes.LastIndexByte(b, '@'); k >= 0 {
		b = b[k+1:]
	}
	if len(b) > 0 && b[0] == '[' {
		if k := bytes.IndexByte(b, ']'); k > 0 {
			return b[: k+1 : k+1]
		}
	}
	if k := bytes.IndexByte(b, ':'); k >= 0 {
		return b[:k:k]
	}
	return b
}
