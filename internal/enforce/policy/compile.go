package policy

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/expr-lang/expr/vm"

	"merlon/internal/enforce/action"
	"merlon/internal/model/bundle"
	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
	"merlon/internal/model/identity"
)

// later are actions of the policy language that this version understands and cannot carry out.
var later = []string{"delay", "limit", "challenge", "deceive", "mask"}

// Compile checks a policy and makes it ready. findings are the ids of all findings that can be made (engine.Findings):
// where a stage has any of them, the policy may name no others of that stage; without them only the stage is checked. All
// mistakes are returned; the policy is nil when one of them is a fault.
func Compile(in *bundle.Policy, findings ...string) (*Policy, []Mistake) {
	c := &compiler{in: in, out: &Policy{lists: new(Lists)}, findings: findings}
	c.out.pool.networks = in.Networks
	c.modes()
	c.failure()
	c.lists()
	c.rules()
	c.exceptions()
	mistakes := sorted(c.mistakes)
	if len(Faults(mistakes)) > 0 {
		return nil, mistakes
	}
	return c.out, mistakes
}

type compiler struct {
	in       *bundle.Policy
	out      *Policy
	findings []string // that can be made
	mistakes []Mistake
	// entry is the key of the entry being compiled, and from is who wrote it.
	entry string
	from  bundle.Origin
}

// begin tells which entry the mistakes that follow are in.
func (c *compiler) begin(entry string, from bundle.Origin) { c.entry, c.from = entry, from }

func (c *compiler) fault(key, message, hint string) {
	c.mistakes = append(c.mistakes, c.at(Mistake{Key: key, Message: message, Hint: hint}))
}

func (c *compiler) notice(key, message string) {
	c.mistakes = append(c.mistakes, c.at(Mistake{Key: key, Message: message, Notice: true}))
}

// at puts a mistake into its place. An entry of the console has a text of its own, in which nothing is around it.
func (c *compiler) at(m Mistake) Mistake {
	m.Source, m.Position = c.in.Source, c.position(m.Key)
	if rest, ok := strings.CutPrefix(m.Key, c.entry); ok && c.from.Console != "" {
		m.Source, m.Key = c.from.Source, strings.TrimPrefix(rest, ".")
	}
	return m
}

// verdict is the name that verdicts give an entry.
func (c *compiler) verdict(name string) string { return verdictName(c.from, name) }

// position is where a key stands, or the nearest one around it that was written.
func (c *compiler) position(key string) bundle.Position {
	for {
		if at, ok := c.in.At[key]; ok {
			return at
		}
		end := strings.LastIndexAny(key, ".[")
		if end < 0 {
			return bundle.Position{}
		}
		key = key[:end]
	}
}

func (c *compiler) modes() {
	m := modes{byID: make(map[string]bundle.Mode), otherwise: bundle.ModeWatch}
	for key, mode := range c.in.Modes {
		if !known(mode) {
			c.fault("modes."+key, fmt.Sprintf("mode %q is unknown", mode), modeHint)
			continue
		}
		stage, isStage := finding.ParseStage(key)
		switch {
		case key == "default":
			m.otherwise = mode
		case isStage:
			m.byStage[stage] = mode
		case strings.Contains(key, "."):
			c.finding("modes."+key, key)
			m.byID[key] = mode
		default:
			c.fault("modes."+key, "neither a stage nor a finding id", knownHint(key, stages()))
		}
	}
	c.out.modes = m
}

// stages are the keys of modes that are no finding ids.
func stages() []string {
	all := []string{"default"}
	for s := finding.Stage(0); s < finding.NumStages; s++ {
		all = append(all, s.String())
	}
	return all
}

// failable are the stages that can fail on a request.
var failable = []string{"identify", "walk", "payload", "policy"}

// failure compiles who fails closed. Open is the default: a fault of Merlon's own must not become the outage.
func (c *compiler) failure() {
	for key, mode := range c.in.Failure {
		at := "failure." + key
		switch {
		case key != "default" && !slices.Contains(failable, key):
			c.fault(at, "no stage has that name", knownHint(key, append([]string{"default"}, failable...)))
		case mode != bundle.FailOpen && mode != bundle.FailClosed:
			c.fault(at, fmt.Sprintf("%q is no failure mode", mode), "write open or closed")
		}
	}
	for _, stage := range failable {
		if cmp.Or(c.in.Failure[stage], c.in.Failure["default"]) == bundle.FailClosed {
			c.out.closed = append(c.out.closed, stage)
		}
	}
}

