package distill

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"merlon/internal/learn/summary"
	"merlon/internal/model/bundle"
	"merlon/internal/model/description"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
)

// scene makes traffic in words that a test reads well.
type scene struct {
	events []*event.Event
	n      int
}

// visit is one exchange; its zero parts are a successful anonymous GET of api.example in the first hour.
type visit struct {
	method, host, path, query, answer, body string
	status                                  uint16
	hour                                    int // since the start of the scene
	who                                     string
	strength                                identity.Strength
	addr                                    string
	credential                              bool
	blind                                   bool // the source could not see credentials
	template                                string
	endpoint                                identity.EndpointID
	size                                    int64
}

func (s *scene) add(v visit) *scene {
	s.n++
	e := &event.Event{}
	for i := range 8 {
		e.ID[8+i] = byte(s.n >> (8 * i))
	}
	if v.method == "" {
		v.method = "GET"
	}
	if v.host == "" {
		v.host = "api.example"
	}
	if v.status == 0 {
		v.status = 200
	}
	if v.addr == "" {
		v.addr = "198.51.100.7"
	}
	e.At = start + int64(v.hour)*hour + int64(s.n%1000)*1e9
	e.Arrived = e.At
	e.Observed = exchange.SawAll
	if v.blind {
		e.Observed &^= exchange.SawCredentials
	}
	e.Method, e.Host, e.Status = e.Append([]byte(v.method)), e.Append([]byte(v.host)), v.status
	e.Client = netip.MustParseAddr(v.addr)
	e.ResponseBytes = v.size
	if v.who != "" {
		e.Principal = identity.Principal{Token: testKey.Token([]byte(v.who)), Strength: v.strength}
	}
	if v.credential {
		e.Credentials = e.Credentials.With(identity.Bearer)
	}
	if v.template != "" {
		e.Template, e.Endpoint = e.Append([]byte(v.template)), v.endpoint
	}
	m := maker{e}
	m.path(v.path)
	if k, val, ok := strings.Cut(v.query, "="); ok {
		m.add(exchange.InQuery, -1, exchange.MemberLoc(exchange.RootLoc(exchange.InQuery), []byte(k)), k, val, exchange.KindString)
	}
	if m.body(exchange.InBody, v.body) {
		e.RequestBody, e.RequestWalked = exchange.BodyJSON, true
	}
	if m.body(exchange.InResponseBody, v.answer) {
		e.ResponseBody, e.ResponseWalked = exchange.BodyJSON, true
		e.ResponseBytes = int64(len(v.answer))
	}
	s.events = append(s.events, e)
	return s
}

// quorum adds what confirms an endpoint: proved principals of different networks over several hours.
func (s *scene) quorum(v visit) *scene {
	for i := range 6 {
		v.who, v.strength, v.credential = fmt.Sprintf("user %d", i), identity.Verified, true
		v.addr, v.hour = fmt.Sprintf("10.0.%d.1", i), i
		s.add(v)
	}
	return s
}

func (s *scene) state() *summary.State {
	st := summary.New("acme", testSeed)
	for _, e := range s.events {
		st.Apply(e)
	}
	return st
}

func (s *scene) distill() Output { return Distill(Input{State: s.state()}) }

func find(t *testing.T, o Output, method, template string) *inventory.Endpoint {
	t.Helper()
	for i := range o.Site.Endpoints {
		if e := &o.Site.Endpoints[i]; e.Method == method && e.Template == template {
			return e
		}
	}
	t.Fatalf("%s %s is not in the inventory: %v", method, template, templatesOf(o))
	return nil
}

func templatesOf(o Output) []string {
	out := []string{}
	for _, e := range o.Site.Endpoints {
		out = append(out, fmt.Sprintf("%d %s %s%s %s", e.ID, e.Method, e.Host, e.Template, e.State))
	}
	return out
}

