package web

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
)

// TestVendored: what others wrote is what they published (docs/decisions/0029-assets.md), and its licence lies beside it.
func TestVendored(t *testing.T) {
	for name, want := range map[string]string{
		"htmx.min.js":  "d6fdc75f204e6bdefa99b69bf1e6d4ac69b8a364f77929f45c13476b4000f717", // htmx.org 2.0.11
		"uplot.min.js": "19c8d4c6ad88929a79f4ae49d6f7161566dfd0ba3d15cc495e974f787eb78f1f", // uplot 1.6.32, dist/uPlot.iife.min.js
		"inter.woff2":  "3100e775e8616cd2611beecfa23a4263d7037586789b43f035236a2e6fbd4c62", // @fontsource-variable/inter 5.3.0, latin wght normal
		"mono.woff2":   "18be452724bfdc236c074ca94a249a7f41a86752c7d04ab258ce9ed5651f6a7e", // @fontsource-variable/jetbrains-mono 5.3.0, latin wght normal
	} {
		b, err := fs.ReadFile(assets, "assets/"+name)
		if err != nil {
			t.Fatal(err)
		}
		if got := sha256.Sum256(b); hex.EncodeToString(got[:]) != want {
			t.Errorf("%s is not what was published: %x", name, got)
		}
		licence, _, _ := strings.Cut(name, ".")
		if b, err := fs.ReadFile(assets, "assets/"+licence+".LICENSE"); err != nil || len(b) < 500 {
			t.Errorf("%s has no licence beside it: %v", name, err)
		}
	}
}

func TestAssets(t *testing.T) {
	set, err := newAssets(assets)
	if err != nil {
		t.Fatal(err)
	}
	again, err := newAssets(assets)
	if err != nil || again.base != set.base {
		t.Fatalf("%s, then %s: %v", set.base, again.base, err)
	}
	fetch := func(path, encoding string) *http.Response {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, path, nil)
		r.Header.Set("Accept-Encoding", encoding)
		set.ServeHTTP(w, r)
		return w.Result()
	}
	all := 0
	for name, a := range set.files {
		resp := fetch(set.base+name, "br, gzip;q=0.8")
		body, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		all += len(body)
		if resp.Header.Get("Content-Encoding") == "gzip" {
			z, err := gzip.NewReader(bytes.NewReader(body))
			if err != nil {
				t.Fatal(err)
			}
			if body, err = io.ReadAll(z); err != nil {
				t.Fatal(err)
			}
		}
		if !bytes.Equal(body, a.plain) || !strings.Contains(resp.Header.Get("Cache-Control"), "immutable") || resp.Header.Get("Content-Type") == "" {
			t.Errorf("%s: %d bytes, %v", name, len(body), resp.Header)
		}
		if resp := fetch(set.base+name, "gzip;q=0, br"); resp.Header.Get("Content-Encoding") != "" {
			t.Errorf("%s is compressed for who does not take it", name)
		}
	}
	t.Logf("%d assets, %d bytes in all", len(set.files), all)
	// All that there is, whatever page asks for it, leaves room for the page itself in 300 KB.
	if all > 220<<10 {
		t.Errorf("%d bytes of assets", all)
	}
	if resp := fetch("/assets/0123456789ab/merlon.css", ""); resp.StatusCode != 200 || strings.Contains(resp.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("under another version's hash: %d %v", resp.StatusCode, resp.Header)
	}
	for _, path := range []string{set.base + "htmx.LICENSE", set.base + "../web.go", set.base, "/assets/merlon.css", "/assets/"} {
		if resp := fetch(path, ""); resp.StatusCode != http.StatusNotFound {
			t.Errorf("%s: %d", path, resp.StatusCode)
		}
	}
}

// inline is what the Content-Security-Policy refuses, and what a page must therefore not be written with.
var inline = regexp.MustCompile(`(?i)\sstyle=|<style|<script(>|\s+type="text|\s+nonce)|\son[a-z]+=|javascript:|hx-on|https?://[^"]*\.(js|css|woff2)`)

// TestNothingInline reads every template.
func TestNothingInline(t *testing.T) {
	seen := 0
	err := filepath.WalkDir(".", func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".templ" {
			return err
		}
		seen++
		b, err := os.ReadFile(path)
		if m := inline.Find(b); m != nil {
			t.Errorf("%s has %q", path, m)
		}
		return err
	})
	if err != nil || seen < 5 {
		t.Fatalf("%d templates: %v", seen, err)
	}
}

// TestNoForeignAddress: scripts and styles name no other site.
func TestNoForeignAddress(t *testing.T) {
	set, err := newAssets(assets)
	if err != nil {
		t.Fatal(err)
	}
	foreign := regexp.MustCompile(`(?i)(url\(|@import|fetch\(|import\()\s*["']?(https?:)?//`)
	for name, a := range set.files {
		if m := foreign.Find(a.plain); m != nil && strings.Contains(a.kind, "s") {
			t.Errorf("%s: %q", name, m)
		}
	}
}
