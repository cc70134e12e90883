package merlon_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// fixtureArch is a small ARCHITECTURE.md with every kind of row.
const fixtureArch = `
| package | contract in one sentence | may import beyond model/* |
|---|---|---|
| model/a | A. | - |
| model/b | B. | - |
| inspect/walk | Walks; with a | bar in its contract. | - |
| inspect/contract | Keeps. | inspect/walk |
| enforce/engine | Runs. | inspect/*, config |
| store | Keeps. | - |
| edge/export (planned) | Sends. | - |
| client (planned) | Calls. | nothing |
| lab/* | Proves. | anything |
| config | Plain. | nothing |
| cmd/merlon | Wires. | anything |

| package | imports |
|---|---|
| a | - |
| b | a |
`

// fixtureFiles is a tree that keeps every rule.
func fixtureFiles() map[string]string {
	return map[string]string{
		"internal/model/a/a.go":                 "// Package a is A.\npackage a\n\nvar table = map[string]int{\"x\": 1}\n\nfunc F() int { table := 1; table++; return table }\n",
		"internal/model/b/b.go":                 "// Package b is B.\npackage b\n\nimport \"merlon/internal/model/a\"\n",
		"internal/inspect/walk/walk.go":         "// Package walk walks.\npackage walk\n\nimport (\n\t\"merlon/internal/inspect/walk/json\"\n\t\"merlon/internal/model/b\"\n)\n",
		"internal/inspect/walk/json/json.go":    "// Package json walks JSON.\npackage json\n\nimport \"time\"\n\nconst tick = time.Second\n",
		"internal/inspect/contract/contract.go": "// Package contract keeps.\npackage contract\n\nimport \"merlon/internal/inspect/walk\"\n",
		"internal/enforce/engine/engine.go":     "// Package engine runs.\npackage engine\n\nimport (\n\t\"merlon/internal/config\"\n\t\"merlon/internal/inspect/walk/json\"\n)\n",
		"internal/store/store.go":               "// Package store keeps.\npackage store\n\nimport _ \"modernc.org/sqlite\"\n",
		"internal/store/store_test.go":          "package store\n\nimport \"merlon/internal/lab/acme\"\n\nfunc init() {}\n",
		"internal/lab/acme/acme.go":             "// Package acme proves.\npackage acme\n\nimport \"merlon/internal/store\"\n",
		"internal/config/config.go":             "// Package config is plain.\npackage config\n",
		"cmd/merlon/main.go":                    "// Command merlon wires.\npackage main\n\nimport (\n\t\"os\"\n\t\"merlon/internal/lab/acme\"\n)\n\nvar home = os.Getenv\n",
		"go.mod":                                "module merlon\n\nrequire modernc.org/sqlite v1.0.0\n\nrequire (\n\texample.org/x v1.0.0\n\texample.org/x/y/v2 v2.0.0 // indirect\n)\n",
		"docs/decisions/0001-sqlite.md":         "For the store: `modernc.org/sqlite`, and `example.org/x` for x.\n",
		"README.md":                             "A library shared by data/ and bench/, at work/.\n",
	}
}

// fixture is a change to the clean tree.
type fixture struct {
	name  string
	rule  string            // the rule that must fire, and the only one; empty for silence
	arch  string            // a further row of the large table
	patch map[string]string // files added or replaced
}

