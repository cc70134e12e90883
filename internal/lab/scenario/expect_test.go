package scenario

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"merlon/internal/lab/traffic"
	"merlon/internal/model/bundle"
	"merlon/internal/model/finding"
	"merlon/internal/model/inventory"
)

// small is a scenario with one confirmed endpoint, one candidate, and a refused address.
func small() Scenario {
	return Scenario{
		Name: "small", Policy: bundle.Policy{Lists: []bundle.List{{Name: "bad", Kind: bundle.ListAddress, Values: []string{"203.0.113.9"}, Action: "block"}}},
		Traffic: func(context.Context) ([]traffic.Entry, error) {
			h := &hand{host: acmeHost}
			for i := range 60 {
				at := monday().Add(time.Duration(i) * 10 * time.Minute)
				h.label = traffic.Label{Actor: fmt.Sprintf("caller-%d", i%10), Kind: traffic.Benign}
				h.add(ask{at: at, ip: network(i % 10), path: "/things?page=1", answer: fmt.Sprintf(`{"mail":"p%d@example.com"}`, i)})
				h.add(ask{at: at, ip: network(0), path: "/lonely"})
				h.label = traffic.Label{Actor: "bad", Kind: "OAT-011"}
				h.add(ask{at: at, ip: "203.0.113.9", path: "/refused"})
			}
			return h.out, nil
		},
	}
}

// TestChecksCanFail: each expectation is met as it is and reported when it is not, by itself.
func TestChecksCanFail(t *testing.T) {
	r, err := Run(context.Background(), small())
	if err != nil {
		t.Fatal(err)
	}
	refused := []string{"OAT-011"}
	at := func(e Endpoint) Expect {
		e.Method = "GET"
		if e.Template == "" {
			e.Template = "/things"
		}
		return Expect{Endpoints: []Endpoint{e}}
	}
	for _, tc := range []struct {
		name        string
		right, fail Expect
		says        string
	}{
		{"state", at(Endpoint{State: inventory.Confirmed}), at(Endpoint{State: inventory.Candidate}), "want candidate"},
		{"missing", at(Endpoint{Template: "/lonely"}), at(Endpoint{Template: "/nowhere"}), "not in the inventory"},
		{"absent", Expect{Absent: []Endpoint{{Method: "GET", Template: "/refused"}}}, Expect{Absent: []Endpoint{{Method: "GET", Template: "/lonely"}}}, "is in the inventory"},
		{"never", Expect{Never: []string{"/lonely"}}, Expect{Never: []string{"/thing"}}, "nothing under"},
		{"only confirmed", Expect{Endpoints: []Endpoint{{Method: "GET", Template: "/things", State: inventory.Confirmed}}, OnlyConfirmed: true}, Expect{OnlyConfirmed: true}, "is confirmed"},
		{"count", Expect{Count: 2}, Expect{Count: 3}, "2 endpoints"},
		{"authentication", at(Endpoint{Auth: inventory.AuthNone}), at(Endpoint{Auth: inventory.AuthEnforced}), "authentication none"},
		{"life cycle", at(Endpoint{Has: []string{"new"}, Not: []string{"shadow"}}), at(Endpoint{Has: []string{"shadow"}}), "want shadow"},
		{"life cycle, unwanted", at(Endpoint{}), at(Endpoint{Not: []string{"new"}}), "want no new"},
		{"sensitive", at(Endpoint{Sensitive: []string{"email"}}), at(Endpoint{Sensitive: []string{"iban"}}), "want iban"},
		{"clean", at(Endpoint{Template: "/lonely", Clean: true}), at(Endpoint{Clean: true}), "want none"},
		{"requests", at(Endpoint{Requests: 60}), at(Endpoint{Requests: 61}), "60 requests"},
		{"credentials", at(Endpoint{Credentials: []string{}}), at(Endpoint{Credentials: []string{"bearer"}}), "credentials"},
		{"parameters", at(Endpoint{Parameters: []string{"query.page"}}), at(Endpoint{Doubted: []string{"query.page"}}), "want candidate"},
		{"parameters, unknown", at(Endpoint{}), at(Endpoint{Parameters: []string{"query.size"}}), "want confirmed"},
		{"first seen", at(Endpoint{FirstSeen: monday()}), at(Endpoint{FirstSeen: monday().Add(time.Second)}), "first seen"},
		{
			"posture",
			Expect{Postures: []Posture{{ID: "posture.unauthenticated-sensitive-data", Method: "GET", Template: "/things", Confirmed: true}}, NoOtherPostures: true},
			Expect{Postures: []Posture{{ID: "posture.undocumented-write", Method: "GET", Template: "/things"}}},
			"no posture.undocumented-write",
		},
		{"no posture", Expect{NoPostures: []string{"posture.undocumented-write"}}, Expect{NoPostures: []string{"posture.unauthenticated-sensitive-data"}}, "is said of"},
		{"no other posture", Expect{}, Expect{NoOtherPostures: true}, "is said of"},
		{"finding", Expect{}, Expect{Findings: []Finding{{ID: "wire.nul", Kind: "OAT-011", AtLeast: 1}}}, "found in 0 exchanges"},
		{"catch-all", Expect{}, Expect{CatchAll: []string{acmeHost}}, "answer everything alike"},
		{"damaged", Expect{}, Expect{Damaged: 1}, "damaged lines"},
		{"size", Expect{MaxStateBytes: 1 << 20}, Expect{MaxStateBytes: 100}, "summary has"},
		{"refused too many", Expect{}, Expect{RefusedKinds: []string{traffic.Benign}}, "is refused"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			tc.right.RefusedKinds = refused
			if tc.fail.RefusedKinds == nil {
				tc.fail.RefusedKinds = refused
			}
			if wrong := r.Check(&tc.right); len(wrong) > 0 {
				t.Errorf("what is right is reported: %v", wrong)
			}
			if wrong := strings.Join(r.Check(&tc.fail), "\n"); !strings.Contains(wrong, tc.says) {
				t.Errorf("want a report with %q, got %q", tc.says, wrong)
			}
		})
	}
}

