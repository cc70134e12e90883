package identify

import (
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"strings"
	"testing"

	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/identity"
)

func fields(lines ...string) []exchange.Field {
	var out []exchange.Field
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		out = append(out, exchange.Field{Name: []byte(name), Value: []byte(value), ID: exchange.LookupHeader([]byte(name))})
	}
	return out
}

func jwt(payload string) string {
	enc := base64.RawURLEncoding.EncodeToString
	return enc([]byte(`{"alg":"HS256","typ":"JWT"}`)) + "." + enc([]byte(payload)) + "." + enc([]byte("0123456789abcdef0123456789abcdef"))
}

func request(lines ...string) *exchange.Exchange {
	x := &exchange.Exchange{Observed: exchange.SawAll, Method: []byte("GET"), Path: []byte("/")}
	x.Request.Fields = fields(lines...)
	x.Client.Addr = netip.MustParseAddr("203.0.113.9")
	return x
}

var testKey = dataclass.Key{1, 2, 3}

func TestCredentials(t *testing.T) {
	alice := jwt(`{"iss":"https://auth.example/","sub":"alice","exp":1}`)
	token := func(v string) uint64 { return testKey.Token([]byte(v)) }
	memory := NewMemory(64)
	aliceToken := token("https://auth.example/\x00alice")
	for _, c := range []struct {
		name, query string
		lines       []string
		credentials string
		principal   uint64
		carrier     identity.Credential
		session     uint64
	}{
		{"nothing", "", []string{"Host: a"}, "", 0, 0, 0},
		{"a JWT names its subject", "", []string{"Authorization: Bearer " + alice}, "bearer", aliceToken, identity.Bearer, token(alice)},
		{"without a scheme too", "", []string{"Authorization: " + alice}, "bearer", aliceToken, identity.Bearer, token(alice)},
		{"in a field of its own", "", []string{"X-Auth-Token: " + alice}, "bearer", aliceToken, identity.Bearer, token(alice)},
		{"the next token of the same subject", "", []string{"Authorization: bearer  " + jwt(`{"sub":"alice","iss":"https://auth.example/","exp":2}`)}, "bearer", aliceToken, identity.Bearer, token(jwt(`{"sub":"alice","iss":"https://auth.example/","exp":2}`))},
		{"an opaque token names itself", "", []string{"Authorization: Bearer 0123456789abcdef"}, "bearer", token("0123456789abcdef"), identity.Bearer, token("0123456789abcdef")},
		{"an API key", "", []string{"X-API-Key: k-0123456789"}, "api-key", token("k-0123456789"), identity.APIKey, 0},
		{"an API key in the query", "page=2&api_key=k-0123456789", nil, "api-key", token("k-0123456789"), identity.APIKey, 0},
		{"a configured name", "", []string{"X-Acme-Pass: k-0123456789"}, "api-key", token("k-0123456789"), identity.APIKey, 0},
		{"basic names its user", "", []string{"Authorization: Basic " + base64.StdEncoding.EncodeToString([]byte("bob:secret"))}, "basic", token("bob"), identity.Basic, 0},
		{"damaged basic", "", []string{"Authorization: Basic ???"}, "basic", 0, 0, 0},
		{"a session cookie among others", "", []string{"Cookie: _ga=GA1.2.123456789.1; csrftoken=0123456789abcdef; AWSALB=0123456789; JSESSIONID=ABCDEF0123456789; x=1"}, "cookie", 0, 0, token("ABCDEF0123456789")},
		{"no session cookie", "", []string{"Cookie: _ga=GA1.2.123456789.1; csrftoken=0123456789abcdef; AWSALB=0123456789; theme=darkdarkdark; _ga_session=12345678901"}, "", 0, 0, 0},
		{"a cookie that is a JWT", "", []string{"Cookie: __Host-session=" + alice}, "cookie", aliceToken, identity.Cookie, token(alice)},
		{"a signature", "", []string{"Authorization: AWS4-HMAC-SHA256 Credential=AK/2026, Signature=ab"}, "signature", 0, 0, 0},
		{"bearer before key and cookie", "", []string{"X-API-Key: k-0123456789", "Cookie: sid=ABCDEF0123456789", "Authorization: Bearer " + alice}, "bearer,api-key,cookie", aliceToken, identity.Bearer, token(alice)},
		{"an empty credential is none", "key=", []string{"Authorization: Bearer ", "X-API-Key: ", "Cookie: sid="}, "", 0, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := request(c.lines...)
			x.RawQuery = []byte(c.query)
			id := New(Options{Key: testKey, KeyHeaders: []string{"x-acme-pass"}, Memory: memory})
			w := id.Request(x)
			if again := id.Request(x); again != w {
				t.Errorf("remembered %+v, was %+v", again, w)
			}
			if got := strings.Join(w.Credentials.Names(), ","); got != c.credentials {
				t.Errorf("credentials %q, want %q", got, c.credentials)
			}
			if w.Principal.Token != c.principal || w.Principal.Carrier != c.carrier || w.Session.Token != c.session {
				t.Errorf("principal %+v session %+v", w.Principal, w.Session)
			}
			if strength := w.Principal.Strength; c.principal != 0 && strength != identity.Claimed || c.principal == 0 && strength != identity.Anonymous {
				t.Errorf("strength %v", strength)
			}
			if w.Actor.Kind != identity.ActorFingerprint && w.Actor.Kind != identity.ActorNetwork {
				t.Errorf("a claim became the actor: %+v", w.Actor)
			}
		})
	}
	x := request("Authorization: Bearer " + alice)
	x.Observed &^= exchange.SawCredentials
	if w := New(Options{Key: testKey}).Request(x); w.Credentials != 0 || w.Principal.Token != 0 {
		t.Errorf("a source that sees no credentials showed %+v", w)
	}
}

