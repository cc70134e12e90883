package config

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/crypto/ocsp"
)

// Files is how Check looks into the files that a configuration names.
type Files struct {
	// Read returns the content of a file and refuses one that is not a file or too large.
	Read func(name string) ([]byte, error)
	// Blind leaves everything that the configuration names alone, Read being for the configuration itself.
	Blind bool
	// Now is the time at which certificates must be valid.
	Now time.Time
	// Strict makes a mistake of what would still start: a certificate that has expired or an OCSP response that is old.
	// Without it that is a notice, so that a restart does not take every site down because one certificate ran out.
	Strict bool
	// Spec parses a description, to say at its place what is wrong with it; nil leaves the descriptions alone.
	Spec func(name string, content []byte) error
	// Policy takes the content of a policy, which has places of its own to tell mistakes at; nil leaves policies alone.
	Policy func(name string, content []byte)
}

// expiryNotice is how long before its end a certificate is spoken of. Renewal by ACME happens 30 days before.
const expiryNotice = 14 * 24 * time.Hour

// files looks into the files that c names. k says where its keys stand.
func (c Config) files(k checker, f Files) (notices, mistakes []Mistake) {
	k.mistakes = nil
	n := k
	look := fileChecker{Files: f, mistakes: &k, notices: &n}
	for i, l := range c.Listen {
		if l.TLS == nil {
			continue
		}
		key := fmt.Sprintf("listen[%d].tls", i)
		own := 0
		if l.TLS.Certificate != "" {
			own = 1
		}
		for j, p := range l.TLS.Pairs() {
			at := key
			if j >= own {
				at = fmt.Sprintf("%s.certificates[%d]", key, j-own)
			}
			look.pair(at, p)
		}
		if l.TLS.ClientCA != "" {
			look.authorities(key+".client_ca", l.TLS.ClientCA)
		}
	}
	for i := range c.Sites {
		s := &c.Sites[i]
		for j, u := range s.Upstreams {
			at := fmt.Sprintf("sites[%d].upstreams[%d]", i, j)
			if u.CA != "" {
				look.authorities(at+".ca", u.CA)
			}
			if u.Certificate != "" {
				look.pair(at, Certificate{Certificate: u.Certificate, Key: u.Key})
			}
		}
		for j, name := range s.Specs {
			look.spec(fmt.Sprintf("sites[%d].specs[%d]", i, j), name)
		}
		if s.Policy != "" {
			if content, ok := look.read(fmt.Sprintf("sites[%d].policy", i), s.Policy); ok && f.Policy != nil {
				f.Policy(s.Policy, content)
			}
		}
	}
	if c.OTLP.TokenFile != "" {
		look.token("otlp.token_file", c.OTLP.TokenFile)
	}
	look.versions(c)
	return n.mistakes, k.mistakes
}

type fileChecker struct {
	Files
	mistakes, notices *checker
}

func (f *fileChecker) read(key, name string) ([]byte, bool) {
	content, err := f.Read(name)
	if err != nil {
		f.mistakes.add(key, "", "cannot be read: %s", plain(err.Error()))
	}
	return content, err == nil
}

// soft is a mistake where Strict says so, else a notice.
func (f *fileChecker) soft(key, hint, format string, args ...any) {
	if f.Strict {
		f.mistakes.add(key, hint, format, args...)
	} else {
		f.notices.add(key, hint, format, args...)
	}
}

