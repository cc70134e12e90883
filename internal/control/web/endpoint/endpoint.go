// Package endpoint is the page of one endpoint: what it is, how it fares, what speaks against it and what can be done.
package endpoint

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/control/web/ui"
	"merlon/internal/model/account"
	"merlon/internal/model/bundle"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
)

type room struct{ ui.Options }

// Routes is what this room answers.
func Routes(o ui.Options) []ui.Route {
	s := &room{o}
	return []ui.Route{
		{Method: "GET", Path: "/inventory/{id}", Needs: account.SeeInventory, Handle: s.endpoint},
		{Method: "POST", Path: "/inventory/{id}", Needs: account.EditInventory, Handle: s.editEndpoint},
	}
}

// endpointView is one endpoint as shown.
type endpointView struct {
	E      inventory.Endpoint
	D      inventory.Detail
	Tab    string // one of tabs
	Asked  identity.EndpointID
	Chart  ui.Chart
	Span   ui.Span
	Blocks []bundle.Entry // those that keep this endpoint closed
	Now    time.Time
	Typed  url.Values
	// Statuses, Countries, Networks and Clients are drawn as bars.
	Statuses, Countries, Networks, Clients []ui.Bar
	Requests, Responses                    []media
	Parameters                             []parameter
	// OpenAPI is the description of this one operation, As yaml or json; Cut when it is longer than is shown.
	OpenAPI, As string
	Cut         bool
	// Versions are endpoints with the same method and path of other versions.
	Versions []inventory.Endpoint
}

// tabs are the parts of the page with their names.
var tabs = [...][2]string{{"overview", "Overview"}, {"schema", "Parameters and schema"}, {"callers", "Callers"}, {"history", "Versions and changes"}}

// media is a body's schema.
type media struct {
	Title   string
	Samples uint64
	Root    schemaNode
}

// parameter is one with what its values were, and how many requests carry it.
type parameter struct {
	inventory.Parameter
	Node  schemaNode
	Share float64 // of the requests, 0..1
}

func pathID(r *http.Request) (identity.EndpointID, error) {
	n, err := strconv.ParseUint(r.PathValue("id"), 10, 32)
	if err != nil || n == 0 {
		return 0, admin.ErrNotFound
	}
	return identity.EndpointID(n), nil
}

func (s *room) endpoint(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	return s.showEndpoint(w, r, p, id, http.StatusOK)
}

func (s *room) showEndpoint(w http.ResponseWriter, r *http.Request, p *ui.Page, id identity.EndpointID, status int) error {
	e, err := s.Admin.Endpoint(r.Context(), p.Caller, id)
	if err != nil {
		return err
	}
	p.Title, p.Active = e.Method+" "+e.Template, "inventory"
	q := r.URL.Query()
	v := endpointView{E: e, Asked: id, Tab: tabs[0][0], Now: s.Admin.Now(), Span: ui.SpanOf(q.Get("span")), Typed: r.PostForm}
	for _, t := range tabs {
		if q.Get("tab") == t[0] {
			v.Tab = t[0]
		}
	}
	if q.Get("span") == "" {
		v.Span = ui.Spans()[1]
	}
	if e.Detail != nil {
		v.D = *e.Detail
	}
	if err := s.fill(r, p, &v, q); err != nil {
		return err
	}
	v.bars()
	return ui.Show(w, r, status, endpointPage(p, v))
}

