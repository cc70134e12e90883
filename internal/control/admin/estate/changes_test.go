package estate

import (
	"testing"
	"time"

	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
	"merlon/internal/store"
)

func TestChanges(t *testing.T) {
	now := at()
	hour := func(n int) time.Time { return now.Add(-time.Duration(n) * time.Hour) }
	endpoint := func(id identity.EndpointID, site string, risk float64, history ...inventory.Change) inventory.Endpoint {
		e := inventory.Endpoint{ID: id, Site: site, Method: "GET", Template: "/" + site, FirstSeen: hour(50), Risk: inventory.Risk{Score: risk}, Detail: &inventory.Detail{History: history}}
		if len(history) > 0 {
			e.FirstSeen = history[0].At
		}
		return e
	}
	born := func(n int) inventory.Change { return inventory.Change{At: hour(n), What: firstSeen} }
	sure := func(n int) inventory.Change { return inventory.Change{At: hour(n), What: confirmed} }
	other := func(n int) inventory.Change {
		return inventory.Change{At: hour(n), What: "authentication was enforced"}
	}
	v := &inventory.Inventory{Sites: []inventory.Site{
		{Name: "a", Endpoints: []inventory.Endpoint{
			endpoint(1, "a", 0, born(40)), endpoint(2, "a", 10, born(30), sure(2)), endpoint(3, "a", 60, born(3)), endpoint(4, "a", 0, born(5), sure(1)),
			endpoint(5, "a", 30, born(48), sure(47), other(6)), endpoint(6, "a", 90, born(1)),
		}},
		{Name: "b", Endpoints: []inventory.Endpoint{endpoint(7, "b", 0, born(2)), {ID: 8, Site: "b", FirstSeen: hour(1)}}},
	}}
	edits := Edits{Edited{Site: "a", ID: 6}: store.EndpointEdit{Site: "a", Endpoint: 6, Ignored: true}}
	x := New(v, edits, nil)
	got := x.Changes(hour(24), nil, 3)
	if got.New != 4 || got.Confirmed != 2 || got.Changed != 1 || got.Risky != 2 || len(got.List) != 3 {
		t.Errorf("%+v", got)
	}
	// The worst first; among the harmless the latest.
	if got.List[0].Endpoint.ID != 3 || got.List[1].Endpoint.ID != 5 || got.List[1].Words() != "authentication was enforced" || got.List[2].Endpoint.ID != 4 && got.List[2].Endpoint.ID != 8 {
		t.Errorf("%+v", got.List)
	}
	if got.List[0].Endpoint.Detail != nil || v.Sites[0].Endpoints[2].Detail == nil {
		t.Error("the list carries details, or the inventory lost its own")
	}
	if b := x.Changes(hour(24), []string{"b"}, 9); b.New != 2 || len(b.List) != 2 || b.Changed+b.Confirmed != 0 {
		t.Errorf("in one site: %+v", b)
	}
	if none := x.Changes(now, nil, 9); none.Any() || len(none.List) != 0 {
		t.Errorf("since now: %+v", none)
	}
	var nothing *Index
	if c := nothing.Changes(hour(24), nil, 9); c.Any() || nothing.Near(.5, nil) != 0 {
		t.Errorf("before the first inventory: %+v", c)
	}
}

// BenchmarkChanges is what the first page asks of a large estate.
func BenchmarkChanges(b *testing.B) {
	x := New(made(large), nil, nil)
	for name, since := range map[string]time.Time{"nothing": at().Add(time.Hour), "everything": {}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				x.Changes(since, nil, 5)
			}
		})
	}
}
