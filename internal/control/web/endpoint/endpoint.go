// Package endpoint is the page of one endpoint: what it is, how it fares, what speaks against it and what can be done.
package endpoint

import (
	"fmt"
	"net/http"
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
	Chart  ui.Chart
	Span   ui.Span
	Blocks []bundle.Entry // those that keep this endpoint closed
	Now    time.Time
	// Statuses, Countries, Networks and Clients are drawn as bars.
	Statuses, Countries, Networks, Clients []ui.Bar
	Requests, Responses                    []media
}

// media is a body's schema.
type media struct {
	Title   string
	Samples uint64
	Root    schemaNode
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
	v := endpointView{E: e, Now: s.Admin.Now(), Span: ui.SpanOf(r.URL.Query().Get("span"))}
	if r.URL.Query().Get("span") == "" {
		v.Span = ui.Spans()[1]
	}
	if e.Detail != nil {
		v.D = *e.Detail
	}
	points, err := s.Admin.Series(r.Context(), p.Caller, admin.SeriesQuery{Endpoint: e.ID, From: v.Now.Add(-v.Span.Length), To: v.Now, Step: v.Span.Step})
	if err != nil {
		return err
	}
	v.Chart = ui.NewChart(points)
	if p.Caller.May(account.SeeStanding) {
		all, err := s.Admin.Standing(r.Context(), p.Caller)
		if err != nil {
			return err
		}
		for _, b := range all {
			if b.Kind == bundle.ListEndpoint && (b.Value == fmt.Sprint(e.ID) || b.Value == e.Method+" "+e.Template) {
				v.Blocks = append(v.Blocks, b)
			}
		}
	}
	v.bars()
	return ui.Show(w, r, status, endpointPage(p, v))
}

func (v *endpointView) bars() {
	var statuses []inventory.Count
	for _, s := range v.D.Statuses {
		statuses = append(statuses, inventory.Count{Name: strconv.Itoa(int(s.Status)), Count: s.Count})
	}
	v.Statuses = ui.NewBars(statuses, func(name string) string { return "b-s" + name[:1] })
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
}

func (s *room) editEndpoint(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	labels := strings.FieldsFunc(r.PostForm.Get("labels"), func(c rune) bool { return c == ',' || c == ' ' })
	if _, err := s.Admin.EditEndpoint(r.Context(), p.Caller, id, r.PostForm.Get("owner"), labels); err != nil {
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
