package distill

import (
	"strings"
	"testing"

	"merlon/internal/model/description"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
)

func TestFirstWrite(t *testing.T) {
	described := &description.Description{Operations: []description.Operation{
		{Method: "GET", Template: "/invoices"}, {Method: "POST", Template: "/visits"},
	}}
	reads := func(s *scene, who string, hours ...int) {
		for _, h := range hours {
			s.add(visit{path: "/invoices", who: who, strength: identity.Accepted, hour: h})
		}
	}
	write := visit{method: "PUT", path: "/invoices/5", who: "vendor", strength: identity.Accepted, hour: 60}
	for _, c := range []struct {
		name  string
		scene func(*scene)
		fires bool
	}{
		{"a reader of three nights writes", func(s *scene) { reads(s, "vendor", 2, 26, 50); s.add(write) }, true},
		{"and reads on", func(s *scene) { reads(s, "vendor", 2, 26, 50); s.add(write); reads(s, "vendor", 61, 74) }, true},
		{"others read, and a newcomer writes", func(s *scene) { reads(s, "other", 2, 26, 50); s.add(write) }, false},
		{"it read for an hour only", func(s *scene) { reads(s, "vendor", 59, 59, 59, 59); s.add(write) }, false},
		{"it read afterwards only", func(s *scene) { reads(s, "vendor", 2); s.add(write); reads(s, "vendor", 61, 74, 80) }, false},
		{"it has written elsewhere before", func(s *scene) {
			reads(s, "vendor", 2, 26, 50)
			s.add(visit{method: "POST", path: "/visits", who: "vendor", strength: identity.Accepted, hour: 55}).add(write)
		}, false},
		{"a first write to what is described", func(s *scene) {
			reads(s, "vendor", 2, 26, 50)
			s.add(visit{method: "POST", path: "/visits", who: "vendor", strength: identity.Accepted, hour: 60})
		}, false},
		{"a write that is refused", func(s *scene) {
			reads(s, "vendor", 2, 26, 50)
			w := write
			w.status = 403
			s.add(w)
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &scene{}
			c.scene(s)
			o := Distill(Input{State: s.state(), Descriptions: []*description.Description{described}})
			if hasPosture(o, "posture.first-write") != c.fires {
				t.Fatalf("fires: %v, want %v: %+v", !c.fires, c.fires, o.Postures)
			}
		})
	}
}

func TestWriters(t *testing.T) {
	s := &scene{}
	for _, h := range []int{1, 25, 49} {
		s.add(visit{path: "/invoices", who: "vendor", strength: identity.Claimed, hour: h})
	}
	s.add(visit{method: "PUT", path: "/invoices/5", who: "vendor", strength: identity.Claimed, hour: 60})
	s.add(visit{method: "PUT", path: "/invoices/6", who: "clerk", strength: identity.Verified, hour: 12})
	s.add(visit{method: "PUT", path: "/invoices/7", who: "clerk", strength: identity.Verified, hour: 61})
	d := &description.Description{Operations: []description.Operation{{Method: "GET", Template: "/invoices"}}}
	e := find(t, Distill(Input{State: s.state(), Descriptions: []*description.Description{d}}), "PUT", "/invoices/{invoiceId}")
	w := e.Detail.Writers
	if len(w) != 2 || !w[0].Proved || w[0].Count != 2 || w[0].NeverBefore || w[0].Reads != 0 {
		t.Fatalf("the clerk wrote first, twice, and has never read: %+v", w)
	}
	if w[1].Proved || w[1].Count != 1 || !w[1].NeverBefore || w[1].Reads != 3 || !w[1].Since.Before(w[1].First) {
		t.Fatalf("the vendor read three times and then wrote: %+v", w)
	}
	term := ""
	for _, r := range e.Risk.Terms {
		if r.Name == "first write of a reader" {
			term = r.Why
		}
	}
	if e.Access != inventory.Write || !strings.Contains(term, w[1].Principal) {
		t.Fatalf("the term names the principal: %q", term)
	}
}
