package admin

import (
	"context"
	"time"

	"merlon/internal/control/admin/replay"
	"merlon/internal/control/admin/story"
)

// Story explains an event, and says what happened around it.
type Story struct {
	Event
	story.Story
	// Line is the event as an exchange line, which `merlon inspect --event` replays.
	Line []byte
	// SameActor and SameEndpoint are what else happened within RelatedSpan, the latest first; of the endpoint only what is
	// notable.
	SameActor, SameEndpoint []Event
}

// RelatedSpan is how far around an event related ones are looked for.
const RelatedSpan = 5 * time.Minute

const maxRelated = 8

// EventStory explains one event.
func (a *Admin) EventStory(ctx context.Context, c Caller, id string) (Story, error) {
	row, err := a.eventRow(ctx, c, id)
	if err != nil {
		return Story{}, err
	}
	s := Story{Event: eventOf(&row), Story: story.Of(&row)}
	if s.Line, err = replay.LineOf(&row); err != nil {
		return Story{}, err
	}
	near := EventQuery{From: row.Time.Add(-RelatedSpan), To: row.Time.Add(RelatedSpan), Limit: maxRelated + 1}
	actor, endpoint := near, near
	actor.Actor, endpoint.Endpoint, endpoint.Notable = row.Actor, row.Endpoint, true
	if row.Actor != "" {
		if s.SameActor, err = a.related(ctx, c, actor, id); err != nil {
			return Story{}, err
		}
	}
	if row.Endpoint != 0 {
		if s.SameEndpoint, err = a.related(ctx, c, endpoint, id); err != nil {
			return Story{}, err
		}
	}
	return s, nil
}

func (a *Admin) related(ctx context.Context, c Caller, q EventQuery, id string) (out []Event, err error) {
	found, err := a.Events(ctx, c, q)
	for _, e := range found {
		if e.ID != id && len(out) < maxRelated {
			out = append(out, e)
		}
	}
	return out, err
}

// ExchangeLine is an event as an exchange line that `merlon inspect --event` replays.
func (a *Admin) ExchangeLine(ctx context.Context, c Caller, id string) ([]byte, error) {
	row, err := a.eventRow(ctx, c, id)
	if err != nil {
		return nil, err
	}
	return replay.LineOf(&row)
}
