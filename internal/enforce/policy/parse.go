package policy

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"merlon/internal/model/bundle"
)

// Limits on a policy file: it is written by people, so anything larger is a mistake or an attack on the loader.
const (
	maxPolicyBytes = 4 << 20
	maxListBytes   = 1 << 30
)

// Parse reads a policy file (docs/reference/policy.md). source names it in messages, and list files are found
// relative to it through read. Every mistake is listed; the policy is usable when Faults(mistakes) is empty.
func Parse(source string, data []byte, read func(path string) ([]byte, error)) (bundle.Policy, []Mistake) {
	p := &policyFile{policy: bundle.Policy{Source: source, At: make(map[string]bundle.Position)}, read: read}
	if len(data) > maxPolicyBytes {
		p.fault(nil, "", fmt.Sprintf("the file has %d bytes, more than %d", len(data), maxPolicyBytes), "move long lists to files of their own")
		return p.policy, p.mistakes
	}
	file, err := parser.ParseBytes(data, 0)
	if err != nil {
		p.mistakes = append(p.mistakes, yamlMistake(source, err))
		return p.policy, p.mistakes
	}
	if bytes.ContainsAny(data, "&*") && hasAlias(file) {
		p.fault(nil, "", "anchors and aliases are not taken", "write the values out")
		return p.policy, p.mistakes
	}
	for _, doc := range file.Docs {
		p.document(doc.Body)
	}
	return p.policy, p.mistakes
}

// policyFile is a policy being read.
type policyFile struct {
	policy   bundle.Policy
	read     func(string) ([]byte, error)
	mistakes []Mistake
	version  bool
}

func (p *policyFile) fault(n ast.Node, key, message, hint string) {
	p.mistakes = append(p.mistakes, Mistake{Source: p.policy.Source, Position: position(n), Key: key, Message: message, Hint: hint})
}

func (p *policyFile) notice(n ast.Node, key, message string) {
	p.mistakes = append(p.mistakes, Mistake{Source: p.policy.Source, Position: position(n), Key: key, Message: message, Notice: true})
}

func (p *policyFile) document(body ast.Node) {
	if body == nil {
		return
	}
	for _, pair := range members(body) {
		key := pair.Key.String()
		p.note(pair.Value, key)
		switch key {
		case "version":
			var v int
			if p.decode(pair.Value, key, &v) && v != 1 {
				p.fault(pair.Value, key, fmt.Sprintf("version %d is unknown", v), "write version: 1")
			}
			p.version = true
		case "modes":
			p.modes(pair.Value)
		case "failure":
			p.policy.Failure = make(map[string]bundle.FailureMode)
			for _, stage := range members(pair.Value) {
				var m bundle.FailureMode
				if p.decode(stage.Value, key, &m) {
					p.policy.Failure[stage.Key.String()] = m
				}
			}
		case "networks":
			p.networks(pair.Value)
		case "lists":
			p.each(pair.Value, key, p.list)
		case "rules":
			p.each(pair.Value, key, p.rule)
		case "exceptions":
			p.each(pair.Value, key, p.exception)
		case "issuers", "contract":
			p.notice(pair.Value, key, "understood, but this version does not enforce it yet")
		default:
			p.fault(pair.Key, key, "unknown key", "known are version, modes, failure, networks, lists, rules, exceptions, issuers, contract")
		}
	}
	if !p.version {
		p.fault(body, "version", "missing", "write version: 1")
	}
}

func (p *policyFile) modes(n ast.Node) {
	p.policy.Modes = make(map[string]bundle.Mode)
	for _, pair := range members(n) {
		var m bundle.Mode
		if p.decode(pair.Value, "modes", &m) {
			p.policy.Modes[pair.Key.String()] = m
		}
	}
}

func (p *policyFile) networks(n ast.Node) {
	p.policy.Networks = make(map[string][]netip.Prefix)
	for _, pair := range members(n) {
		var texts []string
		if !p.decode(pair.Value, "networks", &texts) {
			continue
		}
		name := pair.Key.String()
		p.policy.Networks[name] = nil
		for _, t := range texts {
			prefix, err := netip.ParsePrefix(t)
			if err != nil {
				if a, errAddr := netip.ParseAddr(t); errAddr == nil {
					prefix, err = a.Prefix(a.BitLen())
				}
			}
			if err != nil {
				p.fault(pair.Value, "networks."+name, fmt.Sprintf("%q is no network", t), "write a prefix such as 192.0.2.0/24")
				continue
			}
			p.policy.Networks[name] = append(p.policy.Networks[name], prefix.Masked())
		}
	}
}

func (p *policyFile) list(n ast.Node, key string) {
	var in struct {
		Name   string
		Kind   bundle.ListKind
		File   string
		Values []string
		Action string
		Mode   bundle.Mode
	}
	if !p.decode(n, key, &in) {
		return
	}
	if in.File != "" {
		path := in.File
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(p.policy.Source), path)
		}
		data, err := p.read(path)
		switch {
		case err != nil:
			p.fault(n, key+".file", err.Error(), "paths are relative to the policy file")
		case len(data) > maxListBytes:
			p.fault(n, key+".file", fmt.Sprintf("%s is larger than %d bytes", in.File, maxListBytes), "")
		default:
			in.Values = append(in.Values, lines(data)...)
		}
	}
	p.policy.Lists = append(p.policy.Lists, bundle.List{Name: in.Name, Kind: in.Kind, Values: in.Values, Action: in.Action, Mode: in.Mode})
}

