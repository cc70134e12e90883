package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"merlon/internal/edge/http1"
)

// Upstream is one server behind a site.
type Upstream struct {
	// Network and Address are what net.Dial takes: "tcp" with host:port.
	Network, Address string
}

// ErrUpstreamURL is wrapped by ParseUpstream's errors.
var ErrUpstreamURL = errors.New("upstream URL")

// ParseUpstream reads an upstream's URL, such as http://127.0.0.1:3000.
func ParseUpstream(text string) (Upstream, error) {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return Upstream{}, fmt.Errorf("%w %q: %w", ErrUpstreamURL, text, err)
	case u.Scheme != "http":
		return Upstream{}, fmt.Errorf("%w %q: scheme %q is not built yet: use http://host:port", ErrUpstreamURL, text, u.Scheme)
	case u.Hostname() == "" || u.User != nil || u.RawQuery != "" || u.Path != "" && u.Path != "/":
		return Upstream{}, fmt.Errorf("%w %q: write http://host:port and nothing more", ErrUpstreamURL, text)
	}
	port := u.Port()
	if port == "" {
		port = "80"
	}
	return Upstream{Network: "tcp", Address: net.JoinHostPort(u.Hostname(), port)}, nil
}

// upstreams are the servers of one site with their idle connections.
type upstreams struct {
	list []*upstream
	next atomic.Uint32
}

// upstream keeps idle connections, the most recently used first: that one is the least likely to be stale.
type upstream struct {
	Upstream
	maxIdle int
	mu      sync.Mutex
	idle    []*upstreamConn
	closed  bool
	failing atomic.Bool // it has not answered since it last failed
}

func newUpstreams(list []Upstream, maxIdle int) *upstreams {
	u := new(upstreams)
	for _, one := range list {
		u.list = append(u.list, &upstream{Upstream: one, maxIdle: maxIdle})
	}
	return u
}

// pick takes turns. Health checks and balancing by load come with their own stage here.
func (u *upstreams) pick() *upstream {
	if len(u.list) == 1 {
		return u.list[0]
	}
	return u.list[int(u.next.Add(1))%len(u.list)]
}

func (u *upstreams) close() {
	for _, one := range u.list {
		one.mu.Lock()
		idle := one.idle
		one.idle, one.closed = nil, true
		one.mu.Unlock()
		for _, c := range idle {
			c.close()
		}
	}
}

// take returns an idle connection, or a new one. reused tells which; a reused one is looked at before it is written to
// (see fresh).
func (u *upstream) take(ctx context.Context, connect time.Duration) (c *upstreamConn, reused bool, err error) {
	u.mu.Lock()
	n := len(u.idle)
	if n == 0 {
		u.mu.Unlock()
		c, err = u.dial(ctx, connect)
		return c, false, err
	}
	c = u.idle[n-1]
	u.idle[n-1] = nil
	u.idle = u.idle[:n-1]
	u.mu.Unlock()
	return c, true, nil
}

// put keeps c for the next exchange.
func (u *upstream) put(c *upstreamConn) {
	u.mu.Lock()
	if u.closed || len(u.idle) >= u.maxIdle {
		u.mu.Unlock()
		c.close()
		return
	}
	u.idle = append(u.idle, c)
	u.mu.Unlock()
}

// dropIdle closes the idle connections: when one was found dead in use, the others are likely to be.
func (u *upstream) dropIdle() {
	u.mu.Lock()
	idle := u.idle
	u.idle = nil
	u.mu.Unlock()
	for _, c := range idle {
		c.close()
	}
}

func (u *upstream) dial(ctx context.Context, timeout time.Duration) (*upstreamConn, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	nc, err := new(net.Dialer).DialContext(ctx, u.Network, u.Address)
	if err != nil {
		return nil, err
	}
	c := &upstreamConn{nc: nc, buf: make([]byte, 8<<10)}
	if sc, ok := nc.(syscall.Conn); ok {
		if c.raw, err = sc.SyscallConn(); err != nil {
			_ = nc.Close()
			return nil, err
		}
	}
	c.step = c.exchangeStep
	return c, nil
}

// upstreamConn is one connection to an upstream: at any time used by one exchange or idle.
type upstreamConn struct {
	nc  net.Conn
	raw syscall.RawConn
	// buf[start:end] was read and not used yet.
	buf        []byte
	start, end int
	// spare takes turns with buf when a body does not fit beside its head.
	spare    []byte
	head     http1.ResponseHead
	body     http1.Body
	since    int64 // when it became idle
	deadline int64 // the read deadline that is set, 0 for none

	// The state of exchangeStep.
	step   func(fd uintptr) bool
	out    []byte
	wrote  bool
	reused bool
	n      int
	err    error
}

func (c *upstreamConn) close() { _ = c.nc.Close() }

// errStale says that a kept connection has ended, or that the upstream sent something unasked on it. Nothing was written,
// so any request may go to another connection. What came unasked would otherwise become the answer to somebody else's
// request: the upstream that answers HEAD with a body, the 408 on its way out (response queue poisoning, CWE-444).
var errStale = errors.New("the kept connection was closed or spoken to unasked")

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
func (c *upstreamConn) check() error {
	ok := false
	if err := c.raw.Control(func(fd uintptr) { ok = fresh(fd) }); err != nil || !ok {
		return errStale
	}
	return nil
}

// send writes out and waits for the first bytes of the answer, in one go: the wait is armed before the write, so the
// read that would only find nothing yet is saved. errStale means that nothing was written.
func (c *upstreamConn) send(out []byte, reused bool) error {
	c.out, c.wrote, c.n, c.err, c.reused = out, false, 0, nil, reused
	err := c.raw.Read(c.step)
	if c.n < len(out) && c.err == nil && err == nil {
		// The socket's buffer is full: go on in the ordinary way.
		if _, err = c.nc.Write(out[c.n:]); err == nil {
			err = c.fill()
		}
	}
	c.out = nil
	if err == nil {
		err = c.err
	}
	return err
}

// exchangeStep is called by the runtime's poller: first to write, then whenever the socket may have become readable.
// It returns false to wait.
func (c *upstreamConn) exchangeStep(fd uintptr) bool {
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
			c.err = errUpstreamClosed
		default:
			c.end += n
		}
		return true
	}
}

// errUpstreamClosed says that the upstream ended the connection.
var errUpstreamClosed = errors.New("the upstream closed the connection")

// fill reads more behind buf[start:end], making room where there is none. A buffer is never larger than a head may be.
func (c *upstreamConn) fill() error {
	if c.end == len(c.buf) {
		c.room()
	}
	n, err := c.nc.Read(c.buf[c.end:])
	c.end += n
	if n > 0 {
		return nil
	}
	if err == nil {
		err = errUpstreamClosed
	}
	return err
}

// room moves what is unused to the front, or grows the buffer when that does not help.
func (c *upstreamConn) room() {
	if c.start > 0 {
		c.end = copy(c.buf, c.buf[c.start:c.end])
		c.start = 0
		return
	}
	grown := make([]byte, 2*len(c.buf))
	c.end = copy(grown, c.buf[:c.end])
	c.buf = grown
}

// expect sets the read deadline so that it lies between timeout and 5/4 of it ahead: a deadline costs a timer, so it is
// moved only once in a while.
func (c *upstreamConn) expect(now int64, timeout time.Duration) {
	if c.deadline-now >= int64(timeout) && c.deadline-now <= int64(timeout)*5/4 {
		return
	}
	c.deadline = now + int64(timeout)*5/4
	_ = c.nc.SetDeadline(time.Unix(0, c.deadline))
}
