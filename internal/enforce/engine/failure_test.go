package engine

import (
	"net/netip"
	"testing"

	"merlon/internal/enforce/action"
	"merlon/internal/inspect/payload"
	"merlon/internal/model/bundle"
	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
	"merlon/internal/model/identity"
)

// broken is a detector with a fault.
type broken struct{}

func (broken) Name() string          { return "broken" }
func (broken) Rules() []payload.Rule { return nil }
func (broken) Detect(*payload.Input, []finding.Finding) []finding.Finding {
	panic("a fault put here by a test")
}

// Each stage is made to fail on a request, once with a policy that lets it fail open and once with one that closes.
func TestAStageThatFails(t *testing.T) {
	stages := []struct {
		name string
		harm func(e *Engine)
	}{
		{"identify", func(e *Engine) {
			e.snapshot.Load().order[0].identifier = nil
		}},
		{"walk", func(e *Engine) { e.shared = nil }},
		{"payload", func(e *Engine) { e.detectors = append(e.detectors, broken{}) }},
		{"policy", func(e *Engine) { e.standing.Store(nil) }},
	}
	policies := []struct {
		name    string
		failure func(stage string) map[string]bundle.FailureMode
		want    action.Reply
	}{
		{"open by default", func(string) map[string]bundle.FailureMode { return nil }, action.Reply{}},
		{"another stage closed", func(stage string) map[string]bundle.FailureMode {
			closed := map[string]bundle.FailureMode{"default": bundle.FailClosed}
			closed[stage] = bundle.FailOpen
			return closed
		}, action.Reply{}},
		{"closed", func(stage string) map[string]bundle.FailureMode {
			return map[string]bundle.FailureMode{stage: bundle.FailClosed}
		}, action.Reply{Kind: action.Block, Status: 503, RetryAfter: 1}},
		{"closed by default", func(string) map[string]bundle.FailureMode {
			return map[string]bundle.FailureMode{"default": bundle.FailClosed}
		}, action.Reply{Kind: action.Block, Status: 503, RetryAfter: 1}},
	}
	for _, stage := range stages {
		for _, p := range policies {
			t.Run(stage.name+", "+p.name, func(t *testing.T) {
				var failed []string
				queue := event.NewQueue(16)
				e, wrong := New(Options{
					Queue: queue, Namer: event.NewNamer(1, 1), Node: "n",
					Places:   func(netip.Addr) (identity.Place, bool) { return identity.Place{}, false },
					Panicked: func(stage string, _ any, _ []byte) { failed = append(failed, stage) },
				}, Input{
					Bundle: &bundle.Bundle{Sites: []bundle.Site{{Name: "a", Default: true, Policy: bundle.Policy{Failure: p.failure(stage.name)}}}},
					Keys:   map[string]dataclass.Key{"a": {1}},
				})
				if e == nil {
					t.Fatal(wrong)
				}
				stage.harm(e)
				tx := e.Begin(1)
				x := &tx.Exchange
				x.Source, x.Observed = exchange.SourceProxy, exchange.SawAll
				x.Method, x.Path, x.Host = []byte("POST"), []byte("/a"), []byte("a.example")
				x.Request.Fields = []exchange.Field{
					{Name: []byte("Content-Type"), Value: []byte("application/json"), ID: exchange.HeaderContentType},
					{Name: []byte("Content-Encoding"), Value: []byte("gzip"), ID: exchange.HeaderContentEncoding},
				}
				x.Request.Body, x.Request.BodySize = []byte("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff\xaa\xae\x05\x04\x00\x00\xff\xff\x43\xbf\xa6\xa3\x02\x00\x00\x00"), 26
				if got := tx.Request(); got != p.want {
					t.Errorf("the edge is told %+v, want %+v", got, p.want)
				}
				if len(failed) != 1 || failed[0] != stage.name {
					t.Fatalf("stages that failed: %v, want %s alone", failed, stage.name)
				}
				outcome := event.OutcomeAnswered
				if p.want.Kind == action.Block {
					outcome = event.OutcomeRefused
				}
				tx.Close(outcome, p.want.Status)
				queue.Close()
				var told bool
				for _, e := range queue.Take(t.Context()) {
					for _, f := range e.Findings {
						told = told || f.ID == "engine.panic" && f.Where == stage.name
					}
					if refused := e.Verdict.Action == "block"; refused != (p.want.Kind == action.Block) || refused && e.Verdict.Rule != "engine.panic" {
						t.Errorf("the event says %+v", e.Verdict)
					}
				}
				if !told {
					t.Error("the event does not say which stage failed")
				}
			})
		}
	}
}
