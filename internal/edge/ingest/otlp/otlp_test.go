package otlp

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"merlon/internal/enforce/engine"
	"merlon/internal/model/bundle"
	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// bench is a receiver whose events are written down, one line each.
type bench struct {
	queue    *event.Queue
	receiver *Receiver
	lines    []string
	done     chan struct{}
}

func newBench(tb testing.TB, o Options) *bench {
	tb.Helper()
	b := &bench{queue: event.NewQueue(8192), done: make(chan struct{})}
	e, mistakes := engine.New(engine.Options{
		Queue: b.queue, Namer: event.NewNamer(1, 1), Node: "n",
		Panicked: func(stage string, v any, stack []byte) { tb.Errorf("%s panicked: %v\n%s", stage, v, stack) },
	}, engine.Input{
		Bundle: &bundle.Bundle{Sites: []bundle.Site{
			{Name: "acme", Default: true}, {Name: "other", Hosts: []string{"other.example"}}, {Name: "shop"},
		}},
		Keys: map[string]dataclass.Key{"acme": {1}, "other": {2}, "shop": {3}},
	})
	if e == nil {
		tb.Fatal(mistakes)
	}
	o.Engine, o.Log = e, slog.New(slog.DiscardHandler)
	o.Now = func() time.Time { return noon }
	b.receiver = New(o)
	go func() {
		defer close(b.done)
		for batch := b.queue.Take(context.Background()); batch != nil; batch = b.queue.Take(context.Background()) {
			for _, v := range batch {
				b.lines = append(b.lines, describe(v))
			}
			b.queue.Release(batch...)
		}
	}()
	return b
}

func (b *bench) close() []string {
	b.queue.Close()
	<-b.done
	return b.lines
}

// observedNames are the parts that a line of describe may name.
var observedNames = []struct {
	part exchange.Observed
	name string
}{
	{exchange.SawRequestLine, "line"},
	{exchange.SawRequestHeaders, "headers"},
	{exchange.SawRequestBody, "body"},
	{exchange.SawStatus, "status"},
	{exchange.SawLatency, "latency"},
	{exchange.SawClient, "client"},
	{exchange.SawUserAgent, "agent"},
	{exchange.SawCredentials, "credentials"},
	{exchange.SawHeaderOrder, "order"},
	{exchange.SawWire, "wire"},
	{exchange.SawResponseHeaders, "response-headers"},
	{exchange.SawResponseBody, "response-body"},
}

func describe(e *event.Event) string {
	var saw []string
	for _, o := range observedNames {
		if e.Observed.Has(o.part) {
			saw = append(saw, o.name)
		}
	}
	client := ""
	if e.Client.IsValid() {
		client = e.Client.String()
	}
	s := fmt.Sprintf("%s %s %s %s [%s] %d %dms %d/%d %q at+%ds saw %s", e.Source, e.Site, e.Bytes(e.Method), e.Bytes(e.Host), client, e.Status,
		e.Latency/1e6, e.RequestBytes, e.ResponseBytes, e.Bytes(e.UserAgent), (noon.UnixNano()-e.At)/1e9, strings.Join(saw, ","))
	for a := range e.Anomalies.All() {
		s += " !" + a.Describe().Name
	}
	for _, f := range e.Findings {
		s += " #" + f.ID
	}
	return s
}

func at(seconds int64) int64 { return noon.UnixNano() - seconds*1e9 }

var (
	stable = item{kind: kindServer, start: at(10), end: at(10) + 25e6, attributes: []kv{
		{"http.request.method", "POST"},
		{"url.path", "/orders/17"},
		{"url.query", "x=1"},
		{"url.scheme", "https"},
		{"http.route", "/orders/{id}"},
		{"server.address", "other.example"},
		{"server.port", 443},
		{"client.address", "198.51.100.7"},
		{"client.port", 51234},
		{"network.peer.address", "10.0.0.1"},
		{"user_agent.original", "curl/8.5"},
		{"http.response.status_code", 201},
		{"http.request.body.size", 12},
		{"http.response.body.size", 345},
		{"network.protocol.version", "1.1"},
		{"a.flag", true},
	}}
	older = item{kind: kindServer, start: at(9), end: at(9) + 5e6, attributes: []kv{
		{"http.method", "GET"},
		{"http.target", "/orders?page=2"},
		{"http.scheme", "http"},
		{"http.host", "other.example:8080"},
		{"net.host.name", "pod-17"},
		{"net.peer.ip", "192.0.2.9"},
		{"http.client_ip", "2001:db8::9"},
		{"http.user_agent", "Mozilla/5.0"},
		{"http.status_code", 200},
		{"http.flavor", "1.1"},
	}}
)

