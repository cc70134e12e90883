package traffic

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"math"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"merlon/internal/lab/acme"
)

var monday = time.Date(2026, 3, 2, 0, 0, 0, 0, time.UTC)

// hospital builds Acme and options that fit it.
func hospital(days float64, rate float64, attacks ...Attack) (Options, *acme.Hospital) {
	clock := NewClock(monday)
	h := acme.New(acme.Options{Seed: 42, Patients: 120, Now: clock.Now, BillingWriteFrom: monday.Add(6 * time.Hour)})
	return Options{
		Seed: 42, Start: monday, End: monday.Add(time.Duration(days * 24 * float64(time.Hour))), Rate: rate, Site: "acme",
		Directory: h.Directory(), Clock: clock, Attacks: attacks,
	}, h
}

func collect(t testing.TB, o Options, h *acme.Hospital) (es []Entry) {
	t.Helper()
	if err := Generate(context.Background(), o, h, func(e Entry) error { es = append(es, e); return nil }); err != nil {
		t.Fatal(err)
	}
	return es
}

func TestSameSeedSameBytes(t *testing.T) {
	sum := func(seed uint64) (s [32]byte) {
		o, h := hospital(1, 0.05, Attack{Kind: VendorBreach, At: monday.Add(8 * time.Hour)}, Attack{Kind: ScanLoud, For: time.Minute})
		o.Seed = seed
		d := sha256.New()
		for _, e := range collect(t, o, h) {
			d.Write(e.AppendJSON(nil))
		}
		return [32]byte(d.Sum(nil))
	}
	if sum(1) != sum(1) {
		t.Error("one seed, two streams")
	}
	if sum(1) == sum(2) {
		t.Error("two seeds, one stream")
	}
}

func TestRateAndDays(t *testing.T) {
	const rate = 0.05
	o, h := hospital(7, rate)
	o.Mix = Mix{Browser: 0.4, Mobile: 0.35, Staff: 0.25}
	es := collect(t, o, h)
	want := rate * 7 * 86400
	if got := float64(len(es)); math.Abs(got-want)/want > 0.1 {
		t.Errorf("%g exchanges, want about %g", got, want)
	}
	night, morning, share := 0, 0, map[string]float64{}
	for i, e := range es {
		if i > 0 && e.Started.Before(es[i-1].Started) {
			t.Fatal("not in order")
		}
		switch e.Started.Hour() {
		case 2:
			night++
		case 10:
			morning++
		}
		who, _, _ := strings.Cut(e.Label.Actor, "-")
		if header(e.Request.Headers, "X-App-Version") != "" {
			who = "mobile"
		}
		share[who] += 1 / float64(len(es))
	}
	if morning < 5*night {
		t.Errorf("no season: %d at night, %d in the morning", night, morning)
	}
	for who, want := range map[string]float64{"patient": 0.4, "mobile": 0.35, "staff": 0.25} {
		if math.Abs(share[who]-want) > 0.04 {
			t.Errorf("%s makes %.3f of the exchanges, want %.2f", who, share[who], want)
		}
	}
}

func TestSeason(t *testing.T) {
	mean, top := 0.0, 0.0
	for m := range 7 * 24 * 60 {
		v := season(monday.Add(time.Duration(m) * time.Minute))
		mean, top = mean+v/(7*24*60), max(top, v)
	}
	if math.Abs(mean-1) > 0.03 || top > maxSeason {
		t.Errorf("mean %.3f, top %.3f", mean, top)
	}
}

// TestHonestTrafficIsHonest: people and programs of a day get what they ask for, and every described part of the API is used.
func TestHonestTrafficIsHonest(t *testing.T) {
	o, h := hospital(1, 0.12)
	bad, used := map[string]int{}, map[string]bool{}
	es := collect(t, o, h)
	for _, e := range es {
		if e.Label.Kind != Benign || e.Label.Actor == "" || e.Label.Campaign != "" {
			t.Fatalf("label %+v", e.Label)
		}
		if e.Response.Status >= 400 {
			bad[e.Request.Method+" "+path(e)]++
		}
		used[strings.Split(path(e), "/")[1]+" "+header(e.Request.Headers, "user-agent")] = true
		if strings.Contains(path(e), "/billing/invoices") && e.Request.Method != "GET" {
			t.Error("an honest client writes invoices")
		}
	}
	errors := 0
	for _, n := range bad {
		errors += n
	}
	if share := float64(errors) / float64(len(es)); share > 0.02 || share == 0 {
		t.Errorf("%.4f of honest exchanges fail: %v", share, bad)
	}
	if len(used) < 12 {
		t.Errorf("little variety: %v", used)
	}
}

