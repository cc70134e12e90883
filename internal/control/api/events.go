package api

import (
	"net/http"
	"strconv"
	"strings"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/replay"
	"merlon/internal/control/admin/story"
)

// verdictLine describes what event.Line writes by itself.
type verdictLine struct {
	ID         string        `json:"id"`
	Time       time.Time     `json:"time"`
	Site       string        `json:"site"`
	Node       string        `json:"node,omitempty"`
	Source     string        `json:"source"`
	Endpoint   string        `json:"endpoint"` // "METHOD template", "" where none matched
	EndpointID uint64        `json:"endpoint_id"`
	Method     string        `json:"method,omitempty"`
	Host       string        `json:"host,omitempty"`
	Actor      string        `json:"actor"`
	Principal  principal     `json:"principal"`
	Address    string        `json:"address,omitempty"`
	Country    string        `json:"country,omitempty"`
	Print      string        `json:"fingerprint,omitempty"`
	JA4        string        `json:"ja4,omitempty"`
	HTTP2      string        `json:"h2,omitempty"`
	UserAgent  string        `json:"user_agent,omitempty"`
	RPC        string        `json:"rpc,omitempty"`
	Mode       string        `json:"mode"`
	Action     string        `json:"action"`
	Would      string        `json:"would,omitempty"`
	Rule       string        `json:"rule,omitempty"`
	Status     int           `json:"status"`
	Latency    float64       `json:"latency_ms,omitempty"`
	Findings   []lineFinding `json:"findings"`
}

type principal struct {
	Name     string `json:"name"`
	Strength string `json:"strength"`
}

type lineFinding struct {
	ID       string   `json:"id"`
	Classes  []string `json:"classes"`
	Severity string   `json:"severity"`
	Score    float64  `json:"score"`
	Where    string   `json:"where,omitempty"`
	Evidence string   `json:"evidence,omitempty"`
	Why      string   `json:"why,omitempty"`
}

// events answers {"items":[verdict lines],"next_cursor"}; verdict lines are written by their own encoder, so that they are
// the same everywhere.
func (s *server) events(w http.ResponseWriter, r *ask) error {
	q, err := r.query.Events(s.Admin.Now())
	if err != nil {
		return err
	}
	if strings.Contains(r.Header.Get("Accept"), "text/event-stream") && r.Method == http.MethodGet {
		return s.follow(w, r, q)
	}
	found, err := s.Admin.EventPage(r.Context(), r.caller, q)
	if err != nil {
		return err
	}
	b := []byte(`{"items":[`)
	for i := range found.Events {
		if i > 0 {
			b = append(b, ',')
		}
		b = found.Events[i].Append(b)
	}
	b = append(b, ']')
	if found.Older != 0 {
		b = append(b, `,"next_cursor":"`...)
		b = strconv.AppendUint(b, found.Older, 10)
		b = append(b, '"')
	}
	send(w, r, http.StatusOK, "application/json", append(b, "}\n"...))
	return nil
}

