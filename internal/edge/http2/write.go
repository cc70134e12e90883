package http2

import (
	"runtime"
	"time"

	"merlon/internal/model/exchange"
)

const (
	// maxPending bounds what waits to be sent; whoever has more to write waits. What the reading goroutine adds is bounded by
	// the limits on floods.
	maxPending = 64 << 10
	// maxUnread is how much may wait in all: what requests write stays below it, so beyond it are our answers to frames of a
	// client that does not read them.
	maxUnread = 256 << 10
	// keptPending is the largest buffer that is used again.
	keptPending = maxPending + 2*defaultFrame
	// flushRounds is how often a goroutine that has an answer of its own sends what others add meanwhile.
	flushRounds = 4
	// flushSlow is how long a write may take of a goroutine that goes on with what others have added: its own wait for the
	// client is being measured.
	flushSlow = 100 * time.Millisecond
)

// buffer holds frames that wait to be sent.
type buffer struct{ b []byte }

// pending is what waits to be sent; what is appended to it is put back by pend. The caller holds the lock.
func (c *Conn) pending() []byte {
	if c.out == nil {
		c.out, _ = c.s.buffers.Get().(*buffer)
		c.out.b = c.out.b[:0]
	}
	return c.out.b
}

func (c *Conn) pend(b []byte) { c.out.b = b }

func (c *Conn) recycle(b *buffer) {
	if cap(b.b) <= keptPending {
		c.s.buffers.Put(b)
	}
}

// full waits while too much is pending, and reports whether it has let go of the lock for that.
func (c *Conn) full() bool {
	if c.out == nil || len(c.out.b) < maxPending {
		return false
	}
	if !c.flush() {
		c.room.Wait()
	}
	return true
}

// flush sends what is pending, unless another goroutine is sending, which then takes it along. It reports whether it has let
// go of the lock, which the caller holds.
//
// Others that are ready to run come first: what they have to say goes out in the same write.
func (c *Conn) flush() bool {
	if c.flushing || c.out == nil || len(c.out.b) == 0 {
		return false
	}
	c.flushing = true
	c.mu.Unlock()
	runtime.Gosched()
	c.mu.Lock()
	for round := 0; c.out != nil && len(c.out.b) > 0; round++ {
		if round > 0 && !c.over && (round == flushRounds || c.s.now()-c.wrote > int64(flushSlow)) {
			c.ask1()
			break
		}
		c.write()
	}
	c.flushing = false
	c.room.Broadcast()
	return true
}

// write sends what is pending. The caller holds the lock and has set flushing.
func (c *Conn) write() {
	out := c.out
	c.out = nil
	// A deadline costs a timer, so it is moved only once in a while.
	patience := int64(c.s.o.Write)
	c.wrote = c.s.now()
	if left := c.writeBy - c.wrote; !c.over && !c.cut && (left < patience || left > patience*5/4) {
		c.writeBy = c.wrote + patience*5/4
		_ = c.nc.SetWriteDeadline(time.Unix(0, c.writeBy)) // under the lock: behind it the end may have set a nearer one
	}
	c.mu.Unlock()
	_, err := c.nc.Write(out.b)
	c.recycle(out)
	c.mu.Lock()
	if err != nil && !c.over {
		c.cut = true
		c.poke()
		c.over = true
		for _, s := range c.streams {
			c.lost(s)
		}
	}
	c.room.Broadcast()
}

// ask has another goroutine send what is pending, for one that must not wait. The caller holds the lock.
func (c *Conn) ask() {
	if !c.flushing && c.out != nil && len(c.out.b) > 0 {
		c.ask1()
	}
}

func (c *Conn) ask1() {
	if !c.asked {
		c.asked = true
		c.s.o.Go(c.flushFunc)
	}
}

func (c *Conn) flushAsked() {
	c.mu.Lock()
	c.asked = false
	for c.flush() && c.out != nil && !c.asked { // flush asks again when it is kept busy
	}
	c.room.Broadcast()
	c.mu.Unlock()
}

// greet says what we take.
func (c *Conn) greet() {
	l := &c.s.o.Limits
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.pending()
	at := len(b)
	b = appendFrame(b, 0, frameSettings, 0, 0)
	b = appendSetting(b, settingStreams, uint32(l.Streams))
	b = appendSetting(b, settingWindow, uint32(l.ReceiveStream))
	b = appendSetting(b, settingHeaderList, uint32(l.HeadBytes))
	if l.HeaderTable != initialHeaderTable {
		b = appendSetting(b, settingHeaderTable, uint32(l.HeaderTable))
	}
	b[at+2] = byte(len(b) - at - frameHead)
	if more := int64(l.ReceiveConnection) - initialWindow; more > 0 {
		b = appendWindow(b, 0, more)
	}
	c.pend(b)
	_ = c.nc.SetReadDeadline(time.Unix(0, c.started+int64(c.s.o.Head)))
	if c.poked {
		c.poke()
	}
	c.flush() // the socket has room for this
}

