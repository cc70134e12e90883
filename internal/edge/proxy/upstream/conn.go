package upstream

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"syscall"
	"time"

	"merlon/internal/edge/http1"
)

// Sizes of a connection's buffers: the first read takes an ordinary answer whole; a body larger than that is read in
// pieces of streamBuffer; what grew beyond keptBuffer for one exchange is given back after it.
const (
	firstBuffer  = 8 << 10
	streamBuffer = 32 << 10
	keptBuffer   = 64 << 10
)

// conn is one HTTP/1.1 connection to a server: at any time used by one exchange or idle.
type conn struct {
	nc net.Conn
	// raw is the socket of a plain connection, which is written to and waited on in one go; nil under TLS.
	raw syscall.RawConn
	// sock is the socket below, plain or not.
	sock syscall.RawConn
	// buf[start:end] was read and not used yet.
	buf        []byte
	start, end int
	// spare takes turns with buf when a body does not fit beside its head, moved tells that buf no longer holds the head.
	spare []byte
	moved bool
	head  http1.ResponseHead
	body  http1.Body
	// answer is handed out while the connection is in use.
	answer Answer

	readBy, writeBy int64 // the deadlines that are set, 0 for none
	since           int64 // when it became idle, about

	// The state of step. out is what is written.
	wait   func(fd uintptr) bool
	out    []byte
	wrote  bool
	reused bool
	n      int
	err    error
}

// newConn takes a connected socket, or a TLS connection on one.
func newConn(nc net.Conn) (*conn, error) {
	c := &conn{nc: nc, buf: make([]byte, firstBuffer), out: make([]byte, 0, firstBuffer/2)}
	under := nc
	t, secure := nc.(*tls.Conn)
	if secure {
		under = t.NetConn()
	}
	sc, ok := under.(syscall.Conn)
	if !ok {
		return nil, errors.New("the connection has no socket")
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, err
	}
	c.sock = raw
	if !secure {
		c.raw = raw
	}
	c.wait = c.step
	return c, nil
}

func (c *conn) close() { _ = c.nc.Close() }

// abort is close for a connection that another goroutine waits on: without TLS's farewell, to which the server might answer.
func (c *conn) abort() {
	if t, ok := c.nc.(*tls.Conn); ok {
		_ = t.NetConn().Close()
		return
	}
	c.close()
}

// errStale says that a kept connection has ended, or that the server sent something unasked on it. Nothing was written,
// so any request may go to another connection. What came unasked would otherwise become the answer to somebody else's
// request: the server that answers HEAD with a body, the 408 on its way out (response queue poisoning, CWE-444).
var errStale = errors.New("the kept connection was closed or spoken to unasked")

// ErrClosed says that the server ended the connection instead of answering, or in the middle of its answer.
var ErrClosed = errors.New("the upstream closed the connection")

// fresh looks, without waiting, whether there is nothing to read on the socket.
func fresh(fd uintptr) bool {
	var b [1]byte
	for {
		_, _, err := syscall.Recvfrom(int(fd), b[:], syscall.MSG_PEEK|syscall.MSG_DONTWAIT)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		return errors.Is(err, syscall.EAGAIN)
	}
}

// check is fresh for a connection that is not being waited on.
func (c *conn) check() error {
	ok := false
	if err := c.sock.Control(func(fd uintptr) { ok = fresh(fd) }); err != nil || !ok {
		return errStale
	}
	return nil
}

// quiet tells, before the connection becomes idle, that TLS holds no bytes back that were read from the socket already:
// check would not see them. With a deadline in the past, Read gives what is there and never touches the socket.
func (c *conn) quiet() bool {
	if c.raw != nil {
		return true
	}
	var b [1]byte
	c.readBy = 1
	_ = c.nc.SetReadDeadline(time.Unix(1, 0))
	n, err := c.nc.Read(b[:])
	return n == 0 && errors.Is(err, os.ErrDeadlineExceeded)
}

// send writes c.out and waits for the first bytes of the answer, on a plain socket in one go: the wait is armed before the
// write, so the read that would only find nothing yet is saved. errStale means that nothing was written.
func (c *conn) send(reused bool) error {
	if c.raw == nil {
		if reused {
			if err := c.check(); err != nil {
				return err
			}
		}
		if _, err := c.nc.Write(c.out); err != nil {
			return c.lastWords(err)
		}
		return c.fill()
	}
	c.wrote, c.n, c.err, c.reused = false, 0, nil, reused
	err := c.raw.Read(c.wait)
	if err == nil {
		err = c.err
	}
	if err == nil && c.n < len(c.out) {
		// The socket's buffer is full: go on in the ordinary way.
		if _, err = c.nc.Write(c.out[c.n:]); err != nil {
			return c.lastWords(err)
		}
		err = c.fill()
	}
	return err
}

