package distill

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"merlon/internal/learn/summary"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
	"merlon/internal/model/sketch"
)

func TestAuthentication(t *testing.T) {
	people := func(n int) sketch.Distinct {
		d := sketch.MakeDistinct(8)
		for i := range n {
			d.Add(sketch.Mix(uint64(i + 1)))
		}
		return d
	}
	for _, c := range []struct {
		name                        string
		with, without, refused      uint64
		callersWith, callersWithout int
		want                        posture
	}{
		{"nothing could be seen", 0, 0, 0, 0, 0, posture{inventory.AuthUnknown, false, false}},
		{"refusals and no success without", 100, 0, 5, 9, 0, posture{inventory.AuthEnforced, true, true}},
		{"refusals, but early", 10, 0, 5, 3, 0, posture{inventory.AuthEnforced, false, false}},
		{"never refused, early: nothing is known", 10, 0, 0, 9, 0, posture{inventory.AuthUnknown, false, false}},
		{"never refused: enforced, yet no proof of a credential", 100, 0, 0, 9, 0, posture{inventory.AuthEnforced, true, false}},
		{"one health check in many", 9000, 1, 50, 9, 1, posture{inventory.AuthEnforced, true, true}},
		{"nobody carries one", 0, 200, 0, 0, 9, posture{inventory.AuthNone, true, false}},
		{"nobody carries one, of few callers", 0, 200, 0, 0, 2, posture{inventory.AuthNone, false, false}},
		{"both", 80, 20, 9, 9, 4, posture{inventory.AuthMixed, true, false}},
	} {
		t.Run(c.name, func(t *testing.T) {
			k := summary.Credentials{With: c.with, Without: c.without, RefusedWithout: c.refused, CallersWith: people(c.callersWith), CallersWithout: people(c.callersWithout)}
			if got := authentication(&k); got != c.want {
				t.Fatalf("got %+v, want %+v", got, c.want)
			}
		})
	}
}

func TestWhatASourceCannotSeeIsUnknown(t *testing.T) {
	s := &scene{}
	for i := range 200 {
		s.add(visit{path: "/a", blind: true, addr: fmt.Sprintf("10.0.%d.1", i%30), hour: i % 9})
	}
	if e := find(t, s.distill(), "GET", "/a"); e.Auth != inventory.AuthUnknown || len(e.Risk.Terms) != 0 {
		t.Fatalf("an access log proves nothing about authentication, got %s %v", e.Auth, e.Risk)
	}
}

func TestPostures(t *testing.T) {
	card := func(i int) string { // valid numbers of one issuer
		n := fmt.Sprintf("41111111%07d", i)
		for c := byte('0'); ; c++ {
			sum := 0
			for k, d := range []byte(n + string(c)) {
				v := int(d - '0')
				if k%2 == 0 {
					if v *= 2; v > 9 {
						v -= 9
					}
				}
				sum += v
			}
			if sum%10 == 0 {
				return n + string(c)
			}
		}
	}
	repeat := func(n int, make func(i int) visit) func(*scene) {
		return func(s *scene) {
			for i := range n {
				v := make(i)
				v.addr, v.hour = fmt.Sprintf("10.0.%d.1", i%20), i%9
				s.add(v)
			}
		}
	}
	for _, c := range []struct {
		name  string
		scene func(*scene)
		id    string
		fires bool
	}{
		{"writes without a credential", repeat(60, func(int) visit { return visit{method: "POST", path: "/a", status: 201} }), "posture.unauthenticated-write", true},
		{"writes with one", repeat(60, func(int) visit { return visit{method: "POST", path: "/a", status: 201, credential: true} }), "posture.unauthenticated-write", false},
		{"reads without one are no writes", repeat(60, func(int) visit { return visit{path: "/a"} }), "posture.unauthenticated-write", false},
		{"writes that fail", repeat(60, func(int) visit { return visit{method: "POST", path: "/a", status: 403} }), "posture.unauthenticated-write", false},
		{"some with and some without", repeat(60, func(i int) visit { return visit{path: "/a", credential: i%2 == 0} }), "posture.mixed-authentication", true},
		{"all with", repeat(60, func(i int) visit { return visit{path: "/a", credential: true} }), "posture.mixed-authentication", false},
		{"e-mails answered to everybody", repeat(60, func(i int) visit {
			return visit{path: "/a", answer: fmt.Sprintf(`{"items":[{"mail":"p%d@example.com"}]}`, i)}
		}), "posture.unauthenticated-sensitive-data", true},
		{"e-mails answered to callers with a credential", repeat(60, func(i int) visit {
			return visit{path: "/a", credential: true, answer: fmt.Sprintf(`{"mail":"p%d@example.com"}`, i)}
		}), "posture.unauthenticated-sensitive-data", false},
		{"one address of the support desk", repeat(60, func(i int) visit {
			return visit{path: "/a", answer: `{"mail":"help@example.com"}`}
		}), "posture.unauthenticated-sensitive-data", false},
		{"cards", repeat(60, func(i int) visit {
			return visit{path: "/a", answer: fmt.Sprintf(`{"number":"%s"}`, card(i))}
		}), "posture.unauthenticated-sensitive-data", true},
		{"order numbers of which some pass for a card", repeat(60, func(i int) visit {
			return visit{path: "/a", answer: fmt.Sprintf(`{"number":"%d"}`, 4111111111110000+i*7)}
		}), "posture.unauthenticated-sensitive-data", false},
		{"e-mail in the query", repeat(60, func(i int) visit { return visit{path: "/a", query: fmt.Sprintf("mail=p%d@example.com", i)} }), "posture.sensitive-data-in-url", true},
		{"e-mail in the path", repeat(60, func(i int) visit { return visit{path: fmt.Sprintf("/a/p%d@example.com", i)} }), "posture.sensitive-data-in-url", true},
		{"words in the query", repeat(60, func(i int) visit { return visit{path: "/a", query: fmt.Sprintf("q=word%d", i)} }), "posture.sensitive-data-in-url", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := &scene{}
			c.scene(s)
			o := s.distill()
			if hasPosture(o, c.id) != c.fires {
				t.Fatalf("%s fires: %v, want %v; postures %+v", c.id, !c.fires, c.fires, o.Postures)
			}
			for _, p := range o.Postures {
				if p.Endpoint == 0 || p.Why == "" || p.Mend == "" || len(p.Classes) == 0 {
					t.Errorf("posture without place, reason, remedy or class: %+v", p)
				}
			}
		})
	}
}

