package admintest

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
	"merlon/internal/store"
	"merlon/internal/store/eventlist"
)

// operation is one of a hospital's API, with what is special about it.
type operation struct {
	method, template string
	requests         uint64
	auth             inventory.Authentication
	lifecycle        []string
	sensitive        []inventory.Sensitive
	candidate        bool
	risk             float64
}

func operations() []operation {
	return []operation{
		{"POST", "/v2/login", 18_422, inventory.AuthNone, nil, []inventory.Sensitive{{Class: "jwt", Where: "response.body.token"}}, false, 10},
		{"GET", "/v2/patients", 24_310, inventory.AuthEnforced, nil, []inventory.Sensitive{{Class: "email", Where: "response.body.items[].email"}, {Class: "phone", Where: "response.body.items[].phone"}}, false, 10},
		{"GET", "/v2/patients/{patientId}", 198_204, inventory.AuthEnforced, nil, []inventory.Sensitive{{Class: "email", Where: "response.body.email"}, {Class: "us-ssn", Where: "response.body.ssn"}, {Class: "phone", Where: "response.body.phone"}}, false, 10},
		{"PATCH", "/v2/patients/{patientId}", 3_120, inventory.AuthEnforced, nil, nil, false, 0},
		{"GET", "/v2/patients/{patientId}/records", 41_870, inventory.AuthMixed, []string{"changed"}, []inventory.Sensitive{{Class: "us-ssn", Where: "response.body.records[].ssn"}}, false, 65},
		{"GET", "/v2/patients/{patientId}/records/{recordId}", 88_010, inventory.AuthEnforced, nil, nil, false, 0},
		{"POST", "/v2/appointments", 7_442, inventory.AuthEnforced, nil, nil, false, 0},
		{"GET", "/v2/appointments/{appointmentId}", 52_300, inventory.AuthEnforced, nil, nil, false, 0},
		{"DELETE", "/v2/appointments/{appointmentId}", 611, inventory.AuthEnforced, nil, nil, false, 0},
		{"GET", "/v2/billing/invoices", 6_731, inventory.AuthEnforced, nil, []inventory.Sensitive{{Class: "iban", Where: "response.body.items[].iban"}}, false, 10},
		{"POST", "/v2/billing/invoices/{invoiceId}/adjust", 37, inventory.AuthEnforced, []string{"new", "shadow"}, []inventory.Sensitive{{Class: "card", Where: "body.card"}}, true, 50},
		{"GET", "/v1/patients/{id}", 2_204, inventory.AuthNone, []string{"deprecated"}, []inventory.Sensitive{{Class: "email", Where: "response.body.email"}}, false, 60},
		{"PUT", "/v2/telehealth/sessions/{sessionId}", 1_904, inventory.AuthEnforced, nil, nil, false, 0},
		{"GET", "/v2/telehealth/sessions/{sessionId}/chat", 904, inventory.AuthUnknown, []string{"new"}, nil, true, 0},
		{"GET", "/health", 302_112, inventory.AuthNone, nil, nil, false, 10},
		{"GET", "/internal/debug/vars", 14, inventory.AuthNone, []string{"new", "shadow"}, nil, true, 20},
		{"OPTIONS", "/v2/patients", 411, inventory.AuthNone, nil, nil, false, 0},
		{"GET", "/v2/exports/{year}/{month}/report.csv", 0, inventory.AuthUnknown, nil, nil, false, 0},
	}
}

// Fill lays out an estate of n endpoints (a hospital's first, then made-up ones), a day of series and two hundred events.
func (w *World) Fill(tb testing.TB, n int) {
	tb.Helper()
	w.SetEstate(w.estateOf(n))
	r := rand.New(rand.NewPCG(1, 2))
	w.fillSeries(tb, r)
	w.fillEvents(tb, r)
	w.SetStatus(func(s *admin.Status) {
		s.Events, s.Learned, s.Queued, s.JournalBytes, s.DatabaseBytes = 1_204_331, 1_204_320, 11, 82<<20, 31<<20
		s.Knowledge, s.Distilled = 412, w.now.Add(-9*time.Second)
	})
}

