package sqlite

import (
	"context"
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"merlon/internal/store"
)

func TestPolicyRules(t *testing.T) {
	ctx, c := context.Background(), newClock()
	d, _ := start(t, file(t), Options{Now: c.now})
	change := func(do func(x *Change) error) error { return d.Change(ctx, who, do) }
	put := func(r store.PolicyRule) {
		t.Helper()
		if err := change(func(x *Change) error { return x.PutPolicyRule(r) }); err != nil {
			t.Fatal(err)
		}
	}
	list := func() []store.PolicyRule {
		t.Helper()
		all, err := d.PolicyRules(ctx)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	at := c.now()
	first := store.PolicyRule{ID: "b", Text: "name: " + evilText, By: "ana", Why: evilText, Enabled: true}
	second := store.PolicyRule{ID: "a", Site: "acme", Text: "name: x", By: "bob"}
	put(first)
	put(second)
	first.Position, second.Position, first.At, second.At = 1, 2, at.UTC(), at.UTC()
	if diff := cmp.Diff([]store.PolicyRule{first, second}, list()); diff != "" {
		t.Error(diff)
	}
	// A changed entry keeps its place.
	first.Text, first.Enabled, first.Site = "name: y", false, "acme"
	put(first)
	before := list()
	if diff := cmp.Diff([]store.PolicyRule{first, second}, before); diff != "" {
		t.Error(diff)
	}
	if err := change(func(x *Change) error { return x.RemovePolicyRule("b") }); err != nil {
		t.Error(err)
	}
	if err := change(func(x *Change) error { return x.RemovePolicyRule("b") }); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	if diff := cmp.Diff([]store.PolicyRule{second}, list()); diff != "" {
		t.Error(diff)
	}
	if err := change(func(x *Change) error { return x.RestorePolicyRules(before) }); err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(before, list()); diff != "" {
		t.Error(diff)
	}
}
