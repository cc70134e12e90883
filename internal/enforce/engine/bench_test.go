package engine

import (
	"context"
	"encoding/base64"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"merlon/internal/inspect/identify"
	"merlon/internal/inspect/walk"
	"merlon/internal/model/bundle"
	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/identity"
	"merlon/internal/store/journal"
)

// The mix: browsers of one shop's API, signed in. Three requests of ten carry a JSON body of 1 KB, all are answered with
// a JSON body of 1 KB, thirteen request fields are those of a browser with a bearer token and a cookie.
type sample struct {
	method, path, query, body []byte
	fields                    []exchange.Field
}

var resources = []string{"orders", "invoices", "shipments", "products", "reviews", "users", "accounts", "payments", "tickets", "carts"}

func one[T any](r *rand.Rand, from ...T) T { return from[r.IntN(len(from))] }

func randomUUID(r *rand.Rand) string {
	a, b := r.Uint64(), r.Uint64()
	return fmt.Sprintf("%08x-%04x-4%03x-8%03x-%012x", a>>32, a>>16&0xffff, a&0xfff, b>>52, b&0xffffffffffff)
}

func (s *sample) give(pairs ...string) {
	for i := 0; i < len(pairs); i += 2 {
		name := []byte(pairs[i])
		s.fields = append(s.fields, exchange.Field{Name: name, Value: []byte(pairs[i+1]), ID: exchange.LookupHeader(name)})
	}
}

func randomBody(r *rand.Rand, kind string) []byte {
	place := func() string {
		return fmt.Sprintf(`{"street":"%s","city":"%s","country":"%s","zip":"%05d","lat":%.4f,"lon":%.4f}`,
			one(r, "5 Mill Lane", "Old Road 17", "Rue du Port 3"), one(r, "Gdynia", "Porto", "Leeds", "Nara"),
			one(r, "PL", "PT", "GB", "JP"), r.IntN(99999), r.Float64()*180-90, r.Float64()*360-180)
	}
	var items []string
	for range 3 {
		items = append(items, fmt.Sprintf(`{"sku":"%c%c%c-%05d","qty":%d,"price":{"amount":%.2f,"currency":"%s"},"note":"%s"}`, 'A'+r.IntN(8), 'A'+r.IntN(8),
			'A'+r.IntN(8), r.IntN(99999), 1+r.IntN(20), r.Float64()*999, one(r, "EUR", "USD", "GBP"), one(r, "fragile", "leave it with the neighbour", "green colour")))
	}
	given, family := one(r, "Ewa", "Bruno", "Claire", "Dana"), one(r, "Kowal", "Silva", "Martin", "Sato")
	return fmt.Appendf(nil, `{"reference":"%s","kind":"%s","priority":%d,"customer":{"id":"%s","email":"%s.%s@example.com","name":"%s %s","phone":"+48%09d","vip":%t},`+
		`"billing":%s,"shipping":%s,"items":[%s],"total":{"amount":%.2f,"currency":"EUR"},"created":"2026-%02d-%02dT%02d:%02d:%02dZ",`+
		`"tags":["web","autumn sale","regular"],"comment":"Please ring twice and wait, the stairs are long.","gift":%t}`,
		randomUUID(r), kind, r.IntN(10), randomUUID(r), strings.ToLower(given), strings.ToLower(family), given, family, r.IntN(1e9), r.IntN(4) == 0,
		place(), place(), strings.Join(items, ","), r.Float64()*999, 1+r.IntN(12), 1+r.IntN(28), r.IntN(24), r.IntN(60), r.IntN(60), r.IntN(2) == 0)
}

