package policy

import (
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/rules"
	"merlon/internal/control/web/ui"
	"merlon/internal/model/account"
	"merlon/internal/model/bundle"
)

// forceView is the policy in force at a site.
type forceView struct {
	rules.Site
	Sites []string
	Out   []rules.Entry // switched on and not in force
	Now   time.Time
}

func (s *room) force(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	p.Title, p.Active = "Policy", "policy"
	sites, err := s.Admin.PolicySites(r.Context(), p.Caller)
	if err != nil {
		return err
	}
	v := forceView{Sites: sites, Now: s.Admin.Now()}
	site := r.URL.Query().Get("site")
	if site == "" && len(sites) > 0 {
		site = sites[0]
	}
	if site != "" {
		if v.Site, err = s.Admin.Policy(r.Context(), p.Caller, site); err != nil {
			return err
		}
	}
	all, err := s.Admin.Rules(r.Context(), p.Caller)
	if err != nil {
		return err
	}
	v.Out = slices.DeleteFunc(all, func(e rules.Entry) bool { return !e.Out })
	return ui.Show(w, r, http.StatusOK, forcePage(p, v))
}

// rulesView is what was made here.
type rulesView struct {
	All []rules.Entry
	Now time.Time
}

func (s *room) rules(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	return s.showRules(w, r, p, http.StatusOK)
}

func (s *room) showRules(w http.ResponseWriter, r *http.Request, p *ui.Page, status int) error {
	p.Title, p.Active = "Rules made here", "policy"
	if text := done(r.URL.Query().Get("done")); text != "" && r.Method == http.MethodGet {
		p.Notice = text
	}
	all, err := s.Admin.Rules(r.Context(), p.Caller)
	if err != nil {
		return err
	}
	return ui.Show(w, r, status, rulesPage(p, rulesView{all, s.Admin.Now()}))
}

func done(word string) string {
	return map[string]string{
		"rule-saved": "The entry is saved, and policy is as it says from now on.", "rule-off": "The entry is switched off.", "rule-on": "The entry is in force.",
		"rule-mode": "The mode is changed.", "rule-removed": "The entry is removed.",
	}[word]
}

// ruleView is one entry in the making.
type ruleView struct {
	ID       string // "" for a new one
	Entry    *rules.Entry
	Typed    url.Values
	Sites    []string
	Mistakes []rules.Mistake
	Checked  bool // the text was checked, and Mistakes is all there is to say
	Trial    *rules.Trial
	Now      time.Time
}

func (v *ruleView) faults() []rules.Mistake { return rules.Faults(v.Mistakes) }

// textLine is a line of the text with what is wrong in it.
type textLine struct {
	Number   int
	Text     string
	Mistakes []rules.Mistake
}

// maxShownLines bounds the text that is shown again beside its mistakes.
const maxShownLines = 200

// lines is the text around what is wrong.
func (v *ruleView) lines() (out []textLine) {
	for text := range strings.Lines(v.Typed.Get("text")) {
		l := textLine{Number: len(out) + 1, Text: strings.TrimRight(text, "\r\n")}
		for _, m := range v.Mistakes {
			if m.Line == l.Number {
				l.Mistakes = append(l.Mistakes, m)
			}
		}
		if out = append(out, l); len(out) == maxShownLines {
			break
		}
	}
	return out
}

// elsewhere are mistakes without a place in the text, or in another entry.
func (v *ruleView) elsewhere() []rules.Mistake {
	own := rules.SourceOf(v.ID)
	if v.ID == "" {
		own = rules.SourceOf("new")
	}
	return slices.DeleteFunc(slices.Clone(v.Mistakes), func(m rules.Mistake) bool { return m.Line > 0 && m.Line <= maxShownLines && m.Source == own })
}

// said is a mistake without its place.
func said(m rules.Mistake) string {
	m.Source, m.Position = "", bundle.Position{}
	return strings.TrimPrefix(m.String(), ": ")
}

func (s *room) newRule(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	typed := r.URL.Query()
	v := ruleView{Typed: typed}
	return s.showRule(w, r, p, http.StatusOK, v)
}

func (s *room) oldRule(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	e, err := s.Admin.Rule(r.Context(), p.Caller, r.PathValue("id"))
	if err != nil {
		return err
	}
	v := ruleView{ID: e.ID, Entry: &e, Typed: url.Values{"site": {e.Site}, "text": {e.Text}, "why": {e.Why}}, Mistakes: e.Mistakes}
	return s.showRule(w, r, p, http.StatusOK, v)
}

func (s *room) showRule(w http.ResponseWriter, r *http.Request, p *ui.Page, status int, v ruleView) error {
	p.Title, p.Active = "New rule", "policy"
	if v.ID != "" {
		p.Title = "Rule " + v.ID
	}
	var err error
	if v.Sites, err = s.Admin.PolicySites(r.Context(), p.Caller); err != nil {
		return err
	}
	v.Now = s.Admin.Now()
	return ui.Show(w, r, status, rulePage(p, v))
}

// draft is the guided form as filled in.
func draft(f url.Values) rules.Draft {
	text := func(name string) string { return strings.TrimSpace(f.Get(name)) }
	return rules.Draft{
		Name: text("name"), Endpoint: text("endpoint"), Purpose: text("purpose"), Label: text("label"), Method: strings.ToUpper(text("method")), Host: text("host"), When: text("when"),
		Action: ui.OrElse(f, "action", "block"), Mode: bundle.Mode(ui.OrElse(f, "mode", "watch")),
	}
}

