package listen

import (
	"context"
	"crypto/tls"
	"net"
	"net/netip"
)

// QUIC is the configuration with which QUIC listens beside this TLS: the same certificates, replaced with them, and the same
// question to clients. hello is told each ClientHello's fingerprint (JA4 with q for QUIC) and the name it asks for, with the
// context of its connection; its error ends the handshake.
func (t *TLS) QUIC(hello func(ctx context.Context, h Handshake) error) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, GetConfigForClient: func(ch *tls.ClientHelloInfo) (*tls.Config, error) {
		mark := []byte(ja4(ch))
		mark[0] = 'q'
		if err := hello(ch.Context(), Handshake{JA4: string(mark), ServerName: ch.ServerName, ALPN: "h3"}); err != nil {
			return nil, err
		}
		c := t.set.Load().config.Clone()
		c.NextProtos = []string{"h3"}
		return c, nil
	}}
}

// QUIC gives a QUIC connection its place among all others, as Accept and Open do for TCP, or ErrRefused. end closes the
// connection when others need the room; it may come at any time until Close is called, which gives the place back.
func (a *Admission) QUIC(client netip.AddrPort, end func()) (*Conn, error) {
	q := quicConn{end: end}
	c := &Conn{Conn: q, Raw: q, Client: Client{Addr: client, Peer: client}}
	if !a.enter(c) {
		return nil, ErrRefused
	}
	if !a.place(c) {
		a.leave(c)
		return nil, ErrRefused
	}
	return c, nil
}

// Listed tells, and counts, that a client is not to be served: its address with its fingerprint.
func (a *Admission) Listed(addr netip.Addr, ja4 string) bool {
	if !a.o.Refuse(addr, ja4) {
		return false
	}
	a.counts.listed.Add(1)
	return true
}

// quicConn stands for a connection that has no socket of its own: it can be closed, no more.
type quicConn struct {
	net.Conn
	end func()
}

// Close implements net.Conn.
func (q quicConn) Close() error {
	q.end()
	return nil
}
