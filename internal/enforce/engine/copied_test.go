package engine

import (
	"testing"

	"merlon/internal/enforce/policy"
	"merlon/internal/model/bundle"
	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// What only hears of traffic never says that something was done about it.
func TestSourcesThatCannotAct(t *testing.T) {
	p, wrong := policy.Parse("policy", []byte(`
version: 1
rules:
  - {name: closed, when: 'request.path == "/closed"', action: block, mode: enforce}
  - {name: old, when: 'request.path == "/old"', action: tag, mode: enforce}
  - {name: soon, when: 'request.path == "/soon" or request.path == "/old"', action: block, mode: watch}
`), nil)
	queue := event.NewQueue(16)
	e, more := New(Options{Queue: queue, Namer: event.NewNamer(1, 1), Node: "n"}, Input{
		Bundle: &bundle.Bundle{Version: 1, Sites: []bundle.Site{{Name: "a", Hosts: []string{"a.example"}, Policy: p}}},
		Keys:   map[string]dataclass.Key{"a": {1}},
	})
	if e == nil {
		t.Fatal(wrong, more)
	}
	type verdict = event.Verdict
	acts := map[string]verdict{
		"/closed":  {Enforced: true, Action: "block", Rule: "closed"},
		"/old":     {Enforced: true, Action: "tag", Rule: "old", Would: "block"},
		"/soon":    {Action: "allow", Rule: "soon", Would: "block"},
		"/orders":  {Action: "allow"},
		"/unknown": {Enforced: true, Action: "block", Rule: "identify.unknown-host"},
	}
	hears := map[string]verdict{
		"/closed":  {Action: "allow", Rule: "closed", Would: "block"},
		"/old":     {Action: "allow", Rule: "soon", Would: "block"},
		"/soon":    {Action: "allow", Rule: "soon", Would: "block"},
		"/orders":  {Action: "allow"},
		"/unknown": {Action: "allow", Rule: "identify.unknown-host", Would: "block"},
	}
	for source, all := range map[exchange.Source]map[string]verdict{
		exchange.SourceProxy: acts, exchange.SourceDecide: acts, exchange.SourceMiddleware: acts,
		exchange.SourceEntry: acts, exchange.SourceHAR: acts, exchange.SourceAccessLog: acts, exchange.SourcePcap: acts, exchange.SourceJournal: acts,
		exchange.SourceMirror: hears, exchange.SourceOTLP: hears,
	} {
		for path, want := range all {
			tx := e.Begin(1)
			x := &tx.Exchange
			x.Source, x.Observed, x.Method, x.Path, x.Host = source, exchange.SawRequestLine, []byte("GET"), []byte(path), []byte("a.example")
			if path == "/unknown" {
				x.Host = []byte("b.example")
			}
			tx.Request()
			tx.Close(event.OutcomeNotForwarded, 0)
			batch := queue.Take(t.Context())
			if got := batch[0].Verdict; len(batch) != 1 || got != want {
				t.Errorf("%s%s: %+v, wanted %+v", source, path, got, want)
			}
			queue.Release(batch...)
		}
	}
}
