package merlon_test

import (
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strings"
)

const (
	maxFileLines    = 400
	maxPackageLines = 2500
	maxChain        = 13
)

// rules are all checks, each with the name its fixtures use.
var rules = []struct {
	name  string
	check func(*house) []string
}{
	{"import table", importTable},
	{"package in table", packageInTable},
	{"planned", plannedPackages},
	{"lab", labImports},
	{"package comment", packageComments},
	{"file length", fileLengths},
	{"package length", packageLengths},
	{"import chain", importChains},
	{"init", initFunctions},
	{"blank import", blankImports},
	{"mutable package variable", mutableVariables},
	{"clock", clockReads},
	{"environment", environmentReads},
	{"sleeping test", sleepingTests},
	{"workplace", workplaceText},
	{"decision", moduleDecisions},
}

// importTable: imports only as the tables allow. Tests are free.
func importTable(h *house) (faults []string) {
	for _, s := range h.sources {
		from, ok := h.rowOf(s.pkg)
		if !ok || s.test {
			continue // a package without a row is packageInTable's fault
		}
		for _, to := range s.imports {
			if why := h.forbidden(from, to); why != "" {
				faults = append(faults, fmt.Sprintf("%s imports %s: %s", s.path, to, why))
			}
		}
	}
	return faults
}

// forbidden says why a package with row from may not import to; empty when it may.
func (h *house) forbidden(from, to string) string {
	r := h.rows[from]
	target, _ := h.rowOf(to)
	short, isModel := strings.CutPrefix(target, "model/")
	switch {
	case target == from || slices.Contains(r.imports, "anything"):
		return ""
	case slices.Contains(r.imports, "nothing"):
		return from + " may import nothing of ours"
	case strings.HasPrefix(from, "model/"):
		allowed := h.inside[strings.TrimPrefix(from, "model/")]
		if isModel && (slices.Contains(allowed, short) || slices.Contains(allowed, "all of them")) {
			return ""
		}
		return fmt.Sprintf("inside model it may import %v", allowed)
	case isModel:
		return ""
	}
	for _, p := range r.imports {
		if floor, ok := strings.CutSuffix(p, "/*"); ok && strings.HasPrefix(to, floor+"/") || to == p || strings.HasPrefix(to, p+"/") {
			return ""
		}
	}
	return fmt.Sprintf("beyond model/* it may import %v", r.imports)
}

// packageInTable: every package stands in the table, and those of model in both.
func packageInTable(h *house) (faults []string) {
	for _, pkg := range slices.Sorted(maps.Keys(h.packages())) {
		r, ok := h.rowOf(pkg)
		if !ok {
			faults = append(faults, pkg+" has no row in ARCHITECTURE.md")
		}
		if short, isModel := strings.CutPrefix(r, "model/"); isModel {
			if _, ok := h.inside[short]; !ok {
				faults = append(faults, pkg+" has no row in the table inside model")
			}
		}
	}
	return faults
}

// plannedPackages: the mark (planned) tells the truth, in both directions.
func plannedPackages(h *house) (faults []string) {
	exists := map[string]bool{}
	for pkg := range h.packages() {
		if r, ok := h.rowOf(pkg); ok {
			exists[r] = true
		}
	}
	for _, name := range slices.Sorted(maps.Keys(h.rows)) {
		switch planned := h.rows[name].planned; {
		case planned && exists[name]:
			faults = append(faults, name+" exists: take (planned) away in ARCHITECTURE.md")
		case !planned && !exists[name]:
			faults = append(faults, name+" does not exist: mark it (planned) in ARCHITECTURE.md")
		}
	}
	return faults
}

// labImports: the proving ground is for cmd and tests.
func labImports(h *house) (faults []string) {
	for _, s := range h.sources {
		if s.test || strings.HasPrefix(s.pkg, "cmd/") || strings.HasPrefix(s.pkg, "lab/") {
			continue
		}
		for _, to := range s.imports {
			if strings.HasPrefix(to, "lab/") {
				faults = append(faults, fmt.Sprintf("%s imports %s", s.path, to))
			}
		}
	}
	return faults
}

