package conformance

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// everyUpstream runs f with each server in turn, before a proxy of its own.
func everyUpstream(t *testing.T, f func(t *testing.T, r *rig)) {
	t.Run("net/http", func(t *testing.T) { f(t, newRig(t, goUpstream(t))) })
	for i := range servers {
		t.Run(servers[i].name, func(t *testing.T) {
			if testing.Short() {
				t.Skip("PASSED BY: -short runs net/http alone")
			}
			f(t, newRig(t, servers[i].run(t)))
		})
	}
}

// verdict is what became of a connection, as shapes say it.
func (a account) verdict() string {
	var out []string
	for i := range a.events {
		e := &a.events[i]
		switch {
		case e.outcome == event.OutcomeAnswered:
			out = append(out, fmt.Sprintf("%s %s %d", e.method, a.target(e), e.body))
		case e.outcome == event.OutcomeClientGone && e.anomalies.Has(exchange.AnomalyIncomplete):
			out = append(out, "incomplete")
		case e.outcome == event.OutcomeRefused:
			out = append(out, refusal(e))
		default:
			out = append(out, e.String())
		}
	}
	return strings.Join(out, ", ")
}

// target is the path of an answered event, from the list of those that occur in shapes.
func (a account) target(e *record) string {
	for _, p := range []string{"/first", "/next", "/marker", "/", "*"} {
		if e.matches(&record{method: e.method, segments: segmentsOf(p)}) {
			return p
		}
	}
	return "?"
}

// refusal is the first anomaly that refuses.
func refusal(e *record) string {
	for x := range e.anomalies.All() {
		if x.Describe().RejectsRequest {
			return x.String()
		}
	}
	return "refused for nothing"
}

// TestShapes sends what was made by hand to every server: the accounts agree, and what must pass passes.
func TestShapes(t *testing.T) {
	if len(shapes) < 60 {
		t.Fatalf("%d shapes, wanted 60", len(shapes))
	}
	everyUpstream(t, func(t *testing.T, r *rig) { r.shapes(t) })
}

// TestShapesInPieces sends them byte by byte, so that reads end within lines, sizes and line ends.
func TestShapesInPieces(t *testing.T) {
	r := newRig(t, goUpstream(t))
	r.piece = 1
	r.shapes(t)
}

func (r *rig) shapes(t *testing.T) {
	for _, s := range shapes {
		a, err := r.play(s.wire)
		if err != nil {
			t.Errorf("%s: %v", s.name, err)
			continue
		}
		for _, d := range r.up.differences(a) {
			t.Errorf("%s: %s", s.name, d)
		}
		if got := a.verdict(); got != s.want {
			t.Errorf("%s: %q, want %q", s.name, got, s.want)
		}
	}
}

// TestDifferencesAreFound: what the proof rests on must itself be able to fail.
func TestDifferencesAreFound(t *testing.T) {
	first := record{id: "1", method: "POST", status: 200, body: 5, segments: segmentsOf("/first")}
	next := record{id: "2", method: "GET", status: 200, segments: segmentsOf("/next")}
	refused := record{id: "3", method: "POST", status: 400, outcome: event.OutcomeRefused, segments: segmentsOf("/first")}
	good := account{
		events: []record{first, next}, answers: []answer{{status: 200, seen: "POST /first"}, {status: 200, seen: "GET /next"}},
		seen: []seen{{"POST", "/first", 5, false}, {"GET", "/next", 0, false}},
	}
	for _, c := range []struct {
		name   string
		spoil  func(*account)
		silent bool
		found  bool
	}{
		{name: "nothing wrong"},
		{name: "one request more upstream", spoil: func(a *account) { a.seen = append(a.seen, seen{"GET", "/marker", 0, false}) }, found: true},
		{name: "one request more, refused upstream", spoil: func(a *account) { a.seen = append(a.seen, seen{"-", "-", -1, true}) }, found: true},
		{name: "one request fewer upstream", spoil: func(a *account) { a.seen = a.seen[:1] }, found: true},
		{name: "other order upstream", spoil: func(a *account) { a.seen[0], a.seen[1] = a.seen[1], a.seen[0] }, found: true},
		{name: "other size", spoil: func(a *account) { a.seen[0].body = 49 }, found: true},
		{name: "other path", spoil: func(a *account) { a.seen[0].target = "/marker" }, found: true},
		{name: "other method", spoil: func(a *account) { a.seen[0].method = "GET" }, found: true},
		{name: "answers swapped", spoil: func(a *account) { a.answers[0], a.answers[1] = a.answers[1], a.answers[0] }, found: true},
		{name: "an answer lost", spoil: func(a *account) { a.answers = a.answers[:1] }, found: true},
		{name: "an answer twice", spoil: func(a *account) { a.answers = append(a.answers, a.answers[1]) }, found: true},
		{name: "bytes behind", spoil: func(a *account) { a.junk = "x" }, found: true},
		{name: "refused here, seen there", spoil: func(a *account) {
			a.events[0] = refused
			a.answers[0] = answer{status: 400, event: "3"}
		}, found: true},
		{name: "refused here alone", spoil: func(a *account) {
			a.events[0], a.seen = refused, a.seen[1:]
			a.answers[0] = answer{status: 400, event: "3"}
		}},
		{name: "the answer of another refusal", spoil: func(a *account) {
			a.events[0], a.seen = refused, a.seen[1:]
			a.answers[0] = answer{status: 400, event: "4"}
		}, found: true},
		{name: "refused upstream without a word", spoil: func(a *account) {
			a.events[1].status, a.answers[1] = 400, answer{status: 400}
			a.seen = a.seen[:1]
		}, silent: true},
		{name: "passed upstream without a word", spoil: func(a *account) { a.seen = a.seen[:1] }, silent: true, found: true},
	} {
		a := account{slices.Clone(good.events), slices.Clone(good.answers), slices.Clone(good.seen), "", false}
		if c.spoil != nil {
			c.spoil(&a)
		}
		if d := (&upstream{silent: c.silent}).differences(a); (len(d) > 0) != c.found {
			t.Errorf("%s: %q", c.name, d)
		}
	}
}