// TestHouseRules shows that every rule fires on its fault and stays silent without it.
func TestHouseRules(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("// x\n", maxFileLines)
	big := map[string]string{}
	for i := range 7 {
		big[fmt.Sprintf("internal/store/f%d.go", i)] = "package store\n\n" + strings.Repeat("// x\n", maxFileLines-10)
	}
	chain := map[string]string{}
	for i := range maxChain {
		chain[fmt.Sprintf("internal/store/c%d/c.go", i)] = fmt.Sprintf("// Package c chains.\npackage c\n\nimport \"merlon/internal/store/c%d\"\n", i+1)
	}
	chain[fmt.Sprintf("internal/store/c%d/c.go", maxChain)] = "// Package c chains.\npackage c\n"
	one := func(path, src string) map[string]string { return map[string]string{path: src} }
	cases := []fixture{
		{name: "clean"},
		{name: "sideways", rule: "import table", patch: one("internal/inspect/walk/x.go", "package walk\n\nimport \"merlon/internal/store\"\n")},
		{name: "upwards out of model", rule: "import table", patch: one("internal/model/a/x.go", "package a\n\nimport \"merlon/internal/config\"\n")},
		{name: "upwards inside model", rule: "import table", patch: one("internal/model/a/x.go", "package a\n\nimport \"merlon/internal/model/b\"\n")},
		{name: "sub-package has its parent's row", rule: "import table", patch: one("internal/inspect/walk/json/x.go", "package json\n\nimport \"merlon/internal/inspect/contract\"\n")},
		{name: "star is one floor", rule: "import table", patch: one("internal/enforce/engine/x.go", "package engine\n\nimport \"merlon/internal/store\"\n")},
		{name: "nothing means model too", rule: "import table", patch: one("internal/config/x.go", "package config\n\nimport \"merlon/internal/model/a\"\n")},
		{name: "no row", rule: "package in table", patch: one("internal/util/u.go", "// Package util is lost.\npackage util\n")},
		{name: "no row inside model", rule: "package in table", arch: "| model/c | C. | - |", patch: one("internal/model/c/c.go", "// Package c is C.\npackage c\n")},
		{name: "the root is a package too", rule: "package in table", patch: one("merlon.go", "// Package merlon is public.\npackage merlon\n")},
		{name: "planned but there", rule: "planned", patch: one("internal/edge/export/e.go", "// Package export sends.\npackage export\n")},
		{name: "there but not", rule: "planned", arch: "| fleet | Many. | - |"},
		{
			name: "lab from a floor that may import anything", rule: "lab", arch: "| assess | Asks. | anything |",
			patch: one("internal/assess/a.go", "// Package assess asks.\npackage assess\n\nimport \"merlon/internal/lab/acme\"\n"),
		},
		{name: "no comment", rule: "package comment", patch: one("internal/config/config.go", "package config\n")},
		{name: "foreign comment", rule: "package comment", patch: one("internal/config/config.go", "// Configuration is plain.\npackage config\n")},
		{name: "another name's comment", rule: "package comment", patch: one("internal/config/config.go", "// Package configuration is plain.\npackage config\n")},
		{name: "comment with a colon", patch: one("internal/config/config.go", "// Package config: plain.\npackage config\n")},
		{name: "two comments", rule: "package comment", patch: one("internal/config/x.go", "// Package config is plain again.\npackage config\n")},
		{name: "command comment", rule: "package comment", patch: one("cmd/merlon/main.go", "// Package main wires.\npackage main\n")},
		{name: "long file", rule: "file length", patch: one("internal/store/x.go", "package store\n"+long)},
		{name: "long test", patch: one("internal/store/x_test.go", "package store\n"+long)},
		{name: "long table", patch: one("internal/store/x_table.go", "package store\n"+long)},
		{name: "long generated file", patch: one("internal/store/x.go", "// Code generated by x. DO NOT EDIT.\n\npackage store\n"+long)},
		{name: "large package", rule: "package length", patch: big},
		{name: "long chain", rule: "import chain", patch: chain},
		{name: "init", rule: "init", patch: one("internal/store/x.go", "package store\n\nfunc init() {}\n")},
		{name: "method named init", patch: one("internal/store/x.go", "package store\n\ntype t struct{}\n\nfunc (t) init() {}\n")},
		{name: "driver outside the store", rule: "blank import", patch: one("internal/config/x.go", "package config\n\nimport _ \"modernc.org/sqlite\"\n")},
		{name: "effect in a test", rule: "blank import", patch: one("internal/config/x_test.go", "package config\n\nimport _ \"net/http/pprof\"\n")},
		{name: "assigned", rule: "mutable package variable", patch: one("internal/model/a/x.go", "package a\n\nfunc G() { table = nil }\n")},
		{name: "filled", rule: "mutable package variable", patch: one("internal/model/a/x.go", "package a\n\nfunc G() { table[\"y\"] = 2 }\n")},
		{name: "counted", rule: "mutable package variable", patch: one("internal/model/a/x.go", "package a\n\nvar n int\n\nfunc G() { n++ }\n")},
		{name: "emptied", rule: "mutable package variable", patch: one("internal/model/a/x.go", "package a\n\nfunc G() { delete(table, \"x\") }\n")},
		{name: "lock", rule: "mutable package variable", patch: one("internal/model/a/x.go", "package a\n\nimport \"sync\"\n\nvar mu sync.Mutex\n")},
		{name: "pool", rule: "mutable package variable", patch: one("internal/model/a/x.go", "package a\n\nimport \"sync\"\n\nvar pool = &sync.Pool{}\n")},
		{name: "generic atomic", rule: "mutable package variable", patch: one("internal/model/a/x.go", "package a\n\nimport \"sync/atomic\"\n\nvar p atomic.Pointer[int]\n")},
		{name: "computed once", patch: one("internal/model/a/x.go", "package a\n\nimport \"sync\"\n\nvar p = sync.OnceValue(F)\n")},
		{name: "clock", rule: "clock", patch: one("internal/model/a/x.go", "package a\n\nimport \"time\"\n\nvar now = time.Now\n")},
		{name: "clock under another name", rule: "clock", patch: one("internal/inspect/walk/x.go", "package walk\n\nimport t \"time\"\n\nfunc f() { t.Sleep(1) }\n")},
		{name: "clock where it may be", patch: one("internal/store/x.go", "package store\n\nimport \"time\"\n\nvar now = time.Now\n")},
		{name: "environment", rule: "environment", patch: one("internal/store/x.go", "package store\n\nimport \"os\"\n\nvar home = os.Getenv(\"HOME\")\n")},
		{name: "sleep", rule: "sleeping test", patch: one("internal/store/x_test.go", "package store\n\nimport \"time\"\n\nfunc f() { time.Sleep(1) }\n")},
		{name: "workplace in a comment", rule: "workplace", patch: one("internal/store/x.go", "package store\n\n// see /wo"+"rk/main\n")},
		{name: "module without a page", rule: "decision", patch: one("internal/store/x.go", "package store\n\nimport \"example.org/x/y/v2/z\"\n")},
		{name: "module for tests without a page", rule: "decision", patch: one("internal/store/x_test.go", "package store\n\nimport \"example.org/x/y/v2\"\n")},
		{name: "module with a page", patch: one("internal/store/x.go", "package store\n\nimport \"example.org/x/z\"\n")},
		{name: "document that is not in the tree", rule: "workplace", patch: one("internal/store/x.go", "package store\n\n// see INTERF"+"ACES\n")},
		{name: "workplace in a page", rule: "workplace", patch: one("docs/x.md", "found in ../sha"+"red/data\n")},
	}
	for _, r := range rules {
		if !slices.ContainsFunc(cases, func(c fixture) bool { return c.rule == r.name }) {
			t.Errorf("no fixture shows that %q can fail", r.name)
		}
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			files := fixtureFiles()
			maps.Copy(files, c.patch)
			h, err := newHouse(strings.Replace(fixtureArch, "| cmd/merlon |", strings.TrimSpace(c.arch+"\n| cmd/merlon |"), 1), files)
			if err != nil {
				t.Fatal(err)
			}
			fired := false
			for _, r := range rules {
				faults := r.check(h)
				if r.name == c.rule {
					fired = len(faults) > 0
					continue
				}
				if len(faults) > 0 {
					t.Errorf("%s fired too: %v", r.name, faults)
				}
			}
			if c.rule != "" && !fired {
				t.Errorf("%s did not fire", c.rule)
			}
		})
	}
}

// TestTablesMustBeThere keeps a slip in ARCHITECTURE.md from turning the rules off.
func TestTablesMustBeThere(t *testing.T) {
	t.Parallel()
	for name, arch := range map[string]string{
		"none":         "nothing here",
		"one":          strings.Split(fixtureArch, "| package | imports |")[0],
		"two rows":     fixtureArch + strings.Replace(fixtureArch, "model/a", "model/z", 1),
		"renamed head": strings.Replace(fixtureArch, "may import beyond", "imports beyond", 1),
	} {
		if _, err := newHouse(arch, nil); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}
