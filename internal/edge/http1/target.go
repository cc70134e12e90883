package http1

import (
	"bytes"

	"merlon/internal/model/exchange"
)

// judgeTargetBytes notes what the byte classes of the target say; the path is looked at again only when they say anything.
func (h *RequestHead) judgeTargetBytes(class uint16) {
	if class&(classPercent|classOdd|classHigh|classDot) == 0 {
		return
	}
	if class&classOdd != 0 {
		h.Anomalies.Add(exchange.AnomalyTargetCharacter)
	}
	if class&classHigh != 0 {
		h.Anomalies.Add(exchange.AnomalyNonASCIITarget)
	}
	if class&classBackslash != 0 {
		h.Anomalies.Add(exchange.AnomalyBackslash)
	}
	if class&classPercent != 0 {
		h.judgePercent()
	}
	if class&(classPercent|classDot) != 0 && hasDotSegment(h.Path) {
		h.Anomalies.Add(exchange.AnomalyDotSegment)
	}
}

// judgePercent notes encodings in the path that servers read differently.
func (h *RequestHead) judgePercent() {
	for p := h.Path; ; {
		k := bytes.IndexByte(p, '%')
		if k < 0 {
			return
		}
		p = p[k+1:]
		c, ok := percentByte(p)
		switch {
		case !ok:
			h.Anomalies.Add(exchange.AnomalyBadPercentEncoding)
		case c == '/' || c == '\\':
			h.Anomalies.Add(exchange.AnomalyEncodedSlash)
		case c < 0x20 || c == 0x7f:
			h.Anomalies.Add(exchange.AnomalyEncodedControl)
		}
	}
}

// percentByte decodes the two digits at the beginning of p.
func percentByte(p []byte) (c byte, ok bool) {
	if len(p) < 2 {
		return 0, false
	}
	a, b := hexValue(p[0]), hexValue(p[1])
	return a<<4 | b, a|b < 16
}

// hasDotSegment tells whether a segment of the path is "." or "..", where a dot may be "%2e" and "\" separates as well.
func hasDotSegment(p []byte) bool {
	dots, only := 0, false // dots in this segment, and whether it has nothing else
	for i := 0; i < len(p); i++ {
		switch c := p[i]; {
		case c == '/' || c == '\\':
			if only && (dots == 1 || dots == 2) {
				return true
			}
			dots, only = 0, true
		case c == '.':
			dots++
		case c == '%':
			if v, ok := percentByte(p[i+1:]); ok && v == '.' {
				dots++
				i += 2
				continue
			} else if ok && (v == '/' || v == '\\') {
				if only && (dots == 1 || dots == 2) {
					return true
				}
				dots, only = 0, true
				i += 2
				continue
			}
			only = false
		default:
			only = false
		}
	}
	return only && (dots == 1 || dots == 2)
}

// judgeTarget checks the target's form against the method and splits an absolute form into host and path.
func (h *RequestHead) judgeTarget() {
	t := h.Target
	switch {
	case h.MethodID == MethodConnect:
		h.Anomalies.Add(exchange.AnomalyConnect)
	case t[0] == '/':
	case len(t) == 1 && t[0] == '*':
		if h.MethodID != MethodOptions {
			h.Anomalies.Add(exchange.AnomalyBadTarget)
		}
	default:
		h.splitAbsolute()
	}
}

// splitAbsolute takes http and https URIs apart. Host is left unchecked for judgeHost.
func (h *RequestHead) splitAbsolute() {
	t := h.Target
	scheme := 0
	switch {
	case len(t) > 7 && equalFold(t[:7], "http://"):
		scheme = 7
	case len(t) > maxTargetScheme && equalFold(t[:maxTargetScheme], "https://"):
		scheme = maxTargetScheme
	default:
		h.Anomalies.Add(exchange.AnomalyBadTarget)
		return
	}
	end := len(h.Path)
	if k := bytes.IndexByte(t[scheme:], '/'); k >= 0 {
		end = min(end, scheme+k)
	}
	if end <= scheme {
		h.Anomalies.Add(exchange.AnomalyBadTarget)
		return
	}
	h.Host = t[scheme:end:end]
	if h.Path = h.Path[end:]; len(h.Path) == 0 {
		h.Path = t[scheme-1 : scheme : scheme] // the scheme's own slash: no path is "/"
	}
	h.Anomalies.Add(exchange.AnomalyAbsoluteForm)
}
