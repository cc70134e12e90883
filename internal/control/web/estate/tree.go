package estate

import (
	"errors"
	"math"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/a-h/templ"

	"merlon/internal/control/admin"
	index "merlon/internal/control/admin/estate"
	"merlon/internal/control/web/ui"
)

// The picture, in units that are pixels at its natural width.
const (
	treeWidth = 1160
	treeDepth = 4
	treeLines = 34
	lineUnits = 20
	charUnits = 7.25 // of the label's face
)

// treeView is the tree over paths as shown.
type treeView struct {
	scene
	Tree  index.Tree
	Boxes []box
	// Height of the picture, in units.
	Height int
}

// box is a node where it is drawn.
type box struct {
	index.Node
	X, Y, W, H float64
	Depth      int
	To         templ.SafeURL
	Label      string // as much of the name as there is room for
	Count      string
	About      string // all of it, for who listens or points
}

func (s *room) tree(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	p.Title, p.Active, p.Wide = "Path tree", "inventory", true
	sc, mistake := sceneOf("/inventory/tree", r.URL.Query())
	v := treeView{scene: sc}
	v.Group, v.View, v.Q.Sort = "", "", ""
	err := mistake
	if err == nil {
		err = s.grow(r, p, &v)
	}
	if err != nil {
		var input *admin.InputError
		var wrong *index.Wrong
		if !errors.As(err, &input) && !errors.As(err, &wrong) {
			return err
		}
		p.Error = ui.Sentence(err)
		v.Q = index.Query{}
		if err := s.grow(r, p, &v); err != nil {
			return err
		}
	}
	return ui.Show(w, r, http.StatusOK, treePage(p, v))
}

func (s *room) grow(r *http.Request, p *ui.Page, v *treeView) (err error) {
	q := admin.TreeQuery{Query: v.Q, Requests: v.Size == "requests", Depth: treeDepth, Lines: treeLines}
	if v.Tree, err = s.Admin.Tree(r.Context(), p.Caller, q); err != nil {
		return err
	}
	v.draw()
	return nil
}

// draw lays the boxes out: a column for each level, as high as the root's lines, but no higher than there is to say.
func (v *treeView) draw() {
	root := &v.Tree.Root
	scale := math.Min(1, float64(3*leaves(root)+3)/root.Lines)
	v.Height = int(math.Ceil(root.Lines * scale * lineUnits))
	// Sites have short names, and their column says little.
	shares := make([]float64, max(depth(root), 1))
	sum := 0.
	for i := range shares {
		if shares[i] = 1; i == 0 && len(shares) > 1 && root.Kind == index.Whole {
			shares[i] = .45
		}
		sum += shares[i]
	}
	for i := range shares {
		shares[i] *= treeWidth / sum
	}
	v.boxes(root, 0, 0, 0, shares, scale)
}

func leaves(n *index.Node) int {
	if len(n.Children) == 0 {
		return 1
	}
	sum := 0
	for i := range n.Children {
		sum += leaves(&n.Children[i])
	}
	return sum
}

func depth(n *index.Node) int {
	deepest := 0
	for i := range n.Children {
		deepest = max(deepest, 1+depth(&n.Children[i]))
	}
	return deepest
}

func (v *treeView) boxes(n *index.Node, level int, x, y float64, widths []float64, scale float64) {
	for i := range n.Children {
		c := &n.Children[i]
		b := box{Node: *c, X: x, Y: y, W: widths[level] - 2, H: math.Max(c.Lines*lineUnits*scale-2, 6), Depth: level}
		b.Children = nil
		b.Count = ui.Short(uint64(c.Endpoints))
		if v.Size == "requests" {
			b.Count = ui.Short(c.Requests)
		}
		b.To = v.to(c)
		b.Label = fit(name(c), int((b.W-26-charUnits*float64(len(b.Count)))/charUnits))
		b.About = about(c)
		v.Boxes = append(v.Boxes, b)
		v.boxes(c, level+1, x+widths[level], y, widths, scale)
		y += c.Lines * lineUnits * scale
	}
}

