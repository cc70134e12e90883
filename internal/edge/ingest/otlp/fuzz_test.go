package otlp

import (
	"os"
	"path/filepath"
	"slices"
	"testing"
)

// fuzz sends anything in one form: it is answered, what is accepted keeps within the bounds, and nothing panics.
func fuzz(t *testing.T, b *bench, f form, body []byte) {
	for what := traces; what <= logs; what++ {
		r := New(b.receiver.o)
		r.records = 16
		before := b.queue.Published()
		w := post(r, what, f, body, false)
		events := int64(b.queue.Published() - before)
		s := r.Stats()
		switch {
		case w.Code == 400 && (events > 0 || s.Records > 0):
			t.Fatalf("refused, and %d events published", events)
		case w.Code != 200 && w.Code != 400:
			t.Fatalf("answer %d", w.Code)
		case events != s.Exchanges || s.Exchanges > 16:
			t.Fatalf("%d events of %+v", events, s)
		case s.Records != s.Exchanges+s.Clients+s.Others+s.Vague+s.Rejected:
			t.Fatalf("%+v does not add up", s)
		}
	}
}

func FuzzProtobuf(f *testing.F) {
	f.Add(protoBody(traces, []resource{{attributes: []kv{{"service.name", "shop"}}, items: []item{stable, older}}}))
	f.Add(protoBody(logs, []resource{{items: []item{{start: 5, body: []kv{{"http.method", "GET"}, {"http.request.header.a", []string{"b"}}}}}, last: true}}))
	b := newBench(f, Options{})
	b.queue.Close() // events are counted and thrown away
	f.Fuzz(func(t *testing.T, body []byte) { fuzz(t, b, protobuf, body) })
}

func FuzzJSON(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil || len(files) == 0 {
		f.Fatal("no seeds", err)
	}
	for _, name := range files {
		b, err := os.ReadFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	b := newBench(f, Options{})
	b.queue.Close()
	f.Fuzz(func(t *testing.T, body []byte) { fuzz(t, b, json, body) })
}

// BenchmarkReceiver is a Collector's batch of 512 server spans, with the engine and without it.
func BenchmarkReceiver(b *testing.B) {
	items := slices.Repeat([]item{stable}, 512)
	others := slices.Clone(items)
	for i := range others {
		others[i].kind = kindClient
	}
	for _, c := range []struct {
		name  string
		form  form
		items []item
	}{{"protobuf", protobuf, items}, {"json", json, items}, {"protobuf/parsed only", protobuf, others}, {"json/parsed only", json, others}} {
		b.Run(c.name, func(b *testing.B) {
			bn := newBench(b, Options{})
			bn.queue.Close() // events are made and thrown away
			body := protoBody(traces, []resource{{items: c.items}})
			if c.form == json {
				body = jsonBody(traces, []resource{{items: c.items}})
			}
			b.ReportAllocs()
			for b.Loop() {
				if w := post(bn.receiver, traces, c.form, body, false); w.Code != 200 {
					b.Fatal(w.Code)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/512, "ns/span")
		})
	}
}
