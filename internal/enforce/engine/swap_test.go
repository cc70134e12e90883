package engine

import (
	"net/netip"
	"strings"
	"sync"
	"testing"

	"merlon/internal/enforce/action"
	"merlon/internal/model/bundle"
	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/inventory"
)

// estate is sites by name, each answering to NAME.example, with one policy rule that blocks DELETE where deny says so.
func estate(deny bool, names ...string) *bundle.Bundle {
	b := new(bundle.Bundle)
	for _, n := range names {
		s := bundle.Site{Name: n, Hosts: []string{n + ".example"}}
		if deny {
			s.Policy.Rules = []bundle.Rule{{Name: "no deletion", When: `request.method == "DELETE"`, Action: "block", Mode: bundle.ModeEnforce}}
		}
		b.Sites = append(b.Sites, s)
	}
	return b
}

func keysOf(names ...string) map[string]dataclass.Key {
	keys := make(map[string]dataclass.Key)
	for i, n := range names {
		keys[n] = dataclass.Key{byte(i + 1)}
	}
	return keys
}

func begin(e *Engine, method, host, path string) *Transaction {
	t := e.Begin(1_700_000_000_000_000_000)
	x := &t.Exchange
	x.Method, x.Host, x.Path = []byte(method), []byte(host), []byte(path)
	x.Observed = exchange.SawAll
	x.Client.Addr = netip.MustParseAddr("192.0.2.1")
	return t
}

func ask(e *Engine, method, host, path string) (action.Reply, *Transaction) {
	t := begin(e, method, host, path)
	return t.Request(), t
}

func swapEngine(t *testing.T, in Input) *Engine {
	t.Helper()
	q := event.NewQueue(1024)
	e, wrong := New(Options{Queue: q, Namer: event.NewNamer(1, 1), Node: "n"}, in)
	if e == nil {
		t.Fatal(wrong)
	}
	t.Cleanup(q.Close)
	return e
}

var known = bundle.Knowledge{Version: 3, Site: "a", Endpoints: []bundle.KnownEndpoint{
	{ID: 7, Method: "DELETE", Template: "/orders/{orderId}", State: inventory.Confirmed},
}}

func TestSwap(t *testing.T) {
	e := swapEngine(t, Input{Bundle: estate(false, "a", "b"), Keys: keysOf("a", "b"), Knowledge: map[string]*bundle.Knowledge{"a": &known}})
	e.Stand(bundle.Standing{Entries: []bundle.Entry{{ID: "1", Kind: bundle.ListAddress, Value: "203.0.113.9", Action: "block", Mode: bundle.ModeEnforce}}})
	under := begin(e, "DELETE", "a.example", "/orders/5")
	late := begin(e, "GET", "b.example", "/")

	t.Run("knowledge that is behind changes nothing", func(t *testing.T) {
		wrong := e.Swap(Input{Bundle: estate(true, "a", "c"), Keys: keysOf("a", "c")})
		if len(wrong) != 1 || !strings.Contains(wrong[0].Message, "version 0") || e.Snapshot().named("c") != nil {
			t.Fatalf("mistakes %v, sites %v", wrong, e.Snapshot().Sites())
		}
	})
	t.Run("what does not compile changes nothing", func(t *testing.T) {
		broken := estate(true, "a", "c")
		broken.Sites[0].Policy.Rules[0].When = "request.nonsense =="
		before := e.Snapshot()
		wrong := e.Swap(Input{Bundle: broken, Keys: keysOf("a", "c"), Knowledge: map[string]*bundle.Knowledge{"a": &known}})
		if len(wrong) == 0 || e.Snapshot() != before {
			t.Fatalf("mistakes %v", wrong)
		}
	})
	t.Run("a new site without a key changes nothing", func(t *testing.T) {
		before := e.Snapshot()
		if wrong := e.Swap(Input{Bundle: estate(true, "a", "c"), Knowledge: map[string]*bundle.Knowledge{"a": &known}}); len(wrong) != 1 || e.Snapshot() != before {
			t.Fatalf("mistakes %v", wrong)
		}
	})
	// The key of a is the engine's own: it is not handed in again.
	wrong := e.Swap(Input{Bundle: estate(true, "a", "c"), Keys: map[string]dataclass.Key{"c": {9}}, Knowledge: map[string]*bundle.Knowledge{"a": &known}})
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	if got := strings.Join(e.Snapshot().Sites(), " "); got != "a c" {
		t.Errorf("sites are %s", got)
	}
	if got := e.Snapshot().named("a").key; got != (dataclass.Key{1}) {
		t.Errorf("the key of a is %v", got)
	}
	t.Run("transactions under way keep theirs", func(t *testing.T) {
		if r := under.Request(); r.Kind != action.Allow {
			t.Errorf("the new rule holds for what began before: %v", r)
		}
		if under.route == nil || under.route.Endpoint != 7 {
			t.Errorf("route %v", under.route)
		}
		if r := late.Request(); r.Kind != action.Allow || late.site == nil || late.site.name != "b" {
			t.Errorf("a site that is gone does not answer what began before: %v", r)
		}
		under.Close(event.OutcomeAnswered, 0)
		late.Close(event.OutcomeAnswered, 0)
	})
	t.Run("new ones take the new", func(t *testing.T) {
		r, x := ask(e, "DELETE", "a.example", "/orders/5")
		if r.Kind != action.Block || x.verdict.Rule == "" || x.route == nil || x.route.Endpoint != 7 {
			t.Errorf("reply %v by %q, route %v", r, x.verdict.Rule, x.route)
		}
		x.Close(event.OutcomeRefused, 403)
		r, x = ask(e, "GET", "b.example", "/")
		if r.Status != 421 {
			t.Errorf("the site that is gone answers %v", r)
		}
		x.Close(event.OutcomeRefused, 421)
	})
	t.Run("what stands holds for the new site too", func(t *testing.T) {
		x := begin(e, "GET", "c.example", "/")
		x.Exchange.Client.Addr = netip.MustParseAddr("203.0.113.9")
		if r := x.Request(); r.Kind != action.Block {
			t.Errorf("reply %v", r)
		}
		x.Close(event.OutcomeRefused, 403)
	})
}

// TestSwapUnderLoad swaps while transactions run: no exchange is judged by halves of two snapshots.
func TestSwapUnderLoad(t *testing.T) {
	e := swapEngine(t, Input{Bundle: estate(false, "a"), Keys: keysOf("a")})
	q := e.o.Queue
	var consumer, workers sync.WaitGroup
	consumer.Go(func() {
		for batch := q.Take(t.Context()); batch != nil; batch = q.Take(t.Context()) {
			q.Release(batch...)
		}
	})
	for range 4 {
		workers.Go(func() {
			for range 2000 {
				r, x := ask(e, "DELETE", "a.example", "/orders/5")
				deny := len(x.site.name) > 0 && r.Kind == action.Block
				if deny != (x.verdict.Rule != "") {
					t.Errorf("blocked %v by rule %q", deny, x.verdict.Rule)
				}
				x.Response()
				x.Close(event.OutcomeAnswered, 0)
			}
		})
	}
	version := uint64(0)
	for i := range 200 {
		k := bundle.Knowledge{Version: version, Site: "a"}
		if wrong := e.Swap(Input{Bundle: estate(i%2 == 0, "a"), Knowledge: map[string]*bundle.Knowledge{"a": &k}}); len(wrong) > 0 {
			t.Fatal(wrong)
		}
		e.Learn(bundle.Delta{Site: "a", From: version, To: version + 1, Set: known.Endpoints})
		version++
	}
	workers.Wait()
	q.Close()
	consumer.Wait()
}
