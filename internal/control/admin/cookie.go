package admin

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"

	"merlon/internal/control/admin/people"
)

// Names of the cookies. All are HttpOnly. Over TLS they carry the prefix __Host-, by which a browser takes them from this
// very host, over TLS and for all paths only: no neighbouring name can plant one (RFC 6265bis section 4.1.3).
const (
	sessionCookie = "merlon_session"
	// doorCookie ties the forms before signing in to one browser.
	doorCookie = "merlon_door"
	// deviceCookie tells a browser that somebody has signed in with from others.
	deviceCookie = "merlon_device"

	hostPrefix = "__Host-"
	minCookie  = 32
)

// SetSession hands a browser its session.
func SetSession(w http.ResponseWriter, r *http.Request, s SignedIn) {
	// Lax, so that a link from a chat opens what it points to: no GET changes anything, and what does needs its proof.
	setCookie(w, r, sessionCookie, s.Secret, 0, http.SameSiteLaxMode)
	setCookie(w, r, deviceCookie, s.Device, int(people.DeviceAge.Seconds()), http.SameSiteStrictMode)
}

// DropSession takes it back.
func DropSession(w http.ResponseWriter, r *http.Request) {
	setCookie(w, r, sessionCookie, "", -1, http.SameSiteLaxMode)
}

func setCookie(w http.ResponseWriter, r *http.Request, name, value string, age int, same http.SameSite) {
	tls := overTLS(r)
	if tls {
		name = hostPrefix + name
	}
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", MaxAge: age, HttpOnly: true, SameSite: same, Secure: tls})
}

// overTLS tells whether the browser speaks TLS: to us, or to a proxy before us, which its Origin tells. A page cannot set its
// own Origin, another site's never gets here, and whoever lies by other means only keeps their own cookies from working.
func overTLS(r *http.Request) bool {
	if r.TLS != nil {
		return true
	}
	u, err := url.Parse(r.Header.Get("Origin"))
	return err == nil && u.Scheme == "https" && strings.EqualFold(u.Host, r.Host)
}

// cookie is the value of a cookie of ours. Over TLS of our own only the one with the prefix counts.
func cookie(r *http.Request, name string) string {
	if c, err := r.Cookie(hostPrefix + name); err == nil {
		return c.Value
	}
	if r.TLS != nil {
		return ""
	}
	if c, err := r.Cookie(name); err == nil {
		return c.Value
	}
	return ""
}

// VisitorOf is who stands at the door with a request.
func VisitorOf(r *http.Request) Visitor {
	return Visitor{Address: ClientAddress(r), Browser: r.UserAgent(), Device: cookie(r, deviceCookie), Session: cookie(r, sessionCookie)}
}

// PartyOf is what passkeys of a request's browser belong to: the name it opened Merlon by, which the guard has let through. It
// is empty where there can be none: passkeys want a name, and TLS unless it is localhost (WebAuthn section 5.1.3).
func PartyOf(r *http.Request) people.Party {
	name := strings.ToLower(r.Host)
	if h, _, err := net.SplitHostPort(name); err == nil {
		name = h
	}
	name = strings.TrimSuffix(strings.Trim(name, "[]"), ".")
	if _, err := netip.ParseAddr(name); err == nil || name == "" {
		return people.Party{}
	}
	// The browser itself tells by Origin whether it speaks TLS, and only where it would give a passkey at all.
	if overTLS(r) {
		return people.Party{ID: name, Origin: "https://" + strings.ToLower(r.Host)}
	}
	if name == "localhost" || strings.HasSuffix(name, ".localhost") {
		return people.Party{ID: name, Origin: "http://" + strings.ToLower(r.Host)}
	}
	return people.Party{}
}

// Who is the caller of a request: by bearer token, else by cookie; a zero Caller when nobody is signed in. A token that is
// wrong is an error, never a way to fall back on the cookie.
func (a *Admin) Who(r *http.Request) (Caller, error) {
	address := ClientAddress(r)
	if h := r.Header.Get("Authorization"); h != "" {
		scheme, secret, _ := strings.Cut(h, " ")
		if !strings.EqualFold(scheme, "Bearer") {
			return Caller{Address: address}, ErrSignIn
		}
		return a.Bearer(r.Context(), strings.TrimSpace(secret), address)
	}
	secret := cookie(r, sessionCookie)
	if secret == "" {
		return Caller{Address: address}, nil
	}
	c, err := a.Session(r.Context(), secret, address)
	if errors.Is(err, ErrSignIn) { // an ended session is nobody, anything else is a fault
		return Caller{Address: address}, nil
	}
	return c, err
}

// Proof is the value that a form, or the header X-CSRF-Token, must carry beside the cookie of the same browser. It is
// derived from the cookie, which no other site can read, and masked anew in every page, so that the lengths of compressed
// pages tell nothing of it (BREACH). A browser without a session gets a door cookie first.
func (a *Admin) Proof(w http.ResponseWriter, r *http.Request) (string, error) {
	var pad [proofSize]byte
	if _, err := io.ReadFull(a.o.Random, pad[:]); err != nil {
		return "", fmt.Errorf("random numbers: %w", err)
	}
	for _, name := range []string{sessionCookie, doorCookie} {
		if v := cookie(r, name); len(v) >= minCookie {
			return masked(name, v, pad), nil
		}
	}
	secret, err := a.Secret()
	if err != nil {
		return "", err
	}
	setCookie(w, r, doorCookie, secret, 0, http.SameSiteStrictMode)
	return masked(doorCookie, secret, pad), nil
}

// Proved tells whether a request carries the proof of its cookie.
func Proved(r *http.Request, given string) bool {
	b, err := base64.RawURLEncoding.DecodeString(given)
	if err != nil || len(b) != 2*proofSize {
		return false
	}
	for i := range proofSize {
		b[proofSize+i] ^= b[i]
	}
	ok := 0
	for _, name := range []string{sessionCookie, doorCookie} {
		if v := cookie(r, name); len(v) >= minCookie {
			want := proof(name, v)
			ok |= subtle.ConstantTimeCompare(want[:], b[proofSize:])
		}
	}
	return ok == 1
}

const proofSize = sha256.Size

func proof(name, secret string) (out [proofSize]byte) {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte("csrf " + name))
	m.Sum(out[:0])
	return out
}

// masked is a proof behind the pad that it is masked with.
func masked(name, secret string, pad [proofSize]byte) string {
	b := proof(name, secret)
	for i := range b {
		b[i] ^= pad[i]
	}
	return base64.RawURLEncoding.EncodeToString(append(pad[:], b[:]...))
}

// ProofOf is the proof of a session that has just begun. It leaves in an answer that is not compressed.
func ProofOf(s SignedIn) string { return masked(sessionCookie, s.Secret, [proofSize]byte{}) }

// BaseOf is the address under which a request's browser opened Merlon, for links that people pass on.
func BaseOf(r *http.Request) string {
	if overTLS(r) {
		return "https://" + r.Host
	}
	return "http://" + r.Host
}
