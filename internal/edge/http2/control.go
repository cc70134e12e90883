package http2

import "encoding/binary"

// Settings (RFC 9113 section 6.5.2).
const (
	settingHeaderTable = 0x1
	settingPush        = 0x2
	settingStreams     = 0x3
	settingWindow      = 0x4
	settingFrame       = 0x5
	settingHeaderList  = 0x6
)

func (c *Conn) priority(f frame, b []byte) error {
	switch {
	case f.stream == 0:
		return Fault{Code: ProtocolError}
	case f.length != 5:
		return c.strayFault(f.stream, FrameSizeError)
	case binary.BigEndian.Uint32(b)&maxStreamID == f.stream:
		return c.strayFault(f.stream, ProtocolError)
	}
	return c.flood.add(kindPriority, 0)
}

// strayFault resets a stream that may not be there.
func (c *Conn) strayFault(id uint32, code Code) error {
	if c.idle(id) {
		return Fault{Code: code} // what was not opened cannot be reset (RFC 9113 section 5.1)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.streams[id]; s != nil && !s.closed {
		return c.atFault(s, code)
	}
	c.pend(appendReset(c.pending(), id, code))
	return c.flood.add(kindFault, c.done.Load())
}

func (c *Conn) resetBy(f frame, b []byte) error {
	switch {
	case f.length != 4:
		return Fault{Code: FrameSizeError}
	case c.idle(f.stream):
		return Fault{Code: ProtocolError}
	}
	if err := c.flood.add(kindReset, c.done.Load()); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.streams[f.stream]; s != nil {
		s.closed = true
		c.lost(s)
	}
	return nil
}

func (c *Conn) settings(f frame, b []byte) error {
	switch {
	case f.stream != 0:
		return Fault{Code: ProtocolError}
	case f.has(flagAck) && f.length != 0, f.length%6 != 0:
		return Fault{Code: FrameSizeError}
	}
	if err := c.flood.add(kindSettings, 0); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.has(flagAck) {
		if !c.settled {
			return Fault{Code: ProtocolError}
		}
		if !c.acked {
			c.acked = true
			c.decoder.Acknowledged()
		}
		return nil
	}
	c.settled = true
	c.first.settings(b)
	for ; len(b) > 0; b = b[6:] {
		if err := c.setting(binary.BigEndian.Uint16(b), binary.BigEndian.Uint32(b[2:])); err != nil {
			return err
		}
	}
	c.pend(appendFrame(c.pending(), 0, frameSettings, flagAck, 0))
	return nil
}

// setting takes one setting of the client's. The caller holds the lock.
func (c *Conn) setting(id uint16, v uint32) error {
	switch id {
	case settingHeaderTable:
		c.encoder.SetTable(v)
	case settingPush:
		if v > 1 {
			return Fault{Code: ProtocolError}
		}
	case settingFrame:
		if v < defaultFrame || v >= 1<<24 {
			return Fault{Code: ProtocolError}
		}
	case settingWindow:
		if v > maxWindow {
			return Fault{Code: FlowControlError}
		}
		by := int64(v) - c.initial
		c.initial = int64(v)
		for _, s := range c.streams {
			if s.send += by; s.send > maxWindow {
				return Fault{Code: FlowControlError}
			}
			s.wake.Broadcast()
		}
	}
	return nil
}

func (c *Conn) ping(f frame, b []byte) error {
	switch {
	case f.length != 8:
		return Fault{Code: FrameSizeError}
	case f.stream != 0:
		return Fault{Code: ProtocolError}
	}
	if err := c.flood.add(kindPing, c.carried+c.done.Load()); err != nil {
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case !f.has(flagAck):
		c.pend(appendPing(c.pending(), flagAck, b))
	case c.draining == drainTold && string(b) == string(drainPing):
		c.goAway()
		c.poke()
	}
	return nil
}

func (c *Conn) window(f frame, b []byte) error {
	if f.length != 4 {
		return Fault{Code: FrameSizeError}
	}
	if f.stream != 0 && c.idle(f.stream) {
		return Fault{Code: ProtocolError}
	}
	if err := c.flood.add(kindWindow, c.sent.Load()>>10+c.done.Load()); err != nil {
		return err
	}
	by := int64(binary.BigEndian.Uint32(b) & maxStreamID)
	if f.stream == 0 {
		c.first.window(b)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if f.stream == 0 {
		if by == 0 {
			return Fault{Code: ProtocolError}
		}
		if c.send += by; c.send > maxWindow {
			return Fault{Code: FlowControlError}
		}
		for _, s := range c.streams {
			if s.waiting {
				s.wake.Broadcast()
			}
		}
		return nil
	}
	s := c.streams[f.stream]
	if by == 0 {
		if s != nil && !s.closed {
			return c.atFault(s, ProtocolError)
		}
		return nil
	}
	if s == nil || s.closed {
		return nil
	}
	if s.send += by; s.send > maxWindow {
		return c.atFault(s, FlowControlError)
	}
	s.wake.Broadcast()
	return nil
}
