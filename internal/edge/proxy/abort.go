package proxy

import (
	"context"
	"errors"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"merlon/internal/edge/proxy/upstream"
)

// Watch looks at each tick for clients that have reset their connection while their answer is awaited, and gives their
// requests up, until ctx ends; a tick a second is right. While an exchange waits for its upstream nobody reads from its
// client, and one look at those that wait is cheaper than somebody who does.
//
// A client that has merely ended its sending side wants its answer (RFC 9112 section 9.6), and one that is gone for good
// looks the same until something is written to it.
func (s *Server) Watch(ctx context.Context, ticks <-chan time.Time) {
	var gone []*conn
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticks:
		}
		s.mu.Lock()
		for c := range s.conns {
			if c.upstream.Held() && c.wasReset() {
				gone = append(gone, c)
			}
		}
		s.mu.Unlock()
		for _, c := range gone {
			c.upstream.Abort()
		}
		clear(gone)
		gone = gone[:0]
	}
}

// wasReset tells whether the client has reset the connection.
func (c *conn) wasReset() bool {
	sc, ok := c.nc.Raw.(syscall.Conn)
	if !ok {
		return false
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return false
	}
	var reset bool
	err = raw.Control(func(fd uintptr) {
		p := []unix.PollFd{{Fd: int32(fd)}} // errors and hang-up are reported unasked; the end of the other's sending is neither
		n, err := unix.Poll(p, 0)
		reset = err == nil && n == 1 && p[0].Revents&(unix.POLLERR|unix.POLLHUP) != 0
	})
	return err == nil && reset
}

// reset tells whether err comes from a client that Watch has found gone, and not from a shutdown.
func (f *flow) reset(err error) bool {
	return errors.Is(err, upstream.ErrAborted) && f.c.s.life.Err() == nil
}
