package api

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"merlon/internal/control/admin"
)

// events answers {"items":[verdict lines],"next_cursor"}; verdict lines are written by their own encoder, so that they are
// the same everywhere.
func (s *server) events(w http.ResponseWriter, r *http.Request) error {
	q, err := parseQuery(r.URL.RawQuery, eventQuery()).events()
	if err != nil {
		return err
	}
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		return s.follow(w, r, q)
	}
	found, err := s.Admin.Events(r.Context(), caller(r), q)
	if err != nil {
		return err
	}
	b := []byte(`{"items":[`)
	for i := range found {
		if i > 0 {
			b = append(b, ',')
		}
		b = found[i].Append(b)
	}
	b = append(b, ']')
	if len(found) == q.Limit {
		b = append(b, `,"next_cursor":"`...)
		b = strconv.AppendUint(b, found[len(found)-1].Row, 10)
		b = append(b, '"')
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(b, "}\n"...))
	return nil
}

// follow sends each event as a message of server-sent events: its data is a verdict line, its id the place in the list.
func (s *server) follow(w http.ResponseWriter, r *http.Request, q admin.EventQuery) error {
	q.Limit = min(q.Limit, 100)
	out := http.NewResponseController(w)
	begun := false
	err := s.Admin.FollowEvents(r.Context(), caller(r), q, func(events []admin.Event) error {
		if !begun {
			begun = true
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("X-Accel-Buffering", "no")
			w.WriteHeader(http.StatusOK)
		}
		b := []byte(nil)
		for i := range events {
			b = append(b, "id: "...)
			b = strconv.AppendUint(b, events[i].Row, 10)
			b = append(events[i].Append(append(b, "\ndata: "...)), "\n\n"...)
		}
		if len(events) == 0 {
			b = append(b, ": nothing new\n\n"...)
		}
		// A reader that does not read is let go, so that it holds no place among the followers. The deadline is the kernel's,
		// so it is in wall time.
		if err := out.SetWriteDeadline(time.Now().Add(30 * time.Second)); err != nil {
			return err
		}
		if _, err := w.Write(b); err != nil {
			return errGone
		}
		if err := out.Flush(); err != nil {
			return errGone
		}
		return nil
	})
	if begun {
		return nil // the answer has begun: its end is all that can be told
	}
	return err
}

func (s *server) event(w http.ResponseWriter, r *http.Request) error {
	e, err := s.Admin.Event(r.Context(), caller(r), r.PathValue("id"))
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(e.Append(nil), '\n'))
	return nil
}
