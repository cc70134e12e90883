package rules

import (
	"cmp"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/parser"

	"merlon/internal/enforce/action"
	"merlon/internal/enforce/policy"
	"merlon/internal/model/bundle"
	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
	"merlon/internal/store"
)

// Answer is what a trial says of one event. Undecided stands between the others, so that "and" is the least and "or" the
// greatest of its parts (Kleene's logic).
type Answer int8

const (
	No Answer = iota
	Undecided
	Yes
)

// Trial is an entry tried over past events.
type Trial struct {
	// Looked is how many events were looked at, back to From; All when those are all that were kept of the span.
	Looked int
	From   time.Time
	All    bool
	// Matched and Undecided are how many of them the entry applies to, and of how many that cannot be told from what is kept.
	Matched, Undecided int
	// Unseen says what is not kept and was asked for.
	Unseen []string
	// Principals, Addresses and Endpoints are of the matched events, the most frequent first, each list MostShown long.
	Principals, Addresses, Endpoints []inventory.Count
	// Latest are the latest that matched.
	Latest []store.Event
}

// MostShown bounds the lists of a trial.
const MostShown = 8

// Judge asks one entry about past events.
type Judge struct {
	root condition
}

// condition is a part of what an entry asks: asked by itself, or joined of others.
type condition struct {
	join  string // "and", "or", or "" for a part that is asked
	parts []condition
	ask   *policy.Policy
	needs []string
}

// NewJudge makes a judge of the policy that ParseEntry gave for one entry; networks are those that the site's policy names.
// What does not compile here does not compile anywhere: ok is false then.
func NewJudge(p *bundle.Policy, networks map[string][]netip.Prefix) (j *Judge, ok bool) {
	j = &Judge{}
	all := condition{join: "and"}
	add := func(c condition, fine bool) bool {
		all.parts = append(all.parts, c)
		return fine
	}
	selector := func(m bundle.Match) bool {
		if m == (bundle.Match{}) {
			return true
		}
		return add(leaf(bundle.Policy{Rules: []bundle.Rule{{Name: "trial", Match: m}}}, nil, nil))
	}
	switch {
	case len(p.Rules) == 1:
		r := &p.Rules[0]
		ok = selector(r.Match)
		if r.When != "" && ok {
			c, fine := expression(r.When, networks)
			ok = add(c, fine)
		}
	case len(p.Lists) == 1:
		l := p.Lists[0]
		l.Name, l.From = "trial", bundle.Origin{}
		ok = add(leaf(bundle.Policy{Lists: []bundle.List{l}}, nil, listNeeds(l.Kind)))
	case len(p.Exceptions) == 1:
		x := &p.Exceptions[0]
		if ok = selector(x.Match); ok {
			c, fine := expression("found("+strconv.Quote(x.Finding)+")", nil)
			ok = add(c, fine)
		}
	}
	j.root = all
	return j, ok && len(all.parts) > 0
}

func listNeeds(k bundle.ListKind) []string {
	switch k {
	case bundle.ListFingerprint:
		return []string{"client.fingerprint"}
	case bundle.ListPrincipal:
		return []string{"principal.token"}
	case bundle.ListEndpoint:
		return nil
	default:
		return []string{"network.address"}
	}
}

// leaf compiles a policy of one rule or list so that a match is a block that is only watched for.
func leaf(p bundle.Policy, networks map[string][]netip.Prefix, needs []string) (condition, bool) {
	p.Networks, p.Modes = networks, map[string]bundle.Mode{"default": bundle.ModeOff}
	for i := range p.Rules {
		p.Rules[i].Action, p.Rules[i].Mode = action.Block.String(), bundle.ModeWatch
	}
	for i := range p.Lists {
		p.Lists[i].Action, p.Lists[i].Mode = action.Block.String(), bundle.ModeWatch
	}
	compiled, _ := policy.Compile(&p)
	return condition{ask: compiled, needs: needs}, compiled != nil
}

