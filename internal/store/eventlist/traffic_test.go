package eventlist_test

import (
	"fmt"
	"math/rand/v2"
	"time"

	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
	"merlon/internal/model/identity"
	"merlon/internal/store"
)

// traffic makes events as an API of a hospital has them: a few busy endpoints, many callers of whom few are busy, some
// attackers, errors in waves. It is the same for one seed.
type traffic struct {
	r         *rand.Rand
	namer     *event.Namer
	at        time.Time
	pace      time.Duration
	agents    []string
	templates []string
}

func newTraffic(seed uint64, from time.Time, pace time.Duration) *traffic {
	t := &traffic{r: rand.New(rand.NewPCG(seed, 1)), namer: event.NewNamer(1, seed), at: from, pace: pace}
	for i := range 150 {
		t.agents = append(t.agents, fmt.Sprintf("Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.%d Safari/605.1.%d", i%9, i))
	}
	for i := range 400 {
		t.templates = append(t.templates, fmt.Sprintf("/v%d/%s/{id}/%s", i%3+1, []string{"patients", "visits", "invoices", "labs", "staff"}[i%5], []string{"records", "notes", "adjust", "history"}[i/5%4]))
	}
	return t
}

// skewed is a number below n, small ones often.
func (t *traffic) skewed(n int) int {
	f := t.r.Float64()
	return min(int(f*f*f*float64(n)), n-1)
}

func (t *traffic) next() store.Event {
	t.at = t.at.Add(time.Duration(t.r.ExpFloat64() * float64(t.pace)))
	r, caller, place := t.r, t.skewed(60_000), t.skewed(400)
	e := store.Event{
		ID: t.namer.Name(t.at.UnixNano()).String(), Time: t.at, Arrived: t.at, Site: "acme", Node: "node-1", Source: "proxy",
		Method: []string{"GET", "GET", "GET", "POST", "PATCH", "DELETE"}[place%6], Host: "api.acme.example", Template: t.templates[place], Endpoint: identity.EndpointID(place + 1),
		Actor: fmt.Sprintf("principal:%016x", uint64(caller)*0x9e3779b97f4a7c15), Principal: fmt.Sprintf("%016x", uint64(caller)*0x9e3779b97f4a7c15), Strength: "accepted",
		Address: fmt.Sprintf("%d.%d.%d.%d", 11+caller%180, caller/7%250, caller/180%250, caller%250), Country: []string{"DE", "FR", "US", "GB", "PL", "RU", "KP"}[min(t.skewed(8), 6)],
		ASN: uint32(1000 + caller%900), UserAgent: t.agents[t.skewed(150)], Fingerprint: fmt.Sprintf("%016x", uint64(t.skewed(300)+1)), Mode: "watch", Action: "allow", Status: 200,
		JA4: fmt.Sprintf("t13d15%02dh2_8daaf6152771_cb7bf5808d99", t.skewed(40)), HTTP2: fmt.Sprintf("%016x", uint64(t.skewed(12)+77)), LatencyMicros: int64(2000 + r.ExpFloat64()*20_000), Findings: []byte("[]"),
		Detail: store.EventDetail{Observed: exchange.SawAll, RequestBytes: 300, ResponseBytes: 4000, ResponseBody: exchange.BodyJSON, ResponseWalked: true, AddedMicros: 40, Credentials: identity.Credentials(0).With(identity.Bearer), Knowledge: 40},
		Shape:  store.Shape{{Part: exchange.InPath, Kind: exchange.KindString, Parent: -1}, {Part: exchange.InResponseBody, Kind: exchange.KindObject, Parent: -1}, {Part: exchange.InResponseBody, Kind: exchange.KindString, Name: fmt.Sprintf("name%d", place), Parent: 1}},
	}
	switch n := r.IntN(1000); {
	case n < 30:
		e.Status = 404
	case n < 34:
		e.Status = 500 + r.IntN(4)
	}
	if r.IntN(10) < 3 {
		e.Notable = true
		f := []finding.Finding{{ID: []string{"payload.duplicate-key", "payload.invalid-utf8", "wire.obs-fold", "wire.conflicting-length"}[t.skewed(4)], Severity: finding.Severity(t.skewed(4) + 1), Score: 1, Where: "body", Why: "what it means, in a sentence that says so"}}
		e.Findings, e.FindingIDs, e.Severity = event.AppendFindings(nil, f), []string{f[0].ID}, int(f[0].Severity)
		if r.IntN(5) == 0 {
			e.Mode, e.Action, e.Rule, e.Status = "enforce", "block", f[0].ID, 403
			e.Strength, e.Actor, e.Principal = "anonymous", fmt.Sprintf("fingerprint:%016x", r.Uint64N(50_000)), ""
		} else {
			e.Would = "block"
		}
	}
	return e
}
