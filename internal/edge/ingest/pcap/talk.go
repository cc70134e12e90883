package pcap

import (
	"bytes"
	"errors"

	"merlon/internal/edge/http1"
	"merlon/internal/model/exchange"
)

// talk is what is said on a connection.
type talk struct {
	streams [2]stream // the client's, then the server's
	waiting []*pair   // requests whose answer has not ended, the oldest first
	plain   bool      // it is HTTP/1
	two     *two      // it is HTTP/2
	deaf    bool      // no bytes of the client are read any more: a request was refused, or the client has ended
}

// Sizes.
const (
	// talkCost is what a talk takes, its codecs included, apart from what it keeps of the connection.
	talkCost = 4 << 10
	// maxWaiting bounds pipelined requests.
	maxWaiting = 256
	// maxEarly bounds the bytes of a server that wait for the request that they answer.
	maxEarly = 64 << 10
	// freeBuffer is how large an empty buffer a connection keeps without its being counted.
	freeBuffer = 1 << 10
	// pairCost and pieceCost are what a pair and a piece take beside the bytes that they hold.
	pairCost, pieceCost = 512, 96
)

// stream is one direction of a talk.
type stream struct {
	// buf is what came in order and was not read yet: the beginning of a head, or an answer before its request.
	buf     []byte
	scanned int   // bytes of buf in which no head ends
	start   place // of its first byte
	lost    bool  // bytes are missing, and it is not known where the next message begins
	anchor  bool  // client: requests are missing, so that the next one says itself where its answer stands
	// pending came before its turn.
	pending []piece
	waiting int   // bytes in pending
	since   int64 // when the first of them came
	reading *message
	body    http1.Body
	seen    [8]span
	last    int
}

func (s *stream) reset() {
	buf := s.buf[:0]
	if cap(buf) > freeBuffer {
		buf = nil
	}
	*s = stream{buf: buf}
}

// place is where and when bytes came.
type place struct {
	at     int64
	number int    // of the packet
	ack    uint32 // what the packet acknowledged
}

// message is one direction of an exchange.
type message struct {
	head        []byte
	body        []byte
	size        int64
	length      int64 // of the body as framed: announced, or without end; 0 when only its chunks tell
	cut         bool  // bytes of the body are missing
	anomalies   exchange.Anomalies
	refused     bool // the head or the body was
	partial     bool // the head was not sent whole
	first, last int64
	trailers    int // bytes held ready for a trailer section
	done        bool
}

// pair is a request and its answer.
type pair struct {
	client    key
	side      uint8 // of the client in key
	number    int
	request   message
	answer    message
	answered  bool   // the answer's head was read
	from      uint32 // where the answer stands among the server's bytes, unless requests before it are unanswered
	anchored  bool   // it stands just there
	after     bool   // requests before it are missing, and so far no answers to them were seen
	stream    uint32 // HTTP/2: of the connection; 0 for HTTP/1
	method    http1.Method
	websocket bool
}

// stream of one side.
func (t *talk) stream(c *conn, side uint8) *stream {
	if side == c.client {
		return &t.streams[0]
	}
	return &t.streams[1]
}

// talkOf is the connection's talk, a new one when there is none.
func (r *Reader) talkOf(c *conn) *talk {
	if c.talk == nil {
		if n := len(r.spareTalks); n > 0 {
			c.talk, r.spareTalks = r.spareTalks[n-1], r.spareTalks[:n-1]
		} else {
			c.talk = new(talk)
		}
		r.hold(c, talkCost)
	}
	return c.talk
}

// recycle keeps a talk for another connection.
func (r *Reader) recycle(t *talk) {
	const spare = 64
	if len(r.spareTalks) == spare {
		return
	}
	for i := range t.streams {
		t.streams[i].reset()
	}
	clear(t.waiting)
	*t = talk{streams: t.streams, waiting: t.waiting[:0]}
	r.spareTalks = append(r.spareTalks, t)
}

// bytes gives the next bytes of one direction to the codec.
func (r *Reader) bytes(c *conn, side uint8, p *piece) {
	t := c.talk
	if side != c.client {
		r.answers(c, p.data, p.place())
		return
	}
	r.requests(c, p.data, p.place())
	if s := &t.streams[1]; c.talk == t && len(s.buf) > 0 {
		r.answers(c, nil, s.start)
	}
}

// join is what was kept with what came.
func (s *stream) join(data []byte, at place) []byte {
	if len(s.buf) == 0 {
		s.start = at
		return data
	}
	s.buf = append(s.buf, data...)
	return s.buf
}

// keep keeps what of in was not read.
func (r *Reader) keep(c *conn, s *stream, in []byte, had, n int, at place) {
	s.buf = append(s.buf[:0], in[n:]...)
	r.hold(c, len(s.buf)-had)
	if len(s.buf) == 0 && cap(s.buf) > freeBuffer {
		s.buf = nil // what is counted is what it holds
	}
	if n > 0 {
		s.start, s.scanned = at, 0
	}
}

// headEnds tells whether the codec should look at in: a head ends there, or is longer than allowed.
func (s *stream) headEnds(in []byte, limit int) bool {
	for i := max(0, s.scanned-3); ; {
		k := bytes.IndexByte(in[i:], '\n')
		if k < 0 {
			break
		}
		i += k + 1
		if i < len(in) && in[i] == '\n' || i+1 < len(in) && in[i] == '\r' && in[i+1] == '\n' {
			return true
		}
	}
	s.scanned = len(in)
	return len(in) >= limit
}

