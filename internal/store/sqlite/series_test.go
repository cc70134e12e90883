package sqlite

import (
	"context"
	"fmt"
	"syscall"
	"testing"
	"time"

	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
	"merlon/internal/model/identity"
	"merlon/internal/store"
)

func point(endpoint identity.EndpointID, at, arrived int64, requests uint64) store.SeriesPoint {
	p := store.SeriesPoint{Site: "x", Node: "a", Source: "proxy", Endpoint: endpoint, At: at, Step: store.StepFine, Arrived: arrived, Requests: requests, ServerErrors: 1}
	for range requests {
		p.Latency.Add(5e6)
	}
	return p
}

func tierCounts(t *testing.T, d *DB) (fine, minute, hour int) {
	t.Helper()
	for step, n := range map[int]*int{10: &fine, 60: &minute, 3600: &hour} {
		if err := d.readers.QueryRow(`SELECT count(*) FROM series WHERE step = ?`, step).Scan(n); err != nil {
			t.Fatal(err)
		}
	}
	return fine, minute, hour
}

func total(t *testing.T, d *DB, from, to time.Time, step time.Duration) (requests, latencies uint64, points int) {
	t.Helper()
	got, err := d.Series(context.Background(), store.SeriesQuery{All: true, From: from, To: to, Step: step})
	if err != nil {
		t.Fatal(err)
	}
	for i := range got {
		if i > 0 && got[i-1].At >= got[i].At {
			t.Fatal("points out of order")
		}
		requests += got[i].Requests
		latencies += got[i].Latency.Count()
	}
	return requests, latencies, len(got)
}

func TestSeriesFoldsByArrivalAndLosesNothing(t *testing.T) {
	ctx, c := context.Background(), newClock()
	d, _ := start(t, file(t), Options{Now: c.now})
	begin := c.now().Truncate(time.Hour)
	var points []store.SeriesPoint
	for i := range int64(360) { // an hour by tens of seconds, two endpoints
		at := begin.Unix() + i*10
		points = append(points, point(1, at, at, 2), point(2, at, at, 1))
	}
	// Twice, as when a flush comes in the middle of an interval.
	for range 2 {
		if err := d.AddSeries(ctx, points); err != nil {
			t.Fatal(err)
		}
	}
	span := func(step time.Duration, want int) {
		t.Helper()
		requests, latencies, n := total(t, d, begin, begin.Add(time.Hour), step)
		if requests != 2160 || latencies != 2160 || n != want {
			t.Fatalf("%d requests, %d latencies in %d points; want 2160 in %d", requests, latencies, n, want)
		}
	}
	span(10*time.Second, 360)
	span(time.Minute, 60)
	for _, step := range []struct {
		after              time.Duration
		fine, minute, hour int
	}{
		{90 * time.Minute, 360, 60, 0},
		{3 * time.Hour, 0, 120, 0},
		{4 * 24 * time.Hour, 0, 0, 2},
	} {
		if err := d.Maintain(ctx, begin.Add(step.after)); err != nil {
			t.Fatal(err)
		}
		if fine, minute, hour := tierCounts(t, d); fine != step.fine || minute != step.minute || hour != step.hour {
			t.Fatalf("after %v: %d, %d, %d rows", step.after, fine, minute, hour)
		}
		span(time.Hour, 1)
	}
	one, err := d.Series(ctx, store.SeriesQuery{Site: "x", Endpoint: 1, From: begin, To: begin.Add(time.Hour), Step: time.Hour})
	if err != nil || len(one) != 1 || one[0].Requests != 1440 || one[0].ServerErrors != 720 {
		t.Fatalf("%+v %v", one, err)
	}
	if q := one[0].Latency.Quantile(0.95); q < 4.7e6 || q > 5.3e6 {
		t.Fatal(q)
	}
	if none, err := d.Series(ctx, store.SeriesQuery{Site: "y", All: true, From: begin, To: begin.Add(time.Hour), Step: time.Hour}); err != nil || len(none) != 0 {
		t.Fatal(none, err)
	}
	if err := d.Maintain(ctx, begin.Add(500*24*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if _, _, hour := tierCounts(t, d); hour != 0 {
		t.Fatal("kept for ever")
	}
}

func TestLastYearsLogIsKeptByArrival(t *testing.T) {
	ctx, c := context.Background(), newClock()
	d, _ := start(t, file(t), Options{Now: c.now})
	old := c.now().Add(-400*24*time.Hour).Unix() / 10 * 10
	if err := d.AddSeries(ctx, []store.SeriesPoint{point(1, old, c.now().Unix(), 3)}); err != nil {
		t.Fatal(err)
	}
	if err := d.Maintain(ctx, c.now()); err != nil {
		t.Fatal(err)
	}
	if fine, _, _ := tierCounts(t, d); fine != 1 {
		t.Fatal("an old line expired by its own time")
	}
}

func TestSeriesRowsAreBounded(t *testing.T) {
	ctx, c := context.Background(), newClock()
	d, _ := start(t, file(t), Options{Now: c.now, SeriesRows: 100})
	for i := range int64(60) {
		var points []store.SeriesPoint
		for e := range identity.EndpointID(20) {
			points = append(points, point(e, c.now().Unix()+i*10, c.now().Unix()+i, 1))
		}
		if err := d.AddSeries(ctx, points); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Maintain(ctx, c.now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	if fine, minute, hour := tierCounts(t, d); fine > 100 || minute > 100 || hour > 100 {
		t.Fatal(fine, minute, hour)
	}
}

func TestSeriesRefusesEndlessQueries(t *testing.T) {
	d, _ := start(t, file(t), Options{})
	now := newClock().now()
	for _, q := range []store.SeriesQuery{
		{From: now, To: now.Add(time.Hour), Step: time.Second},
		{From: now, To: now.Add(time.Hour), Step: 15 * time.Second},
		{From: now, To: now, Step: time.Minute},
		{From: now, To: now.Add(365 * 24 * time.Hour), Step: 10 * time.Second},
	} {
		if _, err := d.Series(context.Background(), q); err == nil {
			t.Errorf("%+v accepted", q)
		}
	}
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

func BenchmarkAddEvents(b *testing.B) {
	d, _ := start(b, file(b), Options{})
	at, n := newClock().now(), 0
	rows := make([]store.Event, 1000)
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		for i := range rows {
			rows[i] = sampleEvent(n, false, at)
			n++
		}
		b.StartTimer()
		if err := d.AddEvents(context.Background(), rows); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N*len(rows))/b.Elapsed().Seconds(), "rows/s")
}

func BenchmarkAddSeries(b *testing.B) {
	for _, again := range []bool{false, true} {
		b.Run(fmt.Sprintf("again=%v", again), func(b *testing.B) {
			d, _ := start(b, file(b), Options{})
			points := make([]store.SeriesPoint, 1000)
			for i := range points {
				points[i] = point(identity.EndpointID(i), 0, 1, 20)
			}
			at, before := int64(0), processor(b)
			for b.Loop() {
				if !again {
					at += 10
				}
				for i := range points {
					points[i].At = at
				}
				if err := d.AddSeries(context.Background(), points); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N*len(points))/b.Elapsed().Seconds(), "rows/s")
			b.ReportMetric(float64((processor(b)-before).Microseconds())/float64(b.N*len(points)), "cpu-µs/row")
		})
	}
}

// processor is the processor time of this process so far: what writing costs, without waiting for the disk.
func processor(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