func with(it item, changes ...kv) item {
	var out []kv
next:
	for _, a := range it.attributes {
		for _, c := range changes {
			if a.key == c.key {
				continue next
			}
		}
		out = append(out, a)
	}
	for _, c := range changes {
		if c.value != nil {
			out = append(out, c)
		}
	}
	it.attributes = out
	return it
}

// TestRecords sends each record in both encodings, plain and gzip.
func TestRecords(t *testing.T) {
	t.Parallel()
	const stableLine = `otlp other POST other.example [198.51.100.7] 201 25ms 12/345 "curl/8.5" at+10s saw line,status,latency,client,agent`
	for _, c := range []struct {
		name      string
		what      signal
		resources []resource
		options   Options
		want      []string
		stats     Stats
		rejected  string
	}{
		{"stable conventions", traces, []resource{{items: []item{stable}}}, Options{}, []string{stableLine}, Stats{Records: 1, Exchanges: 1}, ""},
		{
			"older conventions", traces,
			[]resource{{items: []item{older}}},
			Options{},
			[]string{`otlp other GET other.example [2001:db8::9] 200 5ms 0/0 "Mozilla/5.0" at+9s saw line,status,latency,client,agent`},
			Stats{Records: 1, Exchanges: 1},
			"",
		},
		{
			"only what is needed", traces,
			[]resource{{items: []item{{kind: kindServer, start: at(8), attributes: []kv{{"http.method", "GET"}, {"http.target", "/a"}}}}}},
			Options{},
			[]string{`otlp acme GET  [] 0 0ms 0/0 "" at+8s saw line`},
			Stats{Records: 1, Exchanges: 1},
			"",
		},
		{
			"an absolute URL", traces,
			[]resource{{items: []item{{kind: kindServer, start: at(8), attributes: []kv{{"http.method", "GET"}, {"http.url", "https://u@other.example:8443/a?b=c#d"}, {"http.status_code", "204"}}}}}},
			Options{},
			[]string{`otlp other GET other.example [] 204 0ms 0/0 "" at+8s saw line,status`},
			Stats{Records: 1, Exchanges: 1},
			"",
		},
		{
			"header fields that were recorded", traces,
			[]resource{{items: []item{with(stable, kv{"server.address", nil}, kv{"http.request.header.host", []string{"other.example:80"}},
				kv{"http.request.header.x_request_id", []string{"a", "b"}}, kv{"http.response.header.content-type", []string{"text/plain"}})}}},
			Options{},
			[]string{stableLine},
			Stats{Records: 1, Exchanges: 1},
			"",
		},
		{
			"the site of the resource, in front and behind", traces,
			[]resource{
				{attributes: []kv{{"merlon.site", "acme"}, {"service.name", "shop"}}, items: []item{stable}},
				{attributes: []kv{{"service.name", "shop"}}, items: []item{stable}, last: true},
				{attributes: []kv{{"merlon.site", "no such site"}}, items: []item{stable}},
			},
			Options{},
			[]string{strings.Replace(stableLine, "other", "acme", 1), strings.Replace(stableLine, "other", "shop", 1), stableLine},
			Stats{Records: 3, Exchanges: 3},
			"",
		},
		{
			"one site for all", traces,
			[]resource{{attributes: []kv{{"merlon.site", "acme"}}, items: []item{stable}}},
			Options{Site: "shop"},
			[]string{strings.Replace(stableLine, "other", "shop", 1)},
			Stats{Records: 1, Exchanges: 1},
			"",
		},
		{"clients, internal spans, other protocols: silent", traces, []resource{{items: []item{
			func() item { c := stable; c.kind = kindClient; return c }(),
			{kind: 1, start: at(1), attributes: []kv{{"http.method", "GET"}, {"http.target", "/"}}},
			{kind: kindServer, start: at(1), attributes: []kv{{"rpc.system", "grpc"}}},
			{kind: kindClient, start: at(1), attributes: []kv{{"db.system", "postgresql"}}},
		}}}, Options{}, nil, Stats{Records: 4, Clients: 1, Others: 3}, ""},
		{"no path: counted, not guessed from the route", traces, []resource{{items: []item{
			{kind: kindServer, start: at(1), attributes: []kv{{"http.request.method", "GET"}, {"http.route", "/orders/{id}"}}},
			with(stable, kv{"http.request.method", "_OTHER"}),
		}}}, Options{}, nil, Stats{Records: 2, Vague: 2}, ""},
		{
			"a method of one's own", traces,
			[]resource{{items: []item{with(stable, kv{"http.request.method", "_OTHER"}, kv{"http.request.method_original", "PROPFIND"})}}},
			Options{},
			[]string{strings.Replace(stableLine, "POST", "PROPFIND", 1)},
			Stats{Records: 1, Exchanges: 1},
			"",
		},
		{"damaged records do not take the others along", traces, []resource{{items: []item{
			with(stable, kv{"http.request.method", "GE T"}), stable,
			func() item { c := stable; c.start = at(-301); return c }(),
			func() item { c := stable; c.start = 0; return c }(),
			func() item { c := stable; c.start = -1; return c }(),
		}}}, Options{}, []string{stableLine}, Stats{Records: 5, Exchanges: 1, Rejected: 4}, "not a token"},
		{
			"more records than allowed", traces,
			[]resource{{items: []item{stable, stable, stable}}},
			Options{},
			[]string{stableLine, stableLine},
			Stats{Records: 3, Exchanges: 2, Rejected: 1},
			"more records",
		},
		{
			"paths are judged as the proxy judges them", traces,
			[]resource{{items: []item{with(stable, kv{"url.path", "/a/%2e%2e/b"}, kv{"url.query", nil})}}},
			Options{},
			[]string{stableLine + " !wire.dot-segment #wire.dot-segment"},
			Stats{Records: 1, Exchanges: 1},
			"",
		},
		{"access log records", logs, []resource{{items: []item{
			{start: at(7), end: at(6), attributes: stable.attributes, body: "POST /orders/17 201"},
			{end: at(5), body: []kv{{"http.method", "GET"}, {"http.target", "/in/the/body"}, {"http.status_code", 404}}},
			{start: at(4), body: "a line that is no access"},
		}}}, Options{}, []string{
			`otlp other POST other.example [198.51.100.7] 201 0ms 12/345 "curl/8.5" at+7s saw line,status,client,agent`,
			`otlp acme GET  [] 404 0ms 0/0 "" at+5s saw line,status`,
		}, Stats{Records: 3, Exchanges: 2, Others: 1}, ""},
		{"nothing", traces, nil, Options{}, nil, Stats{}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			for _, f := range []form{protobuf, json} {
				for _, packed := range []bool{false, true} {
					b := newBench(t, c.options)
					if c.stats.Records > c.stats.Exchanges && c.rejected == "more records" {
						b.receiver.records = c.stats.Exchanges
					}
					body := protoBody(c.what, c.resources)
					if f == json {
						body = jsonBody(c.what, c.resources)
					}
					res := post(b.receiver, c.what, f, body, packed)
					answer := res.Body.String()
					if res.Code != 200 || res.Header().Get("Content-Type") != formTypes[f] {
						t.Fatalf("%d %q", res.Code, answer)
					}
					if !strings.Contains(answer, c.rejected) || c.rejected == "" && answer != map[form]string{protobuf: "", json: "{}"}[f] {
						t.Errorf("answer %q", answer)
					}
					if d := cmp.Diff(c.want, b.close()); d != "" {
						t.Error(formTypes[f], d)
					}
					c.stats.Requests = 1
					if d := cmp.Diff(c.stats, b.receiver.Stats()); d != "" {
						t.Error(formTypes[f], d)
					}
				}
			}
		})
	}
}

