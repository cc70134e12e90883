// Package estate is the inventory of the dashboard: every endpoint found, narrowed, grouped, drawn, changed and taken along.
//
// The address of a page says all that it shows, so that it can be shared, kept as a view and gone back to. With htmx the
// region of results is sent alone; without it the same address is a whole page.
package estate

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/a-h/templ"

	index "merlon/internal/control/admin/estate"
	"merlon/internal/control/web/ui"
	"merlon/internal/model/account"
)

type room struct{ ui.Options }

// Routes is what this room answers.
func Routes(o ui.Options) []ui.Route {
	s := &room{o}
	return []ui.Route{
		{Method: "GET", Path: "/inventory", Needs: account.SeeInventory, Handle: s.inventory},
		{Method: "GET", Path: "/inventory/tree", Needs: account.SeeInventory, Handle: s.tree},
		{Method: "GET", Path: "/inventory/export", Needs: account.SeeInventory, Handle: s.export},
		{Method: "GET", Path: "/inventory/edit", Needs: account.EditInventory, Handle: s.edit},
		{Method: "POST", Path: "/inventory/edit", Needs: account.EditInventory, Handle: s.apply},
		{Method: "GET", Path: "/inventory/changes", Needs: account.EditInventory, Handle: s.changes},
		{Method: "POST", Path: "/inventory/changes", Needs: account.EditInventory, Handle: s.undo},
		{Method: "GET", Path: "/inventory/views", Needs: account.EditViews, Handle: s.views},
		{Method: "POST", Path: "/inventory/views", Needs: account.EditViews, Handle: s.saveView},
	}
}

// maxShown bounds a text from traffic on a page, in bytes: paths and hosts may be long, and there are many on a page.
const maxShown = 240

// shown is a text from traffic as pages show it: bounded, and without what is not seen but changes what is: control
// characters, and those that turn or hide text.
func shown(s string) string { return cut(s, maxShown) }

func cut(s string, most int) string {
	if len(s) > most {
		for most > 0 && !utf8.RuneStart(s[most]) {
			most--
		}
		s = s[:most] + "…"
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r < ' ', r >= 0x7f && r < 0xa0, r >= 0x200b && r <= 0x200f, r >= 0x202a && r <= 0x202e, r >= 0x2060 && r <= 0x206f, r == 0x061c, r == 0xfeff:
			return '\ufffd'
		}
		return r
	}, strings.ToValidUTF8(s, "\ufffd"))
}

// scene is what every page over the inventory goes by: the query of its address, and what else the address says.
type scene struct {
	Path string
	Q    index.Query
	// Group is what endpoints are grouped by, "" for a plain list; Open the group whose endpoints are shown.
	Group, Open string
	// Size and Colour are how the tree is drawn.
	Size, Colour string
	Page         int
	View         string // id of the view that was opened
}

// everything is the view without any filter: an address without a query opens with the view that somebody chose for that.
const everything = "all"

// sceneOf reads an address.
func sceneOf(path string, v url.Values) (scene, error) {
	s := scene{Path: path, Group: v.Get("group"), Open: v.Get("open"), Size: v.Get("size"), Colour: v.Get("colour"), View: v.Get("view"), Page: 1}
	if n, err := strconv.Atoi(v.Get("page")); err == nil && n > 1 && n < 1_000_000 {
		s.Page = n
	}
	if _, ok := index.ParseDim(s.Group); !ok {
		s.Group, s.Open = "", ""
	}
	if s.View == everything {
		s.View = ""
	}
	var err error
	s.Q, err = index.Parse(v)
	return s, err
}

// values is the scene as the parameters of an address, without the page and the open group.
func (s *scene) values() url.Values {
	v := s.Q.Values()
	if s.Q.Sort == "template" {
		v.Del("sort") // how lists stand anyway
	}
	for name, value := range map[string]string{"group": s.Group, "size": s.Size, "colour": s.Colour, "view": s.View} {
		if value != "" {
			v.Set(name, value)
		}
	}
	return v
}

// at is an address with some parameters changed: pairs of name and value, where "" leaves one out.
func (s *scene) at(path string, pairs ...string) templ.SafeURL {
	v := s.values()
	for i := 0; i+1 < len(pairs); i += 2 {
		if v.Del(pairs[i]); pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	if len(v) == 0 {
		v.Set("view", everything)
	}
	return templ.SafeURL(path + "?" + v.Encode())
}

// with is the address of this page with some parameters changed; pages begin anew.
func (s *scene) with(pairs ...string) templ.SafeURL { return s.at(s.Path, pairs...) }

// list is the address of the plain list of what is selected, narrowed further.
func (s *scene) list(pairs ...string) templ.SafeURL {
	return s.at("/inventory", append([]string{"group", "", "size", "", "colour", ""}, pairs...)...)
}

// partial tells whether only the region of results is asked for.
func partial(r *http.Request) bool {
	return r.Header.Get("HX-Request") == "true" && r.Header.Get("HX-Target") == "result"
}

// done are the words of what was just done, by the word that the redirect after it carries.
func done(p *ui.Page, r *http.Request) {
	switch r.URL.Query().Get("done") {
	case "view-saved":
		p.Notice = "The view is saved."
	case "view-removed":
		p.Notice = "The view is removed."
	case "view-opens":
		p.Notice = "The inventory opens with it now."
	case "view-opens-all":
		p.Notice = "The inventory opens with everything now."
	}
}
