package serve

import (
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"merlon/internal/config"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
)

// outcomeNames are the label values of event.Outcome.
var outcomeNames = [...]string{
	event.OutcomeAnswered: "answered", event.OutcomeRefused: "refused", event.OutcomeUpstream: "upstream_failed",
	event.OutcomeClientGone: "client_gone", event.OutcomeNotForwarded: "not_forwarded", event.OutcomePanic: "panic",
}

// Why requests are refused, beside the stages that find something: an entry people or detectors have put beside the
// policy, a rule or list of the policy, and anything else. Names of rules are the operator's and have no bound, so they
// are in the event list and not here.
const (
	refusedStanding = int(finding.NumStages) + iota
	refusedRule
	refusedOther
	numRefused
)

// Bounds of the histograms' buckets in seconds.
var (
	upstreamBounds = [...]float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
	addedBounds    = [...]float64{.000025, .00005, .0001, .00025, .0005, .001, .0025, .005, .01, .025, .1}
)

// addedBodies is how long both bodies may be together for what Merlon adds to be told from what their transfer takes:
// both are then read and written at once.
const addedBodies = 16 << 10

// traffic counts events by site for /metrics. Its events come on the slow side, so the counts of a request cost it
// nothing; those that the full queue sampled away are missing in them. It is safe for concurrent use, and bounded: sites
// are those of the configuration, and one without a name for requests that belong to none.
type traffic struct {
	mu    sync.Mutex
	sites map[string]*siteTraffic

	requests, refusals, upstream, added *prometheus.Desc
}

type siteTraffic struct {
	outcomes [len(outcomeNames)]uint64
	refused  [numRefused]uint64
	upstream histogram[[len(upstreamBounds)]uint64]
	added    histogram[[len(addedBounds)]uint64]
}

// histogram counts how often a value was at most each bound; what is above all of them is in count alone.
type histogram[B any] struct {
	buckets B
	count   uint64
	sum     float64
}

func newTraffic(sites []config.Site) *traffic {
	t := &traffic{
		requests: prometheus.NewDesc("merlon_requests_total", "Exchanges that were recorded, by how they ended; those that the full event queue sampled away are not among them.", []string{"site", "outcome"}, nil),
		refusals: prometheus.NewDesc("merlon_refusals_total", "Refused exchanges by the stage whose finding decided, or standing (a block by people or detectors), rule (a rule or list of the policy), other.", []string{"site", "reason"}, nil),
		upstream: prometheus.NewDesc("merlon_upstream_latency_seconds", "From a request's last byte to the first of the upstream's answer, of exchanges through the gateway.", []string{"site"}, nil),
		added:    prometheus.NewDesc("merlon_added_latency_seconds", "From a request's first byte to its answer's last one, without the upstream's latency; connecting to it and trying again count. Of exchanges through the gateway whose bodies are together no longer than 16 KiB.", []string{"site"}, nil),
	}
	t.setSites(sites)
	return t
}

// setSites keeps the counts of sites that are still there.
func (t *traffic) setSites(sites []config.Site) {
	t.mu.Lock()
	defer t.mu.Unlock()
	next := make(map[string]*siteTraffic, len(sites)+1)
	for _, name := range append(siteNames(sites), "") {
		if next[name] = t.sites[name]; next[name] == nil {
			next[name] = new(siteTraffic)
		}
	}
	t.sites = next
}

func siteNames(sites []config.Site) (names []string) {
	for _, s := range sites {
		names = append(names, s.Name)
	}
	return names
}

// observe counts a batch of events.
func (t *traffic) observe(batch []*event.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, e := range batch {
		if e.Phase != event.Complete && e.Phase != event.Open {
			continue // a long stream is one exchange
		}
		s := t.sites[e.Site]
		if s == nil {
			s = t.sites[""]
		}
		s.add(e)
	}
}

func (s *siteTraffic) add(e *event.Event) {
	if int(e.Outcome) < len(s.outcomes) {
		s.outcomes[e.Outcome]++
	}
	if e.Outcome == event.OutcomeRefused {
		s.refused[refusedBy(e)]++
	}
	if e.Source != exchange.SourceProxy || e.Outcome != event.OutcomeAnswered {
		return
	}
	if e.Latency > 0 {
		h := &s.upstream
		place(h.buckets[:], upstreamBounds[:], &h.count, &h.sum, e.Latency)
	}
	if e.Added > 0 && e.RequestBytes+e.ResponseBytes <= addedBodies {
		h := &s.added
		place(h.buckets[:], addedBounds[:], &h.count, &h.sum, e.Added)
	}
}

func place(buckets []uint64, bounds []float64, count *uint64, sum *float64, nanoseconds int64) {
	v := time.Duration(nanoseconds).Seconds()
	if i, _ := slices.BinarySearch(bounds, v); i < len(buckets) {
		buckets[i]++
	}
	*count++
	*sum += v
}

// refusedBy is the class of what decided that a request is refused.
func refusedBy(e *event.Event) int {
	rule := e.Verdict.Rule
	for i := range e.Findings {
		if f := &e.Findings[i]; f.ID == rule && f.Stage < finding.NumStages {
			return int(f.Stage)
		}
	}
	switch rule {
	case "":
		return refusedOther
	case "identify.unknown-host":
		return int(finding.StageIdentify)
	case "engine.panic":
		return int(finding.StageEngine)
	}
	if strings.HasPrefix(rule, "standing:") {
		return refusedStanding
	}
	return refusedRule
}

func refusedName(i int) string {
	switch i {
	case refusedStanding:
		return "standing"
	case refusedRule:
		return "rule"
	case refusedOther:
		return "other"
	default:
		return finding.Stage(i).String()
	}
}

// Describe implements prometheus.Collector.
func (t *traffic) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{t.requests, t.refusals, t.upstream, t.added} {
		ch <- d
	}
}

// Collect implements prometheus.Collector.
func (t *traffic) Collect(ch chan<- prometheus.Metric) {
	t.mu.Lock()
	all := make(map[string]siteTraffic, len(t.sites))
	for name, s := range t.sites {
		all[name] = *s
	}
	t.mu.Unlock()
	for name, s := range all {
		for o, n := range s.outcomes {
			send(ch, t.requests, prometheus.CounterValue, float64(n), name, outcomeNames[o])
		}
		for r, n := range s.refused {
			send(ch, t.refusals, prometheus.CounterValue, float64(n), name, refusedName(r))
		}
		sendHistogram(ch, t.upstream, s.upstream.buckets[:], upstreamBounds[:], s.upstream.count, s.upstream.sum, name)
		sendHistogram(ch, t.added, s.added.buckets[:], addedBounds[:], s.added.count, s.added.sum, name)
	}
}

// send shows one value; a label that Prometheus does not take is told in the scrape and ends nothing.
func send(ch chan<- prometheus.Metric, d *prometheus.Desc, kind prometheus.ValueType, v float64, labels ...string) {
	m, err := prometheus.NewConstMetric(d, kind, v, labels...)
	if err != nil {
		m = prometheus.NewInvalidMetric(d, err)
	}
	ch <- m
}

func sendHistogram(ch chan<- prometheus.Metric, d *prometheus.Desc, buckets []uint64, bounds []float64, count uint64, sum float64, labels ...string) {
	at := make(map[float64]uint64, len(bounds))
	below := uint64(0)
	for i, b := range bounds {
		below += buckets[i]
		at[b] = below
	}
	m, err := prometheus.NewConstHistogram(d, count, sum, at, labels...)
	if err != nil {
		m = prometheus.NewInvalidMetric(d, err)
	}
	ch <- m
}