func TestPoisonedSensitiveEndpointIsNotConfirmed(t *testing.T) {
	s := &scene{}
	for i := range 200 { // one network alone
		s.add(visit{method: "POST", path: "/a", status: 201, addr: "203.0.113.8", hour: i % 9})
	}
	o := s.distill()
	for _, p := range o.Postures {
		if p.Confirmed {
			t.Fatalf("confirmed by one network: %+v", p)
		}
	}
	if !hasPosture(o, "posture.unauthenticated-write") || find(t, o, "POST", "/a").Risk.Confirmed {
		t.Fatal("one caller may raise an unconfirmed risk at once, and only that")
	}
}

func TestOneStrongPrincipalRaisesAnUnconfirmedRisk(t *testing.T) {
	s := (&scene{}).add(visit{method: "DELETE", path: "/a/5", status: 204, who: "one", strength: identity.Verified})
	e := find(t, s.distill(), "DELETE", "/a/{aId}")
	if e.Risk.Score == 0 || e.Risk.Confirmed {
		t.Fatalf("%+v", e.Risk)
	}
}

// TestEveryCheckIsListed finds functions of a check's shape in the sources and asks for them in all.go.
func TestEveryCheckIsListed(t *testing.T) {
	list, err := os.ReadFile("all.go")
	if err != nil {
		t.Fatal(err)
	}
	files, _ := filepath.Glob("check_*.go")
	n := 0
	for _, f := range files {
		src, err := parser.ParseFile(token.NewFileSet(), f, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range src.Decls {
			if fn, ok := d.(*ast.FuncDecl); ok && strings.HasPrefix(fn.Name.Name, "check") {
				n++
				if !strings.Contains(string(list), fn.Name.Name+",") {
					t.Errorf("%s of %s is not listed in all.go", fn.Name.Name, f)
				}
			}
		}
	}
	if n != len(checks()) {
		t.Errorf("%d checks in files, %d listed", n, len(checks()))
	}
}

// TestReferencePages keeps the published tables and the code the same.
func TestReferencePages(t *testing.T) {
	root := "../../../docs/reference/"
	gate, err := os.ReadFile(root + "gate.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, q := range Quorums() {
		row := fmt.Sprintf("| %s | %d | %d | %d | %d | %d |", q.Claim, q.Principals, q.PrincipalNetworks, q.PrincipalHours, q.Networks, q.NetworkHours)
		if !strings.Contains(string(gate), row) {
			t.Errorf("gate.md lacks the row %s", row)
		}
	}
	for _, s := range []string{fmt.Sprintf("%.0f %%", maxFailedShare*100), fmt.Sprintf("%d requests", failedShareNeeded)} {
		if !strings.Contains(string(gate), s) {
			t.Errorf("gate.md does not say %q", s)
		}
	}
	risk, err := os.ReadFile(root + "risk.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := 0
	for _, x := range Terms() {
		row := fmt.Sprintf("| %s | %.0f | %s |", x.Name, x.Value, x.When)
		if !strings.Contains(string(risk), row) {
			t.Errorf("risk.md lacks the row %s", row)
		}
		rows++
	}
	if got := strings.Count(string(risk), "\n| ") - 1; got != rows {
		t.Errorf("risk.md has %d terms, the code %d", got, rows)
	}
}
