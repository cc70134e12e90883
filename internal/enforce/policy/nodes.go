package policy

import (
	"fmt"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"merlon/internal/model/bundle"
)

// maxNoted bounds the values of one list whose places are remembered: a list written out in the policy may have a million.
const maxNoted = 10_000

// field is one key of a mapping, and how its value is read.
type field struct {
	name string
	read func(n ast.Node, key string)
}

// fields reads the members of a mapping. Unknown and repeated keys are mistakes, and so is everything else than a mapping.
func (p *policyFile) fields(n ast.Node, key string, known []field) {
	names := make([]string, len(known))
	for i, f := range known {
		names[i] = f.name
	}
	seen := make(map[string]int)
	for _, pair := range p.pairs(n, key) {
		name := pair.Key.GetToken().Value
		at := below(key, name)
		line, twice := seen[name]
		seen[name] = position(pair.Key).Line
		if twice {
			p.fault(pair.Key, at, fmt.Sprintf("stands in line %d already", line), "keep one")
			continue
		}
		found := false
		for _, f := range known {
			if f.name != name {
				continue
			}
			found = true
			if _, null := pair.Value.(*ast.NullNode); null {
				p.policy.At[at] = position(pair.Key)
			} else {
				p.policy.At[at] = position(pair.Value)
			}
			f.read(pair.Value, at)
		}
		if !found {
			p.fault(pair.Key, below(key, shorten(name)), "unknown key", knownHint(name, names))
		}
	}
}

// pairs are the members of a mapping; nothing written is none.
func (p *policyFile) pairs(n ast.Node, key string) []*ast.MappingValueNode {
	switch n := n.(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	case *ast.NullNode:
		return nil
	default:
		p.fault(n, key, "expected keys and values, found "+shape(n), "")
		return nil
	}
}

// each hands every item of a list to f under the name it has in messages.
func (p *policyFile) each(f func(ast.Node, string)) func(ast.Node, string) {
	return func(n ast.Node, key string) {
		for i, item := range p.items(n, key) {
			at := fmt.Sprintf("%s[%d]", key, i)
			p.policy.At[at] = position(item)
			f(item, at)
		}
	}
}

func (p *policyFile) items(n ast.Node, key string) []ast.Node {
	switch n := n.(type) {
	case *ast.SequenceNode:
		return n.Values
	case *ast.NullNode:
		return nil
	default:
		p.fault(n, key, "expected a list, found "+shape(n), "begin each entry with a dash, or write [first, second]")
		return nil
	}
}

// text reads one value as it was written; nothing written is the empty text.
func (p *policyFile) text(to *string) func(ast.Node, string) {
	return func(n ast.Node, key string) {
		p.policy.At[key] = position(n)
		switch n := n.(type) {
		case *ast.StringNode:
			*to = n.Value
		case *ast.LiteralNode:
			*to = n.Value.Value
		case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode, *ast.InfinityNode, *ast.NanNode:
			*to = n.GetToken().Value
		case *ast.NullNode:
		default:
			p.fault(n, key, "expected one value, found "+shape(n), "")
		}
	}
}

// texts reads a list of values.
func (p *policyFile) texts(to *[]string) func(ast.Node, string) {
	return func(n ast.Node, key string) {
		for i, item := range p.items(n, key) {
			at := fmt.Sprintf("%s[%d]", key, i)
			var one string
			p.text(&one)(item, at)
			if i >= maxNoted {
				delete(p.policy.At, at)
			}
			*to = append(*to, one)
		}
	}
}

// letters is where a text begins that stands in the file letter by letter on one line; else the zero value.
func letters(n ast.Node) bundle.Position {
	s, ok := n.(*ast.StringNode)
	if !ok || s.Value == "" || strings.ContainsAny(s.Value, "\r\n") || !strings.Contains(s.Token.Origin, s.Value) {
		return bundle.Position{}
	}
	at := position(n)
	if s.Token.Type == token.SingleQuoteType || s.Token.Type == token.DoubleQuoteType {
		at.Column++
	}
	return at
}

// shape names what a node is, for people who do not know YAML's words.
func shape(n ast.Node) string {
	switch n := n.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		return "keys and values"
	case *ast.SequenceNode:
		return "a list"
	case *ast.NullNode:
		return "nothing"
	case *ast.TagNode:
		return "a tag"
	default:
		return fmt.Sprintf("%q", shorten(n.GetToken().Value))
	}
}

// below is the path of a member.
func below(key, name string) string {
	if key == "" {
		return name
	}
	return key + "." + name
}

// position is where people would point: for keys in block style at the first key, not at its colon.
func position(n ast.Node) bundle.Position {
	switch m := n.(type) {
	case nil:
		return bundle.Position{}
	case *ast.MappingNode:
		if !m.IsFlowStyle && len(m.Values) > 0 {
			return tokenPosition(m.Values[0].Key.GetToken())
		}
	case *ast.MappingValueNode:
		return tokenPosition(m.Key.GetToken())
	}
	return tokenPosition(n.GetToken())
}

func tokenPosition(t *token.Token) bundle.Position {
	if t == nil || t.Position == nil {
		return bundle.Position{}
	}
	return bundle.Position{Line: t.Position.Line, Column: t.Position.Column}
}

// tooDeep is the token at which text nests beyond maxDepth, before the parser, which recurses, sees it.
func tooDeep(tokens token.Tokens) *token.Token {
	flow, line, entries := 0, 0, 0
	for _, t := range tokens {
		if t.Position.Line != line {
			line, entries = t.Position.Line, 0
		}
		switch t.Type {
		case token.SequenceStartType, token.MappingStartType:
			flow++
		case token.SequenceEndType, token.MappingEndType:
			flow--
		case token.SequenceEntryType, token.MappingKeyType, token.MappingValueType, token.AnchorType, token.TagType:
			if flow == 0 {
				entries++
			}
		}
		if flow > maxDepth || entries > maxDepth || t.Position.Column > maxColumn && flow == 0 && t.Type == token.SequenceEntryType {
			return t
		}
	}
	return nil
}

// maxColumn bounds nesting over many lines, which costs indentation.
const maxColumn = 1000

// aliasIn finds a YAML alias or anchor, which can make a small file huge.
func aliasIn(f *ast.File) ast.Node {
	v := new(aliasFinder)
	for _, d := range f.Docs {
		if d.Body != nil {
			ast.Walk(v, d.Body)
		}
	}
	return v.found
}

type aliasFinder struct{ found ast.Node }

// Visit implements ast.Visitor.
func (v *aliasFinder) Visit(n ast.Node) ast.Visitor {
	switch n.Type() {
	case ast.AliasType, ast.AnchorType, ast.MergeKeyType:
		if v.found == nil {
			v.found = n
		}
	}
	return v
}
