package ingest

import (
	"bytes"
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"merlon/internal/edge/ingest/record"
	"merlon/internal/lab/acme"
	"merlon/internal/lab/traffic"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

const seenEntry = exchange.SawRequestLine | exchange.SawRequestHeaders | exchange.SawUserAgent | exchange.SawCredentials

func TestEntry(t *testing.T) {
	t.Parallel()
	const at = `"startedDateTime":"2026-01-02T03:04:05.5+01:00"`
	head := func(extra string) string {
		return `{` + at + `,"request":{"method":"GET","url":"https://api.acme.example/a"` + extra + `}`
	}
	for _, c := range []struct {
		name, line string
		cause      Cause
		check      func(t *testing.T, x *exchange.Exchange)
	}{
		{"least", head("") + `}`, 0, func(t *testing.T, x *exchange.Exchange) {
			want := exchange.SawRequestLine | exchange.SawRequestBody
			if x.Observed != want || string(x.Method) != "GET" || string(x.Path) != "/a" || string(x.Host) != "api.acme.example" || x.Status != 0 {
				t.Errorf("%+v", x)
			}
			if got := time.Unix(0, x.At).UTC().Format(time.RFC3339Nano); got != "2026-01-02T02:04:05.5Z" {
				t.Errorf("at %s", got)
			}
		}},
		{
			"whole", `{` + at + `,"time":12.5,"timings":{"send":0,"wait":10,"receive":2.5},"request":{"method":"POST","url":"https://h:8443/p/1?q=%20a#f",` +
				`"headers":[{"name":"content-type","value":"application/json"},{"name":"host","value":"H2:443"},{"name":"user-agent","value":"ua"},{"name":"authorization","value":"Bearer x"}],` +
				`"postData":{"mimeType":"application/json","text":"{\"a\":\"\u00e9\"}"},"bodySize":10},"response":{"status":201,"headers":[{"name":"Content-Type","value":"application/json"}],` +
				`"content":{"size":2,"mimeType":"application/json","text":"e30=","encoding":"base64"},"bodySize":2},"_client":{"ip":"2001:db8::1","port":4711,"ja4":"t13d1516h2_8daaf6152771_02713d6af862","h2":"00000000000000ff","headerOrder":["Host","User-Agent","Authorization","Content-Type"]},"_site":"other"}`,
			0, func(t *testing.T, x *exchange.Exchange) {
				want := exchange.SawAll &^ exchange.SawWire
				if x.Observed != want {
					t.Errorf("observed %b, want %b", x.Observed, want)
				}
				if string(x.Host) != "H2" || string(x.Path) != "/p/1" || string(x.RawQuery) != "q=%20a" || x.Site != "other" || x.Status != 201 {
					t.Errorf("%s %s %s %s %d", x.Host, x.Path, x.RawQuery, x.Site, x.Status)
				}
				if string(x.Request.Body) != `{"a":"é"}` || x.Request.BodySize != 10 || string(x.Response.Body) != "{}" || x.Response.BodySize != 2 {
					t.Errorf("bodies %q %d %q %d", x.Request.Body, x.Request.BodySize, x.Response.Body, x.Response.BodySize)
				}
				var names []string
				for _, f := range x.Request.Fields {
					names = append(names, string(f.Name))
				}
				if got := strings.Join(names, " "); got != "Host User-Agent Authorization Content-Type" || x.Request.Fields[2].ID != exchange.HeaderAuthorization {
					t.Errorf("order %s", got)
				}
				if x.Client.JA4 != "t13d1516h2_8daaf6152771_02713d6af862" || x.Client.HTTP2 != 255 {
					t.Errorf("%+v", x.Client)
				}
				if x.Client.Addr != netip.MustParseAddr("2001:db8::1") || x.Client.Port != 4711 || x.Latency != 10e6 || x.Duration != 125e5 {
					t.Errorf("client %v, latency %d, duration %d", x.Client, x.Latency, x.Duration)
				}
			},
		},
		{
			"browser over HTTP/2", head(`,"headers":[{"name":":authority","value":"shop.example"},{"name":":method","value":"GET"},{"name":"accept","value":"*/*"}],"bodySize":0`) +
				`,"response":{"status":200,"headers":[{"name":"content-encoding","value":"gzip"}],"content":{"size":5,"text":"hello"},"bodySize":-1}}`, 0,
			func(t *testing.T, x *exchange.Exchange) {
				if string(x.Host) != "shop.example" || len(x.Request.Fields) != 1 || len(x.Response.Fields) != 0 || x.Observed.Has(exchange.SawHeaderOrder) {
					t.Errorf("%s %v %v", x.Host, x.Request.Fields, x.Response.Fields)
				}
			},
		},
		{
			"still compressed", head(`,"headers":[{"name":"a","value":"b"}]`) + `,"response":{"status":200,"headers":[{"name":"content-encoding","value":"gzip"}],"content":{"size":4,"text":"H4sIAA==","encoding":"base64"}}}`, 0,
			func(t *testing.T, x *exchange.Exchange) {
				if _, ok := x.Response.Field(exchange.HeaderContentEncoding); !ok {
					t.Error("the coding was dropped")
				}
			},
		},
		{
			"body not recorded", head(``) + `,"response":{"status":200,"headers":[],"content":{"size":1234,"mimeType":"image/png"},"bodySize":1000}}`, 0,
			func(t *testing.T, x *exchange.Exchange) {
				if x.Observed.Has(exchange.SawResponseBody) || x.Observed.Has(exchange.SawResponseHeaders) || x.Response.BodySize != 1234 {
					t.Errorf("observed %b, size %d", x.Observed, x.Response.BodySize)
				}
			},
		},
		{"no answer", head(``) + `,"response":{"status":0,"content":{"size":0}}}`, 0, func(t *testing.T, x *exchange.Exchange) {
			if x.Observed.Has(exchange.SawStatus) {
				t.Error("status seen")
			}
		}},
		{"upload without its text", `{` + at + `,"request":{"method":"POST","url":"/up","bodySize":100}}`, 0, func(t *testing.T, x *exchange.Exchange) {
			if x.Observed.Has(exchange.SawRequestBody) || x.Request.BodySize != 100 || len(x.Host) != 0 {
				t.Errorf("observed %b", x.Observed)
			}
		}},
		{
			"form as params", `{` + at + `,"request":{"method":"POST","url":"/f","postData":{"mimeType":"application/x-www-form-urlencoded","params":[{"name":"a b","value":"1&2"},{"name":"c","value":"x"}]}}}`, 0,
			func(t *testing.T, x *exchange.Exchange) {
				if string(x.Request.Body) != "a%20b=1%262&c=x" || !x.Observed.Has(exchange.SawRequestBody) {
					t.Errorf("body %q", x.Request.Body)
				}
				if v, _ := x.Request.Field(exchange.HeaderContentType); string(v) != "application/x-www-form-urlencoded" {
					t.Errorf("type %q", v)
				}
			},
		},
		{"dot segments", `{` + at + `,"request":{"method":"GET","url":"https://h/a/../etc?x"}}`, 0, func(t *testing.T, x *exchange.Exchange) {
			if !x.Anomalies.Has(exchange.AnomalyDotSegment) || string(x.Path) != "/a/../etc" || string(x.RawHead) != "GET /a/../etc?x HTTP/1.1" {
				t.Errorf("%v %s %q", x.Anomalies, x.Path, x.RawHead)
			}
		}},
		{"no path", `{` + at + `,"request":{"method":"GET","url":"https://u:p@[::1]:80?x=1"}}`, 0, func(t *testing.T, x *exchange.Exchange) {
			if string(x.Path) != "/" || string(x.RawQuery) != "x=1" || string(x.Host) != "[::1]" {
				t.Errorf("%s %s %s", x.Path, x.RawQuery, x.Host)
			}
		}},
		{"label is not read", head("") + `,"_label":{"actor":"a","kind":"benign","x":[[[1]]]}}`, 0, nil},
		{"data URL", `{` + at + `,"request":{"method":"GET","url":"data:image/png;base64,AAAA"}}`, record.CauseSkip, nil},
		{"array", `[1]`, record.CauseJSON, nil},
		{"cut short", head(""), record.CauseJSON, nil},
		{"text behind", head("") + `} x`, record.CauseJSON, nil},
		{"bad escape", `{"a":"\q"}`, record.CauseJSON, nil},
		{"another object", `{"level":"info"}`, record.CauseEntry, nil},
		{"request is no object", `{` + at + `,"request":1}`, record.CauseEntry, nil},
		{"no zone", `{"startedDateTime":"2026-01-02T03:04:05","request":{"method":"GET","url":"/"}}`, record.CauseTime, nil},
		{"no method", `{` + at + `,"request":{"url":"/"}}`, record.CauseMethod, nil},
		{"method with a space", `{` + at + `,"request":{"method":"G T","url":"/"}}`, record.CauseMethod, nil},
		{"relative URL", `{` + at + `,"request":{"method":"GET","url":"a/b"}}`, record.CauseURL, nil},
		{"gopher", `{` + at + `,"request":{"method":"GET","url":"gopher://h/"}}`, record.CauseURL, nil},
		{"bad base64", head("") + `,"response":{"content":{"text":"!","encoding":"base64"}}}`, record.CauseBase64, nil},
		{"too many fields", head(`,"headers":[`+strings.Repeat(`{"name":"a","value":"b"},`, 1000)+`{"name":"a","value":"b"}]`) + `}`, record.CauseTooMany, nil},
		{"too deep", `{"_x":` + strings.Repeat("[", 200) + strings.Repeat("]", 200) + `}`, record.CauseDeep, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			d := newEntryDecoder(1 << 10)
			for range 2 { // the second time with used memory
				var x exchange.Exchange
				if got := d.decode([]byte(c.line), &x); got != c.cause {
					t.Fatalf("cause %v, want %v", got, c.cause)
				}
				if c.check != nil {
					c.check(t, &x)
				}
			}
		})
	}
}