// follow sends each event as a message of server-sent events: its data is a verdict line, its id the place in the list.
func (s *server) follow(w http.ResponseWriter, r *ask, q admin.EventQuery) error {
	q.Limit = min(q.Limit, 100)
	out := http.NewResponseController(w)
	begun := false
	err := s.Admin.FollowEvents(r.Context(), r.caller, q, func(events []admin.Event) error {
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

// moreTrailer is the trailer of an export that tells whether there was more than an export has.
const moreTrailer = "Merlon-More"

// exportEvents streams verdict lines, one a line.
func (s *server) exportEvents(w http.ResponseWriter, r *ask) error {
	q, err := r.query.Events(s.Admin.Now())
	if err != nil {
		return err
	}
	lines := stream{w: w, media: "application/x-ndjson", name: "merlon-events.ndjson"}
	w.Header().Set("Trailer", moreTrailer)
	more, err := s.Admin.ExportEvents(r.Context(), r.caller, q, func(page []admin.Event) error {
		b := []byte(nil)
		for i := range page {
			b = append(page[i].Append(b), '\n')
		}
		return lines.write(b)
	})
	if err = lines.end(err); err != nil {
		w.Header().Del("Trailer")
		return err
	}
	w.Header().Set(moreTrailer, strconv.FormatBool(more))
	return nil
}

// stream is an answer that is sent while it is made. An error before the first piece is an error still; after it the
// connection is cut, so that nobody takes a part for the whole.
type stream struct {
	w           http.ResponseWriter
	media, name string
	begun       bool
}

func (t *stream) write(b []byte) error {
	if !t.begun {
		t.begun = true
		t.w.Header().Set("Content-Type", t.media)
		t.w.Header().Set("Content-Disposition", `attachment; filename="`+t.name+`"`)
		t.w.WriteHeader(http.StatusOK)
	}
	_, err := t.w.Write(b)
	return err
}

func (t *stream) end(err error) error {
	switch {
	case err == nil:
		return t.write(nil)
	case t.begun:
		panic(http.ErrAbortHandler)
	}
	return err
}

func (s *server) event(w http.ResponseWriter, r *ask) error {
	e, err := s.Admin.Event(r.Context(), r.caller, r.PathValue("id"))
	if err != nil {
		return err
	}
	send(w, r, http.StatusOK, "application/json", append(e.Append(nil), '\n'))
	return nil
}

// exchangeLine answers an event as an exchange line, for `merlon inspect --event`.
func (s *server) exchangeLine(w http.ResponseWriter, r *ask) error {
	b, err := s.Admin.ExchangeLine(r.Context(), r.caller, r.PathValue("id"))
	if err != nil {
		return err
	}
	send(w, r, http.StatusOK, "application/json", append(b, '\n'))
	return nil
}

// histogram is events counted over time.
type histogram struct {
	From        time.Time `json:"from"`
	Step        float64   `json:"step"` // seconds
	Events      []int     `json:"events"`
	Blocked     []int     `json:"blocked"`
	Total       int       `json:"total"`
	Approximate bool      `json:"approximate"`
	// Since, where it is there, is the time down to which was counted.
	Since time.Time `json:"since,omitzero"`
}

func (s *server) histogram(w http.ResponseWriter, r *ask) error {
	steps := int(r.query.Number("steps", 1, 500, 60))
	q, err := r.query.Events(s.Admin.Now())
	if err != nil {
		return err
	}
	h, err := s.Admin.EventHistogram(r.Context(), r.caller, q, steps)
	if err != nil {
		return err
	}
	whole := func(n int) int { return n }
	return write(w, r, http.StatusOK, histogram{h.From.UTC(), h.Step.Seconds(), each(h.Events, whole), each(h.Refused, whole), h.Total, h.Approximate, h.Since})
}

// storyFact is something that a stage saw or did. Filter and value, where they are there, select the events that share it.
type storyFact struct {
	Name   string `json:"name"`
	Text   string `json:"text"`
	Filter string `json:"filter,omitempty"`
	Value  string `json:"value,omitempty"`
}

type storyStage struct {
	Name     string          `json:"name"`
	Facts    []storyFact     `json:"facts"`
	Findings []story.Finding `json:"findings"`
	// Undecided says why a replay cannot judge this stage again.
	Undecided string `json:"undecided,omitempty"`
}

type storyMoment struct {
	Name  string  `json:"name"`
	After float64 `json:"after_ms"`
}

type storyPlace struct {
	Where     string   `json:"where"`
	Kind      string   `json:"kind"`
	Classes   []string `json:"classes"`
	Sensitive bool     `json:"sensitive"`
	Answer    bool     `json:"answer"` // of the response
}

type storyGap struct {
	Stage string `json:"stage"`
	Why   string `json:"why"`
}

// explanation is an event step by step: what each stage saw, found and did.
type explanation struct {
	ID             string        `json:"id"`
	Stages         []storyStage  `json:"stages"`
	Timeline       []storyMoment `json:"timeline"`
	Places         []storyPlace  `json:"places"`
	PrincipalToken string        `json:"principal_token,omitempty"`
	SessionToken   string        `json:"session_token,omitempty"`
	Credentials    []string      `json:"credentials"`
	Carrier        string        `json:"carrier,omitempty"`
	Gaps           []storyGap    `json:"gaps"` // what a replay cannot judge again
	// SameActor and SameEndpoint are ids of what else happened within five minutes.
	SameActor    []string `json:"same_actor"`
	SameEndpoint []string `json:"same_endpoint"`
}

func (s *server) story(w http.ResponseWriter, r *ask) error {
	t, err := s.Admin.EventStory(r.Context(), r.caller, r.PathValue("id"))
	if err != nil {
		return err
	}
	word := func(s string) string { return s }
	id := func(e admin.Event) string { return e.ID }
	out := explanation{
		ID: t.ID, PrincipalToken: t.PrincipalToken, SessionToken: t.SessionToken, Carrier: t.Carrier, Credentials: each(t.Credentials, word),
		SameActor: each(t.SameActor, id), SameEndpoint: each(t.SameEndpoint, id),
		Timeline: each(t.Timeline, func(m story.Moment) storyMoment { return storyMoment{m.Name, float64(m.After) / 1e6} }),
		Places: each(t.Places, func(p story.Place) storyPlace {
			return storyPlace{p.Where, p.Kind, each(p.Classes, word), p.Sensitive, p.Answer}
		}),
		Gaps: each(t.Gaps, func(g replay.Undecided) storyGap { return storyGap{g.Stage, g.Why} }),
	}
	for _, st := range t.Stages {
		out.Stages = append(out.Stages, storyStage{
			st.Name, each(st.Facts, func(f story.Fact) storyFact { return storyFact(f) }),
			each(st.Findings, func(f story.Finding) story.Finding { return f }), st.Undecided,
		})
	}
	return write(w, r, http.StatusOK, out)
}