func TestForwardedFor(t *testing.T) {
	for _, c := range []struct {
		name  string
		hops  int
		lines []string
		want  string
	}{
		{"nobody trusted", 0, []string{"X-Forwarded-For: 1.2.3.4"}, "203.0.113.9"},
		{"one hop takes the last", 1, []string{"X-Forwarded-For: 9.9.9.9, 1.2.3.4"}, "1.2.3.4"},
		{"two hops", 2, []string{"X-Forwarded-For: 9.9.9.9, 1.2.3.4, 10.0.0.1"}, "1.2.3.4"},
		{"over two fields", 2, []string{"X-Forwarded-For: 9.9.9.9, 1.2.3.4", "X-Forwarded-For: 10.0.0.1"}, "1.2.3.4"},
		{"fewer than hops", 5, []string{"X-Forwarded-For: 1.2.3.4, 10.0.0.1"}, "1.2.3.4"},
		{"stops at what is no address", 3, []string{"X-Forwarded-For: 9.9.9.9, unknown, 1.2.3.4"}, "1.2.3.4"},
		{"no address at all", 1, []string{"X-Forwarded-For: unknown"}, "203.0.113.9"},
		{"absent", 1, nil, "203.0.113.9"},
		{"port", 1, []string{"X-Forwarded-For: 1.2.3.4:5678"}, "1.2.3.4"},
		{"IPv6", 1, []string{"X-Forwarded-For: 2001:db8::1"}, "2001:db8::1"},
		{"IPv6 with port", 1, []string{"X-Forwarded-For: [2001:db8::1]:443"}, "2001:db8::1"},
		{"mapped", 1, []string{"X-Forwarded-For: ::ffff:1.2.3.4"}, "1.2.3.4"},
		{"zone", 1, []string{"X-Forwarded-For: fe80::1%eth0"}, "203.0.113.9"},
		{"empty", 1, []string{"X-Forwarded-For: "}, "203.0.113.9"},

		{"Forwarded, nobody trusted", 0, []string{"Forwarded: for=1.2.3.4"}, "203.0.113.9"},
		{"Forwarded, the rightmost counts", 1, []string{"Forwarded: for=9.9.9.9;proto=https, for=1.2.3.4;by=10.0.0.1"}, "1.2.3.4"},
		{"Forwarded, two hops", 2, []string{"Forwarded: for=9.9.9.9, for=1.2.3.4", "Forwarded: For=10.0.0.1"}, "1.2.3.4"},
		{"Forwarded, IPv6 in quotes with port", 1, []string{`Forwarded: proto=http;for="[2001:db8::1]:4711"`}, "2001:db8::1"},
		{"Forwarded, obfuscated", 1, []string{"Forwarded: for=9.9.9.9, for=_hidden"}, "203.0.113.9"},
		{"Forwarded, unknown behind one that is known", 2, []string{"Forwarded: for=9.9.9.9, for=unknown, for=1.2.3.4"}, "1.2.3.4"},
		{"Forwarded, an element without for", 1, []string{"Forwarded: for=9.9.9.9, proto=https"}, "203.0.113.9"},
		{"Forwarded, for twice", 1, []string{"Forwarded: for=9.9.9.9;for=1.2.3.4"}, "203.0.113.9"},
		{"Forwarded, a quoted comma hides nothing", 1, []string{`Forwarded: for=9.9.9.9;host="a, for=8.8.8.8"`}, "203.0.113.9"},
		{"made-up Forwarded beside the hop's X-Forwarded-For", 1, []string{"Forwarded: for=9.9.9.9", "X-Forwarded-For: 1.2.3.4"}, "1.2.3.4"},
		{"made-up Forwarded behind it", 1, []string{"X-Forwarded-For: 1.2.3.4", "Forwarded: for=9.9.9.9"}, "1.2.3.4"},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := request(c.lines...)
			New(Options{TrustedHops: c.hops}).Request(x)
			if x.Client.Addr.String() != c.want {
				t.Errorf("got %v, want %s", x.Client.Addr, c.want)
			}
		})
	}
	x := request("X-Forwarded-For: 1.2.3.4")
	x.Source = exchange.SourceEntry
	New(Options{TrustedHops: 1}).Request(x)
	if x.Client.Addr.String() != "203.0.113.9" {
		t.Error("a recorded exchange's stated client was replaced")
	}
}

