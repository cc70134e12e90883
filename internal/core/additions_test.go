package core

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"merlon/internal/model/bundle"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/store/local"
)

// console stands for the rows of the store.
type console struct{ all []bundle.Addition }

func (c *console) read(context.Context, *local.Store) ([]bundle.Addition, error) { return c.all, nil }

func addition(id, name, method string) bundle.Addition {
	return bundle.Addition{ID: id, Text: "name: " + name + "\nwhen: 'request.method == \"" + method + "\"'\naction: block\nmode: enforce\n"}
}

// blocks tells whether k blocks a method now.
func blocks(k *Core, method string) bool {
	t := k.Engine.Begin(k.now().UnixNano())
	x := &t.Exchange
	x.Observed, x.Method, x.Host, x.Path = exchange.SawAll, []byte(method), []byte("h"), []byte("/orders")
	r := t.Request()
	x.Status = 200
	t.Close(event.OutcomeAnswered, 0)
	return r.Kind != 0
}

func expect(t *testing.T, k *Core, when string, methods map[string]bool) {
	t.Helper()
	for m, want := range methods {
		if got := blocks(k, m); got != want {
			t.Errorf("%s: %s is blocked: %v", when, m, got)
		}
	}
}

// TestAmend: what the console holds is in force at once and whole, and what is wrong changes nothing.
func TestAmend(t *testing.T) {
	ctx := context.Background()
	c := &console{all: []bundle.Addition{addition("1", "no deletion", "DELETE")}}
	o := options(t, t.TempDir())
	o.Additions = c.read
	o.Bundle.Sites[0].Policy = bundle.Policy{Source: "p.yaml", Rules: []bundle.Rule{{Name: "no patches", When: `request.method == "PATCH"`, Action: "block", Mode: bundle.ModeEnforce}}}
	k, err := Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := k.Close(ctx); err != nil {
			t.Error(err)
		}
	}()
	expect(t, k, "opened", map[string]bool{"DELETE": true, "PATCH": true, "PUT": false})

	c.all = append(c.all, addition("2", "no puts", "PUT"))
	if err := k.Amend(ctx); err != nil {
		t.Fatal(err)
	}
	expect(t, k, "amended", map[string]bool{"DELETE": true, "PATCH": true, "PUT": true})
	if p, ok := k.Policy("shop"); !ok || len(p.Rules) != 3 || p.Rules[2].From.String() != "console:2" {
		t.Errorf("%v %+v", ok, p.Rules)
	}

	good := c.all
	var mistakes MistakesError
	for name, bad := range map[string]bundle.Addition{
		"does not parse":   {ID: "3", Text: "name: ["},
		"does not compile": {ID: "3", Text: "{name: x, when: 'request.nonsense', action: block}"},
		"name is taken":    addition("3", "no patches", "GET"),
	} {
		c.all = append(good[:1:1], bad) // "no puts" is gone, and must not be before the other holds
		if wrong := k.Try(c.all); len(wrong) != 1 || wrong[0].Source != "console:3" {
			t.Errorf("%s: tried, wrong is %v", name, wrong)
		}
		if err := k.Amend(ctx); !errors.As(err, &mistakes) || !strings.HasPrefix(err.Error(), "console:3") {
			t.Errorf("%s: %v", name, err)
		}
		expect(t, k, name, map[string]bool{"DELETE": true, "PATCH": true, "PUT": true, "GET": false})
	}

	// A file that takes a name which the console has given is refused, and one that does not is not.
	c.all = good
	taken := *o.Bundle
	taken.Sites = []bundle.Site{{Name: "shop", Default: true, Policy: bundle.Policy{Source: "p.yaml", Rules: []bundle.Rule{{Name: "no puts", When: `request.method == "GET"`, Action: "block", Mode: bundle.ModeEnforce}}}}}
	if err := k.Reload(ctx, &taken); !errors.As(err, &mistakes) || !strings.HasPrefix(err.Error(), "console:2") {
		t.Errorf("a name of the console in the file: %v", err)
	}
	expect(t, k, "refused reload", map[string]bool{"DELETE": true, "PATCH": true, "PUT": true, "GET": false})
	other := *o.Bundle
	other.Sites = []bundle.Site{{Name: "shop", Default: true}}
	if err := k.Reload(ctx, &other); err != nil {
		t.Fatal(err)
	}
	expect(t, k, "reloaded", map[string]bool{"DELETE": true, "PATCH": false, "PUT": true})
	c.all = nil
	if err := k.Amend(ctx); err != nil {
		t.Fatal(err)
	}
	expect(t, k, "emptied", map[string]bool{"DELETE": false, "PUT": false})
}

// TestAdditionThatDoesNotHoldAtTheStart: Merlon starts without it and says so, and it stands in nobody's way.
func TestAdditionThatDoesNotHoldAtTheStart(t *testing.T) {
	ctx := context.Background()
	var log strings.Builder
	c := &console{all: []bundle.Addition{{ID: "1", Text: "{name: x, when: 'request.nonsense', action: block}"}, addition("2", "no deletion", "DELETE")}}
	o := options(t, t.TempDir())
	o.Additions, o.Log = c.read, slog.New(slog.NewTextHandler(&log, nil))
	k, err := Open(ctx, o)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close(ctx)
	expect(t, k, "opened", map[string]bool{"DELETE": true})
	if out := k.LeftOut(); len(out) != 1 || len(out["1"]) != 1 || !strings.Contains(log.String(), "console:1:1:") {
		t.Errorf("left out are %v; the log says %s", out, log.String())
	}
	if err := k.Reload(ctx, o.Bundle); err != nil {
		t.Errorf("it holds up a reload: %v", err)
	}
	c.all = append(c.all, addition("3", "no puts", "PUT"))
	if err := k.Amend(ctx); err != nil {
		t.Errorf("it holds up another entry: %v", err)
	}
	expect(t, k, "amended", map[string]bool{"DELETE": true, "PUT": true})
	state, err := k.State()
	if err != nil {
		t.Fatal(err)
	}
	next, err := OpenPassed(o, state)
	if err != nil {
		t.Fatal(err)
	}
	expect(t, next, "handed over", map[string]bool{"DELETE": true, "PUT": true})
	if err := next.Close(ctx); err != nil {
		t.Error(err)
	}
	c.all = []bundle.Addition{addition("1", "no posts", "POST")}
	if err := k.Amend(ctx); err != nil || len(k.LeftOut()) != 0 {
		t.Errorf("mended: %v", err)
	}
	expect(t, k, "mended", map[string]bool{"DELETE": false, "POST": true})
}
