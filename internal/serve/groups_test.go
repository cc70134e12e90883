package serve

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"

	"merlon/internal/config"
)

// TestGroupsOf: servers are known anew only when something about them has changed.
func TestGroupsOf(t *testing.T) {
	p := New(&Loaded{cfg: config.Default()}, Options{Log: slog.New(slog.DiscardHandler)})
	t.Cleanup(func() { p.quit(); p.tasks.Wait() })
	site := func() config.Config {
		cfg := config.Default()
		cfg.Sites = []config.Site{{Name: "shop", Upstreams: []config.Upstream{{URL: "http://127.0.0.1:1", Weight: 1}}}}
		return cfg
	}
	before, err := p.groupsOf(site(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeGroups(before, nil) })
	for _, c := range []struct {
		name   string
		change func(*config.Config)
		kept   bool
	}{
		{"nothing", func(*config.Config) {}, true},
		{"the queue", func(c *config.Config) { c.Limits.QueueEvents++ }, true},
		{"clients", func(c *config.Config) { c.Limits.Connections++; c.Timeouts.Idle++ }, true},
		{"policy, hosts, hops", func(c *config.Config) {
			c.Sites[0].Policy, c.Sites[0].Hosts, c.Sites[0].TrustedHops = "p.yaml", []string{"shop.example"}, 1
		}, true},
		{"another site", func(c *config.Config) {
			c.Sites = append(c.Sites, config.Site{Name: "club", Upstreams: c.Sites[0].Upstreams})
		}, true},
		{"a server", func(c *config.Config) { c.Sites[0].Upstreams[0].URL = "http://127.0.0.1:2" }, false},
		{"connections to servers", func(c *config.Config) { c.Limits.UpstreamInUse++ }, false},
		{"how long an answer may take", func(c *config.Config) { c.Timeouts.Response++ }, false},
		{"heads", func(c *config.Config) { c.Limits.HeadBytes++ }, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			cfg := site()
			c.change(&cfg)
			after, err := p.groupsOf(cfg, before)
			if err != nil {
				t.Fatal(err)
			}
			defer closeGroups(after, before)
			if got := after["shop"] == before["shop"]; got != c.kept {
				t.Errorf("the group is kept: %v", got)
			}
		})
	}
}

// TestSetupFile: the link's file is its owner's alone, also when something else stood in its place.
func TestSetupFile(t *testing.T) {
	cfg := config.Default()
	cfg.Storage.Path = t.TempDir()
	p := New(&Loaded{cfg: cfg}, Options{Log: slog.New(slog.DiscardHandler)})
	elsewhere := filepath.Join(t.TempDir(), "elsewhere")
	if err := os.Symlink(elsewhere, p.setupName()); err != nil {
		t.Fatal(err)
	}
	for _, link := range []string{"http://127.0.0.1:1/setup?token=a", "http://127.0.0.1:1/setup?token=b"} {
		name, err := p.writeSetup(link)
		if err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(name)
		if f, serr := os.Lstat(name); err != nil || serr != nil || f.Mode() != 0o600 || string(b) != link+"\n" {
			t.Errorf("%v: %q, %v, %v", f.Mode(), b, err, serr)
		}
	}
	if _, err := os.Lstat(elsewhere); err == nil {
		t.Error("the link was written where a symbolic link led")
	}
	p.forgetSetup()
	p.forgetSetup() // nothing left to remove
	if _, err := os.Lstat(p.setupName()); err == nil {
		t.Error("the link stays")
	}
}
