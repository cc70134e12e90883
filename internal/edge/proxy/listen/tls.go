package listen

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// ClientAuth says what is asked of clients.
type ClientAuth uint8

const (
	// NoClientAuth asks for no certificate.
	NoClientAuth ClientAuth = iota
	// RequestClientAuth asks for one and lets clients without one in. One that does not verify ends the handshake.
	RequestClientAuth
	// RequireClientAuth lets nobody in without one.
	RequireClientAuth
)

// TLSOptions is everything a TLS is made from.
type TLSOptions struct {
	// Certificates are chosen by the name the client asks for: the exact name, then a wildcard, then the first.
	Certificates []CertificateFiles
	// ClientCA is a PEM file with the authorities of client certificates; needed unless ClientAuth is NoClientAuth.
	ClientCA   string
	ClientAuth ClientAuth
	// MinVersion is tls.VersionTLS12, the default, or tls.VersionTLS13.
	MinVersion uint16
	// HTTP2 offers h2 beside http/1.1.
	HTTP2 bool
	// Read reads a file: os.ReadFile.
	Read func(name string) ([]byte, error)
	Now  func() time.Time
	Log  *slog.Logger
}

// TLS ends TLS connections. Its certificates may be replaced while it serves.
type TLS struct {
	base    *tls.Config
	set     atomic.Pointer[set]
	tickets tickets
	using   sync.Mutex
}

// Prepared is certificates and conditions that were read and checked, and that nobody serves by yet.
type Prepared struct{ set *set }

// set is what one reading of the files gave. It never changes.
type set struct {
	certificates []*certificate
	exact, wild  map[string][]*certificate // by lower-case name; wild without its "*."
	authorities  []byte
	auth         ClientAuth
	config       *tls.Config
	now          func() time.Time
}

// suites12 are those of TLS 1.2 with forward secrecy and authenticated encryption (RFC 9325 section 4.2). TLS 1.3 has
// no others.
func suites12() []uint16 {
	return []uint16{
		tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256, tls.TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256,
		tls.TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384, tls.TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384,
		tls.TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256, tls.TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256,
	}
}

// NewTLS reads the files. A certificate that has expired is served all the same, with a warning in the log: at start
// there is no better one.
func NewTLS(o TLSOptions) (*TLS, error) {
	s, err := o.read()
	if s == nil {
		return nil, err
	}
	if err != nil {
		o.Log.Error("clients will refuse this certificate", "error", err)
	}
	return (&Prepared{s}).TLS(), nil
}

// Prepare reads and checks the files, and changes nothing that serves: Use puts into place exactly what was checked. When
// anything is wrong with any file, an expired certificate too, the error names the file.
func Prepare(o TLSOptions) (*Prepared, error) {
	s, err := o.read()
	if err != nil {
		return nil, err
	}
	return &Prepared{s}, nil
}

// TLS serves by what was prepared.
func (p *Prepared) TLS() *TLS {
	t := new(TLS)
	t.use(p.set, true)
	// The set's own lowest version holds: it is asked before a version is agreed on.
	t.base = &tls.Config{MinVersion: tls.VersionTLS12, GetConfigForClient: t.configFor}
	return t
}

// Use serves new handshakes by what was prepared, which may have other options, too; connections that are open stay as they
// are. Tickets that were given under other conditions are worthless from then on.
func (t *TLS) Use(p *Prepared) {
	t.using.Lock()
	defer t.using.Unlock()
	old := t.set.Load()
	t.use(p.set, !bytes.Equal(p.set.authorities, old.authorities) || p.set.auth != old.auth || p.set.config.MinVersion != old.config.MinVersion)
}

// Run replaces the session ticket keys until ctx ends. The composition root starts it.
func (t *TLS) Run(ctx context.Context) {
	tick := time.NewTicker(ticketLife)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			t.tickets.rotate(newTicketKey())
		case <-ctx.Done():
			return
		}
	}
}

// Expires is when the first of the certificates in use runs out.
func (t *TLS) Expires() (at time.Time) {
	for _, c := range t.set.Load().certificates {
		if at.IsZero() || c.leaf.NotAfter.Before(at) {
			at = c.leaf.NotAfter
		}
	}
	return at
}

func (t *TLS) use(s *set, forget bool) {
	t.tickets.serve(s.config, forget)
	t.set.Store(s)
}

// read makes a set of the files. Every mistake is named at once; a set beside an error holds certificates that are not valid
// now.
func (o *TLSOptions) read() (*set, error) {
	lowest := max(o.MinVersion, tls.VersionTLS12)
	s := &set{exact: make(map[string][]*certificate), wild: make(map[string][]*certificate), auth: o.ClientAuth, now: o.Now}
	var wrong []error
	usable := true
	for _, f := range o.Certificates {
		c, err := loadCertificate(f, o.Read, o.Now())
		if err != nil {
			wrong = append(wrong, err)
		}
		if c == nil {
			usable = false
			continue
		}
		if c.stapled != nil && !o.Now().Before(c.until) {
			o.Log.Warn("the OCSP response is stale and is not stapled; fetch a new one", "file", f.OCSP, "until", c.until)
		}
		s.add(c)
	}
	if len(o.Certificates) == 0 {
		usable = false
		wrong = append(wrong, errors.New("a TLS listener needs a certificate"))
	}
	s.config = &tls.Config{
		MinVersion: lowest, CipherSuites: suites12(), NextProtos: []string{"http/1.1"}, GetCertificate: s.choose, Time: o.Now,
	}
	if o.HTTP2 {
		s.config.NextProtos = []string{"h2", "http/1.1"}
	}
	if o.ClientAuth != NoClientAuth {
		pool, text, err := authorities(o.ClientCA, o.Read)
		if err != nil {
			usable = false
			wrong = append(wrong, err)
		}
		s.config.ClientCAs, s.authorities = pool, text
		s.config.ClientAuth = tls.VerifyClientCertIfGiven
		if o.ClientAuth == RequireClientAuth {
			s.config.ClientAuth = tls.RequireAndVerifyClientCert
		}
	}
	if !usable {
		return nil, errors.Join(wrong...)
	}
	return s, errors.Join(wrong...)
}

func (s *set) add(c *certificate) {
	s.certificates = append(s.certificates, c)
	for _, name := range c.leaf.DNSNames {
		name = strings.ToLower(strings.TrimSuffix(name, "."))
		if rest, ok := strings.CutPrefix(name, "*."); ok {
			s.wild[rest] = append(s.wild[rest], c)
		} else {
			s.exact[name] = append(s.exact[name], c)
		}
	}
}

// choose is the certificate for a handshake: for the exact name, else for a wildcard one label up (RFC 9525 section
// 6.3), else the first. Where a name has several, the first the client can use, so that RSA can stand beside ECDSA.
func (s *set) choose(h *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := strings.ToLower(h.ServerName)
	list := s.exact[name]
	if len(list) == 0 {
		if _, rest, ok := strings.Cut(name, "."); ok {
			list = s.wild[rest]
		}
	}
	if len(list) == 0 {
		list = s.certificates[:1]
	}
	for _, c := range list[:len(list)-1] {
		if h.SupportsCertificate(c.bare) == nil {
			return c.at(s.now()), nil
		}
	}
	return list[len(list)-1].at(s.now()), nil
}
