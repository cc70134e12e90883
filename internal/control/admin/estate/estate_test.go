package estate

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
	"merlon/internal/store"
)

func at() time.Time { return time.Date(2026, 11, 20, 14, 30, 0, 0, time.UTC) }

// made is an inventory of n endpoints: a few sites, many hosts, services, resources and nested paths, as large estates have.
func made(n int) *inventory.Inventory {
	r := rand.New(rand.NewPCG(4, 2))
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	sites := []inventory.Site{{Name: "acme"}, {Name: "labs"}, {Name: "shop"}}
	for i := range n {
		s := &sites[min(i*4/n, 2)]
		service := fmt.Sprintf("svc%03d", i/40%max(n/400, 3))
		e := inventory.Endpoint{
			ID: identity.EndpointID(i + 1), Site: s.Name, Host: fmt.Sprintf("%s.%s.example", pick("api", "edge", "www"), service), Method: pick("GET", "GET", "GET", "POST", "PUT", "DELETE"),
			Template: fmt.Sprintf("/%s/v%d/%s/{id}/%s%d", service, 1+i%3, pick("patients", "orders", "users", "invoices"), pick("records", "notes", "lines"), i),
			State:    pick3(r, inventory.Confirmed, inventory.Confirmed, inventory.Candidate), Documented: r.IntN(3) > 0, Lifecycle: []string{}, Requests: r.Uint64N(1 << 20),
			FirstSeen: at().Add(-time.Duration(r.IntN(9000)) * time.Hour), LastSeen: at().Add(-time.Duration(r.IntN(2000)) * time.Hour),
			Auth: pick3(r, inventory.AuthEnforced, inventory.AuthNone, inventory.AuthMixed), Purpose: pick("", "account", "payment", "search"), Callers: r.Uint64N(900),
			Risk: inventory.Risk{Score: float64(r.IntN(90))}, Detail: &inventory.Detail{},
		}
		e.Access = inventory.AccessOf(e.Method)
		if i%5 == 0 {
			e.Lifecycle = []string{pick("new", "shadow", "zombie"), "changed"}
		}
		if i%7 == 0 {
			e.Sensitive = []inventory.Sensitive{{Class: pick("email", "card", "iban"), Where: "response.body.x"}, {Class: "jwt", Where: "response.body.y"}}
		}
		if i%11 == 0 {
			e.State, e.FirstSeen, e.LastSeen, e.Requests, e.Documented = inventory.Unseen, time.Time{}, time.Time{}, 0, true
		}
		if i%3 == 0 {
			e.Owner, e.Labels = fmt.Sprintf("team-%d", i%17), []string{pick("pci", "beta"), "gdpr"}
			slices.Sort(e.Labels)
		}
		s.Endpoints = append(s.Endpoints, e)
	}
	return &inventory.Inventory{Version: 9, At: at(), Sites: sites, NextID: identity.EndpointID(n + 1)}
}

func pick3[T any](r *rand.Rand, all ...T) T { return all[r.IntN(len(all))] }

// slow answers a query as one would write it down, to compare with.
func slow(x *Index, q Query, now time.Time) (out []identity.EndpointID) {
	seen, _ := since(q.Seen, now)
	first, _ := since(q.First, now)
	for _, e := range x.rows {
		text := strings.ToLower(strings.Join([]string{e.Method, e.Template, e.Operation, e.Site, e.Host, e.Owner, e.Purpose, strings.Join(e.Labels, "\n")}, "\n"))
		ok := q.Ignored == "all" || e.Ignored == (q.Ignored == Yes)
		for _, w := range strings.Fields(strings.ToLower(q.Search)) {
			ok = ok && strings.Contains(text, w)
		}
		same := func(want, have string) {
			ok = ok && (want == "" || want == None && have == "" || want == have)
		}
		one := func(want string, have []string) {
			ok = ok && (want == "" || want == None && len(have) == 0 || slices.Contains(have, want))
		}
		var classes []string
		for _, s := range e.Sensitive {
			classes = append(classes, s.Class)
		}
		same(q.Site, e.Site)
		same(q.Host, e.Host)
		same(q.Method, e.Method)
		same(q.Purpose, e.Purpose)
		same(q.Owner, e.Owner)
		same(string(q.State), string(e.State))
		same(string(q.Auth), string(e.Auth))
		same(string(q.Access), string(e.Access))
		same(q.Documented, yes(e.Documented))
		one(q.Label, e.Labels)
		one(q.Class, classes)
		one(q.Lifecycle, e.Lifecycle)
		ok = ok && (!q.Sensitive || len(e.Sensitive) > 0) && e.Risk.Score >= q.Risk && (len(q.Within) == 0 || slices.Contains(q.Within, e.Site))
		ok = ok && (q.Seen != Never || e.LastSeen.IsZero()) && (seen == 0 || e.LastSeen.Unix() >= seen) && (first == 0 || e.FirstSeen.Unix() >= first && !e.FirstSeen.IsZero())
		ok = ok && (q.Prefix == "" || e.Template == q.Prefix || strings.HasPrefix(e.Template, q.Prefix+"/")) && (q.Path == "" || e.Template == q.Path)
		if ok {
			out = append(out, e.ID)
		}
	}
	return out
}

