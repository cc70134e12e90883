// Package link is one HTTP/1.1 connection to a server: written and waited on in one step, and looked at before it is used again.
package link

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"merlon/internal/edge/http1"
)

// Sizes of a connection's buffers: the first read takes an ordinary answer whole; a body larger than that is read in
// pieces of StreamBuffer; what grew beyond keptBuffer for one exchange is given back after it.
const (
	firstBuffer  = 8 << 10
	StreamBuffer = 32 << 10
	keptBuffer   = 64 << 10
)

// Conn is one HTTP/1.1 connection to a server: at any time used by one exchange or idle.
type Conn struct {
	NC net.Conn
	// raw is the socket of a plain connection, which is written to and waited on in one go; nil under TLS.
	raw syscall.RawConn
	// sock is the socket below, plain or not.
	sock syscall.RawConn
	// Buf[Start:End] was read and not used yet.
	Buf        []byte
	Start, End int
	// spare takes turns with Buf when a body does not fit beside its head, moved tells that Buf no longer holds the head.
	spare           []byte
	moved           bool
	Head            http1.ResponseHead
	Body            http1.Body
	readBy, WriteBy int64 // the deadlines that are set, 0 for none
	Since           int64 // when it became idle, about
	// cut tells that the connection was closed, or is about to be, from whatever goroutine.
	cut atomic.Bool

	// The state of step. Out is what is written.
	wait   func(fd uintptr) bool
	Out    []byte
	wrote  bool
	reused bool
	n      int
	err    error
}

// Init takes a connected socket, or a TLS connection on one.
func (c *Conn) Init(nc net.Conn) error {
	c.NC, c.Buf, c.Out = nc, make([]byte, firstBuffer), make([]byte, 0, firstBuffer/2)
	under := nc
	t, secure := nc.(*tls.Conn)
	if secure {
		under = t.NetConn()
	}
	sc, ok := under.(syscall.Conn)
	if !ok {
		return errors.New("the connection has no socket")
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return err
	}
	c.sock = raw
	if !secure {
		c.raw = raw
	}
	c.wait = c.step
	return nil
}

// Close closes the connection.
func (c *Conn) Close() {
	c.cut.Store(true)
	_ = c.NC.Close()
}

// Abort is close for a connection that another goroutine waits on: without TLS's farewell, to which the server might answer.
func (c *Conn) Abort() {
	c.cut.Store(true)
	if t, ok := c.NC.(*tls.Conn); ok {
		_ = t.NetConn().Close()
		return
	}
	c.Close()
}

// ErrStale says that a kept connection has ended, or that the server sent something unasked on it. Nothing was written,
// so any request may go to another connection. What came unasked would otherwise become the answer to somebody else's
// request: the server that answers HEAD with a body, the 408 on its way out (response queue poisoning, CWE-444).
var ErrStale = errors.New("the kept connection was closed or spoken to unasked")

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

// Check is fresh for a connection that is not being waited on.
func (c *Conn) Check() error {
	ok := false
	if err := c.sock.Control(func(fd uintptr) { ok = fresh(fd) }); err != nil || !ok {
		return ErrStale
	}
	return nil
}

// Quiet tells, before the connection becomes idle, that nobody has closed it, and that TLS holds no bytes back that were read
// from the socket already: Check would not see them. With a deadline in the past, Read gives what is there and never touches
// the socket. Whoever calls it has made sure that no other goroutine can reach the connection any more.
func (c *Conn) Quiet() bool {
	if c.cut.Load() {
		return false
	}
	if c.raw != nil {
		return true
	}
	var b [1]byte
	c.readBy = 1
	_ = c.NC.SetReadDeadline(time.Unix(1, 0))
	n, err := c.NC.Read(b[:])
	return n == 0 && errors.Is(err, os.ErrDeadlineExceeded)
}