func TestConnection(t *testing.T) {
	key := testKey
	cert := identity.Certificate{7: 9}
	bearer := "Authorization: Bearer 0123456789abcdef"
	for _, c := range []struct {
		name     string
		client   identity.Client
		observed exchange.Observed
		lines    []string
		want     func(t *testing.T, x *exchange.Exchange, w Who)
	}{
		{"a verified certificate is a verified principal", identity.Client{Certificate: cert}, exchange.SawAll, nil, func(t *testing.T, _ *exchange.Exchange, w Who) {
			want := identity.Principal{Token: key.Token(cert[:]), Strength: identity.Verified, Carrier: identity.MTLS}
			if w.Principal != want || !w.Credentials.Has(identity.MTLS) || w.Actor != (identity.Actor{Kind: identity.ActorPrincipal, Token: want.Token}) {
				t.Errorf("got %+v", w)
			}
		}},
		{"beside a bearer value, which keeps its session", identity.Client{Certificate: cert}, exchange.SawAll, []string{bearer}, func(t *testing.T, _ *exchange.Exchange, w Who) {
			if w.Principal.Carrier != identity.MTLS || w.Session.Token == 0 || !w.Credentials.Has(identity.Bearer) {
				t.Errorf("got %+v", w)
			}
		}},
		{"without one the bearer value is claimed", identity.Client{}, exchange.SawAll, []string{bearer}, func(t *testing.T, _ *exchange.Exchange, w Who) {
			if w.Principal.Carrier != identity.Bearer || w.Principal.Strength != identity.Claimed || w.Credentials.Has(identity.MTLS) {
				t.Errorf("got %+v", w)
			}
		}},
		{"HTTP/2 stands in where there is no order of fields", identity.Client{HTTP2: 77}, exchange.SawAll &^ exchange.SawHeaderOrder, []string{"User-Agent: u"}, func(t *testing.T, x *exchange.Exchange, w Who) {
			if x.Client.Fingerprint != 77 || w.Actor.Kind != identity.ActorFingerprint {
				t.Errorf("got %+v, %+v", x.Client, w.Actor)
			}
		}},
		{"and only there", identity.Client{HTTP2: 77}, exchange.SawAll, []string{"User-Agent: u"}, func(t *testing.T, x *exchange.Exchange, _ Who) {
			if x.Client.Fingerprint == 77 || x.Client.Fingerprint == 0 {
				t.Errorf("got %+v", x.Client)
			}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := request(c.lines...)
			c.client.Addr = x.Client.Addr
			x.Client, x.Observed = c.client, c.observed
			c.want(t, x, New(Options{Key: key}).Request(x))
		})
	}
}