func path(e Entry) string {
	p := strings.TrimPrefix(e.Request.URL, "https://api.acme.example")
	p, _, _ = strings.Cut(p, "?")
	return p
}

// TestVendorBreach tells the story from the labels: writes that succeed, then other people's records, from hundreds of addresses with
// one vendor's key.
func TestVendorBreach(t *testing.T) {
	o, h := hospital(1, 0, Attack{Kind: VendorBreach, At: monday.Add(9 * time.Hour), For: 40 * time.Minute})
	writes, records, patients, addresses := 0, 0, map[string]bool{}, map[string]bool{}
	for _, e := range collect(t, o, h) {
		if e.Label.Kind == Benign {
			continue
		}
		if e.Label.Campaign != "vendor-breach" || header(e.Request.Headers, "X-Api-Key") != o.Directory.Vendors[0].Key {
			t.Fatalf("%+v", e)
		}
		if e.Response.Status >= 400 {
			t.Fatalf("%s %s: %d", e.Request.Method, path(e), e.Response.Status)
		}
		addresses[e.Client.IP] = true
		switch {
		case e.Request.Method != "GET":
			writes++
			if e.Label.Kind != "API5:2023" {
				t.Error(e.Label)
			}
		case strings.Contains(path(e), "/records/"):
			records++
			patients[strings.Split(path(e), "/")[3]] = true
			if e.Label.Kind != "API1:2023" {
				t.Error(e.Label)
			}
		}
	}
	if writes < 50 || records < 200 || len(patients) < 80 || len(addresses) < 180 {
		t.Errorf("%d writes, %d records of %d patients from %d addresses", writes, records, len(patients), len(addresses))
	}
}

func TestScannersAndStuffing(t *testing.T) {
	o, h := hospital(0.2, 0, Attack{Kind: ScanLoud, At: monday.Add(time.Hour), For: 5 * time.Minute},
		Attack{Kind: ScanCareful, At: monday.Add(time.Hour), For: time.Hour, Campaign: "quiet"}, Attack{Kind: Stuffing, At: monday.Add(2 * time.Hour)})
	n, failed, from := map[string]float64{}, map[string]float64{}, map[string]map[string]bool{}
	for _, e := range collect(t, o, h) {
		k := e.Label.Kind
		if from[k] == nil {
			from[k] = map[string]bool{}
		}
		from[k][e.Client.IP] = true
		n[k]++
		if e.Response.Status >= 400 {
			failed[k]++
		}
	}
	for _, tc := range []struct {
		kind               string
		least              float64
		failLow, failHigh  float64
		addresses, atLeast int
	}{{"OAT-014", 2000, 0.9, 1, 1, 1}, {"OAT-018", 400, 0.02, 0.2, 3, 3}, {"OAT-008", 1500, 0.9, 0.99, 120, 100}} {
		share := failed[tc.kind] / n[tc.kind]
		if n[tc.kind] < tc.least || share < tc.failLow || share > tc.failHigh || len(from[tc.kind]) > tc.addresses || len(from[tc.kind]) < tc.atLeast {
			t.Errorf("%s: %g exchanges, %.3f failed, %d addresses", tc.kind, n[tc.kind], share, len(from[tc.kind]))
		}
	}
}

func TestClientsLookTheirPart(t *testing.T) {
	o, h := hospital(0.6, 0.12)
	seen := map[string]bool{}
	for _, e := range collect(t, o, h) {
		ua := header(e.Request.Headers, "user-agent")
		h2 := e.Request.Version == "HTTP/2.0"
		for _, f := range e.Request.Headers {
			if h2 && f.Name != strings.ToLower(f.Name) {
				t.Fatalf("%s in HTTP/2", f.Name)
			}
			if h2 == (f.Name == "Host") && f.Name == "Host" {
				t.Fatal("Host in HTTP/2")
			}
		}
		if h2 != (e.Client.H2 != "") || e.Client.JA4 == "" || netip.MustParseAddr(e.Client.IP).IsPrivate() {
			t.Fatalf("%+v", e.Client)
		}
		names := make([]string, 0, 16)
		for _, f := range e.Request.Headers[:4] {
			names = append(names, f.Name)
		}
		seen[ua[:min(len(ua), 12)]+" "+strings.Join(names, ",")] = true
	}
	if len(seen) < 10 {
		t.Errorf("%d looks: %v", len(seen), seen)
	}
	o, h = hospital(0.5, 0.05)
	o.Plain = true
	for _, e := range collect(t, o, h) {
		if e.Client.JA4 != "" || e.Client.H2 != "" || e.Request.Version != "HTTP/1.1" || header(e.Request.Headers, "Host") == "" {
			t.Fatalf("not plain: %+v", e)
		}
	}
}

