package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"

	"merlon/internal/model/bundle"
)

// Limits on a policy file: it is written by people, so anything larger is a mistake or an attack on the loader.
const (
	maxPolicyBytes = 4 << 20
	maxListBytes   = 1 << 30
	maxDepth       = 16
)

// Parse reads a policy file (docs/reference/policy.md). source names it in messages, and list files are found
// relative to it through read. Every mistake is listed, in the order of the file; the policy is usable when
// Faults(mistakes) is empty.
func Parse(source string, data []byte, read func(path string) ([]byte, error)) (bundle.Policy, []Mistake) {
	p := newPolicyFile(source, read)
	body, ok := p.open(data, maxPolicyBytes)
	if ok {
		p.document(body)
	}
	return p.policy, sorted(p.mistakes)
}

// policyFile is a policy being read.
type policyFile struct {
	policy   bundle.Policy
	read     func(string) ([]byte, error) // nil: files are not read
	console  string                       // id of the console's entry that is being read
	mistakes []Mistake
}

func newPolicyFile(source string, read func(string) ([]byte, error)) *policyFile {
	return &policyFile{policy: bundle.Policy{Source: source, At: make(map[string]bundle.Position)}, read: read}
}

// open parses the text and gives its one document. ok is false when there is nothing more to say about it.
func (p *policyFile) open(data []byte, most int) (body ast.Node, ok bool) {
	if len(data) > most {
		p.fault(nil, "", fmt.Sprintf("has %d bytes, more than %d", len(data), most), "move long lists to files of their own")
		return nil, false
	}
	tokens := lexer.Tokenize(string(data))
	if tk := tooDeep(tokens); tk != nil {
		p.mistakes = append(p.mistakes, Mistake{Source: p.policy.Source, Position: tokenPosition(tk), Message: fmt.Sprintf("is nested deeper than %d levels", maxDepth)})
		return nil, false
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if err != nil {
		p.mistakes = append(p.mistakes, yamlMistake(p.policy.Source, err))
		return nil, false
	}
	if n := aliasIn(file); n != nil {
		p.fault(n, "", "anchors and aliases are not taken", "write the values out")
		return nil, false
	}
	for _, doc := range file.Docs {
		switch {
		case doc.Body == nil || doc.Body.Type() == ast.NullType:
		case body != nil:
			p.fault(doc.Body, "", "a second document", "one file is one policy: remove the line ---")
			return body, true
		default:
			body = doc.Body
		}
	}
	return body, true
}

// yamlMistake takes place and reason out of the parser's error.
func yamlMistake(source string, err error) Mistake {
	m := Mistake{Source: source, Message: "is not YAML: " + err.Error()}
	var ye yaml.Error
	if errors.As(err, &ye) {
		m.Message = "is not YAML: " + ye.GetMessage()
		m.Position = tokenPosition(ye.GetToken())
	}
	return m
}

func (p *policyFile) fault(n ast.Node, key, message, hint string) {
	p.mistakes = append(p.mistakes, Mistake{Source: p.policy.Source, Position: position(n), Key: key, Message: message, Hint: hint})
}

func (p *policyFile) notice(n ast.Node, key, message string) {
	p.mistakes = append(p.mistakes, Mistake{Source: p.policy.Source, Position: position(n), Key: key, Message: message, Notice: true})
}

// origin is where the entry at n is written.
func (p *policyFile) origin(n ast.Node) bundle.Origin {
	return bundle.Origin{Source: p.policy.Source, Position: position(n), Console: p.console}
}

func (p *policyFile) document(body ast.Node) {
	version := 0
	later := func(n ast.Node, key string) { p.notice(n, key, "understood, but this version does not enforce it yet") }
	if body != nil {
		p.fields(body, "", []field{
			{"version", func(n ast.Node, key string) {
				var text string
				p.text(&text)(n, key)
				if v, err := strconv.Atoi(text); err != nil || v != 1 {
					p.fault(n, key, fmt.Sprintf("version %q is unknown", shorten(text)), "write version: 1")
				}
				version++
			}},
			{"modes", func(n ast.Node, key string) { p.policy.Modes = words[bundle.Mode](p, n, key) }},
			{"failure", func(n ast.Node, key string) { p.policy.Failure = words[bundle.FailureMode](p, n, key) }},
			{"networks", p.networks},
			{"lists", p.each(p.list)},
			{"rules", p.each(p.rule)},
			{"exceptions", p.each(p.exception)},
			{"issuers", later},
			{"contract", later},
		})
	}
	if version == 0 {
		p.fault(body, "version", "missing", "write version: 1")
	}
}

// words reads names with one word each.
func words[W ~string](p *policyFile, n ast.Node, key string) map[string]W {
	all := make(map[string]W)
	for _, pair := range p.pairs(n, key) {
		name := pair.Key.GetToken().Value
		var word string
		p.text(&word)(pair.Value, key+"."+name)
		all[name] = W(word)
	}
	return all
}

func (p *policyFile) networks(n ast.Node, key string) {
	p.policy.Networks = make(map[string][]netip.Prefix)
	for _, pair := range p.pairs(n, key) {
		name := pair.Key.GetToken().Value
		at := key + "." + name
		p.policy.Networks[name] = nil
		var values []string
		p.texts(&values)(pair.Value, at)
		for i, t := range values {
			prefix, err := netip.ParsePrefix(t)
			if err != nil {
				if a, errAddr := netip.ParseAddr(t); errAddr == nil {
					prefix, err = a.Prefix(a.BitLen())
				}
			}
			if err != nil {
				one := fmt.Sprintf("%s[%d]", at, i)
				p.mistakes = append(p.mistakes, Mistake{
					Source: p.policy.Source, Position: p.policy.At[one], Key: one,
					Message: fmt.Sprintf("%q is no network", shorten(t)), Hint: "write a prefix such as 192.0.2.0/24",
				})
				continue
			}
			p.policy.Networks[name] = append(p.policy.Networks[name], prefix.Masked())
		}
	}
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
		return time.Time{}, fmt.Errorf("%q is no time", shorten(s))
	}
	return t, nil
}

// sorted puts mistakes in the order of the file, each once.
func sorted(all []Mistake) []Mistake {
	slices.SortStableFunc(all, Mistake.Compare)
	return slices.Compact(all)
}