func queries() map[string]Query {
	return map[string]Query{
		"everything": {}, "site": {Site: "labs"}, "host": {Host: "api.svc001.example"}, "method": {Method: "DELETE"}, "state": {State: inventory.Candidate},
		"auth and risk": {Auth: inventory.AuthNone, Risk: 70}, "access": {Access: inventory.Write}, "lifecycle": {Lifecycle: "shadow"}, "no lifecycle": {Lifecycle: None},
		"sensitive": {Sensitive: true}, "class": {Class: "card"}, "no class": {Class: None}, "purpose": {Purpose: "payment"}, "no purpose": {Purpose: None},
		"owner": {Owner: "team-3"}, "no owner": {Owner: None}, "label": {Label: "pci"}, "documented": {Documented: Yes}, "undocumented": {Documented: No},
		"ignored": {Ignored: Yes}, "ignored too": {Ignored: "all"}, "seen": {Seen: "7d"}, "never seen": {Seen: Never}, "first": {First: "2026-11-01"},
		"prefix": {Prefix: "/svc001/v2"}, "path": {Path: "/svc001/v2/orders/{id}/notes1"}, "no such value": {Owner: "nobody"}, "word": {Search: "RECORDS7"},
		"words": {Search: "svc001 get team-3 pci"}, "word in host": {Search: "svc002.example"}, "word nowhere": {Search: "nowhere"}, "sites": {Within: []string{"shop", "gone"}},
		"all of it": {Site: "acme", Method: "GET", Auth: inventory.AuthNone, Seen: "30d", Risk: 20, Documented: No, Search: "orders v1", Prefix: "/svc001"},
	}
}

func TestFind(t *testing.T) {
	v := made(900)
	edits := Edits{}
	for id := identity.EndpointID(5); id < 100; id += 7 {
		edits[Edited{"acme", id}] = store.EndpointEdit{Site: "acme", Endpoint: id, Owner: "team-3", Ignored: id%2 == 0}
	}
	x := New(v, edits, nil)
	for name, q := range queries() {
		t.Run(name, func(t *testing.T) {
			want := slow(x, q, at())
			got, err := x.IDs(q, at())
			if err != nil || !slices.Equal(got, want) {
				t.Fatalf("%d endpoints, want %d: %v", len(got), len(want), err)
			}
			// What each filter's value promises is what choosing it gives.
			q.Facets = true
			page, err := x.List(q, at())
			if err != nil || page.Total != len(want) {
				t.Fatal(page.Total, err)
			}
			for _, f := range page.Facets {
				for _, c := range f.Values {
					values := q.Values()
					values.Set(f.By.String(), c.Value)
					if f.By == Sensitive && c.Value == No {
						continue // there is no such filter
					}
					if f.By == Risk {
						values.Set("risk", fmt.Sprint(Bands()[slices.IndexFunc(Bands(), func(b Band) bool { return b.Name == c.Value })].Least))
					}
					chosen, err := Parse(values)
					if err != nil {
						t.Fatal(err)
					}
					chosen.Within = q.Within
					if n := len(slow(x, chosen, at())); n != c.Count {
						t.Errorf("%s=%s promises %d and gives %d", f.By, c.Value, c.Count, n)
					}
				}
			}
		})
	}
}

