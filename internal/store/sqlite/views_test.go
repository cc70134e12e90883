package sqlite

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"merlon/internal/store"
)

const evilText = "'; DROP TABLE views; --\x00\u202e<b>"

func TestViews(t *testing.T) {
	ctx, c := context.Background(), newClock()
	d, _ := start(t, file(t), Options{Now: c.now})
	change := func(do func(x *Change) error) error { return d.Change(ctx, who, do) }
	names := func(account string) (out []string) {
		t.Helper()
		all, err := d.Views(ctx, account, "inventory")
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range all {
			name := v.ID
			if v.Default {
				name += "*"
			}
			out = append(out, name)
		}
		return out
	}
	put := func(v store.View) error { return change(func(x *Change) error { return x.PutView(v) }) }
	err := errors.Join(
		put(store.View{ID: "1", Account: "ana", Room: "inventory", Name: evilText, Query: "q=" + evilText}),
		put(store.View{ID: "2", Account: "ana", Room: "inventory", Name: "open", Shared: true}),
		put(store.View{ID: "3", Account: "bob", Room: "inventory", Name: "mine"}),
		put(store.View{ID: "4", Account: "bob", Room: "activity", Name: "open"}),
		change(func(x *Change) error { return x.PutDefaultView("bob", "inventory", "2") }),
		change(func(x *Change) error { return x.PutDefaultView("ana", "inventory", "1") }))
	if err != nil {
		t.Fatal(err)
	}
	if err := put(store.View{ID: "5", Account: "ANA", Room: "inventory", Name: "OPEN"}); !errors.Is(err, store.ErrExists) {
		t.Errorf("a second view of one name: %v", err)
	}
	if diff := cmp.Diff([]string{"1*", "2"}, names("ana")); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"3", "2*"}, names("bob")); diff != "" {
		t.Error(diff)
	}
	if v, err := d.View(ctx, "ana", "1"); err != nil || v.Query != "q="+evilText || v.Name != evilText {
		t.Error(v, err)
	}
	// What is no longer shared is nobody else's default.
	if err := put(store.View{ID: "2", Account: "ana", Room: "inventory", Name: "open"}); err != nil {
		t.Fatal(err)
	}
	if err := put(store.View{ID: "2", Account: "ana", Room: "inventory", Name: "open", Shared: true}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"3", "2"}, names("bob")); diff != "" {
		t.Error(diff)
	}
	if err := change(func(x *Change) error { return x.RemoveView("9") }); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("removing none: %v", err)
	}
	if err := change(func(x *Change) error { return x.PutDefaultView("bob", "inventory", "9") }); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a default that is not there: %v", err)
	}
	if err := change(func(x *Change) error { return x.RemoveView("1") }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"2"}, names("ana")); diff != "" {
		t.Error(diff)
	}
}

func TestViewsOfAnAccountThatIsGone(t *testing.T) {
	ctx, c := context.Background(), newClock()
	d, _ := start(t, file(t), Options{Now: c.now})
	err := d.Change(ctx, who, func(x *Change) error {
		return errors.Join(x.AddAccount(store.Account{Name: "ana", Hash: "h", Roles: []string{"admin"}}),
			x.PutView(store.View{ID: "1", Account: "ana", Room: "inventory", Name: "own"}),
			x.PutView(store.View{ID: "2", Account: "ana", Room: "inventory", Name: "all", Shared: true}),
			x.PutDefaultView("ana", "inventory", "1"))
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Change(ctx, who, func(x *Change) error { return x.RemoveAccount("ana") }); err != nil {
		t.Fatal(err)
	}
	all, err := d.Views(ctx, "ana", "inventory")
	if err != nil || len(all) != 1 || all[0].ID != "2" || all[0].Default {
		t.Errorf("%+v %v", all, err)
	}
}

func TestEditBatches(t *testing.T) {
	ctx, c := context.Background(), newClock()
	d, _ := start(t, file(t), Options{Now: c.now})
	change := func(do func(x *Change) error) error { return d.Change(ctx, who, do) }
	was := store.EndpointEdit{Site: "x", Endpoint: 4, Owner: "team", Labels: []string{"a", evilText}, Template: "/{b}", By: "ana", At: c.now()}
	if err := change(func(x *Change) error { return x.PutEndpointEdit(was) }); err != nil {
		t.Fatal(err)
	}
	next := []store.EndpointEdit{
		{Site: "x", Endpoint: 4, Owner: "new", Ignored: true, By: "bob", At: c.now()},
		{Site: "x", Endpoint: 5, Owner: "new", By: "bob", At: c.now()},
	}
	before := []store.EndpointEdit{was, {Site: "x", Endpoint: 5}}
	if err := change(func(x *Change) error {
		return x.PutEditBatch(store.EditBatch{ID: "b1", By: "bob", What: evilText, Count: 2, Before: before}, next)
	}); err != nil {
		t.Fatal(err)
	}
	if got, err := d.EndpointEdits(ctx); err != nil || cmp.Diff(next, got) != "" {
		t.Error(cmp.Diff(next, got), err)
	}
	b, err := d.EditBatch(ctx, "b1")
	if err != nil || cmp.Diff(before, b.Before) != "" || b.What != evilText || b.Undone {
		t.Fatal(cmp.Diff(before, b.Before), b, err)
	}
	if err := change(func(x *Change) error { return x.UndoEditBatch("b1", b.Before) }); err != nil {
		t.Fatal(err)
	}
	if got, err := d.EndpointEdits(ctx); err != nil || cmp.Diff([]store.EndpointEdit{was}, got) != "" {
		t.Error(cmp.Diff([]store.EndpointEdit{was}, got), err)
	}
	if err := change(func(x *Change) error { return x.UndoEditBatch("b1", b.Before) }); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("taken back twice: %v", err)
	}
	for i := range keptBatches + 5 {
		c.advance(time.Second)
		id := string(rune('c' + i))
		if err := change(func(x *Change) error { return x.PutEditBatch(store.EditBatch{ID: id, By: "bob"}, nil) }); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := d.EditBatches(ctx); err != nil || len(all) != keptBatches || all[0].ID != string(rune('c'+keptBatches+4)) {
		t.Errorf("%d batches, %v", len(all), err)
	}
	if _, err := d.EditBatch(ctx, "b1"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("an old one: %v", err)
	}
}
