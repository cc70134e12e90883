// Package merlon_test holds the sources to ARCHITECTURE.md: who may import whom, sizes, comments, and the habits that keep the fast side fast and tests honest.
//
// Everything is read and parsed in this process. A test that asks the go command in a child process is cached by
// go test and stays green over a fault; what is opened here is part of the cache's key.
package merlon_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestHouse holds the real tree to every rule.
func TestHouse(t *testing.T) {
	t.Parallel()
	h, err := readHouse(".")
	if err != nil {
		t.Fatal(err)
	}
	if len(h.sources) == 0 {
		t.Fatal("no sources found: the test runs in the wrong folder")
	}
	for _, r := range rules {
		for _, f := range r.check(h) {
			t.Errorf("%s: %s", r.name, f)
		}
	}
}

// readHouse reads ARCHITECTURE.md, every Go source of the module and the text files that users read.
func readHouse(root string) (*house, error) {
	arch, err := os.ReadFile(filepath.Join(root, "ARCHITECTURE.md"))
	if err != nil {
		return nil, err
	}
	files := map[string]string{}
	err = filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		rel = filepath.ToSlash(rel)
		if d.IsDir() {
			if rel != "." && skipped(rel, d.Name()) {
				return filepath.SkipDir
			}
			return nil
		}
		if !d.Type().IsRegular() || !readable(rel) {
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files[rel] = string(b)
		return nil
	})
	if err != nil {
		return nil, err
	}
	return newHouse(string(arch), files)
}

// skipped says which folders are not the product: version control, CI's own glue, build output, what the program writes.
func skipped(rel, name string) bool {
	return strings.HasPrefix(name, ".") || name == "testdata" || name == "node_modules" || rel == "bin" || rel == "data"
}

// readable says which files are read: Go sources, and text that a user may see.
func readable(rel string) bool {
	switch filepath.Ext(rel) {
	case ".go", ".md", ".templ", ".html", ".css", ".sql", ".sh", ".yaml", ".yml", ".toml", ".service":
		return true
	}
	return rel == "Makefile" || rel == "NOTICE" || rel == "go.mod"
}
