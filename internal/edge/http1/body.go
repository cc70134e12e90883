package http1

import (
	"merlon/internal/model/exchange"
)

// Body decodes one message body as its bytes arrive, without copying payload. It is reused with Begin.
type Body struct {
	// Trailers are the trailer fields that may be passed on, valid until the next Begin. Unlike payload they are copied.
	Trailers []exchange.Field
	// Anomalies are those found in the body so far.
	Anomalies exchange.Anomalies
	// Size is the number of payload bytes returned so far.
	Size int64

	limits    *Limits
	from      side
	state     bodyState
	failure   exchange.Anomaly // why state is bodyFailed
	rest      int64            // bytes left of the body (FramingLength) or of the chunk
	digits    int              // digits of the chunk size so far
	extension int              // extension bytes of the whole body
	trailer   []byte
	head      Head // parses the trailer section
}

// bodyState is where in the body the next byte stands.
type bodyState uint8

const (
	bodyDone bodyState = iota
	bodyFailed
	bodyLength     // payload, rest bytes
	bodyUntilClose // payload, no end
	chunkSize      // digits of a chunk size
	chunkExtension // behind ";"
	chunkSizeLF    // LF behind a size line
	chunkData      // payload, rest bytes
	chunkDataCR    // CR behind chunk data
	chunkDataLF    // LF behind chunk data
	trailerStart   // first byte behind the last chunk
	trailerFinalLF // LF of an empty trailer section
	trailerFields  // inside the trailer section
)

// BeginRequest prepares d for the body that follows a request head.
func (d *Body) BeginRequest(h *RequestHead, l *Limits) { d.begin(&h.Head, l, fromClient) }

// BeginResponse prepares d for the body that follows a response head.
func (d *Body) BeginResponse(h *ResponseHead, l *Limits) { d.begin(&h.Head, l, fromUpstream) }

func (d *Body) begin(h *Head, l *Limits, from side) {
	d.Trailers, d.Anomalies, d.Size = d.Trailers[:0], 0, 0
	d.limits, d.from = l, from
	d.rest, d.digits, d.extension, d.trailer = 0, 0, 0, d.trailer[:0]
	switch h.Framing {
	case FramingLength:
		d.state, d.rest = bodyLength, h.ContentLength
	case FramingChunked:
		d.state = chunkSize
	case FramingUntilClose:
		d.state = bodyUntilClose
	default:
		d.state = bodyDone
	}
}

// Done tells whether the body is complete; it is at once when there is none.
func (d *Body) Done() bool { return d.state == bodyDone }

// Next takes the next bytes of the connection. It returns a payload slice of in (empty when only framing was read), how
// many bytes of in it consumed, and whether the body is complete; bytes behind that belong to the next message. Call it
// while bytes are left and the body is not done: each call consumes at least one byte. After an error the connection must
// be closed.
func (d *Body) Next(in []byte) (payload []byte, n int, done bool, err error) {
	for n < len(in) {
		c := in[n]
		switch d.state {
		case bodyDone:
			return nil, n, true, nil
		case bodyFailed:
			return nil, n, false, RejectError(d.failure)

		case bodyLength, chunkData:
			take := int(min(d.rest, int64(len(in)-n)))
			if err = d.count(take); err != nil {
				return nil, n, false, err
			}
			if d.rest -= int64(take); d.rest == 0 {
				if d.state == chunkData {
					d.state = chunkDataCR
				} else {
					d.state = bodyDone
				}
			}
			return in[n : n+take], n + take, d.state == bodyDone, nil
		case bodyUntilClose:
			if err = d.count(len(in) - n); err != nil {
				return nil, n, false, err
			}
			return in[n:], len(in), false, nil

		case chunkSize:
			if err = d.sizeByte(c); err != nil {
				return nil, n, false, err
			}
		case chunkExtension:
			if err = d.extensionByte(c); err != nil {
				return nil, n, false, err
			}
		case chunkSizeLF:
			if c != '\n' {
				return nil, n, false, d.fail(exchange.AnomalyBareCR)
			}
			if d.digits = 0; d.rest == 0 {
				d.state = trailerStart
			} else {
				d.state = chunkData
			}
		case chunkDataCR:
			if c != '\r' {
				return nil, n, false, d.fail(lineFault(c))
			}
			d.state = chunkDataLF
		case chunkDataLF:
			if c != '\n' {
				return nil, n, false, d.fail(exchange.AnomalyBadChunk)
			}
			d.state = chunkSize

		case trailerStart:
			if c == '\r' {
				d.state = trailerFinalLF
				break
			}
			d.state = trailerFields
			continue
		case trailerFinalLF:
			if c != '\n' {
				return nil, n, false, d.fail(exchange.AnomalyBareCR)
			}
			d.state = bodyDone
			return nil, n + 1, true, nil
		case trailerFields:
			var took int
			took, err = d.trailerBytes(in[n:])
			return nil, n + took, d.state == bodyDone, err
		}
		n++
	}
	return nil, n, d.state == bodyDone, nil
}

// End says what the end of the connection means for the body: its regular end (nil) when it is done or runs until close,
// else a RejectError for exchange.AnomalyIncomplete.
func (d *Body) End() error {
	switch d.state {
	case bodyUntilClose:
		d.state = bodyDone
		return nil
	case bodyDone:
		return nil
	case bodyFailed:
		return RejectError(d.failure)
	}
	return d.fail(exchange.AnomalyIncomplete)
}

// count adds payload and checks the body limit.
func (d *Body) count(n int) error {
	d.Size += int64(n)
	if d.limits.BodyBytes > 0 && d.Size > d.limits.BodyBytes {
		return d.fail(exchange.AnomalyBodyTooLarge)
	}
	return nil
}

// sizeByte reads one byte of a chunk size: hexadecimal digits, then CR or ";", and nothing else. White space and 0x are
// where decoders disagree.
func (d *Body) sizeByte(c byte) error {
	if v := hexValue(c); v != 0xFF {
		if d.digits++; d.digits > d.limits.ChunkSizeDigits || d.rest > 1<<58 {
			return d.fail(exchange.AnomalyChunkSizeOverflow)
		}
		d.rest = d.rest<<4 | int64(v)
		return nil
	}
	switch {
	case d.digits == 0:
		return d.fail(lineFault(c))
	case c == '\r':
		d.state = chunkSizeLF
	case c == ';':
		d.Anomalies.Add(exchange.AnomalyChunkExtension)
		d.state = chunkExtension
	default:
		return d.fail(lineFault(c))
	}
	return nil
}

// extensionByte skips one byte of a chunk extension. A bare LF there is the TERM.EXT smuggling vector.
func (d *Body) extensionByte(c byte) error {
	if c == '\r' {
		d.state = chunkSizeLF
		return nil
	}
	if c < 0x20 && c != '\t' || c == 0x7f {
		return d.fail(lineFault(c))
	}
	if d.extension++; d.extension > d.limits.ChunkExtensionBytes {
		return d.fail(exchange.AnomalyChunkExtensionTooLong)
	}
	return nil
}

// lineFault names the anomaly of a byte that has no place in the chunked framing.
func lineFault(c byte) exchange.Anomaly {
	if c == '\n' {
		return exchange.AnomalyBareLF
	}
	return exchange.AnomalyBadChunk
}

// fail ends the body for good. Every anomaly of the framing refuses on both sides, bare LF in chunk lines too.
func (d *Body) fail(a exchange.Anomaly) error {
	d.Anomalies.Add(a)
	d.state, d.failure = bodyFailed, a
	return RejectError(a)
}
