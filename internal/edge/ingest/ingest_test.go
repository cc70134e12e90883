package ingest

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"merlon/internal/edge/ingest/record"
	"merlon/internal/enforce/engine"
	"merlon/internal/learn/summary"
	"merlon/internal/model/bundle"
	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// noon is the clock of the tests: later than every line that is not meant to lie ahead.
var noon = time.Date(2026, 6, 1, 12, 0, 0, 0, time.UTC)

// bench is an engine whose events are looked at, or thrown away, by one consumer.
type bench struct {
	queue  *event.Queue
	engine *engine.Engine
	done   chan struct{}
}

func newBench(tb testing.TB, look func(*event.Event)) *bench {
	tb.Helper()
	b := &bench{queue: event.NewQueue(8192), done: make(chan struct{})}
	var mistakes any
	b.engine, mistakes = func() (*engine.Engine, any) {
		e, m := engine.New(engine.Options{
			Queue: b.queue, Namer: event.NewNamer(1, 1), Node: "n",
			Panicked: func(stage string, v any, stack []byte) { tb.Errorf("%s panicked: %v\n%s", stage, v, stack) },
		}, engine.Input{
			Bundle: &bundle.Bundle{Sites: []bundle.Site{{Name: "acme", Default: true}, {Name: "other", Hosts: []string{"other.example"}}}},
			Keys:   map[string]dataclass.Key{"acme": {1}, "other": {2}},
		})
		return e, m
	}()
	if b.engine == nil {
		tb.Fatal(mistakes)
	}
	go func() {
		defer close(b.done)
		for batch := b.queue.Take(context.Background()); batch != nil; batch = b.queue.Take(context.Background()) {
			for _, e := range batch {
				if look != nil {
					look(e)
				}
			}
			b.queue.Release(batch...)
		}
	}()
	return b
}

// close ends the consumer and waits until it has seen everything.
func (b *bench) close() {
	b.queue.Close()
	<-b.done
}

func evalData(tb testing.TB, path string) string {
	tb.Helper()
	dir := os.Getenv("MERLON_EVAL_DATA")
	if dir == "" {
		tb.Skip("MERLON_EVAL_DATA is not set: no recorded traffic to read")
	}
	return filepath.Join(dir, path)
}

func run(tb testing.TB, o Options, look func(*event.Event), inputs ...Input) Result {
	tb.Helper()
	b := newBench(tb, look)
	defer b.close()
	o.Engine = b.engine
	if o.Now == nil {
		o.Now = func() time.Time { return noon }
	}
	g, err := New(o)
	if err != nil {
		tb.Fatal(err)
	}
	res, err := g.Run(context.Background(), inputs...)
	if err != nil {
		tb.Fatal(err)
	}
	return res
}

// TestApacheLog reads a real log of 10,000 lines. One line ends in the middle of its User-Agent, in the published file too.
func TestApacheLog(t *testing.T) {
	t.Parallel()
	var format string
	var damage []Damage
	res := run(t, Options{
		Opened:  func(_, f string) { format = f },
		Damaged: func(d Damage) { damage = append(damage, d) },
	}, nil, File(evalData(t, "access-logs/apache_logs.gz")))
	if format != "combined" || res.Lines != 10_000 || res.Exchanges != 9_999 || res.Damaged != 1 || res.ByCause[record.CauseQuotes] != 1 {
		t.Errorf("format %q, %+v, damage %v", format, res, damage)
	}
	if got := time.Unix(0, res.First).UTC().Format(time.RFC3339) + " " + time.Unix(0, res.Last).UTC().Format(time.RFC3339); got != "2015-05-17T10:05:00Z 2015-05-20T21:05:59Z" {
		t.Errorf("from and to: %s", got)
	}
}

// BenchmarkCombinedLearned is a log of Acme's traffic with a consumer that learns, as the program's does.
func BenchmarkCombinedLearned(b *testing.B) {
	entries, _ := made(b)
	var in bytes.Buffer
	var line []byte
	for i := range b.N {
		line = append(entries[i%len(entries)].AppendCombined(line[:0]), '\n')
		in.Write(line)
	}
	state := summary.New("acme", 1)
	r := newBench(b, func(e *event.Event) { state.Apply(e) })
	g, err := New(Options{Engine: r.engine, Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	b.SetBytes(int64(in.Len() / b.N))
	b.ReportAllocs()
	b.ResetTimer()
	res, err := g.Run(context.Background(), Stream("log", &in))
	r.close()
	if err != nil || res.Exchanges != int64(b.N) {
		b.Fatal(res, err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}

// BenchmarkCombinedDecode is the parser alone.
func BenchmarkCombinedDecode(b *testing.B) {
	d := newAccessLog(true)
	line := []byte(strings.TrimSpace(combinedLine))
	var x exchange.Exchange
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		x.Reset()
		if d.decode(line, &x) != 0 {
			b.Fatal("damaged")
		}
	}
}

const combinedLine = `203.0.113.7 - - [10/Oct/2025:13:55:36 -0700] "GET /patients/4711/appointments?from=2025-10-01&limit=20 HTTP/1.1" 200 2326 "https://app.acme.example/start" "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0 Safari/537.36"` + "\n"

// BenchmarkCombined is a line's whole way through parser, engine and queue, with a consumer that throws the events away.
func BenchmarkCombined(b *testing.B) {
	r := newBench(b, nil)
	defer r.close()
	g, err := New(Options{Engine: r.engine, Now: time.Now})
	if err != nil {
		b.Fatal(err)
	}
	in := Stream("log", strings.NewReader(strings.Repeat(combinedLine, b.N)))
	b.SetBytes(int64(len(combinedLine)))
	b.ReportAllocs()
	b.ResetTimer()
	res, err := g.Run(context.Background(), in)
	if err != nil || res.Exchanges != int64(b.N) {
		b.Fatal(res, err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
