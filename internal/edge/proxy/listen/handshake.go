package listen

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"sync/atomic"

	"merlon/internal/model/identity"
)

// Errors of handshakes.
var (
	// ErrHandshake says that a TLS handshake failed.
	ErrHandshake = errors.New("TLS handshake failed")
	// ErrBusy says that too many handshakes were waiting already.
	ErrBusy = errors.New("too many TLS handshakes at once")
)

// handshakes lets a bounded number of handshakes compute at the same time. A place is held from the ClientHello until the
// server's answer is written, never while a client is waited for, so slow clients cannot keep others out. Those who wait
// wait for computations of a millisecond; their number is bounded, and with it their time.
type handshakes struct {
	places  chan struct{}
	waiting atomic.Int64
	queue   int64
	failures
}

func (h *handshakes) fill(computing, waiting int) {
	h.places, h.queue = make(chan struct{}, computing), int64(waiting)
}

// take waits for a place. It reports false when too many wait, or when some wait and the client's network is one whose
// handshakes keep failing.
func (h *handshakes) take(net uint64, minute int64) bool {
	select {
	case h.places <- struct{}{}:
		return true
	default:
	}
	w := h.waiting.Add(1)
	defer h.waiting.Add(-1)
	if w > h.queue || w > h.queue/8 && h.failed(net, minute) >= failuresSuspect {
		return false
	}
	h.places <- struct{}{}
	return true
}

func (h *handshakes) give() { <-h.places }

// hello is the socket below a TLS connection. It sees the ClientHello, and knows when the handshake computes and when it
// waits.
type hello struct {
	net.Conn
	early     []byte // bytes that were read already
	a         *Admission
	c         *Conn
	handshake *Handshake
	net       uint64
	refused   error
	plain     []byte // what came, as long as it is no TLS record
	talks     bool   // it is one
	computing bool   // holds a place
}

// Read implements net.Conn. A handshake that reads waits for its client.
func (h *hello) Read(p []byte) (int, error) {
	h.rest()
	if len(h.early) > 0 {
		n := copy(p, h.early)
		h.early = h.early[n:]
		h.look(p[:n])
		return n, nil
	}
	if f := h.c.onWait; f != nil {
		f()
	}
	n, err := h.Conn.Read(p)
	h.look(p[:n])
	return n, err
}

func (h *hello) rest() {
	if h.computing {
		h.computing = false
		h.a.handshakes.give()
	}
}

// configFor sees the ClientHello before anything is computed for it.
func (t *TLS) configFor(ch *tls.ClientHelloInfo) (*tls.Config, error) {
	h, ok := ch.Conn.(*hello)
	if !ok {
		return t.set.Load().config, nil
	}
	h.handshake.JA4, h.handshake.ServerName = ja4(ch), ch.ServerName
	if h.a.o.Refuse(h.c.Client.Addr.Addr(), h.handshake.JA4) {
		h.a.counts.listed.Add(1)
		h.refused = ErrRefused
		return nil, ErrRefused
	}
	if !h.a.handshakes.take(h.net, h.a.minute()) {
		h.a.counts.busy.Add(1)
		h.refused = ErrBusy
		return nil, ErrBusy
	}
	h.computing = true
	return t.set.Load().config, nil
}

// handshake ends TLS on c, within the time-out.
func (t *TLS) handshake(c *Conn, a *Admission) error {
	h := &hello{Conn: c.Raw, early: c.Early, a: a, c: c, handshake: new(Handshake), net: identity.NetworkID(c.Client.Addr.Addr())}
	c.Early = nil
	_ = c.Raw.SetDeadline(a.o.Now().Add(a.o.HandshakeTimeout))
	tc := tls.Server(h, t.base)
	a.counts.handshakes.Add(1)
	defer h.rest()        // whatever happens inside: a place that is lost keeps everybody else's handshake waiting
	err := tc.Handshake() //nolint:noctx // its deadline is the socket's
	h.rest()
	if err != nil {
		switch {
		case h.refused != nil:
			return h.refused
		case c.Shed():
			return ErrRefused
		}
		a.counts.failed.Add(1)
		if isHTTP(h.plain) {
			return h.spokenPlainly(err)
		}
		a.handshakeFailed(h.net, c.Client.Addr.Addr(), err)
		return fmt.Errorf("%w: %w", ErrHandshake, err)
	}
	_ = c.Raw.SetDeadline(noDeadline)
	c.progress()
	state := tc.ConnectionState()
	s := h.handshake
	s.Settle(&state)
	c.Conn, c.Client.TLS, c.HTTP2 = tc, s, s.ALPN == "h2"
	return nil
}

// Settle notes what a finished handshake has agreed on, and who the client is.
func (h *Handshake) Settle(state *tls.ConnectionState) {
	h.ALPN, h.Version, h.Cipher, h.Resumed = state.NegotiatedProtocol, state.Version, state.CipherSuite, state.DidResume
	if len(state.VerifiedChains) > 0 {
		h.Verified = state.VerifiedChains[0]
		h.Name, h.KeyHash = identity.CertificateName(h.Verified[0])
		h.Certificate = identity.CertificateOf(h.Name)
	}
}
