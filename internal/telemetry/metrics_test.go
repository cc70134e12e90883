package telemetry

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
)

func sample() (Metrics, *atomic.Uint64) {
	var n atomic.Uint64
	zero := func() uint64 { return 0 }
	return Metrics{Events: n.Load, Dropped: zero, Learned: zero, Queue: func() int { return 3 }}, &n
}

func scrape(t *testing.T, h http.Handler) string {
	t.Helper()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/metrics", nil))
	if w.Code != http.StatusOK {
		t.Fatalf("status %d", w.Code)
	}
	return w.Body.String()
}

func TestScrapeReadsTheOwnersCounters(t *testing.T) {
	m, n := sample()
	m.More = append(m.More, Gauge("merlon_endpoints", "Endpoints known.", func() float64 { return 12 }))
	reg, err := NewRegistry(Build{Version: "v1", Commit: "abc", GoVersion: "go1.26"}, m)
	if err != nil {
		t.Fatal(err)
	}
	h := Handler(reg)
	if got := scrape(t, h); !strings.Contains(got, "\nmerlon_events_total 0\n") {
		t.Errorf("no zero at first:\n%s", got)
	}
	n.Add(41)
	got := scrape(t, h)
	for _, want := range []string{
		"\nmerlon_events_total 41\n", "\nmerlon_events_dropped_total 0\n", "\nmerlon_events_learned_total 0\n",
		"\nmerlon_event_queue_length 3\n", "\nmerlon_endpoints 12\n", "# TYPE merlon_events_total counter",
		`merlon_build_info{commit="abc",goversion="go1.26",version="v1"} 1`, "go_goroutines ", "process_cpu_seconds_total ",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("%q is not in the scrape", want)
		}
	}
}

func TestRegistriesAreApart(t *testing.T) {
	for range 2 { // a global registry would refuse the second
		m, _ := sample()
		if _, err := NewRegistry(Build{}, m); err != nil {
			t.Fatal(err)
		}
	}
}

func TestRegistryRefuses(t *testing.T) {
	m, _ := sample()
	m.Learned = nil
	if _, err := NewRegistry(Build{}, m); err == nil {
		t.Error("accepted without a function")
	}
	m, _ = sample()
	m.More = append(m.More, Counter(EventsTotal, "Twice.", m.Events))
	if _, err := NewRegistry(Build{}, m); err == nil {
		t.Error("accepted a name twice")
	}
}
