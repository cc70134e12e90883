package merlon_test

import (
	"fmt"
	"go/ast"
	"go/token"
	"slices"
	"strconv"
	"strings"
)

// initFunctions: what happens at start is written in cmd, in order.
func initFunctions(h *house) (faults []string) {
	for _, s := range h.sources {
		if s.test {
			continue
		}
		for _, d := range s.ast.Decls {
			if f, ok := d.(*ast.FuncDecl); ok && f.Recv == nil && f.Name.Name == "init" {
				faults = append(faults, h.at(f)+" has func init")
			}
		}
	}
	return faults
}

// blankAllowed lists the imports for effect there may be: the compiler's own, and the SQLite driver in the store.
var blankAllowed = map[string]string{"embed": "", "modernc.org/sqlite": "store"}

func blankImports(h *house) (faults []string) {
	for _, s := range h.sources {
		for _, i := range s.ast.Imports {
			if i.Name == nil || i.Name.Name != "_" {
				continue
			}
			name, _ := strconv.Unquote(i.Path.Value)
			floor, ok := blankAllowed[name]
			if !ok || floor != "" && s.pkg != floor && !strings.HasPrefix(s.pkg, floor+"/") {
				faults = append(faults, fmt.Sprintf("%s imports %s for its effect", h.at(i), name))
			}
		}
	}
	return faults
}

// timed are the packages whose time is the exchange's; those below them count.
var timed = []string{"model", "inspect", "enforce", "learn"}

// clockFunctions read the wall clock or start something on it.
var clockFunctions = []string{"Now", "Since", "Until", "After", "AfterFunc", "Tick", "NewTicker", "NewTimer", "Sleep"}

// clockReads: a package judged in event time is handed its clock.
func clockReads(h *house) (faults []string) {
	for _, s := range h.sources {
		floor, _, _ := strings.Cut(s.pkg, "/")
		if s.test || !slices.Contains(timed, floor) {
			continue
		}
		for _, n := range uses(s, "time", clockFunctions) {
			faults = append(faults, fmt.Sprintf("%s reads the clock by time.%s", h.at(n), n.Sel.Name))
		}
	}
	return faults
}

// environmentReads: the environment is read in cmd and handed in.
func environmentReads(h *house) (faults []string) {
	for _, s := range h.sources {
		if s.test || strings.HasPrefix(s.pkg, "cmd/") {
			continue
		}
		for _, n := range uses(s, "os", []string{"Getenv", "LookupEnv", "Environ", "ExpandEnv"}) {
			faults = append(faults, fmt.Sprintf("%s reads the environment by os.%s", h.at(n), n.Sel.Name))
		}
	}
	return faults
}

// sleepingTests: timing never decides a test.
func sleepingTests(h *house) (faults []string) {
	for _, s := range h.sources {
		if !s.test {
			continue
		}
		for _, n := range uses(s, "time", []string{"Sleep"}) {
			faults = append(faults, h.at(n)+" sleeps: wait for the thing itself, or use testing/synctest")
		}
	}
	return faults
}

// uses finds pkg.name for the names, where the file imports pkg under its own name or another.
func uses(s *source, pkg string, names []string) (found []*ast.SelectorExpr) {
	local := ""
	for _, i := range s.ast.Imports {
		if i.Path.Value == strconv.Quote(pkg) {
			local = pkg
			if i.Name != nil {
				local = i.Name.Name
			}
		}
	}
	if local == "" {
		return nil
	}
	ast.Inspect(s.ast, func(n ast.Node) bool {
		if e, ok := n.(*ast.SelectorExpr); ok && slices.Contains(names, e.Sel.Name) {
			if x, ok := e.X.(*ast.Ident); ok && x.Name == local {
				found = append(found, e)
			}
		}
		return true
	})
	return found
}

