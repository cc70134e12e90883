package netform

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"merlon/internal/model/exchange"
)

func TestTold(t *testing.T) {
	for _, c := range []struct {
		name, raw string
		read      func(*http.Request) (Told, error)
		want      string // method, target, host, client
		rest      string // the fields left, by name
		blamed    string // the field that an error is about
	}{
		{
			"nginx", "GET /_merlon HTTP/1.0\r\nHost: merlon\r\nConnection: close\r\nX-Original-URI: /a?b=c\r\nX-Original-Method: PUT\r\nX-Original-Host: api.example\r\nX-Real-IP: 192.0.2.7\r\nX-Forwarded-For: 10.0.0.1\r\nCookie: a=b\r\n\r\n",
			Original, "PUT /a?b=c api.example 192.0.2.7", "Cookie Host X-Forwarded-For", "",
		},
		{
			"a client's words of the other kind are only fields", "GET /_merlon HTTP/1.1\r\nHost: merlon\r\nX-Original-URI: /a\r\nX-Original-Method: GET\r\nX-Original-Host: api.example\r\nX-Real-IP: 192.0.2.7:4444\r\nX-Forwarded-Uri: /public\r\n\r\n",
			Original, "GET /a api.example 192.0.2.7", "Host X-Forwarded-Uri", "",
		},
		{"two targets", "GET / HTTP/1.1\r\nHost: h\r\nX-Original-URI: /a\r\nX-Original-URI: /b\r\n\r\n", Original, "", "", "X-Original-URI"},
		{"no target", "GET /_merlon HTTP/1.1\r\nHost: h\r\n\r\n", Original, "", "", "X-Original-URI"},
		{"no host", "GET / HTTP/1.1\r\nHost: h\r\nX-Original-URI: /a\r\nX-Original-Method: GET\r\nX-Real-IP: 192.0.2.7\r\n\r\n", Original, "", "", "X-Original-Host"},
		{"no address", "GET / HTTP/1.1\r\nHost: h\r\nX-Original-URI: /a\r\nX-Original-Method: GET\r\nX-Original-Host: h\r\nX-Real-IP: unix:\r\n\r\n", Original, "", "", "X-Real-IP"},
		{
			"traefik", "GET / HTTP/1.1\r\nHost: merlon:9902\r\nX-Forwarded-Uri: /a\r\nX-Forwarded-Method: DELETE\r\nX-Forwarded-Host: api.example\r\nX-Forwarded-Proto: https\r\nX-Forwarded-For: 2001:db8::7\r\n\r\n",
			Forwarded, "DELETE /a api.example 2001:db8::7", "Host", "",
		},
		{
			"hops before it stay", "GET / HTTP/1.1\r\nHost: m\r\nX-Forwarded-Uri: /a\r\nX-Forwarded-Method: GET\r\nX-Forwarded-Host: h\r\nX-Forwarded-For: 198.51.100.9, 192.0.2.1\r\n\r\n",
			Forwarded, "GET /a h 192.0.2.1", "Host X-Forwarded-For", "",
		},
		{"no method", "GET / HTTP/1.1\r\nHost: m\r\nX-Forwarded-Uri: /a\r\n\r\n", Forwarded, "", "", "X-Forwarded-Method"},
		{"a copy tells its target alone", "PUT /m HTTP/1.1\r\nHost: m\r\nX-Original-URI: /a\r\n\r\n", Copied, "PUT /a m invalid IP", "Host", ""},
		{"a copy with two clients has none", "GET /m HTTP/1.1\r\nHost: m\r\nX-Original-URI: /a\r\nX-Real-IP: 192.0.2.7\r\nX-Real-IP: 192.0.2.8\r\n\r\n", Copied, "GET /a m invalid IP", "Host", ""},
		{"a copy without a target", "GET /m HTTP/1.1\r\nHost: m\r\n\r\n", Copied, "", "", "X-Original-URI"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := received(t, c.raw)
			told, err := c.read(r)
			if wrong := (*FieldError)(nil); errors.As(err, &wrong) {
				if wrong.Field != c.blamed {
					t.Fatal(err)
				}
				return
			}
			if err != nil || c.blamed != "" {
				t.Fatal(err)
			}
			if got := told.Line.Method + " " + told.Line.Target + " " + told.Line.Host + " " + told.Client.String(); got != c.want {
				t.Errorf("got %s, want %s", got, c.want)
			}
			var f Request
			if err := f.Read(&told.Line, r.Header, told.Without, limits()); err != nil {
				t.Fatal(err)
			}
			x := exchange.Exchange{Observed: exchange.SawAll}
			told.Describe(&x, &f)
			names := map[string]bool{}
			for _, h := range x.Request.Fields {
				names[string(h.Name)] = true
			}
			for _, want := range strings.Fields(c.rest) {
				if !names[want] {
					t.Errorf("%s is missing", want)
				}
				delete(names, want)
			}
			if len(names) > 0 {
				t.Errorf("not the client's: %v", names)
			}
			if x.Observed.Has(exchange.SawClient) != told.Client.IsValid() {
				t.Error("the mask does not say whether the client is known")
			}
		})
	}
}

func TestTrusts(t *testing.T) {
	ten := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}
	for _, c := range []struct {
		peer     string
		networks []netip.Prefix
		want     bool
	}{
		{"127.0.0.1:5", nil, true},
		{"[::1]:5", nil, true},
		{"@", nil, true},
		{"10.1.2.3:5", nil, false},
		{"10.1.2.3:5", ten, true},
		{"[::ffff:10.1.2.3]:5", ten, true},
		{"127.0.0.1:5", ten, false},
		{"nonsense", nil, false},
	} {
		if got := Trusts(c.networks, c.peer); got != c.want {
			t.Errorf("%s in %v: %t", c.peer, c.networks, got)
		}
	}
}

// FuzzForwarded: the client is the last entry or the request is refused, and what is left is what stood before it.
func FuzzForwarded(f *testing.F) {
	f.Add("203.0.113.9, 192.0.2.1", "/a", "GET")
	f.Add(" ,", "/a b", "P OST")
	f.Add("[2001:db8::1]:80", "*", "OPTIONS")
	f.Add("fe80::1%eth0", "", "")
	f.Fuzz(func(t *testing.T, xff, uri, method string) {
		r := &http.Request{Header: http.Header{"X-Forwarded-For": {xff}, "X-Forwarded-Uri": {uri}, "X-Forwarded-Method": {method}, "X-Forwarded-Host": {"h"}}}
		told, err := Forwarded(r)
		if err != nil {
			if last := xff[strings.LastIndexByte(xff, ',')+1:]; uri != "" && method != "" && address(last).IsValid() {
				t.Fatal(err)
			}
			return
		}
		left := strings.Join(r.Header["X-Forwarded-For"], "")
		if !strings.HasPrefix(xff, left) || strings.Contains(xff[len(left):], ",") != strings.Contains(xff, ",") {
			t.Fatalf("of %q is left %q", xff, left)
		}
		if !told.Client.IsValid() || told.Client.Zone() != "" || told.Client.Is4In6() {
			t.Fatalf("client %s", told.Client)
		}
		var q Request
		if q.Read(&told.Line, r.Header, told.Without, limits()) == nil && string(q.Head.Target) != uri {
			t.Fatalf("target %q was read as %q", uri, q.Head.Target)
		}
	})
}
