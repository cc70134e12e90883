package http2

import "encoding/binary"

// Frame types and flags (RFC 9113 section 6).
const (
	frameData         = 0x0
	frameHeaders      = 0x1
	framePriority     = 0x2
	frameReset        = 0x3
	frameSettings     = 0x4
	framePush         = 0x5
	framePing         = 0x6
	frameGoAway       = 0x7
	frameWindow       = 0x8
	frameContinuation = 0x9

	flagEndStream  = 0x1
	flagAck        = 0x1
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20

	frameHead = 9
	preface   = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" // of section 3.4
)

// frame is the head of a frame.
type frame struct {
	length      int
	kind, flags byte
	stream      uint32
}

func parseFrame(b []byte) frame {
	_ = b[frameHead-1]
	return frame{
		length: int(b[0])<<16 | int(b[1])<<8 | int(b[2]), kind: b[3], flags: b[4],
		stream: binary.BigEndian.Uint32(b[5:]) & maxStreamID,
	}
}

func (f *frame) has(flag byte) bool { return f.flags&flag != 0 }

func appendFrame(dst []byte, n int, kind, flags byte, stream uint32) []byte {
	return append(dst, byte(n>>16), byte(n>>8), byte(n), kind, flags, byte(stream>>24), byte(stream>>16), byte(stream>>8), byte(stream))
}

func appendReset(dst []byte, stream uint32, code Code) []byte {
	return binary.BigEndian.AppendUint32(appendFrame(dst, 4, frameReset, 0, stream), uint32(code))
}

func appendWindow(dst []byte, stream uint32, n int64) []byte {
	return binary.BigEndian.AppendUint32(appendFrame(dst, 4, frameWindow, 0, stream), uint32(n))
}

func appendGoAway(dst []byte, last uint32, code Code) []byte {
	dst = appendFrame(dst, 8, frameGoAway, 0, 0)
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(dst, last), uint32(code))
}

func appendPing(dst []byte, flags byte, payload []byte) []byte {
	return append(appendFrame(dst, 8, framePing, flags, 0), payload...)
}

func appendSetting(dst []byte, id uint16, v uint32) []byte {
	return binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint16(dst, id), v)
}

// unpad takes padding and priority off the payload of a HEADERS frame. parent is the stream it depends on, 0 for none.
func unpad(b []byte, f *frame) (block []byte, parent uint32, ok bool) {
	pad := 0
	if f.has(flagPadded) {
		if len(b) == 0 {
			return nil, 0, false
		}
		pad, b = int(b[0]), b[1:]
	}
	if f.has(flagPriority) {
		if len(b) < 5 {
			return nil, 0, false
		}
		parent, b = binary.BigEndian.Uint32(b)&maxStreamID, b[5:]
	}
	if pad > len(b) {
		return nil, 0, false
	}
	return b[:len(b)-pad], parent, true
}
