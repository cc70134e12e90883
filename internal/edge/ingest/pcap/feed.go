package pcap

import (
	"bytes"
	"hash/maphash"
	"slices"
)

// piece is what a segment carries. In a list of what waits, data is a copy.
type piece struct {
	seq, ack uint32
	acks     bool // ack means something
	data     []byte
	missing  int // bytes behind data that the capture cut off
	at       int64
	number   int // of the packet
}

func (p *piece) size() int    { return len(p.data) + p.missing }
func (p *piece) place() place { return place{p.at, p.number, p.ack} }
func (p *piece) end() uint32  { return p.seq + uint32(p.size()) }

// skip takes n bytes off the front; n is at most the size.
func (p *piece) skip(n int) {
	k := min(n, len(p.data))
	p.seq += uint32(n)
	p.data = p.data[k:]
	p.missing -= n - k
}

// until is the part of p in front of sequence number end.
func (p piece) until(end uint32) piece {
	n := int(end - p.seq)
	k := min(n, len(p.data))
	p.data, p.missing = p.data[:k:k], n-k
	return p
}

// maxAhead is the largest window that TCP can have (RFC 7323 section 2.3): a segment beyond it belongs to nothing.
const maxAhead = 1 << 30

// maxPieces bounds how many segments of one direction wait.
const maxPieces = 256

// feed puts a piece where it belongs.
func (r *Reader) feed(c *conn, side uint8, p *piece) {
	h := &c.halves[side]
	if !h.known {
		h.next, h.known = p.seq, true
	}
	t := r.talkOf(c)
	s := t.stream(c, side)
	switch d := int(int32(p.seq - h.next)); {
	case d > maxAhead:
		return
	case d > 0:
		r.later(c, s, *p)
		r.overdue(c, side, s)
		return
	case d < 0:
		r.again(s, h, p)
		if -d >= p.size() {
			return
		}
		p.skip(-d)
	}
	r.deliver(c, side, s, p)
	r.catchUp(c, side, t, s)
}

// deliver gives the bytes that come next to who reads them.
func (r *Reader) deliver(c *conn, side uint8, s *stream, p *piece) {
	t := c.talk
	if len(p.data) > 0 {
		s.remember(p, r.sums)
		c.halves[side].next += uint32(len(p.data))
		r.bytes(c, side, p)
	}
	if p.missing > 0 && c.talk == t {
		r.gap(c, side, p.missing)
	}
}

// catchUp delivers what waited for the bytes that were just delivered.
func (r *Reader) catchUp(c *conn, side uint8, t *talk, s *stream) {
	h := &c.halves[side]
	for c.talk == t && len(s.pending) > 0 && !before(h.next, s.pending[0].seq) {
		p := r.pop(c, s)
		if n := int(h.next - p.seq); n >= p.size() {
			continue
		} else if n > 0 {
			p.skip(n)
		}
		r.deliver(c, side, s, &p)
	}
}

// pop takes the first of what waits.
func (r *Reader) pop(c *conn, s *stream) piece {
	p := s.pending[0]
	s.pending = slices.Delete(s.pending, 0, 1)
	s.waiting -= len(p.data)
	r.hold(c, -len(p.data)-pieceCost)
	return p
}

// overdue gives up waiting for what is missing when too much, or for too long, has come behind it.
func (r *Reader) overdue(c *conn, side uint8, s *stream) {
	t := c.talk
	for c.talk == t && len(s.pending) > 0 &&
		(s.waiting > r.o.Window || len(s.pending) > maxPieces || r.now-s.since > int64(r.o.Reordered)) {
		r.gap(c, side, int(s.pending[0].seq-c.halves[side].next))
		r.catchUp(c, side, t, s)
		s.since = r.now
	}
}

// drain gives up waiting altogether, because nothing more will come.
func (r *Reader) drain(c *conn) {
	for _, side := range [2]uint8{c.client, 1 - c.client} {
		t := c.talk
		if t == nil {
			return
		}
		s := t.stream(c, side)
		for c.talk == t && len(s.pending) > 0 {
			r.gap(c, side, int(s.pending[0].seq-c.halves[side].next))
			r.catchUp(c, side, t, s)
		}
	}
}

