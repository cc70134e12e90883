package distill

import (
	"fmt"
	"slices"
	"testing"

	"merlon/internal/model/description"
	"merlon/internal/model/inventory"
)

// TestWhatADescriptionMeans: an operation that is described as open is no finding for being open, but what it discloses is.
func TestWhatADescriptionMeans(t *testing.T) {
	for _, c := range []struct {
		name  string
		op    description.Operation
		visit func(i int) visit
		id    string
		fires bool
	}{
		{"login described as open", description.Operation{Method: "POST", Template: "/login", Open: true}, func(i int) visit {
			return visit{method: "POST", path: "/login", body: fmt.Sprintf(`{"user":"p%d@example.com"}`, i), answer: `{"ok":true}`}
		}, "posture.unauthenticated-write", false},
		{"what callers send of themselves is not disclosed", description.Operation{Method: "POST", Template: "/login", Open: true}, func(i int) visit {
			return visit{method: "POST", path: "/login", body: fmt.Sprintf(`{"user":"p%d@example.com"}`, i), answer: `{"ok":true}`}
		}, "posture.unauthenticated-sensitive-data", false},
		{"described, with nothing said of security", description.Operation{Method: "POST", Template: "/login"}, func(int) visit {
			return visit{method: "POST", path: "/login"}
		}, "posture.unauthenticated-write", true},
		{"open list that answers e-mail addresses", description.Operation{Method: "GET", Template: "/people", Open: true}, func(i int) visit {
			return visit{path: "/people", answer: fmt.Sprintf(`{"mail":"p%d@example.com"}`, i)}
		}, "posture.unauthenticated-sensitive-data", true},
		{"open to guests and customers, and meant so", description.Operation{Method: "GET", Template: "/shop", Open: true}, func(i int) visit {
			return visit{path: "/shop", credential: i%2 == 0}
		}, "posture.mixed-authentication", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &scene{}
			for i := range 60 {
				v := c.visit(i)
				v.addr, v.hour = fmt.Sprintf("10.0.%d.1", i%20), i%9
				s.add(v)
			}
			d := []*description.Description{{Operations: []description.Operation{c.op}}}
			o := Distill(Input{State: s.state(), Descriptions: d})
			if hasPosture(o, c.id) != c.fires {
				t.Errorf("%s: %v, want %v", c.id, !c.fires, c.fires)
			}
		})
	}
}

// TestOrphans: being asked for and refused does not make an operation used, and being redirected does, whether the matcher
// knew it or not.
func TestOrphans(t *testing.T) {
	d := []*description.Description{{Operations: []description.Operation{{Method: "GET", Template: "/gone/{id}"}, {Method: "POST", Template: "/login"}}}}
	for _, known := range []bool{false, true} {
		s := &scene{}
		for i := range 30 {
			gone := visit{path: fmt.Sprintf("/gone/%d", i), status: 404}
			login := visit{method: "POST", path: "/login", status: 303}
			if known {
				gone.template, gone.endpoint, login.template, login.endpoint = "/gone/{id}", 1, "/login", 2
			}
			s.add(gone).add(login)
		}
		o := Distill(Input{State: s.state(), Descriptions: d})
		if e := find(t, o, "GET", "/gone/{id}"); e.State != inventory.Unseen || !slices.Contains(e.Lifecycle, "orphan") {
			t.Errorf("known %v: GET /gone/{id} is %s %v, want an orphan", known, e.State, e.Lifecycle)
		}
		if e := find(t, o, "POST", "/login"); e.State != inventory.Candidate || slices.Contains(e.Lifecycle, "orphan") || e.Requests != 30 {
			t.Errorf("known %v: POST /login is %s %v with %d requests, want a used candidate", known, e.State, e.Lifecycle, e.Requests)
		}
	}
}
