package distill

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"merlon/internal/model/bundle"
	"merlon/internal/model/description"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
)

// step distils on top of what was there.
func step(s *scene, before *inventory.Inventory, k bundle.Knowledge, ds ...*description.Description) (Output, *inventory.Inventory) {
	o := Distill(Input{State: s.state(), Previous: before, Knowledge: k, Descriptions: ds})
	v := Apply(*before, o, time.Unix(0, s.state().Seen.Last))
	return o, &v
}

func TestBirthIDsAreGivenInOrderOfFirstSight(t *testing.T) {
	s := &scene{}
	s.add(visit{path: "/late", hour: 9}).add(visit{path: "/early", hour: 1}).add(visit{path: "/middle", hour: 5})
	o := s.distill()
	for i, want := range []string{"/early", "/middle", "/late"} {
		if e := o.Site.Endpoints[i]; e.Template != want || e.ID != identity.EndpointID(i+1) {
			t.Errorf("endpoint %d is %d %s, want %s", i, e.ID, e.Template, want)
		}
	}
}

func TestIDsNeverChange(t *testing.T) {
	s := &scene{}
	s.add(visit{path: "/b", hour: 3})
	_, v := step(s, &inventory.Inventory{}, bundle.Knowledge{})
	s.add(visit{path: "/a", hour: 1}) // an older line that came later
	o, _ := step(s, v, bundle.Knowledge{})
	if find(t, o, "GET", "/b").ID != 1 || find(t, o, "GET", "/a").ID != 2 {
		t.Fatal(templatesOf(o))
	}
}

func TestTemplatesThatMergeKeepTheLowestID(t *testing.T) {
	s := &scene{}
	word := func(i int) string { return fmt.Sprintf("/shops/%c%cfoo/items", 'a'+i%26, 'b'+i/26) }
	for i := range 3 {
		s.quorum(visit{path: word(i)})
	}
	o, v := step(s, &inventory.Inventory{}, bundle.Knowledge{})
	if len(o.Site.Endpoints) != 3 {
		t.Fatal(templatesOf(o))
	}
	for i := range 3 { // now the matcher knows those three by their literals
		s.quorum(visit{path: word(i), template: word(i), endpoint: identity.EndpointID(i + 1)})
	}
	for i := range 12 {
		s.quorum(visit{path: word(i)})
	}
	o, v = step(s, v, o.Knowledge)
	e := find(t, o, "GET", "/shops/{shop}/items")
	if len(o.Site.Endpoints) != 1 || e.ID != 1 || v.Resolve(2) != 1 || v.Resolve(3) != 1 {
		t.Fatalf("endpoints %v, aliases %v", templatesOf(o), v.Aliases)
	}
	if !slices.ContainsFunc(e.Detail.History, func(c inventory.Change) bool { return c.What == "template was /shops/abfoo/items" }) {
		t.Errorf("history %v", e.Detail.History)
	}
	s.quorum(visit{path: word(14), template: "/shops/{shop}/items", endpoint: 1})
	o, _ = step(s, v, o.Knowledge)
	if e := find(t, o, "GET", "/shops/{shop}/items"); len(o.Site.Endpoints) != 1 || e.ID != 1 || e.Requests != 6*(3+3+12+1) {
		t.Fatalf("the merged template did not hold: %v, %d requests", templatesOf(o), e.Requests)
	}
}

func TestSplitKeepsTheIDOnTheLargerPart(t *testing.T) {
	v := &inventory.Inventory{NextID: 8, Sites: []inventory.Site{{Name: "acme", Endpoints: []inventory.Endpoint{
		{ID: 7, Host: "api.example", Method: "GET", Template: "/a/{x}", State: inventory.Confirmed},
	}}}}
	d := &description.Description{Operations: []description.Operation{{Method: "GET", Template: "/a/me"}, {Method: "GET", Template: "/a/all"}}}
	s := &scene{}
	s.quorum(visit{path: "/a/me"}).quorum(visit{path: "/a/all"}).quorum(visit{path: "/a/all"})
	o, _ := step(s, v, bundle.Knowledge{}, d)
	if find(t, o, "GET", "/a/all").ID != 7 || find(t, o, "GET", "/a/me").ID != 8 {
		t.Fatal(templatesOf(o))
	}
}

func TestDocumentingKeepsTheID(t *testing.T) {
	s := &scene{}
	s.quorum(visit{path: "/patients/5"})
	o, v := step(s, &inventory.Inventory{}, bundle.Knowledge{})
	id := find(t, o, "GET", "/patients/{patientId}").ID
	d := &description.Description{Operations: []description.Operation{{ID: "get", Method: "GET", Template: "/patients/{number}"}}}
	o, _ = step(s, v, o.Knowledge, d)
	if e := find(t, o, "GET", "/patients/{number}"); e.ID != id || e.Operation != "get" {
		t.Fatal(templatesOf(o))
	}
}

func TestKnowledgeFlowsByDelta(t *testing.T) {
	s := &scene{}
	s.quorum(visit{path: "/a"}).quorum(visit{path: "/b"})
	o1, v := step(s, &inventory.Inventory{}, bundle.Knowledge{})
	if o1.Knowledge.Version != 1 || len(o1.Knowledge.Endpoints) != 2 {
		t.Fatalf("%+v", o1.Knowledge)
	}
	s.quorum(visit{path: "/a"})
	o2, v := step(s, v, o1.Knowledge)
	if o2.Knowledge.Version != 1 {
		t.Fatal("more of the same made a new version")
	}
	s.quorum(visit{path: "/c/5"})
	o3, _ := step(s, v, o2.Knowledge)
	d := Diff(o2.Knowledge, o3.Knowledge)
	if o3.Knowledge.Version != 2 || len(d.Set) != 1 || d.Set[0].Template != "/c/{cId}" || len(d.Removed) != 0 {
		t.Fatalf("delta %+v", d)
	}
	patched, ok := Patch(o2.Knowledge, d)
	if !ok || len(Diff(patched, o3.Knowledge).Set) != 0 || len(patched.Endpoints) != 3 {
		t.Fatalf("patched %+v", patched)
	}
	if _, ok := Patch(o3.Knowledge, d); ok {
		t.Fatal("a delta for another version was applied")
	}
}
