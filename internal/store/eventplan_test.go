package store

import (
	"slices"
	"testing"
	"time"

	"merlon/internal/model/finding"
	"merlon/internal/store/posting"
)

// TestKeysAnswerPlans: a row is in every set that a plan for its own values asks for, and a row of other values is in none.
func TestKeysAnswerPlans(t *testing.T) {
	e := Event{
		Site: "a", Node: "n", Source: "proxy", Method: "GET", Host: "h", Template: "/x", Endpoint: 4, Status: 503, Action: "block", Would: "tag", Mode: "enforce", Rule: "r",
		FindingIDs: []string{"wire.nul", "wire.cl-te"}, Severity: int(finding.High), Notable: true, Actor: "session:1", Principal: "p", Strength: "claimed", Address: "192.0.2.77",
		Country: "DE", ASN: 5, Fingerprint: "f", JA4: "j", HTTP2: "h2", RPC: "grpc 7", LatencyMicros: 1_500_000,
	}
	other := Event{Address: "198.51.100.1", Template: "/y", Severity: 1, LatencyMicros: 900}
	for name, f := range map[string]EventFilter{
		"site": {Site: "a"}, "node": {Node: "n"}, "source": {Source: "proxy"}, "method": {Method: "GET"}, "host": {Host: "h"}, "endpoint": {Endpoint: 4}, "status": {Status: 503}, "class": {Status: 5},
		"action": {Action: "block"}, "would": {Would: "tag"}, "mode": {Mode: "enforce"}, "rule": {Rule: "r"}, "finding": {Finding: "wire.cl-te"}, "severity": {MinSeverity: 2}, "own severity": {MinSeverity: 3},
		"notable": {Notable: true}, "actor": {Actor: "session:1"}, "principal": {Principal: "p"}, "strength": {Strength: "claimed"}, "address": {Address: "192.0.2.77"}, "/30": {Address: "192.0.2.76/30"},
		"/24": {Address: "192.0.2.0/24"}, "/18": {Address: "192.0.0.0/18"}, "/16": {Address: "192.0.0.0/16"}, "/12": {Address: "192.0.0.0/12"}, "/8": {Address: "192.0.0.0/8"}, "/5": {Address: "192.0.0.0/7"},
		"country": {Country: "DE"}, "asn": {ASN: 5}, "fingerprint": {Fingerprint: "f"}, "ja4": {JA4: "j"}, "http2": {HTTP2: "h2"}, "call": {RPC: "grpc 7"}, "protocol": {RPC: "grpc"},
		"latency": {MinLatency: time.Second}, "latency between": {MinLatency: 1300 * time.Millisecond},
	} {
		plan := PlanEvents(&f)
		if !has(EventKeys(nil, &e, 1, 2, 3), plan) {
			t.Errorf("%s: the row is not found", name)
		}
		if has(EventKeys(nil, &other, 1, 2, 3), plan) {
			t.Errorf("%s: another row is found", name)
		}
		if !f.Match(&e) || f.Match(&other) {
			t.Errorf("%s: matching says otherwise", name)
		}
	}
	six := Event{Address: "2001:db8:1:2::3"}
	for _, address := range []string{"2001:db8:1:2::3", "2001:db8:1:2::/64", "2001:db8:1::/48", "2001:db8::/32", "2000::/3"} {
		f := EventFilter{Address: address}
		if !has(EventKeys(nil, &six, 0, 0, 0), PlanEvents(&f)) || !f.Match(&six) || has(EventKeys(nil, &e, 0, 0, 0), PlanEvents(&f)) {
			t.Errorf("%s does not select %s alone", address, six.Address)
		}
	}
	// A proved principal is one with its actor and found under its name.
	proved := Event{Actor: "principal:00aa", Principal: "00aa"}
	f := EventFilter{Principal: "00aa"}
	if !has(EventKeys(nil, &proved, 0, 0, 0), PlanEvents(&f)) {
		t.Error("a proved principal is not found")
	}
}

func has(keys []posting.Key, p EventPlan) bool {
	for _, r := range p.Ranges {
		if !slices.ContainsFunc(keys, func(k posting.Key) bool { return k.Field == r.Field && k.Value >= r.From && k.Value <= r.To }) {
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
