package proxy

import (
	"errors"
	"io"
	"os"
	"syscall"
	"time"

	"merlon/internal/model/exchange"
)

// fill reads more of the client's bytes behind buf[start:end].
func (c *conn) fill() error {
	if c.end == len(c.buf) {
		c.grow(2 * len(c.buf))
	}
	n, err := c.nc.Read(c.buf[c.end:])
	c.end += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = io.ErrUnexpectedEOF
	}
	return err
}

// fillFirst reads the first bytes of a request. While nothing is there the connection holds no buffer.
func (c *conn) fillFirst() error {
	if c.sock == nil {
		return c.fillByte()
	}
	c.readErr = nil
	if err := c.sock.Read(c.firstRead); err != nil {
		return err
	}
	return c.readErr
}

// fillByte is fillFirst where there is no socket to wait on by itself. TLS has the rest of the request, then, and gives it
// without another system call.
func (c *conn) fillByte() error {
	if c.work != nil {
		c.release()
	}
	n, err := c.nc.Read(c.first[:])
	if n == 0 {
		if err == nil {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	c.take()
	c.buf[0], c.start, c.end = c.first[0], 0, 1
	return nil
}

// waits is called when a read is going to wait for the socket.
func (c *conn) waits() {
	if c.headBy != 0 {
		c.readUntil(c.headBy)
	}
}

// readFirst is called by the runtime's poller: at once, and whenever the socket may have become readable. It returns false
// to wait. It makes the same system calls as Conn.Read; a busy connection pays two visits to a pool.
func (c *conn) readFirst(fd uintptr) bool {
	c.take()
	for {
		n, err := syscall.Read(int(fd), c.buf)
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			c.release()
			return false
		case err != nil:
			c.readErr = os.NewSyscallError("read", err)
		case n == 0:
			c.readErr = io.EOF
		default:
			c.start, c.end = 0, n
		}
		return true
	}
}

// bodyGrace is how long a request's body may take before its rate counts: as in Kestrel, a client may open a file or a
// radio channel first.
const bodyGrace = 5 * time.Second

// fillBody reads more of a request's body, from a client that keeps to the minimum rate. Like Apache's mod_reqtimeout the
// deadline moves by what has come, a second for each BodyRate bytes; unlike there, credit is bounded by the body time-out,
// so that a large beginning does not pay for an hour of silence.
func (c *conn) fillBody() error {
	now := c.now()
	rate, pause := int64(c.s.o.BodyRate), int64(c.s.o.Timeouts.Body)
	if rate <= 0 {
		c.readWithin(now, c.s.o.Timeouts.Body)
		if c.flow.stopped.Load() {
			return errStopped
		}
		return c.fill()
	}
	if c.bodyBy == 0 {
		c.bodyBy = now + min(int64(bodyGrace), pause)
	}
	// A deadline costs a timer, so it may be off by some of what is left.
	if off := c.bodyBy - c.readBy; off < 0 || off > (c.bodyBy-now)/4 {
		c.readUntil(c.bodyBy)
	}
	if c.flow.stopped.Load() {
		return errStopped
	}
	have := c.end
	err := c.fill()
	if n := int64(c.end - have); n > 0 {
		c.bodyBy = min(c.bodyBy+n*int64(time.Second)/rate, now+pause)
	}
	return err
}

// grow makes room for size bytes in all behind start. Slices of the buffer that were taken before stay valid, because
// they keep the old memory.
func (c *conn) grow(size int) {
	if c.start+size <= len(c.buf) {
		return
	}
	grown := make([]byte, size)
	c.end = copy(grown, c.buf[c.start:c.end])
	c.start, c.buf = 0, grown
}

// readUntil sets the read deadline to exactly at.
func (c *conn) readUntil(at int64) {
	if c.readBy != at {
		c.readBy = at
		_ = c.nc.SetReadDeadline(time.Unix(0, at))
	}
}

// readWithin sets the read deadline between timeout and 5/4 of it ahead. A deadline costs a timer, so it is moved only
// once in a while.
func (c *conn) readWithin(now int64, timeout time.Duration) {
	if left := c.readBy - now; left < int64(timeout) || left > int64(timeout)*5/4 {
		c.readUntil(now + int64(timeout)*5/4)
	}
}

// write sends b to the client within the body time-out. A piece has at most some 64 KiB, so a client has to read 2 kB/s
// once the socket's buffers are full: whoever reads slower holds up an upstream connection.
func (c *conn) write(now int64, b []byte) error {
	timeout := int64(c.s.o.Timeouts.Body)
	if left := c.writeBy - now; left < timeout || left > timeout*5/4 {
		c.writeBy = now + timeout*5/4
		_ = c.nc.SetWriteDeadline(time.Unix(0, c.writeBy))
	}
	_, err := c.nc.Write(b)
	if t := c.current; err != nil && t != nil && isTimeout(err) {
		t.Exchange.Anomalies.Add(exchange.AnomalyTimeout)
	}
	return err
}

// lingerFor and lingerBytes bound how much of a refused request is read and thrown away: closing a socket with unread
// bytes resets it, and the client would lose the answer that says what is wrong.
const (
	lingerFor   = 500 * time.Millisecond
	lingerBytes = 256 << 10
)

// linger ends the sending side and drains what the client still sends, within bounds.
func (c *conn) linger() {
	if c.nc.CloseWrite() != nil {
		return
	}
	c.readUntil(c.now() + int64(lingerFor))
	for left := lingerBytes; left > 0; {
		n, err := c.nc.Read(c.buf)
		if err != nil {
			return
		}
		left -= n
	}
}

func isTimeout(err error) bool { return errors.Is(err, os.ErrDeadlineExceeded) }