func TestGate(t *testing.T) {
	for _, c := range []struct {
		name  string
		scene func(*scene)
		state inventory.State
	}{
		{"three principals of two networks over two hours", func(s *scene) {
			for i := range 3 {
				s.add(visit{path: "/a", who: fmt.Sprint(i), strength: identity.Verified, addr: fmt.Sprintf("10.0.%d.1", i%2), hour: i})
			}
		}, inventory.Confirmed},
		{"accepted principals count as verified ones", func(s *scene) {
			for i := range 3 {
				s.add(visit{path: "/a", who: fmt.Sprint(i), strength: identity.Accepted, addr: fmt.Sprintf("10.0.%d.1", i), hour: i})
			}
		}, inventory.Confirmed},
		{"five networks over three hours", func(s *scene) {
			for i := range 5 {
				s.add(visit{path: "/a", addr: fmt.Sprintf("10.0.%d.1", i), hour: i})
			}
		}, inventory.Confirmed},
		{"many principals of one network", func(s *scene) {
			for i := range 100 {
				s.add(visit{path: "/a", who: fmt.Sprint(i), strength: identity.Verified, hour: i})
			}
		}, inventory.Candidate},
		{"one principal of many networks", func(s *scene) {
			for i := range 100 {
				s.add(visit{path: "/a", who: "one", strength: identity.Verified, addr: fmt.Sprintf("10.0.%d.1", i), hour: i})
			}
		}, inventory.Candidate},
		{"claimed identities add nothing to their network", func(s *scene) {
			for i := range 100 {
				s.add(visit{path: "/a", who: fmt.Sprint(i), strength: identity.Claimed, addr: fmt.Sprintf("10.0.%d.1", i%4), hour: i})
			}
		}, inventory.Candidate},
		{"five networks in one hour", func(s *scene) {
			for i := range 5 {
				s.add(visit{path: "/a", addr: fmt.Sprintf("10.0.%d.1", i)})
			}
		}, inventory.Candidate},
		{"addresses of one network", func(s *scene) {
			for i := range 200 {
				s.add(visit{path: "/a", addr: fmt.Sprintf("10.0.0.%d", i), hour: i})
			}
		}, inventory.Candidate},
		{"principals who mostly fail elsewhere", func(s *scene) {
			s.quorum(visit{path: "/a"})
			for i := range 240 {
				s.add(visit{path: fmt.Sprintf("/x%d", i), status: 404, who: fmt.Sprintf("user %d", i%6), strength: identity.Verified, addr: fmt.Sprintf("10.0.%d.1", i%6)})
			}
			s.add(visit{path: "/a", addr: "192.0.2.1"}) // one who is believed
		}, inventory.Candidate},
		{"failures of other callers do not hurt", func(s *scene) {
			s.quorum(visit{path: "/a"})
			for i := range 240 {
				s.add(visit{path: fmt.Sprintf("/x%d", i), status: 404, addr: "203.0.113.9"})
			}
		}, inventory.Confirmed},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &scene{}
			c.scene(s)
			e := find(t, s.distill(), "GET", "/a")
			if e.State != c.state {
				t.Fatalf("state %s, want %s (support %+v)", e.State, c.state, e.Detail.Support)
			}
			if (e.Confidence == 1) != (c.state == inventory.Confirmed) || (e.Detail.Support.Missing == "") != (c.state == inventory.Confirmed) {
				t.Errorf("confidence %v and missing %q do not fit state %s", e.Confidence, e.Detail.Support.Missing, e.State)
			}
		})
	}
}

func TestFlaggedSupporterTakesItsSupportAway(t *testing.T) {
	s := &scene{}
	for i := range 3 {
		s.add(visit{path: "/a", who: fmt.Sprint(i), strength: identity.Verified, addr: fmt.Sprintf("10.0.%d.1", i), hour: i})
	}
	st := s.state()
	before := Distill(Input{State: st})
	flagged := identity.Actor{Kind: identity.ActorPrincipal, Token: testKey.Token([]byte("1"))}
	after := Distill(Input{State: st, Flagged: func(a identity.Actor) bool { return a == flagged }})
	if a, b := find(t, before, "GET", "/a").State, find(t, after, "GET", "/a").State; a != inventory.Confirmed || b != inventory.Candidate {
		t.Fatalf("before the flag %s, after it %s; want confirmed, candidate", a, b)
	}
}

func TestFlaggedNetwork(t *testing.T) {
	s := &scene{}
	for i := range 5 {
		s.add(visit{path: "/a", addr: fmt.Sprintf("10.0.%d.1", i), hour: i})
	}
	bad := s.events[2].Client
	actor := identity.SettleActor(identity.Principal{}, identity.Session{}, 0, identity.NetworkID(bad))
	o := Distill(Input{State: s.state(), Flagged: func(a identity.Actor) bool { return a == actor }})
	if e := find(t, o, "GET", "/a"); e.State != inventory.Candidate || e.Detail.Support.Networks != 4 {
		t.Fatalf("state %s with %d networks, want candidate with 4", e.State, e.Detail.Support.Networks)
	}
}