func mix() []sample {
	r := rand.New(rand.NewPCG(1, 2))
	b64 := base64.RawURLEncoding.EncodeToString
	signature := make([]byte, 256)
	for i := range signature {
		signature[i] = byte(r.Uint32())
	}
	tokens := make([]string, 8)
	for i := range tokens {
		tokens[i] = b64([]byte(`{"alg":"RS256","typ":"JWT","kid":"k1"}`)) + "." + b64(fmt.Appendf(nil, `{"iss":"https://login.example.com/","sub":"user-%d",`+
			`"aud":"shop-api","exp":4102444800,"iat":1760000000,"scope":"read:orders write:orders","tenant":%d,"roles":["customer","beta"]}`, r.IntN(1e7), r.IntN(9999))) + "." + b64(signature)
	}
	var all []sample
	for range 400 {
		kind, method, path, s := one(r, resources...), "GET", "", sample{}
		query := []string{fmt.Sprintf("limit=%d", 1+r.IntN(200))}
		switch k := r.IntN(20); {
		case k < 6:
			method, path, query = "POST", "/v1/"+kind, nil
			if k >= 3 {
				method, path, query = "PUT", path+"/"+randomUUID(r), []string{"expand=true"}
			}
			s.body = randomBody(r, kind)
		case k < 11:
			path = "/v1/" + kind
			for _, p := range []string{
				fmt.Sprintf("offset=%d", r.IntN(4000)), "sort=" + one(r, "created", "-created", "name"), "status=" + one(r, "new", "paid", "open"),
				"q=" + one(r, "garden+chair", "lamp", "red%20shoes"), fmt.Sprintf("from=2026-%02d-%02d", 1+r.IntN(12), 1+r.IntN(28)),
			} {
				if r.IntN(2) == 0 {
					query = append(query, p)
				}
			}
		case k < 15:
			path, query = "/v1/"+kind+"/"+randomUUID(r), []string{"expand=" + one(r, "true", "false")}
		default:
			path = fmt.Sprintf("/v1/tenants/%d/%s/%s", r.IntN(99999), kind, randomUUID(r))
			query = append([]string{"expand=true"}, query...)
		}
		s.method, s.path, s.query = []byte(method), []byte(path), []byte(strings.Join(query, "&"))
		s.give("Host", "api.example.com", "User-Agent", "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/131.0.0.0 Safari/537.36",
			"Accept", "application/json, text/plain, */*", "Accept-Language", "en-US,en;q=0.9,pl;q=0.8", "Accept-Encoding", "gzip, deflate, br",
			"Authorization", "Bearer "+one(r, tokens...), "X-Request-ID", randomUUID(r), "Origin", "https://shop.example.com", "Referer", "https://shop.example.com/cart",
			"Cookie", "sid=8a1b6f0d27c94e53b6d0e1f2; theme=dark; _ga=GA1.2.1357924680.1700000000", "Sec-Fetch-Mode", "cors", "Sec-Fetch-Site", "same-site")
		if s.body != nil {
			s.give("Content-Type", "application/json", "Content-Length", fmt.Sprint(len(s.body)))
		}
		all = append(all, s)
	}
	return all
}

// rig is an engine with what the mix needs.
type rig struct {
	engine   *Engine
	queue    *event.Queue
	samples  []sample
	answer   []exchange.Field
	response []byte
	at       int64
}

func newRig(tb testing.TB) *rig {
	response, err := os.ReadFile("testdata/response.json")
	if err != nil {
		tb.Fatal(err)
	}
	known := &bundle.Knowledge{Site: "shop", Version: 1}
	know := func(method, template string) {
		known.Endpoints = append(known.Endpoints, bundle.KnownEndpoint{ID: identity.EndpointID(len(known.Endpoints) + 1), Method: method, Template: template, AuthEnforced: true})
	}
	for _, r := range resources {
		know("GET", "/v1/"+r)
		know("POST", "/v1/"+r)
		know("GET", "/v1/"+r+"/{id}")
		know("PUT", "/v1/"+r+"/{id}")
		know("GET", "/v1/tenants/{tenant}/"+r+"/{id}")
	}
	g := &rig{queue: event.NewQueue(1 << 10), samples: mix(), response: response, at: 1_760_000_000_000_000_000}
	e, mistakes := New(Options{
		Queue: g.queue, Namer: event.NewNamer(1, 1), Node: "n1", Panicked: func(stage string, v any, stack []byte) { tb.Errorf("%s panicked: %v\n%s", stage, v, stack) },
	}, Input{
		Bundle:    &bundle.Bundle{Version: 1, Sites: []bundle.Site{{Name: "shop", Default: true}}},
		Knowledge: map[string]*bundle.Knowledge{"shop": known}, Keys: map[string]dataclass.Key{"shop": {1, 2, 3}},
	})
	if e == nil {
		tb.Fatal(mistakes)
	}
	g.engine = e
	var a sample
	a.give("Server", "shop", "Date", "Sun, 06 Nov 1994 08:49:37 GMT", "Content-Type", "application/json", "Content-Length", fmt.Sprint(len(response)))
	g.answer = a.fields
	return g
}

// ask fills in the i-th request of the mix as an edge does: everything points into memory that outlives the transaction.
func (g *rig) ask(x *exchange.Exchange, i int) {
	s := &g.samples[i%len(g.samples)]
	x.Observed, x.Method, x.Host, x.Path, x.RawQuery = exchange.SawAll, s.method, s.fields[0].Value, s.path, s.query
	x.Client.Addr = netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
	x.Request.Fields = append(x.Request.Fields[:0], s.fields...)
	x.Request.Body, x.Request.BodySize = s.body, int64(len(s.body))
}

func (g *rig) reply(x *exchange.Exchange) {
	x.Status, x.Latency = 200, 1_500_000
	x.Response.Fields = append(x.Response.Fields[:0], g.answer...)
	x.Response.Body, x.Response.BodySize = g.response, int64(len(g.response))
}

// transact takes the i-th of the mix through the engine.
func (g *rig) transact(i int) {
	g.at += 50_000
	t := g.engine.Begin(g.at)
	g.ask(&t.Exchange, i)
	t.Request()
	g.reply(&t.Exchange)
	t.Response()
	t.Close(event.OutcomeAnswered, 0)
}