func (w *World) estateOf(n int) *inventory.Inventory {
	now := w.Now()
	site := inventory.Site{Name: "acme"}
	for i := range n {
		o := operations()[i%len(operations())]
		template := o.template
		if i >= len(operations()) {
			template = fmt.Sprintf("/svc%d%s", i/len(operations()), o.template)
		}
		e := inventory.Endpoint{
			ID: identity.EndpointID(i + 1), Site: "acme", Host: "api.acme.example", Method: o.method, Template: template, State: inventory.Confirmed,
			Documented: len(o.lifecycle) == 0, Lifecycle: o.lifecycle, Requests: o.requests, Confidence: 1, FirstSeen: now.Add(-time.Duration(i+2) * 11 * time.Hour),
			LastSeen: now.Add(-time.Duration(i*i) * time.Second), Auth: o.auth, Credentials: []string{"bearer"}, Access: inventory.AccessOf(o.method),
			Sensitive: o.sensitive, Callers: o.requests / 91, Risk: inventory.Risk{Score: o.risk, Confirmed: !o.candidate, Terms: []inventory.RiskTerm{}},
		}
		if o.candidate {
			e.State, e.Confidence, e.FirstSeen = inventory.Candidate, .6, now.Add(-time.Duration(i)*7*time.Minute)
		}
		if o.requests == 0 {
			e.State, e.FirstSeen, e.LastSeen = inventory.Unseen, time.Time{}, time.Time{}
		}
		if o.auth == inventory.AuthNone {
			e.Credentials = []string{}
		}
		describe(&e)
		site.Endpoints = append(site.Endpoints, e)
	}
	return &inventory.Inventory{Version: 412, At: now, Sites: []inventory.Site{site}, NextID: identity.EndpointID(n + 1)}
}

