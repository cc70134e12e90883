package posting

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"merlon/internal/model/finding"
	"merlon/internal/store"
)

func TestSet(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	for _, n := range []int{0, 1, 2, 254, 255, 256, 257, 4000, Rows} {
		var s Set
		want := r.Perm(Rows)[:n]
		for _, i := range want {
			s.Add(i)
		}
		slices.Sort(want)
		up, down := slices.Collect(s.Up()), slices.Collect(s.Down())
		slices.Reverse(down)
		if s.Len() != n || !slices.Equal(up, want) && n > 0 || !slices.Equal(down, up) {
			t.Fatalf("%d rows: %d", n, s.Len())
		}
		stored := s.Append(nil)
		if n == 0 {
			continue // an empty set is not stored: nothing stands for all rows
		}
		if limit := min(2*n, Rows/8); len(stored) > limit {
			t.Errorf("%d rows take %d bytes, more than %d", n, len(stored), limit)
		}
		var back Set
		if back.Read(stored); back != s {
			t.Errorf("%d rows read back as %d", n, back.Len())
		}
		for _, i := range want {
			s.Remove(i)
		}
		if s != (Set{}) {
			t.Errorf("%d rows are left", s.Len())
		}
	}
	var a, b Set
	a.Add(1)
	a.Add(2)
	b.Add(2)
	b.Add(3)
	both, either, only := a, a, a
	both.And(&b)
	either.Or(&b)
	only.Without(&b)
	if both.Len() != 1 || !both.Has(2) || either.Len() != 3 || only.Len() != 1 || !only.Has(1) {
		t.Error("and, or, without")
	}
}

func FuzzSet(f *testing.F) {
	full := Full()
	f.Add(full.Append(nil))
	f.Add([]byte{1, 0, 255, 255})
	f.Add(make([]byte, 512))
	f.Fuzz(func(t *testing.T, b []byte) {
		var s Set
		s.Read(b)
		if n := s.Len(); n > 0 {
			var back Set
			if back.Read(s.Append(nil)); back != s {
				t.Fatal("reads back otherwise")
			}
		}
	})
}

func TestTimes(t *testing.T) {
	var at [Rows]int64
	first, last := int64(1_790_000_000e9), int64(1_790_000_900e9)
	for i := range at {
		at[i] = first + int64(i)*(last-first)/(Rows-1)
	}
	times := NewTimes(&at, first, last)
	for i, want := range at {
		if got := times.At(i); got > want || want-got > (last-first)/65535+1 {
			t.Fatalf("row %d: %v away", i, time.Duration(want-got))
		}
	}
	same := NewTimes(&at, first, first)
	if same.At(5) != first || (&Times{First: 7}).At(4095) != 7 {
		t.Error("times without a span")
	}
}

// TestKeysAnswerPlans: a row is in every set that a plan for its own values asks for, and a row of other values is in none.
func TestKeysAnswerPlans(t *testing.T) {
	e := store.Event{
		Site: "a", Node: "n", Source: "proxy", Method: "GET", Host: "h", Template: "/x", Endpoint: 4, Status: 503, Action: "block", Would: "tag", Mode: "enforce", Rule: "r",
		FindingIDs: []string{"wire.nul", "wire.cl-te"}, Severity: int(finding.High), Notable: true, Actor: "session:1", Principal: "p", Strength: "claimed", Address: "192.0.2.77",
		Country: "DE", ASN: 5, Fingerprint: "f", JA4: "j", HTTP2: "h2", RPC: "grpc 7", LatencyMicros: 1_500_000,
	}
	other := store.Event{Address: "198.51.100.1", Template: "/y", Severity: 1, LatencyMicros: 900}
	for name, f := range map[string]store.EventFilter{
		"site": {Site: "a"}, "node": {Node: "n"}, "source": {Source: "proxy"}, "method": {Method: "GET"}, "host": {Host: "h"}, "endpoint": {Endpoint: 4}, "status": {Status: 503}, "class": {Status: 5},
		"action": {Action: "block"}, "would": {Would: "tag"}, "mode": {Mode: "enforce"}, "rule": {Rule: "r"}, "finding": {Finding: "wire.cl-te"}, "severity": {MinSeverity: 2}, "own severity": {MinSeverity: 3},
		"notable": {Notable: true}, "actor": {Actor: "session:1"}, "principal": {Principal: "p"}, "strength": {Strength: "claimed"}, "address": {Address: "192.0.2.77"}, "/30": {Address: "192.0.2.76/30"},
		"/24": {Address: "192.0.2.0/24"}, "/18": {Address: "192.0.0.0/18"}, "/16": {Address: "192.0.0.0/16"}, "/12": {Address: "192.0.0.0/12"}, "/8": {Address: "192.0.0.0/8"}, "/5": {Address: "192.0.0.0/7"},
		"country": {Country: "DE"}, "asn": {ASN: 5}, "fingerprint": {Fingerprint: "f"}, "ja4": {JA4: "j"}, "http2": {HTTP2: "h2"}, "call": {RPC: "grpc 7"}, "protocol": {RPC: "grpc"},
		"latency": {MinLatency: time.Second}, "latency between": {MinLatency: 1300 * time.Millisecond},
	} {
		plan := Make(&f)
		if !in(Keys(nil, &e, 1, 2, 3), plan) {
			t.Errorf("%s: the row is not found", name)
		}
		if in(Keys(nil, &other, 1, 2, 3), plan) {
			t.Errorf("%s: another row is found", name)
		}
		if !f.Match(&e) || f.Match(&other) {
			t.Errorf("%s: matching says otherwise", name)
		}
	}
	six := store.Event{Address: "2001:db8:1:2::3"}
	for _, address := range []string{"2001:db8:1:2::3", "2001:db8:1:2::/64", "2001:db8:1::/48", "2001:db8::/32", "2000::/3"} {
		f := store.EventFilter{Address: address}
		if !in(Keys(nil, &six, 0, 0, 0), Make(&f)) || !f.Match(&six) || in(Keys(nil, &e, 0, 0, 0), Make(&f)) {
			t.Errorf("%s does not select %s alone", address, six.Address)
		}
	}
	// A proved principal is one with its actor and found under its name.
	proved := store.Event{Actor: "principal:00aa", Principal: "00aa"}
	f := store.EventFilter{Principal: "00aa"}
	if !in(Keys(nil, &proved, 0, 0, 0), Make(&f)) {
		t.Error("a proved principal is not found")
	}
}

func in(keys []Key, p Plan) bool {
	for _, r := range p.Ranges {
		if !slices.ContainsFunc(keys, func(k Key) bool { return k.Field == r.Field && k.Value >= r.From && k.Value <= r.To }) {
			return false
		}
	}
	for _, e := range p.Either {
		if !slices.Contains(keys, e[0]) && !slices.Contains(keys, e[1]) {
			return false
		}
	}
	return true
}
