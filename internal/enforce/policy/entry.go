package policy

import (
	"bytes"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"merlon/internal/model/bundle"
)

// maxWrong is how many wrong values of one list are told one by one.
const maxWrong = 20

func (p *policyFile) list(n ast.Node, key string) {
	in := bundle.List{From: p.origin(n)}
	var kind, mode, file string
	p.fields(n, key, []field{
		{"name", p.text(&in.Name)},
		{"kind", p.text(&kind)},
		{"file", p.text(&file)},
		{"values", p.texts(&in.Values)},
		{"action", p.text(&in.Action)},
		{"mode", p.text(&mode)},
	})
	in.Kind, in.Mode = bundle.ListKind(kind), bundle.Mode(mode)
	if file != "" {
		in.Values = append(in.Values, p.listFile(below(key, "file"), file, in.Kind)...)
	}
	p.policy.Lists = append(p.policy.Lists, in)
}

// listFile reads the values of a list's file. Wrong ones are told with their line, and left out.
func (p *policyFile) listFile(key, file string, kind bundle.ListKind) (values []string) {
	fault := func(message, hint string) {
		p.mistakes = append(p.mistakes, Mistake{Source: p.policy.Source, Position: p.policy.At[key], Key: key, Message: message, Hint: hint})
	}
	if p.read == nil {
		fault("files cannot be named here", "write the values under values:")
		return nil
	}
	path := file
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(p.policy.Source), path)
	}
	data, err := p.read(path)
	switch {
	case err != nil:
		fault(err.Error(), "paths are relative to the policy file")
		return nil
	case len(data) > maxListBytes:
		fault(fmt.Sprintf("%s is larger than %d bytes", shorten(file), maxListBytes), "")
		return nil
	}
	wrong, line := 0, 0
	for text := range bytes.Lines(data) {
		line++
		if i := bytes.IndexAny(text, "#;"); i >= 0 {
			text = text[:i]
		}
		if text = bytes.TrimSpace(text); len(text) == 0 {
			continue
		}
		if err := checkValue(kind, string(text)); err != nil && isKind(kind) {
			if wrong++; wrong <= maxWrong {
				p.mistakes = append(p.mistakes, Mistake{Source: path, Position: bundle.Position{Line: line, Column: 1}, Message: err.Error()})
			}
			continue
		}
		values = append(values, string(text))
	}
	if wrong > maxWrong {
		fault(fmt.Sprintf("%d more values in %s are wrong", wrong-maxWrong, shorten(file)), "")
	}
	return values
}

// match reads a selector.
func (p *policyFile) match(to *bundle.Match) func(ast.Node, string) {
	return func(n ast.Node, key string) {
		p.fields(n, key, []field{
			{"endpoint", p.text(&to.Endpoint)},
			{"purpose", p.text(&to.Purpose)},
			{"method", p.text(&to.Method)},
			{"host", p.text(&to.Host)},
			{"label", p.text(&to.Label)},
		})
		to.Method, to.Host = strings.ToUpper(to.Method), strings.ToLower(to.Host)
	}
}

func (p *policyFile) rule(n ast.Node, key string) {
	in := bundle.Rule{From: p.origin(n)}
	var mode string
	limited := false
	p.fields(n, key, []field{
		{"name", p.text(&in.Name)},
		{"when", func(n ast.Node, key string) {
			p.text(&in.When)(n, key)
			in.WhenAt = letters(n)
		}},
		{"match", p.match(&in.Match)},
		{"action", p.text(&in.Action)},
		{"limit", func(n ast.Node, key string) {
			var by, rate string
			p.fields(n, key, []field{{"by", p.text(&by)}, {"rate", p.text(&rate)}})
			limited = true
		}},
		{"mode", p.text(&mode)},
	})
	in.Mode = bundle.Mode(mode)
	if limited && in.Action == "" {
		in.Action = "limit"
	}
	p.policy.Rules = append(p.policy.Rules, in)
}

func (p *policyFile) exception(n ast.Node, key string) {
	in := bundle.Exception{From: p.origin(n)}
	var until string
	p.fields(n, key, []field{
		{"finding", p.text(&in.Finding)},
		{"match", p.match(&in.Match)},
		{"owner", p.text(&in.Owner)},
		{"until", p.text(&until)},
		{"why", p.text(&in.Why)},
	})
	var err error
	if in.Until, err = parseUntil(until); err != nil {
		at, ok := p.policy.At[below(key, "until")]
		if !ok {
			at = position(n)
		}
		p.mistakes = append(p.mistakes, Mistake{
			Source: p.policy.Source, Position: at, Key: below(key, "until"), Message: err.Error(), Hint: "write a day such as 2027-01-31; an exception always expires",
		})
	}
	p.policy.Exceptions = append(p.policy.Exceptions, in)
}
