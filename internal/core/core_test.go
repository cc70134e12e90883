package core

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"merlon/internal/config"
	"merlon/internal/model/bundle"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/store"
)

func options(t *testing.T, dir string) Options {
	t.Helper()
	cfg := config.Default()
	cfg.Storage.Path = dir
	b := &bundle.Bundle{Version: 1, Sites: []bundle.Site{{Name: "shop", Default: true}}}
	return Options{Config: cfg, Bundle: b, Command: "a test", Log: slog.New(slog.DiscardHandler), Now: time.Now}
}

// pass takes one exchange through k.
func pass(k *Core, path string) {
	t := k.Engine.Begin(time.Now().UnixNano())
	x := &t.Exchange
	x.Observed, x.Method, x.Host, x.Path = exchange.SawAll, []byte("GET"), []byte("h"), []byte(path)
	t.Request()
	x.Status = 200
	t.Response()
	t.Close(event.OutcomeAnswered, 0)
}

// TestOpen: what passes is learned and stored when Close returns; until then nobody else has the directory.
func TestOpen(t *testing.T) {
	dir := t.TempDir()
	k, err := Open(context.Background(), options(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	if other, err := Open(context.Background(), options(t, dir)); other != nil || !errors.Is(err, store.ErrLocked) || !strings.Contains(err.Error(), "a test") {
		t.Errorf("a second one opens the directory: %v", err)
	}
	pass(k, "/orders")
	if err := k.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if k, err = Open(context.Background(), options(t, dir)); err != nil {
		t.Fatal(err)
	}
	defer k.Close(context.Background())
	if sites := k.Node.Inventory().Sites; len(sites) != 1 || len(sites[0].Endpoints) != 1 || sites[0].Endpoints[0].Requests != 1 {
		t.Errorf("%+v", sites)
	}
}

// TestAttachAgain: an Attach that fails leaves neither goroutines nor the directory's lock, and another one learns.
func TestAttachAgain(t *testing.T) {
	dir := t.TempDir()
	before, err := Open(context.Background(), options(t, dir))
	if err != nil {
		t.Fatal(err)
	}
	told, err := before.State()
	if err != nil {
		t.Fatal(err)
	}
	k, err := OpenPassed(options(t, dir), told)
	if err != nil {
		t.Fatal(err)
	}
	pass(k, "/orders")
	if err := k.Attach(context.Background(), options(t, dir)); !errors.Is(err, store.ErrLocked) || k.Node != nil || k.Store != nil {
		t.Fatalf("attached to a directory that is not free: %v", err)
	}
	if err := before.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	running := goleak.IgnoreCurrent()
	broken := options(t, dir)
	broken.Bundle.Sites[0].Policy.Rules = []bundle.Rule{{Name: "a", When: "1 +"}}
	var mistakes MistakesError
	for range 3 {
		if err := k.Attach(context.Background(), broken); !errors.As(err, &mistakes) || k.Node != nil || k.Store != nil {
			t.Fatalf("a policy that does not compile: %v", err)
		}
	}
	goleak.VerifyNone(t, running)
	if err := k.Attach(context.Background(), options(t, dir)); err != nil {
		t.Fatal(err)
	}
	pass(k, "/orders")
	if err := k.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if k, err = Open(context.Background(), options(t, dir)); err != nil {
		t.Fatal(err)
	}
	defer k.Close(context.Background())
	if sites := k.Node.Inventory().Sites; len(sites) != 1 || len(sites[0].Endpoints) != 1 || sites[0].Endpoints[0].Requests != 2 {
		t.Errorf("%+v", sites)
	}
}

// TestOpenMemory: every event is handed out before Close returns, and nothing is kept.
func TestOpenMemory(t *testing.T) {
	seen := 0
	k, err := OpenMemory(options(t, ""), func(batch []*event.Event) { seen += len(batch) })
	if err != nil {
		t.Fatal(err)
	}
	for range 200 {
		pass(k, "/orders")
	}
	if err := k.Close(context.Background()); err != nil || seen != 200 || k.Store != nil || k.Node != nil {
		t.Errorf("%d events: %v", seen, err)
	}
}

func TestLoadBundle(t *testing.T) {
	files := map[string]string{
		"good.yaml": "version: 1\nmodes: {wire: enforce}\n",
		"bad.yaml":  "version: 1\nrules: [{name: a, when: '1 +', action: block}]\n",
		"not.json":  "{",
	}
	read := func(name string) ([]byte, error) {
		if text, ok := files[name]; ok {
			return []byte(text), nil
		}
		return nil, fs.ErrNotExist
	}
	for _, c := range []struct {
		name, policy string
		specs        []string
		faults       int
	}{
		{"nothing", "", nil, 0},
		{"a good policy", "good.yaml", nil, 0},
		{"a bad policy", "bad.yaml", nil, 1},
		{"no such policy", "none.yaml", nil, 1},
		{"two bad descriptions and a bad policy", "bad.yaml", []string{"not.json", "none.json"}, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := config.Default()
			cfg.Sites = []config.Site{{Name: "shop", Policy: c.policy, Specs: c.specs}}
			b, _, faults := NewReader(read, time.Now()).Bundle(cfg)
			if len(faults) != c.faults || len(b.Sites) != 1 || !b.Sites[0].Default {
				t.Errorf("%v; %+v", faults, b.Sites)
			}
		})
	}
}