// packageComments: one comment a package, beginning with its name.
func packageComments(h *house) (faults []string) {
	packages := h.packages()
	for _, pkg := range slices.Sorted(maps.Keys(packages)) {
		found := 0
		for _, s := range packages[pkg] {
			want := "Package " + s.ast.Name.Name
			if s.ast.Name.Name == "main" {
				want = "Command " + path.Base(pkg)
			}
			if s.ast.Doc == nil || strings.HasSuffix(s.path, "_templ.go") { // the generator's own comment stands there
				continue
			}
			// After the name comes a sentence, or a colon and the contract as it stands in ARCHITECTURE.md.
			rest, ok := strings.CutPrefix(s.ast.Doc.Text(), want)
			if found++; !ok || rest == "" || !strings.ContainsRune(" :", rune(rest[0])) {
				faults = append(faults, fmt.Sprintf("%s: the package comment does not begin with %q", s.path, want))
			}
		}
		if found != 1 {
			faults = append(faults, fmt.Sprintf("%s has %d package comments, wanted one", pkg, found))
		}
	}
	return faults
}

func fileLengths(h *house) (faults []string) {
	for _, s := range h.sources {
		if !s.test && !s.exempt && s.lines > maxFileLines {
			faults = append(faults, fmt.Sprintf("%s has %d lines, %d at most", s.path, s.lines, maxFileLines))
		}
	}
	return faults
}

func packageLengths(h *house) (faults []string) {
	packages := h.packages()
	for _, pkg := range slices.Sorted(maps.Keys(packages)) {
		lines := 0
		for _, s := range packages[pkg] {
			if !s.exempt {
				lines += s.lines
			}
		}
		if lines > maxPackageLines {
			faults = append(faults, fmt.Sprintf("%s has %d lines, %d at most", pkg, lines, maxPackageLines))
		}
	}
	return faults
}

// importChains: the longest way down, counted in packages.
func importChains(h *house) (faults []string) {
	edges := map[string][]string{}
	for pkg, sources := range h.packages() {
		for _, s := range sources {
			edges[pkg] = append(edges[pkg], s.imports...)
		}
	}
	known := map[string][]string{}
	var longest func(string) []string
	longest = func(pkg string) []string {
		if c, ok := known[pkg]; ok {
			return c
		}
		known[pkg] = []string{pkg} // a cycle does not compile, but must not hang the test
		var best []string
		for _, to := range edges[pkg] {
			if c := longest(to); len(c) > len(best) {
				best = c
			}
		}
		known[pkg] = append([]string{pkg}, best...)
		return known[pkg]
	}
	for _, pkg := range slices.Sorted(maps.Keys(edges)) {
		if c := longest(pkg); len(c) > maxChain {
			faults = append(faults, fmt.Sprintf("%d packages in a chain, %d at most: %s", len(c), maxChain, strings.Join(c, " > ")))
		}
	}
	return faults
}

// workplace are words about where the product is made, and names of documents that are not in the tree. Written in pieces, so that this file does not match itself.
var workplace = regexp.MustCompile(`/work/` + `(main|shared|\.lib)|\.lib` + `rary\b|\bshared` + `/(data|bench|design|hooks|held-out|prototypes)\b` +
	`|\b(INTERF` + `ACES|ALGOR` + `ITHMS)\b`)

func workplaceText(h *house) (faults []string) {
	for _, p := range slices.Sorted(maps.Keys(h.texts)) {
		line := 0
		for text := range strings.Lines(h.texts[p]) {
			line++
			if m := workplace.FindString(text); m != "" {
				faults = append(faults, fmt.Sprintf("%s:%d speaks of %s", p, line, m))
			}
		}
	}
	return faults
}

// moduleDecisions: a module that is imported, by a test even, has a page that says why.
func moduleDecisions(h *house) (faults []string) {
	var modules []string
	for line := range strings.Lines(h.texts["go.mod"]) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "require ")
		if name, version, ok := strings.Cut(line, " "); ok && strings.HasPrefix(version, "v") {
			modules = append(modules, name)
		}
	}
	pages := ""
	for p, text := range h.texts {
		if strings.HasPrefix(p, "docs/decisions/") {
			pages += text
		}
	}
	missing := map[string]string{}
	for _, s := range h.sources {
		for _, i := range s.ast.Imports {
			name, longest := strings.Trim(i.Path.Value, "\"`"), ""
			for _, m := range modules {
				if (name == m || strings.HasPrefix(name, m+"/")) && len(m) > len(longest) {
					longest = m
				}
			}
			if longest != "" && !strings.Contains(pages, "`"+longest+"`") {
				missing[longest] = s.path
			}
		}
	}
	for _, m := range slices.Sorted(maps.Keys(missing)) {
		faults = append(faults, fmt.Sprintf("%s imports %s, which no page in docs/decisions names", missing[m], m))
	}
	return faults
}
