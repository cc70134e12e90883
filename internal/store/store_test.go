package store

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
	"merlon/internal/model/identity"
)

func directory(t *testing.T) *Directory {
	t.Helper()
	d, err := OpenDirectory(t.TempDir(), "merlon test", time.Unix(1, 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

func TestSecretsAreMadeOnceAndGuarded(t *testing.T) {
	d := directory(t)
	random := func(b byte) *bytes.Reader { return bytes.NewReader(bytes.Repeat([]byte{b}, 64)) }
	first, err := d.Secrets("site/../x", random(1))
	if err != nil || first.Learning[0] != 1 || first.Answer[31] != 1 {
		t.Fatal(err)
	}
	if again, err := d.Secrets("site/../x", random(2)); err != nil || again != first {
		t.Fatal("made anew", err)
	}
	if other, err := d.Secrets("site", random(3)); err != nil || other == first {
		t.Fatal(err)
	}
	names, _ := filepath.Glob(d.Path("secrets", "*"))
	if len(names) != 2 || filepath.Dir(names[0]) != d.Path("secrets") {
		t.Fatal(names)
	}
	info, err := os.Stat(names[0])
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatal(info.Mode(), err)
	}
	if s := fmt.Sprintf("%v %+v %#v", first, first, first); strings.Contains(s, "1, 1") || strings.Contains(s, "0x1") {
		t.Fatal("keys printed:", s)
	}
	whole, _ := os.ReadFile(names[0])
	for name, c := range map[string]struct {
		in   []byte
		want error
	}{
		"cut":     {whole[:40], ErrDamaged},
		"empty":   {nil, ErrDamaged},
		"changed": {append(bytes.Clone(whole[:69]), whole[69]^1), ErrDamaged},
		"newer":   {append([]byte{secretsKind, secretsVersion + 1}, whole[2:]...), ErrNewer},
	} {
		if err := os.WriteFile(names[0], c.in, 0o600); err != nil {
			t.Fatal(err)
		}
		site := "site"
		if strings.Contains(names[0], "%") {
			site = "site/../x"
		}
		if _, err := d.Secrets(site, random(4)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v, want %v", name, err, c.want)
		}
	}
}

func TestSecretsMadeTwiceAtOnceAreOne(t *testing.T) {
	d := directory(t)
	var wg sync.WaitGroup
	got := make([]Secrets, 8)
	for i := range got {
		wg.Go(func() {
			var err error
			if got[i], err = d.Secrets("x", bytes.NewReader(bytes.Repeat([]byte{byte(i)}, 64))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for i := range got {
		if got[i] != got[0] {
			t.Fatal("two pairs of keys")
		}
	}
}

func TestEscapeNameIsInjectiveAndSafe(t *testing.T) {
	for in, want := range map[string]string{"": "%", "api.example": "api.example", "..": "%2e%2e", "A/b": "%41%2fb", "\x00": "%00"} {
		if got := EscapeName(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		a, b := rapid.String().Draw(t, "a"), rapid.String().Draw(t, "b")
		x, y := EscapeName(a), EscapeName(b)
		if (a == b) != (x == y) {
			t.Fatalf("%q and %q", a, b)
		}
		if strings.ContainsAny(x, "/\\\x00") || strings.HasPrefix(x, ".") || len(x) > 200 {
			t.Fatal(x)
		}
	})
}

func TestLatencyQuantiles(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 1))
	var l, a, b Latency
	for i := range 20000 {
		ns := int64(1000 * (1 + random.ExpFloat64()*5000))
		l.Add(ns)
		if i%3 == 0 {
			a.Add(ns)
		} else {
			b.Add(ns)
		}
	}
	// The 0.5 and 0.95 quantiles of an exponential distribution of mean 5 ms are 3.466 and 14.98 ms.
	for q, want := range map[float64]float64{0.5: 3.466e6, 0.95: 14.98e6} {
		if got := l.Quantile(q); got < want*0.93 || got > want*1.07 {
			t.Errorf("%v: %v, want %v", q, got, want)
		}
	}
	a.Merge(&b)
	if !bytes.Equal(a.AppendBinary(nil), l.AppendBinary(nil)) {
		t.Fatal("merged parts are not the whole")
	}
	for i := range LatencyBuckets - 1 {
		low := int64(1000*math.Exp2(float64(i)/8)) + 1
		if got := LatencyBucket(low); got != i && i > 0 {
			t.Fatalf("%d ns: bucket %d, want %d", low, got, i)
		}
	}
	for _, ns := range []int64{-5, 0, 1000, 1 << 62} {
		if n := LatencyBucket(ns); n < 0 || n >= LatencyBuckets {
			t.Fatal(ns, n)
		}
	}
}

func FuzzLatency(f *testing.F) {
	var l Latency
	l.Add(5e6)
	l.Add(9e9)
	f.Add(l.AppendBinary(nil))
	f.Add((&Latency{}).AppendBinary(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		var l, l2 Latency
		if l.DecodeBinary(b) != nil {
			return
		}
		again := l.AppendBinary(nil)
		if err := l2.DecodeBinary(again); err != nil || !bytes.Equal(l2.AppendBinary(nil), again) {
			t.Fatal(err)
		}
	})
}

func served(endpoint identity.EndpointID, at int64, status uint16) *event.Event {
	return &event.Event{
		At: at, Arrived: at, Site: "x", Node: "a", Endpoint: endpoint, Status: status, Latency: 2e6, Observed: exchange.SawAll,
		RequestBytes: 10, ResponseBytes: 100,
	}
}

func TestAccumulator(t *testing.T) {
	start := time.Unix(1000, 0)
	a := NewAccumulator(start)
	a.Add(served(1, 1001e9, 200))
	a.Add(served(1, 1009e9, 404))
	a.Add(served(1, 1010e9, 503))
	a.Add(served(2, 1001e9, 200))
	refused := served(2, -1e9, 403)
	refused.Outcome = event.OutcomeRefused
	a.Add(refused)
	progress := served(2, 1001e9, 200)
	progress.Phase = event.Progress
	a.Add(progress)
	if a.Due(start.Add(9*time.Second)) || !a.Due(start.Add(10*time.Second)) {
		t.Fatal("due at the wrong time")
	}
	var got []SeriesPoint
	flush := func() {
		t.Helper()
		got = nil
		if err := a.Flush(start, func(p []SeriesPoint) error {
			for _, one := range p {
				one.Latency.Counts = bytesOf(one.Latency.Counts)
				got = append(got, one)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	flush()
	if len(got) != 4 || got[0].At != 1000 || got[0].Requests != 2 || got[0].ClientErrors != 1 || got[0].ResponseBytes != 200 ||
		got[0].Latency.Count() != 2 || got[1].At != 1010 || got[1].ServerErrors != 1 || got[2].At != -10 || got[2].Blocked != 1 || got[3].Requests != 1 {
		t.Fatalf("%+v", got)
	}
	flush()
	if len(got) != 0 {
		t.Fatal("points come twice")
	}
	a.Add(served(9, 2000e9, 200))
	flush()
	if len(got) != 1 || got[0].Requests != 1 || got[0].Latency.Count() != 1 || got[0].ClientErrors != 0 {
		t.Fatalf("a used cell was not emptied: %+v", got)
	}
}

func bytesOf(c []uint32) []uint32 { return append([]uint32(nil), c...) }

func TestEventRowBoundsFindings(t *testing.T) {
	e := served(1, 1, 200)
	for range 1000 {
		e.Findings = append(e.Findings, finding.Finding{ID: "payload.x", Severity: finding.Medium, Why: strings.Repeat("w", 200)})
	}
	r := EventRow(e)
	if !r.FindingsCapped || len(r.Findings) > maxFindings+1 || len(r.FindingIDs) == 0 || r.Severity != 2 || !r.Notable {
		t.Fatal(len(r.Findings), r.FindingsCapped)
	}
	if r := EventRow(served(1, 1, 200)); r.Notable || string(r.Findings) != "[]" || r.FindingsCapped {
		t.Fatalf("%+v", r)
	}
}

func BenchmarkAccumulator(b *testing.B) {
	a := NewAccumulator(time.Unix(0, 0))
	events := make([]*event.Event, 256)
	for i := range events {
		events[i] = served(identity.EndpointID(i*7%100), 1000e9, 200)
	}
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		a.Add(events[n&255])
		n++
	}
}
