// Package listen accepts the connections of clients: who connects, and by what right.
//
//  1. Listener.Accept takes a connection from the kernel, if there is room for it and its network has not too many.
//  2. Listener.Open, called in the connection's own goroutine, reads the PROXY protocol header of a trusted peer, does
//     the TLS handshake, and finds out whether HTTP/2 is spoken.
//  3. Whoever serves the connection reads from Conn, beginning with Conn.Early, and closes it; that gives its place back.
package listen

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"sync/atomic"
	"time"
)

// Options is everything a Listener is made from. Zero time-outs take their defaults.
type Options struct {
	// Trusted are the networks whose PROXY protocol header, v1 or v2, is believed.
	Trusted []netip.Prefix
	// TLS ends TLS connections here; nil serves plain ones.
	TLS *TLS
	// H2C lets clients of a plain listener begin with HTTP/2 at once (RFC 9113 section 3.3, prior knowledge).
	H2C bool
	// Admission says who may connect; several listeners share one. nil: one of its own, with defaults.
	Admission *Admission
	// Head bounds the time a trusted peer takes for its PROXY protocol header, and FirstByte the time until anything
	// comes at all where Open has to wait for it: behind trusted peers, and with H2C.
	Head, FirstByte time.Duration
	// Now is the wall clock.
	Now func() time.Time
	Log *slog.Logger
}

func (o *Options) fill() {
	if o.Head <= 0 {
		o.Head = 10 * time.Second
	}
	if o.FirstByte <= 0 {
		o.FirstByte = 75 * time.Second
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
}

// Listener accepts the client connections of one address.
type Listener struct {
	nl    net.Listener
	o     Options
	ended atomic.Bool
}

// New makes a listener on nl, which it closes with itself.
func New(nl net.Listener, o Options) *Listener {
	o.fill()
	if o.Admission == nil {
		o.Admission = NewAdmission(AdmissionOptions{Now: o.Now, Log: o.Log})
	}
	return &Listener{nl: nl, o: o}
}

// Addr is the address that is listened on.
func (l *Listener) Addr() net.Addr { return l.nl.Addr() }

// Close ends Accept.
func (l *Listener) Close() error { return l.nl.Close() }

// End closes and tells the connections to come to their end: those that wait for their client are closed now, the others
// after the answer under way. HTTP/2 connections stay for as long as their clients want: a request may be on its way in
// them at any time, and only GOAWAY could say which is not served any more.
func (l *Listener) End() error {
	err := l.Close()
	l.ended.Store(true)
	var waiting []*Conn
	l.o.Admission.table.each(func(c *Conn, _ int) {
		if c.ended != &l.ended {
			return
		}
		// What a connection speaks is known once it has been busy; before that it has brought nothing.
		if state := c.state.Load(); state == stateFresh || state == stateIdle && !c.HTTP2 {
			waiting = append(waiting, c)
		}
	})
	for _, c := range waiting {
		c.shed() // not the busy ones: Idle will
	}
	return err
}

// Accept returns the next admitted connection; those that are not are closed at once, and nothing is waited for but the
// kernel. The result has to go through Open before anything is read from it.
func (l *Listener) Accept() (net.Conn, error) {
	a := l.o.Admission
	for {
		nc, err := l.nl.Accept()
		if err != nil {
			return nil, err
		}
		c := l.wrap(nc)
		switch {
		case !a.enter(c):
			discard(nc)
		case !contains(l.o.Trusted, c.Client.Peer.Addr()) && !a.place(c):
			a.leave(c)
			discard(nc)
		default:
			return c, nil
		}
	}
}

// discard closes a connection without a farewell: what is not wanted leaves no state behind in the kernel.
func discard(nc net.Conn) {
	if t, ok := nc.(*net.TCPConn); ok {
		_ = t.SetLinger(0)
	}
	_ = nc.Close()
}

func (l *Listener) wrap(nc net.Conn) *Conn {
	peer := addrPort(nc.RemoteAddr())
	return &Conn{Conn: nc, Raw: nc, Client: Client{Addr: peer, Peer: peer}, ended: &l.ended}
}

// addrPort is the address of a TCP peer; peers of other networks have none.
func addrPort(a net.Addr) netip.AddrPort {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.AddrPort{}
	}
	p := t.AddrPort()
	return netip.AddrPortFrom(p.Addr().Unmap(), p.Port())
}

