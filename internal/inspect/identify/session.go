package identify

import (
	"bytes"

	"merlon/internal/model/exchange"
)

// minSession is the length below which a value is no session key: shorter ones are flags and counters.
const minSession = 8

// sessionCookie tells the names under which frameworks keep sessions. Analytics, consent, load-balancer and anti-forgery
// cookies are not among them: they are as long and as random, and say nothing of who is logged in.
func sessionCookie(more []string, name []byte) bool {
	if len(name) < 3 || len(name) > 64 {
		return false
	}
	var buf [64]byte
	s := lower(buf[:], name)
	for _, k := range more {
		if string(s) == k {
			return true
		}
	}
	for _, prefix := range []string{"__host-", "__secure-"} {
		if bytes.HasPrefix(s, []byte(prefix)) {
			s = s[len(prefix):]
			break
		}
	}
	if len(s) == 0 {
		return false
	}
	switch s[0] {
	case '_':
		if bytes.HasPrefix(s, []byte("_ga")) || bytes.HasPrefix(s, []byte("_gid")) || bytes.HasPrefix(s, []byte("_pk_")) || bytes.HasPrefix(s, []byte("_hj")) {
			return false
		}
	case 'a':
		if bytes.HasPrefix(s, []byte("awsalb")) || bytes.HasPrefix(s, []byte("arraffinity")) {
			return false
		}
	}
	switch string(s) {
	case "sid", "session", "sess", "jsessionid", "phpsessid", "connect.sid", "asp.net_sessionid", "sessionid", "session_id",
		"auth", "token", "jwt", "access_token", "auth_token", "accesstoken", "authtoken", "id_token", "remember_token", "remember_me",
		"koa.sess", "ci_session", "cfid", "cftoken", ".aspxauth", ".aspnetcore.session", ".aspnetcore.cookies", ".aspnetcore.identity.application",
		"kc_restart", "keycloak_identity", "keycloak_session", "laravel_session", "next-auth.session-token", "authjs.session-token", "play_session", "rack.session":
		return true
	}
	if bytes.Contains(s, []byte("csrf")) || bytes.Contains(s, []byte("xsrf")) {
		return false
	}
	return bytes.HasSuffix(s, []byte("_session")) || bytes.HasSuffix(s, []byte("-session")) || bytes.HasSuffix(s, []byte("sessionid")) ||
		bytes.HasSuffix(s, []byte("session_id")) || bytes.HasSuffix(s, []byte("session-token")) || bytes.HasSuffix(s, []byte("sessid")) ||
		bytes.HasSuffix(s, []byte("_sid")) || bytes.HasSuffix(s, []byte(".sid")) || bytes.HasPrefix(s, []byte("wordpress_logged_in")) ||
		bytes.HasSuffix(s, []byte("_token")) && bytes.Contains(s, []byte("auth"))
}

// issued is the token of the session or credential that the answer hands out, 0 for none. A value the request brought
// itself was not issued by answering with it, or a caller could have any value taken for a session.
func (id *Identifier) issued(x *exchange.Exchange, had uint64) uint64 {
	for i := range x.Response.Fields {
		f := &x.Response.Fields[i]
		if f.ID != exchange.HeaderSetCookie {
			continue
		}
		pair := f.Value
		if semi := bytes.IndexByte(pair, ';'); semi >= 0 {
			pair = pair[:semi]
		}
		eq := bytes.IndexByte(pair, '=')
		if eq <= 0 || !sessionCookie(id.o.SessionCookies, bytes.TrimSpace(pair[:eq])) {
			continue
		}
		value := unquote(bytes.TrimSpace(pair[eq+1:]))
		if len(value) < minSession || brought(x, value) {
			continue
		}
		if t := id.o.Key.Token(value); t != had {
			return t
		}
	}
	if string(x.Method) != "POST" || x.Status >= 300 {
		return 0
	}
	for i := range x.Leaves {
		l := &x.Leaves[i]
		if l.Part != exchange.InResponseBody || l.Kind != exchange.KindString || l.Flags&exchange.LeafTruncated != 0 ||
			len(l.Value) < 2*minSession || !tokenField(l.Name) || brought(x, l.Value) {
			continue
		}
		if t := id.o.Key.Token(l.Value); t != had {
			return t
		}
	}
	return 0
}

// tokenField tells the members in which logins answer with what the next request carries. Refresh tokens are not among
// them: they go to the login again and tie no requests together.
func tokenField(name []byte) bool {
	if len(name) < 3 || len(name) > 20 {
		return false
	}
	var buf [20]byte
	switch string(lower(buf[:], name)) {
	case "access_token", "accesstoken", "access-token", "token", "jwt", "id_token", "idtoken", "auth_token", "authtoken", "session_token",
		"sessiontoken", "sessionid", "session_id", "bearer", "bearer_token", "bearertoken", "sid", "api_token", "apitoken":
		return true
	}
	return false
}

// brought tells whether the request held the value: in a leaf, or as its bearer value or cookie.
func brought(x *exchange.Exchange, value []byte) bool {
	for i := range x.Leaves {
		l := &x.Leaves[i]
		if l.Part >= exchange.InResponseHeader {
			break
		}
		if len(l.Value) >= len(value) && bytes.Contains(l.Value, value) {
			return true
		}
	}
	return false
}
