package admin

import (
	"context"
	"time"

	"merlon/internal/control/admin/replay"
	"merlon/internal/model/account"
	"merlon/internal/model/event"
	"merlon/internal/model/finding"
	"merlon/internal/store"
	"merlon/internal/store/eventlist"
)

// Event is a stored event as its verdict line. Row is its place in the list.
type Event struct {
	event.Line
	Row      uint64
	Severity finding.Severity // of the worst finding, 0 for none
	ASN      uint32           // of the address's network, 0 when unknown
}

// EventPage is a piece of the event list, the latest first.
type EventPage struct {
	Events []Event
	// Older and Newer are where the list goes on, as Before and After of a query; 0 where it ends.
	Older, Newer uint64
	// Searched, unless zero, is the time to which the search has looked without filling the page: Older (or Newer) goes on.
	Searched time.Time
}

// Events lists events, the latest first.
func (a *Admin) Events(ctx context.Context, c Caller, q EventQuery) ([]Event, error) {
	p, err := a.EventPage(ctx, c, q)
	return p.Events, err
}

// EventPage lists events with the ways on. With q.After it is the page of those that came next.
func (a *Admin) EventPage(ctx context.Context, c Caller, q EventQuery) (EventPage, error) {
	if err := c.Need(account.SeeEvents); err != nil {
		return EventPage{}, err
	}
	if q.Limit < 0 || q.Limit > MaxPage {
		return EventPage{}, wrong("limit", "use 1 to %d", MaxPage)
	}
	f := q.filter()
	found, err := eventlist.Page(ctx, a.o.Store, f)
	if err != nil {
		return EventPage{}, err
	}
	p := EventPage{Events: eventsOf(found.Events), Searched: found.Searched}
	if f.After == 0 {
		if found.More {
			p.Older = found.Next
		}
		if len(p.Events) > 0 && f.Before != 0 {
			p.Newer = p.Events[0].Row
		}
		return p, nil
	}
	reverse(p.Events)
	if found.More {
		p.Newer = found.Next
	}
	if len(p.Events) > 0 {
		p.Older = p.Events[len(p.Events)-1].Row
	}
	return p, nil
}

// EventHistogram is events counted over time.
type EventHistogram = store.EventHistogram

// EventHistogram counts the events that q selects over time, in so many steps.
func (a *Admin) EventHistogram(ctx context.Context, c Caller, q EventQuery, steps int) (EventHistogram, error) {
	if err := c.Need(account.SeeEvents); err != nil {
		return EventHistogram{}, err
	}
	return eventlist.Histogram(ctx, a.o.Store, q.filter(), steps)
}

// Event shows one event.
func (a *Admin) Event(ctx context.Context, c Caller, id string) (Event, error) {
	row, err := a.eventRow(ctx, c, id)
	if err != nil {
		return Event{}, err
	}
	return eventOf(&row), nil
}

func (a *Admin) eventRow(ctx context.Context, c Caller, id string) (store.Event, error) {
	if err := c.Need(account.SeeEvents); err != nil {
		return store.Event{}, err
	}
	if _, err := event.ParseID(id); err != nil {
		return store.Event{}, ErrNotFound
	}
	row, err := a.o.Store.Event(ctx, id)
	return row, found(err)
}

// MaxExport is the most events of one export.
const MaxExport = 100_000

// ExportEvents calls each with the events that q selects, the latest first, a page at a time: at most MaxExport. It reports
// whether there were more.
func (a *Admin) ExportEvents(ctx context.Context, c Caller, q EventQuery, each func([]Event) error) (more bool, err error) {
	if err := c.Need(account.SeeEvents); err != nil {
		return false, err
	}
	f := q.filter()
	f.After, f.Limit = 0, store.MaxEventsPage
	for n := 0; n < MaxExport; {
		found, err := eventlist.Page(ctx, a.o.Store, f)
		if err != nil {
			return false, err
		}
		if err := each(eventsOf(found.Events)); err != nil {
			return false, err
		}
		if !found.More {
			return false, nil
		}
		n += len(found.Events)
		f.Before = found.Next
	}
	return true, nil
}

func eventsOf(rows []store.Event) []Event {
	out := make([]Event, 0, len(rows))
	for i := range rows {
		out = append(out, eventOf(&rows[i]))
	}
	return out
}

func eventOf(r *store.Event) Event {
	return Event{
		Row: r.Row, Severity: finding.Severity(r.Severity), ASN: r.ASN,
		Line: replay.Verdict(r),
	}
}

func reverse(all []Event) {
	for i, j := 0, len(all)-1; i < j; i, j = i+1, j-1 {
		all[i], all[j] = all[j], all[i]
	}
}
