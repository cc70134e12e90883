package main

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDashboard: every metric that the Grafana dashboard asks for is one that a running process shows, and every metric
// of Merlon's own is on it.
func TestDashboard(t *testing.T) {
	b, err := os.ReadFile(filepath.Join(deploy, "grafana", "merlon.json"))
	if err != nil {
		t.Fatal(err)
	}
	var dashboard struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(b, &dashboard); err != nil {
		t.Fatal(err)
	}
	r := serveProcess(t, t.TempDir(), echo(t).URL, "")
	resp, err := http.Get("http://" + r.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	shown := make(map[string]bool)
	for line := range strings.Lines(string(text)) {
		if name, _, ok := strings.Cut(line, " "); ok && name != "#" {
			name, _, _ = strings.Cut(name, "{")
			shown[name] = true
		}
	}
	asked := make(map[string]bool)
	metric := regexp.MustCompile(`\b(?:merlon|go|process)_[a-z0-9_]+`)
	for _, p := range dashboard.Panels {
		for _, target := range p.Targets {
			for _, name := range metric.FindAllString(target.Expr, -1) {
				asked[name] = true
				if !shown[name] {
					t.Errorf("panel %q asks for %s, which /metrics does not show", p.Title, name)
				}
			}
		}
	}
	for name := range shown {
		if strings.HasPrefix(name, "merlon_") && name != "merlon_build_info" && !asked[name] {
			t.Errorf("%s is on no panel", name)
		}
	}
	if len(asked) < 15 {
		t.Errorf("the dashboard asks for %d metrics only", len(asked))
	}
}
