package eventlist_test

import (
	"context"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
	"merlon/internal/model/identity"
	"merlon/internal/store"
	"merlon/internal/store/eventlist"
	"merlon/internal/store/sqlite"
)

// clock is a hand-moved clock.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func newClock() *clock { return &clock{t: time.Unix(1_790_000_000, 0).UTC()} }

func (c *clock) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.t
}

func file(t testing.TB) string { return filepath.Join(t.TempDir(), "merlon.db") }

// start opens a database and its writer.
func start(t testing.TB, path string, o sqlite.Options) *sqlite.DB {
	t.Helper()
	d, err := sqlite.Open(context.Background(), path, o)
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- d.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func page(ctx context.Context, d *sqlite.DB, f store.EventFilter) ([]store.Event, error) {
	p, err := eventlist.Page(ctx, d, f)
	return p.Events, err
}

func sampleEvent(n int, notable bool, at time.Time) store.Event {
	e := &event.Event{At: at.UnixNano(), Arrived: at.UnixNano(), Site: "x", Node: "a", Source: exchange.SourceProxy, Endpoint: identity.EndpointID(n%3 + 1), Status: 200}
	e.ID = event.NewNamer(1, uint64(n)).Name(at.UnixNano())
	e.Verdict.Action = "allow"
	e.Method = e.Append([]byte("GET"))
	e.JA4, e.HTTP2 = e.AppendString("t13d1517h2_8daaf6152771_cb7bf5808d99"), 42
	e.RPC = exchange.RPC{Protocol: exchange.GRPC, Known: true, Status: exchange.RPCPermissionDenied}
	if notable {
		e.Verdict.Action = "block"
		e.Findings = []finding.Finding{{ID: "wire.nul", Severity: finding.High, Score: 1, Classes: []string{"CWE-444"}, Evidence: "a\x00b\"<script>"}}
	}
	return store.EventRow(e)
}

func TestEventsPagesFiltersBounds(t *testing.T) {
	ctx, c := context.Background(), newClock()
	d := start(t, file(t), sqlite.Options{Now: c.now, EventRows: 40, SampleRows: 20, EventAge: time.Hour})
	var rows []store.Event
	for n := range 300 {
		rows = append(rows, sampleEvent(n, n%3 == 0, c.now().Add(time.Duration(n)*time.Second)))
	}
	for range 2 { // again, as a replay does
		if err := d.AddEvents(ctx, rows); err != nil {
			t.Fatal(err)
		}
	}
	find := func(f store.EventFilter) []store.Event {
		t.Helper()
		got, err := page(ctx, d, f)
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
	if got := find(store.EventFilter{}); len(got) != 300 || got[0].ID != rows[299].ID {
		t.Fatal(len(got))
	}
	first := find(store.EventFilter{Limit: 10, Endpoint: 1})
	next := find(store.EventFilter{Limit: 10, Endpoint: 1, Before: first[9].Row})
	if len(next) != 10 || next[0].Row >= first[9].Row || next[0].Endpoint != 1 {
		t.Fatal(next)
	}
	live := find(store.EventFilter{After: first[9].Row, Limit: 5})
	if len(live) != 5 || live[0].Row != first[9].Row+1 {
		t.Fatal(live)
	}
	for name, f := range map[string]store.EventFilter{
		"severity": {MinSeverity: int(finding.High)}, "finding": {Finding: "wire.nul"}, "action": {Action: "block"},
		"time and site": {Site: "x", Action: "block", From: c.now(), To: c.now().Add(300 * time.Second)},
	} {
		if got := find(f); len(got) != 100 || string(got[0].Findings) == "[]" || got[0].Source != "proxy" {
			t.Errorf("%s: %d events", name, len(got))
		}
	}
	if got := find(store.EventFilter{Finding: "wire.nu"}); len(got) != 0 {
		t.Fatal("a part of a finding's id matches")
	}
	if e, err := d.Event(ctx, rows[3].ID); err != nil || e.ID != rows[3].ID || e.JA4 != "t13d1517h2_8daaf6152771_cb7bf5808d99" || e.HTTP2 != "000000000000002a" || e.RPC != "grpc 7" {
		t.Fatal(e, err)
	}
	if err := d.Maintain(ctx, c.now()); err != nil {
		t.Fatal(err)
	}
	if got := find(store.EventFilter{}); len(got) != 60 {
		t.Fatalf("%d events kept, want 40 and 20", len(got))
	}
	if err := d.Maintain(ctx, c.now().Add(2*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if got := find(store.EventFilter{}); len(got) != 0 {
		t.Fatalf("%d events outlive their age", len(got))
	}
	if free := count(t, d, `PRAGMA freelist_count`); free != 0 {
		t.Fatalf("%d free pages were not given back", free)
	}
}