// Send writes Out and waits for the first bytes of the answer, on a plain socket in one go: the wait is armed before the
// write, so the read that would only find nothing yet is saved. ErrStale means that nothing was written.
func (c *Conn) Send(reused bool) error {
	if c.raw == nil {
		if reused {
			if err := c.Check(); err != nil {
				return err
			}
		}
		if _, err := c.NC.Write(c.Out); err != nil {
			return c.lastWords(err)
		}
		return c.Fill()
	}
	c.wrote, c.n, c.err, c.reused = false, 0, nil, reused
	err := c.raw.Read(c.wait)
	if err == nil {
		err = c.err
	}
	if err == nil && c.n < len(c.Out) {
		// The socket's buffer is full: go on in the ordinary way.
		if _, err = c.NC.Write(c.Out[c.n:]); err != nil {
			return c.lastWords(err)
		}
		err = c.Fill()
	}
	return err
}

// lastWords looks whether a server that takes no more has said why, such as 413.
func (c *Conn) lastWords(cause error) error {
	if errors.Is(cause, os.ErrDeadlineExceeded) || c.Fill() != nil {
		return cause
	}
	return nil
}

// step is called by the runtime's poller: first to write, then whenever the socket may have become readable. It returns
// false to wait.
func (c *Conn) step(fd uintptr) bool {
	if !c.wrote {
		c.wrote = true
		if c.reused && !fresh(fd) {
			c.err = ErrStale
			return true
		}
		for {
			n, err := syscall.Write(int(fd), c.Out)
			if errors.Is(err, syscall.EINTR) {
				continue
			}
			if err != nil && !errors.Is(err, syscall.EAGAIN) {
				c.err = os.NewSyscallError("write", err)
				return true
			}
			c.n = max(n, 0)
			return c.n < len(c.Out) // a short write goes on outside; otherwise wait
		}
	}
	for {
		n, err := syscall.Read(int(fd), c.Buf[c.End:])
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
			c.End += n
		}
		return true
	}
}

// Fill reads more behind Buf[Start:End], making room where there is none. A buffer is never larger than a head may be.
func (c *Conn) Fill() error {
	if c.End == len(c.Buf) {
		c.room()
	}
	n, err := c.NC.Read(c.Buf[c.End:])
	c.End += n
	if n > 0 {
		return nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = ErrClosed
	}
	return err
}

// More reads more of a body. The answer's fields stand at the front of the buffer, so body bytes go into another one the
// first time.
func (c *Conn) More() error {
	if !c.moved {
		if c.spare == nil {
			c.spare = make([]byte, StreamBuffer)
		}
		c.Buf, c.spare = c.spare, c.Buf
		c.moved = true
	}
	c.Start, c.End = 0, 0
	return c.Fill()
}

// room moves what is unused to the front, or grows the buffer when that does not help.
func (c *Conn) room() {
	if c.Start > 0 {
		c.End = copy(c.Buf, c.Buf[c.Start:c.End])
		c.Start = 0
		return
	}
	grown := make([]byte, 2*len(c.Buf))
	c.End = copy(grown, c.Buf[:c.End])
	c.Buf = grown
}

// Settle makes the connection ready for the next exchange.
func (c *Conn) Settle() {
	c.Start, c.End, c.moved = 0, 0, false
	if cap(c.Buf) > keptBuffer {
		c.Buf = make([]byte, firstBuffer)
	}
	if cap(c.spare) > keptBuffer {
		c.spare = nil
	}
	if cap(c.Out) > keptBuffer {
		c.Out = make([]byte, 0, firstBuffer/2)
	}
}

// ReadWithin sets the read deadline between timeout and 5/4 of it ahead. A deadline costs a timer, so it is moved only
// once in a while.
func (c *Conn) ReadWithin(now int64, timeout time.Duration) {
	if left := c.readBy - now; left < int64(timeout) || left > int64(timeout)*5/4 {
		c.readBy = now + int64(timeout)*5/4
		_ = c.NC.SetReadDeadline(time.Unix(0, c.readBy))
	}
}

// WriteWithin is readWithin for writing.
func (c *Conn) WriteWithin(now int64, timeout time.Duration) {
	if left := c.WriteBy - now; left < int64(timeout) || left > int64(timeout)*5/4 {
		c.WriteBy = now + int64(timeout)*5/4
		_ = c.NC.SetWriteDeadline(time.Unix(0, c.WriteBy))
	}
}
