package serve

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"merlon/internal/config"
	"merlon/internal/edge/proxy/upstream"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
)

// values are what a collector shows, by name and labels as in a scrape.
func values(t *testing.T, c prometheus.Collector) map[string]float64 {
	t.Helper()
	reg := prometheus.NewPedanticRegistry()
	if err := reg.Register(c); err != nil {
		t.Fatal(err)
	}
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	out := make(map[string]float64)
	for _, f := range families {
		for _, m := range f.Metric {
			name := f.GetName()
			for _, l := range m.Label {
				name += " " + l.GetName() + "=" + l.GetValue()
			}
			if h := m.Histogram; h != nil {
				out[name+" count"], out[name+" sum"] = float64(h.GetSampleCount()), h.GetSampleSum()
				for _, b := range h.Bucket {
					if b.GetUpperBound() == upstreamBounds[2] { // one is enough to see that they add up
						out[name+" 5ms"] = float64(b.GetCumulativeCount())
					}
				}
				continue
			}
			out[name] = m.Counter.GetValue()
		}
	}
	return out
}

func TestTraffic(t *testing.T) {
	shop := []config.Site{{Name: "shop"}}
	for _, c := range []struct {
		name   string
		event  event.Event
		want   map[string]float64
		silent []string // series that stay at 0
	}{
		{
			name: "an answer", event: event.Event{Site: "shop", Latency: 4e6, Added: 60e3},
			want: map[string]float64{
				"merlon_requests_total outcome=answered site=shop": 1, "merlon_upstream_latency_seconds site=shop count": 1,
				"merlon_upstream_latency_seconds site=shop sum": 0.004, "merlon_upstream_latency_seconds site=shop 5ms": 1, "merlon_added_latency_seconds site=shop count": 1,
			},
			silent: []string{"merlon_requests_total outcome=refused site=shop", "merlon_requests_total outcome=answered site="},
		},
		{
			name: "slower than every bucket", event: event.Event{Site: "shop", Latency: 60e9},
			want:   map[string]float64{"merlon_upstream_latency_seconds site=shop count": 1},
			silent: []string{"merlon_upstream_latency_seconds site=shop 5ms", "merlon_added_latency_seconds site=shop count"},
		},
		{
			name: "a long body tells nothing of Merlon", event: event.Event{Site: "shop", Latency: 4e6, Added: 1e9, ResponseBytes: 1 << 20},
			want:   map[string]float64{"merlon_upstream_latency_seconds site=shop count": 1},
			silent: []string{"merlon_added_latency_seconds site=shop count"},
		},
		{
			name: "a line of a log", event: event.Event{Site: "shop", Source: exchange.SourceAccessLog, Outcome: event.OutcomeNotForwarded, Latency: 4e6},
			want:   map[string]float64{"merlon_requests_total outcome=not_forwarded site=shop": 1},
			silent: []string{"merlon_upstream_latency_seconds site=shop count"},
		},
		{
			name: "progress of a stream", event: event.Event{Site: "shop", Phase: event.Progress},
			silent: []string{"merlon_requests_total outcome=answered site=shop"},
		},
		{
			name: "a site that is not configured", event: event.Event{Site: "gone", Outcome: event.OutcomeClientGone},
			want: map[string]float64{"merlon_requests_total outcome=client_gone site=": 1},
		},
		{
			name: "refused by a finding", event: event.Event{
				Site: "shop", Outcome: event.OutcomeRefused, Verdict: event.Verdict{Rule: "payload.sqli"},
				Findings: []finding.Finding{{ID: "wire.obs-fold", Stage: finding.StageWire}, {ID: "payload.sqli", Stage: finding.StagePayload}},
			},
			want:   map[string]float64{"merlon_refusals_total reason=payload site=shop": 1},
			silent: []string{"merlon_refusals_total reason=wire site=shop"},
		},
		{
			name: "refused by a person", event: event.Event{Site: "shop", Outcome: event.OutcomeRefused, Verdict: event.Verdict{Rule: "standing:17"}},
			want: map[string]float64{"merlon_refusals_total reason=standing site=shop": 1},
		},
		{
			name: "a rule whose name no label may carry", event: event.Event{Site: "shop", Outcome: event.OutcomeRefused, Verdict: event.Verdict{Rule: "wire.mine \xff"}},
			want:   map[string]float64{"merlon_refusals_total reason=rule site=shop": 1},
			silent: []string{"merlon_refusals_total reason=wire site=shop"},
		},
		{
			name: "a host of no site", event: event.Event{Outcome: event.OutcomeRefused, Verdict: event.Verdict{Rule: "identify.unknown-host"}},
			want: map[string]float64{"merlon_refusals_total reason=identify site=": 1},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := newTraffic(shop)
			tr.observe([]*event.Event{&c.event})
			got := values(t, tr)
			for series, want := range c.want {
				if got[series] != want {
					t.Errorf("%s is %v, wanted %v", series, got[series], want)
				}
			}
			for _, series := range c.silent {
				if v, ok := got[series]; !ok || v != 0 {
					t.Errorf("%s is %v (shown: %v), wanted 0", series, v, ok)
				}
			}
		})
	}
}

