package pcap

import (
	"bytes"
	"errors"
	"math"

	"merlon/internal/edge/http1"
	"merlon/internal/model/exchange"
)

// answers reads bytes of the server.
func (r *Reader) answers(c *conn, data []byte, at place) {
	t := c.talk
	if t.two != nil {
		r.frames(c, 1, data, at)
		return
	}
	s := &t.streams[1]
	had := len(s.buf)
	in := s.join(data, at)
	if !t.plain {
		const name = "HTTP/"
		if k := min(len(in), len(name)); len(t.streams[0].buf) == 0 && string(in[:k]) != name[:k] && !isSettings(in) {
			r.stats.Other++ // a server that speaks first
			r.blind(c)
			return
		}
	}
	n := 0
	for c.talk == t {
		if m := s.reading; m != nil {
			payload, k, done, err := s.body.Next(in[n:])
			n += k
			r.take(c, m, payload)
			m.last = at.at
			if err != nil {
				m.refused = true
			}
			if err != nil || done {
				r.answered(c, t.waiting[0])
			}
			if err != nil && c.talk == t {
				r.blind(c)
				return
			}
			if s.reading != nil && n == len(in) {
				break
			}
			continue
		}
		if n == len(in) {
			break
		}
		p := t.unanswered()
		if p != nil && p.anchored {
			n += r.anchor(c, s, p, in[n:])
			continue
		}
		if p == nil || !r.answer(c, s, p, in[n:], &n, at) {
			break
		}
	}
	if c.talk != t {
		return
	}
	r.keep(c, s, in, had, n, at)
	if s.reading == nil && t.unanswered() == nil && len(s.buf) > maxEarly {
		r.stats.Lost++
		r.loseAnswers(c)
	}
}

// anchor passes over bytes of the server up to where the answer of p stands, and returns how many of in it passed over.
// When requests before p are missing and none of their answers stands before that place, p was sent without waiting for
// them: whose answer is whose, nobody can say then, and p stays without one.
func (r *Reader) anchor(c *conn, s *stream, p *pair, in []byte) int {
	d := int32(p.from - (c.halves[1-c.client].next - uint32(len(in))))
	const name = "HTTP/"
	if k := min(len(in), len(name)); d < 0 || d == 0 && (p.after || string(in[:k]) != name[:k]) {
		s.lost = true
		p.anchored, p.answer.done = false, true
		r.settle(c)
		return 0
	}
	if d == 0 {
		p.anchored, s.lost = false, false
		return 0
	}
	r.stats.Orphans++
	s.scanned, p.after = 0, false
	return min(int(d), len(in))
}

// answer reads the head of an answer from in. It reports false when it has not ended.
func (r *Reader) answer(c *conn, s *stream, p *pair, in []byte, n *int, at place) bool {
	if !s.headEnds(in, r.o.Limits.HeadBytes) {
		return false
	}
	h := &r.response
	h.Reset()
	k, err := h.Parse(in, &r.o.Limits, p.method, p.websocket)
	if errors.Is(err, http1.ErrNeedMore) {
		return false
	}
	if err == nil && h.Interim() {
		*n += k
		s.start, s.scanned = at, 0
		return true
	}
	m := &p.answer
	m.head, m.first, m.last = bytes.Clone(h.Raw), s.start.at, at.at
	r.hold(c, len(m.head))
	p.answered = true
	if err != nil {
		m.refused = true
		r.answered(c, p)
		if c.talk != nil {
			r.blind(c)
		}
		return true
	}
	*n += k
	s.start, s.scanned = at, 0
	s.body.BeginResponse(h, &r.o.Limits)
	if h.Status == 101 || p.method == http1.MethodConnect && h.Status/100 == 2 {
		r.stats.Switched++
		s.body.Size = 0
		p.request.done = true
		r.answered(c, p)
		if c.talk != nil {
			r.blind(c)
		}
		return true
	}
	switch h.Framing {
	case http1.FramingLength:
		m.length = h.ContentLength
	case http1.FramingChunked:
		r.expectTrailers(c, m)
	case http1.FramingUntilClose:
		m.length = math.MaxInt64
	}
	s.reading = m
	if s.body.Done() {
		r.answered(c, p)
	}
	return true
}

// answered ends the answer that is being read.
func (r *Reader) answered(c *conn, p *pair) {
	s := &c.talk.streams[1]
	m := &p.answer
	if s.reading != nil {
		r.end(c, s, m)
	}
	m.done = true
	refused := p.request.refused && p.request.done
	r.settle(c)
	if refused {
		r.blind(c) // what follows a refused request is not for us to guess
	}
}

// pass skips n missing bytes of a body, where the framing tells that they all belong to it.
func (s *stream) pass(r *Reader, n int) bool {
	m := s.reading
	if m == nil || int64(n) > s.left(m) {
		return false
	}
	m.cut = true
	for n > 0 {
		k := min(n, len(r.zeros))
		_, _, done, err := s.body.Next(r.zeros[:k])
		if n -= k; done || err != nil {
			break
		}
	}
	return true
}

// left is how many bytes of the body being read are still to come, 0 when that is not known.
func (s *stream) left(m *message) int64 { return max(0, m.length-s.body.Size) }

// ended deals with the regular end of one direction.
func (r *Reader) ended(c *conn, side uint8) {
	t := c.talk
	if t == nil || !c.begun {
		return
	}
	s := t.stream(c, side)
	if t.two != nil {
		return // the streams that are open are told when the connection is over
	}
	if side == c.client {
		switch {
		case t.deaf:
		case s.reading != nil:
			_ = s.body.End() // it is among the body's anomalies
			r.asked(c)
		case t.plain && len(s.buf) > 0:
			p := &pair{client: c.key, side: c.client, number: s.start.number}
			p.request = message{head: bytes.Clone(s.buf), first: s.start.at, last: r.now, refused: true, partial: true, done: true}
			p.request.anomalies.Add(exchange.AnomalyIncomplete)
			r.hold(c, len(p.request.head)+pairCost)
			t.waiting = append(t.waiting, p)
		}
		if c.talk == t {
			t.deaf = true
			r.hold(c, -len(s.buf))
			s.buf = s.buf[:0]
		}
		return
	}
	switch p := t.unanswered(); {
	case p == nil:
	case s.reading != nil:
		if s.body.End() != nil {
			s.reading.refused = true
		}
		r.answered(c, p)
	case len(s.buf) > 0:
		p.answer = message{head: bytes.Clone(s.buf), first: s.start.at, last: r.now, refused: true}
		p.answer.anomalies.Add(exchange.AnomalyIncomplete)
		r.hold(c, len(p.answer.head)-len(s.buf))
		s.buf = s.buf[:0]
		p.answered = true
		r.answered(c, p)
	}
}

// abandon tells what is known of exchanges that will not be seen to end.
func (r *Reader) abandon(c *conn) {
	t := c.talk
	q, a := &t.streams[0], &t.streams[1]
	if m := q.reading; m != nil {
		m.cut = true
		r.end(c, q, m)
		r.stats.Cut++
	} else if len(q.buf) > 0 && t.plain && !t.deaf {
		r.stats.Cut++
	}
	if m := a.reading; m != nil {
		m.cut = true
		r.end(c, a, m)
	} else if len(a.buf) > 0 && t.plain {
		r.stats.Orphans++
	}
	for _, p := range t.waiting {
		r.tell(c, p)
	}
	clear(t.waiting)
	t.waiting = t.waiting[:0]
	for t.two != nil && len(t.two.open) > 0 {
		r.close2(c, t.two.open[0])
	}
}
