package telemetry

import (
	"errors"
	"fmt"
	"net/http"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Names of the metrics that are fixed; they change only with a note in CHANGELOG.md.
const (
	EventsTotal        = "merlon_events_total"
	EventsDroppedTotal = "merlon_events_dropped_total"
	EventsLearnedTotal = "merlon_events_learned_total"
)

// maxScrapes bounds simultaneous scrapes; two scrapers and a person looking are ordinary.
const maxScrapes = 4

// Build says which program runs.
type Build struct{ Version, Commit, GoVersion string }

// Metrics are the functions that counters are read by when a scraper asks. The hot path owns its own atomics and knows
// nothing of Prometheus; every function must be safe to call at any time from any goroutine, and must not block.
type Metrics struct {
	// Events counts decisions recorded as events, learned or not.
	Events func() uint64
	// Dropped counts events that the full queue sampled away.
	Dropped func() uint64
	// Learned counts events that learning has taken up.
	Learned func() uint64
	// Queue is how many events wait now.
	Queue func() int
	// More are further counters and gauges by name; see Counter and Gauge.
	More []prometheus.Collector
}

// NewRegistry returns a registry of its own with the process, the Go runtime, the build and m in it.
// It fails when a function is missing or a name is taken twice.
func NewRegistry(b Build, m Metrics) (*prometheus.Registry, error) {
	if m.Events == nil || m.Dropped == nil || m.Learned == nil || m.Queue == nil {
		return nil, errors.New("telemetry: Events, Dropped, Learned and Queue are all needed")
	}
	info := prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: "merlon_build_info", Help: "The program that runs; always 1.",
		ConstLabels: prometheus.Labels{"version": b.Version, "commit": b.Commit, "goversion": b.GoVersion},
	}, func() float64 { return 1 })
	all := []prometheus.Collector{
		collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}),
		info,
		Counter(EventsTotal, "Decisions recorded as events.", m.Events),
		Counter(EventsDroppedTotal, "Events that the full queue sampled away.", m.Dropped),
		Counter(EventsLearnedTotal, "Events that learning has taken up.", m.Learned),
		Gauge("merlon_event_queue_length", "Events that wait for learning now.", func() float64 { return float64(m.Queue()) }),
	}
	reg := prometheus.NewRegistry()
	for _, c := range append(all, m.More...) {
		if err := reg.Register(c); err != nil {
			return nil, fmt.Errorf("telemetry: %w", err)
		}
	}
	return reg, nil
}

// Counter is a metric that only grows, read from f. Counts beyond 2^53 lose their last digits, as all of Prometheus does.
func Counter(name, help string, f func() uint64) prometheus.Collector {
	return prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(f()) })
}

// Gauge is a metric that goes up and down, read from f.
func Gauge(name, help string, f func() float64) prometheus.Collector {
	return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, f)
}

// Handler answers a scrape of reg. Who may ask is the caller's to check.
func Handler(reg *prometheus.Registry) http.Handler {
	return promhttp.HandlerFor(reg, promhttp.HandlerOpts{
		ErrorHandling:       promhttp.ContinueOnError, // one broken collector must not hide the others
		MaxRequestsInFlight: maxScrapes,
		EnableOpenMetrics:   true,
	})
}
