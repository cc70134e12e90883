package activity

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/control/web/ui"
)

// batch is a message to the live list: rows as they are in the list, the latest first, and how many were left out.
type batch struct {
	Rows string `json:"rows"`
	Left int    `json:"left,omitempty"`
}

// readerPatience is how long a reader may not read before it is let go, in wall time.
const readerPatience = 30 * time.Second

var errGone = errors.New("the reader has gone")

// live sends what comes as server-sent events. The rows are the list's own, so that there is one way to write them; after a
// broken connection the browser says which was the last one that it has.
func (s *room) live(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	if !strings.Contains(r.Header.Get("Accept"), "text/event-stream") {
		http.Redirect(w, r, string(newFilter(r.URL.Query()).link()), http.StatusSeeOther) // somebody opened it as a page
		return nil
	}
	in := r.URL.Query()
	if last := r.Header.Get("Last-Event-ID"); last != "" {
		in.Set("after", last)
	}
	q, err := admin.ParseEventQuery(in, s.Admin.Now())
	if err != nil {
		return err
	}
	q.Limit, q.After = 1, max(q.After, 1) // the page has what was there when it was made
	f := newFilter(r.URL.Query())
	out, begun := http.NewResponseController(w), false
	err = s.Admin.WatchEvents(r.Context(), p.Caller, q, func(b admin.EventBatch) error {
		if !begun {
			begun = true
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("Cache-Control", "no-store")
			w.Header().Set("X-Accel-Buffering", "no")
			w.WriteHeader(http.StatusOK)
		}
		message, err := s.message(r, f, b)
		if err != nil {
			return err
		}
		if err := out.SetWriteDeadline(time.Now().Add(readerPatience)); err != nil {
			return err
		}
		if _, err := w.Write(message); err != nil {
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

func (s *room) message(r *http.Request, f filter, b admin.EventBatch) ([]byte, error) {
	if len(b.Events) == 0 {
		return []byte(": nothing new\n\n"), nil
	}
	var rows bytes.Buffer
	for i := len(b.Events) - 1; i >= 0; i-- {
		if err := quiet(eventRowView(f, rowOf(b.Events[i]), s.Admin.Now(), true)).Render(r.Context(), &rows); err != nil {
			return nil, err
		}
	}
	data, err := json.Marshal(batch{rows.String(), b.Left}) // one line, whatever the rows hold
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, "id: %s\ndata: %s\n\n", strconv.FormatUint(b.Row, 10), data), nil
}