// mode checks a mode; the empty one is the caller's to replace.
func (c *compiler) mode(key string, m bundle.Mode) bool {
	if m == "" || known(m) {
		return true
	}
	c.fault(key, fmt.Sprintf("mode %q is unknown", m), modeHint)
	return false
}

const modeHint = "use off, watch or enforce"

func known(m bundle.Mode) bool {
	return m == bundle.ModeOff || m == bundle.ModeWatch || m == bundle.ModeEnforce
}

// isName tells whether s can stand in a tag header and in a verdict.
func isName(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r > '~' || r == ',' })
}

// action reads an action. One that cannot be carried out yet becomes a notice, and its entry is off.
func (c *compiler) action(key, name string, mode bundle.Mode) (action.Kind, bundle.Mode, bool) {
	if kind, ok := action.ParseKind(name); ok && kind != action.Allow {
		return kind, mode, true
	}
	for _, l := range later {
		if l == name {
			c.notice(key, fmt.Sprintf("action %q is understood, but this version cannot carry it out: the entry has no effect", name))
			return action.Allow, bundle.ModeOff, true
		}
	}
	c.fault(key, fmt.Sprintf("action %q is unknown", shorten(name)), "use tag or block")
	return 0, "", false
}

func (c *compiler) lists() {
	seen := make(map[string]bool)
	for i := range c.in.Lists {
		l := &c.in.Lists[i]
		key := fmt.Sprintf("lists[%d]", i)
		c.begin(key, l.From)
		if !isName(l.Name) {
			c.fault(key+".name", "needs a name of printable ASCII without commas", "verdicts and tags show it")
		}
		if seen[l.Name] {
			c.fault(key+".name", fmt.Sprintf("a second list is called %q", l.Name), "give every list a name of its own")
		}
		seen[l.Name] = true
		mode := orElse(l.Mode, bundle.ModeEnforce)
		c.mode(key+".mode", mode)
		kind, mode, _ := c.action(key+".action", l.Action, mode)
		if len(l.Values) == 0 {
			c.notice(key, fmt.Sprintf("list %q is empty: it applies to nobody", l.Name))
		}
		if !isKind(l.Kind) {
			c.fault(key+".kind", fmt.Sprintf("kind %q is unknown", shorten(string(l.Kind))), knownHint(string(l.Kind), kinds()))
			continue
		}
		it := &item{name: c.verdict("list:" + l.Name), action: kind, mode: mode, until: 1<<63 - 1}
		bad := 0
		for j, v := range l.Values {
			if err := c.out.lists.add(l.Kind, v, it); err != nil {
				if bad++; bad <= maxWrong {
					c.fault(fmt.Sprintf("%s.values[%d]", key, j), err.Error(), "")
				}
			}
		}
		if bad > maxWrong {
			c.fault(key, fmt.Sprintf("%d more values are wrong", bad-maxWrong), "")
		}
	}
}

func (c *compiler) rules() {
	if len(c.in.Rules) > maxRules {
		c.fault("rules", fmt.Sprintf("%d rules, more than %d", len(c.in.Rules), maxRules), "use lists for many values")
		return
	}
	seen := make(map[string]bool)
	for i := range c.in.Rules {
		in := &c.in.Rules[i]
		key := fmt.Sprintf("rules[%d]", i)
		c.begin(key, in.From)
		switch {
		case !isName(in.Name):
			c.fault(key+".name", "needs a name of printable ASCII without commas", "verdicts and tags show it")
		case seen[in.Name]:
			c.fault(key+".name", fmt.Sprintf("a second rule is called %q", in.Name), "verdicts tell rules by name")
		}
		seen[in.Name] = true
		mode := in.Mode
		if mode == "" {
			mode = c.out.modes.ofStage(finding.StagePolicy)
		}
		okMode := c.mode(key+".mode", mode)
		kind, mode, ok := c.action(key+".action", in.Action, mode)
		r := rule{name: c.verdict(in.Name), action: kind, mode: mode, match: c.selector(key, in.Match)}
		if in.When == "" && in.Match == (bundle.Match{}) {
			c.fault(key, "applies to everything", "write when: or match:")
		}
		if len(in.When) > maxExpression {
			c.fault(key+".when", fmt.Sprintf("the expression has %d characters, more than %d", len(in.When), maxExpression), "use a list")
		} else if in.When != "" {
			r.program = c.expression(key+".when", in)
		}
		if ok && okMode {
			c.out.rules = append(c.out.rules, r)
		}
	}
}

