package identify

import (
	"bytes"
	"slices"

	"merlon/internal/model/exchange"
	"merlon/internal/model/identity"
)

// maxCookies bounds how many cookies are looked at for a session.
const maxCookies = 64

// bearing is what the request carries: the best value of each kind.
type bearing struct {
	bearer, key, basic, cookie []byte
}

// credentials finds the credentials of a request and whom they claim. Of several carriers the principal is taken from the
// first in the order of identity.Credential, the session from the bearer value, else from the session cookie.
func (id *Identifier) credentials(x *exchange.Exchange, w *Who) {
	var b bearing
	fields := x.Request.Fields
	for i := range fields {
		f := &fields[i]
		switch f.ID {
		case exchange.HeaderAuthorization:
			w.Credentials = b.authorization(w.Credentials, f.Value)
		case exchange.HeaderXAPIKey:
			b.set(&w.Credentials, identity.APIKey, f.Value)
		case exchange.HeaderCookie:
			b.session(id.o.SessionCookies, f.Value)
		case exchange.HeaderOther:
			if kind, ok := id.carrier(f.Name); ok {
				b.set(&w.Credentials, kind, f.Value)
			}
		}
	}
	if len(x.RawQuery) > 0 {
		id.query(x.RawQuery, w, &b)
	}
	if len(b.cookie) > 0 {
		w.Credentials = w.Credentials.With(identity.Cookie)
	}

	key := id.o.Key
	switch {
	case len(b.bearer) > 0:
		token, principal := id.bearer(b.bearer)
		w.Session.Token = token
		w.Principal = identity.Principal{Token: principal, Strength: identity.Claimed, Carrier: identity.Bearer}
	case len(b.key) > 0:
		w.Principal = identity.Principal{Token: key.Token(b.key), Strength: identity.Claimed, Carrier: identity.APIKey}
	case len(b.basic) > 0:
		if user, ok := basicUser(b.basic); ok {
			w.Principal = identity.Principal{Token: key.Token(user.bytes()), Strength: identity.Claimed, Carrier: identity.Basic}
		}
	}
	if len(b.cookie) > 0 {
		if w.Session.Token == 0 {
			w.Session.Token = key.Token(b.cookie)
		}
		if w.Principal.Token == 0 {
			if t, ok := claimed(key, b.cookie); ok {
				w.Principal = identity.Principal{Token: t, Strength: identity.Claimed, Carrier: identity.Cookie}
			}
		}
	}
}

// bearer is the token of a bearer value, and whom it names: the subject of a JWT, else the value itself.
func (id *Identifier) bearer(value []byte) (token, principal uint64) {
	m := id.o.Memory
	var k claimKey
	if m != nil {
		k = m.claims.key(id.salt, value)
		if token, principal, ok := m.claims.find(k); ok {
			return token, principal
		}
	}
	token = id.o.Key.Token(value)
	principal, ok := claimed(id.o.Key, value)
	if !ok {
		principal = token
	}
	if m != nil {
		m.claims.put(k, token, principal)
	}
	return token, principal
}

// set notes a credential and keeps its value if it is the first of its kind.
func (b *bearing) set(have *identity.Credentials, kind identity.Credential, value []byte) {
	if len(value) == 0 {
		return
	}
	*have = have.With(kind)
	at := &b.key
	switch kind {
	case identity.Bearer:
		at = &b.bearer
		if rest, ok := scheme(value, "bearer"); ok {
			value = rest
		}
	case identity.Basic:
		at = &b.basic
	case identity.Signature:
		return // it covers one request and names nobody by itself
	}
	if *at == nil {
		*at = value
	}
}

// authorization reads the credentials of an Authorization field (RFC 9110 section 11.6.2).
func (b *bearing) authorization(have identity.Credentials, v []byte) identity.Credentials {
	space := bytes.IndexByte(v, ' ')
	if space < 0 { // no scheme: a bare token, as many clients send it
		kind := identity.APIKey
		if bytes.HasPrefix(v, []byte("eyJ")) {
			kind = identity.Bearer
		}
		b.set(&have, kind, v)
		return have
	}
	var buf [24]byte
	rest := bytes.TrimLeft(v[space+1:], " ")
	switch name := lower(buf[:], v[:space]); string(name) {
	case "bearer", "token", "jwt", "dpop", "oauth2":
		b.set(&have, identity.Bearer, rest)
	case "basic":
		b.set(&have, identity.Basic, rest)
	case "apikey", "api-key", "key", "apitoken", "x-api-key", "splunk", "genie_key", "genieky":
		b.set(&have, identity.APIKey, rest)
	case "negotiate", "ntlm", "digest":
		have = have.With(identity.Basic)
	default: // AWS4-HMAC-SHA256, Signature, Hawk, HMAC-..., OAuth 1.0: a signature over the request
		have = have.With(identity.Signature)
	}
	return have
}

