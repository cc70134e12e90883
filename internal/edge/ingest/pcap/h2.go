package pcap

import (
	"bytes"
	"encoding/binary"

	"golang.org/x/net/http2/hpack"
)

// Bounds of an HTTP/2 connection.
const (
	maxFrame   = 1 << 20  // of a frame that is kept until it is whole
	maxBlock2  = 64 << 10 // of a header block, and of the fields that it holds
	maxTable   = 64 << 10 // of the dynamic table, which browsers ask for
	maxStreams = 256      // open at a time; servers allow 100 to 250
	twoCost    = 32 << 10 // two decoders with tables of ordinary size
)

// Frames and their flags (RFC 9113 section 6).
const (
	frameData         = 0
	frameHeaders      = 1
	frameReset        = 3
	frameSettings     = 4
	framePush         = 5
	frameContinuation = 9

	frameHead   = 9
	endStream   = 0x1
	endHeaders  = 0x4
	padded      = 0x8
	hasPriority = 0x20
	settingsAck = 0x1
)

// two is an HTTP/2 connection (RFC 9113) with prior knowledge. Each message is written down as an HTTP/1.1 head, and one
// judge looks at all.
type two struct {
	ways [2]way // the client's, then the server's
	open []*pair
}

// way is one direction.
type way struct {
	decoder *hpack.Decoder
	table   int    // allowed size of the dynamic table beyond the ordinary
	block   []byte // a header block in pieces
	id      uint32 // of its stream
	flags   byte   // of its first frame
	inBlock bool
	push    bool // the block promises a push
	preface bool // the client's preface is behind
}

// beginTwo makes a connection one of HTTP/2.
func (r *Reader) beginTwo(c *conn) {
	t := new(two)
	for i := range t.ways {
		t.ways[i].decoder = hpack.NewDecoder(4096, nil)
		t.ways[i].decoder.SetMaxStringLength(maxBlock2)
	}
	c.talk.two = t
	r.hold(c, twoCost)
}

// isSettings tells the beginning of a SETTINGS frame, with which a server may speak first.
func isSettings(b []byte) bool {
	want := [...]byte{3: frameSettings, 8: 0}
	for i := 3; i < min(len(b), frameHead); i++ {
		if b[i] != want[i] {
			return false
		}
	}
	return b[0] == 0 && (len(b) < 2 || b[1] < 2)
}

// frames reads the frames of one direction.
func (r *Reader) frames(c *conn, dir int, data []byte, at place) {
	t := c.talk
	s, w := &t.streams[dir], &t.two.ways[dir]
	had := len(s.buf)
	in := s.join(data, at)
	n := 0
	if dir == 0 && !w.preface {
		const whole = preface + "\r\n\r\nSM\r\n\r\n"
		if len(in) < len(whole) {
			r.keep(c, s, in, had, 0, at)
			return
		}
		n, w.preface = len(whole), true
	}
	for len(in)-n >= frameHead {
		f := in[n:]
		size := int(f[0])<<16 | int(f[1])<<8 | int(f[2])
		if size > maxFrame {
			r.loseTwo(c)
			return
		}
		if len(f) < frameHead+size {
			break
		}
		if !r.frame(c, dir, f[3], f[4], binary.BigEndian.Uint32(f[5:])&(1<<31-1), f[frameHead:frameHead+size], at) {
			r.loseTwo(c)
			return
		}
		n += frameHead + size
	}
	r.keep(c, s, in, had, n, at)
}

// loseTwo gives a connection up: behind a gap or a mistake no header block can be decoded.
func (r *Reader) loseTwo(c *conn) {
	r.stats.Lost++
	r.blind(c)
}

// frame takes one frame in; false when the connection cannot be read on.
func (r *Reader) frame(c *conn, dir int, kind, flags byte, id uint32, b []byte, at place) bool {
	t := c.talk.two
	w := &t.ways[dir]
	if w.inBlock != (kind == frameContinuation) {
		return false
	}
	if flags&padded != 0 && (kind == frameData || kind == frameHeaders || kind == framePush) {
		if len(b) == 0 || int(b[0]) >= len(b) {
			return false
		}
		b = b[1 : len(b)-int(b[0])]
	}
	switch kind {
	case frameData:
		if p := t.find(id); p != nil {
			m := p.side2(dir)
			r.take(c, m, b)
			m.size += int64(len(b))
			m.last = at.at
			r.ended2(c, p, dir, flags&endStream != 0)
		}
	case frameSettings:
		if flags&settingsAck == 0 {
			r.settings(c, &t.ways[1-dir], b)
		}
	case frameReset:
		if p := t.find(id); p != nil {
			r.close2(c, p)
		}
	case frameHeaders, framePush:
		skip := 0
		if kind == frameHeaders && flags&hasPriority != 0 {
			skip = 5
		} else if kind == framePush {
			skip = 4
		}
		if len(b) < skip {
			return false
		}
		w.block, w.id, w.flags, w.push = append(w.block[:0], b[skip:]...), id, flags, kind == framePush
		return r.block(c, dir, flags&endHeaders != 0, at)
	case frameContinuation:
		if id != w.id {
			return false
		}
		w.block = append(w.block, b...)
		return r.block(c, dir, flags&endHeaders != 0, at)
	}
	return true
}

// settings takes from SETTINGS how large a table the other side may use.
func (r *Reader) settings(c *conn, w *way, b []byte) {
	const tableSize = 1
	for ; len(b) >= 6; b = b[6:] {
		if binary.BigEndian.Uint16(b) != tableSize {
			continue
		}
		size := min(binary.BigEndian.Uint32(b[2:]), maxTable)
		if int(size) > w.table {
			r.hold(c, int(size)-w.table)
			w.table = int(size)
			w.decoder.SetAllowedMaxDynamicTableSize(size)
		}
	}
}

