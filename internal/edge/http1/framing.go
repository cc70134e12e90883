package http1

import (
	"bytes"

	"merlon/internal/model/exchange"
)

const framingFields = 1<<exchange.HeaderContentLength | 1<<exchange.HeaderTransferEncoding | 1<<exchange.HeaderExpect

// judgeRequestFraming settles how the request's body ends and whether the client waits before sending it.
func (h *RequestHead) judgeRequestFraming(l *Limits) {
	if h.seen&framingFields == 0 {
		return
	}
	h.judgeLength(l)
	if h.Framing != FramingNone && (h.MethodID == MethodGet || h.MethodID == MethodHead || h.MethodID == MethodTrace) {
		h.Anomalies.Add(exchange.AnomalyUnexpectedBody)
	}
	if !h.Has(exchange.HeaderExpect) || h.Minor == 0 {
		return
	}
	for i := range h.Fields {
		if f := &h.Fields[i]; f.ID == exchange.HeaderExpect && !equalFold(f.Value, "100-continue") {
			h.Anomalies.Add(exchange.AnomalyExpectUnknown)
		}
	}
	h.ExpectContinue = h.Framing != FramingNone
}

// judgeLength reads Content-Length and Transfer-Encoding. Whatever could be read in two ways is an anomaly that refuses.
func (h *Head) judgeLength(l *Limits) {
	if h.Has(exchange.HeaderTransferEncoding) {
		h.Framing = FramingChunked
		if h.dups&(1<<exchange.HeaderTransferEncoding) != 0 {
			h.Anomalies.Add(exchange.AnomalyDuplicateTransferEncoding)
		}
		if h.Minor == 0 {
			h.Anomalies.Add(exchange.AnomalyTEOnHTTP10)
		}
		if h.Has(exchange.HeaderContentLength) {
			h.Anomalies.Add(exchange.AnomalyCLTE)
		}
		for i := range h.Fields {
			if f := &h.Fields[i]; f.ID == exchange.HeaderTransferEncoding && !equalFold(f.Value, "chunked") {
				h.Anomalies.Add(exchange.AnomalyUnknownTransferCoding)
			}
		}
	}
	if !h.Has(exchange.HeaderContentLength) {
		return
	}
	n, ok := parseLength(h.Value(exchange.HeaderContentLength))
	if !ok || h.dups&(1<<exchange.HeaderContentLength) != 0 {
		n = h.judgeLengths()
	}
	h.ContentLength = n
	if n > 0 && h.Framing == FramingNone {
		h.Framing = FramingLength
	}
	if l.BodyBytes > 0 && n > l.BodyBytes {
		h.Anomalies.Add(exchange.AnomalyBodyTooLarge)
	}
}

// judgeLengths names what is wrong with several or odd lengths: each element of each field is a number or the whole is
// bad; equal numbers are duplicates, others differ.
func (h *Head) judgeLengths() int64 {
	first := int64(-1)
	for i := range h.Fields {
		f := &h.Fields[i]
		if f.ID != exchange.HeaderContentLength {
			continue
		}
		for rest, more := f.Value, true; more; {
			var part []byte
			part, rest, more = bytes.Cut(rest, []byte{','})
			n, ok := parseLength(trimSpace(part))
			switch {
			case !ok:
				h.Anomalies.Add(exchange.AnomalyBadContentLength)
				return -1
			case first < 0:
				first = n
			case n != first:
				h.Anomalies.Add(exchange.AnomalyDifferingContentLength)
			default:
				h.Anomalies.Add(exchange.AnomalyDuplicateContentLength)
			}
		}
	}
	return first
}

// maxLengthDigits keeps a length below 2^63 without an overflow check.
const maxLengthDigits = 18

// parseLength reads 1*DIGIT and nothing else: no sign, no list, no white space.
func parseLength(v []byte) (n int64, ok bool) {
	if len(v) == 0 || len(v) > maxLengthDigits {
		return -1, false
	}
	for _, c := range v {
		if c-'0' > 9 {
			return -1, false
		}
		n = n*10 + int64(c-'0')
	}
	return n, true
}