func TestLiveTelehealthInEventTime(t *testing.T) {
	o, h := hospital(1, 0.1)
	o.Mix = Mix{Browser: 1}
	n := 0
	for _, e := range collect(t, o, h) {
		if e.Response.Status == 101 {
			n++
			if header(e.Response.Headers, "Sec-WebSocket-Accept") == "" || e.Request.Version != "HTTP/1.1" {
				t.Fatalf("%+v", e.Response)
			}
		}
	}
	if n == 0 {
		t.Error("no WebSocket was opened")
	}
}

func TestStopsCleanly(t *testing.T) {
	defer goleak.VerifyNone(t)
	o, h := hospital(1, 0.5)
	boom := errors.New("sink is full")
	n := 0
	err := Generate(context.Background(), o, h, func(Entry) error {
		if n++; n == 50 {
			return boom
		}
		return nil
	})
	if !errors.Is(err, boom) || n != 50 {
		t.Errorf("%v after %d", err, n)
	}
	ctx, cancel := context.WithCancel(context.Background())
	if err := Generate(ctx, o, h, func(Entry) error { cancel(); return nil }); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

func TestOptionsAreChecked(t *testing.T) {
	o, h := hospital(1, 0.5, Attack{Kind: "flood"}, Attack{Kind: ScanLoud, Addresses: 1e6})
	o.Rate, o.Clock = -1, nil
	err := Generate(context.Background(), o, h, nil)
	if !errors.Is(err, ErrOptions) || strings.Count(err.Error(), "\n") != 3 {
		t.Errorf("want four mistakes: %v", err)
	}
}

// TestEntryIsHAR reads what was written with encoding/json.
func TestEntryIsHAR(t *testing.T) {
	e := Entry{
		Started: monday.Add(1500 * time.Microsecond), Duration: 2500 * time.Microsecond, Site: "acme",
		Request:  Request{Method: "POST", URL: "https://h/a?q=%C3%A9&q=1%202&bad=%zz", Version: "HTTP/1.1", Headers: []Header{{Name: "Cookie", Value: "a=1; b=2"}, {Name: "Content-Type", Value: "text/plain"}}, Body: "line\n\"quoted\"\x01"},
		Response: Response{Status: 200, Version: "HTTP/1.1", Headers: []Header{{Name: "Content-Type", Value: "image/png"}, {Name: "X", Value: "\xff"}}, Body: "\x89PNG\xff"},
		Client:   Client{IP: "2003::1", Port: 4711, JA4: "j"}, Label: Label{Actor: "a", Kind: "OAT-014", Campaign: "c"},
	}
	var got map[string]any
	b, err := json.Marshal(e)
	if err == nil {
		err = json.Unmarshal(b, &got)
	}
	if err != nil {
		t.Fatalf("%v: %s", err, b)
	}
	at := func(keys ...any) any {
		v := any(got)
		for _, k := range keys {
			switch k := k.(type) {
			case string:
				v = v.(map[string]any)[k]
			case int:
				v = v.([]any)[k]
			}
		}
		return v
	}
	for _, tc := range []struct {
		got, want any
	}{
		{at("startedDateTime"), "2026-03-02T00:00:00.001500Z"},
		{at("time"), 2.5},
		{at("request", "queryString", 0, "value"), "é"},
		{at("request", "queryString", 1, "value"), "1 2"},
		{at("request", "queryString", 2, "value"), "%zz"},
		{at("request", "cookies", 1, "value"), "2"},
		{at("request", "postData", "text"), "line\n\"quoted\"\x01"},
		{at("request", "bodySize"), 14.0},
		{at("response", "content", "encoding"), "base64"},
		{at("response", "content", "text"), "iVBOR/8="},
		{at("response", "headers", 1, "value"), "\uFFFD"},
		{at("response", "content", "size"), 5.0},
		{at("_client", "ip"), "2003::1"},
		{at("_client", "headerOrder", 1), "Content-Type"},
		{at("_label", "campaign"), "c"},
		{at("_site"), "acme"},
	} {
		if tc.got != tc.want {
			t.Errorf("got %v, want %v", tc.got, tc.want)
		}
	}
}

func BenchmarkGenerate(b *testing.B) {
	b.ReportAllocs()
	n, size := 0, 0
	var buf []byte
	for b.Loop() {
		o, h := hospital(0.5, 0.3)
		_ = Generate(context.Background(), o, h, func(e Entry) error {
			n++
			buf = e.AppendJSON(buf[:0])
			size += len(buf)
			return nil
		})
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "exchanges/s")
	b.ReportMetric(float64(size)/float64(n), "B/exchange")
}
