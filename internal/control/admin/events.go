package admin

import (
	"context"
	"time"

	"merlon/internal/model/account"
	"merlon/internal/model/event"
	"merlon/internal/model/finding"
	"merlon/internal/model/identity"
	"merlon/internal/store"
)

// EventQuery selects events. Zero fields select everything.
type EventQuery struct {
	Site, Actor, Address, Action, Finding string
	Endpoint                              identity.EndpointID
	MinSeverity                           finding.Severity
	From, To                              time.Time
	// Before is the Row from which the list runs downwards.
	Before uint64
	// Limit is at most MaxPage, which is also the default.
	Limit int
}

// Event is a stored event as its verdict line. Row is its place in the list.
type Event struct {
	event.Line
	Row      uint64
	Severity finding.Severity // of the worst finding, 0 for none
}

// Events lists events, the latest first.
func (a *Admin) Events(ctx context.Context, c Caller, q EventQuery) ([]Event, error) {
	if err := c.Need(account.SeeEvents); err != nil {
		return nil, err
	}
	if q.Limit < 0 || q.Limit > MaxPage {
		return nil, wrong("limit", "use 1 to %d", MaxPage)
	}
	return a.events(ctx, q.filter())
}

func (q EventQuery) filter() store.EventFilter {
	return store.EventFilter{
		Site: q.Site, Actor: q.Actor, Address: q.Address, Action: q.Action, Finding: q.Finding, Endpoint: q.Endpoint,
		MinSeverity: int(q.MinSeverity), From: q.From, To: q.To, Before: q.Before, Limit: min(q.Limit, store.MaxEventsPage),
	}
}

func (a *Admin) events(ctx context.Context, f store.EventFilter) ([]Event, error) {
	rows, err := a.o.Store.Events(ctx, f)
	out := make([]Event, 0, len(rows))
	for i := range rows {
		out = append(out, eventOf(&rows[i]))
	}
	return out, err
}

// Event shows one event.
func (a *Admin) Event(ctx context.Context, c Caller, id string) (Event, error) {
	if err := c.Need(account.SeeEvents); err != nil {
		return Event{}, err
	}
	if _, err := event.ParseID(id); err != nil {
		return Event{}, ErrNotFound
	}
	row, err := a.o.Store.Event(ctx, id)
	if err != nil {
		return Event{}, found(err)
	}
	return eventOf(&row), nil
}

// FollowEvents calls each with what comes, oldest first, until ctx ends, each fails, or the caller may no longer see it.
// The first call hands over the latest events there are, at most q.Limit; an empty call says that nothing came, so that
// a broken connection is noticed.
func (a *Admin) FollowEvents(ctx context.Context, c Caller, q EventQuery, each func([]Event) error) error {
	if err := c.Need(account.SeeEvents); err != nil {
		return err
	}
	select {
	case a.followers <- struct{}{}:
		defer func() { <-a.followers }()
	default:
		return ErrBusy
	}
	latest, err := a.Events(ctx, c, q)
	if err != nil {
		return err
	}
	f := q.filter()
	f.Before, f.After = 0, 1
	if len(latest) == 0 {
		// Nothing is selected yet: follow from the end of all there is, whatever it is.
		if last, err := a.events(ctx, store.EventFilter{Limit: 1}); err == nil && len(last) == 1 {
			f.After = last[0].Row
		}
	} else {
		f.After = latest[0].Row
	}
	for i, j := 0, len(latest)-1; i < j; i, j = i+1, j-1 {
		latest[i], latest[j] = latest[j], latest[i]
	}
	if err := each(latest); err != nil {
		return err
	}
	f.Limit = 100 // what people can look at in a second; the rest is in the list
	tick := time.NewTicker(a.o.Poll)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		if err := a.Still(ctx, c); err != nil {
			return err
		}
		more, err := a.events(ctx, f)
		if err != nil {
			return err
		}
		if len(more) > 0 {
			f.After = more[len(more)-1].Row
		}
		if err := each(more); err != nil {
			return err
		}
	}
}

func eventOf(r *store.Event) Event {
	return Event{
		Row: r.Row, Severity: finding.Severity(r.Severity),
		Line: event.Line{
			ID: r.ID, Time: r.Time, Site: r.Site, Node: r.Node, Source: r.Source, Method: r.Method, Host: r.Host, Template: r.Template,
			EndpointID: r.Endpoint, Actor: r.Actor, Principal: r.Principal, Strength: r.Strength, Address: r.Address, Country: r.Country,
			UserAgent: r.UserAgent, Fingerprint: r.Fingerprint, JA4: r.JA4, HTTP2: r.HTTP2, RPC: r.RPC, Mode: r.Mode, Action: r.Action, Would: r.Would, Rule: r.Rule, Status: r.Status,
			LatencyMicros: r.LatencyMicros, Findings: r.Findings,
		},
	}
}