// fill looks up what the tab shows beside the endpoint itself.
func (s *room) fill(r *http.Request, p *ui.Page, v *endpointView, q url.Values) (err error) {
	switch v.Tab {
	case "overview":
		points, err := s.Admin.Series(r.Context(), p.Caller, admin.SeriesQuery{Endpoint: v.E.ID, From: v.Now.Add(-v.Span.Length), To: v.Now, Step: v.Span.Step})
		if err != nil {
			return err
		}
		if v.Chart = ui.ChartAt(points, v.Now); !v.Chart.Empty {
			v.Chart = v.Chart.Follow(fmt.Sprint(v.E.ID), v.Span.Length)
			p.Scripts = append(p.Scripts, "series.js")
		}
	case "schema":
		v.OpenAPI, v.As, v.Cut = openAPI(&v.E, q.Get("as"))
	case "history":
		if v.Versions, err = s.versions(r, p, &v.E); err != nil {
			return err
		}
	}
	if !p.Caller.May(account.SeeStanding) {
		return nil
	}
	all, err := s.Admin.Standing(r.Context(), p.Caller)
	if errors.Is(err, admin.ErrSite) {
		return nil // a token for some sites sees no blocks of all
	}
	for _, b := range all {
		if b.Kind == bundle.ListEndpoint && (b.Value == fmt.Sprint(v.E.ID) || b.Value == v.E.Method+" "+learned(&v.E)) {
			v.Blocks = append(v.Blocks, b)
		}
	}
	return err
}

// learned is the template that requests are matched with, whatever people call it.
func learned(e *inventory.Endpoint) string {
	if e.Learned != "" {
		return e.Learned
	}
	return e.Template
}

func (v *endpointView) bars() {
	for _, s := range ui.NewBars(statuses(&v.D), func(name string) string { return "b-s" + name[:1] }) {
		s.Href = "/activity?" + url.Values{"endpoint": {fmt.Sprint(v.E.ID)}, "status": {s.Name}}.Encode()
		v.Statuses = append(v.Statuses, s)
	}
	v.Countries, v.Networks, v.Clients = ui.NewBars(v.D.Countries, ui.PlainBar), ui.NewBars(v.D.Networks, ui.PlainBar), ui.NewBars(v.D.Clients, ui.PlainBar)
	for _, b := range v.D.Schemas {
		m := media{Title: b.MediaType, Samples: b.Samples, Root: newSchema("", b.Schema)}
		if b.Message == "request" {
			v.Requests = append(v.Requests, m)
			continue
		}
		m.Title = b.Status + " " + b.MediaType
		v.Responses = append(v.Responses, m)
	}
	for _, q := range v.D.Parameters {
		v.Parameters = append(v.Parameters, parameter{q, newSchema(q.Name, q.Schema), min(float64(q.Seen)/float64(max(v.E.Requests, 1)), 1)})
	}
}

func statuses(d *inventory.Detail) (out []inventory.Count) {
	for _, s := range d.Statuses {
		out = append(out, inventory.Count{Name: strconv.Itoa(int(s.Status)), Count: s.Count})
	}
	return out
}

// editEndpoint says what people know of an endpoint, hides it, or shows it again.
func (s *room) editEndpoint(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	f, change := r.PostForm, admin.EndpointChange{}
	switch f.Get("do") {
	case "ignore", "show":
		ignored := f.Get("do") == "ignore"
		change.Ignored = &ignored
	default:
		owner, labels := f.Get("owner"), strings.FieldsFunc(f.Get("labels"), func(c rune) bool { return c == ',' || c == ' ' })
		change.Owner, change.Labels = &owner, &labels
		if f.Has("template") {
			name := f.Get("template")
			change.Template = &name
		}
	}
	if _, err := s.Admin.ChangeEndpoint(r.Context(), p.Caller, id, change); err != nil {
		if status, ok := ui.Refused(w, p, err); ok {
			return s.showEndpoint(w, r, p, id, status)
		}
		return err
	}
	http.Redirect(w, r, "/inventory/"+r.PathValue("id")+"?done=edited", http.StatusSeeOther)
	return nil
}

// authText explains the posture in a sentence.
func authText(e *inventory.Endpoint, d *inventory.Detail) string {
	counts := fmt.Sprintf("%s successes with a credential, %s without", ui.Count(d.SuccessesWithCredential), ui.Count(d.SuccessesWithoutCredential))
	switch e.Auth {
	case inventory.AuthNone:
		return "Answers everybody: " + counts + "."
	case inventory.AuthMixed:
		return "Answers with and without a credential: " + counts + "."
	case inventory.AuthEnforced:
		return "Answers only with a credential: " + counts + "."
	default:
		return "Not known: too few successes whose source could show credentials."
	}
}