// scanner asks for many junk paths from one network; a few are answered.
func scanner(s *scene, n int, addr string) {
	for i := range n {
		v := visit{path: fmt.Sprintf("/wp-%c%c%c/config", 'a'+i%26, 'a'+i/26%26, 'a'+i/676), status: 404, addr: addr, hour: i % 5}
		if i%33 == 0 {
			v.status, v.size = 200, int64(i)
		}
		s.add(v)
	}
}

func TestScannerAloneMakesNoEndpoint(t *testing.T) {
	s := &scene{}
	s.quorum(visit{path: "/orders", answer: `{"orders":[]}`})
	scanner(s, 2000, "203.0.113.9")
	o := s.distill()
	if got := templatesOf(o); len(got) != 1 {
		t.Fatalf("want /orders alone, got %v", got)
	}
	if e := find(t, o, "GET", "/orders"); e.State != inventory.Confirmed {
		t.Fatalf("the scanner kept /orders from being confirmed: %+v", e.Detail.Support)
	}
}

func TestScannerThatMostlySucceedsStaysCandidate(t *testing.T) {
	s := &scene{}
	for i := range 300 {
		s.add(visit{path: fmt.Sprintf("/things-%c%c/list", 'a'+i%26, 'a'+i/26), addr: "203.0.113.9", hour: i % 9, size: int64(1000 + i*97%5000)})
	}
	for _, e := range s.distill().Site.Endpoints {
		if e.State != inventory.Candidate {
			t.Fatalf("%s %s is %s by one network alone", e.Method, e.Template, e.State)
		}
	}
}

func TestOneCallerCannotFillTheKnowledge(t *testing.T) {
	s := &scene{}
	for i := range MaxPublishedCandidates + 500 {
		s.add(visit{host: fmt.Sprintf("h%d.example", i), path: "/x", addr: "203.0.113.9"})
	}
	s.quorum(visit{path: "/orders"})
	o := s.distill()
	if n := len(o.Site.Endpoints); n != MaxPublishedCandidates+501 {
		t.Fatalf("%d endpoints listed", n)
	}
	if n := len(o.Knowledge.Endpoints); n != MaxPublishedCandidates+1 {
		t.Fatalf("%d endpoints published", n)
	}
	if !slices.ContainsFunc(o.Knowledge.Endpoints, func(k bundle.KnownEndpoint) bool { return k.Template == "/orders" && k.State == inventory.Confirmed }) {
		t.Fatal("the confirmed endpoint is not among them")
	}
}

func TestCatchAll(t *testing.T) {
	junk := func(s *scene, host, answer string, size func(i int) int64) {
		for i := range 120 {
			p := fmt.Sprintf("/junk-%c%c", 'a'+i%26, 'a'+i/26)
			for range i % 3 {
				p += fmt.Sprintf("/deep-%c", 'a'+i%7)
			}
			s.add(visit{host: host, path: p, answer: answer, size: size(i), addr: fmt.Sprintf("10.1.%d.1", i%40), hour: i % 7})
		}
	}
	t.Run("one page for every path", func(t *testing.T) {
		s := &scene{}
		s.quorum(visit{path: "/api/orders", answer: `{"orders":[{"id":1}]}`})
		junk(s, "api.example", "", func(i int) int64 { return 4000 + int64(i%20) })
		o := s.distill()
		if !slices.Equal(o.Site.CatchAll, []string{"api.example"}) || !slices.Equal(o.Knowledge.CatchAll, o.Site.CatchAll) {
			t.Fatalf("catch-all hosts %v", o.Site.CatchAll)
		}
		if got := templatesOf(o); len(got) != 1 || find(t, o, "GET", "/api/orders").State != inventory.Confirmed {
			t.Fatalf("want /api/orders alone and confirmed, got %v", got)
		}
	})
	t.Run("one JSON answer for every path", func(t *testing.T) {
		s := &scene{}
		junk(s, "soft.example", `{"ok":true,"page":"none"}`, func(int) int64 { return 0 })
		if o := s.distill(); !slices.Equal(o.Site.CatchAll, []string{"soft.example"}) || len(o.Site.Endpoints) != 0 {
			t.Fatalf("catch-all hosts %v, endpoints %v", o.Site.CatchAll, templatesOf(o))
		}
	})
	t.Run("pages of different sizes are an ordinary site", func(t *testing.T) {
		s := &scene{}
		junk(s, "docs.example", "", func(i int) int64 { return 2000 + int64(i*7919%30000) })
		if o := s.distill(); len(o.Site.CatchAll) != 0 {
			t.Fatalf("catch-all hosts %v", o.Site.CatchAll)
		}
	})
	t.Run("user names at the root are a parameter", func(t *testing.T) {
		s := &scene{}
		for i := range 120 {
			u := fmt.Sprintf("user-%c%c", 'a'+i%26, 'a'+i/26)
			a := fmt.Sprintf(`{"login":%q,"followers":1}`, u)
			s.add(visit{host: "hub.example", path: "/" + u, answer: a, addr: fmt.Sprintf("10.1.%d.1", i%40), hour: i % 7})
			s.add(visit{host: "hub.example", path: "/" + u + "/repos", answer: `[{"full_name":"x","stars":2}]`, addr: fmt.Sprintf("10.1.%d.1", i%40), hour: i % 7})
		}
		o := s.distill()
		if len(o.Site.CatchAll) != 0 || len(o.Site.Endpoints) != 2 {
			t.Fatalf("catch-all hosts %v, endpoints %v", o.Site.CatchAll, templatesOf(o))
		}
	})
}