// describe adds the risk terms and the detail of an endpoint.
func describe(e *inventory.Endpoint) {
	if e.Risk.Score >= 50 {
		e.Risk.Terms = append(e.Risk.Terms, inventory.RiskTerm{Name: "sensitive data without authentication", Value: 30, Why: e.Sensitive[0].Class + " in " + e.Sensitive[0].Where})
	}
	if e.Auth == inventory.AuthMixed {
		e.Risk.Terms = append(e.Risk.Terms, inventory.RiskTerm{Name: "mixed authentication", Value: 25, Why: "40 911 successes with and 959 without a credential"})
	}
	if e.Risk.Score > 0 {
		e.Risk.Terms = append(e.Risk.Terms, inventory.RiskTerm{Name: "sensitive data", Value: 10, Why: "e-mail addresses are answered"})
	}
	d := &inventory.Detail{
		Support:  inventory.Support{Principals: 41, Networks: 17, Buckets: 44},
		Statuses: []inventory.StatusCount{{Status: 200, Count: e.Requests * 9 / 10}, {Status: 401, Count: e.Requests / 25}, {Status: 404, Count: e.Requests / 50}, {Status: 502, Count: e.Requests / 400}},
		Latency:  inventory.Distribution{Count: e.Requests, P50: 11.2, P95: 48.1, P99: 133, Max: 2210}, AnswerSize: inventory.Distribution{Count: e.Requests, P50: 812, P95: 4410, P99: 19_300, Max: 88_122},
		RequestSize: inventory.Distribution{Count: e.Requests / 2, P50: 0, P95: 312, P99: 410, Max: 2048},
		Parameters: []inventory.Parameter{
			{In: "path", Name: "patientId", Required: true, Seen: e.Requests, State: inventory.Confirmed, Classes: []string{"uuid"}, Schema: json.RawMessage(`{"type":"string","format":"uuid"}`)},
			{In: "query", Name: "expand", Seen: e.Requests / 7, State: inventory.Confirmed, Schema: json.RawMessage(`{"type":"string","enum":["records","visits"],"x-merlon-seen":912}`)},
			{In: "query", Name: "debug", Seen: 3, State: inventory.Candidate, Schema: json.RawMessage(`{"type":"string","x-merlon-state":"candidate"}`)},
			{In: "header", Name: "X-Request-Id", Seen: e.Requests / 2, State: inventory.Confirmed, Schema: json.RawMessage(`{"type":"string","format":"uuid"}`)},
		},
		Schemas: []inventory.Schema{
			{Message: "response", Status: "2xx", MediaType: "application/json", Samples: e.Requests * 9 / 10, Schema: json.RawMessage(patientSchema)},
			{Message: "response", Status: "4xx", MediaType: "application/json", Samples: e.Requests / 20, Schema: json.RawMessage(`{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{"error":{"type":"string","maxLength":120}},"required":["error"]}`)},
		},
		Countries: []inventory.Count{{Name: "DE", Count: e.Requests / 2}, {Name: "AT", Count: e.Requests / 4}, {Name: "CH", Count: e.Requests / 9}, {Name: "NL", Count: e.Requests / 40}},
		Networks:  []inventory.Count{{Name: "AS3320", Count: e.Requests / 3}, {Name: "AS8447", Count: e.Requests / 6}, {Name: "AS16509", Count: e.Requests / 21}},
		Clients:   []inventory.Count{{Name: "AcmeMobile", Count: e.Requests * 2 / 3}, {Name: "Mozilla", Count: e.Requests / 5}, {Name: "curl", Count: e.Requests / 300}},
		History:   []inventory.Change{{At: e.FirstSeen, What: "first seen"}},
		Postures:  []finding.Posture{},

		SuccessesWithCredential: e.Requests * 9 / 10,
	}
	if e.Access == inventory.Write {
		d.Writers = []inventory.Writer{{Principal: "9f2c81d07be4a613", Proved: true, First: e.FirstSeen, Count: e.Requests, Since: e.FirstSeen.Add(-70 * time.Hour), Reads: 813}}
	}
	if e.Access == inventory.Write && !e.Documented {
		d.Writers[0].NeverBefore = true
		d.Postures = append(d.Postures, finding.Posture{
			ID: "posture.first-write", Endpoint: e.ID, Classes: []string{"API5:2023"}, Severity: finding.High, Confirmed: true,
			Why: "principal 9f2c81d07be4a613 had only read until it wrote here.", Mend: "Ask its owner whether it is meant to write.",
		})
	}
	if e.State == inventory.Candidate {
		d.Support = inventory.Support{Principals: 1, Networks: 2, Buckets: 3, Missing: "2 more authenticated callers, 1 more hours with success"}
	}
	if e.Auth == inventory.AuthMixed {
		d.SuccessesWithoutCredential = 959
		d.Postures = append(d.Postures, finding.Posture{
			ID: "posture.mixed-authentication", Endpoint: e.ID, Classes: []string{"API2:2023"}, Severity: finding.High, Confirmed: true,
			Why: "959 successes carried no credential, 40 911 did.", Mend: "Require the credential on every path that leads to this operation.",
		})
	}
	e.Detail = d
}

const patientSchema = `{"$schema":"https://json-schema.org/draft/2020-12/schema","type":"object","properties":{
"id":{"type":"string","format":"uuid"},"name":{"type":"object","properties":{"given":{"type":"string","maxLength":40},"family":{"type":"string","maxLength":60}},"required":["family","given"]},
"email":{"type":"string","format":"email","x-merlon-classes":["email"]},"ssn":{"type":["string","null"],"x-merlon-classes":["us-ssn"]},"born":{"type":"string","format":"date"},
"sex":{"type":"string","enum":["female","male","other"]},
"visits":{"type":"array","items":{"type":"object","properties":{"at":{"type":"string","format":"date-time"},"ward":{"type":"string","enum":["A1","A2","B1","ICU"]},"minutes":{"type":"integer","minimum":5,"maximum":240}},"required":["at"]}},
"internalNote":{"type":"string","x-merlon-state":"candidate","x-merlon-seen":4}},"required":["id","name","email","born"]}`

