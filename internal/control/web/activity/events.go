// Package activity is the traffic of the dashboard: events as they come and as they were, each with its verdict.
package activity

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"merlon/internal/control/admin"
	"merlon/internal/control/web/ui"
	"merlon/internal/model/account"
	"merlon/internal/model/finding"
	"merlon/internal/model/identity"
)

type room struct{ ui.Options }

// Routes is what this room answers.
func Routes(o ui.Options) []ui.Route {
	s := &room{o}
	return []ui.Route{
		{Method: "GET", Path: "/events", Needs: account.SeeEvents, Handle: s.events},
		{Method: "GET", Path: "/events/{id}", Needs: account.SeeEvents, Handle: s.event},
	}
}

const eventsPerPage = 100

// eventsView is the list of events as shown.
type eventsView struct {
	Query  url.Values
	Events []eventRow
	Older  templ.SafeURL // the next page, "" on the last
	Live   string        // the source of the live list, "" where the page is not the latest
	Now    time.Time
	Listen string
}

// eventRow is an event with its findings taken apart.
type eventRow struct {
	admin.Event
	Found []foundRow
}

// foundRow is one finding of a verdict line.
type foundRow struct {
	ID       string
	Classes  []string
	Severity string
	Score    float64
	Where    string
	Evidence string
	Why      string
}

func rowOf(e admin.Event) eventRow {
	r := eventRow{Event: e}
	// Stored by our own encoder; what does not read back is shown as no finding rather than as an error.
	_ = json.Unmarshal(e.Findings, &r.Found)
	for i := range r.Found {
		if _, ok := finding.ParseSeverity(r.Found[i].Severity); !ok {
			r.Found[i].Severity = "none"
		}
	}
	return r
}

// eventFilters are the parameters that select events, here and in the API.
func eventFilters() []string {
	return []string{"site", "endpoint", "action", "finding", "severity", "actor", "address"}
}

func (s *room) events(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	p.Title, p.Active = "Events", "activity"
	in := r.URL.Query()
	q := admin.EventQuery{
		Site: in.Get("site"), Action: in.Get("action"), Finding: strings.TrimSpace(in.Get("finding")), Actor: in.Get("actor"),
		Address: strings.TrimSpace(in.Get("address")), Limit: eventsPerPage,
	}
	q.MinSeverity, _ = finding.ParseSeverity(in.Get("severity"))
	if n, err := strconv.ParseUint(in.Get("endpoint"), 10, 32); err == nil {
		q.Endpoint = identity.EndpointID(n)
	}
	q.Before, _ = strconv.ParseUint(in.Get("before"), 10, 63) // 0, the latest, where it is not a number
	v := eventsView{Query: in, Now: s.Admin.Now(), Listen: ui.Listen(p.Status)}
	found, err := s.Admin.Events(r.Context(), p.Caller, q)
	if err != nil {
		var input *admin.InputError
		if !errors.As(err, &input) {
			return err
		}
		p.Error = ui.Sentence(err)
	}
	for _, e := range found {
		v.Events = append(v.Events, rowOf(e))
	}
	filter := url.Values{}
	for _, k := range eventFilters() {
		if in.Get(k) != "" {
			filter.Set(k, in.Get(k))
		}
	}
	if q.Before == 0 {
		v.Live = "/v1/events?" + filter.Encode()
	}
	if len(found) == eventsPerPage {
		filter.Set("before", strconv.FormatUint(found[len(found)-1].Row, 10))
		v.Older = templ.SafeURL("/events?" + filter.Encode())
	}
	p.Scripts = append(p.Scripts, "live.js")
	return ui.Show(w, r, http.StatusOK, eventsPage(p, v))
}

func (v eventsView) filtered() bool {
	for _, k := range append(eventFilters(), "before") {
		if v.Query.Get(k) != "" {
			return true
		}
	}
	return false
}

func (s *room) event(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	e, err := s.Admin.Event(r.Context(), p.Caller, r.PathValue("id"))
	if err != nil {
		return err
	}
	p.Title, p.Active = "Event "+e.ID, "activity"
	return ui.Show(w, r, http.StatusOK, eventPage(p, rowOf(e), s.Admin.Now()))
}

// target is something that can be blocked from an event.
type target struct{ Kind, Value, Text, About string }

// targets are what an event offers to block. A claimed principal is not among them: anybody could claim it.
func (e eventRow) targets() (out []target) {
	if e.Address != "" {
		out = append(out, target{"address", e.Address, "Block this address", "Refuses everything from " + e.Address + ", at once."})
	}
	if e.Fingerprint != "" {
		out = append(out, target{"fingerprint", e.Fingerprint, "Block this fingerprint", "Refuses every client that looks the same: fingerprint " + e.Fingerprint + "."})
	}
	if token, ok := strings.CutPrefix(e.Actor, "principal:"); ok {
		out = append(out, target{"principal", token, "Block this principal", "Refuses everything in the name of this principal, from wherever it comes."})
	}
	return out
}

// verdict says in a sentence what was decided.
func (e eventRow) verdict() string {
	text := map[string]string{"allow": "Allowed", "block": "Blocked", "tag": "Tagged and passed on"}[e.Action]
	if text == "" {
		text = e.Action
	}
	if e.Would != "" && e.Would != e.Action {
		text += "; enforcement would have chosen " + e.Would
	}
	if e.Rule != "" {
		text += ", by " + e.Rule
	}
	return text + "."
}
