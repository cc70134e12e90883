package rpc

import (
	"bytes"

	"merlon/internal/model/exchange"
)

// Follower counts the messages of one direction of a call as its bytes go by. It looks at the five bytes before each
// message only, so it costs a few nanoseconds a piece; of the last frame of a gRPC-Web answer it keeps the line with the
// status. The zero value, after Begin, is ready; it never fails: what is no frame is not counted.
type Follower struct {
	// Messages is how many messages have begun.
	Messages uint32

	web    bool // a frame with the high bit set holds trailers
	text   bool // base64
	head   [5]byte
	have   int   // bytes of head
	left   int64 // bytes of the message
	last   bool  // they are trailers
	lost   bool  // no frames
	quad   uint32
	chars  int // base64 characters in quad
	line   [maxLine]byte
	length int // of line; above maxLine: too long to be a status
	code   uint8
	known  bool
}

// maxLine bounds a line of the trailers that may be the status.
const maxLine = 32

// Begin readies f for a body of the protocol. answer tells that it is the server's.
func (f *Follower) Begin(p exchange.RPCProtocol, text, answer bool) {
	*f = Follower{web: p == exchange.GRPCWeb && answer, text: text, lost: p == exchange.NoRPC}
}

// Status is the status that the last frame of a gRPC-Web answer held.
func (f *Follower) Status() (code uint8, ok bool) { return f.code, f.known }

// Write follows b.
func (f *Follower) Write(b []byte) {
	if f.lost {
		return
	}
	if f.text {
		f.decode(b)
		return
	}
	f.follow(b)
}

func (f *Follower) follow(b []byte) {
	for len(b) > 0 && !f.lost {
		if f.left > 0 {
			n := min(f.left, int64(len(b)))
			if f.last {
				f.trailers(b[:n])
			}
			f.left -= n
			b = b[n:]
			if f.left == 0 && f.last {
				f.endLine()
			}
			continue
		}
		n := copy(f.head[f.have:], b)
		f.have += n
		b = b[n:]
		if f.have < len(f.head) {
			return
		}
		f.have = 0
		flags := f.head[0]
		f.left = int64(f.head[1])<<24 | int64(f.head[2])<<16 | int64(f.head[3])<<8 | int64(f.head[4])
		f.last = f.web && flags&0x80 != 0
		switch {
		case f.last:
			f.length = 0
		case flags > 1:
			f.lost = true // neither plain nor compressed: what follows cannot be trusted to be frames
		default:
			f.Messages++
		}
	}
}

// trailers reads field lines. Only one that is short enough to be the status is looked at.
func (f *Follower) trailers(b []byte) {
	for _, c := range b {
		if c == '\n' {
			f.endLine()
			continue
		}
		if f.length < maxLine {
			f.line[f.length] = c
		}
		f.length = min(f.length+1, maxLine+1)
	}
}

func (f *Follower) endLine() {
	n := f.length
	f.length = 0
	if n > maxLine {
		return
	}
	name, value, found := bytes.Cut(f.line[:n], []byte{':'})
	if !found || !bytes.EqualFold(name, []byte(statusName)) {
		return
	}
	if code, ok := parseStatus(bytes.TrimSpace(value)); ok {
		f.code, f.known = code, true
	}
}

// decode follows base64 (RFC 4648), in which gRPC-Web pads each piece by itself.
func (f *Follower) decode(b []byte) {
	var out [96]byte
	n := 0
	for _, c := range b {
		v, ok := sextet(c)
		switch {
		case c == '=':
			if f.chars >= 2 {
				out[n] = byte(f.quad >> (6*f.chars - 8))
				if n++; f.chars == 3 {
					out[n] = byte(f.quad >> 2)
					n++
				}
			}
			f.quad, f.chars = 0, 0
		case !ok:
			f.follow(out[:n])
			f.lost = true
			return
		default:
			f.quad = f.quad<<6 | v
			if f.chars++; f.chars == 4 {
				out[n], out[n+1], out[n+2] = byte(f.quad>>16), byte(f.quad>>8), byte(f.quad)
				n += 3
				f.quad, f.chars = 0, 0
			}
		}
		if n > len(out)-3 {
			f.follow(out[:n])
			n = 0
		}
	}
	f.follow(out[:n])
}

func sextet(c byte) (uint32, bool) {
	switch {
	case c-'A' < 26:
		return uint32(c - 'A'), true
	case c-'a' < 26:
		return uint32(c-'a') + 26, true
	case c-'0' < 10:
		return uint32(c-'0') + 52, true
	case c == '+':
		return 62, true
	case c == '/':
		return 63, true
	}
	return 0, false
}