// name is what a box says.
func name(n *index.Node) string {
	switch n.Kind {
	case index.Rest:
		return "+ " + ui.Count(uint64(n.Folded)) + " more"
	case index.Here:
		return "this path: " + strings.Join(n.Methods, " ")
	}
	s := n.Name
	if len(n.Methods) > 0 {
		s = strings.Join(n.Methods, " ") + " " + s
	}
	return s
}

// about is a box in words.
func about(n *index.Node) string {
	what := shown(n.Prefix)
	switch n.Kind {
	case index.OfSite, index.OfHost:
		what = shown(n.Name)
	case index.Rest:
		what = "More below " + what
	}
	return strings.TrimSpace(shown(what) + ": " + ui.Joined(
		ui.Plural(n.Endpoints, "endpoint", "endpoints"), ui.Count(n.Requests)+" requests", "top risk "+ui.Score(n.Risk),
		part(n.Both, "documented and seen"), part(n.Observed, "seen only"), part(n.Documented, "documented only"), part(n.Open, "open to all"), part(n.Sensitive, "with sensitive data")))
}

func part(n int, what string) string {
	if n == 0 {
		return ""
	}
	return ui.Count(uint64(n)) + " " + what
}

// fit cuts a text to so many characters.
func fit(s string, most int) string {
	s = cut(s, 200)
	if utf8.RuneCountInString(s) <= most {
		return s
	}
	most = max(most-1, 1)
	for i := range s {
		if most == 0 {
			return s[:i] + "…"
		}
		most--
	}
	return s
}

// to is where a box leads: into it, or to what there is where nothing is below.
func (v *treeView) to(n *index.Node) templ.SafeURL {
	switch {
	case n.Only != 0:
		return ui.EndpointLink(n.Only)
	case len(n.Prefix) > index.MaxFilter:
		return v.list("site", n.Site, "host", n.Host)
	case n.Kind == index.Rest:
		return v.list("site", n.Site, "host", n.Host, "prefix", n.Prefix)
	case n.Kind == index.Here:
		return v.list("site", n.Site, "host", n.Host, "prefix", "", "path", n.Name)
	case len(n.Methods) > 0:
		return v.list("site", n.Site, "host", n.Host, "prefix", "", "path", n.Prefix)
	}
	return v.with("site", n.Site, "host", n.Host, "prefix", n.Prefix)
}

// crumb is a step of the way to where the picture begins.
type crumb struct {
	Text string
	To   templ.SafeURL
}

func (v *treeView) crumbs() (out []crumb) {
	for _, n := range append(v.Tree.Above[:len(v.Tree.Above):len(v.Tree.Above)], v.Tree.Root) {
		if n.Kind == "" {
			continue
		}
		text := cut(n.Name, 60)
		if n.Kind == index.Whole {
			text = "All"
		}
		out = append(out, crumb{text, v.with("site", n.Site, "host", n.Host, "prefix", n.Prefix)})
	}
	return out
}

// class is the role of a box's colour.
func (v *treeView) class(b *box) string {
	if b.Kind == index.Rest {
		return "t-rest"
	}
	if v.Colour != "known" {
		return "t-" + ui.RiskClass(b.Risk)
	}
	switch b.Endpoints {
	case b.Both:
		return "t-both"
	case b.Observed:
		return "t-observed"
	case b.Documented:
		return "t-documented"
	}
	return "t-mixed"
}

// stripe is a part of the edge of a box: how its endpoints are known.
type stripe struct {
	Class string
	Y, H  float64
}

func (v *treeView) stripes(b *box) (out []stripe) {
	if v.Colour != "known" {
		return []stripe{{"s-" + ui.RiskClass(b.Risk), b.Y, b.H}}
	}
	y := b.Y
	for _, part := range []struct {
		class string
		n     int
	}{{"s-both", b.Both}, {"s-observed", b.Observed}, {"s-documented", b.Documented}} {
		if part.n > 0 {
			h := b.H * float64(part.n) / float64(b.Endpoints)
			out = append(out, stripe{part.class, y, h})
			y += h
		}
	}
	return out
}

// unit prints a length of the picture.
func unit(x float64) string { return strconv.FormatFloat(math.Round(x*10)/10, 'f', -1, 64) }
