package api

import (
	"errors"
	"net/http"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/estate"
	"merlon/internal/control/admin/overview"
	"merlon/internal/model/inventory"
)

// health is the answer of probes.
type health struct {
	Status string `json:"status"`
}

func (s *server) health(w http.ResponseWriter, r *ask) error {
	return write(w, r, http.StatusOK, health{"ok"})
}

func (s *server) ready(w http.ResponseWriter, r *ask) error {
	if err := s.Admin.Ready(r.Context()); err != nil {
		status := "the database does not answer"
		if errors.Is(err, admin.ErrDraining) {
			status = "draining"
		}
		s.Log.Warn("not ready", "cause", err)
		return write(w, r, http.StatusServiceUnavailable, health{status})
	}
	return write(w, r, http.StatusOK, health{"ready"})
}

func (s *server) metrics(w http.ResponseWriter, r *ask) error {
	if s.Metrics == nil {
		return admin.ErrNotFound
	}
	s.Metrics.ServeHTTP(w, r.Request)
	return nil
}

func (s *server) description(w http.ResponseWriter, r *ask) error {
	send(w, r, http.StatusOK, "application/json", s.self)
	return nil
}

// status is how Merlon fares.
type status struct {
	admin.Status
	LearnedShare float64 `json:"learned_share"` // 0..1
	Troubled     bool    `json:"troubled"`      // something needs an operator
}

func (s *server) status(w http.ResponseWriter, r *ask) error {
	st, err := s.Admin.Status(r.Context(), r.caller)
	if err != nil {
		return err
	}
	return write(w, r, http.StatusOK, status{st, st.LearnedShare(), st.Troubled()})
}

// list is a list that is there in one piece.
type list[T any] struct {
	Items []T `json:"items"`
}

func (s *server) series(w http.ResponseWriter, r *ask) error {
	q, err := r.query.Series(s.Admin.Now())
	if err != nil {
		return err
	}
	points, err := s.Admin.Series(r.Context(), r.caller, q)
	if err != nil {
		return err
	}
	return write(w, r, http.StatusOK, list[admin.Point]{points})
}

// setting is a part of the running configuration.
type setting struct {
	Name  string `json:"name"`
	Value string `json:"value"`
	Key   string `json:"key,omitempty"`
}

type settingGroup struct {
	Title string    `json:"title"`
	Items []setting `json:"items"`
}

type settings struct {
	File   string         `json:"file"`
	Groups []settingGroup `json:"groups"`
}

func (s *server) settings(w http.ResponseWriter, r *ask) error {
	all, err := s.Admin.Settings(r.Context(), r.caller)
	if err != nil {
		return err
	}
	out := settings{all.File, []settingGroup{}}
	for _, g := range all.Groups {
		out.Groups = append(out.Groups, settingGroup{g.Title, each(g.Items, func(i admin.Setting) setting { return setting(i) })})
	}
	return write(w, r, http.StatusOK, out)
}

// each turns a list into another, never nil.
func each[In, Out any](all []In, f func(In) Out) []Out {
	out := make([]Out, 0, len(all))
	for _, v := range all {
		out = append(out, f(v))
	}
	return out
}

// sensitiveClass is a class of sensitive data: how many endpoints carry it, and how many of them without a credential.
type sensitiveClass struct {
	Name      string `json:"name"`
	Endpoints int    `json:"endpoints"`
	Open      int    `json:"open"`
}

// posture is how exposed the estate is.
type posture struct {
	Endpoints   int              `json:"endpoints"`
	Risk        []facetValue     `json:"risk"` // by severity, the worst first
	Auth        []facetValue     `json:"auth"`
	Classes     []sensitiveClass `json:"classes"`
	MoreClasses int              `json:"more_classes"`
	Sensitive   int              `json:"sensitive"`
	OpenData    int              `json:"open_data"`
}

// nextStep is something to do that makes the estate safer.
type nextStep struct {
	ID    string         `json:"id"`
	Stage overview.Stage `json:"stage"`
	Title string         `json:"title"`
	Why   string         `json:"why"`
	Href  string         `json:"href,omitempty"` // in the dashboard
	Where string         `json:"where"`
	Done  bool           `json:"done"`
}

type overviewPage struct {
	Posture posture    `json:"posture"`
	Steps   []nextStep `json:"steps"`
}

func (s *server) overview(w http.ResponseWriter, r *ask) error {
	state, p, err := overview.Look(r.Context(), s.Admin, r.caller)
	if err != nil {
		return err
	}
	out := overviewPage{Posture: posture{
		p.Endpoints, each(p.Bands, facetValueOf), each(p.Auth, facetValueOf),
		each(p.Classes, func(c overview.Class) sensitiveClass { return sensitiveClass(c) }), p.MoreClasses, p.Sensitive, p.OpenData,
	}}
	out.Steps = each(state.Steps(), func(n overview.Step) nextStep { return nextStep(n) })
	return write(w, r, http.StatusOK, out)
}

// change is an endpoint with what happened to it.
type change struct {
	Endpoint inventory.Endpoint `json:"endpoint"`
	What     []string           `json:"what"`
	At       time.Time          `json:"at"`
}

type changes struct {
	Since time.Time `json:"since"`
	// Marked: since is when the caller last said that they had looked, not a day ago.
	Marked    bool     `json:"marked"`
	New       int      `json:"new"`
	Confirmed int      `json:"confirmed"`
	Changed   int      `json:"changed"`
	Risky     int      `json:"risky"`
	Items     []change `json:"items"`
}

func (s *server) changes(w http.ResponseWriter, r *ask) error {
	since, most := r.query.Time("since"), int(r.query.Number("limit", 1, 50, 50))
	if r.query.Err != nil {
		return r.query.Err
	}
	out := changes{Since: since}
	if since.IsZero() {
		var err error
		if out.Since, out.Marked, err = s.Admin.Looked(r.Context(), r.caller); err != nil {
			return err
		}
	}
	c, err := s.Admin.Changes(r.Context(), r.caller, out.Since, most)
	if err != nil {
		return err
	}
	out.New, out.Confirmed, out.Changed, out.Risky = c.New, c.Confirmed, c.Changed, c.Risky
	out.Items = each(c.List, func(c estate.Changed) change { return change(c) })
	return write(w, r, http.StatusOK, out)
}

// looked says until when the caller has seen what changed.
type looked struct {
	At time.Time `json:"at,omitzero"` // now when left out
}

func (s *server) markLooked(w http.ResponseWriter, r *ask) error {
	var in looked
	if err := read(r, &in); err != nil {
		return err
	}
	return done(w, s.Admin.MarkLooked(r.Context(), r.caller, in.At))
}