// block decodes a header block when it is whole.
func (r *Reader) block(c *conn, dir int, whole bool, at place) bool {
	t := c.talk.two
	w := &t.ways[dir]
	w.inBlock = !whole
	if len(w.block) > maxBlock2 {
		return false
	}
	if !whole {
		return true
	}
	h := heads{limit: maxBlock2}
	w.decoder.SetEmitFunc(h.emit)
	_, err := w.decoder.Write(w.block)
	if err != nil || w.decoder.Close() != nil {
		return false
	}
	if cap(w.block) > freeBuffer {
		w.block = nil
	}
	if w.push {
		return true // nobody asked for it, and clients have given it up
	}
	p := t.find(w.id)
	switch {
	case dir == 0 && p == nil:
		if p = r.open2(c, &h, w.id, at); p == nil {
			return len(t.open) < maxStreams
		}
	case p == nil:
		return true // its request was not read
	case dir == 1 && !p.answered:
		head := h.answer()
		if head == nil || h.status[0] == '1' {
			return true
		}
		p.answered = true
		p.answer.head, p.answer.first, p.answer.last = head, at.at, at.at
		r.hold(c, len(head))
	}
	r.ended2(c, p, dir, w.flags&endStream != 0)
	return true
}

// open2 begins the exchange of a stream; nil when its head is none.
func (r *Reader) open2(c *conn, h *heads, id uint32, at place) *pair {
	t := c.talk.two
	head := h.request()
	if head == nil || len(t.open) == maxStreams {
		return nil
	}
	p := &pair{client: c.key, side: c.client, number: at.number, stream: id}
	p.request.head, p.request.first, p.request.last = head, at.at, at.at
	r.hold(c, len(head)+pairCost)
	t.open = append(t.open, p)
	return p
}

func (t *two) find(id uint32) *pair {
	for _, p := range t.open {
		if p.stream == id {
			return p
		}
	}
	return nil
}

// side2 is the message of one direction.
func (p *pair) side2(dir int) *message {
	if dir == 0 {
		return &p.request
	}
	return &p.answer
}

// ended2 notes the end of one direction of a stream, and tells the exchange when both have ended.
func (r *Reader) ended2(c *conn, p *pair, dir int, ended bool) {
	if ended {
		p.side2(dir).done = true
	}
	if p.request.done && p.answer.done {
		r.close2(c, p)
	}
}

// close2 tells what is known of a stream.
func (r *Reader) close2(c *conn, p *pair) {
	t := c.talk.two
	for i := range t.open {
		if t.open[i] == p {
			t.open = append(t.open[:i], t.open[i+1:]...)
			break
		}
	}
	p.request.cut = !p.request.done
	p.answer.cut = p.answered && !p.answer.done
	r.tell(c, p)
}

// heads collects the fields of a header block.
type heads struct {
	method, scheme, authority, path, status string
	fields                                  []byte // as lines
	cookies                                 []byte
	limit                                   int
	bad                                     bool
}

// emit takes a field. One that HTTP/1.1 would read differently makes the head none: servers refuse it, too.
func (h *heads) emit(f hpack.HeaderField) {
	if h.limit -= len(f.Name) + len(f.Value) + 4; h.limit < 0 || h.bad || len(f.Name) == 0 {
		h.bad = true
		return
	}
	pseudo := f.Name[0] == ':'
	for i := range len(f.Value) {
		if v := f.Value[i]; v < ' ' && v != '\t' || v == 0x7f || pseudo && v == ' ' {
			h.bad = true
		}
	}
	switch f.Name {
	case ":method":
		h.method = f.Value
	case ":scheme":
		h.scheme = f.Value
	case ":authority":
		h.authority = f.Value
	case ":path":
		h.path = f.Value
	case ":status":
		h.status = f.Value
	case "cookie":
		if len(h.cookies) > 0 {
			h.cookies = append(h.cookies, "; "...) // RFC 9113 section 8.2.3
		}
		h.cookies = append(h.cookies, f.Value...)
	case "host":
		if h.authority == "" {
			h.authority = f.Value
		}
	case "connection", "transfer-encoding", "upgrade", "keep-alive", "proxy-connection":
		h.bad = true // RFC 9113 section 8.2.2
	default:
		for i := range len(f.Name) {
			if n := f.Name[i]; !isToken(n) || n-'A' <= 25 {
				h.bad = true
			}
		}
		h.fields = append(append(append(append(h.fields, f.Name...), ": "...), f.Value...), "\r\n"...)
	}
}

// request is the head of a request, nil when it is none.
func (h *heads) request() []byte {
	if h.bad || h.method == "" || h.path == "" || h.method == "CONNECT" {
		return nil
	}
	var b bytes.Buffer
	b.WriteString(h.method + " " + h.path + " HTTP/1.1\r\nhost: " + h.authority + "\r\n")
	b.Write(h.fields)
	if len(h.cookies) > 0 {
		b.WriteString("cookie: ")
		b.Write(h.cookies)
		b.WriteString("\r\n")
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// answer is the head of an answer, nil when it is none.
func (h *heads) answer() []byte {
	if h.bad || len(h.status) != 3 {
		return nil
	}
	var b bytes.Buffer
	b.WriteString("HTTP/1.1 " + h.status + " \r\n")
	b.Write(h.fields)
	b.WriteString("\r\n")
	return b.Bytes()
}