// scheme cuts an authentication scheme and the spaces behind it from v.
func scheme(v []byte, name string) ([]byte, bool) {
	if len(v) <= len(name) || v[len(name)] != ' ' || !bytes.EqualFold(v[:len(name)], []byte(name)) {
		return v, false
	}
	return bytes.TrimLeft(v[len(name)+1:], " "), true
}

// carrier tells the kind of credential that a field other than the well-known ones carries.
func (id *Identifier) carrier(name []byte) (identity.Credential, bool) {
	if len(name) < 6 || len(name) > 48 {
		return 0, false
	}
	var buf [48]byte
	s := lower(buf[:], name)
	switch s[0] {
	case 'a', 'o', 's', 'p', 't', 'd', 'x', 'k':
		switch string(s) {
		case "x-auth-token", "x-access-token", "x-session-token", "x-user-token", "x-id-token", "x-jwt-assertion", "access-token", "auth-token", "x-vault-token":
			return identity.Bearer, true
		case "api-key", "apikey", "x-apikey", "x-api-token", "api-token", "x-goog-api-key", "ocp-apim-subscription-key", "x-app-key",
			"x-application-key", "x-functions-key", "private-token", "x-subscription-key", "dd-api-key", "subscription-key":
			return identity.APIKey, true
		case "signature", "x-signature", "x-hub-signature", "x-hub-signature-256", "x-amz-content-sha256", "x-request-signature", "stripe-signature", "x-hmac-signature":
			return identity.Signature, true
		}
	}
	for _, k := range id.o.KeyHeaders {
		if string(s) == k {
			return identity.APIKey, true
		}
	}
	return 0, false
}

// query looks for credentials in the raw query; values are taken as they were sent.
func (id *Identifier) query(q []byte, w *Who, b *bearing) {
	for n := 0; len(q) > 0 && n < maxCookies; n++ {
		pair := q
		if amp := bytes.IndexByte(q, '&'); amp >= 0 {
			pair, q = q[:amp], q[amp+1:]
		} else {
			q = nil
		}
		eq := bytes.IndexByte(pair, '=')
		if eq < 3 || eq > 32 {
			continue
		}
		var buf [32]byte
		s := lower(buf[:], pair[:eq])
		switch s[0] {
		case 'a', 'k', 'x', 's', 'j':
			switch string(s) {
			case "access_token", "auth_token", "jwt", "session_token":
				b.set(&w.Credentials, identity.Bearer, pair[eq+1:])
				continue
			case "api_key", "apikey", "api-key", "key", "appid", "app_key", "subscription-key", "x-api-key":
				b.set(&w.Credentials, identity.APIKey, pair[eq+1:])
				continue
			case "x-amz-signature", "x-goog-signature", "signature", "sig":
				w.Credentials = w.Credentials.With(identity.Signature)
				continue
			}
		}
		if slices.ContainsFunc(id.o.KeyParams, func(k string) bool { return string(s) == k }) {
			b.set(&w.Credentials, identity.APIKey, pair[eq+1:])
		}
	}
}

// session keeps the first session-like cookie of a Cookie field.
func (b *bearing) session(more []string, v []byte) {
	for n := 0; len(v) > 0 && b.cookie == nil && n < maxCookies; n++ {
		pair := v
		if semi := bytes.IndexByte(v, ';'); semi >= 0 {
			pair, v = v[:semi], v[semi+1:]
		} else {
			v = nil
		}
		for len(pair) > 0 && pair[0] == ' ' {
			pair = pair[1:]
		}
		eq := bytes.IndexByte(pair, '=')
		if eq > 0 && len(pair)-eq-1 >= minSession && sessionCookie(more, pair[:eq]) {
			b.cookie = unquote(bytes.TrimRight(pair[eq+1:], " "))
		}
	}
}

// unquote takes the optional quotes from a cookie's value (RFC 6265 section 4.1.1).
func unquote(v []byte) []byte {
	if n := len(v); n > 1 && v[0] == '"' && v[n-1] == '"' {
		return v[1 : n-1]
	}
	return v
}