// take keeps the beginning of a body.
func (r *Reader) take(c *conn, m *message, payload []byte) {
	if room := r.o.BodyLimit - len(m.body); room > 0 && !m.cut {
		payload = payload[:min(len(payload), room)]
		m.body = append(m.body, payload...)
		r.hold(c, len(payload))
	}
}

// requests reads bytes of the client.
func (r *Reader) requests(c *conn, data []byte, at place) {
	t := c.talk
	if t.two != nil {
		r.frames(c, 0, data, at)
		return
	}
	if t.deaf {
		return
	}
	s := &t.streams[0]
	if s.lost {
		if !beginsRequest(data) {
			return
		}
		s.lost = false
	}
	had := len(s.buf)
	in := s.join(data, at)
	if !t.plain && !r.recognise(c, in) {
		if c.talk == t {
			r.keep(c, s, in, had, 0, at)
		}
		return
	}
	if t.two != nil {
		r.keep(c, s, in, had, 0, at)
		r.frames(c, 0, nil, at)
		return
	}
	n := 0
	for !t.deaf {
		if m := s.reading; m != nil {
			payload, k, done, err := s.body.Next(in[n:])
			n += k
			r.take(c, m, payload)
			m.last = at.at
			switch {
			case err != nil:
				t.deaf, m.refused = true, true
				r.asked(c)
			case done:
				r.asked(c)
			}
			if s.reading != nil && n == len(in) {
				break
			}
			continue
		}
		if n == len(in) || !r.ask(c, s, in[n:], &n, at) {
			break
		}
	}
	if c.talk == t {
		if t.deaf {
			n = len(in)
		}
		r.keep(c, s, in, had, n, at)
		if len(t.waiting) > maxWaiting {
			r.blind(c)
		}
	}
}

// recognise tells whether a connection speaks HTTP/1. When it does not, or it is not clear yet, it is false.
func (r *Reader) recognise(c *conn, in []byte) bool {
	switch listen(in) {
	case speaksMore:
		if len(in) < maxFirstLine {
			return false
		}
		r.stats.Other++
	case speaksHTTP:
		r.stats.HTTP++
		c.talk.plain = true
		return true
	case speaksTLS:
		r.stats.TLS++
		r.stats.TLSBytes += int64(len(in))
		c.tls = true
	case speaksHTTP2:
		r.stats.HTTP2++
		r.beginTwo(c)
		return true
	case speaksOther:
		r.stats.Other++
	}
	r.blind(c)
	return false
}

// ask reads a request's head from in. It reports false when it has not ended.
func (r *Reader) ask(c *conn, s *stream, in []byte, n *int, at place) bool {
	if !s.headEnds(in, r.o.Limits.HeadBytes) {
		return false
	}
	h := &r.request
	h.Reset()
	k, err := h.Parse(in, &r.o.Limits)
	if errors.Is(err, http1.ErrNeedMore) {
		return false
	}
	t := c.talk
	p := &pair{client: c.key, side: c.client, number: s.start.number, from: s.start.ack, method: h.MethodID, websocket: h.WebSocket}
	switch {
	case s.anchor:
		p.anchored, p.after, s.anchor = true, true, false
	case len(t.waiting) == 0 && t.streams[1].lost:
		p.anchored = true
	}
	m := &p.request
	m.head, m.first, m.last = bytes.Clone(h.Raw), s.start.at, at.at
	r.hold(c, len(m.head)+pairCost)
	t.waiting = append(t.waiting, p)
	if err != nil {
		m.refused, m.done, t.deaf = true, true, true
		return true
	}
	s.reading = m
	*n += k
	s.start, s.scanned = at, 0
	switch h.Framing {
	case http1.FramingLength:
		m.length = h.ContentLength
	case http1.FramingChunked:
		r.expectTrailers(c, m)
	}
	if s.body.BeginRequest(h, &r.o.Limits); s.body.Done() {
		r.asked(c)
	}
	return true
}

// expectTrailers counts the memory that the codec may take for a trailer section.
func (r *Reader) expectTrailers(c *conn, m *message) {
	m.trailers = r.o.Limits.TrailerBytes
	r.hold(c, m.trailers)
}

// end takes what the codec has found in the body of m, and the codec's memory back.
func (r *Reader) end(c *conn, s *stream, m *message) {
	m.size, m.anomalies = s.body.Size, s.body.Anomalies
	s.reading = nil
	if m.trailers > 0 {
		r.hold(c, -m.trailers)
		m.trailers = 0
		s.body = http1.Body{}
	}
}

// asked ends the request that is being read.
func (r *Reader) asked(c *conn) {
	t := c.talk
	s := &t.streams[0]
	m := s.reading
	r.end(c, s, m)
	m.done = true
	r.settle(c)
}

// unanswered is the request that the next bytes of the server answer.
func (t *talk) unanswered() *pair {
	if len(t.waiting) == 0 || t.waiting[0].answer.done {
		return nil
	}
	return t.waiting[0]
}

// settle tells the oldest exchange when both its sides have ended.
func (r *Reader) settle(c *conn) {
	t := c.talk
	for len(t.waiting) > 0 && t.waiting[0].request.done && t.waiting[0].answer.done {
		p := t.waiting[0]
		t.waiting = append(t.waiting[:0], t.waiting[1:]...)
		r.tell(c, p)
	}
	if len(t.waiting) > 0 && t.streams[1].lost {
		t.waiting[0].anchored = true
	}
}

// tell makes an exchange ready to be taken.
func (r *Reader) tell(c *conn, p *pair) {
	if !p.answered {
		r.stats.Unanswered++
	}
	r.hold(c, -pairCost-len(p.request.head)-len(p.request.body)-len(p.answer.head)-len(p.answer.body))
	r.done = append(r.done, p)
}
