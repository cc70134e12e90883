package http2

// frame deals with one frame, of which the head was read. Its error ends the connection.
func (c *Conn) frame(f frame) error {
	if f.length > defaultFrame {
		return Fault{Code: FrameSizeError}
	}
	if !c.settled && f.kind != frameSettings {
		return Fault{Code: ProtocolError}
	}
	if c.blamed.Load() != 0 {
		for range c.blamed.Swap(0) {
			if err := c.flood.add(kindFault, c.done.Load()); err != nil {
				return err
			}
		}
	}
	switch f.kind {
	case frameData:
		return c.data(f)
	case frameHeaders:
		return c.headers(f)
	case framePush, frameContinuation:
		return Fault{Code: ProtocolError}
	case framePriority, frameReset, frameSettings, framePing, frameGoAway, frameWindow:
	default:
		if err := c.flood.add(kindUnknown, 0); err != nil {
			return err
		}
		return c.skip(f.length)
	}
	b, err := c.payload(f.length)
	if err != nil {
		return err
	}
	switch f.kind {
	case framePriority:
		return c.priority(f, b)
	case frameReset:
		return c.resetBy(f, b)
	case frameSettings:
		return c.settings(f, b)
	case framePing:
		return c.ping(f, b)
	case frameGoAway:
		switch {
		case f.stream != 0:
			return Fault{Code: ProtocolError}
		case f.length < 8:
			return Fault{Code: FrameSizeError}
		}
		if err := c.flood.add(kindSettings, 0); err != nil {
			return err
		}
		return nil // it will begin nothing any more, and close when it has what it wants
	default:
		return c.window(f, b)
	}
}

// idle tells whether the client speaks of a stream that is none: nobody has opened it, or it would be one of ours. While the
// connection drains, streams that we do not look at any more may be meant.
func (c *Conn) idle(stream uint32) bool {
	if stream&1 == 0 || stream <= c.highest {
		return stream&1 == 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.draining != drainAway
}

func (c *Conn) skip(n int) error {
	for n > 0 {
		if c.r == c.w {
			if err := c.fill(); err != nil {
				return err
			}
		}
		k := min(n, c.w-c.r)
		c.r += k
		n -= k
	}
	return nil
}

// data takes a DATA frame: its bytes to the stream's body as they come, or nowhere when nobody wants them.
func (c *Conn) data(f frame) error {
	if c.idle(f.stream) {
		return Fault{Code: ProtocolError}
	}
	n, pad := f.length, 0
	if f.has(flagPadded) {
		b, err := c.payload(min(1, n))
		if err != nil {
			return err
		}
		if n == 0 || int(b[0]) >= n {
			return Fault{Code: ProtocolError}
		}
		pad = int(b[0])
		n -= 1 + pad
	}
	if n == 0 && !f.has(flagEndStream) {
		if err := c.flood.add(kindEmptyData, c.carried); err != nil {
			return err
		}
	}
	if err := c.arrives(f, f.length-n); err != nil {
		return err
	}
	for {
		if n > 0 && c.r == c.w {
			if err := c.fill(); err != nil {
				return err
			}
		}
		k := min(n, c.w-c.r)
		n -= k
		c.take(f.stream, c.buf[c.r:c.r+k], n == 0 && f.has(flagEndStream))
		c.r += k
		if n == 0 {
			return c.skip(pad)
		}
	}
}

// arrives counts a DATA frame against the windows, of which its padding is given back at once, and judges whether the stream
// may have one.
func (c *Conn) arrives(f frame, padding int) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.receive -= int64(f.length); c.receive < 0 {
		return Fault{Code: FlowControlError}
	}
	c.credit(padding)
	s := c.streams[f.stream]
	switch {
	case s == nil:
		if f.stream > c.highest {
			return c.lateData(&c.unbegun, f)
		}
		if at := c.wasReset(f.stream); at != nil {
			return c.lateData(&at.window, f)
		}
		c.pend(appendReset(c.pending(), f.stream, StreamClosed))
		return c.flood.add(kindFault, c.done.Load())
	case s.ours:
		return c.lateData(&s.receive, f)
	case s.ended || s.gone:
		return c.atFault(s, StreamClosed)
	}
	if s.receive -= int64(f.length); s.receive < 0 {
		return c.atFault(s, FlowControlError)
	}
	s.owed += int64(padding)
	if f.length > padding || f.has(flagEndStream) {
		c.carried++
	}
	return nil
}

// lateData takes a DATA frame for a stream that we have reset before its client knew. Without a window that opens again it
// cannot have many of them on their way; more are faults. The caller holds the lock.
func (c *Conn) lateData(window *int64, f frame) error {
	if *window -= int64(f.length + lateFrame); *window >= 0 {
		return nil
	}
	return c.flood.add(kindFault, c.done.Load())
}

// lateFrame is what a DATA frame counts beside its bytes on a stream that was reset, so that small ones come to an end too.
const lateFrame = 64

// atFault resets a stream for its client's fault. The caller holds the lock.
func (c *Conn) atFault(s *Stream, code Code) error {
	s.broken = true
	c.reset(s, code)
	c.lost(s)
	return c.flood.add(kindFault, c.done.Load())
}

// take gives a piece of a body to its stream.
func (c *Conn) take(id uint32, b []byte, end bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.streams[id]
	if s == nil || s.closed || s.gone || s.ended {
		c.credit(len(b))
		return
	}
	if s.stopped {
		c.credit(len(b))
	} else {
		s.body.append(c.s, b)
	}
	if end {
		c.ended(s)
	}
	s.wake.Broadcast()
}

// ended notes that the client has ended its side. The caller holds the lock.
func (c *Conn) ended(s *Stream) {
	s.ended = true
	if s.answered {
		c.uncount(s)
	}
	s.wake.Broadcast()
}
