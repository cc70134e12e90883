package eventlist_test

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"merlon/internal/store"
	"merlon/internal/store/eventlist"
	"merlon/internal/store/posting"
	"merlon/internal/store/sqlite"
)

// filters are one of every condition, some of several, and some that nothing meets.
func filters(from time.Time) map[string]store.EventFilter {
	return map[string]store.EventFilter{
		"all": {}, "site": {Site: "acme"}, "another site": {Site: "none"}, "node": {Node: "node-1"}, "source": {Source: "proxy"}, "method": {Method: "DELETE"},
		"host": {Host: "api.acme.example"}, "template": {Template: "INVOICES"}, "template of none": {Template: "%"}, "endpoint": {Endpoint: 7}, "rare endpoint": {Endpoint: 399},
		"unmatched": {Unmatched: true}, "status": {Status: 404}, "class": {Status: 5}, "action": {Action: "block"}, "would": {Would: "block"},
		"mode": {Mode: "enforce"}, "rule": {Rule: "wire.obs-fold"}, "finding": {Finding: "wire.conflicting-length"}, "part of a finding": {Finding: "wire.obs"}, "severity": {MinSeverity: 3},
		"notable": {Notable: true}, "actor": {Actor: "principal:9e3779b97f4a7c15"}, "principal": {Principal: "9e3779b97f4a7c15"}, "strength": {Strength: "anonymous"},
		"address": {Address: "12.0.0.1"}, "net 24": {Address: "12.0.0.0/24"}, "net 20": {Address: "12.0.16.0/20"}, "net 16": {Address: "12.0.0.0/16"}, "net 8": {Address: "12.0.0.0/8"}, "net 0": {Address: "0.0.0.0/0"},
		"no address": {Address: "x'y"}, "six": {Address: "2001:db8::/32"}, "country": {Country: "KP"}, "asn": {ASN: 1003}, "fingerprint": {Fingerprint: "0000000000000001"},
		"ja4": {JA4: "t13d1539h2_8daaf6152771_cb7bf5808d99"}, "http2": {HTTP2: "000000000000004d"}, "agent": {UserAgent: "version/17.8"}, "all agents": {UserAgent: "safari"}, "no agent": {UserAgent: "curl"},
		"rpc": {RPC: "grpc"}, "latency of a step": {MinLatency: 100 * time.Millisecond}, "latency between steps": {MinLatency: 130 * time.Millisecond}, "small latency": {MinLatency: time.Microsecond},
		"since": {From: from.Add(40 * time.Minute)}, "until": {To: from.Add(20 * time.Minute)}, "span": {From: from.Add(40 * time.Minute), To: from.Add(41 * time.Minute)},
		"several": {Action: "block", MinSeverity: 2, Method: "GET", Address: "12.0.0.0/8", From: from.Add(time.Minute)}, "never together": {Action: "allow", Mode: "enforce"},
	}
}

// TestEventSearch holds every condition against the plain reading of all rows, through pages in both directions.
func TestEventSearch(t *testing.T) {
	ctx, c := context.Background(), newClock()
	d := start(t, file(t), sqlite.Options{Now: c.now, EventRows: 1 << 20, SampleRows: 1 << 20})
	made := newTraffic(1, c.now(), 300*time.Millisecond)
	const n = 2*posting.Rows + 700
	var all []store.Event
	for len(all) < n {
		all = append(all, made.next())
	}
	for part := range slices.Chunk(all, 900) {
		if err := d.AddEvents(ctx, part); err != nil {
			t.Fatal(err)
		}
	}
	if got := count(t, d, `SELECT count(*) FROM event_chunks`); got != 2 {
		t.Fatalf("%d chunks are sealed, want 2", got)
	}
	hits := 0
	for name, f := range filters(c.now()) {
		var want []string
		for i := range all {
			if f.Match(&all[i]) {
				want = append(want, all[i].ID)
			}
		}
		hits += len(want)
		up := pages(t, d, f, true)
		if !slices.Equal(up, want[:min(len(want), len(up))]) || len(up) < min(len(want), enough) {
			t.Errorf("%s, upwards: %d events, want %d", name, len(up), len(want))
		}
		down := pages(t, d, f, false)
		slices.Reverse(down)
		if !slices.Equal(down, want[max(0, len(want)-len(down)):]) || len(down) < min(len(want), enough) {
			t.Errorf("%s: %d events, want %d", name, len(down), len(want))
		}
		h, err := eventlist.Histogram(ctx, d, f, 60)
		if err != nil {
			t.Fatal(err)
		}
		if !h.Approximate && (h.Total < len(want)-1 || h.Total > len(want)+1) { // a time is kept to a 65,535th of its chunk
			t.Errorf("%s: %d counted, want %d", name, h.Total, len(want))
		}
		if h.Approximate && name != "net 0" && name != "latency between steps" && name != "small latency" {
			t.Errorf("%s is counted roughly", name)
		}
	}
	if hits < 50_000 {
		t.Fatalf("the filters select %d events in all: they show nothing", hits)
	}
}

