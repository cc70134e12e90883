package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"

	"merlon/internal/model/bundle"
)

const (
	// MaxEntryBytes bounds the text of one entry made in the console; long lists belong into files.
	MaxEntryBytes = 64 << 10
	// consolePrefix begins the names that verdicts give to what was made in the console.
	consolePrefix = "console:"
)

// ParseEntry reads one entry made in the console: a rule, a list (it has kind) or an exception (it has finding or until),
// written as it would stand in a policy file, with or without its leading dash. The policy it gives holds that one entry
// and nothing else. Positions are those in a.Text. It is not compiled: whether it holds beside a site's other entries is
// told by Compile(Merge(file, entries), findings).
func ParseEntry(a bundle.Addition) (bundle.Policy, []Mistake) {
	p := newPolicyFile(SourceOf(a.ID), nil)
	p.console = a.ID
	if !isID(a.ID) {
		p.fault(nil, "", fmt.Sprintf("%q is no id of an entry", shorten(a.ID)), "ids are letters, digits and dashes, 32 at most")
	}
	body, ok := p.open([]byte(a.Text), MaxEntryBytes)
	if !ok {
		return p.policy, sorted(p.mistakes)
	}
	if s, list := body.(*ast.SequenceNode); list && len(s.Values) == 1 {
		body = s.Values[0]
	}
	switch body.(type) {
	case *ast.MappingNode, *ast.MappingValueNode:
		p.one(body)
	case nil:
		p.fault(nil, "", "is empty", entryHint)
	case *ast.SequenceNode:
		p.fault(body, "", "holds several entries", "add them one by one")
	default:
		p.fault(body, "", "expected keys and values, found "+shape(body), entryHint)
	}
	return p.policy, sorted(p.mistakes)
}

const entryHint = "write a rule, such as {name: no deletion, when: 'request.method == \"DELETE\"', action: block}"

// one reads the entry by the keys that only its kind has.
func (p *policyFile) one(n ast.Node) {
	keys := make(map[string]bool)
	for _, pair := range p.pairs(n, "") {
		keys[pair.Key.GetToken().Value] = true
	}
	// The entry's own key is empty, and its members stand at their names.
	p.policy.At[""] = position(n)
	switch {
	case keys["finding"], keys["until"] && !keys["when"]:
		p.exception(n, "")
	case keys["kind"], keys["values"], keys["file"]:
		p.list(n, "")
	default:
		p.rule(n, "")
	}
}

func isID(s string) bool {
	return s != "" && len(s) <= 32 && strings.IndexFunc(s, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-')
	}) < 0
}

// Merge lays entries of the console (ParseEntry) behind those of a site's file, in the given order, and changes neither.
// Where ARCHITECTURE decision 6 is silent the file's entries come first: of two that ask for the same, the verdict names
// the file's. Names are given once in both together, which Compile checks.
func Merge(file bundle.Policy, entries ...bundle.Policy) bundle.Policy {
	out := file
	out.At = maps.Clone(file.At)
	if out.At == nil {
		out.At = make(map[string]bundle.Position)
	}
	out.Lists, out.Rules, out.Exceptions = slices.Clip(file.Lists), slices.Clip(file.Rules), slices.Clip(file.Exceptions)
	for _, e := range entries {
		var key string
		switch {
		case len(e.Rules) > 0:
			key = fmt.Sprintf("rules[%d]", len(out.Rules))
		case len(e.Lists) > 0:
			key = fmt.Sprintf("lists[%d]", len(out.Lists))
		default:
			key = fmt.Sprintf("exceptions[%d]", len(out.Exceptions))
		}
		for at, position := range e.At {
			if at == "" {
				out.At[key] = position
			} else {
				out.At[key+"."+at] = position
			}
		}
		out.Lists = append(out.Lists, e.Lists...)
		out.Rules = append(out.Rules, e.Rules...)
		out.Exceptions = append(out.Exceptions, e.Exceptions...)
	}
	return out
}

// MergeAdditions reads the additions that hold at site and lays them behind its file. Those that do not parse are left
// out, and their mistakes are returned.
func MergeAdditions(file bundle.Policy, site string, all []bundle.Addition) (bundle.Policy, []Mistake) {
	var entries []bundle.Policy
	var mistakes []Mistake
	for _, a := range all {
		if a.Site != "" && a.Site != site {
			continue
		}
		e, wrong := ParseEntry(a)
		mistakes = append(mistakes, wrong...)
		if len(Faults(wrong)) == 0 {
			entries = append(entries, e)
		}
	}
	return Merge(file, entries...), mistakes
}

// verdictName is the name by which verdicts tell an entry: those of the console begin with console:ID, so that they are
// found again whatever becomes of their names.
func verdictName(from bundle.Origin, name string) string {
	if from.Console == "" {
		return name
	}
	return consolePrefix + from.Console + " " + name
}

// FromConsole takes the rule that a verdict names apart when it was made in the console: the id of the addition and the
// name that it had.
func FromConsole(rule string) (id, name string, ok bool) {
	rest, ok := strings.CutPrefix(rule, consolePrefix)
	if !ok {
		return "", "", false
	}
	id, name, ok = strings.Cut(rest, " ")
	return id, name, ok
}

// Origins says where each rule and list that verdicts can name was written, by that name: file:line:column or console:ID.
// A finding that acts by its mode is found under its id, when the policy gives it a mode of its own.
func Origins(p *bundle.Policy) map[string]bundle.Origin {
	all := make(map[string]bundle.Origin, len(p.Rules)+len(p.Lists))
	for key := range p.Modes {
		if at, ok := p.At["modes."+key]; ok && strings.Contains(key, ".") {
			all[key] = bundle.Origin{Source: p.Source, Position: at}
		}
	}
	for i := range p.Lists {
		all[verdictName(p.Lists[i].From, "list:"+p.Lists[i].Name)] = p.Lists[i].From
	}
	for i := range p.Rules {
		all[verdictName(p.Rules[i].From, p.Rules[i].Name)] = p.Rules[i].From
	}
	return all
}

// SourceOf is what stands in mistakes as the source of the console's entry id.
func SourceOf(id string) string { return consolePrefix + id }

// IsSource tells whether a mistake's source is an entry of the console.
func IsSource(source string) bool { return strings.HasPrefix(source, consolePrefix) }
