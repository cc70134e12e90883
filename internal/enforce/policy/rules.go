package policy

import (
	"net/netip"
	"sync"

	"github.com/expr-lang/expr/ast"
	"github.com/expr-lang/expr/vm"

	"merlon/internal/enforce/action"
	"merlon/internal/model/bundle"
	"merlon/internal/model/event"
)

// rule is one compiled rule.
type rule struct {
	name    string
	match   selector
	program *vm.Program // nil: the selector alone decides
	action  action.Kind
	mode    bundle.Mode
}

// Limits of the rule language. Rules come from administrators, but expr has no instruction budget, so what a rule can
// cost is bounded by its size and by what it can see: no field of the environment is larger than a request head.
const (
	maxExpression = 4 << 10
	maxNodes      = 500
	maxRules      = 1000
)

// env is what an expression sees. Field names are the words of the rule language, docs/reference/policy.md.
type env struct {
	Endpoint  envEndpoint  `expr:"endpoint"`
	Network   envNetwork   `expr:"network"`
	Client    envClient    `expr:"client"`
	Principal envPrincipal `expr:"principal"`
	Request   envRequest   `expr:"request"`
	// Found tells whether a finding of that id was made.
	Found func(id string) bool `expr:"found"`

	facts *Facts
}

type envEndpoint struct {
	ID         int      `expr:"id"`
	Template   string   `expr:"template"`
	Method     string   `expr:"method"`
	Access     string   `expr:"access"`
	Purpose    string   `expr:"purpose"`
	State      string   `expr:"state"`
	Documented bool     `expr:"documented"`
	Known      bool     `expr:"known"`
	Label      string   `expr:"label"`
	Labels     []string `expr:"labels"`
}

type envNetwork struct {
	Address string `expr:"address"`
	Country string `expr:"country"`
	ASN     int    `expr:"asn"`
	// In tells whether the client is in a network that the policy names, or in a prefix written out.
	In func(name string) bool `expr:"in"`
}

type envClient struct {
	Fingerprint string `expr:"fingerprint"`
	UserAgent   string `expr:"user_agent"`
}

type envPrincipal struct {
	Token      string `expr:"token"`
	Strength   string `expr:"strength"`
	Credential string `expr:"credential"`
}

type envRequest struct {
	Method string                   `expr:"method"`
	Path   string                   `expr:"path"`
	Query  string                   `expr:"query"`
	Host   string                   `expr:"host"`
	Header func(name string) string `expr:"header"`
}

// names finds what an expression names by constants and nobody could tell from a typing error while it runs: networks and
// findings. Without a look at them `not network.in("ofice")` would hold for everybody.
type names struct{ networks, findings []string }

// Visit implements ast.Visitor.
func (n *names) Visit(node *ast.Node) {
	call, ok := (*node).(*ast.CallNode)
	if !ok || len(call.Arguments) != 1 {
		return
	}
	name, ok := call.Arguments[0].(*ast.StringNode)
	if !ok {
		return
	}
	switch callee := call.Callee.(type) {
	case *ast.IdentifierNode:
		if callee.Value == "found" {
			n.findings = append(n.findings, name.Value)
		}
	case *ast.MemberNode:
		of, ok := callee.Node.(*ast.IdentifierNode)
		if member, isName := callee.Property.(*ast.StringNode); ok && isName && of.Value == "network" && member.Value == "in" {
			n.networks = append(n.networks, name.Value)
		}
	}
}

// named lists what a compiled expression names.
func named(p *vm.Program) (n names) {
	root := p.Node()
	ast.Walk(&root, &n)
	return n
}

// envPool keeps environments and virtual machines, so that a rule costs no allocation of its own.
type envPool struct {
	networks map[string][]netip.Prefix
	pool     sync.Pool
}

type machine struct {
	vm  vm.VM
	env env
}

func (p *envPool) take(f *Facts) *machine {
	m, ok := p.pool.Get().(*machine)
	if !ok {
		m = new(machine)
		e := &m.env
		e.Network.In = func(name string) bool { return p.inNetwork(name, e.facts.Client.Addr) }
		e.Request.Header = func(name string) string { return header(e.facts, name) }
		e.Found = func(id string) bool { return found(e.facts, id) }
	}
	m.env.fill(f)
	return m
}

func (p *envPool) put(m *machine) {
	m.env.facts = nil
	p.pool.Put(m)
}

func (p *envPool) inNetwork(name string, a netip.Addr) bool {
	prefixes, ok := p.networks[name]
	if !ok {
		one, err := netip.ParsePrefix(name)
		return err == nil && one.Contains(a)
	}
	for _, one := range prefixes {
		if one.Contains(a) {
			return true
		}
	}
	return false
}

func (e *env) fill(f *Facts) {
	e.facts = f
	n := &f.Endpoint
	e.Endpoint = envEndpoint{
		ID: int(n.ID), Template: n.Template, Method: n.Method, Access: n.Access, Purpose: n.Purpose,
		State: n.State, Documented: n.Documented, Known: n.Template != "", Labels: n.Labels,
	}
	if len(n.Labels) > 0 {
		e.Endpoint.Label = n.Labels[0]
	}
	x := f.Exchange
	e.Network.Address, e.Network.Country, e.Network.ASN = "", "", int(f.Client.Place.ASN)
	if f.Client.Addr.IsValid() {
		e.Network.Address = f.Client.Addr.String()
	}
	if f.Client.Place.Country[0] != 0 {
		e.Network.Country = string(f.Client.Place.Country[:])
	}
	e.Client = envClient{Fingerprint: tokenText(uint64(f.Client.Fingerprint)), UserAgent: header(f, "user-agent")}
	e.Principal = envPrincipal{Token: tokenText(f.Principal.Token), Strength: f.Principal.Strength.String()}
	if f.Principal.Token != 0 {
		e.Principal.Credential = f.Principal.Carrier.String()
	}
	e.Request.Method, e.Request.Path = string(x.Method), string(x.Path)
	e.Request.Query, e.Request.Host = string(x.RawQuery), string(x.Host)
}

// header is the first field of that name, in any casing.
func header(f *Facts, name string) string {
	for i := range f.Exchange.Request.Fields {
		if h := &f.Exchange.Request.Fields[i]; equalFold(h.Name, name) {
			return string(h.Value)
		}
	}
	return ""
}

func equalFold(b []byte, s string) bool {
	if len(b) != len(s) {
		return false
	}
	for i := range b {
		if lower(b[i]) != lower(s[i]) {
			return false
		}
	}
	return true
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c | 0x20
	}
	return c
}

func found(f *Facts, id string) bool {
	for i := range f.Findings {
		if f.Findings[i].ID == id {
			return true
		}
	}
	return false
}

func tokenText(n uint64) string {
	if n == 0 {
		return ""
	}
	return event.TokenText(n)
}

// applyRules runs the rules in order. An expression that fails on an exchange (a conversion, say) does not apply; the
// failure becomes no verdict, because a rule must never refuse by accident.
func (p *Policy) applyRules(f *Facts, v *Verdict) {
	var m *machine
	for i := range p.rules {
		r := &p.rules[i]
		if r.mode == bundle.ModeOff || !r.match.matches(f) {
			continue
		}
		if r.program != nil {
			if m == nil {
				m = p.pool.take(f)
			}
			yes, err := m.vm.Run(r.program, &m.env)
			if err != nil || yes != true {
				continue
			}
		}
		v.consider(r.action, r.mode, r.name)
	}
	if m != nil {
		p.pool.put(m)
	}
}
