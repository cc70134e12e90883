package listen

import (
	"crypto/x509"
	"net"
	"net/netip"
	"sync/atomic"

	"merlon/internal/model/identity"
)

// Conn is one client connection, ready to be served.
type Conn struct {
	// Conn is where plaintext is read and written: the socket, or the TLS connection over it.
	net.Conn
	// Raw is the socket below.
	Raw    net.Conn
	Client Client
	// Early are bytes that were read already. They come before everything that Read returns.
	Early []byte
	// HTTP2 tells that the client speaks HTTP/2: by ALPN, or by its first bytes where prior knowledge is allowed.
	HTTP2 bool

	onWait    func()
	admission *Admission
	ended     *atomic.Bool // its listener's; nil without one
	left      atomic.Bool  // its place was given back
	waited    bool         // a read deadline was set
	state     atomic.Int32
	since     atomic.Uint64 // when it began to wait for its client, by Admission.clock
	// The place in Admission's table, under its shard's lock.
	network        *network
	host           uint64
	next, previous *Conn
}

// The states of a connection. Fresh and idle ones wait for their client and may be closed when room is needed.
const (
	stateFresh int32 = iota // nothing has been served yet
	stateIdle
	stateBusy
	stateShed
)

// Busy is called when a request has arrived and is going to be served; it reports false when the connection has been
// closed to make room just before. Connections with HTTP2 are busy from the beginning.
func (c *Conn) Busy() bool {
	return c.state.CompareAndSwap(stateIdle, stateBusy) || c.state.CompareAndSwap(stateFresh, stateBusy) || c.state.Load() == stateBusy
}

// Idle is called when everything is served and the client may send another request, or not.
func (c *Conn) Idle() {
	c.progress()
	c.state.CompareAndSwap(stateBusy, stateIdle)
	if c.Ending() && !c.HTTP2 {
		c.shed()
	}
}

// Ending tells that the connection's listener wants it to end after the next answer.
func (c *Conn) Ending() bool { return c.ended != nil && c.ended.Load() }

// progress notes that the client has not kept the connection waiting.
func (c *Conn) progress() {
	if c.admission != nil {
		c.since.Store(c.admission.clock.Load())
	}
}

// Shed tells that the connection was closed to make room.
func (c *Conn) Shed() bool { return c.state.Load() == stateShed }

// shed closes the connection if it is not busy.
func (c *Conn) shed() bool {
	if !c.state.CompareAndSwap(stateFresh, stateShed) && !c.state.CompareAndSwap(stateIdle, stateShed) {
		return false
	}
	c.admission.leave(c)
	_ = c.Raw.Close()
	return true
}

// Close closes the connection and gives its place back.
func (c *Conn) Close() error {
	if c.admission != nil {
		c.admission.leave(c)
	}
	return c.Conn.Close()
}

// Client is who is at the other end.
type Client struct {
	// Addr is the client, Peer the other end of the socket. They differ where a trusted peer's PROXY protocol header has
	// named the client.
	Addr, Peer netip.AddrPort
	// TLS is what the handshake has shown; nil on a plain connection.
	TLS *Handshake
}

// Handshake is what a client's TLS handshake has shown of it.
type Handshake struct {
	// JA4 is the fingerprint of the ClientHello (FoxIO JA4, TLS client).
	JA4 string
	// ServerName is the host that was asked for (SNI), empty when none was.
	ServerName string
	// ALPN is the protocol that was agreed on, empty when none was.
	ALPN string
	// Version and Cipher are crypto/tls's numbers.
	Version, Cipher uint16
	// Resumed tells that a session ticket was used.
	Resumed bool
	// Verified is the chain of the client's certificate, leaf first; empty when it gave none. A certificate that does
	// not verify ends the handshake, so there is no third case.
	Verified []*x509.Certificate
	// Name are the bytes that name the client of a verified certificate, stable over the certificate's renewal: its
	// only URI among the alternative names (a SPIFFE ID), else its subject (DER), else its key (KeyHash). Empty without
	// a verified certificate. A client with a Name is a principal of strength identity.Verified and carrier
	// identity.MTLS; its token is the site's key over these bytes.
	Name []byte
	// Certificate is the hash of Name that exchanges carry.
	Certificate identity.Certificate
	// KeyHash is the SHA-256 of the verified certificate's public key (SubjectPublicKeyInfo): one key pair, whatever it
	// is named. Zero without a verified certificate.
	KeyHash [32]byte
}

// OnWait has f called, on a TLS connection, by every Read that has to wait for the socket: what TLS holds already comes
// without. So a deadline can be moved when it matters, and whoever reads byte by byte pays no timer for each.
func (c *Conn) OnWait(f func()) { c.onWait = f }

// CloseWrite ends the sending side, so that the peer still gets what was written.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return net.ErrClosed
}
