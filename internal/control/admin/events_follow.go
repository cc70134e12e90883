package admin

import (
	"context"
	"sync"
	"time"

	"merlon/internal/model/account"
	"merlon/internal/store"
	"merlon/internal/store/eventlist"
)

// EventBatch is what came since the last one, oldest first.
type EventBatch struct {
	Events []Event
	// Left is how many came between the last batch and this one and are not in it: more than people can look at.
	Left int
	// Row is the place in the list to which was looked: where to go on after a broken connection.
	Row uint64
}

const (
	// batchEvents is what people can look at in a second; the rest is in the list.
	batchEvents = 50
	// batchPages bounds what is counted of the rest at a time.
	batchPages = 10
)

// Bounds of live lists: of all, and of one account or token, so that nobody takes them all.
const (
	maxFollowers    = 64
	maxFollowersOne = 8
)

// followers counts live lists by who looks at them.
type followers struct {
	mu  sync.Mutex
	all int
	of  map[string]int
}

func (f *followers) join(name string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.all >= maxFollowers || f.of[name] >= maxFollowersOne {
		return false
	}
	f.all++
	f.of[name]++
	return true
}

func (f *followers) leave(name string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.all--
	if f.of[name]--; f.of[name] == 0 {
		delete(f.of, name)
	}
}

// FollowEvents calls each with what comes, oldest first, until ctx ends, each fails, or the caller may no longer see it.
// The first call hands over the latest events there are, at most q.Limit; an empty call says that nothing came, so that
// a broken connection is noticed.
func (a *Admin) FollowEvents(ctx context.Context, c Caller, q EventQuery, each func([]Event) error) error {
	return a.WatchEvents(ctx, c, q, func(b EventBatch) error { return each(b.Events) })
}

// WatchEvents is FollowEvents that tells how many were left out. With q.After it goes on behind that row.
func (a *Admin) WatchEvents(ctx context.Context, c Caller, q EventQuery, each func(EventBatch) error) error {
	if err := c.Need(account.SeeEvents); err != nil {
		return err
	}
	if !a.followers.join(c.Name) {
		return ErrBusy
	}
	defer a.followers.leave(c.Name)
	first, err := a.latest(ctx, c, q)
	if err != nil {
		return err
	}
	if err := each(first); err != nil {
		return err
	}
	f := q.filter()
	f.Before, f.After = 0, max(first.Row, 1)
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
		b, err := a.news(ctx, &f)
		if err != nil {
			return err
		}
		if err := each(b); err != nil {
			return err
		}
	}
}

// latest is where following begins.
func (a *Admin) latest(ctx context.Context, c Caller, q EventQuery) (EventBatch, error) {
	if q.After != 0 {
		f := q.filter()
		return a.news(ctx, &f)
	}
	q.Before = 0
	events, err := a.Events(ctx, c, q)
	if err != nil {
		return EventBatch{}, err
	}
	reverse(events)
	b := EventBatch{Events: events}
	// Whatever is selected, what comes is looked at from the end of all there is.
	last, err := eventlist.Page(ctx, a.o.Store, store.EventFilter{Limit: 1})
	if err == nil && len(last.Events) > 0 {
		b.Row = last.Events[0].Row
	}
	if n := len(events); n > 0 {
		b.Row = max(b.Row, events[n-1].Row)
	}
	return b, err
}

// news is what came after f.After, which moves on: the latest of it, and how many more.
func (a *Admin) news(ctx context.Context, f *store.EventFilter) (b EventBatch, err error) {
	f.Limit = store.MaxEventsPage
	for range batchPages {
		p, err := eventlist.Page(ctx, a.o.Store, *f)
		if err != nil {
			return b, err
		}
		b.Events = append(b.Events, eventsOf(p.Events)...)
		if n := len(b.Events) - batchEvents; n > 0 {
			b.Left += n
			b.Events = append(b.Events[:0], b.Events[n:]...)
		}
		f.After = max(f.After, p.Next)
		if !p.More {
			break
		}
	}
	b.Row = f.After
	return b, nil
}