// saveRule composes, checks and tries, or saves an entry, as the button says.
func (s *room) saveRule(w http.ResponseWriter, r *http.Request, p *ui.Page) error {
	f := r.PostForm
	v := ruleView{ID: r.PathValue("id"), Typed: f}
	if v.ID != "" {
		e, err := s.Admin.Rule(r.Context(), p.Caller, v.ID)
		if err != nil {
			return err
		}
		v.Entry = &e
	}
	if f.Get("do") == "compose" {
		f.Set("text", draft(f).Compose())
	}
	// Browsers send line ends of their own.
	f.Set("text", strings.ReplaceAll(f.Get("text"), "\r\n", "\n"))
	in := rules.RuleEntry{ID: v.ID, Site: f.Get("site"), Text: f.Get("text"), Why: f.Get("why"), Off: v.Entry != nil && !v.Entry.Enabled}
	if f.Get("do") == "save" {
		_, err := s.Admin.PutRule(r.Context(), p.Caller, in)
		var wrong *rules.MistakesError
		switch {
		case err == nil:
			http.Redirect(w, r, "/policy/rules?done=rule-saved", http.StatusSeeOther)
			return nil
		case errors.As(err, &wrong):
			v.Mistakes, v.Checked = wrong.Mistakes, true
		}
		if status, ok := ui.Refused(w, p, err); ok {
			return s.showRule(w, r, p, status, v)
		}
		return err
	}
	var err error
	if v.Mistakes, err = s.Admin.CheckRule(r.Context(), p.Caller, in); err == nil {
		v.Checked = true
		if p.Caller.May(account.SeeEvents) && len(v.faults()) == 0 {
			var t rules.Trial
			if t, err = s.Admin.TryRule(r.Context(), p.Caller, in); err == nil {
				v.Trial = &t
			}
		}
	}
	if err != nil {
		if status, ok := ui.Refused(w, p, err); ok {
			return s.showRule(w, r, p, status, v)
		}
		return err
	}
	return s.showRule(w, r, p, http.StatusOK, v)
}

// alterRule switches an entry on or off, changes its mode, or removes it, as the button says.
func (s *room) alterRule(w http.ResponseWriter, r *http.Request, p *ui.Page) (err error) {
	id, word := r.PathValue("id"), ""
	switch do := r.PostForm.Get("do"); do {
	case "on", "off":
		word, err = "rule-"+do, s.Admin.SwitchRule(r.Context(), p.Caller, id, do == "on")
	case "watch", "enforce":
		word, err = "rule-mode", s.Admin.SetRuleMode(r.Context(), p.Caller, id, bundle.Mode(do))
	case "remove":
		word, err = "rule-removed", s.Admin.RemoveRule(r.Context(), p.Caller, id)
	default:
		err = &admin.InputError{Field: "do", Err: errors.New("use on, off, watch, enforce or remove")}
	}
	if err == nil {
		http.Redirect(w, r, "/policy/rules?done="+word, http.StatusSeeOther)
		return nil
	}
	var wrong *rules.MistakesError
	if errors.As(err, &wrong) {
		p.Error = "That does not hold, and nothing was changed: " + wrong.Error()
		return s.showRules(w, r, p, http.StatusBadRequest)
	}
	if status, ok := ui.Refused(w, p, err); ok {
		return s.showRules(w, r, p, status)
	}
	return err
}

// hitsLink is the list of what an entry did in the last day.
func hitsLink(verdict string) templ.SafeURL {
	return templ.SafeURL("/activity?" + url.Values{"rule": {verdict}, "since": {"24h"}}.Encode())
}

func hits(n int) string {
	if n < 0 {
		return "–"
	}
	return ui.Count(uint64(n))
}

// otherMode is what a mode is changed to by one click.
func otherMode(m bundle.Mode) bundle.Mode {
	if m == bundle.ModeEnforce {
		return bundle.ModeWatch
	}
	return bundle.ModeEnforce
}

// tried says in a sentence what a trial looked at.
func tried(t *rules.Trial, now time.Time) string {
	if t.Looked == 0 {
		return "No event of the last 24 hours is kept, so nothing can be said."
	}
	over := "all " + ui.Plural(t.Looked, "event", "events") + " kept of the last 24 hours"
	if t.Looked == 1 {
		over = "the one event kept of the last 24 hours"
	} else if !t.All {
		over = "the latest " + ui.Plural(t.Looked, "event", "events") + ", back to " + ui.Ago(t.From, now)
	}
	text := "It applies to " + ui.Count(uint64(t.Matched)) + " of " + over
	if t.Undecided > 0 {
		text += "; for " + ui.Count(uint64(t.Undecided)) + " more it cannot be told, because " + strings.Join(t.Unseen, ", ") + " is not kept of them"
	}
	return text + "."
}

func number(n int) string { return strconv.Itoa(n) }

// action is where the form of an entry goes.
func action(v ruleView) string {
	if v.ID == "" {
		return "/policy/rules"
	}
	return "/policy/rules/" + url.PathEscape(v.ID)
}

func orEverywhere(selector string) string {
	if selector == "" {
		return "everywhere"
	}
	return selector
}

// lastDay is the day at whose end an exception ends, as people wrote it.
func lastDay(until time.Time) string { return until.UTC().Add(-1).Format("2006-01-02") }