// writeFields writes a field section: a head, or with status 0 trailers. The caller holds the lock.
func (c *Conn) writeFields(s *Stream, status int, fields []exchange.Field, end bool) {
	b := c.pending()
	at := len(b)
	b = appendFrame(b, 0, frameHeaders, 0, s.id)
	if status != 0 {
		b = c.encoder.AppendStatus(b, status)
	}
	for i := range fields {
		f := &fields[i]
		c.lower = c.lower[:0]
		for _, ch := range f.Name {
			if 'A' <= ch && ch <= 'Z' {
				ch |= 0x20
			}
			c.lower = append(c.lower, ch)
		}
		b = c.encoder.Append(b, c.lower, f.Value, false)
	}
	flags := byte(0)
	if end {
		flags = flagEndStream
	}
	n := len(b) - at - frameHead
	if n <= defaultFrame {
		flags |= flagEndHeaders
	}
	head := appendFrame(b[at:at], min(n, defaultFrame), frameHeaders, flags, s.id)
	if n > defaultFrame {
		rest := append([]byte(nil), b[at+len(head)+defaultFrame:]...)
		b = b[:at+len(head)+defaultFrame]
		for len(rest) > 0 {
			k := min(len(rest), defaultFrame)
			flags = 0
			if k == len(rest) {
				flags = flagEndHeaders
			}
			b = append(appendFrame(b, k, frameContinuation, flags, s.id), rest[:k]...)
			rest = rest[k:]
		}
	}
	c.pend(b)
}

// writeData writes a DATA frame within the windows. The caller holds the lock.
func (c *Conn) writeData(s *Stream, b []byte, end bool) {
	flags := byte(0)
	if end {
		flags = flagEndStream
	}
	c.pend(append(appendFrame(c.pending(), len(b), frameData, flags, s.id), b...))
	s.send -= int64(len(b))
	c.send -= int64(len(b))
	c.sent.Add(int64(len(b)))
}

// answered notes that we have ended our side. The caller holds the lock.
func (c *Conn) answered(s *Stream) {
	s.answered = true
	if s.ended {
		c.uncount(s)
	}
}

// reset ends a stream from our side. The caller holds the lock.
func (c *Conn) reset(s *Stream, code Code) {
	c.pend(appendReset(c.pending(), s.id, code))
	s.closed = true
	c.uncount(s)
	if !s.gone { // its client does not know yet
		s.ours = true
		one := late{s.id, s.receive}
		if len(c.resets) < 2*c.s.o.Limits.Streams {
			c.resets = append(c.resets, one)
		} else {
			c.resets[c.reset1] = one
			c.reset1 = (c.reset1 + 1) % len(c.resets)
		}
	}
	s.wake.Broadcast()
}

// late is a stream that we have reset, with what was left of its window.
type late struct {
	id     uint32
	window int64
}

// wasReset finds the stream when we have reset it lately, as many as a client may have under way: what it has sent before it
// knew is let pass. The caller holds the lock.
func (c *Conn) wasReset(id uint32) *late {
	for i := range c.resets {
		if c.resets[i].id == id {
			return &c.resets[i]
		}
	}
	return nil
}

// forget takes a stream off the connection. The caller holds the lock.
func (c *Conn) forget(s *Stream) {
	c.uncount(s)
	if s.answered && !s.gone && !s.blamed {
		c.done.Add(1) // one that was reset makes good for nothing
	}
	c.credit(s.body.clear(c.s))
	delete(c.streams, s.id)
	if len(c.streams) == 0 {
		c.quiet = c.s.now()
		if c.draining == drainAway {
			c.poke()
		}
	}
	c.room.Broadcast()
}

// used notes that n bytes of a stream's body were read, and opens its window when enough were. The caller holds the lock.
func (c *Conn) used(s *Stream, n int) {
	c.credit(n)
	if s.owed += int64(n); s.ended || s.closed || c.over || s.owed < int64(c.s.o.Limits.ReceiveStream)/4 {
		return
	}
	c.pend(appendWindow(c.pending(), s.id, s.owed))
	s.receive += s.owed
	s.owed = 0
}

// credit opens the connection's window by n bytes, some time. The caller holds the lock.
func (c *Conn) credit(n int) {
	if c.owed += int64(n); c.over || c.owed < int64(c.s.o.Limits.ReceiveConnection)/4 {
		return
	}
	c.pend(appendWindow(c.pending(), 0, c.owed))
	c.receive += c.owed
	c.owed = 0
}