// expression takes an expression apart at its "and" and "or", so that a part that cannot be told leaves what can.
func expression(source string, networks map[string][]netip.Prefix) (condition, bool) {
	tree, err := parser.Parse(source)
	if err != nil {
		return condition{}, false
	}
	return split(tree.Node, source, networks)
}

func split(n ast.Node, source string, networks map[string][]netip.Prefix) (condition, bool) {
	if b, ok := n.(*ast.BinaryNode); ok {
		join := map[string]string{"and": "and", "&&": "and", "or": "or", "||": "or"}[b.Operator]
		if join != "" {
			left, ok1 := split(b.Left, b.Left.String(), networks)
			right, ok2 := split(b.Right, b.Right.String(), networks)
			return condition{join: join, parts: []condition{left, right}}, ok1 && ok2
		}
	}
	var v needs
	ast.Walk(&n, &v)
	return leaf(bundle.Policy{Rules: []bundle.Rule{{Name: "trial", When: source}}}, networks, v.list())
}

// needs finds what an expression reads.
type needs struct {
	names          []string
	headers, agent int
}

// Visit implements ast.Visitor.
func (v *needs) Visit(node *ast.Node) {
	switch n := (*node).(type) {
	case *ast.MemberNode:
		of, isName := n.Node.(*ast.IdentifierNode)
		member, isText := n.Property.(*ast.StringNode)
		if !isName || !isText {
			return
		}
		if name := of.Value + "." + member.Value; name == "request.header" {
			v.headers++
		} else {
			v.names = append(v.names, name)
		}
	case *ast.CallNode:
		if callee, ok := n.Callee.(*ast.IdentifierNode); ok && callee.Value == "found" {
			v.names = append(v.names, "found")
		}
		if callee, ok := n.Callee.(*ast.MemberNode); ok && callee.String() == "request.header" && len(n.Arguments) == 1 {
			if name, ok := n.Arguments[0].(*ast.StringNode); ok && strings.EqualFold(name.Value, "user-agent") {
				v.agent++
			}
		}
	}
}