func request(what signal, f form, body []byte) *http.Request {
	q := httptest.NewRequest(http.MethodPost, []string{"/v1/traces", "/v1/logs"}[what], bytes.NewReader(body))
	q.RemoteAddr = "127.0.0.1:40000"
	q.Header.Set("Content-Type", formTypes[f])
	return q
}

func post(r *Receiver, what signal, f form, body []byte, packed bool) *httptest.ResponseRecorder {
	var b bytes.Buffer
	b.Write(body)
	if packed {
		b.Reset()
		z := gzip.NewWriter(&b)
		z.Write(body)
		z.Close()
	}
	q := request(what, f, b.Bytes())
	if packed {
		q.Header.Set("Content-Encoding", "gzip")
	}
	w := httptest.NewRecorder()
	r.ServeHTTP(w, q)
	return w
}

// TestPartialSuccess holds the answers to the bytes of the protocol.
func TestPartialSuccess(t *testing.T) {
	t.Parallel()
	bad := []resource{{items: []item{with(stable, kv{"http.request.method", "GE T"})}}}
	b := newBench(t, Options{})
	defer b.close()
	why := "http.request.method is not a token"
	want := bytesField(nil, 1, bytesField(append(tag(nil, 1, typeVarint), 1), 2, []byte(why)))
	if got := post(b.receiver, traces, protobuf, protoBody(traces, bad), false).Body.Bytes(); !bytes.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
	if got := post(b.receiver, traces, json, jsonBody(traces, bad), false).Body.String(); got != `{"partialSuccess":{"rejectedSpans":"1","errorMessage":"`+why+`"}}` {
		t.Error(got)
	}
	if got := post(b.receiver, logs, json, jsonBody(logs, bad), false).Body.String(); !strings.Contains(got, `"rejectedLogRecords":"1"`) {
		t.Error(got)
	}
}

