package config

import "net/netip"

// Listener is one address on which clients are served.
type Listener struct {
	// Address is host:port; an empty host means every interface.
	Address string `yaml:"address"`
	// TLS holds the listener's certificates; without it the listener is plain.
	TLS *TLS `yaml:"tls"`
	// HTTP2 offers HTTP/2 in the TLS handshake (ALPN h2); unset means true with tls.
	HTTP2 *bool `yaml:"http2"`
	// H2C takes HTTP/2 with prior knowledge on a plain listener, beside HTTP/1.1.
	H2C bool `yaml:"h2c"`
	// HTTP3 takes HTTP/3 on the UDP port of the same number, beside the others; needs tls.
	HTTP3 bool `yaml:"http3"`
	// ProxyProtocol lists the networks whose PROXY protocol header (v1 or v2) is believed; empty means nobody's.
	ProxyProtocol []netip.Prefix `yaml:"proxy_protocol"`
}

// Multiplexed reports whether clients are offered HTTP/2.
func (l *Listener) Multiplexed() bool {
	if l.TLS == nil {
		return l.H2C
	}
	return l.HTTP2 == nil || *l.HTTP2
}

// TLS names the files of a listener's certificates. A relative name is relative to the configuration file.
type TLS struct {
	// Certificate is a PEM file with the chain, leaf first; it is also what clients get who name no host or an unknown one.
	Certificate string `yaml:"certificate"`
	// Key is the PEM file of the leaf's private key.
	Key string `yaml:"key"`
	// OCSP is a file with a DER-encoded OCSP response for the leaf, stapled while it is valid (RFC 6066 section 8).
	OCSP string `yaml:"ocsp"`
	// Certificates are further ones; the name that the client asks for (SNI) chooses.
	Certificates []Certificate `yaml:"certificates"`
	// ClientCA is a PEM file of authorities whose client certificates are accepted.
	ClientCA string `yaml:"client_ca"`
	// ClientAuth is request (a certificate is asked for, and checked when shown) or require (no connection without one); unset means require with client_ca.
	ClientAuth string `yaml:"client_auth"`
	// MinVersion is the lowest TLS version spoken: 1.2 or 1.3.
	MinVersion string `yaml:"min_version"`
}

func (t *TLS) preset() { t.MinVersion = "1.2" }

// ClientAuthMode is request, require, or empty when clients are not asked for certificates.
func (t *TLS) ClientAuthMode() string {
	if t.ClientAuth == "" && t.ClientCA != "" {
		return "require"
	}
	return t.ClientAuth
}

// Pairs are all certificates, the one of the listener itself first.
func (t *TLS) Pairs() []Certificate {
	var all []Certificate
	if t.Certificate != "" || t.Key != "" {
		all = append(all, Certificate{Certificate: t.Certificate, Key: t.Key, OCSP: t.OCSP})
	}
	return append(all, t.Certificates...)
}

// Certificate is a certificate with its key.
type Certificate struct {
	// Certificate is a PEM file with the chain, leaf first.
	Certificate string `yaml:"certificate"`
	// Key is the PEM file of the leaf's private key.
	Key string `yaml:"key"`
	// OCSP is a file with a DER-encoded OCSP response for the leaf.
	OCSP string `yaml:"ocsp"`
}
