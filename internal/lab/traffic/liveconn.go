package traffic

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strings"
)

// maxLiveBody bounds what is read of a response; the connection is closed behind a longer one.
const maxLiveBody = 4 << 20

// liveConn is one connection of one client address.
type liveConn struct {
	net.Conn
	br   *bufio.Reader
	addr netip.Addr
	port int
	stop func() bool
}

func (c *liveConn) close() {
	c.stop()
	_ = c.Conn.Close()
}

// connection returns the session's connection, or a new one when the session has moved to another address. fresh says which.
func (d *liveDrive) connection(s *session) (c *liveConn, fresh bool, err error) {
	if c, ok := s.live.(*liveConn); ok {
		if c.addr == s.addr && c.port == s.port {
			return c, false, nil
		}
		c.close()
		s.live = nil
	}
	dialer := net.Dialer{Timeout: d.l.Timeout}
	conn, err := dialer.DialContext(d.ctx, "tcp", d.l.Target)
	if err != nil {
		return nil, true, err
	}
	c = &liveConn{Conn: conn, br: bufio.NewReader(conn), addr: s.addr, port: s.port}
	c.stop = context.AfterFunc(d.ctx, func() { _ = conn.Close() })
	s.live = c
	if d.l.Proxy > 0 {
		to := netip.MustParseAddrPort(conn.RemoteAddr().String())
		if _, err := conn.Write(proxyHeader(d.l.Proxy, netip.AddrPortFrom(s.addr, uint16(s.port)), to)); err != nil {
			return nil, true, err
		}
	}
	return c, true, nil
}

// proxyHeader is the PROXY protocol's header (haproxy.org proxy-protocol.txt, sections 2.1 and 2.2). Both addresses must be of the
// client's family, so the loopback target takes on the other one when needed.
func proxyHeader(version int, from, to netip.AddrPort) []byte {
	v4 := from.Addr().Is4()
	if to.Addr().Unmap().Is4() != v4 {
		local := netip.IPv6Loopback()
		if v4 {
			local = netip.AddrFrom4([4]byte{127, 0, 0, 1})
		}
		to = netip.AddrPortFrom(local, to.Port())
	}
	to = netip.AddrPortFrom(to.Addr().Unmap(), to.Port())
	if version == 1 {
		family := "TCP6"
		if v4 {
			family = "TCP4"
		}
		return fmt.Appendf(nil, "PROXY %s %s %s %d %d\r\n", family, from.Addr(), to.Addr(), from.Port(), to.Port())
	}
	family := byte(0x21)
	if v4 {
		family = 0x11
	}
	addresses := slices.Concat(from.Addr().AsSlice(), to.Addr().AsSlice())
	b := append([]byte("\r\n\r\n\x00\r\nQUIT\n\x21"), family)
	b = binary.BigEndian.AppendUint16(b, uint16(len(addresses)+4))
	b = append(b, addresses...)
	return binary.BigEndian.AppendUint16(binary.BigEndian.AppendUint16(b, from.Port()), to.Port())
}

// roundTrip writes the request in its software's own order and reads the answer. A kept connection that the other side has closed
// meanwhile is tried once more afresh.
func (d *liveDrive) roundTrip(s *session, c *call, e *Entry) error {
	for {
		conn, fresh, err := d.connection(s)
		if err == nil {
			if err = d.once(conn, c, e); err == nil {
				return nil
			}
		}
		if old, ok := s.live.(*liveConn); ok {
			old.close()
			s.live = nil
		}
		if errors.Is(err, errSpent) {
			return nil
		}
		if fresh || d.ctx.Err() != nil {
			return err
		}
	}
}

// errSpent says that the answer is complete, and the connection used up.
var errSpent = errors.New("connection used up")

func (d *liveDrive) once(conn *liveConn, c *call, e *Entry) error {
	if err := conn.SetDeadline(d.l.Now().Add(d.l.Timeout)); err != nil {
		return err
	}
	if _, err := conn.Write(wire(c, e)); err != nil {
		return err
	}
	res, err := http.ReadResponse(conn.br, &http.Request{Method: c.method})
	if err != nil {
		return err
	}
	defer res.Body.Close()
	e.Response = Response{Status: res.StatusCode, Version: res.Proto}
	for name, values := range res.Header {
		for _, v := range values {
			e.Response.Headers = append(e.Response.Headers, Header{Name: name, Value: v})
		}
	}
	slices.SortStableFunc(e.Response.Headers, func(a, b Header) int { return strings.Compare(a.Name, b.Name) })
	if res.StatusCode == http.StatusSwitchingProtocols {
		converse(conn)
		return errSpent
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, maxLiveBody+1))
	if err != nil {
		return err
	}
	e.Response.Body = string(body[:min(len(body), maxLiveBody)])
	if res.Close || len(body) > maxLiveBody {
		return errSpent
	}
	return nil
}

// wire is the request as bytes. Flows make all of it; none of it comes from outside but the word list, which ReadWordlist has checked.
func wire(c *call, e *Entry) []byte {
	b := append([]byte(c.method), ' ')
	b = append(b, c.target...)
	b = append(b, " HTTP/1.1\r\n"...)
	for _, f := range e.Request.Headers {
		b = append(append(append(append(b, f.Name...), ": "...), f.Value...), "\r\n"...)
	}
	return append(append(b, "\r\n"...), c.body...)
}

// converse speaks a little WebSocket: one masked text, its echo, and a close. Errors end the talk, which is all that matters.
func converse(conn *liveConn) {
	const text = "hello, doctor"
	if _, err := conn.Write(append([]byte{0x81, 0x80 | byte(len(text)), 0, 0, 0, 0}, text...)); err != nil {
		return
	}
	if _, err := io.CopyN(io.Discard, conn.br, int64(2+len(text))); err != nil {
		return
	}
	if _, err := conn.Write([]byte{0x88, 0x80, 0, 0, 0, 0}); err == nil {
		_, _ = io.CopyN(io.Discard, conn.br, 2)
	}
}
