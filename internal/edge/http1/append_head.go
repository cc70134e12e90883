package http1

import (
	"strconv"

	"merlon/internal/model/exchange"
)

// Rewrite says how a parsed head is written for the next hop. The zero value passes everything on that may be.
type Rewrite struct {
	// Drop are well-known fields to leave out beside the hop-by-hop ones, as DropFields makes them: those that Add
	// replaces, for example.
	Drop DropSet
	// DropForwarding leaves out every field of a request with which proxies tell of a client: its address, host, scheme or
	// certificate.
	DropForwarding bool
	// Add are fields written behind the others. Framing, Host and hop-by-hop fields are refused.
	Add Fields
	// Close asks the receiver to end the connection after this exchange.
	Close bool
	// KeepExpect passes "Expect: 100-continue" on; without it the caller answers the client itself.
	KeepExpect bool
	// Reframe replaces the framing: the body will be written as Framing with Length bytes, not as it came.
	Reframe bool
	Framing Framing
	Length  int64
	// HTTP10 says, for responses, that the client spoke HTTP/1.0: it knows no chunks and must be told keep-alive.
	HTTP10 bool
	// Host replaces the request's host when it is not empty; needed for HTTP/1.0 requests without one.
	Host []byte
}

// DropSet is a set of well-known fields; with exchange.HeaderOther in it, all unknown ones too.
type DropSet uint64

// DropFields makes a DropSet.
func DropFields(ids ...exchange.HeaderID) DropSet { return DropSet(mask(ids...)) }

// ours are the fields that only the codec itself writes.
var ours = hopByHop&^mask(exchange.HeaderProxyAuthorization) | mask(exchange.HeaderHost)

// AppendRequestHead writes h afresh for an upstream: origin-form target, HTTP/1.1, one checked Host first, the end-to-end
// fields in the sender's order and casing, framing and connection fields of our own. Only a head that Parse accepted may
// be written. Add is checked and ErrUnsafe returned, with dst as it was, when it would break the head.
func AppendRequestHead(dst []byte, h *RequestHead, w *Rewrite) ([]byte, error) {
	start := len(dst)
	dst = append(dst, h.Method...)
	dst = append(dst, ' ')
	dst = append(dst, h.Path...)
	if h.HasQuery {
		dst = append(dst, '?')
		dst = append(dst, h.RawQuery...)
	}
	dst = append(dst, " HTTP/1.1\r\n"...)
	host := h.Host
	if len(w.Host) != 0 {
		if hostnameLength(w.Host) == 0 {
			return dst[:start], ErrUnsafe
		}
		host = w.Host
	}
	dst = appendField(dst, hostName, host)

	drop := uint64(w.Drop) | mask1(exchange.HeaderHost)
	if !w.KeepExpect || !h.ExpectContinue {
		drop |= mask1(exchange.HeaderExpect)
	}
	dst = h.appendFields(dst, drop, w.DropForwarding)
	framing, length := h.Framing, h.ContentLength
	if w.Reframe {
		framing, length = w.Framing, w.Length
	}
	switch {
	case framing == FramingChunked:
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	case framing == FramingLength || length == 0:
		dst = appendLength(dst, length)
	}
	switch {
	case h.WebSocket:
		dst = append(dst, "Connection: Upgrade\r\nUpgrade: websocket\r\n"...)
	case w.Close:
		dst = append(dst, "Connection: close\r\n"...)
	}
	return finishHead(dst, start, w.Add)
}

// AppendResponseHead writes h afresh for the client. For an interim response it writes no framing and no connection
// fields. How the body must be written is BodyFraming's answer for the same arguments.
func AppendResponseHead(dst []byte, h *ResponseHead, w *Rewrite) ([]byte, error) {
	start := len(dst)
	dst = append(dst, "HTTP/1.1 "...)
	dst = strconv.AppendUint(dst, uint64(h.Status), 10)
	dst = append(dst, ' ')
	dst = append(dst, h.Reason...)
	dst = append(dst, '\r', '\n')
	dst = h.appendFields(dst, uint64(w.Drop), false)
	if h.Interim() {
		return finishHead(dst, start, w.Add)
	}
	if h.Status == 101 {
		dst = append(dst, "Connection: Upgrade\r\nUpgrade: websocket\r\n"...)
		return finishHead(dst, start, w.Add)
	}
	length := h.ContentLength
	if w.Reframe {
		length = w.Length
	}
	switch framing := BodyFraming(h, w); {
	case framing == FramingChunked:
		dst = append(dst, "Transfer-Encoding: chunked\r\n"...)
	case framing == FramingUntilClose:
		dst = append(dst, "Connection: close\r\n"...)
		return finishHead(dst, start, w.Add)
	case length >= 0 && h.Status != 204:
		dst = appendLength(dst, length)
	}
	switch {
	case w.Close:
		dst = append(dst, "Connection: close\r\n"...)
	case w.HTTP10:
		dst = append(dst, "Connection: keep-alive\r\n"...)
	}
	return finishHead(dst, start, w.Add)
}

// BodyFraming is how the body behind AppendResponseHead(h, w) must be written. A body of unknown length is chunked for
// HTTP/1.1 clients and ends with the connection for HTTP/1.0 ones, which the caller then must close.
func BodyFraming(h *ResponseHead, w *Rewrite) Framing {
	f := h.Framing
	if w.Reframe && f != FramingNone {
		f = w.Framing
	}
	if f == FramingUntilClose || f == FramingChunked {
		if w.HTTP10 {
			return FramingUntilClose
		}
		return FramingChunked
	}
	return f
}

// appendFields writes the fields that pass on and are not dropped.
//
// A well-known name spelt with '_' ends here: behind CGI, WSGI or Rack it would stand for the real one, which was judged or
// replaced.
func (h *Head) appendFields(dst []byte, drop uint64, dropForwarding bool) []byte {
	disguised := h.Anomalies.Has(exchange.AnomalyUnderscoreField)
	for i := range h.Fields {
		f := &h.Fields[i]
		if disguised && f.ID == exchange.HeaderOther && isDisguised(f.Name) {
			continue
		}
		if dropForwarding && f.ID == exchange.HeaderOther && isForwarding(f.Name) {
			continue
		}
		if drop&(1<<f.ID) == 0 && h.passes(i) {
			dst = appendField(dst, f.Name, f.Value)
		}
	}
	return dst
}

// finishHead adds the checked extra fields and the empty line.
func finishHead(dst []byte, start int, add Fields) ([]byte, error) {
	for i := range add {
		f := &add[i]
		var err error
		if dst, err = AppendField(dst, f.Name, f.Value); err != nil {
			return dst[:start], err
		}
		if ours&mask1(lookup(f.Name, 0, len(f.Name))) != 0 {
			return dst[:start], ErrUnsafe
		}
	}
	return append(dst, '\r', '\n'), nil
}

// hostName is read-only.
var hostName = []byte("Host")

func mask1(id exchange.HeaderID) uint64 { return 1 << id }
