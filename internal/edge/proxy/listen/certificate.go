package listen

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
	"time"

	"golang.org/x/crypto/ocsp"
)

// CertificateFiles names the files of one certificate.
type CertificateFiles struct {
	// Certificate is a PEM file with the chain, leaf first; Key is the PEM file of the leaf's private key.
	Certificate, Key string
	// OCSP is a file with a DER response to staple; empty for none.
	OCSP string
}

// Errors of certificate files. Each is wrapped with the file's name and what to do.
var (
	// ErrUnreadable says that a file cannot be read, or holds something else.
	ErrUnreadable = errors.New("unreadable")
	// ErrExpired says that a certificate is not valid now.
	ErrExpired = errors.New("not valid now")
	// ErrKeyMismatch says that certificate and key do not belong together.
	ErrKeyMismatch = errors.New("key mismatch")
	// ErrStaple says that an OCSP response is not for its certificate, or says that it is revoked.
	ErrStaple = errors.New("unusable OCSP response")
)

// certificate is one certificate with its key, as it is shown to clients.
type certificate struct {
	files CertificateFiles
	leaf  *x509.Certificate
	// bare goes without a staple; stapled with one, until its time is over.
	bare, stapled *tls.Certificate
	until         time.Time
}

// at is what is shown at a time: a stale staple makes clients refuse what they would accept without one.
func (c *certificate) at(now time.Time) *tls.Certificate {
	if c.stapled != nil && now.Before(c.until) {
		return c.stapled
	}
	return c.bare
}

// loadCertificate reads one certificate. It may be returned together with ErrExpired: a certificate that has run out
// must not replace another, but at start it is better than none.
func loadCertificate(f CertificateFiles, read func(string) ([]byte, error), now time.Time) (*certificate, error) {
	chain, err := readFile(f.Certificate, read)
	if err != nil {
		return nil, err
	}
	key, err := readFile(f.Key, read)
	if err != nil {
		return nil, err
	}
	leaf, err := firstCertificate(chain)
	if err != nil {
		return nil, fmt.Errorf("certificate %s: %w: %w", f.Certificate, ErrUnreadable, err)
	}
	pair, err := tls.X509KeyPair(chain, key)
	if err != nil {
		if strings.Contains(err.Error(), "does not match") {
			return nil, fmt.Errorf("key %s: %w: it is not the key of certificate %s", f.Key, ErrKeyMismatch, f.Certificate)
		}
		if bytes.Contains(key, []byte("ENCRYPTED")) {
			err = errors.New("it is encrypted; store it decrypted, readable by this service alone")
		}
		return nil, fmt.Errorf("key %s: %w: %w", f.Key, ErrUnreadable, err)
	}
	pair.Leaf = leaf
	c := &certificate{files: f, leaf: leaf, bare: &pair}
	if f.OCSP != "" {
		if err := c.staple(read); err != nil {
			return nil, err
		}
	}
	switch {
	case now.After(leaf.NotAfter):
		return c, fmt.Errorf("certificate %s: %w: it expired at %s; renew it", f.Certificate, ErrExpired, leaf.NotAfter.UTC().Format(time.RFC3339))
	case now.Before(leaf.NotBefore):
		return c, fmt.Errorf("certificate %s: %w: it begins at %s; check this machine's clock", f.Certificate, ErrExpired, leaf.NotBefore.UTC().Format(time.RFC3339))
	}
	return c, nil
}

// staple reads the OCSP response. One whose time is over is kept aside without complaint: certificate.at leaves it out.
func (c *certificate) staple(read func(string) ([]byte, error)) error {
	der, err := readFile(c.files.OCSP, read)
	if err != nil {
		return err
	}
	if len(c.bare.Certificate) < 2 {
		return fmt.Errorf("OCSP response %s: %w: its signature cannot be checked; add the issuer to %s", c.files.OCSP, ErrStaple, c.files.Certificate)
	}
	issuer, err := x509.ParseCertificate(c.bare.Certificate[1])
	if err != nil {
		return fmt.Errorf("certificate %s: %w: its issuer: %w", c.files.Certificate, ErrUnreadable, err)
	}
	r, err := ocsp.ParseResponseForCert(der, c.leaf, issuer)
	if err != nil {
		return fmt.Errorf("OCSP response %s: %w for certificate %s: %w", c.files.OCSP, ErrStaple, c.files.Certificate, err)
	}
	if r.Status != ocsp.Good {
		return fmt.Errorf("OCSP response %s: %w: it does not say that certificate %s is good; replace the certificate", c.files.OCSP, ErrStaple, c.files.Certificate)
	}
	if r.NextUpdate.IsZero() {
		return fmt.Errorf("OCSP response %s: %w: it says not until when it holds", c.files.OCSP, ErrStaple)
	}
	with := *c.bare
	with.OCSPStaple = der
	c.stapled, c.until = &with, r.NextUpdate
	return nil
}

// maxFile bounds a certificate, key or OCSP file: the longest chains take some 20 kB.
const maxFile = 1 << 20

func readFile(name string, read func(string) ([]byte, error)) ([]byte, error) {
	b, err := read(name)
	switch {
	case err != nil:
		return nil, fmt.Errorf("file %s: %w: %w", name, ErrUnreadable, err)
	case len(b) > maxFile:
		return nil, fmt.Errorf("file %s: %w: %d bytes are no certificate", name, ErrUnreadable, len(b))
	}
	return b, nil
}

// firstCertificate is the leaf of a PEM chain.
func firstCertificate(chain []byte) (*x509.Certificate, error) {
	for {
		var block *pem.Block
		if block, chain = pem.Decode(chain); block == nil {
			return nil, errors.New("it holds no PEM block of type CERTIFICATE")
		}
		if block.Type == "CERTIFICATE" {
			return x509.ParseCertificate(block.Bytes)
		}
	}
}

// authorities reads a PEM file of certificate authorities.
func authorities(name string, read func(string) ([]byte, error)) (*x509.CertPool, []byte, error) {
	b, err := readFile(name, read)
	if err != nil {
		return nil, nil, err
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(b) {
		return nil, nil, fmt.Errorf("client authorities %s: %w: it holds no PEM block of type CERTIFICATE", name, ErrUnreadable)
	}
	return pool, b, nil
}
