package http1

import (
	"bytes"
	"encoding/base64"

	"merlon/internal/model/exchange"
)

// hopByHop are the fields that end at this hop whether Connection names them or not (RFC 9110 section 7.6.1). Framing
// fields are written afresh. Trailer stays: trailers are passed on.
var hopByHop = mask(exchange.HeaderConnection, exchange.HeaderKeepAlive, exchange.HeaderProxyConnection, exchange.HeaderTE,
	exchange.HeaderUpgrade, exchange.HeaderTransferEncoding, exchange.HeaderContentLength, exchange.HeaderProxyAuthorization)

// options are what the Connection fields ask for.
type options struct{ close, keepAlive, upgrade bool }

// connectionOptions reads all Connection fields and marks the fields they name.
func (h *Head) connectionOptions(l *Limits) (o options) {
	if h.dups&(1<<exchange.HeaderConnection) == 0 {
		switch v := h.Value(exchange.HeaderConnection); {
		case v == nil:
			return o
		case equalFold(v, "keep-alive"):
			o.keepAlive = true
			return o
		case equalFold(v, "close"):
			o.close = true
			return o
		}
	}
	count := 0
	for i := range h.Fields {
		f := &h.Fields[i]
		if f.ID != exchange.HeaderConnection {
			continue
		}
		for rest, more := f.Value, true; more; {
			var option []byte
			option, rest, more = bytes.Cut(rest, []byte{','})
			option = trimSpace(option)
			if count++; count > l.ConnectionOptions {
				h.Anomalies.Add(exchange.AnomalyTooManyConnectionOptions)
				return o
			}
			switch {
			case len(option) == 0:
			case equalFold(option, "close"):
				o.close = true
			case equalFold(option, "keep-alive"):
				o.keepAlive = true
			case equalFold(option, "upgrade"):
				o.upgrade = true
			default:
				h.markNamed(option)
			}
		}
	}
	return o
}

// markNamed marks the fields of that name as hop-by-hop. A gateway that strips whatever it is told to can be made to
// strip credentials or client addresses, so well-known end-to-end fields stay and the attempt is noted.
func (h *Head) markNamed(option []byte) {
	if id := exchange.LookupHeader(option); id != exchange.HeaderOther {
		if hopByHop&(1<<id) == 0 || id == exchange.HeaderContentLength || id == exchange.HeaderTransferEncoding {
			h.Anomalies.Add(exchange.AnomalyConnectionEndToEnd)
		}
		return
	}
	for i := range h.Fields {
		f := &h.Fields[i]
		if f.ID != exchange.HeaderOther || !bytes.EqualFold(f.Name, option) {
			continue
		}
		if isForwarding(option) {
			h.Anomalies.Add(exchange.AnomalyConnectionEndToEnd)
			return
		}
		h.named[i>>6] |= 1 << (i & 63)
	}
}

// EndToEnd tells whether the field at position i of a checked head goes on to the next hop, whatever is spoken there: it does
// not belong to the connection, frames nothing, and is no well-known name spelt with '_'. Host and Expect are the caller's.
func (h *Head) EndToEnd(i int) bool {
	f := &h.Fields[i]
	if f.ID == exchange.HeaderOther && h.Anomalies.Has(exchange.AnomalyUnderscoreField) && isDisguised(f.Name) {
		return false
	}
	return h.passes(i)
}

// passes tells whether the field at position i goes on to the next hop.
func (h *Head) passes(i int) bool {
	return hopByHop&(1<<h.Fields[i].ID) == 0 && h.named[i>>6]&(1<<(i&63)) == 0
}

// persists applies RFC 9112 section 9.3.
func (h *Head) persists(o options) bool {
	return !o.close && (h.Minor == 1 || o.keepAlive)
}

// judgeConnection settles keep-alive and upgrade of a request.
func (h *RequestHead) judgeConnection(l *Limits) {
	o := h.connectionOptions(l)
	h.KeepAlive = h.persists(o)
	if !h.Has(exchange.HeaderUpgrade) {
		return
	}
	switch {
	case h.dups&(1<<exchange.HeaderUpgrade) != 0 || !equalFold(h.Value(exchange.HeaderUpgrade), "websocket"):
		h.Anomalies.Add(exchange.AnomalyUpgradeUnsupported)
	case !o.upgrade || h.MethodID != MethodGet || h.Minor == 0 || h.Framing != FramingNone || !h.hasHandshake():
		h.Anomalies.Add(exchange.AnomalyBadWebSocket)
	default:
		h.WebSocket = true
	}
}

// hasHandshake checks the fields of RFC 6455 section 4.2.1: version 13 and a key of 16 bytes in base64.
func (h *RequestHead) hasHandshake() bool {
	const twice = 1<<exchange.HeaderSecWebSocketKey | 1<<exchange.HeaderSecWebSocketVersion
	key := h.Value(exchange.HeaderSecWebSocketKey)
	if h.dups&twice != 0 || string(h.Value(exchange.HeaderSecWebSocketVersion)) != "13" || len(key) != 24 {
		return false
	}
	var raw [18]byte
	n, err := base64.StdEncoding.Decode(raw[:], key)
	return err == nil && n == 16
}