// Errors of Open say why a connection cannot be served.
var (
	// ErrSilent says that the peer sent nothing, or ended the connection, before it was known what it wants.
	ErrSilent = errors.New("the peer was silent")
	// ErrProxyHeader says that a trusted peer's PROXY protocol header is damaged.
	ErrProxyHeader = errors.New("damaged PROXY protocol header")
)

// Open finds out who is at the other end of nc, which Accept returned. It blocks, within its time-outs, so it is
// called in the connection's own goroutine. After an error the caller only has to close nc; closing the socket is also
// what ends a wait.
func (l *Listener) Open(ctx context.Context, nc net.Conn) (*Conn, error) {
	c, ok := nc.(*Conn)
	if !ok {
		c = l.wrap(nc)
	}
	if err := ctx.Err(); err != nil {
		return nil, err // nothing is begun any more
	}
	if err := l.readProxyHeader(c); err != nil {
		return nil, err
	}
	switch {
	case l.o.TLS != nil:
		if err := l.o.TLS.handshake(c, l.o.Admission); err != nil {
			return nil, err
		}
	case l.o.H2C:
		if err := l.findPreface(c); err != nil {
			return nil, err
		}
	}
	if c.waited {
		_ = c.Raw.SetReadDeadline(noDeadline)
	}
	if c.HTTP2 && !c.Busy() {
		return nil, ErrRefused
	}
	return c, nil
}

// readProxyHeader takes a PROXY protocol header off the front of a trusted peer's connection, if there is one. Only then it
// is known for whom the connection counts.
func (l *Listener) readProxyHeader(c *Conn) error {
	if !contains(l.o.Trusted, c.Client.Peer.Addr()) {
		return nil
	}
	for {
		n, from, err := parseProxyHeader(c.Early)
		switch {
		case err == nil:
			c.Early = c.Early[n:]
			if from.IsValid() {
				c.Client.Addr = from
			}
			if c.admission != nil && !c.admission.place(c) {
				return ErrRefused
			}
			return nil
		case errors.Is(err, errProxyMore):
			if err := l.readEarly(c); err != nil {
				return err
			}
		default:
			l.o.Admission.note(c.Client.Peer.Addr(), reasonProxyHeader)
			return fmt.Errorf("%w from %s", ErrProxyHeader, c.Client.Peer.Addr())
		}
	}
}

func contains(list []netip.Prefix, a netip.Addr) bool {
	for _, p := range list {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

// preface begins every HTTP/2 connection (RFC 9113 section 3.4).
const preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

// findPreface reads until it is clear whether the client speaks HTTP/2.
func (l *Listener) findPreface(c *Conn) error {
	for {
		n := min(len(c.Early), len(preface))
		if string(c.Early[:n]) != preface[:n] {
			return nil
		}
		if n == len(preface) {
			c.HTTP2 = true
			return nil
		}
		if err := l.readEarly(c); err != nil {
			return err
		}
	}
}

// earlyBytes bounds what is read ahead: a PROXY protocol header with its longest TLVs.
const earlyBytes = maxProxyV2 + 16

// readEarly reads more of what comes before the connection's purpose is known. The deadline is absolute: it counts from
// the first byte and does not move with every other.
func (l *Listener) readEarly(c *Conn) error {
	first := len(c.Early) == 0
	if first {
		_ = c.Raw.SetReadDeadline(l.o.Now().Add(l.o.FirstByte))
		c.waited = true
	}
	if cap(c.Early) == len(c.Early) {
		grown := make([]byte, len(c.Early), min(2*len(c.Early)+512, earlyBytes))
		copy(grown, c.Early)
		c.Early = grown
	}
	n, err := c.Conn.Read(c.Early[len(c.Early):cap(c.Early)])
	c.Early = c.Early[:len(c.Early)+n]
	if n > 0 {
		if first {
			_ = c.Raw.SetReadDeadline(l.o.Now().Add(l.o.Head))
		}
		return nil
	}
	if err == nil {
		err = errors.New("an empty read")
	}
	return fmt.Errorf("%w: %w", ErrSilent, err)
}