func TestFingerprint(t *testing.T) {
	base := fingerprint(fields("Host: a", "User-Agent: u", "Accept: */*", "Accept-Encoding: gzip"))
	for _, c := range []struct {
		name  string
		same  bool
		lines []string
	}{
		{"POST, logged in, behind a hop", true, []string{"Host: b", "Connection: close", "User-Agent: v", "Content-Type: application/json", "Content-Length: 3", "Accept: application/json", "Authorization: Bearer x", "Accept-Encoding: gzip", "Cookie: a=b", "Origin: o", "Referer: r", "X-Forwarded-For: 1.1.1.1", "X-CSRF: 1", "traceparent: 0"}},
		{"another order", false, []string{"Host: a", "Accept: */*", "User-Agent: u", "Accept-Encoding: gzip"}},
		{"another casing", false, []string{"host: a", "user-agent: u", "accept: */*", "accept-encoding: gzip"}},
		{"one more", false, []string{"Host: a", "User-Agent: u", "Accept: */*", "Accept-Language: en", "Accept-Encoding: gzip"}},
		{"client hints", false, []string{"Host: a", "sec-ch-ua: x", "User-Agent: u", "Accept: */*", "Accept-Encoding: gzip"}},
		{"other codings", false, []string{"Host: a", "User-Agent: u", "Accept: */*", "Accept-Encoding: gzip, br"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := fingerprint(fields(c.lines...)) == base; got != c.same {
				t.Errorf("same as base: %v, want %v", got, c.same)
			}
		})
	}
	x := request("Host: a", "User-Agent: u")
	x.Observed &^= exchange.SawHeaderOrder
	New(Options{}).Request(x)
	if x.Client.Fingerprint != 0 || fingerprint(nil) != 0 {
		t.Error("a fingerprint out of nothing")
	}
}

func TestSessions(t *testing.T) {
	id := New(Options{Key: testKey, Memory: NewMemory(64)})
	sid := []string{"Host: a", "Cookie: sid=ABCDEF0123456789"}

	x := request(sid...)
	before := id.Request(x)
	if before.Session.Issued || before.Actor.Kind == identity.ActorSession {
		t.Fatal("a made-up session became the actor")
	}
	x.Status = 200
	if l := id.Response(x, &before, false); l != (event.Link{}) || before.Session.Issued {
		t.Fatal("success where everybody succeeds honours nothing")
	}

	// A login issues another session.
	login := request("Host: a")
	login.Method, login.Status = []byte("POST"), 302
	login.Response.Fields = fields("Set-Cookie: csrf_session=0123456789abcdef", "Set-Cookie: sid=FEDCBA9876543210; Path=/; HttpOnly")
	w := id.Request(login)
	l := id.Response(login, &w, false)
	if want := (identity.Actor{Kind: identity.ActorSession, Token: testKey.Token([]byte("FEDCBA9876543210"))}); l.After != want || l.Before != w.Actor {
		t.Fatalf("link %+v, want after %+v", l, want)
	}
	next := id.Request(request("Host: a", "Cookie: sid=FEDCBA9876543210"))
	if !next.Session.Issued || next.Actor != l.After {
		t.Fatalf("the issued session is not the actor: %+v", next)
	}

	// An answer that hands back what was brought issues nothing.
	echo := request(sid...)
	echo.Status = 200
	echo.Response.Fields = fields("Set-Cookie: sid=ABCDEF0123456789")
	w = id.Request(echo)
	if l := id.Response(echo, &w, false); l != (event.Link{}) {
		t.Fatalf("an echo issued %+v", l)
	}
	posted := request("Host: a")
	posted.Method, posted.Status = []byte("POST"), 200
	posted.Leaves = []exchange.Leaf{
		{Part: exchange.InBody, Kind: exchange.KindString, Name: []byte("x"), Value: []byte("my own words as a token")},
		{Part: exchange.InResponseBody, Kind: exchange.KindString, Name: []byte("access_token"), Value: []byte("my own words as a token")},
	}
	w = id.Request(posted)
	if l := id.Response(posted, &w, false); l != (event.Link{}) {
		t.Fatalf("an echo issued %+v", l)
	}
	posted.Leaves[1].Value = []byte("the server's own token value")
	if l := id.Response(posted, &w, false); l.After.Token != testKey.Token([]byte("the server's own token value")) {
		t.Fatalf("a login's token was missed: %+v", l)
	}
	posted.Status = 401
	if l := id.Response(posted, &w, false); l != (event.Link{}) {
		t.Fatal("a refused login issued a token")
	}

	// Success where others are refused honours session and principal.
	enforced := request("Authorization: Bearer " + jwt(`{"sub":"alice"}`))
	enforced.Status = 200
	w = id.Request(enforced)
	id.Response(enforced, &w, true)
	if w.Principal.Strength != identity.Accepted || w.Actor.Kind != identity.ActorPrincipal || !w.Session.Issued {
		t.Fatalf("not accepted: %+v", w)
	}
	enforced.Status = 403
	w = id.Request(request("Authorization: Bearer " + jwt(`{"sub":"bob"}`)))
	id.Response(enforced, &w, true)
	if w.Principal.Strength != identity.Claimed {
		t.Fatal("a refused caller was accepted")
	}
}

