package merlon_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

const module = "merlon"

// house is the tree as the rules see it.
type house struct {
	rows    map[string]row      // by package path without internal/, from the large table
	inside  map[string][]string // the table "Inside model": short name to short names
	sources []*source           // Go files, by path
	texts   map[string]string   // every file read, Go or not
	fset    *token.FileSet
}

// row is one line of the large table.
type row struct {
	imports []string // patterns; "anything" and "nothing" stand alone
	planned bool
}

// source is one Go file.
type source struct {
	path    string // slashes, from the root
	pkg     string // package path without internal/, "." for the root
	ast     *ast.File
	lines   int
	test    bool
	exempt  bool     // generated code and data tables, which have no bound on their length
	imports []string // of ours, without internal/
}

// newHouse parses files; keys are paths from the root.
func newHouse(arch string, files map[string]string) (*house, error) {
	h := &house{texts: files, fset: token.NewFileSet()}
	if err := h.readTables(arch); err != nil {
		return nil, err
	}
	for _, p := range slices.Sorted(maps.Keys(files)) {
		if path.Ext(p) != ".go" || strings.HasPrefix(p, "tools/") {
			continue
		}
		f, err := parser.ParseFile(h.fset, p, files[p], parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			return nil, fmt.Errorf("%s does not parse: %w", p, err)
		}
		s := &source{path: p, pkg: packageOf(path.Dir(p)), ast: f, lines: strings.Count(files[p], "\n"), test: strings.HasSuffix(p, "_test.go")}
		base := strings.TrimSuffix(path.Base(p), ".go")
		s.exempt = ast.IsGenerated(f) || strings.HasSuffix(base, "_templ") || base == "table" || strings.HasSuffix(base, "_table")
		for _, i := range f.Imports {
			if name, err := strconv.Unquote(i.Path.Value); err == nil && (name == module || strings.HasPrefix(name, module+"/")) {
				s.imports = append(s.imports, packageOf(strings.TrimPrefix(strings.TrimPrefix(name, module), "/")))
			}
		}
		h.sources = append(h.sources, s)
	}
	return h, nil
}

// packageOf drops internal/, which the tables leave out.
func packageOf(dir string) string {
	if dir == "" {
		return "."
	}
	return strings.TrimPrefix(dir, "internal/")
}

var tableLine = regexp.MustCompile(`^\| (.+) \| (.+) \|$`)

// readTables reads both tables of ARCHITECTURE.md.
func (h *house) readTables(arch string) error {
	h.rows, h.inside = map[string]row{}, map[string][]string{}
	where := ""
	for line := range strings.Lines(arch) {
		line = strings.TrimSpace(line)
		switch {
		case line == "| package | contract in one sentence | may import beyond model/* |":
			where = "packages"
			continue
		case line == "| package | imports |":
			where = "inside"
			continue
		case !strings.HasPrefix(line, "|"):
			where = ""
		case strings.HasPrefix(line, "|---"):
			continue
		}
		m := tableLine.FindStringSubmatch(line)
		if m == nil || where == "" {
			continue
		}
		if where == "inside" {
			for _, n := range list(strings.TrimSuffix(m[1], " (planned)")) {
				h.inside[n] = list(m[2])
			}
			continue
		}
		cell := strings.Split(m[1], " | ")
		if len(cell) < 2 || cell[1] == "" {
			return fmt.Errorf("ARCHITECTURE.md: no contract in %q", line)
		}
		names, planned := strings.CutSuffix(cell[0], " (planned)")
		if names == "merlon (module root)" {
			names = "."
		}
		if _, twice := h.rows[names]; twice {
			return fmt.Errorf("ARCHITECTURE.md: two rows for %s", names)
		}
		h.rows[names] = row{imports: list(m[2]), planned: planned}
	}
	if len(h.rows) == 0 || len(h.inside) == 0 {
		return errors.New("ARCHITECTURE.md: a table is missing; their first lines are part of the contract with this test")
	}
	return nil
}

func list(cell string) []string {
	if cell == "-" {
		return nil
	}
	return strings.Split(cell, ", ")
}

// rowOf finds a package's row: its own, its floor's (lab/*), or its parent's.
func (h *house) rowOf(pkg string) (string, bool) {
	for p := pkg; p != "."; p = path.Dir(p) {
		if _, ok := h.rows[p]; ok {
			return p, true
		}
		if star := path.Dir(p) + "/*"; h.rows[star].imports != nil {
			return star, true
		}
	}
	_, ok := h.rows["."]
	return ".", ok && pkg == "."
}

// packages groups the sources that are not tests.
func (h *house) packages() map[string][]*source {
	out := map[string][]*source{}
	for _, s := range h.sources {
		if !s.test {
			out[s.pkg] = append(out[s.pkg], s)
		}
	}
	return out
}