func TestTemplates(t *testing.T) {
	for _, c := range []struct {
		name  string
		paths []string
		echo  bool // answers name the last segment
		want  []string
	}{
		{"numbers", []string{"/patients/1", "/patients/22", "/patients/22/visits/5"}, false, []string{"/patients/{patientId}", "/patients/{patientId}/visits/{visitId}"}},
		{"versions stay", []string{"/v1/users/5", "/v2/users/7"}, false, []string{"/v1/users/{userId}", "/v2/users/{userId}"}},
		{"uuids and numbers beside each other", []string{"/orders/7", "/orders/0b6c7f0e-58a4-4b0f-9d9e-1f6d3c8a2b11"}, false, []string{"/orders/{orderId}"}},
		{"dates and e-mails by their kind", []string{"/days/2024-05-01", "/people/ana@example.com"}, false, []string{"/days/{date}", "/people/{email}"}},
		{"few words stay", []string{"/users/me", "/users/search", "/health", "/orders"}, false, []string{"/health", "/orders", "/users/me", "/users/search"}},
		{"one name twice in a template", []string{"/users/5/users/6"}, false, []string{"/users/{userId}/users/{userId2}"}},
		{"words that answers name", []string{"/users/ana", "/users/bob"}, true, []string{"/users/{user}"}},
		{"a service that says its name", []string{"/health", "/orders/5"}, true, []string{"/health", "/orders/{orderId}"}},
		{"root", []string{"/"}, false, []string{"/"}},
		{"last slash", []string{"/users/", "/users"}, false, []string{"/users"}},
		{"two parameters in a row", []string{"/map/12/34"}, false, []string{"/map/{mapId}/{id}"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &scene{}
			for _, p := range c.paths {
				v := visit{path: p}
				if c.echo {
					v.answer = fmt.Sprintf(`{"login":%q}`, p[strings.LastIndexByte(p, '/')+1:])
				}
				s.quorum(v)
			}
			var got []string
			for _, e := range s.distill().Site.Endpoints {
				got = append(got, e.Template)
			}
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Fatalf("got %v, want %v", got, c.want)
			}
		})
	}
}

// mixed is traffic of a small API in random order.
func mixed(seed uint64, n int) *scene {
	rnd := rand.New(rand.NewPCG(seed, 1))
	s := &scene{}
	for range n {
		u := rnd.IntN(40)
		v := visit{who: fmt.Sprint("user ", u), strength: identity.Verified, credential: true, addr: fmt.Sprintf("10.0.%d.1", u%20), hour: rnd.IntN(48)}
		switch rnd.IntN(7) {
		case 0:
			v.path, v.answer = fmt.Sprintf("/patients/%d", rnd.IntN(500)), fmt.Sprintf(`{"id":%d,"email":"p%d@example.com"}`, u, rnd.IntN(90))
		case 1:
			v.path, v.query, v.answer = "/patients", fmt.Sprintf("page=%d", rnd.IntN(9)), `{"items":[{"id":1}],"total":7}`
		case 2:
			v.method, v.path, v.body, v.status = "POST", "/visits", fmt.Sprintf(`{"patient":%d,"when":"2026-01-02"}`, u), 201
		case 3:
			w := string([]byte{'a' + byte(rnd.IntN(26)), 'l', 'e', 'x', 'i', 'a'})
			v.path, v.answer = "/doctors/"+w, fmt.Sprintf(`{"name":%q,"rooms":[1]}`, w)
		case 4:
			v.path, v.status = fmt.Sprintf("/x%d", rnd.IntN(300)), 404
			v.who, v.addr = "", "203.0.113.5"
		case 5:
			v.path, v.status, v.who, v.credential = "/patients/7", 401, "", false
		case 6:
			v.path, v.template, v.endpoint = fmt.Sprintf("/rooms/r-%c", 'a'+rnd.IntN(26)), "/rooms/{room}", 3
		}
		s.add(v)
	}
	return s
}