// mutableVariables: a package-level variable is a table, an error or a compiled expression; nothing assigns to it after
// the program has started, and it holds no lock, counter or pool. Local names that hide one are not told apart: give them others.
func mutableVariables(h *house) (faults []string) {
	for _, sources := range h.packages() {
		vars := map[string]bool{}
		for _, s := range sources {
			for _, d := range s.ast.Decls {
				g, ok := d.(*ast.GenDecl)
				if !ok || g.Tok != token.VAR {
					continue
				}
				for _, spec := range g.Specs {
					v := spec.(*ast.ValueSpec)
					for _, n := range v.Names {
						vars[n.Name] = n.Name != "_"
					}
					if kind := stateful(v); kind != "" {
						faults = append(faults, fmt.Sprintf("%s is package-level %s", h.at(v), kind))
					}
				}
			}
		}
		for _, s := range sources {
			for _, d := range s.ast.Decls {
				if f, ok := d.(*ast.FuncDecl); ok && f.Body != nil {
					faults = append(faults, h.assignments(f, vars)...)
				}
			}
		}
	}
	slices.Sort(faults)
	return faults
}

// stateful names the kind of state that a variable's type or value gives it; empty for none.
func stateful(v *ast.ValueSpec) string {
	kind := ""
	look := func(e ast.Expr) {
		if star, ok := e.(*ast.StarExpr); ok {
			e = star.X
		}
		if u, ok := e.(*ast.UnaryExpr); ok {
			e = u.X
		}
		if c, ok := e.(*ast.CompositeLit); ok {
			e = c.Type
		}
		if i, ok := e.(*ast.IndexExpr); ok {
			e = i.X
		}
		sel, ok := e.(*ast.SelectorExpr)
		if !ok {
			return
		}
		x, ok := sel.X.(*ast.Ident)
		if ok && (x.Name == "atomic" || x.Name == "sync" && !strings.HasPrefix(sel.Sel.Name, "Once")) {
			kind = x.Name + "." + sel.Sel.Name
		}
	}
	if v.Type != nil {
		look(v.Type)
	}
	for _, e := range v.Values {
		if _, call := e.(*ast.CallExpr); !call {
			look(e)
		}
	}
	return kind
}

// assignments finds what f writes to variables of the package, leaving out the names that f declares itself.
func (h *house) assignments(f *ast.FuncDecl, vars map[string]bool) (faults []string) {
	local := map[string]bool{}
	declare := func(fields *ast.FieldList) {
		if fields == nil {
			return
		}
		for _, p := range fields.List {
			for _, n := range p.Names {
				local[n.Name] = true
			}
		}
	}
	declare(f.Recv)
	ast.Inspect(f, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.FuncType:
			declare(n.Params)
			declare(n.Results)
		case *ast.AssignStmt:
			if n.Tok == token.DEFINE {
				for _, e := range n.Lhs {
					if id, ok := e.(*ast.Ident); ok {
						local[id.Name] = true
					}
				}
			}
		case *ast.RangeStmt:
			for _, e := range []ast.Expr{n.Key, n.Value} {
				if id, ok := e.(*ast.Ident); ok && n.Tok == token.DEFINE {
					local[id.Name] = true
				}
			}
		case *ast.ValueSpec:
			for _, id := range n.Names {
				local[id.Name] = true
			}
		}
		return true
	})
	write := func(e ast.Expr) {
		if id := root(e); id != nil && vars[id.Name] && !local[id.Name] {
			faults = append(faults, fmt.Sprintf("%s writes to the package-level variable %s", h.at(id), id.Name))
		}
	}
	ast.Inspect(f.Body, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.AssignStmt:
			if n.Tok != token.DEFINE {
				for _, e := range n.Lhs {
					write(e)
				}
			}
		case *ast.IncDecStmt:
			write(n.X)
		case *ast.CallExpr:
			if id, ok := n.Fun.(*ast.Ident); ok && (id.Name == "delete" || id.Name == "clear") && len(n.Args) > 0 {
				write(n.Args[0])
			}
		}
		return true
	})
	return faults
}

// root is the variable at the bottom of x.f[i].
func root(e ast.Expr) *ast.Ident {
	for {
		switch x := e.(type) {
		case *ast.Ident:
			return x
		case *ast.IndexExpr:
			e = x.X
		case *ast.SelectorExpr:
			e = x.X
		case *ast.StarExpr:
			e = x.X
		case *ast.ParenExpr:
			e = x.X
		default:
			return nil
		}
	}
}

// at is file:line of a node.
func (h *house) at(n ast.Node) string {
	p := h.fset.Position(n.Pos())
	return fmt.Sprintf("%s:%d", p.Filename, p.Line)
}