func TestEntryBodyLimit(t *testing.T) {
	t.Parallel()
	line := `{"startedDateTime":"2026-01-02T03:04:05Z","request":{"method":"POST","url":"/a","postData":{"text":"` + strings.Repeat("x", 5000) + `"},"bodySize":5000}}`
	var x exchange.Exchange
	if cause := newEntryDecoder(1000).decode([]byte(line), &x); cause != 0 || len(x.Request.Body) != 1000 || x.Request.BodySize != 5000 {
		t.Errorf("%v: %d of %d bytes", cause, len(x.Request.Body), x.Request.BodySize)
	}
}

// made is an hour of Acme's traffic as exchange lines.
func made(tb testing.TB) ([]traffic.Entry, []byte) {
	tb.Helper()
	start := time.Date(2026, 5, 4, 9, 0, 0, 0, time.UTC)
	clock := new(traffic.Clock)
	h := acme.New(acme.Options{Seed: 1, Now: clock.Now})
	var entries []traffic.Entry
	var text []byte
	err := traffic.Generate(context.Background(), traffic.Options{
		Seed: 1, Start: start, End: start.Add(10 * time.Minute), Rate: 3, Site: "acme", Clock: clock, Directory: h.Directory(),
	}, h, func(e traffic.Entry) error {
		entries = append(entries, e)
		text = append(e.AppendJSON(text), '\n')
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return entries, text
}

// TestEntryTraffic reads what the generator wrote, and compares every event with the entry it came from.
func TestEntryTraffic(t *testing.T) {
	t.Parallel()
	entries, text := made(t)
	i := 0
	lines := make(map[event.ID]int)
	res := run(t, Options{OnEvent: func(_ string, line int, id event.ID) { lines[id] = line }}, func(e *event.Event) {
		w := &entries[i]
		i++
		if e.At != w.Started.UnixNano()/1000*1000 || e.Text(e.Method) != w.Request.Method || int(e.Status) != w.Response.Status ||
			e.Client.String() != w.Client.IP || e.Fingerprint == 0 || e.Site != "acme" || !e.Observed.Has(seenEntry) || e.Outcome != event.OutcomeNotForwarded {
			t.Errorf("event %d is %+v of %+v", i, e, w)
		}
		if len(w.Response.Body) > 0 && strings.HasPrefix(w.Response.Body, "{") && e.ResponseBody != exchange.BodyJSON {
			t.Errorf("event %d: response body %v", i, e.ResponseBody)
		}
	}, Stream("lines", bytes.NewReader(text)))
	if len(entries) < 500 || res.Damaged != 0 || res.Exchanges != int64(len(entries)) || i != len(entries) || len(lines) != i {
		t.Errorf("%d entries, %d events, %+v", len(entries), i, res)
	}
	for _, n := range lines {
		if n < 1 || n > i {
			t.Fatalf("line %d", n)
		}
	}
}

func FuzzEntry(f *testing.F) {
	f.Add([]byte(`{"startedDateTime":"2026-01-02T03:04:05.5+0100","time":1e1,"request":{"method":"GET","url":"https://h/a?b#c","headers":[{"name":":authority","value":"x"}],"postData":{"text":"\ud83d\ude00","params":[{"name":"a"}]}},"response":{"status":200,"content":{"text":"e30=","encoding":"base64","size":2}},"_client":{"ip":"1.2.3.4","port":1,"headerOrder":["B","a"]},"_site":"s"}`))
	f.Add([]byte(`{"startedDateTime":"2026-01-02T03:04:05Z","request":{"method":"GET","url":"http://?/"}}`))
	d := newEntryDecoder(4 << 10)
	f.Fuzz(func(t *testing.T, b []byte) {
		var x exchange.Exchange
		before := string(b)
		cause := d.decode(b, &x)
		if string(b) != before {
			t.Fatal("the line was changed")
		}
		sane(t, cause, &x)
	})
}

// sane checks what every decoder promises.
func sane(t *testing.T, cause Cause, x *exchange.Exchange) {
	t.Helper()
	if cause != 0 {
		if cause != record.CauseSkip && cause.String() == "unknown" {
			t.Fatalf("cause %d has no words", cause)
		}
		return
	}
	if x.At <= 0 || x.Observed.Has(exchange.SawRequestLine) != (len(x.Method) > 0 && len(x.Target) > 0) || x.Status < 0 || x.Status > 999 ||
		x.Request.BodySize < 0 || x.Response.BodySize < 0 || x.Latency < 0 || x.Latency > x.Duration ||
		x.Observed.Has(exchange.SawClient) != x.Client.Addr.IsValid() || x.Observed.Has(exchange.SawStatus) != (x.Status > 0) {
		t.Fatalf("%+v", x)
	}
}

// BenchmarkEntry is a line's whole way through decoder, engine and queue.
func BenchmarkEntry(b *testing.B) {
	_, text := made(b)
	lines := bytes.SplitAfter(bytes.TrimSpace(text), []byte("\n"))
	var in bytes.Buffer
	for i := range b.N {
		in.Write(lines[i%(len(lines)-1)])
	}
	r := newBench(b, nil)
	defer r.close()
	g, err := New(Options{Engine: r.engine, Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(in.Len() / b.N))
	b.ReportAllocs()
	b.ResetTimer()
	if res, err := g.Run(context.Background(), Stream("lines", &in)); err != nil || res.Exchanges != int64(b.N) {
		b.Fatal(res, err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

// BenchmarkEntryDecode is the decoder alone.
func BenchmarkEntryDecode(b *testing.B) {
	_, text := made(b)
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	d := newEntryDecoder(128 << 10)
	var x exchange.Exchange
	b.SetBytes(int64(len(text) / len(lines)))
	b.ReportAllocs()
	b.ResetTimer()
	for i := range b.N {
		x.Reset()
		if d.decode(lines[i%len(lines)], &x) != 0 {
			b.Fatal("damaged")
		}
	}
}