func count(t testing.TB, d *sqlite.DB, query string) (n int) {
	t.Helper()
	if err := d.Snapshot(context.Background(), func(tx *sql.Tx) error { return tx.QueryRow(query).Scan(&n) }); err != nil {
		t.Fatal(err)
	}
	return n
}

// enough is how many events are compared one by one from each end; the counts speak for the rest.
const enough = 1000

// pages reads what is selected, page by page, until it is enough.
func pages(t *testing.T, d *sqlite.DB, f store.EventFilter, up bool) (ids []string) {
	t.Helper()
	f.Limit = 499
	if up {
		f.After = 1<<62 - 1
		if first := count(t, d, `SELECT coalesce(min(row), 1) FROM events`); first > 1 {
			f.After = uint64(first - 1)
		} else {
			f.After = 0
		}
	}
	for range 1000 {
		if up && f.After == 0 { // there is nothing before the first row, so begin behind it
			first := f
			first.Before, first.After = 2, 0
			p, err := eventlist.Page(context.Background(), d, first)
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range p.Events {
				ids = append(ids, e.ID)
			}
			f.After = 1
		}
		p, err := eventlist.Page(context.Background(), d, f)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range p.Events {
			ids = append(ids, e.ID)
		}
		if !p.More || len(ids) >= enough {
			return ids
		}
		if up {
			f.After = p.Next
		} else {
			f.Before = p.Next
		}
	}
	t.Fatal("pages do not end")
	return nil
}

// TestEventPostingsGoWithTheirRows: what is trimmed leaves nothing behind, and what stays is found as before.
func TestEventPostingsGoWithTheirRows(t *testing.T) {
	ctx, c := context.Background(), newClock()
	d := start(t, file(t), sqlite.Options{Now: c.now, EventRows: 2000, SampleRows: 300, EventAge: 1000 * time.Hour})
	made := newTraffic(2, c.now(), time.Second)
	for range 3 {
		var part []store.Event
		for range posting.Rows {
			e := made.next()
			e.UserAgent += fmt.Sprint(" build ", made.r.IntN(2000)) // texts come and go
			part = append(part, e)
		}
		if err := d.AddEvents(ctx, part); err != nil {
			t.Fatal(err)
		}
		if err := d.Maintain(ctx, c.now()); err != nil {
			t.Fatal(err)
		}
	}
	if got := count(t, d, `SELECT count(*) FROM events`); got != 2300 {
		t.Fatalf("%d rows are kept, want 2300", got)
	}
	for name, query := range map[string]string{
		"postings without a chunk": `SELECT count(*) FROM event_postings WHERE chunk NOT IN (SELECT chunk FROM event_chunks)`,
		"chunks without a row":     `SELECT count(*) FROM event_chunks WHERE chunk NOT IN (SELECT row >> 12 FROM events) AND chunk < (SELECT max(chunk) FROM event_chunks)`,
		"words without a posting":  `SELECT count(*) FROM event_words w WHERE NOT EXISTS (SELECT 1 FROM event_postings p WHERE p.field = w.field AND p.value = w.value) AND w.chunk < (SELECT max(chunk) FROM event_chunks)`,
		"rows without their word":  `SELECT count(*) FROM events e WHERE NOT EXISTS (SELECT 1 FROM event_words w WHERE w.value = e.agent)`,
	} {
		if n := count(t, d, query); n != 0 {
			t.Errorf("%d %s", n, name)
		}
	}
	h, err := eventlist.Histogram(ctx, d, store.EventFilter{}, 10)
	if err != nil || h.Total != 2300 {
		t.Errorf("%d counted, want 2300 (%v)", h.Total, err)
	}
	if p, err := eventlist.Page(ctx, d, store.EventFilter{UserAgent: "Build"}); err != nil || len(p.Events) != store.MaxEventsPage || p.Events[0].UserAgent == "" || len(p.Events[0].Shape) != 3 {
		t.Errorf("%d events of an agent (%v)", len(p.Events), err)
	}
	// All of it goes, and rows are not given twice.
	last := count(t, d, `SELECT max(row) FROM events`)
	if err := d.Maintain(ctx, made.at.Add(2000*time.Hour)); err != nil {
		t.Fatal(err)
	}
	if err := d.AddEvents(ctx, []store.Event{made.next()}); err != nil {
		t.Fatal(err)
	}
	if got := count(t, d, `SELECT max(row) FROM events`); got <= last {
		t.Errorf("row %d is given again after %d", got, last)
	}
}