func (f *fileChecker) pair(key string, p Certificate) {
	chain, ok := f.read(key+".certificate", p.Certificate)
	private, too := f.read(key+".key", p.Key)
	if !ok || !too {
		return
	}
	pair, err := tls.X509KeyPair(chain, private)
	if err != nil {
		at, hint := key+".certificate", "the PEM file of the chain, leaf first"
		if strings.Contains(err.Error(), "private key") || strings.Contains(err.Error(), "key input") {
			at, hint = key+".key", "the PEM file of the private key that belongs to "+filepath.Base(p.Certificate)
		}
		f.mistakes.add(at, hint, "%s", plain(strings.TrimPrefix(err.Error(), "tls: ")))
		return
	}
	leaf := pair.Leaf
	switch {
	case f.Now.After(leaf.NotAfter):
		f.soft(key+".certificate", "renew it", "expired on %s", day(leaf.NotAfter))
	case f.Now.Before(leaf.NotBefore):
		f.soft(key+".certificate", "check this machine's clock", "is not valid before %s", day(leaf.NotBefore))
	case f.Now.Add(expiryNotice).After(leaf.NotAfter):
		f.notices.add(key+".certificate", "renew it", "expires on %s", day(leaf.NotAfter))
	}
	if p.OCSP != "" {
		f.staple(key+".ocsp", p.OCSP, pair)
	}
}

func day(t time.Time) string { return t.UTC().Format(time.DateOnly) }

// staple checks that an OCSP response speaks well of the leaf, and now.
func (f *fileChecker) staple(key, name string, pair tls.Certificate) {
	der, ok := f.read(key, name)
	if !ok {
		return
	}
	var issuer *x509.Certificate
	if len(pair.Certificate) > 1 {
		issuer, _ = x509.ParseCertificate(pair.Certificate[1]) // without it the signature cannot be checked, clients do
	}
	r, err := ocsp.ParseResponseForCert(der, pair.Leaf, issuer)
	hint := "fetch it from the certificate's authority, in DER"
	switch {
	case err != nil:
		message := plain(strings.TrimPrefix(err.Error(), "ocsp: "))
		if strings.HasPrefix(message, "asn1: ") {
			message = "is no OCSP response"
		}
		f.mistakes.add(key, hint, "%s", message)
	case r.Status != ocsp.Good:
		f.mistakes.add(key, "renew the certificate", "says that the certificate is revoked or unknown to its authority")
	case !r.NextUpdate.IsZero() && f.Now.After(r.NextUpdate):
		f.soft(key, "fetch it anew", "was good until %s", day(r.NextUpdate))
	}
}

func (f *fileChecker) authorities(key, name string) {
	content, ok := f.read(key, name)
	if !ok {
		return
	}
	n := 0
	for block, rest := pem.Decode(content); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			f.mistakes.add(key, "", "certificate %d: %s", n+1, plain(strings.TrimPrefix(err.Error(), "x509: ")))
			return
		}
		n++
	}
	if n == 0 {
		f.mistakes.add(key, "a PEM file of authorities' certificates", "has no certificate in it")
	}
}

func (f *fileChecker) token(key, name string) {
	content, ok := f.read(key, name)
	if !ok {
		return
	}
	if _, err := ParseToken(content); err != nil {
		f.mistakes.add(key, "openssl rand -hex 32 makes one", "%s", plain(err.Error()))
	}
}

func (f *fileChecker) spec(key, name string) {
	if f.Spec == nil {
		return
	}
	content, ok := f.read(key, name)
	if !ok {
		return
	}
	if err := f.Spec(name, content); err != nil {
		f.mistakes.add(key, "", "%s", plain(err.Error()))
	}
}

// versions notices servers that speak HTTP/2 behind listeners that do not: REST calls work, gRPC cannot.
func (f *fileChecker) versions(c Config) {
	for i := range c.Listen {
		if c.Listen[i].Multiplexed() {
			return
		}
	}
	for i := range c.Sites {
		for j, u := range c.Sites[i].Upstreams {
			if strings.HasPrefix(u.URL, "h2://") || strings.HasPrefix(u.URL, "h2c://") {
				f.notices.add(fmt.Sprintf("sites[%d].upstreams[%d].url", i, j), "give a listener tls, or h2c: true",
					"speaks HTTP/2 and no listener does, so gRPC clients cannot reach it")
			}
		}
	}
}