// lastWords looks whether a server that takes no more has said why, such as 413.
func (c *conn) lastWords(cause error) error {
	if errors.Is(cause, os.ErrDeadlineExceeded) || c.fill() != nil {
		return cause
	}
	return nil
}

// step is called by the runtime's poller: first to write, then whenever the socket may have become readable. It returns
// false to wait.
func (c *conn) step(fd uintptr) bool {
	if !c.wrote {
		c.wrote = true
		if c.reused && !fresh(fd) {
			c.err = errStale
			return true
		}
		for {
			n, err := syscall.Write(int(fd), c.out)
			if errors.Is(err, syscall.EINTR) {
				continue
			}
			if err != nil && !errors.Is(err, syscall.EAGAIN) {
				c.err = os.NewSyscallError("write", err)
				return true
			}
			c.n = max(n, 0)
			return c.n < len(c.out) // a short write goes on outside; otherwise wait
		}
	}
	for {
		n, err := syscall.Read(int(fd), c.buf[c.end:])
		switch {
		case errors.Is(err, syscall.EINTR):
			continue
		case errors.Is(err, syscall.EAGAIN):
			return false
		case err != nil:
			c.err = os.NewSyscallError("read", err)
		case n == 0:
			c.err = ErrClosed
		default:
			c.end += n
		}
		return true
	}
}

// fill reads more behind buf[start:end], making room where there is none. A buffer is never larger than a head may be.
func (c *conn) fill() error {
	if c.end == len(c.buf) {
		c.room()
	}
	n, err := c.nc.Read(c.buf[c.end:])
	c.end += n
	if n > 0 {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = ErrClosed
	}
	return err
}

// more reads more of a body. The answer's fields stand at the front of the buffer, so body bytes go into another one the
// first time.
func (c *conn) more() error {
	if !c.moved {
		if c.spare == nil {
			c.spare = make([]byte, streamBuffer)
		}
		c.buf, c.spare = c.spare, c.buf
		c.moved = true
	}
	c.start, c.end = 0, 0
	return c.fill()
}

// room moves what is unused to the front, or grows the buffer when that does not help.
func (c *conn) room() {
	if c.start > 0 {
		c.end = copy(c.buf, c.buf[c.start:c.end])
		c.start = 0
		return
	}
	grown := make([]byte, 2*len(c.buf))
	c.end = copy(grown, c.buf[:c.end])
	c.buf = grown
}

// settle makes the connection ready for the next exchange.
func (c *conn) settle() {
	c.start, c.end, c.moved = 0, 0, false
	if cap(c.buf) > keptBuffer {
		c.buf = make([]byte, firstBuffer)
	}
	if cap(c.spare) > keptBuffer {
		c.spare = nil
	}
	if cap(c.out) > keptBuffer {
		c.out = make([]byte, 0, firstBuffer/2)
	}
}

// readWithin sets the read deadline between timeout and 5/4 of it ahead. A deadline costs a timer, so it is moved only
// once in a while.
func (c *conn) readWithin(now int64, timeout time.Duration) {
	if left := c.readBy - now; left < int64(timeout) || left > int64(timeout)*5/4 {
		c.readBy = now + int64(timeout)*5/4
		_ = c.nc.SetReadDeadline(time.Unix(0, c.readBy))
	}
}

// writeWithin is readWithin for writing.
func (c *conn) writeWithin(now int64, timeout time.Duration) {
	if left := c.writeBy - now; left < int64(timeout) || left > int64(timeout)*5/4 {
		c.writeBy = now + int64(timeout)*5/4
		_ = c.nc.SetWriteDeadline(time.Unix(0, c.writeBy))
	}
}

// handshake runs the TLS handshake within ctx.
func handshake(ctx context.Context, nc net.Conn, c *tls.Config) (net.Conn, error) {
	t := tls.Client(nc, c)
	if err := t.HandshakeContext(ctx); err != nil {
		_ = nc.Close()
		return nil, err
	}
	return t, nil
}