func TestOneNodeAndEight(t *testing.T) {
	s := mixed(4, 3000)
	one := s.state()
	nodes := make([]*summary.State, 8)
	for i := range nodes {
		nodes[i] = summary.New("acme", testSeed)
	}
	rnd := rand.New(rand.NewPCG(9, 9))
	for _, e := range s.events {
		nodes[rnd.IntN(8)].Apply(e)
	}
	merged := summary.New("acme", testSeed)
	for _, i := range rnd.Perm(8) {
		merged.Merge(nodes[i])
	}
	if !bytes.Equal(one.AppendBinary(nil), merged.AppendBinary(nil)) {
		t.Fatal("summaries differ")
	}
	a, _ := json.Marshal(Distill(Input{State: one}))
	b, _ := json.Marshal(Distill(Input{State: merged}))
	if !bytes.Equal(a, b) {
		t.Fatal("inventories differ")
	}
	if again, _ := json.Marshal(Distill(Input{State: one})); !bytes.Equal(a, again) {
		t.Fatal("distilling twice gives different outputs")
	}
}

func TestLateLinesCountInTheirOwnHour(t *testing.T) {
	s := &scene{}
	s.add(visit{path: "/a", hour: 9}).add(visit{path: "/a", hour: 1}).add(visit{path: "/a", hour: 5})
	o := s.distill()
	e := find(t, o, "GET", "/a")
	if e.FirstSeen.UnixNano()/hour != start/hour+1 || e.LastSeen.UnixNano()/hour != start/hour+9 || e.Detail.Support.Buckets != 3 {
		t.Fatalf("first %v, last %v, buckets %d", e.FirstSeen, e.LastSeen, e.Detail.Support.Buckets)
	}
}

func TestDescriptions(t *testing.T) {
	d := &description.Description{Source: "acme.yaml", Operations: []description.Operation{
		{ID: "getPatient", Method: "GET", Template: "/patients/{id}"},
		{ID: "oldPatients", Method: "GET", Template: "/patients", Deprecated: true},
		{ID: "special", Method: "GET", Template: "/patients/special"},
		{ID: "never", Method: "DELETE", Template: "/patients/{id}"},
	}}
	s := &scene{}
	s.quorum(visit{path: "/patients/17"})
	s.quorum(visit{path: "/patients"})
	s.quorum(visit{path: "/patients/special"})
	s.quorum(visit{path: "/billing", method: "POST", status: 201})
	s.quorum(visit{path: "/patients", method: "OPTIONS", status: 204})
	o := Distill(Input{State: s.state(), Descriptions: []*description.Description{d}})
	for _, c := range []struct {
		method, template, operation string
		state                       inventory.State
		lifecycle                   []string
	}{
		{"GET", "/patients/{id}", "getPatient", inventory.Confirmed, []string{"new"}},
		{"GET", "/patients", "oldPatients", inventory.Confirmed, []string{"new", "deprecated"}},
		{"GET", "/patients/special", "special", inventory.Confirmed, []string{"new"}},
		{"DELETE", "/patients/{id}", "never", inventory.Unseen, []string{"orphan"}},
		{"POST", "/billing", "", inventory.Confirmed, []string{"new", "shadow"}},
		{"OPTIONS", "/patients", "", inventory.Confirmed, []string{"new"}},
	} {
		e := find(t, o, c.method, c.template)
		if e.Operation != c.operation || e.State != c.state || !slices.Equal(e.Lifecycle, c.lifecycle) || e.Documented != (c.operation != "") {
			t.Errorf("%s %s: operation %q, state %s, life cycle %v", c.method, c.template, e.Operation, e.State, e.Lifecycle)
		}
	}
	if !hasPosture(o, "posture.undocumented-write") || !hasPosture(o, "posture.deprecated-used") {
		t.Errorf("postures %v", o.Postures)
	}
	if plain := s.distill(); hasPosture(plain, "posture.undocumented-write") || slices.Contains(find(t, plain, "POST", "/billing").Lifecycle, "shadow") {
		t.Error("without a description nothing is undocumented")
	}
}

func hasPosture(o Output, id string) bool {
	return slices.ContainsFunc(o.Postures, func(p finding.Posture) bool { return p.ID == id })
}