// TestTrafficIsBounded: whatever comes, there is no series more; a site that goes takes its series along, one that stays
// keeps its counts.
func TestTrafficIsBounded(t *testing.T) {
	tr := newTraffic([]config.Site{{Name: "shop"}, {Name: "club"}})
	before := len(values(t, tr))
	for i := range 300 {
		tr.observe([]*event.Event{
			{Site: strings.Repeat("x", i), Outcome: event.Outcome(i), Verdict: event.Verdict{Rule: strings.Repeat("r", i)}},
			{Site: "shop", Outcome: event.OutcomeRefused, Verdict: event.Verdict{Rule: strings.Repeat("r", i)}},
		})
	}
	if after := len(values(t, tr)); after != before {
		t.Errorf("%d series became %d", before, after)
	}
	tr.setSites([]config.Site{{Name: "shop"}, {Name: "new"}})
	got := values(t, tr)
	if n := got["merlon_requests_total outcome=refused site=shop"]; n != 300 {
		t.Errorf("a site that stays has %v refusals, wanted 300", n)
	}
	for series := range got {
		if strings.Contains(series, "site=club") {
			t.Errorf("%s of a site that is gone is shown", series)
		}
	}
}

func TestEveryOutcomeAndReasonHasAName(t *testing.T) {
	seen := make(map[string]bool)
	for i := range numRefused {
		if n := refusedName(i); n == "" || n == "unknown" || seen[n] {
			t.Errorf("reason %d is called %q", i, n)
		}
		seen[refusedName(i)] = true
	}
	for i, n := range outcomeNames {
		if n == "" {
			t.Errorf("outcome %d has no name", i)
		}
	}
}

func TestDistinctServers(t *testing.T) {
	got := distinct([]upstream.ServerStatus{{Address: "a", InUse: 1}, {Address: "b", Idle: 2}, {Address: "a", Healthy: true, InUse: 2, Idle: 1}})
	want := []upstream.ServerStatus{{Address: "a", Healthy: true, InUse: 3, Idle: 1}, {Address: "b", Idle: 2}}
	if len(got) != len(want) || got[0] != want[0] || got[1] != want[1] {
		t.Errorf("got %+v", got)
	}
}

// BenchmarkTraffic is what counting costs the slow side.
func BenchmarkTraffic(b *testing.B) {
	tr := newTraffic([]config.Site{{Name: "shop"}})
	batch := make([]*event.Event, 64)
	for i := range batch {
		batch[i] = &event.Event{Site: "shop", Latency: int64(i) * 1e5, Added: int64(i) * 1e4}
	}
	b.ReportAllocs()
	for b.Loop() {
		tr.observe(batch)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(batch)), "ns/event")
}
