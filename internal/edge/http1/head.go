package http1

import (
	"bytes"
	"errors"

	"merlon/internal/model/exchange"
)

// Framing is how a body ends (RFC 9112 section 6.3).
type Framing uint8

// The four framings.
const (
	FramingNone       Framing = iota // no body
	FramingLength                    // ContentLength bytes
	FramingChunked                   // chunks, then trailers
	FramingUntilClose                // responses only: until the connection ends
)

// Head is what request and response heads share. All slices point into the buffer that was parsed and are valid as long
// as it is. A Head is reused: its field slice keeps its capacity.
type Head struct {
	// Raw is the whole head as it came; of a refused one, what was there when it was refused.
	Raw []byte
	// Fields are the field lines in wire order and casing, values without surrounding white space.
	Fields []exchange.Field
	// Anomalies are all departures found, refusing or only noted.
	Anomalies exchange.Anomalies
	// Minor is the x of HTTP/1.x: 0 or 1.
	Minor uint8
	// Framing tells how the body that follows ends.
	Framing Framing
	// KeepAlive tells whether the sender lets the connection live on after this message.
	KeepAlive bool
	// ContentLength is the announced length, -1 when none was. With FramingNone it may be above zero: the answer to HEAD,
	// or a 304.
	ContentLength int64

	index      [exchange.NumHeaders]uint8 // position+1 of the first field with that id
	seen, dups uint64                     // ids seen at all, and more than once
	named      [maxFields/64 + 1]uint64   // fields that Connection names as hop-by-hop
	scanned    int                        // bytes of an incomplete head already searched for its end
	waiting    bool                       // the first attempt to parse was made
	lined      bool                       // the attempt that follows the first line was made
}

// Compile-time proof that a header id fits the masks.
const _ = uint(64 - exchange.NumHeaders)

// Value is the value of the first field with that id, nil when there is none.
func (h *Head) Value(id exchange.HeaderID) []byte {
	if p := h.index[id]; p != 0 {
		return h.Fields[p-1].Value
	}
	return nil
}

// Has tells whether there is a field with that id.
func (h *Head) Has(id exchange.HeaderID) bool { return h.index[id] != 0 }

// refuse records an anomaly behind which no parsing is possible.
func (h *Head) refuse(a exchange.Anomaly) error {
	h.Anomalies.Add(a)
	return RejectError(a)
}

// begin empties h for one attempt to parse.
func (h *Head) begin() {
	h.Raw = nil
	h.Fields = h.Fields[:0]
	h.Anomalies = 0
	h.Minor, h.Framing, h.KeepAlive, h.ContentLength = 1, FramingNone, false, -1
	h.index = [exchange.NumHeaders]uint8{}
	h.seen, h.dups = 0, 0
	h.named = [maxFields/64 + 1]uint64{}
}

// note records a; the error is not nil when that refuses the message.
func (h *Head) note(a exchange.Anomaly, from side) error {
	h.Anomalies.Add(a)
	if refused[from].Has(a) {
		return RejectError(a)
	}
	return nil
}

// ready tells whether a head in b is worth parsing: on the first call, when its first line is there, and when its end
// is. In between only new bytes are searched, so a head that drips in byte by byte costs linear time.
func (h *Head) ready(b []byte) bool {
	if !h.waiting {
		h.waiting = true
		return true
	}
	for {
		k := bytes.IndexByte(b[h.scanned:], '\n')
		if k < 0 {
			h.scanned = len(b)
			return false
		}
		j := h.scanned + k
		if !h.lined {
			h.lined, h.scanned = true, j
			return true
		}
		switch {
		case j+1 >= len(b), b[j+1] == '\r' && j+2 >= len(b):
			h.scanned = j
			return false
		case b[j+1] == '\n', b[j+1] == '\r' && b[j+2] == '\n':
			h.scanned = j + 1
			return true
		}
		h.scanned = j + 1
	}
}

// finish ends an attempt: it turns "need more" into a refusal where a limit is reached and keeps the raw bytes.
func (h *Head) finish(b []byte, n int, err error, l *Limits, from side) (int, error) {
	more := errors.Is(err, ErrNeedMore)
	switch {
	case err == nil:
		if n > l.HeadBytes {
			err = h.note(exchange.AnomalyHeaderTooLarge, from)
		}
	case more:
		// One more byte is wanted, the final LF at least.
		if len(b) > l.StartLineBytes+2 && bytes.IndexByte(b[:l.StartLineBytes+2], '\n') < 0 {
			err = h.note(exchange.AnomalyLineTooLong, from) // whatever came behind it with the same read
		} else if len(b) >= l.HeadBytes {
			err = h.note(exchange.AnomalyHeaderTooLarge, from)
		}
	}
	if errors.Is(err, ErrNeedMore) {
		return 0, err
	}
	h.waiting, h.lined, h.scanned = false, false, 0
	if err != nil {
		h.KeepAlive = false
		h.Raw = b[:min(len(b), l.HeadBytes)]
		return 0, err
	}
	h.Raw = b[:n]
	return n, nil
}

// Reset forgets an incomplete head, for a Head that goes on to another connection.
func (h *Head) Reset() {
	h.begin()
	h.waiting, h.lined, h.scanned = false, false, 0
}

// lineEnd judges the line end at b[i], where a control character or the end of b stands. It returns the index behind it.
func (h *Head) lineEnd(b []byte, i int, from side) (int, error) {
	if i >= len(b) {
		return 0, ErrNeedMore
	}
	switch b[i] {
	case '\r':
		if i+1 >= len(b) {
			return 0, ErrNeedMore
		}
		if b[i+1] != '\n' {
			return 0, h.refuse(exchange.AnomalyBareCR)
		}
		return i + 2, nil
	case '\n':
		return i + 1, h.note(exchange.AnomalyBareLF, from)
	case 0:
		return 0, h.refuse(exchange.AnomalyNUL)
	}
	return 0, h.refuse(exchange.AnomalyControlCharacter)
}
