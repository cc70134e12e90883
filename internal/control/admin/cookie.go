package admin

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
)

// Names of the cookies. Both are HttpOnly and SameSite=Strict.
const (
	sessionCookie = "merlon_session"
	// doorCookie ties the forms before signing in to one browser.
	doorCookie = "merlon_door"
)

// SetSession hands a browser its session.
func SetSession(w http.ResponseWriter, r *http.Request, s SignedIn) {
	setCookie(w, r, sessionCookie, s.Secret, 0)
}

// DropSession takes it back.
func DropSession(w http.ResponseWriter, r *http.Request) { setCookie(w, r, sessionCookie, "", -1) }

func setCookie(w http.ResponseWriter, r *http.Request, name, value string, age int) {
	http.SetCookie(w, &http.Cookie{
		Name: name, Value: value, Path: "/", MaxAge: age, HttpOnly: true, SameSite: http.SameSiteStrictMode, Secure: r.TLS != nil,
	})
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
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return Caller{Address: address}, nil
	}
	c, err := a.Session(r.Context(), cookie.Value, address)
	if errors.Is(err, ErrSignIn) { // an ended session is nobody, anything else is a fault
		return Caller{Address: address}, nil
	}
	return c, err
}

// Proof is the value that a form, or the header X-CSRF-Token, must carry beside the cookie of the same browser. It is
// derived from the cookie, which no other site can read. A browser without a session gets a door cookie first.
func (a *Admin) Proof(w http.ResponseWriter, r *http.Request) (string, error) {
	for _, name := range []string{sessionCookie, doorCookie} {
		if c, err := r.Cookie(name); err == nil && len(c.Value) >= 32 {
			return proof(name, c.Value), nil
		}
	}
	secret, err := a.secret("")
	if err != nil {
		return "", err
	}
	setCookie(w, r, doorCookie, secret, 0)
	return proof(doorCookie, secret), nil
}

// Proved tells whether a request carries the proof of its cookie.
func Proved(r *http.Request, given string) bool {
	ok := 0
	for _, name := range []string{sessionCookie, doorCookie} {
		if c, err := r.Cookie(name); err == nil && len(c.Value) >= 32 {
			ok |= subtle.ConstantTimeCompare([]byte(proof(name, c.Value)), []byte(given))
		}
	}
	return ok == 1
}

func proof(name, secret string) string {
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte("csrf " + name))
	return base64.RawURLEncoding.EncodeToString(m.Sum(nil))
}

// ProofOf is the proof of a session that has just begun.
func ProofOf(s SignedIn) string { return proof(sessionCookie, s.Secret) }
