package http2

import (
	"errors"
	"time"

	"merlon/internal/edge/http2/hpack"
)

// headers takes a HEADERS frame and its CONTINUATIONs.
func (c *Conn) headers(f frame) error {
	if f.stream&1 == 0 {
		return Fault{Code: ProtocolError} // 0, or one of ours
	}
	if f.length > c.s.o.Limits.HeaderBytes {
		return flooded(kindHeader)
	}
	b, err := c.payload(f.length)
	if err != nil {
		return err
	}
	block, parent, ok := unpad(b, &f)
	if !ok {
		return Fault{Code: ProtocolError}
	}
	if !f.has(flagEndHeaders) {
		if block, err = c.continued(f.stream, block); err != nil {
			return err
		}
	}
	trails, late := c.standing(f.stream)
	switch {
	case f.stream > c.highest && !late:
		c.carried++
		return c.request(f, block, parent == f.stream)
	case trails:
		c.carried++
		return c.trailers(f, block)
	case late: // it did not know; its block moves the table all the same
		c.head.begin(nil, true, true)
		if _, err := c.decode(block); err != nil {
			return err
		}
		return c.flood.add(kindFault, c.done.Load()) // an honest client has one of them on its way for each stream
	case f.stream >= c.gapLow && f.stream <= c.gapHigh:
		return Fault{Code: ProtocolError} // streams are opened in their order
	default:
		return Fault{Code: StreamClosed}
	}
}

// standing tells of a stream for which HEADERS have come whether trailers may follow, and whether we have reset it, or have
// said that we would not begin it, before its client knew.
func (c *Conn) standing(id uint32) (trails, late bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch s := c.streams[id]; {
	case c.draining == drainAway && id > c.last:
		return false, true
	case s == nil:
		return false, c.wasReset(id) != nil
	default:
		return !s.closed && !s.gone && !s.ended, s.ours
	}
}

// continued reads the CONTINUATION frames behind a first piece of a block, within a head's time.
func (c *Conn) continued(stream uint32, first []byte) ([]byte, error) {
	joined := append([]byte(nil), first...)
	c.heading = c.s.now()
	c.deadline()
	defer func() {
		c.heading = 0
		c.deadline() // what was due before is due again
	}()
	for n := 0; ; n++ {
		b, err := c.payload(frameHead)
		if err != nil {
			return nil, err
		}
		f := parseFrame(b)
		switch {
		case f.kind != frameContinuation || f.stream != stream:
			return nil, Fault{Code: ProtocolError}
		case f.length > defaultFrame:
			return nil, Fault{Code: FrameSizeError}
		case n >= c.s.o.Limits.HeaderFrames || len(joined)+f.length > c.s.o.Limits.HeaderBytes:
			return nil, flooded(kindHeader)
		}
		if b, err = c.payload(f.length); err != nil {
			return nil, err
		}
		if joined = append(joined, b...); f.has(flagEndHeaders) {
			return joined, nil
		}
	}
}

// deadline sets when the reading goroutine looks around next. What is due already is dealt with by its next read.
func (c *Conn) deadline() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.poked {
		next, _ := c.due(c.s.now())
		_ = c.nc.SetReadDeadline(time.Unix(0, next))
	}
}

// decode reads a header block into c.head. long tells that it was longer than is kept.
func (c *Conn) decode(block []byte) (long bool, err error) {
	switch err := c.decoder.Decode(block, c.emit); {
	case err == nil:
	case errors.Is(err, hpack.ErrListTooLong):
		long = true
	case errors.Is(err, hpack.ErrExpansion):
		return true, flooded(kindHeader)
	default:
		return false, Fault{Code: CompressionError}
	}
	c.head.end()
	return long || c.head.long, nil
}

// request begins a stream.
func (c *Conn) request(f frame, block []byte, selfish bool) error {
	if f.stream > c.highest+2 {
		c.gapLow, c.gapHigh = c.highest+2, f.stream-2
		if c.highest == 0 {
			c.gapLow = 1
		}
	}
	c.highest = f.stream
	s, _ := c.s.streams.Get().(*Stream)
	s.begin(c, f.stream)
	h := &c.head
	h.begin(s.Head, false, f.has(flagEndStream))
	long, err := c.decode(block)
	s.Head, h.text = h.text, nil
	h.trim()
	if err != nil {
		c.s.streams.Put(s)
		return err
	}
	if !c.first.over {
		c.print = c.first.end()
	}
	s.Method, s.Target, s.Malformed, s.TooLarge = h.method, h.target, h.bad || selfish, long
	s.ended = f.has(flagEndStream)
	err = c.register(s, c.h.Refuse(c.running()))
	c.h.Request(s)
	return err
}

// running is how many requests are under way.
func (c *Conn) running() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.streams)
}

// register takes a stream up among the others, or resets it.
func (c *Conn) register(s *Stream, refuse bool) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	limit := c.s.o.Limits.Streams
	s.send, s.receive = c.initial, int64(c.s.o.Limits.ReceiveStream)
	// Beyond the limit are streams that are open, and those that their client has reset and that are not over here yet.
	tooMany := c.open >= limit || len(c.streams) >= 2*limit
	s.Refused, s.Excess = tooMany || refuse, c.open >= limit && c.acked
	s.counted = true
	c.open++
	c.streams[s.id] = s
	if s.id == maxStreamID && c.draining != drainAway {
		c.draining, c.last = drainAway, c.highest // there are no further numbers
	}
	switch {
	case s.Malformed:
		c.reset(s, ProtocolError)
	case s.Refused:
		c.reset(s, RefusedStream)
	}
	if s.Malformed || tooMany {
		return c.flood.add(kindFault, c.done.Load())
	}
	if refuse && c.draining != drainAway && c.flood.add(kindRefused, c.done.Load()) != nil {
		c.goAway() // nobody's fault, but each costs an event: its client is sent elsewhere
	}
	return nil
}

// trailers takes a request's trailers.
func (c *Conn) trailers(f frame, block []byte) error {
	h := &c.head
	h.begin(nil, true, true)
	long, err := c.decode(block)
	if err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.streams[f.stream]
	if s == nil || s.closed || s.gone {
		return nil
	}
	if h.bad || h.sized || long || !f.has(flagEndStream) {
		return c.atFault(s, ProtocolError)
	}
	s.trailers = append(s.trailers[:0], h.text...)
	c.ended(s)
	return nil
}
