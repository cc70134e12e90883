package stream

import (
	"net"
	"time"

	"merlon/internal/model/exchange"
)

const (
	// maxPending bounds what waits to be sent; net/http waits when there is more.
	maxPending = 64 << 10
	// keptPending is the memory for it that a connection keeps.
	keptPending = 8 << 10
	// lastWords bounds the sending of what is left when a connection closes.
	lastWords = time.Second
)

// Write takes what net/http writes and looks at what it says. The goroutine of ServeConn sends it: net/http starts a new
// goroutine for each flush, whose stack would grow by copying for TLS, and what it writes in pieces goes out together.
//
// net/http sends the head of an answer by itself and then its data. A flow that has the whole of a small answer promises that
// the data comes at once; until it does, the head waits. When it does not, since the client's window is used up or its stream
// was reset, the watch sends the head at its next look.
func (c *conn) Write(p []byte) (int, error) {
	c.writing.Lock()
	defer c.writing.Unlock()
	for len(c.pending) > 0 && len(c.pending)+len(p) > maxPending && c.writeErr == nil {
		c.send()
		c.room.Wait()
	}
	if c.writeErr != nil {
		return 0, c.writeErr
	}
	resets, ended := c.wrote(p)
	c.pending = append(c.pending, p...)
	if resets > 0 && !c.provoke(resets) {
		return 0, errFlood
	}
	c.promises += c.promised.Swap(0)
	if c.promises > 0 && c.out.between() && c.out.kind() == frameHeaders && c.out.flags()&(flagEndStream|flagEndHeaders) == flagEndHeaders {
		c.peer.watch.wake()
		return len(p), nil
	}
	c.promises = max(0, c.promises-ended)
	c.send()
	return len(p), nil
}

// provoke counts streams that the client has made net/http reset. It reports false when they are too many.
func (c *conn) provoke(n int64) bool {
	c.tellRefused()
	if c.faults.add(kindReset, n, c.tap.done.Load()) {
		return true
	}
	c.told(kindReset)
	c.writeErr = errFlood
	c.close()
	return false
}

// tellRefused publishes an event for each request that net/http has reset because it was malformed, or one too many, and
// that comes up nowhere else: a request that a handler was begun for has an event of its own, whatever net/http thinks of its
// body. What net/http ignores, since it has said GOAWAY, is no request. The caller holds writing.
func (c *conn) tellRefused() {
	for ; c.refused < min(c.unserved, c.provoked); c.refused++ {
		c.report(exchange.AnomalyHTTP2Malformed)
	}
}

// send wakes the goroutine that sends.
func (c *conn) send() {
	select {
	case c.ready <- struct{}{}:
	default: // it was woken already
	}
}

// pump sends until the connection closes, and then what is left.
func (c *conn) pump() {
	defer func() {
		c.writing.Lock()
		if c.writeErr == nil {
			c.writeErr = net.ErrClosed
		}
		c.room.Broadcast()
		c.writing.Unlock()
		_ = c.Conn.Close()
	}()
	var batch []byte
	var writeBy int64
	patience := int64(c.s.o.Timeouts.Body)
	for open := true; open; {
		select {
		case <-c.ready:
		case <-c.closing:
			open = false
		}
		c.writing.Lock()
		batch, c.pending = c.pending, batch[:0]
		c.room.Broadcast()
		c.writing.Unlock()
		if len(batch) > 0 {
			// A deadline costs a timer, so it is moved only once in a while.
			if now := c.s.now(); open && (writeBy-now < patience || writeBy-now > patience*5/4) {
				writeBy = now + patience*5/4
				_ = c.Conn.SetWriteDeadline(time.Unix(0, writeBy))
			}
			if _, err := c.Conn.Write(batch); err != nil {
				c.writing.Lock()
				c.writeErr = err
				c.writing.Unlock()
				return
			}
		}
		if cap(batch) > keptPending {
			batch = nil
		}
	}
}

// promise tells that a head that is about to be written will be followed by the end of its stream at once.
func (c *conn) promise() { c.promised.Add(1) }

// letGo sends what waits for a promise to be kept. It reports whether it has to be asked again.
func (c *conn) letGo() bool {
	if !c.writing.TryLock() {
		return true
	}
	defer c.writing.Unlock()
	c.promises = 0
	c.promised.Store(0)
	if len(c.pending) > 0 {
		c.send()
	}
	return false
}

// SetWriteDeadline does nothing: how long sending may take is decided where it is done.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

// Close closes the connection once what is left was sent, which may take lastWords.
func (c *conn) Close() error {
	c.close()
	return nil
}

func (c *conn) close() {
	c.once.Do(func() {
		_ = c.Conn.SetWriteDeadline(time.Unix(0, c.s.now()+int64(lastWords)))
		close(c.closing)
	})
}
