package api

import (
	"errors"
	"net/http"
	"time"

	"merlon/internal/control/admin/rules"
	"merlon/internal/model/inventory"
)

// mistake is what is wrong with an entry of policy, at its place in the entry's text.
type mistake struct {
	Source  string `json:"source"`
	Line    int    `json:"line,omitempty"`
	Column  int    `json:"column,omitempty"`
	Key     string `json:"key,omitempty"`
	Message string `json:"message"`
	Hint    string `json:"hint,omitempty"`
	Notice  bool   `json:"notice"` // no fault: understood, and not carried out by this version
}

// mistakesIn are those of an error, nil when it has none.
func mistakesIn(err error) (out []mistake) {
	var all *rules.MistakesError
	if errors.As(err, &all) {
		for _, m := range all.Mistakes {
			out = append(out, mistake{m.Source, m.Line, m.Column, m.Key, m.Message, m.Hint, m.Notice})
		}
	}
	return out
}

// rule is an entry of policy that people made: a rule, a list or an exception.
type rule struct {
	ID       string     `json:"id"`
	Site     string     `json:"site"` // "" for every site
	Position int64      `json:"position"`
	Kind     rules.Kind `json:"kind"`
	Name     string     `json:"name"`
	Action   string     `json:"action,omitempty"`
	Mode     string     `json:"mode,omitempty"` // "" where it is left to the site's modes
	Text     string     `json:"text"`           // YAML
	Why      string     `json:"why"`
	Enabled  bool       `json:"enabled"`
	// Out: it is switched on and yet not in force; mistakes say why.
	Out      bool      `json:"out"`
	By       string    `json:"by"`
	At       time.Time `json:"at"`
	Verdict  string    `json:"verdict,omitempty"` // how events name it
	Hits     int       `json:"hits"`              // events of the last day, -1 where they were not counted
	Mistakes []mistake `json:"mistakes"`
}

func ruleOf(e *rules.Entry) rule {
	return rule{
		e.ID, e.Site, e.Position, e.Kind, e.Name, e.Action, string(e.Mode), e.Text, e.Why, e.Enabled, e.Out, e.By, e.At, e.Verdict(), e.Hits,
		append([]mistake{}, mistakesIn(&rules.MistakesError{Mistakes: e.Mistakes})...),
	}
}

func (s *server) rules(w http.ResponseWriter, r *ask) error {
	all, err := s.Admin.Rules(r.Context(), r.caller)
	if err != nil {
		return err
	}
	out, err := pageOf(r.query, all, func(e *rules.Entry) string { return e.ID }, ruleOf)
	if err != nil {
		return err
	}
	return write(w, r, http.StatusOK, out)
}

func (s *server) rule(w http.ResponseWriter, r *ask) error {
	e, err := s.Admin.Rule(r.Context(), r.caller, r.PathValue("id"))
	if err != nil {
		return err
	}
	return write(w, r, http.StatusOK, ruleOf(&e))
}

// ruleEdit is an entry as one writes it.
type ruleEdit struct {
	Site string `json:"site,omitempty"` // "" for every site
	Text string `json:"text"`           // one rule, list or exception as YAML
	Why  string `json:"why,omitempty"`
	Off  bool   `json:"off,omitempty"` // kept, and not in force
}

func (s *server) createRule(w http.ResponseWriter, r *ask) error {
	return s.putRule(w, r, "", http.StatusCreated)
}

func (s *server) changeRule(w http.ResponseWriter, r *ask) error {
	return s.putRule(w, r, r.PathValue("id"), http.StatusOK)
}

func (s *server) putRule(w http.ResponseWriter, r *ask, id string, status int) error {
	var in ruleEdit
	if err := read(r, &in); err != nil {
		return err
	}
	e, err := s.Admin.PutRule(r.Context(), r.caller, rules.RuleEntry{ID: id, Site: in.Site, Text: in.Text, Why: in.Why, Off: in.Off})
	if err != nil {
		return err
	}
	return write(w, r, status, ruleOf(&e))
}

func (s *server) removeRule(w http.ResponseWriter, r *ask) error {
	return done(w, s.Admin.RemoveRule(r.Context(), r.caller, r.PathValue("id")))
}

// checked is what is wrong with an entry beside all others.
type checked struct {
	Mistakes []mistake `json:"mistakes"`
}

func (s *server) checkRule(w http.ResponseWriter, r *ask) error {
	var in ruleEdit
	if err := read(r, &in); err != nil {
		return err
	}
	wrong, err := s.Admin.CheckRule(r.Context(), r.caller, rules.RuleEntry{Site: in.Site, Text: in.Text, Why: in.Why})
	if err != nil {
		return err
	}
	return write(w, r, http.StatusOK, checked{append([]mistake{}, mistakesIn(&rules.MistakesError{Mistakes: wrong})...)})
}

// ruleTrial is an entry tried over the events of the last day.
type ruleTrial struct {
	Looked     int               `json:"looked"`
	From       time.Time         `json:"from"`
	All        bool              `json:"all"`
	Matched    int               `json:"matched"`
	Undecided  int               `json:"undecided"`
	Unseen     []string          `json:"unseen"` // what is not kept of events and was asked for
	Principals []inventory.Count `json:"principals"`
	Addresses  []inventory.Count `json:"addresses"`
	Endpoints  []inventory.Count `json:"endpoints"`
	Latest     []string          `json:"latest"` // ids of events
}

func (s *server) tryRule(w http.ResponseWriter, r *ask) error {
	var in ruleEdit
	if err := read(r, &in); err != nil {
		return err
	}
	t, err := s.Admin.TryRule(r.Context(), r.caller, rules.RuleEntry{Site: in.Site, Text: in.Text, Why: in.Why})
	if err != nil {
		return err
	}
	whole := func(c inventory.Count) inventory.Count { return c }
	out := ruleTrial{
		t.Looked, t.From, t.All, t.Matched, t.Undecided, append([]string{}, t.Unseen...),
		each(t.Principals, whole), each(t.Addresses, whole), each(t.Endpoints, whole),
		[]string{},
	}
	for i := range t.Latest {
		out.Latest = append(out.Latest, t.Latest[i].ID)
	}
	return write(w, r, http.StatusOK, out)
}
