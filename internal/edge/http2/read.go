package http2

import (
	"encoding/binary"
	"errors"
	"time"

	"merlon/internal/edge/http2/hpack"
)

// Settings (RFC 9113 section 6.5.2).
const (
	settingHeaderTable = 0x1
	settingPush        = 0x2
	settingStreams     = 0x3
	settingWindow      = 0x4
	settingFrame       = 0x5
	settingHeaderList  = 0x6
)

// frame deals with one frame, of which the head was read. Its error ends the connection.
func (c *Conn) frame(f frame) error {
	if f.length > defaultFrame {
		return Fault{Code: FrameSizeError}
	}
	if !c.settled && f.kind != frameSettings {
		return Fault{Code: ProtocolError}
	}
	switch f.kind {
	case frameData:
		return c.data(f)
	case frameHeaders:
		c.carried++
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
		return nil // it will begin nothing any more, and close when it has what it wants
	default:
		return c.window(f, b)
	}
}

// idle tells whether the client speaks of a stream that is none: nobody has opened it, or it would be one of ours. While the
// connection drains, streams that we do not look at any more may be meant.
func (c *Conn) idle(stream uint32) bool {
	return stream&1 == 0 || stream > c.highest && c.draining != drainAway
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
	} else {
		c.carried++
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
		if f.stream > c.highest || c.wasReset(f.stream) {
			return nil
		}
		c.pend(appendReset(c.pending(), f.stream, StreamClosed))
		return c.flood.add(kindFault, c.done.Load())
	case s.closed && !s.gone:
		return nil // it does not know yet
	case s.ended || s.gone:
		return c.atFault(s, StreamClosed)
	}
	if s.receive -= int64(f.length); s.receive < 0 {
		return c.atFault(s, FlowControlError)
	}
	s.owed += int64(padding)
	return nil
}

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
	c.mu.Lock()
	s := c.streams[f.stream]
	reset := s == nil && c.wasReset(f.stream) || s != nil && s.closed && !s.gone
	trails := s != nil && !reset && !s.gone && !s.ended
	away := c.draining == drainAway && f.stream > c.last
	c.mu.Unlock()
	switch {
	case f.stream > c.highest && !away:
		return c.request(f, block, parent == f.stream)
	case trails:
		return c.trailers(f, block)
	case reset || away: // it did not know; its block moves the table all the same
		c.head.begin(nil, true, true)
		_, err := c.decode(block)
		return err
	case f.stream >= c.gapLow && f.stream <= c.gapHigh:
		return Fault{Code: ProtocolError} // streams are opened in their order
	default:
		return Fault{Code: StreamClosed}
	}
}

// continued reads the CONTINUATION frames behind a first piece of a block, within a head's time.
func (c *Conn) continued(stream uint32, first []byte) ([]byte, error) {
	joined := append([]byte(nil), first...)
	c.heading = c.s.now()
	c.deadline(c.s.o.Head)
	defer func() {
		c.heading = 0
		c.deadline(c.s.o.Idle)
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

// deadline sets when the reading goroutine looks around next.
func (c *Conn) deadline(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.poked {
		_ = c.nc.SetReadDeadline(time.Unix(0, c.s.now()+int64(d)))
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
	c.mu.Lock()
	running := len(c.streams)
	c.mu.Unlock()
	refuse := c.h.Refuse(running)
	c.mu.Lock()
	limit := c.s.o.Limits.Streams
	s.ended = f.has(flagEndStream)
	s.send, s.receive = c.initial, int64(c.s.o.Limits.ReceiveStream)
	if c.open >= limit {
		s.Refused, s.Excess = true, c.acked
	} else if refuse || running >= 2*limit {
		s.Refused = true // that many of them are only the client's to count: it has reset the others
	}
	s.counted = true
	c.open++
	c.streams[s.id] = s
	if s.id == maxStreamID && c.draining != drainAway {
		c.draining, c.last = drainAway, c.highest // there are no further numbers
	}
	switch {
	case s.Malformed:
		c.reset(s, ProtocolError)
		err = c.flood.add(kindFault, c.done.Load())
	case s.Refused:
		c.reset(s, RefusedStream)
		err = c.flood.add(kindFault, c.done.Load())
	}
	c.mu.Unlock()
	c.h.Request(s)
	return err
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