// TestRefused sends what must not be taken: nothing of it is learned.
func TestRefused(t *testing.T) {
	t.Parallel()
	good := protoBody(traces, []resource{{items: []item{stable}}})
	var bomb bytes.Buffer
	z := gzip.NewWriter(&bomb)
	io.CopyN(z, zeros{}, 64<<20)
	z.Close()
	full := true
	for _, c := range []struct {
		name   string
		o      Options
		change func(q *http.Request)
		body   []byte
		status int
		retry  bool
	}{
		{"another path", Options{}, func(q *http.Request) { q.URL.Path = "/v1/trace" }, good, 404, false},
		{"metrics", Options{}, func(q *http.Request) { q.URL.Path = "/v1/metrics" }, good, 404, false},
		{"GET", Options{}, func(q *http.Request) { q.Method = http.MethodGet }, good, 405, false},
		{"another network", Options{}, func(q *http.Request) { q.RemoteAddr = "192.0.2.1:1" }, good, 403, false},
		{"a browser's page", Options{}, func(q *http.Request) { q.Header.Set("Origin", "http://evil.example") }, good, 403, false},
		{"no token", Options{Token: "secret"}, func(*http.Request) {}, good, 401, false},
		{"a wrong token", Options{Token: "secret"}, func(q *http.Request) { q.Header.Set("Authorization", "Bearer secreT") }, good, 401, false},
		{"another type", Options{}, func(q *http.Request) { q.Header.Set("Content-Type", "text/plain") }, good, 415, false},
		{"another coding", Options{}, func(q *http.Request) { q.Header.Set("Content-Encoding", "zstd") }, good, 415, false},
		{"two codings", Options{}, func(q *http.Request) { q.Header["Content-Encoding"] = []string{"gzip", "gzip"} }, good, 415, false},
		{"not gzip", Options{}, func(q *http.Request) { q.Header.Set("Content-Encoding", "gzip") }, good, 400, false},
		{"too large", Options{}, func(q *http.Request) { q.ContentLength = maxBody + 1 }, good, 413, false},
		{"too large, unannounced", Options{}, func(q *http.Request) { q.ContentLength = -1 }, make([]byte, maxBody+1), 413, false},
		{"too large when unpacked", Options{}, func(q *http.Request) { q.Header.Set("Content-Encoding", "gzip") }, bomb.Bytes(), 413, false},
		{"cut short", Options{}, func(*http.Request) {}, good[:len(good)-1], 400, false},
		{"damaged behind a good record", Options{}, func(*http.Request) {}, append(bytes.Clone(good), 0xff), 400, false},
		{"not JSON", Options{}, func(q *http.Request) { q.Header.Set("Content-Type", "application/json") }, good, 400, false},
		{
			"JSON nested too deeply",
			Options{},
			func(q *http.Request) { q.Header.Set("Content-Type", "application/json; charset=utf-8") },
			[]byte(`{"resourceSpans":` + strings.Repeat("[", 1000) + strings.Repeat("]", 1000) + `}`), 400, false,
		},
		{"the queue is full", Options{Full: func() bool { return full }}, func(*http.Request) {}, good, 503, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, c.o)
			q := request(traces, protobuf, c.body)
			c.change(q)
			w := httptest.NewRecorder()
			b.receiver.ServeHTTP(w, q)
			if w.Code != c.status || (w.Header().Get("Retry-After") != "") != c.retry || w.Body.Len() == 0 {
				t.Errorf("%d %q, Retry-After %q", w.Code, w.Body, w.Header().Get("Retry-After"))
			}
			if got := b.close(); len(got) > 0 {
				t.Errorf("learned %q", got)
			}
			if s := b.receiver.Stats(); s.Refused != 1 || s.Exchanges != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// TestToken lets the right token in, in any casing of the scheme.
func TestToken(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{Token: "secret"})
	defer b.close()
	q := request(traces, protobuf, nil)
	q.Header.Set("Authorization", "bearer secret")
	w := httptest.NewRecorder()
	if b.receiver.ServeHTTP(w, q); w.Code != 200 {
		t.Error(w.Code, w.Body)
	}
}

// TestConcurrent holds as many requests open as are allowed: the next is put off, and taken when one has ended.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	b := newBench(t, Options{})
	defer b.close()
	for range maxConcurrent - 1 {
		b.receiver.slots <- struct{}{} // the others that are read
	}
	body, feed := io.Pipe()
	q := request(traces, protobuf, nil)
	q.Body, q.ContentLength = body, -1
	ended := make(chan int)
	go func() {
		w := httptest.NewRecorder()
		b.receiver.ServeHTTP(w, q)
		ended <- w.Code
	}()
	good := protoBody(traces, []resource{{items: []item{stable}}})
	feed.Write(good[:5]) // returns when it is read, so the request is inside
	if w := post(b.receiver, traces, protobuf, good, false); w.Code != 429 || w.Header().Get("Retry-After") == "" {
		t.Errorf("%d while another is read", w.Code)
	}
	feed.Write(good[5:])
	feed.Close()
	if code := <-ended; code != 200 {
		t.Error(code)
	}
	if w := post(b.receiver, traces, protobuf, good, false); w.Code != 200 {
		t.Errorf("%d afterwards", w.Code)
	}
}