func TestMistakes(t *testing.T) {
	x := New(made(10), nil, nil)
	for field, q := range map[string]Query{
		"q": {Search: strings.Repeat("a", MaxSearch+1)}, "sort": {Sort: "owner'"}, "limit": {Limit: MaxPage + 1}, "skip": {Skip: -1}, "risk": {Risk: 101},
		"documented": {Documented: "maybe"}, "ignored": {Ignored: "some"}, "seen": {Seen: "yesterday"}, "first": {First: "0d"}, "host": {Host: strings.Repeat("h", MaxFilter+1)},
	} {
		_, err := x.List(q, at())
		if w, ok := err.(*Wrong); !ok || w.Field != field { //nolint:errorlint // the very value
			t.Errorf("%s: %v", field, err)
		}
	}
	for _, s := range []string{"24h", "7d", "2026-11-01"} {
		if _, err := since(s, at()); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
}

func TestPagesAndOrders(t *testing.T) {
	x := New(made(1300), nil, nil)
	for _, order := range Sorts() {
		by := compare(order)
		var seen []inventory.Endpoint
		q := Query{Sort: order, Limit: 500, Ignored: "all"}
		for {
			page, err := x.List(q, at())
			if err != nil {
				t.Fatal(order, err)
			}
			seen = append(seen, page.Endpoints...)
			if !page.More {
				break
			}
			q.After = seen[len(seen)-1].ID
		}
		if len(seen) != 1300 || !slices.IsSortedFunc(seen, func(a, b inventory.Endpoint) int { return by(&a, &b) }) {
			t.Errorf("%s: %d endpoints, or not in order", order, len(seen))
		}
		page, err := x.List(Query{Sort: order, Skip: 700, Limit: 3}, at())
		if err != nil || page.Endpoints[2].ID != seen[702].ID {
			t.Errorf("%s: skipping: %v", order, err)
		}
		if page.Endpoints[0].Detail != nil {
			t.Error("a list has details")
		}
	}
	if _, err := x.List(Query{Sort: "risk", After: 99_999}, at()); err == nil {
		t.Error("an endpoint that is gone has a place in an order")
	}
	if page, err := x.List(Query{After: 1298}, at()); err != nil || len(page.Endpoints) != 2 {
		t.Error(len(page.Endpoints), err)
	}
}

// TestOrdersOfNextVersion: orders that are made from those of the version before are the same as those made anew.
func TestOrdersOfNextVersion(t *testing.T) {
	old := made(1000)
	x := New(old, nil, nil)
	for _, o := range Sorts() {
		x.order(o)
	}
	next := made(1200)
	for i := range next.Sites {
		s := &next.Sites[i]
		s.Endpoints = slices.DeleteFunc(s.Endpoints, func(e inventory.Endpoint) bool { return e.ID%13 == 0 })
		for j := range s.Endpoints {
			if s.Endpoints[j].ID%10 == 0 {
				s.Endpoints[j].Requests += 1 << 21
			}
		}
	}
	from, anew := New(next, nil, x), New(next, nil, nil)
	for _, o := range Sorts() {
		if !slices.Equal(from.order(o), anew.order(o)) {
			t.Errorf("%s depends on the version before", o)
		}
	}
}

func TestEditsAreLaidOver(t *testing.T) {
	v := made(40)
	v.Aliases = map[identity.EndpointID]identity.EndpointID{900: 3, 901: 4}
	edit := func(id identity.EndpointID, owner string, after time.Duration) store.EndpointEdit {
		return store.EndpointEdit{Site: "acme", Endpoint: id, Owner: owner, At: at().Add(after)}
	}
	shown := store.EndpointEdit{Site: "acme", Endpoint: 5, Template: "/shown/{id}"}
	x := New(v, Edits{{"acme", 900}: edit(900, "merged", 0), {"acme", 4}: edit(4, "own", 0), {"acme", 901}: edit(901, "merged later", time.Hour), {"acme", 5}: shown}, nil)
	for id, want := range map[identity.EndpointID]string{3: "merged", 900: "merged", 4: "own", 901: "own"} {
		if e, ok := x.Endpoint(id); !ok || e.Owner != want {
			t.Errorf("%d: %+v, want %s", id, e, want)
		}
	}
	e, _ := x.Endpoint(5)
	if e.Template != "/shown/{id}" || e.Learned != v.Sites[0].Endpoints[4].Template {
		t.Errorf("%+v", e)
	}
	if ids, _ := x.IDs(Query{Search: "notes4 /svc"}, at()); v.Sites[0].Endpoints[4].Template != "" && slices.Contains(ids, 5) != strings.Contains(e.Learned, "notes4") {
		t.Error("the learned template is not searched")
	}
	if v.Sites[0].Endpoints[2].Owner == "merged" {
		t.Error("the inventory itself was changed")
	}
	if _, ok := (*Index)(nil).Endpoint(1); ok {
		t.Error("an endpoint before the first distillation")
	}
}

func TestGroups(t *testing.T) {
	x := New(made(2000), nil, nil)
	for _, by := range GroupDims() {
		g, err := x.Groups(Query{Auth: inventory.AuthNone}, by, at())
		if err != nil || len(g.Items) == 0 {
			t.Fatal(by, err)
		}
		for i, item := range g.Items {
			if i > 0 && item.Endpoints > g.Items[i-1].Endpoints {
				t.Fatalf("%s: out of order", by)
			}
			q, err := Parse(map[string][]string{"auth": {"none"}, by.String(): {item.Value}})
			if err != nil {
				t.Fatal(err)
			}
			ids, _ := x.IDs(q, at())
			var requests uint64
			risk := 0.
			for _, id := range ids {
				e, _ := x.Endpoint(id)
				requests, risk = requests+e.Requests, max(risk, e.Risk.Score)
			}
			if len(ids) != item.Endpoints || item.Open != len(ids) || requests != item.Requests || risk != item.Risk {
				t.Errorf("%s %s: %+v, the list has %d", by, item.Value, item, len(ids))
			}
		}
	}
	if _, err := x.Groups(Query{}, Method, at()); err == nil {
		t.Error("grouped by method")
	}
	g, err := x.Groups(Query{Sort: "risk", Skip: 1, Limit: 2}, Owner, at())
	if err != nil || len(g.Items) != 2 || !g.More || g.Total != 18 {
		t.Errorf("%+v %v", g, err)
	}
}

func TestAddresses(t *testing.T) {
	for name, q := range queries() {
		if len(q.Within) > 0 {
			continue
		}
		got, err := Parse(q.Values())
		if err != nil || cmp.Diff(q, got) != "" {
			t.Errorf("%s: %s %v", name, cmp.Diff(q, got), err)
		}
		for k := range q.Values() {
			if !Known(k) {
				t.Errorf("%s is not known", k)
			}
		}
		if q.Narrows() != (name != "everything") {
			t.Errorf("%s narrows: %v", name, q.Narrows())
		}
	}
	for _, bad := range []map[string][]string{{"risk": {"high"}}, {"sensitive": {"maybe"}}} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%v is taken", bad)
		}
	}
}

func FuzzFind(f *testing.F) {
	for _, s := range []string{"get /svc", "\x00\n", "É", strings.Repeat("a ", 100), "/", "="} {
		f.Add(s, s, s)
	}
	x := New(made(500), Edits{{"acme", 3}: {Owner: "ÄÖ\u202e<b>", Labels: []string{"=1+1"}}}, nil)
	f.Fuzz(func(t *testing.T, search, value, prefix string) {
		q := Query{Search: search, Owner: value, Prefix: prefix, Facets: true, Ignored: "all"}
		page, err := x.List(q, at())
		if err != nil {
			return
		}
		words := strings.Fields(strings.ToLower(search))
		q.Prefix = cleanPrefix(prefix)
		if want := slow(x, q, at()); len(words) <= maxWords && len(want) != page.Total {
			t.Errorf("%d, want %d", page.Total, len(want))
		}
		if _, err := x.Tree(TreeQuery{Query: q}, at()); err != nil {
			t.Error(err)
		}
		if back, err := Parse(q.Values()); err != nil || back.Owner != q.Owner {
			t.Errorf("%q %v", back.Owner, err)
		}
	})
}
