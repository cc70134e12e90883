package http1

import (
	"encoding/binary"

	"merlon/internal/model/exchange"
)

// ResponseHead is the head of a response.
type ResponseHead struct {
	Head
	Status int
	Reason []byte
}

// Parse reads a response head from the beginning of b, as RequestHead.Parse does. The request decides part of the
// framing: method is its method, websocket whether its upgrade was passed on. An interim response (see Interim) is
// followed by another head; FramingUntilClose means that the body ends with the connection.
func (h *ResponseHead) Parse(b []byte, l *Limits, method Method, websocket bool) (int, error) {
	if !h.ready(b) {
		return h.finish(b, 0, ErrNeedMore, l, fromUpstream)
	}
	n, err := h.parse(b, l, method, websocket)
	return h.finish(b, n, err, l, fromUpstream)
}

// EventStream tells server-sent events by their Content-Type: they are silent for as long as nothing happens.
func EventStream(contentType []byte) bool {
	const kind = "text/event-stream"
	return len(contentType) >= len(kind) && equalFold(contentType[:len(kind)], kind)
}

// Interim tells whether this is a 1xx response other than 101: the final one is still to come.
func (h *ResponseHead) Interim() bool { return h.Status < 200 && h.Status != 101 }

func (h *ResponseHead) parse(b []byte, l *Limits, method Method, websocket bool) (int, error) {
	h.begin()
	h.Status, h.Reason = 0, nil
	i, err := h.parseLine(b, l)
	if err != nil {
		return 0, err
	}
	if i, err = h.parseFields(b, i, l.Fields, fromUpstream); err != nil {
		return 0, err
	}
	h.judgeResponseFraming(l, method)
	o := h.connectionOptions(l)
	h.KeepAlive = h.persists(o) && h.Framing != FramingUntilClose && !h.Anomalies.Has(exchange.AnomalyBodyNotAllowed)
	if h.Status == 101 && (!websocket || !o.upgrade || !equalFold(h.Value(exchange.HeaderUpgrade), "websocket")) {
		h.Anomalies.Add(exchange.AnomalyUnrequestedUpgrade)
	}
	return i, verdict(h.Anomalies, fromUpstream)
}

// parseLine reads the status line and returns the index behind it. The space before an empty reason may be missing.
func (h *ResponseHead) parseLine(b []byte, l *Limits) (int, error) {
	const version, status = 8, 13 // "HTTP/1.1", "HTTP/1.1 200" and one byte
	for k := 0; k < min(len(b), version-1); k++ {
		if b[k] != "HTTP/1."[k] {
			return 0, h.refuse(badStatus(b))
		}
	}
	if len(b) >= version {
		switch binary.LittleEndian.Uint64(b) {
		case http11:
			h.Minor = 1
		case http10:
			h.Minor = 0
		default:
			return 0, h.refuse(exchange.AnomalyBadVersion)
		}
	}
	if len(b) < status {
		for _, c := range b {
			if c == '\r' || c == '\n' {
				return 0, h.refuse(exchange.AnomalyBadStatusLine)
			}
		}
		return 0, ErrNeedMore
	}
	d := [3]byte{b[9] - '0', b[10] - '0', b[11] - '0'}
	if b[8] != ' ' || d[0] > 9 || d[1] > 9 || d[2] > 9 || d[0] == 0 {
		return 0, h.refuse(exchange.AnomalyBadStatusLine)
	}
	h.Status = int(d[0])*100 + int(d[1])*10 + int(d[2])
	if h.Status > 599 {
		h.Anomalies.Add(exchange.AnomalyStatusOutOfRange)
	}
	i := 12
	if b[i] == ' ' {
		i++
	} else if b[i] != '\r' && b[i] != '\n' {
		return 0, h.refuse(exchange.AnomalyBadStatusLine)
	}
	reason := i
	for {
		i, _ = scanText(b, i)
		if i < len(b) && b[i] == '\t' {
			i++
			continue
		}
		break
	}
	h.Reason = b[reason:i:i]
	if i > l.StartLineBytes {
		return 0, h.refuse(exchange.AnomalyLineTooLong)
	}
	return h.lineEnd(b, i, fromUpstream)
}

// badStatus tells another protocol or version from garbage.
func badStatus(b []byte) exchange.Anomaly {
	if len(b) >= 5 && string(b[:5]) == "HTTP/" {
		return exchange.AnomalyBadVersion
	}
	return exchange.AnomalyBadStatusLine
}

// judgeResponseFraming applies RFC 9112 section 6.3 in its order.
func (h *ResponseHead) judgeResponseFraming(l *Limits, method Method) {
	h.judgeLength(l)
	switch {
	case h.Status < 200 || h.Status == 204:
		if h.Framing != FramingNone {
			h.Anomalies.Add(exchange.AnomalyBodyNotAllowed)
		}
		h.Framing = FramingNone
	case method == MethodHead || h.Status == 304:
		h.Framing = FramingNone
	case h.Framing == FramingNone && h.ContentLength < 0:
		h.Framing = FramingUntilClose
	}
}
