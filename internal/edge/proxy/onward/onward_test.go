package onward

import (
	"net/netip"
	"strings"
	"testing"

	"merlon/internal/edge/http1"
	"merlon/internal/enforce/action"
)

func TestWhatGoesOn(t *testing.T) {
	const claims = "X-Forwarded-For: 10.0.0.1\r\nX-Real-IP: 10.0.0.1\r\nForwarded: for=10.0.0.1\r\nX-Forwarded-Proto: https\r\nX-Forwarded-Host: evil\r\n" +
		"X-Forwarded-Client-Cert: Subject=admin\r\nX-SSL-Client-S-DN: CN=admin\r\nTrue-Client-IP: 10.0.0.1\r\nX-Original-URL: /admin\r\nClient-Cert: :x:\r\nMerlon-Tag: trusted\r\n"
	const own = "X-Client-Version: 7\r\nX-Original-Title: a\r\nX-Forwarded: no\r\n"
	for _, tt := range []struct {
		name       string
		hops       int
		secure     bool
		coding     string
		tag        string
		want, gone []string
	}{
		{"from the client itself", 0, false, "", "", []string{
			"X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: http", "X-Client-Version: 7", "X-Original-Title: a", "X-Forwarded: no",
		}, []string{"10.0.0.1", "https", "evil", "admin", "Client-Cert", "Merlon-Tag", "Accept-Encoding"}},
		{"over TLS", 0, true, "", "", []string{"X-Forwarded-Proto: https"}, []string{"X-Forwarded-Proto: http\r\n", "admin"}},
		{"behind a proxy of one's own", 1, false, "", "", []string{
			"X-Forwarded-For: 192.0.2.7", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil", "X-Original-URL: /admin",
		}, []string{"X-Forwarded-For: 10", "X-Real-IP", "Forwarded: for", "Merlon-Tag"}},
		{"codings that are judged", 0, false, "Accept-Encoding: br, gzip;q=0.5\r\n", "", []string{"Accept-Encoding: gzip\r\n"}, []string{"br"}},
		{"gzip refused", 0, false, "Accept-Encoding: br, gzip;q=0\r\n", "", []string{"Accept-Encoding: identity\r\n"}, nil},
		{"tagged", 0, false, "", "a, b", []string{"Merlon-Tag: a, b\r\n"}, []string{"trusted"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var h http1.RequestHead
			limits := http1.Limits{}.Filled()
			if _, err := h.Parse([]byte("GET /a HTTP/1.1\r\nHost: a.example\r\n"+claims+own+tt.coding+"\r\n"), &limits); err != nil {
				t.Fatal(err)
			}
			var s Scratch
			w := s.Rewrite(Request{Head: &h, Client: netip.MustParseAddr("192.0.2.7"), Hops: tt.hops, Secure: tt.secure, Reply: action.Reply{Tag: tt.tag}})
			b, err := http1.AppendRequestHead(nil, &h, &w)
			if err != nil {
				t.Fatal(err)
			}
			for _, want := range tt.want {
				if strings.Count(string(b), want) != 1 {
					t.Errorf("%q does not stand once in\n%s", want, b)
				}
			}
			for _, gone := range tt.gone {
				if strings.Contains(string(b), gone) {
					t.Errorf("%q goes on in\n%s", gone, b)
				}
			}
		})
	}
}

func TestAcceptsGzip(t *testing.T) {
	for in, want := range map[string]bool{
		"gzip": true, "gzip, br": true, "br, GZIP;q=0.5": true, "gzip;q=0.8": true, "gzip; q=1": true,
		"": false, "br": false, "gzip;q=0": false, "gzip; q=0": false, "gzip;q=0.000": false, "x-gzip": false, "identity": false,
	} {
		if got := acceptsGzip([]byte(in)); got != want {
			t.Errorf("%q: %v", in, got)
		}
	}
}