// TestFalsePositivesAreCounted: a finding above low about a benign exchange is one, and a low one is not.
func TestFalsePositivesAreCounted(t *testing.T) {
	judged := func(kind string, s finding.Severity) Judged {
		return Judged{Label: traffic.Label{Kind: kind}, Findings: []finding.Finding{{ID: "wire.nul", Severity: s}}}
	}
	r := &Result{Judged: []Judged{judged(traffic.Benign, finding.Low), judged(traffic.Benign, finding.Medium), judged("OAT-014", finding.High)}}
	if n := len(r.FalsePositives()); n != 1 {
		t.Errorf("%d false positives, want 1", n)
	}
	if wrong := r.Check(&Expect{}); len(wrong) != 1 || !strings.Contains(wrong[0], "1 false positives") {
		t.Errorf("%v", wrong)
	}
	if wrong := r.Check(&Expect{FalsePositives: 1, Findings: []Finding{{ID: "wire.nul", Kind: "OAT-014", AtLeast: 1}}}); len(wrong) != 0 {
		t.Errorf("%v", wrong)
	}
}

// TestDifferencesShow: two outcomes that are not the same are told apart, in full and in what exists.
func TestDifferencesShow(t *testing.T) {
	run := func(change func(*Scenario)) *Result {
		s := small()
		if change != nil {
			change(&s)
		}
		r, err := Run(context.Background(), s)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	without := func(keep func(i int, e *traffic.Entry) bool) func(*Scenario) {
		return func(s *Scenario) {
			all := s.Traffic
			s.Traffic = func(ctx context.Context) (out []traffic.Entry, err error) {
				es, err := all(ctx)
				for i := range es {
					if keep(i, &es[i]) {
						out = append(out, es[i])
					}
				}
				return out, err
			}
		}
	}
	a := run(nil)
	if d := append(Differs(a, run(nil), false), Differs(a, run(nil), true)...); len(d) != 0 {
		t.Errorf("one scenario, two outcomes: %v", d)
	}
	for name, b := range map[string]*Result{
		"one request less":  run(without(func(i int, _ *traffic.Entry) bool { return i != 3 })),
		"one endpoint less": run(without(func(_ int, e *traffic.Entry) bool { return !strings.Contains(e.Request.URL, "lonely") })),
	} {
		if len(Differs(a, b, false)) == 0 || len(Differs(a, b, true)) == 0 || len(Differs(b, a, true)) == 0 {
			t.Errorf("%s does not show", name)
		}
	}
}

func TestRunReportsItsTraffic(t *testing.T) {
	broken := errors.New("no traffic")
	s := small()
	s.Traffic = func(context.Context) ([]traffic.Entry, error) { return nil, broken }
	if _, err := Run(context.Background(), s); !errors.Is(err, broken) {
		t.Errorf("got %v", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := Run(ctx, small()); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
}
