package http1

import (
	"bytes"
	"encoding/binary"

	"merlon/internal/model/exchange"
)

// RequestHead is the head of a request: its line and fields, checked, and what follows from them.
type RequestHead struct {
	Head
	// Method as sent and as a number.
	Method   []byte
	MethodID Method
	// Target is the request target as sent.
	Target []byte
	// Path is the target's path as sent: "/" when an absolute form has none, "*" for the asterisk form. It is not decoded.
	Path []byte
	// RawQuery is what follows "?", and HasQuery tells an empty query from none.
	RawQuery []byte
	HasQuery bool
	// Host is the checked host with its port, from the absolute form or else the Host field; empty only on HTTP/1.0.
	// Hostname is Host without port (with brackets around IPv6), in the sender's casing.
	Host, Hostname []byte
	// ExpectContinue tells that the client waits for "100 Continue" before it sends the body.
	ExpectContinue bool
	// WebSocket tells that the request is a complete WebSocket opening handshake: the only upgrade ever passed on.
	WebSocket bool
}

// Parse reads a request head from the beginning of b. It returns the head's length, ErrNeedMore when b ends before the
// head does (call again with the same bytes and more behind them; the buffer may have moved), or a RejectError, after
// which the connection must be closed. Behind ErrNeedMore the fields of h say nothing; behind a RejectError they hold what
// was understood. Between two heads no call is needed.
func (h *RequestHead) Parse(b []byte, l *Limits) (int, error) {
	if !h.ready(b) {
		return h.finish(b, 0, ErrNeedMore, l, fromClient)
	}
	n, err := h.parse(b, l)
	return h.finish(b, n, err, l, fromClient)
}

// Abandon ends a head of which only b arrived, because the connection ended (exchange.AnomalyIncomplete) or the time was
// up (exchange.AnomalyTimeout). It keeps what can be understood of b as evidence and readies h for another connection.
func (h *RequestHead) Abandon(b []byte, a exchange.Anomaly, l *Limits) error {
	h.Reset()
	_, _ = h.parse(b, l) // for what it understands; that b is refused is settled
	h.Anomalies.Add(a)
	_, err := h.finish(b, 0, RejectError(a), l, fromClient)
	return err
}

func (h *RequestHead) parse(b []byte, l *Limits) (int, error) {
	h.begin()
	h.Method, h.MethodID, h.Target, h.Path, h.RawQuery, h.HasQuery = nil, MethodOther, nil, nil, nil, false
	h.Host, h.Hostname, h.ExpectContinue, h.WebSocket = nil, nil, false, false

	i := 0
	if len(b) > 0 && (b[0] == '\r' || b[0] == '\n') {
		// One empty line in front is a habit of old clients that end a body with CRLF.
		var err error
		if i, err = h.lineEnd(b, 0, fromClient); err != nil {
			return 0, err
		}
		h.Anomalies.Add(exchange.AnomalyLeadingCRLF)
	}
	i, err := h.parseLine(b, i, l)
	if err != nil {
		return 0, err
	}
	if i, err = h.parseFields(b, i, l.Fields, fromClient); err != nil {
		return 0, err
	}
	h.judgeTarget()
	h.judgeHost(l)
	h.judgeRequestFraming(l)
	h.judgeConnection(l)
	return i, verdict(h.Anomalies, fromClient)
}

// parseLine reads the request line that begins at b[i] and returns the index behind it.
func (h *RequestHead) parseLine(b []byte, i int, l *Limits) (int, error) {
	start := i
	for i < len(b) && byteClass[b[i]]&classToken != 0 {
		i++
	}
	if i-start > maxMethodBytes {
		return 0, h.refuse(exchange.AnomalyBadMethod)
	}
	if i == len(b) {
		return 0, ErrNeedMore
	}
	if i == start || b[i] != ' ' {
		return 0, h.refuse(badByte(b[i], exchange.AnomalyBadMethod))
	}
	h.Method = b[start:i:i]
	h.MethodID = methodOf(h.Method)
	i++

	target := i
	var class uint16
	for ; i < len(b); i++ {
		c := byteClass[b[i]]
		if c&(classStop|classQuery) != 0 {
			break
		}
		class |= c
	}
	path := i
	if i < len(b) && b[i] == '?' {
		h.HasQuery = true
		var odd uint16
		for i++; i < len(b); i++ {
			c := byteClass[b[i]]
			if c&classStop != 0 {
				break
			}
			odd |= c
		}
		class |= odd & (classOdd | classHigh)
	}
	if i == len(b) {
		return 0, ErrNeedMore
	}
	h.Target = b[target:i:i]
	h.Path = b[target:path:path]
	if h.HasQuery {
		h.RawQuery = b[path+1 : i : i]
	}
	switch {
	case b[i] == '#':
		return 0, h.refuse(exchange.AnomalyFragment)
	case b[i] != ' ' || i == target:
		return 0, h.refuse(badByte(b[i], exchange.AnomalyBadRequestLine))
	}
	h.judgeTargetBytes(class)
	i++

	const version = 8
	if len(b)-i < version+1 {
		if bytes.IndexByte(b[i:], '\n') >= 0 {
			return 0, h.refuse(badVersion(b[i:]))
		}
		return 0, ErrNeedMore
	}
	switch binary.LittleEndian.Uint64(b[i:]) {
	case http11:
		h.Minor = 1
	case http10:
		h.Minor = 0
	default:
		return 0, h.refuse(badVersion(b[i:]))
	}
	i += version
	if i-start > l.StartLineBytes {
		return 0, h.refuse(exchange.AnomalyLineTooLong)
	}
	if b[i] != '\r' && b[i] != '\n' {
		return 0, h.refuse(badByte(b[i], exchange.AnomalyBadRequestLine))
	}
	return h.lineEnd(b, i, fromClient)
}

// "HTTP/1.1" and "HTTP/1.0" as little-endian words.
const (
	http11 = '1'<<56 | '.'<<48 | '1'<<40 | '/'<<32 | 'P'<<24 | 'T'<<16 | 'T'<<8 | 'H'
	http10 = http11 - 1<<56
)

// badByte names the anomaly of a byte that ends a part of the start line wrongly.
func badByte(c byte, otherwise exchange.Anomaly) exchange.Anomaly {
	switch {
	case c == 0:
		return exchange.AnomalyNUL
	case c == '\t' || c == '\r' || c == '\n' || c == ' ':
		return exchange.AnomalyBadRequestLine
	case c < 0x20 || c == 0x7f:
		return exchange.AnomalyControlCharacter
	}
	return otherwise
}

// badVersion tells a wrong version from a line that has something else in its place.
func badVersion(b []byte) exchange.Anomaly {
	if bytes.HasPrefix(b, []byte("HTTP/")) {
		return exchange.AnomalyBadVersion
	}
	return exchange.AnomalyBadRequestLine
}
