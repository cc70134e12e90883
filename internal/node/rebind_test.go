package node

import (
	"errors"
	"testing"
	"time"

	"merlon/internal/enforce/engine"
	"merlon/internal/model/bundle"
	"merlon/internal/model/dataclass"
)

// endpoints counts what the inventory has of a site.
func endpoints(n *Node, site string) int {
	for _, s := range n.Inventory().Sites {
		if s.Name == site {
			return len(s.Endpoints)
		}
	}
	return 0
}

func (r *rig) rebind(names ...string) error {
	b := new(bundle.Bundle)
	keys := make(map[string]dataclass.Key)
	for i, n := range names {
		b.Sites = append(b.Sites, bundle.Site{Name: n, Default: i == 0})
		keys[n] = dataclass.Key{byte(i + 1)}
	}
	return r.node.Rebind(r.t.Context(), b, func(known map[string]*bundle.Knowledge) error {
		if wrong := r.eng.Swap(engine.Input{Bundle: b, Keys: keys, Knowledge: known}); len(wrong) > 0 {
			return errors.New(wrong[0].String())
		}
		return nil
	})
}

func (r *rig) distil() {
	r.t.Helper()
	r.now = r.now.Add(time.Minute)
	if err := r.node.Distill(r.t.Context()); err != nil {
		r.t.Fatal(err)
	}
}

// TestRebindKeepsWhatWasLearned exchanges the bundle, back and forth.
func TestRebindKeepsWhatWasLearned(t *testing.T) {
	r := open(t, t.TempDir())
	r.send(0, 60)
	r.distil()
	learned := endpoints(r.node, "acme")
	if learned == 0 {
		t.Fatal("nothing was learned")
	}
	if err := r.rebind("acme", "unknown"); err == nil {
		t.Fatal("a site without keys was taken")
	}
	if err := r.rebind("other", "acme"); err != nil {
		t.Fatal(err)
	}
	r.send(60, 60) // they belong to the default site
	r.distil()
	if got := endpoints(r.node, "acme"); got != learned {
		t.Errorf("%d endpoints of acme, want %d", got, learned)
	}
	if endpoints(r.node, "other") == 0 {
		t.Error("the new site learns nothing")
	}
	for _, sites := range [][]string{{"other"}, {"acme", "other"}} { // gone, and back
		if err := r.rebind(sites...); err != nil {
			t.Fatal(err)
		}
		r.distil()
	}
	r.send(120, 30)
	r.distil()
	if got := endpoints(r.node, "acme"); got != learned {
		t.Errorf("%d endpoints of acme after its return, want %d", got, learned)
	}
}
