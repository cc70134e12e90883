package web

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/model/account"
	"merlon/internal/model/bundle"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
)

// endpointView is one endpoint as shown.
type endpointView struct {
	E      inventory.Endpoint
	D      inventory.Detail
	Chart  chartData
	Span   span
	Blocks []bundle.Entry // those that keep this endpoint closed
	Now    time.Time
	// Statuses, Countries, Networks and Clients are drawn as bars.
	Statuses, Countries, Networks, Clients []bar
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

func (s *server) endpoint(w http.ResponseWriter, r *http.Request, p *page) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	return s.showEndpoint(w, r, p, id, http.StatusOK)
}

func (s *server) showEndpoint(w http.ResponseWriter, r *http.Request, p *page, id identity.EndpointID, status int) error {
	e, err := s.Admin.Endpoint(r.Context(), p.Caller, id)
	if err != nil {
		return err
	}
	p.Title, p.Active = e.Method+" "+e.Template, "inventory"
	v := endpointView{E: e, Now: s.Admin.Now(), Span: spanOf(r.URL.Query().Get("span"))}
	if r.URL.Query().Get("span") == "" {
		v.Span = spans()[1]
	}
	if e.Detail != nil {
		v.D = *e.Detail
	}
	points, err := s.Admin.Series(r.Context(), p.Caller, admin.SeriesQuery{Endpoint: e.ID, From: v.Now.Add(-v.Span.Length), To: v.Now, Step: v.Span.Step})
	if err != nil {
		return err
	}
	v.Chart = newChart(points)
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
	return s.show(w, r, status, endpointPage(p, v))
}

func (v *endpointView) bars() {
	var statuses []inventory.Count
	for _, s := range v.D.Statuses {
		statuses = append(statuses, inventory.Count{Name: strconv.Itoa(int(s.Status)), Count: s.Count})
	}
	v.Statuses = newBars(statuses, func(name string) string { return "b-s" + name[:1] })
	v.Countries, v.Networks, v.Clients = newBars(v.D.Countries, plainBar), newBars(v.D.Networks, plainBar), newBars(v.D.Clients, plainBar)
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

func (s *server) editEndpoint(w http.ResponseWriter, r *http.Request, p *page) error {
	id, err := pathID(r)
	if err != nil {
		return err
	}
	labels := strings.FieldsFunc(r.PostForm.Get("labels"), func(c rune) bool { return c == ',' || c == ' ' })
	if _, err := s.Admin.EditEndpoint(r.Context(), p.Caller, id, r.PostForm.Get("owner"), labels); err != nil {
		if status, ok := refused(w, p, err); ok {
			return s.showEndpoint(w, r, p, id, status)
		}
		return err
	}
	http.Redirect(w, r, "/inventory/"+r.PathValue("id")+"?done=edited", http.StatusSeeOther)
	return nil
}

// authText explains the posture in a sentence.
func authText(e *inventory.Endpoint, d *inventory.Detail) string {
	counts := fmt.Sprintf("%s successes with a credential, %s without", whole(d.SuccessesWithCredential), whole(d.SuccessesWithoutCredential))
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