// TestShapes reads export requests as instrumentations of four languages write them.
func TestShapes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		file string
		what signal
		want []string
	}{
		{"traces-go-stable.json", traces, []string{`otlp acme GET shop.example [203.0.113.9] 200 12ms 0/512 "Mozilla/5.0 (X11; Linux x86_64)" at+60s saw line,status,latency,client,agent`}},
		{"traces-java-older.json", traces, []string{`otlp acme PUT petclinic.example [10.1.2.3] 500 40ms 0/0 "okhttp/4.12.0" at+50s saw line,status,latency,client,agent`}},
		{"traces-python-older.json", traces, []string{`otlp acme GET 127.0.0.1 [127.0.0.1] 404 3ms 0/0 "python-requests/2.31.0" at+40s saw line,status,latency,client,agent`}},
		{"logs-envoy.json", logs, []string{`otlp acme POST api.example [198.51.100.23] 201 0ms 27/118 "grpc-node-js/1.9" at+30s saw line,status,client,agent`}},
	} {
		t.Run(c.file, func(t *testing.T) {
			t.Parallel()
			body, err := os.ReadFile(filepath.Join("testdata", c.file))
			if err != nil {
				t.Fatal(err)
			}
			b := newBench(t, Options{})
			if w := post(b.receiver, c.what, json, body, false); w.Code != 200 || w.Body.String() != "{}" {
				t.Errorf("%d %s", w.Code, w.Body)
			}
			if d := cmp.Diff(c.want, b.close()); d != "" {
				t.Error(d)
			}
		})
	}
}

// TestAmplification sends a body of nothing but empty spans, two bytes each: it must not grow in memory.
func TestAmplification(t *testing.T) {
	spans := bytes.Repeat([]byte{2<<3 | typeBytes, 0}, 4<<20)
	body := bytesField(nil, 1, bytesField(nil, 2, spans))
	b := newBench(t, Options{})
	defer b.close()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	w := post(b.receiver, traces, protobuf, body, false)
	runtime.ReadMemStats(&after)
	if s := b.receiver.Stats(); w.Code != 200 || s.Records != 4<<20 || s.Rejected != s.Records-65536 || s.Others != 65536 {
		t.Errorf("%d, %+v", w.Code, s)
	}
	// Twice the body for the test's copies of it, and what reading it takes while its buffer grows.
	if grown := after.TotalAlloc - before.TotalAlloc; grown > 8*uint64(len(body)) {
		t.Errorf("%d MiB allocated for a body of %d", grown>>20, len(body)>>20)
	}
}