// TestSearchGivesUpHonestly: what only rows can tell is looked for so far and no further, and can be gone on with.
func TestSearchGivesUpHonestly(t *testing.T) {
	ctx, c := context.Background(), newClock()
	d := start(t, file(t), sqlite.Options{Now: c.now, EventRows: 1 << 20, SampleRows: 1 << 20})
	made := newTraffic(3, c.now(), time.Second)
	var all []store.Event
	for range 2 * posting.Rows {
		e := made.next()
		e.LatencyMicros = 120_000 // a step below what is asked for
		all = append(all, e)
	}
	all[10].LatencyMicros = 140_000
	if err := d.AddEvents(ctx, all); err != nil {
		t.Fatal(err)
	}
	f := store.EventFilter{MinLatency: 130 * time.Millisecond, Limit: 10}
	p, err := eventlist.Page(ctx, d, f)
	if err != nil || len(p.Events) != 0 || !p.More || p.Searched.IsZero() {
		t.Fatalf("%+v %v", p, err)
	}
	for n := 0; len(p.Events) == 0; n++ {
		if n > 5 || !p.More {
			t.Fatal("it is never found")
		}
		f.Before = p.Next
		if p, err = eventlist.Page(ctx, d, f); err != nil {
			t.Fatal(err)
		}
	}
	if p.Events[0].ID != all[10].ID {
		t.Error("another event")
	}
}

// used is the processor time of this process: what a shared machine cannot change.
func used(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkEventList measures the list at MERLON_EVENT_ROWS rows, 10,000,000 for the figures of decision 0033:
//
//	MERLON_EVENT_ROWS=10000000 go test -run - -bench EventList -benchtime 5x -timeout 2h ./internal/store/eventlist
func BenchmarkEventList(b *testing.B) {
	n := 100_000
	if v, err := strconv.Atoi(os.Getenv("MERLON_EVENT_ROWS")); err == nil {
		n = v
	}
	path := file(b)
	if kept := os.Getenv("MERLON_EVENT_FILE"); kept != "" {
		path = kept // made once, measured often
	}
	c := newClock()
	d := start(b, path, sqlite.Options{Now: c.now, EventRows: 1 << 30, SampleRows: 1 << 30, Bytes: 1 << 40})
	from := c.now()
	made := newTraffic(1, from, 30*24*time.Hour/time.Duration(n))
	if have := count(b, d, `SELECT count(*) FROM events`); have < n {
		began := time.Now()
		batch := make([]store.Event, 1000)
		var adding time.Duration
		for have := 0; have < n; have += len(batch) {
			for i := range batch {
				batch[i] = made.next()
			}
			at := time.Now()
			if err := d.AddEvents(b.Context(), batch); err != nil {
				b.Fatal(err)
			}
			adding += time.Since(at)
			if have%1_000_000 == 0 && have > 0 {
				bytes, _ := d.Bytes()
				b.Logf("%d rows, %.0f events/s, %d bytes/event", have, float64(have)/adding.Seconds(), bytes/int64(have))
			}
		}
		bytes, _ := d.Bytes()
		b.Logf("%d rows in %v: %.0f events/s, %d bytes/event", n, time.Since(began), float64(n)/adding.Seconds(), bytes/int64(n))
	}
	wanted := filters(from)
	wanted["a day"] = store.EventFilter{From: from.Add(10 * 24 * time.Hour), To: from.Add(11 * 24 * time.Hour)}
	wanted["a minute"] = store.EventFilter{From: from.Add(10 * 24 * time.Hour), To: from.Add(10*24*time.Hour + time.Minute)}
	names := make([]string, 0, len(wanted))
	for name := range wanted {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		f := wanted[name]
		f.Limit = 100
		b.Run("list/"+name, func(b *testing.B) {
			began := used(b)
			for b.Loop() {
				if _, err := eventlist.Page(b.Context(), d, f); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric((used(b)-began).Seconds()*1000/float64(b.N), "cpu-ms/op")
		})
		b.Run("histogram/"+name, func(b *testing.B) {
			began := used(b)
			for b.Loop() {
				if _, err := eventlist.Histogram(b.Context(), d, f, 60); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric((used(b)-began).Seconds()*1000/float64(b.N), "cpu-ms/op")
		})
	}
}