// later keeps a copy of what came too early. Of bytes that came twice the first count.
func (r *Reader) later(c *conn, s *stream, p piece) {
	if len(s.pending) == 0 {
		s.since = r.now
	}
	for i := 0; i < len(s.pending); i++ {
		q := &s.pending[i]
		if !before(q.seq, p.end()) {
			r.insert(c, s, i, p)
			return
		}
		if !before(p.seq, q.end()) {
			continue
		}
		if r.differ(q, &p) {
			r.stats.Differing++
		}
		behind := q.end()
		if before(p.seq, q.seq) {
			r.insert(c, s, i, p.until(q.seq))
			i++
		}
		if !before(behind, p.end()) {
			return
		}
		p.skip(int(behind - p.seq))
	}
	r.insert(c, s, len(s.pending), p)
}

func (r *Reader) insert(c *conn, s *stream, i int, p piece) {
	p.data = bytes.Clone(p.data)
	s.pending = slices.Insert(s.pending, i, p)
	s.waiting += len(p.data)
	r.hold(c, len(p.data)+pieceCost)
}

// differ compares what two pieces say about the same bytes.
func (r *Reader) differ(p, q *piece) bool {
	if before(q.seq, p.seq) {
		p, q = q, p
	}
	n := int(q.seq - p.seq)
	if n >= len(p.data) {
		return false
	}
	k := min(len(p.data)-n, len(q.data))
	return !bytes.Equal(p.data[n:n+k], q.data[:k])
}

// sums are keyed, so that nobody can make two segments that look alike.
type sums = maphash.Seed

func newSums() sums { return maphash.MakeSeed() }

// span remembers a segment that was delivered, to tell a retransmission that says something else.
type span struct {
	seq, n uint32
	sum    uint64
}

func (s *stream) remember(p *piece, k sums) {
	s.seen[s.last%len(s.seen)] = span{p.seq, uint32(len(p.data)), maphash.Bytes(k, p.data)}
	s.last++
}

// again compares a retransmission with what was delivered, as far as that is remembered.
func (r *Reader) again(s *stream, h *half, p *piece) {
	if len(p.data) <= 1 {
		return // keep-alive probes repeat one byte, with any value (RFC 9293 section 3.8.4)
	}
	for i := range s.seen {
		if e := &s.seen[i]; e.seq == p.seq && e.n == uint32(len(p.data)) && e.n > 0 {
			if e.sum != maphash.Bytes(r.sums, p.data) {
				r.stats.Differing++
			}
			return
		}
	}
}

// gap deals with n bytes that the capture does not show.
func (r *Reader) gap(c *conn, side uint8, n int) {
	r.stats.Gaps++
	h := &c.halves[side]
	h.next += uint32(n)
	t := c.talk
	s := t.stream(c, side)
	switch {
	case t.two != nil:
		r.loseTwo(c)
	case s.lost || side == c.client && t.deaf || s.pass(r, n):
	case side == c.client:
		r.stats.Lost++
		r.loseRequests(c)
	case t.unanswered() != nil && t.unanswered().anchored && !before(t.unanswered().from, h.next):
		// Its bytes would have been passed over in any case.
	default:
		r.stats.Lost++
		r.loseAnswers(c)
	}
}

// loseRequests gives up the client's bytes up to the next request that begins a segment.
func (r *Reader) loseRequests(c *conn) {
	s := &c.talk.streams[0]
	s.lost, s.anchor = true, true
	if m := s.reading; m != nil {
		m.cut = true
		r.stats.Cut++
		r.asked(c)
	} else if len(s.buf) > 0 {
		r.stats.Cut++
	}
	r.drop(c, s)
}

// loseAnswers gives up the server's bytes up to the place where a request says that its answer stands.
func (r *Reader) loseAnswers(c *conn) {
	t := c.talk
	s := &t.streams[1]
	s.lost = true
	if m := s.reading; m != nil {
		m.cut = true
		r.answered(c, t.waiting[0])
		if c.talk != t {
			return
		}
	} else if len(s.buf) > 0 {
		r.stats.Orphans++
	}
	r.drop(c, s)
	for _, p := range t.waiting {
		if !before(p.from, c.halves[1-c.client].next) {
			p.anchored = true
			break
		}
		p.answer.done = true
	}
	r.settle(c)
}

// drop throws away what was kept to be read later.
func (r *Reader) drop(c *conn, s *stream) {
	r.hold(c, -len(s.buf))
	s.buf, s.scanned = s.buf[:0], 0
}
