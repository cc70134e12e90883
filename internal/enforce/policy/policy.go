// Package policy is rules that turn identity and findings into a verdict; modes; exceptions; precedence.
//
// A policy is read from its file (Parse), checked and compiled with every mistake listed (Compile), and asked once an
// exchange (Policy.Decide). Whatever can be wrong is found before traffic sees it; deciding cannot fail.
//
// Precedence: lists and standing blocks first, then rules in the order of the file, then findings by their mode. The most
// severe enforced action is done; what watching entries would have done is reported as Verdict.Would.
package policy

import (
	"slices"
	"time"

	"merlon/internal/enforce/action"
	"merlon/internal/model/bundle"
	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
	"merlon/internal/model/identity"
)

// Facts is what a decision is made from. The strings and slices are read during Decide only.
type Facts struct {
	// At is the exchange's time in Unix nanoseconds; entries expire by it.
	At          int64
	Exchange    *exchange.Exchange
	Endpoint    Endpoint
	Client      identity.Client
	Principal   identity.Principal
	Session     identity.Session
	Credentials identity.Credentials
	Findings    []finding.Finding
}

// Endpoint is what is known of the matched endpoint; the zero value means none matched.
type Endpoint struct {
	ID         identity.EndpointID
	Template   string // empty when no template matched
	Method     string // of the template; GET for a HEAD request that it answers
	Access     string
	Purpose    string
	State      string
	Documented bool
	Labels     []string
}

// Verdict is the decision on one exchange.
type Verdict struct {
	// Kind is what is done, Would the most severe thing an entry in watch mode would have done.
	Kind, Would action.Kind
	// Rule names the entry that decided Kind, WouldRule the one that decided Would.
	Rule, WouldRule string
	// Tag names every enforced tagging entry that applied.
	Tag string
}

// Policy is a compiled policy; immutable and safe for concurrent use.
type Policy struct {
	modes      modes
	lists      *Lists
	rules      []rule
	exceptions []exception
	closed     []string // the stages that fail closed
	pool       envPool
}

// FailsClosed tells whether a request on which the named stage failed is refused (bundle.FailClosed).
func (p *Policy) FailsClosed(stage string) bool { return slices.Contains(p.closed, stage) }

// Decide weighs the facts into v. standing holds what people and detectors have put beside the policy; it may be nil. The
// verdict grows as entries are met, so whatever happens in one of them, those before it hold.
func (p *Policy) Decide(f *Facts, standing *Lists, v *Verdict) {
	standing.match(f, v)
	p.lists.match(f, v)
	if len(p.rules) > 0 {
		p.applyRules(f, v)
	}
	p.DecideFindings(f, v)
}

// DecideFindings weighs only the findings.
func (p *Policy) DecideFindings(f *Facts, v *Verdict) {
	for i := range f.Findings {
		p.applyFinding(f, &f.Findings[i], v)
	}
}

// consider adds one applicable entry to the verdict.
func (v *Verdict) consider(kind action.Kind, mode bundle.Mode, name string) {
	switch mode {
	case bundle.ModeEnforce:
		if kind == action.Tag {
			v.Tag = join(v.Tag, name)
		}
		if kind > v.Kind {
			v.Kind, v.Rule = kind, name
		}
	case bundle.ModeWatch:
		if kind > v.Would {
			v.Would, v.WouldRule = kind, name
		}
	}
}

func join(tags, name string) string {
	if tags == "" {
		return name
	}
	return tags + ", " + name
}

// applyFinding lets a finding act by its mode. A stage or default in enforce mode acts on findings of medium severity
// and above: the low ones are worth a record, not a refusal. A mode given to the finding's own id acts always.
func (p *Policy) applyFinding(f *Facts, fd *finding.Finding, v *Verdict) {
	mode, own := p.modes.of(fd)
	if mode == bundle.ModeOff || !own && fd.Severity < finding.Medium {
		return
	}
	if p.excepted(f, fd.ID) {
		return
	}
	v.consider(action.Block, mode, fd.ID)
}

// modes are the policy's modes by finding id, by stage and by default.
type modes struct {
	byID      map[string]bundle.Mode
	byStage   [finding.NumStages]bundle.Mode
	otherwise bundle.Mode
}

// of finds the mode of a finding, and whether it was given to the finding's own id.
func (m *modes) of(fd *finding.Finding) (bundle.Mode, bool) {
	if mode, ok := m.byID[fd.ID]; ok {
		return mode, true
	}
	if fd.Stage < finding.NumStages && m.byStage[fd.Stage] != "" {
		return m.byStage[fd.Stage], false
	}
	return m.otherwise, false
}

type exception struct {
	finding string
	match   selector
	until   int64
}

func (p *Policy) excepted(f *Facts, id string) bool {
	for i := range p.exceptions {
		e := &p.exceptions[i]
		if e.finding == id && f.At < e.until && e.match.matches(f) {
			return true
		}
	}
	return false
}

// selector is a compiled bundle.Match.
type selector struct {
	endpointMethod, template, method, host, purpose, label string
	endpointID                                             identity.EndpointID
}

func (s *selector) matches(f *Facts) bool {
	e := &f.Endpoint
	switch {
	case s.endpointID != 0 && s.endpointID != e.ID,
		s.endpointMethod != "" && s.endpointMethod != e.Method,
		s.template != "" && s.template != e.Template,
		s.purpose != "" && s.purpose != e.Purpose,
		s.method != "" && s.method != string(f.Exchange.Method),
		s.host != "" && s.host != string(f.Exchange.Host):
		return false
	}
	if s.label == "" {
		return true
	}
	for _, l := range e.Labels {
		if l == s.label {
			return true
		}
	}
	return false
}

// until turns a time into the form decisions compare with; the zero time never comes.
func until(t time.Time) int64 {
	if t.IsZero() {
		return 1<<63 - 1
	}
	return t.UnixNano()
}