func (v *needs) list() []string {
	out := v.names
	if v.headers > v.agent {
		out = append(out, "request.header")
	}
	if v.agent > 0 {
		out = append(out, "client.user_agent")
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Ask tells whether the entry applies to an event, and which of the things that it asks for are not kept of it. e is the
// event's endpoint as it is known now, nil for none: labels and purposes are those of today.
func (j *Judge) Ask(row *store.Event, e *inventory.Endpoint) (Answer, []string) {
	f := factsOf(row, e)
	unseen := map[string]bool{}
	a := j.root.ask3(row, f, unseen)
	if a != Undecided {
		return a, nil
	}
	var out []string
	for name := range unseen {
		out = append(out, name)
	}
	slices.Sort(out)
	return a, out
}

func (c *condition) ask3(row *store.Event, f *policy.Facts, unseen map[string]bool) Answer {
	switch c.join {
	case "and":
		out := Yes
		for i := range c.parts {
			out = min(out, c.parts[i].ask3(row, f, unseen))
		}
		return out
	case "or":
		out := No
		for i := range c.parts {
			out = max(out, c.parts[i].ask3(row, f, unseen))
		}
		return out
	}
	known := true
	for _, name := range c.needs {
		if !kept(row, name) {
			unseen[name], known = true, false
		}
	}
	if !known {
		return Undecided
	}
	var v policy.Verdict
	if c.ask.Decide(f, nil, &v); v.Would == action.Block {
		return Yes
	}
	return No
}

// kept tells whether a stored event still says what an expression reads.
func kept(r *store.Event, name string) bool {
	d := &r.Detail
	group, _, _ := strings.Cut(name, ".")
	switch {
	case name == "request.path":
		return r.Template != "" && !strings.Contains(r.Template, "{")
	case name == "request.query", name == "request.header":
		return false
	case name == "client.user_agent":
		return r.UserAgent != "" || d.Observed.Has(exchange.SawUserAgent)
	case name == "client.fingerprint":
		return r.Fingerprint != "" || d.Observed.Has(exchange.SawHeaderOrder)
	case group == "principal":
		return d.Observed.Has(exchange.SawCredentials)
	case group == "network":
		return r.Address != ""
	case name == "found":
		return !r.FindingsCapped
	}
	return true
}

// factsOf is what a decision on a stored event is made from.
func factsOf(r *store.Event, e *inventory.Endpoint) *policy.Facts {
	x := &exchange.Exchange{Method: []byte(r.Method), Host: []byte(r.Host), Path: []byte(r.Template)}
	if r.UserAgent != "" {
		x.Request.Fields = []exchange.Field{{Name: []byte("User-Agent"), Value: []byte(r.UserAgent)}}
	}
	f := &policy.Facts{At: r.Time.UnixNano(), Exchange: x, Principal: r.Detail.Principal, Session: r.Detail.Session, Credentials: r.Detail.Credentials}
	if r.Template != "" {
		f.Endpoint = policy.Endpoint{ID: r.Endpoint, Template: r.Template, Method: r.Method, Access: string(inventory.AccessOf(r.Method))}
	}
	if e != nil && r.Template != "" {
		f.Endpoint.Access, f.Endpoint.Purpose, f.Endpoint.State = string(e.Access), e.Purpose, string(e.State)
		f.Endpoint.Documented, f.Endpoint.Labels = e.Documented, e.Labels
	}
	f.Client.Addr, _ = netip.ParseAddr(r.Address)
	if n, err := strconv.ParseUint(r.Fingerprint, 16, 64); err == nil {
		f.Client.Fingerprint = identity.Fingerprint(n)
	}
	f.Client.Place.ASN = r.ASN
	if len(r.Country) == 2 {
		f.Client.Place.Country = [2]byte{r.Country[0], r.Country[1]}
	}
	for _, id := range r.FindingIDs {
		f.Findings = append(f.Findings, finding.Finding{ID: id})
	}
	return f
}

// Tally gathers a trial's answers.
type Tally struct {
	trial                            Trial
	principals, addresses, endpoints map[string]uint64
	unseen                           map[string]bool
}

// NewTally makes an empty one.
func NewTally() *Tally {
	return &Tally{principals: map[string]uint64{}, addresses: map[string]uint64{}, endpoints: map[string]uint64{}, unseen: map[string]bool{}}
}

// Add counts one event; they come from the latest back.
func (t *Tally) Add(r *store.Event, a Answer, unseen []string) {
	t.trial.Looked++
	t.trial.From = r.Time
	switch a {
	case Undecided:
		t.trial.Undecided++
		for _, u := range unseen {
			t.unseen[u] = true
		}
	case Yes:
		t.trial.Matched++
		t.principals[cmp.Or(r.Principal, "none")]++
		t.addresses[cmp.Or(r.Address, "unknown")]++
		t.endpoints[r.Method+" "+cmp.Or(r.Template, "no known endpoint")]++
		if len(t.trial.Latest) < MostShown {
			t.trial.Latest = append(t.trial.Latest, *r)
		}
	}
}

// Result is what was gathered.
func (t *Tally) Result() Trial {
	out := t.trial
	out.Principals, out.Addresses, out.Endpoints = top(t.principals), top(t.addresses), top(t.endpoints)
	for u := range t.unseen {
		out.Unseen = append(out.Unseen, u)
	}
	slices.Sort(out.Unseen)
	return out
}

func top(counts map[string]uint64) []inventory.Count {
	var out []inventory.Count
	for name, n := range counts {
		out = append(out, inventory.Count{Name: name, Count: n})
	}
	slices.SortFunc(out, func(a, b inventory.Count) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Name, b.Name))
	})
	return out[:min(len(out), MostShown)]
}
