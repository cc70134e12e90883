// Package identity says who and what takes part in an exchange: client, fingerprint, network, session, principal with its strength, actor, endpoint reference.
//
// Everything here is a small value. Names never appear: a principal, a session or a value is a keyed
// token ([dataclass.Key]), so that an identity can be stored, shipped and compared without being disclosed.
package identity

import (
	"crypto/sha256"
	"crypto/x509"
	"net/netip"
)

// Strength orders how well an identity is proved. A claim is never punished in the name it claims.
type Strength uint8

const (
	// Anonymous: the exchange names nobody.
	Anonymous Strength = iota
	// Claimed: the exchange names somebody and nothing proves it.
	Claimed
	// Accepted: the upstream honoured the credential on an endpoint that refuses others.
	Accepted
	// Verified: a signature or an introspection proves it.
	Verified
)

// String is the word used in verdict lines and the API.
func (s Strength) String() string {
	switch s {
	case Verified:
		return "verified"
	case Accepted:
		return "accepted"
	case Claimed:
		return "claimed"
	default:
		return "anonymous"
	}
}

// Proved tells whether the identity may count as an independent supporter and as an actor.
func (s Strength) Proved() bool { return s >= Accepted }

// Credential is a kind of credential an exchange can carry.
type Credential uint8

// The kinds, in the order in which they are preferred as the principal's carrier.
const (
	Bearer Credential = iota
	MTLS
	Signature
	APIKey
	Basic
	Cookie
	numCredentials
)

// Credentials is a set of Credential; the zero value means none was seen, which proves absence only where the source
// could see credentials at all (exchange.SawCredentials).
type Credentials uint8

// Has tells whether c is in the set.
func (s Credentials) Has(c Credential) bool { return s&(1<<c) != 0 }

// With adds c.
func (s Credentials) With(c Credential) Credentials { return s | 1<<c }

// Names lists the kinds by the words of the inventory, in a fixed order.
func (s Credentials) Names() []string {
	var out []string
	for c := Credential(0); c < numCredentials; c++ {
		if s.Has(c) {
			out = append(out, c.String())
		}
	}
	return out
}

// String is the word used in the inventory.
func (c Credential) String() string {
	switch c {
	case Bearer:
		return "bearer"
	case MTLS:
		return "mtls"
	case Signature:
		return "signature"
	case APIKey:
		return "api-key"
	case Basic:
		return "basic"
	case Cookie:
		return "cookie"
	default:
		return "unknown"
	}
}

// Principal is the person or program an exchange acts for. Token is keyed by the site's learning key and 0 when the
// exchange is anonymous.
type Principal struct {
	Token    uint64
	Strength Strength
	Carrier  Credential
}

// Session is a value that ties exchanges together. Issued is set when the upstream was seen to issue or honour it; any
// other value is only claimed.
type Session struct {
	Token  uint64
	Issued bool
}

// Fingerprint is our own hash of what the client is: order and casing of header names, or its HTTP/2 settings.
// 0 means the source could not see it.
type Fingerprint uint64

// Certificate is the SHA-256 hash of what names the owner of a client certificate that was verified: a URI among its names, a
// subject, or a key. The zero value means none.
type Certificate [32]byte

// CertificateOf hashes a name; an empty one gives none.
func CertificateOf(name []byte) Certificate {
	if len(name) == 0 {
		return Certificate{}
	}
	return sha256.Sum256(name)
}

// CertificateName is what names the client of a verified certificate, and the hash of its key: the URI when there is
// exactly one (SPIFFE X509-SVID section 2), else the subject, else the key. An empty subject is two bytes of DER.
func CertificateName(leaf *x509.Certificate) (name []byte, key [32]byte) {
	key = sha256.Sum256(leaf.RawSubjectPublicKeyInfo)
	switch {
	case len(leaf.URIs) == 1:
		return []byte(leaf.URIs[0].String()), key
	case len(leaf.RawSubject) > 2:
		return leaf.RawSubject, key
	default:
		return key[:], key
	}
}

// Place is where an address belongs, from the embedded tables; the zero value means unknown.
type Place struct {
	Country [2]byte
	ASN     uint32
}

// Client is the peer as the first trusted hop saw it.
type Client struct {
	Addr        netip.Addr
	Port        uint16
	Place       Place
	Fingerprint Fingerprint
	// JA4 is the fingerprint of the TLS or QUIC ClientHello (github.com/FoxIO-LLC/ja4, BSD 3-Clause); empty when it was not
	// seen.
	JA4 string
	// HTTP2 is the hash of how the client opened its HTTP/2 connection; 0 when it was not seen.
	HTTP2 Fingerprint
	// Certificate is the client certificate that was verified in the handshake.
	Certificate Certificate
}

// MaxJA4 bounds a JA4 fingerprint that is read from elsewhere; a well-formed one has 36 bytes.
const MaxJA4 = 64

// Network is the client's /24 (IPv4) or /48 (IPv6): the unit in which unproved supporters are counted.
func Network(a netip.Addr) netip.Prefix {
	if !a.IsValid() {
		return netip.Prefix{}
	}
	a = a.Unmap()
	bits := 48
	if a.Is4() {
		bits = 24
	}
	p, err := a.WithZone("").Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return p
}

// NetworkID packs the client's network in 64 bits for use as a key. 0 means unknown.
func NetworkID(a netip.Addr) uint64 {
	if !a.IsValid() {
		return 0
	}
	a = a.Unmap()
	if a.Is4() {
		b := a.As4()
		return 4<<56 | uint64(b[0])<<16 | uint64(b[1])<<8 | uint64(b[2])
	}
	b := a.As16()
	return 6<<56 | uint64(b[0])<<40 | uint64(b[1])<<32 | uint64(b[2])<<24 | uint64(b[3])<<16 | uint64(b[4])<<8 | uint64(b[5])
}

// ActorKind says which identity the actor is, in the order in which the first available one is taken.
type ActorKind uint8

const (
	ActorNetwork ActorKind = iota
	ActorFingerprint
	ActorSession
	ActorPrincipal
)

// String is the prefix of an actor's printed form.
func (k ActorKind) String() string {
	return [...]string{"network", "fingerprint", "session", "principal"}[k&3]
}

// Actor is whom behaviour is attributed to: proved principal, else issued session, else fingerprint with network, else network.
type Actor struct {
	Kind  ActorKind
	Token uint64
}

// SettleActor applies the order of attribution. net is the packed network of the client (NetworkID).
func SettleActor(p Principal, s Session, f Fingerprint, net uint64) Actor {
	switch {
	case p.Token != 0 && p.Strength.Proved():
		return Actor{ActorPrincipal, p.Token}
	case s.Token != 0 && s.Issued:
		return Actor{ActorSession, s.Token}
	case f != 0:
		return Actor{ActorFingerprint, mix(uint64(f), net)}
	default:
		return Actor{ActorNetwork, mix(0x9e3779b97f4a7c15, net)}
	}
}

// EndpointID is an endpoint's birth id: given by the distiller that owns the store, never changed, 0 for none.
type EndpointID uint32

// mix is the finaliser of splitmix64 over two words: cheap, and good enough for keys that are not secret.
func mix(a, b uint64) uint64 {
	x := a ^ (b*0x9e3779b97f4a7c15 + 0x7f4a7c15)
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