func TestMemoryIsBounded(t *testing.T) {
	m := NewMemory(64)
	for v := uint64(1); v <= 10000; v++ {
		m.Add(v)
		if !m.Has(v) {
			t.Fatalf("%d was not remembered", v)
		}
		m.Has(8) // in use: stays
	}
	if !m.Has(8) || m.Has(16) || m.Has(0) {
		t.Error("what is used must stay, what is not must go")
	}
	if n := testing.AllocsPerRun(100, func() { m.Add(12345); m.Has(77) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzJWTClaim(f *testing.F) {
	for _, s := range []string{`{"sub":"a","iss":"b"}`, `{"a":{"sub":"x"},"sub":"y"}`, `{"sub":17}`, `{"a":["]",{}],"sub":"y","b":null}`, `{"sub":"\"","iss":"\\"}`, `{"sub":"a"`, `[]`, `{}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		issuer, subject := claims(b)
		claimed(testKey, b)
		basicUser(b)
		// What is valid JSON without escapes and twins reads as encoding/json reads it.
		var m map[string]json.RawMessage
		if json.Unmarshal(b, &m) != nil || strings.Contains(string(b), `\`) || len(m) == 0 {
			return
		}
		for name := range m {
			if strings.Count(string(b), `"`+name+`"`) > 1 || name != strings.ToValidUTF8(name, "") {
				return
			}
		}
		read := func(name string) string {
			v := string(m[name])
			switch {
			case strings.HasPrefix(v, `"`):
				return v[1 : len(v)-1]
			case v == "" || strings.ContainsAny(v[:1], "{[tfn"):
				return ""
			}
			return v
		}
		if want := read("iss"); string(issuer) != want {
			t.Fatalf("%q: issuer %q, want %q", b, issuer, want)
		}
		if want := read("sub"); want != "" && string(subject) != want {
			t.Fatalf("%q: subject %q, want %q", b, subject, want)
		}
	})
}

func BenchmarkRequest(b *testing.B) {
	id := New(Options{Key: testKey, Memory: NewMemory(0), TrustedHops: 1})
	for _, c := range []struct {
		name  string
		lines []string
	}{
		{"anonymous", nil},
		{"bearer", []string{"Authorization: Bearer " + jwt(`{"iss":"https://auth.acme.example/","sub":"user-0001","aud":"bench-api","iat":1700000000,"exp":1900000000,"scope":"read write"}`)}},
		{"cookie", []string{"Cookie: theme=dark; _ga=GA1.2.123456789.1; sid=8f14e45fceea167a5a36dedd4bea2543"}},
		{"opaque", []string{"Authorization: Bearer 8f14e45fceea167a5a36dedd4bea2543"}},
	} {
		b.Run(c.name, func(b *testing.B) {
			x := request(append([]string{
				"Host: api.acme.example", "Connection: keep-alive", "Accept: application/json", "User-Agent: Mozilla/5.0 (X11; Linux x86_64)",
				"Accept-Encoding: gzip, deflate", "Accept-Language: en-US,en;q=0.9", "Sec-Fetch-Site: same-origin", "Sec-Fetch-Mode: cors",
				"Referer: https://app.acme.example/visits", "X-Tenant: north", "X-Request-Id: 3c6d0a2e", "X-Forwarded-For: 198.51.100.7",
			}, c.lines...)...)
			x.RawQuery = []byte("page=2&size=20&sort=asc&from=2026-01-01&doctorId=88")
			b.ReportAllocs()
			for b.Loop() {
				id.Request(x)
			}
		})
	}
}

func BenchmarkClaim(b *testing.B) {
	token := []byte(jwt(`{"iss":"https://auth.acme.example/","sub":"user-0001","aud":"bench-api","iat":1700000000,"exp":1900000000,"scope":"read write"}`))
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			claimed(testKey, token)
		}
	})
	b.Run("token", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			testKey.Token(token)
		}
	})
}

func BenchmarkMemory(b *testing.B) {
	m := NewMemory(0)
	for i := range uint64(1 << 19) {
		m.Add(i*0x9e3779b97f4a7c15 + 1)
	}
	b.ReportAllocs()
	i := uint64(0)
	for b.Loop() {
		i++
		m.Has((i&(1<<19-1))*0x9e3779b97f4a7c15 + 1)
	}
}
