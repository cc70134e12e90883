package node

import (
	"log/slog"
	"slices"
	"sync"
	"time"

	"merlon/internal/model/event"
	"merlon/internal/store"
)

// Rows a second that are kept for the event list. Notable events are what people look for; of the others enough to see
// that traffic flows. Beyond that an event is in the journal's sample and in every count, but not in the list.
const (
	notableRows  = 1000
	ordinaryRows = 50
)

// rows gathers event rows and series points until they are stored.
type rows struct {
	events            []store.Event
	series            []store.SeriesPoint
	second            int64
	notable, ordinary int
}

func (r *rows) add(e *event.Event, now time.Time) {
	if s := now.Unix(); s != r.second {
		r.second, r.notable, r.ordinary = s, 0, 0
	}
	if store.Notable(e) {
		if r.notable++; r.notable > notableRows {
			return
		}
	} else if r.ordinary++; r.ordinary > ordinaryRows {
		return
	}
	if len(r.events) < 8*notableRows {
		r.events = append(r.events, store.EventRow(e))
	}
}

// take moves the accumulator's points over. Their counts are the accumulator's memory, so they are copied.
func (r *rows) take(a *store.Accumulator, now time.Time) []store.SeriesPoint {
	out := r.series
	_ = a.Flush(now, func(points []store.SeriesPoint) error { // the function has no way to fail
		for _, p := range points {
			p.Latency.Counts = slices.Clone(p.Latency.Counts)
			out = append(out, p)
		}
		return nil
	})
	return out
}

func (r *rows) swap() (events []store.Event, series []store.SeriesPoint) {
	events, series = r.events, r.series
	r.events, r.series = nil, nil
	return events, series
}

// troubles logs the beginning and the end of each kind of trouble, not every occurrence: a full disk would otherwise
// fill the log as well.
type troubles struct {
	log *slog.Logger
	mu  sync.Mutex
	in  map[string]string
}

func (t *troubles) report(what string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch _, was := t.in[what]; {
	case err != nil && !was:
		if t.in == nil {
			t.in = make(map[string]string)
		}
		t.in[what] = err.Error()
		t.log.Error("degraded: "+what, "error", err)
	case err == nil && was:
		delete(t.in, what)
		t.log.Info("recovered: " + what)
	}
}

// all lists the present troubles, for the status page.
func (t *troubles) all() map[string]string {
	t.mu.Lock()
	defer t.mu.Unlock()
	out := make(map[string]string, len(t.in))
	for k, v := range t.in {
		out[k] = v
	}
	return out
}