func (w *World) fillSeries(tb testing.TB, r *rand.Rand) {
	now, points := w.Now().Unix(), []store.SeriesPoint{}
	for at := now - 24*3600; at < now-3600; at += 600 {
		hour := float64(at%86400) / 86400
		level := 400 + 300*math.Sin((hour-.3)*2*math.Pi) + 60*r.Float64()
		for _, id := range []identity.EndpointID{3, 2, 5, 15} {
			p := store.SeriesPoint{Site: "acme", Node: "node-1", Source: "proxy", Endpoint: id, At: at, Step: 60, Arrived: at, Requests: uint64(10 * level / float64(id))}
			if at > now-5*3600 && at < now-5*3600+1500 {
				p.ServerErrors = p.Requests / 4
			}
			if at > now-2*3600 && at < now-2*3600+2400 {
				p.Blocked = p.Requests / 3
			}
			p.Latency.Add(11e6)
			points = append(points, p)
		}
	}
	// Finer points for the last hour, so that the shortest span has a shape, too.
	for at := (now - 3600) / 10 * 10; at < now; at += 60 {
		p := store.SeriesPoint{Site: "acme", Node: "node-1", Source: "proxy", Endpoint: 3, At: at, Step: 10, Arrived: at, Requests: 400 + uint64(r.IntN(95))}
		p.Latency.Add(int64(9e6 + r.Float64()*9e6))
		points = append(points, p)
	}
	if err := w.Store.AddSeries(tb.Context(), points); err != nil {
		tb.Fatal(err)
	}
}

func (w *World) fillEvents(tb testing.TB, r *rand.Rand) {
	namer := event.NewNamer(1, 7)
	agents := []string{"AcmeMobile/4.2 (iOS 19.1)", "Mozilla/5.0 (X11; Linux x86_64)", "curl/8.9.1", "python-requests/2.32"}
	var rows []store.Event
	for i := range 200 {
		at := w.Now().Add(-time.Duration(200-i) * 2300 * time.Millisecond)
		o := operations()[r.IntN(len(operations()))]
		e := store.Event{
			ID: namer.Name(at.UnixNano()).String(), Time: at, Arrived: at, Site: "acme", Node: "node-1", Source: "proxy", Method: o.method, Host: "api.acme.example",
			Template: o.template, Actor: fmt.Sprintf("principal:%016x", 0x51a0+r.Uint64N(30)), Strength: "accepted", Address: fmt.Sprintf("198.51.100.%d", r.IntN(60)),
			Country: "DE", ASN: 3320, JA4: "t13d1517h2_8daaf6152771_cb7bf5808d99", Fingerprint: fmt.Sprintf("%016x", 0xfee1+r.Uint64N(9)), UserAgent: agents[r.IntN(len(agents))], Mode: "watch", Action: "allow", Status: 200, LatencyMicros: 4000 + r.Int64N(90_000), Findings: []byte("[]"),
		}
		for j := range operations() {
			if operations()[j].template == o.template && operations()[j].method == o.method {
				e.Endpoint = identity.EndpointID(j + 1)
			}
		}
		e.Principal = e.Actor[len("principal:"):]
		e.Detail, e.Shape = seen(o.method)
		switch {
		case i%17 == 3:
			e.Findings = event.AppendFindings(nil, []finding.Finding{{ID: "wire.conflicting-length", Classes: []string{"CWE-444"}, Severity: finding.High, Score: 1, Where: "wire", Why: "Content-Length and Transfer-Encoding disagree", Evidence: "Content-Length: 4, Transfer-Encoding: chunked"}})
			e.FindingIDs, e.Severity, e.Would, e.Status, e.Notable = []string{"wire.conflicting-length"}, int(finding.High), "block", 400, true
			e.Detail.Anomalies.Add(exchange.AnomalyCLTE)
			e.Detail.Principal, e.Detail.Credentials = identity.Principal{}, 0
			e.Strength, e.Principal, e.Actor = "anonymous", "", fmt.Sprintf("fingerprint:%016x", 0x77+r.Uint64N(5))
		case i%23 == 5:
			e.Mode, e.Action, e.Status, e.Rule, e.Notable = "enforce", "block", 403, "standing:019a", true
			e.Template, e.Endpoint, e.Address, e.Country = "", 0, "203.0.113.66", "RU"
		case i%11 == 2:
			e.Status = 404
		}
		rows = append(rows, e)
	}
	if err := w.Store.AddEvents(tb.Context(), rows); err != nil {
		tb.Fatal(err)
	}
}