// lines are the non-empty lines of a list file without comments (from # or ; on).
func lines(data []byte) []string {
	var out []string
	for line := range bytes.Lines(data) {
		if i := bytes.IndexAny(line, "#;"); i >= 0 {
			line = line[:i]
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			out = append(out, string(line))
		}
	}
	return out
}

type matchFile struct {
	Endpoint, Purpose, Method, Host, Label string
}

func (m matchFile) match() bundle.Match {
	return bundle.Match{Endpoint: m.Endpoint, Purpose: m.Purpose, Method: strings.ToUpper(m.Method), Host: strings.ToLower(m.Host), Label: m.Label}
}

func (p *policyFile) rule(n ast.Node, key string) {
	var in struct {
		Name   string
		When   string
		Match  matchFile
		Action string
		Limit  *struct{ By, Rate string }
		Mode   bundle.Mode
	}
	if !p.decode(n, key, &in) {
		return
	}
	if in.Limit != nil && in.Action == "" {
		in.Action = "limit"
	}
	p.policy.Rules = append(p.policy.Rules, bundle.Rule{Name: in.Name, When: in.When, Match: in.Match.match(), Action: in.Action, Mode: in.Mode})
}

func (p *policyFile) exception(n ast.Node, key string) {
	var in struct {
		Finding string
		Match   matchFile
		Owner   string
		Until   string
		Why     string
	}
	if !p.decode(n, key, &in) {
		return
	}
	until, err := parseUntil(in.Until)
	if err != nil {
		p.fault(n, key+".until", err.Error(), "write a day such as 2027-01-31; an exception always expires")
	}
	p.policy.Exceptions = append(p.policy.Exceptions, bundle.Exception{Finding: in.Finding, Match: in.Match.match(), Owner: in.Owner, Until: until, Why: in.Why})
}

// parseUntil reads a day (the exception holds to its end, UTC) or an RFC 3339 time.
func parseUntil(s string) (time.Time, error) {
	if s == "" {
		return time.Time{}, errors.New("missing")
	}
	if day, err := time.Parse(time.DateOnly, s); err == nil {
		return day.AddDate(0, 0, 1), nil
	}
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%q is no time", s)
	}
	return t, nil
}

// each hands every item of a sequence to f under the name it has in messages.
func (p *policyFile) each(n ast.Node, key string, f func(ast.Node, string)) {
	seq, ok := n.(*ast.SequenceNode)
	if !ok {
		if _, null := n.(*ast.NullNode); !null {
			p.fault(n, key, "is not a list", "begin each entry with a dash")
		}
		return
	}
	for i, item := range seq.Values {
		at := fmt.Sprintf("%s[%d]", key, i)
		p.note(item, at)
		f(item, at)
	}
}

// decode reads one node strictly and records what is wrong with it.
func (p *policyFile) decode(n ast.Node, key string, into any) bool {
	if err := yaml.NodeToValue(n, into, yaml.Strict()); err != nil {
		m := yamlMistake(p.policy.Source, err)
		m.Key = key
		if m.Line == 0 {
			m.Position = position(n)
		}
		p.mistakes = append(p.mistakes, m)
		return false
	}
	return true
}

func members(n ast.Node) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	default:
		return nil
	}
}

// note remembers where a key and the members below it stand.
func (p *policyFile) note(n ast.Node, key string) {
	p.policy.At[key] = position(n)
	for _, pair := range members(n) {
		p.policy.At[key+"."+pair.Key.String()] = position(pair.Value)
	}
}

func position(n ast.Node) bundle.Position {
	if n == nil {
		return bundle.Position{}
	}
	return tokenPosition(n.GetToken())
}

func tokenPosition(t *token.Token) bundle.Position {
	if t == nil || t.Position == nil {
		return bundle.Position{}
	}
	return bundle.Position{Line: t.Position.Line, Column: t.Position.Column}
}

// hasAlias finds YAML aliases, which can make a small file huge.
func hasAlias(f *ast.File) bool {
	v := new(aliasFinder)
	for _, d := range f.Docs {
		if d.Body != nil {
			ast.Walk(v, d.Body)
		}
	}
	return v.found
}

type aliasFinder struct{ found bool }

// Visit implements ast.Visitor.
func (v *aliasFinder) Visit(n ast.Node) ast.Visitor {
	switch n.Type() {
	case ast.AliasType, ast.AnchorType:
		v.found = true
	}
	return v
}

// yamlMistake takes line and reason out of the parser's error.
func yamlMistake(source string, err error) Mistake {
	m := Mistake{Source: source, Message: err.Error()}
	var ye yaml.Error
	if errors.As(err, &ye) {
		m.Message = ye.GetMessage()
		m.Position = tokenPosition(ye.GetToken())
	}
	return m
}
