package ingest

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// TestAll: every constructor of a format in this folder is listed in all.go, and every format is whole.
func TestAll(t *testing.T) {
	t.Parallel()
	list, err := os.ReadFile("all.go")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	made := 0
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv != nil || fn.Type.Results == nil || len(fn.Type.Params.List) > 0 || !strings.HasPrefix(fn.Name.Name, "format") {
				continue
			}
			made++
			if !strings.Contains(string(list), "\t"+fn.Name.Name+"(),") {
				t.Errorf("%s of %s is not listed in all.go", fn.Name.Name, name)
			}
		}
	}
	if made != len(all()) || made < 4 {
		t.Errorf("%d constructors, %d formats", made, len(all()))
	}
	for _, f := range all() {
		if f.Name == "" || f.About == "" || f.sniff == nil || f.time == nil || f.open == nil {
			t.Errorf("%+v lacks a part", f)
		}
	}
	if got := Formats(); slices.Contains(got, auto) || !slices.Contains(got, "combined") {
		t.Errorf("formats %v", got)
	}
}

// TestPage holds the reference page to the code.
func TestPage(t *testing.T) {
	t.Parallel()
	b, err := os.ReadFile("../../../docs/reference/ingest.md")
	if err != nil {
		t.Fatal(err)
	}
	page := string(b)
	_, causes, _ := strings.Cut(page, "| cause |\n|---|\n")
	var want strings.Builder
	for c := Cause(1); c < NumCauses; c++ {
		if c.String() == "" {
			t.Errorf("cause %d has no words", c)
		}
		want.WriteString("| " + c.String() + " |\n")
	}
	if causes != want.String() {
		t.Errorf("the table of causes should be\n%s", want.String())
	}
	for _, f := range all() {
		if !strings.Contains(page, "\n| `"+f.Name+"` | ") {
			t.Errorf("format %s is not in the table", f.Name)
		}
	}
}
