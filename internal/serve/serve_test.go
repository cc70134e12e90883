package serve

import (
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"merlon/internal/config"
)

func TestRefusal(t *testing.T) {
	r := newRefusal(config.Refuse{Networks: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("2001:db8::/32")}, JA4: []string{"t13d1516h2_8daaf6152771_02713d6af862"}})
	for _, c := range []struct {
		name, addr, ja4 string
		want            bool
	}{
		{"in a network", "192.0.2.77", "", true},
		{"in an IPv6 network", "2001:db8::1", "", true},
		{"by fingerprint", "198.51.100.1", "t13d1516h2_8daaf6152771_02713d6af862", true},
		{"beside the network", "192.0.3.1", "", false},
		{"another fingerprint", "198.51.100.1", "t13d1516h2_000000000000_000000000000", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := r.covers(netip.MustParseAddr(c.addr), c.ja4); got != c.want {
				t.Errorf("covered: %v", got)
			}
		})
	}
	if newRefusal(config.Refuse{}).covers(netip.MustParseAddr("192.0.2.1"), "") {
		t.Error("nothing is listed, and somebody is refused")
	}
}

// TestAdopt: what cannot change while running stays, and is named by the key people wrote.
func TestAdopt(t *testing.T) {
	p := &Process{cfg: config.Default()}
	next := config.Default()
	next.Limits.Connections++
	next.Logs.Level, next.Logs.Format = "debug", "json"
	next.Node = "other"
	next.Refuse.JA4 = []string{"t13d1516h2_8daaf6152771_02713d6af862"}
	got, keys := p.adopt(next)
	slices.Sort(keys)
	if want := []string{"limits.connections", "logs.format", "node"}; !slices.Equal(keys, want) {
		t.Errorf("keys are %q, wanted %q", keys, want)
	}
	if got.Limits != p.cfg.Limits || got.Node != p.cfg.Node || got.Logs.Format != p.cfg.Logs.Format {
		t.Error("something was adopted that needs a restart")
	}
	if got.Logs.Level != "debug" || len(got.Refuse.JA4) != 1 {
		t.Error("what may change was not adopted")
	}
}

// TestLoad: every mistake is the user's, one content has one hash, and another content another.
func TestLoad(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	file := write("merlon.yaml", "sites: [{name: shop, policy: policy.yaml, upstreams: [{url: 'http://127.0.0.1:1'}]}]\n")
	_, err := Source{File: file}.Load()
	var usage *UsageError
	if !errors.As(err, &usage) || !strings.Contains(err.Error(), "policy.yaml") {
		t.Fatalf("a policy that is not there: %v", err)
	}
	write("policy.yaml", "version: 1\n")
	first, err := Source{File: file}.Load()
	if err != nil {
		t.Fatal(err)
	}
	again, err := Source{File: file}.Load()
	if err != nil || again.short() != first.short() || again.number() != first.number() {
		t.Errorf("the same files: %v, %s and %s", err, first.short(), again.short())
	}
	write("policy.yaml", "version: 1\nrules: []\n")
	if other, err := (Source{File: file}).Load(); err != nil || other.short() == first.short() {
		t.Errorf("another policy: %v, hash %s", err, other.short())
	}
	if !slices.Contains(first.files, file) || !slices.Contains(first.files, filepath.Join(dir, "policy.yaml")) {
		t.Errorf("read were %q", first.files)
	}
}

type word string

func (w word) String() string { return string(w) }

func TestMistakes(t *testing.T) {
	if got := Mistakes([]word{"one"}).Error(); got != "one" {
		t.Errorf("one mistake: %q", got)
	}
	if got := Mistakes([]word{"one", "two"}).Error(); got != "2 mistakes:\none\ntwo" {
		t.Errorf("two mistakes: %q", got)
	}
}
