package pcap

// conn is one connection. As long as nothing was sent on it, this is all there is.
type conn struct {
	key        key
	prev, next *conn // in the order of last packets
	last       int64
	talk       *talk // nil before the first payload, and when it is not read
	halves     [2]half
	client     uint8 // the side that asks, once asked
	asked      bool  // client is known
	begun      bool  // it is known, too, where both directions stand
	opaque     bool  // it speaks something that is not read
	tls        bool
	held       int // bytes kept for it
}

// half is one direction of a connection: where it stands.
type half struct {
	next   uint32 // sequence number of the next byte
	end    uint32 // that of the FIN
	known  bool   // next is known
	fin    bool   // end is known
	closed bool   // all up to end was read, or the connection was reset
}

// list is the connections in the order of their last packets.
type list struct{ root conn }

func (l *list) init() { l.root.prev, l.root.next = &l.root, &l.root }

func (l *list) oldest() *conn {
	if l.root.next == &l.root {
		return nil
	}
	return l.root.next
}

func (l *list) remove(c *conn) {
	if c.prev != nil {
		c.prev.next, c.next.prev = c.next, c.prev
		c.prev, c.next = nil, nil
	}
}

func (l *list) add(c *conn) {
	c.prev, c.next = l.root.prev, &l.root
	c.prev.next, c.next.prev = c, c
}

// before tells whether sequence number a comes before b (RFC 9293 section 3.4).
func before(a, b uint32) bool { return int32(a-b) < 0 }

// segment takes one segment into its connection.
func (r *Reader) segment(s *segment) {
	c := r.table[s.key]
	size := len(s.payload) + s.missing
	if c != nil && s.flags&(flagSYN|flagACK) == flagSYN && c.halves[s.side].known && c.halves[s.side].next != s.seq+1 {
		// The same ports again: another connection.
		if h := &c.halves[s.side]; !before(s.seq, h.next) || h.closed {
			r.finish(c, false)
			c = nil
		}
	}
	if c == nil {
		if s.flags&(flagRST|flagFIN) != 0 && size == 0 || s.flags&flagSYN == 0 && size == 0 {
			return // the rest of something that is over, or silent
		}
		c = &conn{key: s.key}
		r.table[s.key] = c
		r.recent.add(c)
	} else {
		r.recent.remove(c)
		r.recent.add(c)
	}
	c.last = r.now
	h, o := &c.halves[s.side], &c.halves[1-s.side]
	if s.flags&flagSYN != 0 {
		if !h.known {
			h.next, h.known = s.seq+1, true
		}
		s.seq++ // what a SYN carries stands behind it
		switch {
		case c.asked:
		case s.flags&flagACK == 0:
			c.client, c.asked, c.begun = s.side, true, true
		default:
			c.client, c.asked, c.begun = 1-s.side, true, true
		}
	}
	if s.flags&flagACK != 0 && c.begun && !o.known {
		o.next, o.known = s.ack, true
	}
	if s.flags&flagFIN != 0 && !h.fin {
		h.fin, h.end = true, s.seq+uint32(size)
	}
	if size > 0 {
		r.payload(c, s)
	}
	if c.prev == nil {
		return // it ended meanwhile
	}
	r.close(c, s)
}

// payload takes the bytes of a segment.
func (r *Reader) payload(c *conn, s *segment) {
	if c.tls {
		r.stats.TLSBytes += int64(len(s.payload) + s.missing)
		return
	}
	r.place(c, s.side, &piece{
		seq: s.seq, ack: s.ack, acks: s.flags&flagACK != 0, data: s.payload, missing: s.missing, at: r.now, number: r.number,
	})
}

// place takes a piece to where its connection stands.
func (r *Reader) place(c *conn, side uint8, p *piece) {
	switch {
	case c.opaque:
	case c.begun:
		r.feed(c, side, p)
	default:
		r.seek(c, side, p)
	}
}

// seek looks for a request, with which a connection can begin whose beginning, or middle, was not captured. What the
// request acknowledges is where its answer stands.
func (r *Reader) seek(c *conn, side uint8, p *piece) {
	if !c.asked && isTLS(p.data) {
		r.stats.TLS++
		r.stats.TLSBytes += int64(p.size())
		c.tls = true
		r.blind(c)
		return
	}
	if c.asked && side != c.client || !p.acks || !beginsRequest(p.data) {
		return
	}
	c.client, c.asked, c.begun = side, true, true
	c.halves[side].next, c.halves[side].known = p.seq, true
	c.halves[1-side].next, c.halves[1-side].known = p.ack, true
	r.feed(c, side, p)
}

// close deals with the flags that end a connection.
func (r *Reader) close(c *conn, s *segment) {
	h := &c.halves[s.side]
	if s.flags&flagRST != 0 {
		// Nobody takes anything more; what waits for a missing segment was not captured.
		c.halves[0].closed, c.halves[1].closed = true, true
		r.finish(c, true)
		return
	}
	if h.fin && !h.closed && (!h.known || !c.begun || c.opaque || !before(h.next, h.end)) {
		h.closed = true
		if c.talk != nil && c.begun {
			r.ended(c, s.side)
		}
	}
	if c.halves[0].closed && c.halves[1].closed {
		r.finish(c, true)
	}
}

// finish ends a connection: what is known of unfinished exchanges is told. whole says that it was seen to end, so that
// what is unfinished was never finished.
func (r *Reader) finish(c *conn, whole bool) {
	if c.prev == nil {
		return
	}
	r.recent.remove(c)
	delete(r.table, c.key)
	if c.talk != nil {
		r.drain(c)
		if whole && c.talk != nil {
			r.ended(c, c.client)
			r.ended(c, 1-c.client)
		}
	}
	r.silence(c)
}

// silence forgets what is kept for a connection, after telling what is known.
func (r *Reader) silence(c *conn) {
	if t := c.talk; t != nil {
		r.abandon(c)
		c.talk = nil
		r.recycle(t)
	}
	r.hold(c, -c.held)
}

// blind ends the reading of a connection that goes on.
func (r *Reader) blind(c *conn) {
	r.silence(c)
	c.opaque = true
}

// hold counts memory kept for a connection.
func (r *Reader) hold(c *conn, n int) {
	c.held += n
	r.held += n
}