// batch is how many events the consumer takes at a time, as it does under load.
const batch = 64

// consume runs n transactions and hands their events to take.
func (g *rig) consume(n int, take func([]*event.Event)) {
	for i := range n {
		g.transact(i)
		if i%batch == batch-1 || i == n-1 {
			events := g.queue.Take(context.Background())
			take(events)
			g.queue.Release(events...)
		}
	}
}

func (g *rig) journal(tb testing.TB) func([]*event.Event) {
	now := func() time.Time { return time.Unix(0, g.at) }
	j, err := journal.Open(tb.TempDir(), journal.Options{Now: now, Key: [32]byte{1, 2}, RecoveryBytes: 1 << 40})
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { j.Close() })
	return func(events []*event.Event) {
		if err := j.Append(events); err != nil {
			tb.Fatal(err)
		}
		if s := j.Status(); s.RecoveryBytes > 64<<20 {
			if err := j.Covered(s.Last); err != nil {
				tb.Fatal(err)
			}
		}
	}
}

// user is the processor time of this process outside the kernel: other programs and the disk do not count.
func user(tb testing.TB) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return u.Utime.Nano()
}

// measured runs f(b.N) and reports what it cost in user time.
func measured(b *testing.B, f func(n int)) {
	f(1000) // pools, caches and tables
	b.ReportAllocs()
	b.ResetTimer()
	before := user(b)
	f(b.N)
	b.ReportMetric(float64(user(b)-before)/float64(b.N), "user-ns/op")
}

// BenchmarkTransaction is everything one exchange of the mix costs from Begin to the journal, without learning.
func BenchmarkTransaction(b *testing.B) {
	b.Run("judged", func(b *testing.B) {
		g := newRig(b)
		measured(b, func(n int) { g.consume(n, func([]*event.Event) {}) })
	})
	b.Run("journaled", func(b *testing.B) {
		g := newRig(b)
		measured(b, func(n int) { g.consume(n, g.journal(b)) })
	})
}

// BenchmarkStages is what the stages of the same transactions cost one by one.
func BenchmarkStages(b *testing.B) {
	const few = 32 // of the mix, so that what one stage prepares for the next fits the cache as it does in life
	g := newRig(b)
	key := dataclass.Key{1, 2, 3}
	id := identify.New(identify.Options{Key: key, Memory: identify.NewMemory(0)})
	shared := new(walk.Shared)
	var xs [few]exchange.Exchange
	var es [few]event.Event
	for i := range few {
		w := walk.New(shared)
		x := &xs[i]
		g.ask(x, i)
		g.reply(x)
		w.Request(x, walk.Defaults())
		w.Response(x, walk.Defaults())
		es[i].Site, es[i].Node, es[i].Method, es[i].Host = "shop", "n1", es[i].Append(x.Method), es[i].Append(x.Host)
		es[i].UserAgent, es[i].At = es[i].Append(x.Request.Fields[1].Value), g.at
		shared.Observe(&es[i], x, key, 0)
	}
	b.Run("identify", func(b *testing.B) {
		measured(b, func(n int) {
			for i := range n {
				x := &xs[i%few]
				who := id.Request(x)
				id.Response(x, &who, true)
			}
		})
	})
	w := walk.New(shared)
	b.Run("walk-request", func(b *testing.B) {
		var x exchange.Exchange
		measured(b, func(n int) {
			for i := range n {
				g.ask(&x, i)
				w.Reset()
				w.Request(&x, walk.Defaults())
			}
		})
	})
	b.Run("walk-response", func(b *testing.B) {
		var x exchange.Exchange
		x.Observed = exchange.SawAll
		g.reply(&x)
		measured(b, func(n int) {
			for range n {
				x.Leaves = x.Leaves[:0]
				w.Reset()
				w.Response(&x, walk.Defaults())
			}
		})
	})
	b.Run("observe", func(b *testing.B) {
		q := event.NewQueue(1)
		e := q.New()
		measured(b, func(n int) {
			for i := range n {
				e.Reset()
				shared.Observe(e, &xs[i%few], key, 0)
			}
		})
	})
	b.Run("encode", func(b *testing.B) {
		var buf []byte
		size := 0
		measured(b, func(n int) {
			size = 0
			for i := range n {
				buf = es[i%few].AppendBinary(buf[:0])
				size += len(buf)
			}
		})
		b.ReportMetric(float64(size)/float64(b.N), "bytes/op")
	})
	b.Run("append", func(b *testing.B) { // with the encoding
		var events []*event.Event
		for i := range batch {
			events = append(events, &es[i%few])
		}
		take := g.journal(b)
		measured(b, func(n int) {
			for i := 0; i < n; i += batch {
				g.at += 1_000_000
				take(events[:min(batch, n-i)])
			}
		})
	})
}
