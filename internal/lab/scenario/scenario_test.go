package scenario

import (
	"context"
	"testing"
)

func TestScenarios(t *testing.T) {
	for _, s := range All() {
		t.Run(s.Name, func(t *testing.T) {
			t.Parallel()
			r, err := Run(context.Background(), s)
			if err != nil {
				t.Fatal(err)
			}
			t.Logf("%s: %d exchanges, %d endpoints, %d false positives in %d benign exchanges, summary %d kB", s.World, r.Exchanges,
				len(r.Output.Site.Endpoints), len(r.FalsePositives()), r.Benign, len(r.Merged)/1000)
			for _, w := range r.Check(&s.Expect) {
				t.Error(w)
			}
			if t.Failed() {
				t.Logf("the inventory:\n%s", r.List())
			}
			for _, v := range s.Expect.Alike {
				other := s
				v.Change(&other)
				o, err := Run(context.Background(), other)
				if err != nil {
					t.Errorf("%s: %v", v.Name, err)
					continue
				}
				for _, d := range Differs(r, o, v.Taught) {
					t.Errorf("%s: %s", v.Name, d)
				}
			}
		})
	}
}
