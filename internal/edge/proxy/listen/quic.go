package listen

import (
	"context"
	"crypto/tls"
)

// QUIC is the configuration with which QUIC listens beside this TLS: the same certificates, replaced with them, and the same
// question to clients. hello is told each ClientHello's fingerprint (JA4 with q for QUIC) and the name it asks for, with the
// context of its connection; its error ends the handshake.
func (t *TLS) QUIC(hello func(ctx context.Context, h Handshake) error) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS13, GetConfigForClient: func(ch *tls.ClientHelloInfo) (*tls.Config, error) {
		print := []byte(ja4(ch))
		print[0] = 'q'
		if err := hello(ch.Context(), Handshake{JA4: string(print), ServerName: ch.ServerName, ALPN: "h3"}); err != nil {
			return nil, err
		}
		c := t.set.Load().config.Clone()
		c.NextProtos = []string{"h3"}
		return c, nil
	}}
}
