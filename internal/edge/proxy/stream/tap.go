package stream

import (
	"encoding/binary"
	"sync/atomic"

	"merlon/internal/model/identity"
)

// Frame types and flags of HTTP/2 (RFC 9113 section 6).
const (
	frameData         = 0x0
	frameHeaders      = 0x1
	framePriority     = 0x2
	frameReset        = 0x3
	frameSettings     = 0x4
	framePing         = 0x6
	frameGoAway       = 0x7
	frameWindow       = 0x8
	frameContinuation = 0x9

	flagEndStream  = 0x1
	flagAck        = 0x1
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20

	frameHead    = 9
	prefaceBytes = 24 // of RFC 9113 section 3.4
)

// maxKept bounds the payload that the tap keeps, of SETTINGS and of the first header block.
const maxKept = 16 << 10

// framing follows frames of one direction as their bytes go by.
type framing struct {
	head [frameHead]byte
	have int // bytes of head
	left int // payload still to come
	// keep is how much of the payload to collect in kept.
	keep int
	kept []byte
}

func (f *framing) kind() byte     { return f.head[3] }
func (f *framing) flags() byte    { return f.head[4] }
func (f *framing) length() int    { return int(f.head[0])<<16 | int(f.head[1])<<8 | int(f.head[2]) }
func (f *framing) stream() uint32 { return binary.BigEndian.Uint32(f.head[5:]) & (1<<31 - 1) }

// between tells whether no frame is under way.
func (f *framing) between() bool { return f.have == 0 && f.left == 0 }

// tap reads what a client sends over HTTP/2 beside net/http: to know the connection's fingerprint, and to end it when it sends
// more than it should of what costs work. It never buffers bodies, and it judges no request: an error of its own costs the
// fingerprint only.
type tap struct {
	framing
	preface int // bytes of the preface still to come
	flood   flood
	first   opening
	// print is set before the first request is handed over, 0 when the connection's opening was not understood.
	print identity.Fingerprint

	// The header block under way.
	blockFrames, blockBytes int

	carried int64 // frames that carried something
	// highest is the highest stream that was opened, opened how many header blocks of new streams were here to their end.
	highest uint32
	opening bool // the block under way is of a new stream
	opened  atomic.Int64
	// done are requests that came to their end, sent bytes of bodies. Others count them.
	done, sent atomic.Int64
}

func (t *tap) begin(l *Limits, now func() int64) {
	t.preface = prefaceBytes
	t.flood = flood{limits: l, now: now}
}

// read follows b. It reports the kind of flood that ends the connection, or numKinds.
func (t *tap) read(b []byte) kind {
	if t.preface > 0 {
		n := min(t.preface, len(b))
		t.preface -= n
		b = b[n:]
	}
	for len(b) > 0 {
		if t.left > 0 {
			n := min(t.left, len(b))
			if t.keep > 0 {
				k := min(t.keep, n)
				t.kept = append(t.kept, b[:k]...)
				t.keep -= k
			}
			t.left -= n
			b = b[n:]
			if t.left == 0 {
				t.ended()
			}
			continue
		}
		n := copy(t.head[t.have:], b)
		t.have += n
		b = b[n:]
		if t.have < frameHead {
			break
		}
		t.have = 0
		t.left = t.length()
		if k, ok := t.frame(); !ok {
			return k
		}
		if t.left == 0 {
			t.ended()
		}
	}
	return numKinds
}

// frame looks at the head of a frame.
func (t *tap) frame() (kind, bool) {
	n := t.length()
	switch t.kind() {
	case frameData:
		if n == 0 && t.flags()&flagEndStream == 0 {
			return kindEmptyData, t.flood.add(kindEmptyData, 1, t.carried)
		}
		t.carried++
	case frameHeaders:
		if id := t.stream(); id > t.highest {
			t.highest, t.opening = id, true
		}
		t.carried++
		t.blockFrames, t.blockBytes = 0, n
		t.keepOpening(n)
		return kindHeader, n <= t.flood.limits.HeaderBytes
	case frameContinuation:
		t.blockFrames++
		t.blockBytes += n
		t.keepOpening(n)
		return kindHeader, t.blockFrames <= t.flood.limits.HeaderFrames && t.blockBytes <= t.flood.limits.HeaderBytes
	case framePriority:
		return kindPriority, t.flood.add(kindPriority, 1, 0)
	case frameReset:
		return kindReset, t.flood.add(kindReset, 1, t.done.Load())
	case frameSettings:
		if t.flags()&flagAck == 0 {
			t.keepOpening(n)
		}
		return kindSettings, t.flood.add(kindSettings, 1, 0)
	case framePing:
		return kindPing, t.flood.add(kindPing, 1, t.carried+t.done.Load())
	case frameWindow:
		if t.stream() == 0 {
			t.keepOpening(n)
		}
		return kindWindow, t.flood.add(kindWindow, 1, t.sent.Load()>>10+t.done.Load())
	case frameGoAway:
	default:
		return kindUnknown, t.flood.add(kindUnknown, 1, 0)
	}
	return numKinds, true
}

// keepOpening collects the payload while the connection's opening is being read.
func (t *tap) keepOpening(n int) {
	if t.first.over {
		return
	}
	if t.kind() != frameContinuation {
		t.kept = t.kept[:0]
	}
	if len(t.kept)+n > maxKept {
		t.first.over, t.kept = true, nil // no client opens like this: unknown
		return
	}
	t.keep = n
}

// ended looks at a frame whose payload is here.
func (t *tap) ended() {
	t.keep = 0
	if t.opening && (t.kind() == frameHeaders || t.kind() == frameContinuation) && t.flags()&flagEndHeaders != 0 {
		t.opening = false
		t.opened.Add(1)
	}
	if t.first.over {
		return
	}
	switch t.kind() {
	case frameSettings:
		if t.flags()&flagAck == 0 {
			t.first.settings(t.kept)
		}
	case frameWindow:
		if t.stream() == 0 {
			t.first.window(t.kept)
		}
	case frameHeaders:
		t.kept = unpad(t.kept, t.flags())
		if t.flags()&flagEndHeaders == 0 {
			return
		}
		t.print = t.first.headers(t.kept)
		t.kept = nil
	case frameContinuation:
		if t.flags()&flagEndHeaders == 0 {
			return
		}
		t.print = t.first.headers(t.kept)
		t.kept = nil
	}
}

// unpad takes padding and priority off the payload of a HEADERS frame; what is misshapen gives nothing.
func unpad(b []byte, flags byte) []byte {
	if flags&flagPadded != 0 {
		if len(b) == 0 || int(b[0]) >= len(b) {
			return b[:0]
		}
		b = b[1 : len(b)-int(b[0])]
	}
	if flags&flagPriority != 0 {
		if len(b) < 5 {
			return b[:0]
		}
		b = b[5:]
	}
	return b
}
