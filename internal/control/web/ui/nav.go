package ui

import (
	"net/http"
	"slices"

	"merlon/internal/model/account"
)

// Place is an entry of the navigation.
type Place struct {
	Name string // Page.Active of its pages
	Href string
	Text string
	Icon string
	Key  string // what to press after g
	Need account.Permission
}

// Places is the navigation by what people do, as far as there are pages for it.
func Places(routes []Route) []Place {
	all := []Place{
		{Name: "overview", Href: "/", Text: "Overview", Icon: "overview", Key: "o"},
		{Name: "inventory", Href: "/inventory", Text: "Inventory", Icon: "inventory", Key: "i"},
		{Name: "activity", Href: "/activity", Text: "Activity", Icon: "activity", Key: "a"},
		{Name: "activity", Href: "/events", Text: "Activity", Icon: "activity", Key: "a"},
		{Name: "policy", Href: "/policy", Text: "Policy", Icon: "policy", Key: "p"},
		{Name: "policy", Href: "/blocks", Text: "Policy", Icon: "policy", Key: "p"},
		{Name: "people", Href: "/people", Text: "People & settings", Icon: "people", Key: "s"},
		{Name: "people", Href: "/settings", Text: "Settings", Icon: "settings", Key: "s"},
		{Name: "people", Href: "/account", Text: "Your account", Icon: "user", Key: "s"},
	}
	var out []Place
	for _, p := range all {
		path := p.Href
		if path == "/" {
			path = "/{$}"
		}
		i := slices.IndexFunc(routes, func(r Route) bool { return r.Method == http.MethodGet && r.Path == path })
		if i < 0 {
			continue
		}
		p.Need = routes[i].Needs
		out = append(out, p)
	}
	return out
}

// places are those that the caller may see; of two with a name the first, which is the better one.
func (p *Page) places() (out []Place) {
	for _, at := range p.Nav {
		if p.Caller.May(at.Need) && !slices.ContainsFunc(out, func(o Place) bool { return o.Name == at.Name }) {
			out = append(out, at)
		}
	}
	return out
}