// expression compiles a rule's expression; nil when something is wrong in it, which is told at its own place where that
// can be found.
func (c *compiler) expression(key string, in *bundle.Rule) *vm.Program {
	program, slips := compileExpression(in.When)
	for _, s := range slips {
		m := c.at(Mistake{Key: key, Message: s.message, Hint: s.hint})
		switch {
		case in.WhenAt.Line > 0 && s.line == 1:
			m.Position = bundle.Position{Line: in.WhenAt.Line, Column: in.WhenAt.Column + s.column - 1}
		case s.line > 1:
			m.Message = fmt.Sprintf("line %d, column %d of the expression: %s", s.line, s.column, s.message)
		case s.line == 1:
			m.Message = fmt.Sprintf("column %d of the expression: %s", s.column, s.message)
		}
		c.mistakes = append(c.mistakes, m)
	}
	if program != nil {
		c.named(key, named(program))
	}
	return program
}

// named checks the networks and findings that an expression names.
func (c *compiler) named(key string, n names) {
	for _, name := range n.networks {
		if _, ok := c.in.Networks[name]; ok {
			continue
		}
		if _, err := netip.ParsePrefix(name); err != nil {
			c.fault(key, fmt.Sprintf("no network is called %q", name), "write it under networks:, or a prefix such as 192.0.2.0/24")
		}
	}
	for _, id := range n.findings {
		c.finding(key, id)
	}
}

// finding checks a finding's id: its stage, and the whole of it where everything is known that the stage can find.
func (c *compiler) finding(key, id string) {
	stage, name, ok := strings.Cut(id, ".")
	if _, known := finding.ParseStage(stage); !ok || !known || name == "" {
		hint := "one begins with its stage, such as wire.obs-fold or contract.type"
		if best := nearest(id, c.findings); best != "" {
			hint = "did you mean " + best + "?"
		}
		c.fault(key, fmt.Sprintf("%q is no finding id", shorten(id)), hint)
		return
	}
	of := stageFindings(stage, c.findings)
	if len(of) == 0 || slices.Contains(of, id) {
		return
	}
	hint := "the stage finds " + strings.Join(of, ", ")
	if best := nearest(id, of); best != "" {
		hint = "did you mean " + best + "?"
	} else if len(of) > maxHinted {
		hint = fmt.Sprintf("the stage has %d findings; docs/reference lists them", len(of))
	}
	c.fault(key, fmt.Sprintf("no finding is called %q", shorten(id)), hint)
}

// maxHinted is how many ids a hint lists.
const maxHinted = 15

// stageFindings are the ids of a stage that can be made; wire's are always known.
func stageFindings(stage string, all []string) []string {
	var of []string
	for _, id := range all {
		if strings.HasPrefix(id, stage+".") {
			of = append(of, id)
		}
	}
	if stage == finding.StageWire.String() && len(of) == 0 {
		for a := exchange.Anomaly(1); a.String() != exchange.Anomaly(0).String(); a++ {
			of = append(of, a.String())
		}
	}
	return of
}

func (m *modes) ofStage(s finding.Stage) bundle.Mode {
	if m.byStage[s] != "" {
		return m.byStage[s]
	}
	return m.otherwise
}

func (c *compiler) exceptions() {
	for i := range c.in.Exceptions {
		in := &c.in.Exceptions[i]
		key := fmt.Sprintf("exceptions[%d]", i)
		c.begin(key, in.From)
		c.finding(key+".finding", in.Finding)
		if in.Match == (bundle.Match{}) {
			c.fault(key, "has no match", "an exception holds on one selector: write match: {endpoint: ...}")
		}
		if in.Owner == "" {
			c.fault(key, "has no owner", "write owner: the person who answers for it")
		}
		c.out.exceptions = append(c.out.exceptions, exception{finding: in.Finding, match: c.selector(key, in.Match), until: until(in.Until)})
	}
}

func (c *compiler) selector(key string, m bundle.Match) selector {
	s := selector{purpose: m.Purpose, method: m.Method, host: m.Host, label: m.Label}
	switch method, template, pair := strings.Cut(m.Endpoint, " "); {
	case m.Endpoint == "":
	case pair && strings.HasPrefix(template, "/"):
		s.endpointMethod, s.template = strings.ToUpper(method), template
	case strings.HasPrefix(m.Endpoint, "/"):
		s.template = m.Endpoint
	default:
		n, err := strconv.ParseUint(m.Endpoint, 10, 32)
		if err != nil || n == 0 {
			c.fault(key+".match.endpoint", fmt.Sprintf("%q is no endpoint", m.Endpoint), "write METHOD /template, /template or an id")
		}
		s.endpointID = identity.EndpointID(n)
	}
	return s
}
