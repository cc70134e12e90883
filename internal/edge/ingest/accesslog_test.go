package ingest

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"merlon/internal/edge/ingest/record"
	"merlon/internal/model/exchange"
)

func TestAccessLog(t *testing.T) {
	t.Parallel()
	const (
		front  = `203.0.113.7 - - [10/Oct/2025:13:55:36 -0700] `
		agents = ` "https://r.example/" "ua/1.0"`
	)
	saw := exchange.SawRequestLine | exchange.SawStatus | exchange.SawClient
	for _, c := range []struct {
		name, line string
		common     bool
		cause      Cause
		check      func(t *testing.T, x *exchange.Exchange)
	}{
		{"combined", front + `"GET /a/b?c=d HTTP/1.1" 200 2326` + agents, false, 0, func(t *testing.T, x *exchange.Exchange) {
			if x.Observed != saw|exchange.SawUserAgent || string(x.Method) != "GET" || string(x.Path) != "/a/b" || string(x.RawQuery) != "c=d" ||
				x.Status != 200 || x.Response.BodySize != 2326 || x.Client.Addr != netip.MustParseAddr("203.0.113.7") || x.Anomalies != 0 {
				t.Errorf("%+v", x)
			}
			if got := time.Unix(0, x.At).UTC().Format(time.RFC3339); got != "2025-10-10T20:55:36Z" {
				t.Errorf("at %s", got)
			}
			if v, _ := x.Request.Field(exchange.HeaderUserAgent); string(v) != "ua/1.0" || len(x.Request.Fields) != 2 {
				t.Errorf("fields %s", x.Request.Fields)
			}
		}},
		{"more fields behind", front + `"GET / HTTP/1.1" 200 2` + agents + ` "10.0.0.1" 0.003`, false, 0, nil},
		{"common", front + `"GET / HTTP/1.0" 200 -`, true, 0, func(t *testing.T, x *exchange.Exchange) {
			if x.Observed != saw || x.Response.BodySize != 0 {
				t.Errorf("observed %b, size %d", x.Observed, x.Response.BodySize)
			}
		}},
		{"nothing known of the client", `- - - [10/Oct/2025:13:55:36 +0000] "GET / HTTP/1.1" 200 1`, true, 0, func(t *testing.T, x *exchange.Exchange) {
			if x.Observed.Has(exchange.SawClient) {
				t.Error("client seen")
			}
		}},
		{"IPv6", `2001:db8::7 - - [10/Oct/2025:13:55:36 +0000] "GET / HTTP/2.0" 200 1`, true, 0, func(t *testing.T, x *exchange.Exchange) {
			if x.Client.Addr != netip.MustParseAddr("2001:db8::7") {
				t.Errorf("client %v", x.Client.Addr)
			}
		}},
		{"resolved name", `host-7.isp.example - - [10/Oct/2025:13:55:36 +0000] "GET / HTTP/3" 200 1`, true, 0, func(t *testing.T, x *exchange.Exchange) {
			if x.Observed.Has(exchange.SawClient) {
				t.Error("client seen")
			}
		}},
		{"user with spaces and brackets", `10.0.0.1 - john [the] doe [10/Oct/2025:13:55:36 +0000] "GET / HTTP/1.1" 200 1`, true, 0, nil},
		{"escapes", front + `"GET /\xC3\xA9\"\\ HTTP/1.1" 404 0 "-" "a \"b\" \x41\t\q"`, false, 0, func(t *testing.T, x *exchange.Exchange) {
			if v, _ := x.Request.Field(exchange.HeaderUserAgent); string(x.Path) != "/\u00e9\"\\" || string(v) != "a \"b\" A\t\\q" || len(x.Request.Fields) != 1 {
				t.Errorf("path %q, agent %q", x.Path, v)
			}
			if !x.Anomalies.Has(exchange.AnomalyNonASCIITarget) || !x.Anomalies.Has(exchange.AnomalyBackslash) {
				t.Errorf("anomalies %b", x.Anomalies)
			}
		}},
		{"dot segments", front + `"GET /a/%2e%2e/b HTTP/1.1" 404 0`, true, 0, func(t *testing.T, x *exchange.Exchange) {
			if !x.Anomalies.Has(exchange.AnomalyDotSegment) || string(x.Path) != "/a/%2e%2e/b" || string(x.RawHead) != "GET /a/%2e%2e/b HTTP/1.1" {
				t.Errorf("%b %s %q", x.Anomalies, x.Path, x.RawHead)
			}
		}},
		{"absolute form", front + `"GET http://H.example:80/p?q HTTP/1.1" 200 0`, true, 0, func(t *testing.T, x *exchange.Exchange) {
			if !x.Anomalies.Has(exchange.AnomalyAbsoluteForm) || string(x.Path) != "/p" || string(x.RawQuery) != "q" || string(x.Host) != "H.example" {
				t.Errorf("%b %s %s %s", x.Anomalies, x.Path, x.RawQuery, x.Host)
			}
		}},
		{"space in the target", front + `"GET /a b HTTP/1.1" 400 0`, true, 0, func(t *testing.T, x *exchange.Exchange) {
			if x.Anomalies != 1<<exchange.AnomalyBadRequestLine || string(x.Path) != "/a b" || !x.Observed.Has(exchange.SawRequestLine) {
				t.Errorf("%b %q", x.Anomalies, x.Path)
			}
		}},
		{"line ends in the target", front + `"GET /a HTTP/1.1\x0d\x0aX:\x00 HTTP/1.1" 400 0`, true, 0, func(t *testing.T, x *exchange.Exchange) {
			if !x.Anomalies.Has(exchange.AnomalyControlCharacter) || !x.Anomalies.Has(exchange.AnomalyNUL) {
				t.Errorf("%b", x.Anomalies)
			}
		}},
		{"TLS to a plain port", front + `"\x16\x03\x01\x02" 400 226` + agents, false, 0, func(t *testing.T, x *exchange.Exchange) {
			if x.Anomalies != 1<<exchange.AnomalyBadRequestLine || x.Observed.Has(exchange.SawRequestLine) || string(x.RawHead) != "\x16\x03\x01\x02" {
				t.Errorf("%b %q", x.Anomalies, x.RawHead)
			}
		}},
		{"no request at all", front + `"-" 408 0`, true, 0, func(t *testing.T, x *exchange.Exchange) {
			if x.Anomalies != 1<<exchange.AnomalyIncomplete {
				t.Errorf("%b", x.Anomalies)
			}
		}},
		{"client gone before the answer", front + `"" 000 0`, true, 0, func(t *testing.T, x *exchange.Exchange) {
			if x.Observed.Has(exchange.SawStatus) || x.Anomalies != 1<<exchange.AnomalyIncomplete {
				t.Errorf("%b", x.Anomalies)
			}
		}},
		{"no status", front + `"GET / HTTP/1.1" - -`, true, 0, nil},
		{"junk answered 200", front + `"hello" 200 0`, true, record.CauseRequest, nil},
		{"HTTP/0.9", front + `"GET /" 200 0`, true, record.CauseRequest, nil},
		{"request does not end", front + `"GET / HTTP/1.1 200 0`, true, record.CauseQuotes, nil},
		{"agent does not end", front + `"GET / HTTP/1.1" 200 0 "-" "Mozilla`, false, record.CauseQuotes, nil},
		{"quote escaped at the end", front + `"GET / HTTP/1.1" 200 0 "-" "Mozilla\"`, false, record.CauseQuotes, nil},
		{"common read as combined", front + `"GET / HTTP/1.1" 200 0`, false, record.CauseShort, nil},
		{"combined read as common", front + `"GET / HTTP/1.1" 200 0` + agents, true, record.CauseTrailing, nil},
		{"host in front", `www.example:443 203.0.113.7 - - [10/Oct/2025:13:55:36 +0000] "GET / HTTP/1.1" 200 1`, true, record.CauseClient, nil},
		{"name in front", `www.example 203.0.113.7 - - [10/Oct/2025:13:55:36 +0000] "GET / HTTP/1.1" 200 1`, true, record.CauseClient, nil},
		{"not a client", `<script> - - [10/Oct/2025:13:55:36 +0000] "GET / HTTP/1.1" 200 1`, true, record.CauseClient, nil},
		{"no user", `10.0.0.1 - [10/Oct/2025:13:55:36 +0000] "GET / HTTP/1.1" 200 1`, true, record.CauseSyntax, nil},
		{"31 June", `10.0.0.1 - - [31/Jun/2025:13:55:36 +0000] "GET / HTTP/1.1" 200 1`, true, record.CauseTime, nil},
		{"no such month", `10.0.0.1 - - [10/OCT/2025:13:55:36 +0000] "GET / HTTP/1.1" 200 1`, true, record.CauseTime, nil},
		{"no time", `10.0.0.1 - - "GET / HTTP/1.1" 200 1`, true, record.CauseSyntax, nil},
		{"status of four digits", front + `"GET / HTTP/1.1" 2000 1`, true, record.CauseStatus, nil},
		{"size in words", front + `"GET / HTTP/1.1" 200 many`, true, record.CauseSize, nil},
		{"size that does not fit", front + `"GET / HTTP/1.1" 200 99999999999999999999`, true, record.CauseSize, nil},
		{"text", `lorem ipsum dolor`, true, record.CauseSyntax, nil},
		{"one word", `x`, false, record.CauseSyntax, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var x exchange.Exchange
			if got := newAccessLog(!c.common).decode([]byte(c.line), &x); got != c.cause {
				t.Fatalf("cause %q, want %q", got, c.cause)
			}
			if c.check != nil {
				c.check(t, &x)
			}
		})
	}
}

func fuzzLog(f *testing.F, common bool) {
	f.Add([]byte(strings.TrimSpace(combinedLine)))
	f.Add([]byte(`2001:db8::7 - john [x] [10/Oct/2025:13:55:36 -0700] "GET http://h/a%2f/../b HTTP/2" 404 - "\x" "\\\""`))
	f.Add([]byte(`unix: - - [10/Oct/2025:13:55:36 -0700] "\x16\x03" 400 0`))
	f.Add([]byte(`10.0.0.1 - - [10/Oct/2025:13:55:36 -0700] "CONNECT h:443 HTTP/1.1" 405 0`))
	f.Add([]byte(`10.0.0.1 - - [10/Oct/2025:13:55:36 -0700] "OPTIONS * HTTP/1.1" 200 0`))
	d := newAccessLog(!common)
	f.Fuzz(func(t *testing.T, b []byte) {
		var x exchange.Exchange
		sane(t, d.decode(b, &x), &x)
	})
}

func FuzzCombined(f *testing.F) { fuzzLog(f, false) }

func FuzzCommon(f *testing.F) { fuzzLog(f, true) }
