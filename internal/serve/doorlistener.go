package serve

import (
	"net"
	"net/netip"
	"sync"
	"sync/atomic"

	"merlon/internal/edge/http1/netform"
)

// doorConnections bounds the connections of one side door: a busy nginx keeps some hundred open, and every one is a
// descriptor that clients' listeners count on.
const doorConnections = 1024

// doorListener takes connections of programs that a side door is for, up to a number; others are closed at once, before
// anything is read.
type doorListener struct {
	net.Listener
	from   []netip.Prefix
	open   atomic.Int64
	refuse func(peer string) // a stranger was turned away
	full   func()            // somebody was turned away for want of room
}

// Accept implements net.Listener.
func (l *doorListener) Accept() (net.Conn, error) {
	for {
		c, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		switch peer := c.RemoteAddr().String(); {
		case !netform.Trusts(l.from, peer):
			l.refuse(peer)
		case l.open.Add(1) > doorConnections:
			l.open.Add(-1)
			l.full()
		default:
			return &doorConn{Conn: c, left: sync.OnceFunc(func() { l.open.Add(-1) })}, nil
		}
		if t, ok := c.(*net.TCPConn); ok {
			_ = t.SetLinger(0) // no state stays behind in the kernel
		}
		_ = c.Close()
	}
}

// doorConn gives its place back when it is closed.
type doorConn struct {
	net.Conn
	left func()
}

// Close implements net.Conn; net/http may call it more than once.
func (c *doorConn) Close() error {
	c.left()
	return c.Conn.Close()
}
