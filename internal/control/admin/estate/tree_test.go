package estate

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
)

// of is an inventory of paths on one host.
func of(templates ...string) *inventory.Inventory {
	s := inventory.Site{Name: "acme"}
	for i, t := range templates {
		s.Endpoints = append(s.Endpoints, inventory.Endpoint{
			ID: identity.EndpointID(i + 1), Site: "acme", Host: "api", Method: "GET", Template: t, State: inventory.Confirmed, Requests: uint64(i),
		})
	}
	return &inventory.Inventory{Version: 1, Sites: []inventory.Site{s}}
}

// outline writes a tree down, a node a line.
func outline(n *Node, depth int, b *strings.Builder) {
	fmt.Fprintf(b, "%s%s %s %d\n", strings.Repeat(" ", depth), n.Kind, n.Name, n.Endpoints)
	for i := range n.Children {
		outline(&n.Children[i], depth+1, b)
	}
}

func TestTree(t *testing.T) {
	x := New(of("/", "/a", "/a-b", "/a/{id}", "/a/{id}/x", "/a/{id}/y", "/deep/one/two/three", "/deep/one/two/four", "plain", "//", "/a/"), nil, nil)
	for _, tt := range []struct {
		name string
		q    TreeQuery
		want string
	}{
		{"from the top", TreeQuery{}, `host api 11
 path /a 5
  path /{id} 3
   here /a/{id} 1
   path /x 1
   path /y 1
  here /a 1
  path / 1
 path / 2
  here / 1
  path / 1
 path /deep/one/two 2
  path /four 1
  path /three 1
 path /a-b 1
 path plain 1
`},
		{"zoomed", TreeQuery{Query: Query{Prefix: "/deep/one/"}}, `path /one 2
 path /two 2
  path /four 1
  path /three 1
`},
		{"no room", TreeQuery{Lines: 2, Depth: 1}, `host api 11
 path /a 5
 rest  6
`},
		{"nothing there", TreeQuery{Query: Query{Prefix: "/gone"}}, `all All 0
`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tree, err := x.Tree(tt.q, at())
			if err != nil {
				t.Fatal(err)
			}
			var b strings.Builder
			outline(&tree.Root, 0, &b)
			if b.String() != tt.want {
				t.Errorf("got\n%swant\n%s", b.String(), tt.want)
			}
		})
	}
}

func TestTreeAbove(t *testing.T) {
	v := made(2000)
	tree, err := New(v, nil, nil).Tree(TreeQuery{Query: Query{Site: "labs", Host: "api.svc001.example", Prefix: "/svc001/v2"}}, at())
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, n := range tree.Above {
		names = append(names, string(n.Kind)+" "+n.Name)
	}
	if got := strings.Join(names, ", "); got != "all All, site labs, host api.svc001.example, path /svc001" || tree.Root.Prefix != "/svc001/v2" {
		t.Errorf("%s, then %q", got, tree.Root.Prefix)
	}
	if _, err := New(v, nil, nil).Tree(TreeQuery{Depth: MaxDepth + 1}, at()); err == nil {
		t.Error("a tree without end")
	}
}

// TestTreeIsWhole: children add up to their node, in endpoints and in height, whatever there is no room for; and however
// large the inventory is, the picture is not.
func TestTreeIsWhole(t *testing.T) {
	x := New(made(5000), nil, nil)
	for _, q := range []TreeQuery{{}, {Requests: true}, {Lines: 80, Depth: 5}, {Query: Query{Site: "acme"}}, {Query: Query{Seen: Never}, Requests: true}} {
		tree, err := x.Tree(q, at())
		if err != nil {
			t.Fatal(err)
		}
		boxes := 0
		var walk func(n *Node)
		walk = func(n *Node) {
			boxes++
			endpoints, lines, risk := 0, 0., 0.
			for i := range n.Children {
				c := &n.Children[i]
				endpoints, lines, risk = endpoints+c.Endpoints, lines+c.Lines, max(risk, c.Risk)
				if c.Lines < .999 {
					t.Errorf("%q is %v high", c.Prefix, c.Lines)
				}
				walk(c)
			}
			if len(n.Children) > 0 && (endpoints != n.Endpoints || math.Abs(lines-n.Lines) > 1e-6 || risk != n.Risk) {
				t.Errorf("%q: %d of %d endpoints, %v of %v lines", n.Prefix, endpoints, n.Endpoints, lines, n.Lines)
			}
			if n.Documented+n.Observed+n.Both != n.Endpoints {
				t.Errorf("%q: %+v", n.Prefix, n.Sum)
			}
		}
		walk(&tree.Root)
		if tree.Root.Endpoints != tree.Endpoints || boxes > 401 {
			t.Errorf("%d of %d endpoints in %d boxes", tree.Root.Endpoints, tree.Endpoints, boxes)
		}
	}
}

func TestTreeOfHostilePaths(t *testing.T) {
	long := "/" + strings.Repeat("a/", 4096)
	x := New(of(long, long+"b", strings.Repeat("/", 9000), "/<script>alert(1)</script>", "/\u202e\x1b[31m/{", "/%00"), nil, nil)
	tree, err := x.Tree(TreeQuery{}, at())
	if err != nil || tree.Root.Endpoints != 6 || len(tree.Root.Children) > 6 {
		t.Errorf("%+v %v", tree.Root.Sum, err)
	}
}
