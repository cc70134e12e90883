package listen

import (
	"crypto/x509"
	"net"
	"net/netip"
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
	// KeyHash is the SHA-256 of the verified certificate's public key (SubjectPublicKeyInfo): one key pair, whatever it
	// is named. Zero without a verified certificate.
	KeyHash [32]byte
}

// CloseWrite ends the sending side, so that the peer still gets what was written.
func (c *Conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return net.ErrClosed
}