// seen is what the proxy observes of an ordinary call.
func seen(method string) (store.EventDetail, store.Shape) {
	d := store.EventDetail{
		Observed: exchange.SawAll, ResponseBody: exchange.BodyJSON, ResponseBytes: 1840, ResponseWalked: true, RequestWalked: true, AddedMicros: 41, Knowledge: 412,
		Credentials: identity.Credentials(0).With(identity.Bearer), Principal: identity.Principal{Token: 0x51a0, Strength: identity.Accepted, Carrier: identity.Bearer},
	}
	text := func(part exchange.Part, parent int, name string, class dataclass.Class) store.Place {
		return store.Place{Part: part, Kind: exchange.KindString, Name: name, Parent: parent, Classes: uint64(class.Set())}
	}
	s := store.Shape{
		text(exchange.InPath, -1, "", dataclass.Word), text(exchange.InPath, -1, "", dataclass.Word), text(exchange.InPath, -1, "", dataclass.UUID),
		text(exchange.InQuery, -1, "expand", dataclass.Word),
	}
	if method == "POST" || method == "PATCH" {
		d.RequestBody, d.RequestBytes = exchange.BodyJSON, 212
		root := len(s)
		s = append(s, store.Place{Part: exchange.InBody, Kind: exchange.KindObject, Parent: -1}, text(exchange.InBody, root, "email", dataclass.Email),
			store.Place{Part: exchange.InBody, Kind: exchange.KindString, Name: "password", Parent: root, Secret: true})
	}
	root := len(s)
	return d, append(s, store.Place{Part: exchange.InResponseBody, Kind: exchange.KindObject, Parent: -1}, text(exchange.InResponseBody, root, "id", dataclass.UUID),
		store.Place{Part: exchange.InResponseBody, Kind: exchange.KindArray, Name: "records", Parent: root}, store.Place{Part: exchange.InResponseBody, Kind: exchange.KindObject, Parent: root + 2},
		text(exchange.InResponseBody, root+3, "ssn", dataclass.SSN), text(exchange.InResponseBody, root+3, "note", dataclass.Text))
}

// AddEvent stores one more event, on an endpoint whose template ends in a text from a hostile caller.
func (w *World) AddEvent(tb testing.TB, hostile string) string {
	tb.Helper()
	now := w.Now()
	id := event.NewNamer(2, rand.Uint64()).Name(now.UnixNano()).String()
	e := store.Event{
		ID: id, Time: now, Arrived: now, Site: hostile, Node: "node-1", Source: hostile, Method: hostile, Host: hostile, Template: "/" + hostile, Endpoint: 1,
		Actor: hostile, Principal: hostile, Strength: "claimed", Address: hostile, Country: hostile, UserAgent: hostile, Mode: "watch", Action: "allow", Would: hostile,
		Rule: hostile, Status: 200, Severity: int(finding.High), Notable: true, FindingIDs: []string{hostile},
		Findings: event.AppendFindings(nil, []finding.Finding{{ID: hostile, Classes: []string{hostile}, Severity: finding.High, Where: hostile, Evidence: hostile, Why: hostile}}),
	}
	if err := w.Store.AddEvents(tb.Context(), []store.Event{e}); err != nil {
		tb.Fatal(err)
	}
	return id
}

// EventID is the latest event with a finding.
func (w *World) EventID(tb testing.TB, id string) string {
	tb.Helper()
	p, err := eventlist.Page(tb.Context(), w.Store, store.EventFilter{Finding: id, Limit: 1})
	if err != nil || len(p.Events) == 0 {
		tb.Fatalf("no event with %s: %v", id, err)
	}
	return p.Events[0].ID
}
