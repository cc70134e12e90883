package activity

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"merlon/internal/control/admin"
	"merlon/internal/control/web/ui"
	"merlon/internal/model/account"
	"merlon/internal/model/finding"
)

const eventsPerPage = 100

// listView is the list of events as shown.
type listView struct {
	filter
	Typed  string
	Events []eventRow
	Older  string // the next page, "" on the last
	Newer  string // the page before, "" on the first
	Latest bool   // it begins with the latest event
	Live   string // the source of what comes, "" where the page is not the latest
	Search string // how far the search has looked, where it has not looked everywhere
	Graph  graph
	Views  []admin.View
	Now    time.Time
	Listen string
}

// eventRow is an event with its findings taken apart.
type eventRow struct {
	admin.Event
	Found []foundRow
}

// foundRow is one finding of a verdict line, as far as a list shows it.
type foundRow struct{ ID, Severity string }

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

func (s *room) list(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	p.Title, p.Active, p.Scripts = "Activity", "activity", []string{"live.js"}
	in := r.URL.Query()
	v := listView{filter: newFilter(in), Now: s.Admin.Now(), Listen: ui.Listen(p.Status)}
	if typed := in.Get("q"); typed != "" {
		if id := v.understand(typed); id != "" {
			http.Redirect(w, r, "/activity/"+url.PathEscape(id), http.StatusSeeOther)
		} else {
			http.Redirect(w, r, string(v.link()), http.StatusSeeOther)
		}
		return nil
	}
	q, err := admin.ParseEventQuery(in, v.Now)
	status := http.StatusOK
	if err == nil {
		q.Limit = eventsPerPage
		err = s.fill(r, p, &v, q)
	}
	var input *admin.InputError
	if errors.As(err, &input) {
		p.Error, status, err = ui.Sentence(err), http.StatusBadRequest, nil
	}
	if err != nil {
		return err
	}
	if p.Caller.May(account.EditViews) {
		if v.Views, err = s.Admin.Views(r.Context(), p.Caller, "activity"); err != nil {
			return err
		}
	}
	return show(w, r, status, listPage(p, v))
}

// fill asks for the events and their counts.
func (s *room) fill(r *http.Request, p *ui.Page, v *listView, q admin.EventQuery) error {
	page, err := s.Admin.EventPage(r.Context(), p.Caller, q)
	if err != nil {
		return err
	}
	for _, e := range page.Events {
		v.Events = append(v.Events, rowOf(e))
	}
	if page.Older != 0 {
		v.Older = v.to(v.at, "before", strconv.FormatUint(page.Older, 10))
	}
	if page.Newer != 0 {
		v.Newer = v.to(v.at, "after", strconv.FormatUint(page.Newer, 10))
	}
	if !page.Searched.IsZero() {
		v.Search = ui.Stamp(page.Searched)
	}
	v.Latest = q.Before == 0 && q.After == 0
	if v.Latest && q.To.IsZero() {
		row := uint64(0)
		if len(page.Events) > 0 {
			row = page.Events[0].Row
		}
		v.Live = v.to("/activity/live", "after", strconv.FormatUint(row, 10))
	}
	h, err := s.Admin.EventHistogram(r.Context(), p.Caller, q, graphSteps)
	if err != nil {
		return err
	}
	v.Graph = newGraph(h, v.filter)
	return nil
}

// span is a choice of how far back.
type span struct{ Key, Text string }

func spans() []span {
	return []span{{"15m", "15 min"}, {"1h", "1 h"}, {"24h", "24 h"}, {"7d", "7 d"}, {"", "All"}}
}

// spanLink is the list of a span that ends now.
func (v listView) spanLink(key string) templ.SafeURL {
	out := v.clone()
	out.Del("until")
	if key == "" {
		out.Del("since")
	} else {
		out.Set("since", key)
	}
	return out.link()
}

func (v listView) filtered() bool { return len(v.Values) > 0 || !v.Latest }

// query is the conditions for a form that saves them.
func (v listView) query() string { return v.Encode() }

// numbered is n as text.
func numbered[N ~int | ~uint32](n N) string { return strconv.FormatUint(uint64(n), 10) }
