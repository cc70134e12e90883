package summary

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"testing"
)

func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// TestMemoryIsBounded sends what an attacker would: as many addresses and paths as there are.
func TestMemoryIsBounded(t *testing.T) {
	const limit = 96 << 20
	for _, c := range []struct {
		name string
		n    int
		make func(i int) request
	}{
		{"a million addresses", 1_000_000, func(i int) request {
			return request{n: uint64(i), method: "GET", host: "h", path: "/a/5", template: "/a/{id}", endpoint: 1, status: 200, addr: fmt.Sprintf("%d.%d.%d.1", 1+i>>16, i>>8&255, i&255)}
		}},
		{"a hundred thousand junk paths", 100_000, func(i int) request {
			return request{n: uint64(i), method: "GET", host: "h", path: fmt.Sprintf("/junk%cx/y%cz%d", 'a'+i%26, 'a'+i/26%26, i), status: 404, addr: "10.0.0.1"}
		}},
		{"a hundred thousand junk paths that succeed", 100_000, func(i int) request {
			return request{n: uint64(i), method: "GET", host: "h", path: fmt.Sprintf("/junk.%d.x", i), status: 200, addr: "10.0.0.1", bytes: int64(i)}
		}},
		{"as many hosts and methods", 100_000, func(i int) request {
			return request{n: uint64(i), method: fmt.Sprintf("M%d", i%300), host: fmt.Sprintf("h%d", i), path: "/", status: 200, addr: "10.0.0.1"}
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			before := heap()
			s := New("acme", testSeed)
			for i := range c.n {
				s.Apply(c.make(i).event())
			}
			if used := int64(heap() - before); used > limit {
				t.Errorf("%d MiB after %d events, want at most %d", used>>20, c.n, limit>>20)
			} else {
				t.Logf("%d KiB, %d found, %d lost, %d bytes encoded", used>>10, s.Found.Len(), s.Lost.Len(), len(s.AppendBinary(nil)))
			}
			if s.Found.Len() > MaxFound || s.Lost.Len() > MaxLost {
				t.Errorf("%d found, %d lost", s.Found.Len(), s.Lost.Len())
			}
			total := uint64(0)
			for _, x := range []*Table{&s.Known, &s.Found, &s.Lost} {
				total += x.Overflow.Requests
				for _, l := range x.Leaves() {
					total += l.Traffic.Requests
				}
			}
			if total != uint64(c.n) {
				t.Errorf("%d requests accounted for, want %d", total, c.n)
			}
		})
	}
}

func TestJunkDoesNotDisplaceSuccesses(t *testing.T) {
	s := small()
	for i := range 5000 {
		s.Apply(request{n: uint64(i), method: "GET", host: "h", path: fmt.Sprintf("/junk-%cx%d", 'a'+i%26, i), status: 404, addr: "10.0.0.1"}.event())
	}
	s.Apply(request{n: 9999, method: "GET", host: "h", path: "/orders", status: 200, addr: "10.0.0.2"}.event())
	if ls := s.Found.Leaves(); len(ls) != 1 || ls[0].Segments[0].Text != "orders" {
		t.Fatalf("%d leaves found", len(ls))
	}
}

func TestAheadOfArrivalMovesNothing(t *testing.T) {
	s := New("acme", testSeed)
	good := request{n: 1, method: "GET", host: "h", path: "/a", status: 200, addr: "10.0.0.2"}.event()
	s.Apply(good)
	seen := s.Seen
	bad := request{n: 2, method: "GET", host: "h", path: "/b", status: 200, addr: "10.0.0.2"}.event()
	bad.At += int64(MaxAhead) + 1
	s.Apply(bad)
	if s.Damaged != 1 || s.Seen != seen || s.Found.Len() != 1 {
		t.Fatalf("damaged %d, seen %v, %d leaves", s.Damaged, s.Seen, s.Found.Len())
	}
	bad.At -= 2
	s.Apply(bad)
	if s.Damaged != 1 || s.Found.Len() != 2 {
		t.Fatal("four minutes and some ahead is an ordinary clock")
	}
}

func TestLiteralsComeLateAndGo(t *testing.T) {
	s := New("acme", testSeed)
	e := request{n: 1, method: "GET", host: "h", path: "/orders", status: 200, addr: "10.0.0.2"}.event()
	lit := e.Observations[0]
	e.Observations[0].Flags, e.Observations[0].Literal.Len = 0, 0
	s.Apply(e)
	l := s.Found.Leaves()[0]
	if l.Segments[0].Text != "" {
		t.Fatal("a literal that was not sent is known")
	}
	e.Observations[0] = lit
	s.Apply(e)
	if l.Segments[0].Text != "orders" || l.Traffic.Requests != 2 {
		t.Fatalf("text %q, %d requests", l.Segments[0].Text, l.Traffic.Requests)
	}
	l.Erase(1)
	if l.Segments[0].Text != "" {
		t.Fatal("an erased literal is still there")
	}
}

// TestEveryLearnerIsListed finds types with a learner's method in the sources and asks for them in all.go.
func TestEveryLearnerIsListed(t *testing.T) {
	list, err := os.ReadFile("all.go")
	if err != nil {
		t.Fatal(err)
	}
	pkgs, err := parser.ParseDir(token.NewFileSet(), ".", func(f fs.FileInfo) bool { return !strings.HasSuffix(f.Name(), "_test.go") }, 0)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, f := range pkgs["summary"].Files {
		for _, d := range f.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Recv == nil || fn.Name.Name != "merge" || len(fn.Type.Params.List) != 1 {
				continue
			}
			if p, ok := fn.Type.Params.List[0].Type.(*ast.Ident); !ok || p.Name != "learner" {
				continue
			}
			n++
			name := fn.Recv.List[0].Type.(*ast.StarExpr).X.(*ast.Ident).Name
			if !strings.Contains(string(list), "."+name) {
				t.Errorf("%s is not listed in all.go", name)
			}
		}
	}
	if want := len(learners(&Leaf{})) + len(detailLearners(&Detail{})); n != want {
		t.Errorf("%d learners in files, %d listed", n, want)
	}
}
