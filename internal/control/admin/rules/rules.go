// Package rules is what the console's entries of policy are made of: composed, read, tried over past events, and shown beside the files' entries.
//
// It decides nothing: package enforce/policy reads and compiles entries, and admin stores them and puts them in force.
package rules

import (
	"maps"
	"slices"
	"strings"
	"time"

	"merlon/internal/enforce/policy"
	"merlon/internal/model/bundle"
	"merlon/internal/store"
)

// Kind is what an entry is.
type Kind string

const (
	KindRule      Kind = "rule"
	KindList      Kind = "list"
	KindException Kind = "exception"
	// KindUnknown is an entry that cannot be read.
	KindUnknown Kind = "unreadable"
)

// Entry is one entry of the console as people see it.
type Entry struct {
	store.PolicyRule
	Kind Kind
	// Name is the rule's or list's; of an exception the finding.
	Name   string
	Action string
	// Mode is as written, "" where it is left to the site's modes. An exception has none.
	Mode bundle.Mode
	// Mistakes say why it is not in force, or what it does not do; empty when all is well.
	Mistakes []policy.Mistake
	// Out: it is switched on and yet not in force.
	Out bool
	// Hits is how many events of the last day name it as what decided or would have; -1 where it was not counted.
	Hits int
}

// Read takes a row apart.
func Read(r store.PolicyRule) Entry {
	p, wrong := policy.ParseEntry(Addition(r))
	e := Entry{PolicyRule: r, Kind: KindUnknown, Name: r.ID, Mistakes: wrong, Hits: -1}
	switch {
	case len(p.Rules) == 1:
		e.Kind, e.Name, e.Action, e.Mode = KindRule, p.Rules[0].Name, p.Rules[0].Action, p.Rules[0].Mode
	case len(p.Lists) == 1:
		e.Kind, e.Name, e.Action, e.Mode = KindList, p.Lists[0].Name, p.Lists[0].Action, p.Lists[0].Mode
	case len(p.Exceptions) == 1:
		e.Kind, e.Name = KindException, p.Exceptions[0].Finding
	}
	return e
}

// Verdict is how verdicts name the entry; "" for an exception.
func (e *Entry) Verdict() string {
	switch e.Kind {
	case KindRule:
		return policy.SourceOf(e.ID) + " " + e.Name
	case KindList:
		return policy.SourceOf(e.ID) + " list:" + e.Name
	}
	return ""
}

// Addition is a row as the merge of policy takes it.
func Addition(r store.PolicyRule) bundle.Addition {
	return bundle.Addition{ID: r.ID, Site: r.Site, Text: r.Text}
}

// Enabled are the additions of the rows that are switched on, in their order.
func Enabled(all []store.PolicyRule) []bundle.Addition {
	var out []bundle.Addition
	for _, r := range all {
		if r.Enabled {
			out = append(out, Addition(r))
		}
	}
	return out
}

// Site is the policy in force at one site, files and console together, in the order in which it is asked.
type Site struct {
	Name, File string
	// Modes are by "default", stage or finding; Failure by "default" or stage.
	Modes      []Setting
	Failure    []Setting
	Networks   []Network
	Lists      []Line
	Rules      []Line
	Exceptions []Exception
}

// Setting is a key with what it is set to, and where.
type Setting struct{ Key, Value, Origin string }

// Network is a name for prefixes.
type Network struct {
	Name     string
	Prefixes []string // the first few
	Count    int
}

// Line is a rule or a list.
type Line struct {
	Name string
	// When is what it asks: of a rule the selector and the expression, of a list its kind and size.
	Match, When string
	Action      string
	// Mode is the one in force, ModeFrom where it comes from: "" the entry itself, or the key of modes.
	Mode     bundle.Mode
	ModeFrom string
	// Origin is file:line:column or console:ID; Console the id, where it is the console's.
	Origin, Console string
	// Verdict is how verdicts name it. Hits as of Entry.
	Verdict string
	Hits    int
}

// Exception relaxes a finding.
type Exception struct {
	bundle.Exception
	Selector string
	Expired  bool
	// Soon: it ends within SoonSpan.
	Soon bool
}

// SoonSpan is how long before its end an exception is told of.
const SoonSpan = 14 * 24 * time.Hour

// maxShownPrefixes is how many prefixes of a network are shown.
const maxShownPrefixes = 4

// Of lays out a policy in force.
func Of(name string, p *bundle.Policy, now time.Time) Site {
	s := Site{Name: name, File: p.Source}
	at := func(key string) string { return origin(bundle.Origin{Source: p.Source, Position: p.At[key]}) }
	for _, key := range slices.Sorted(maps.Keys(p.Modes)) {
		s.Modes = append(s.Modes, Setting{key, string(p.Modes[key]), at("modes." + key)})
	}
	if _, ok := p.Modes["default"]; !ok {
		s.Modes = slices.Insert(s.Modes, 0, Setting{"default", string(bundle.ModeWatch), ""})
	}
	for _, key := range slices.Sorted(maps.Keys(p.Failure)) {
		s.Failure = append(s.Failure, Setting{key, string(p.Failure[key]), at("failure." + key)})
	}
	for _, key := range slices.Sorted(maps.Keys(p.Networks)) {
		n := Network{Name: key, Count: len(p.Networks[key])}
		for _, one := range p.Networks[key][:min(n.Count, maxShownPrefixes)] {
			n.Prefixes = append(n.Prefixes, one.String())
		}
		s.Networks = append(s.Networks, n)
	}
	names := make(map[bundle.Origin]string)
	for verdict, from := range policy.Origins(p) {
		names[from] = verdict
	}
	for i := range p.Lists {
		l := &p.Lists[i]
		line := Line{Name: l.Name, Match: string(l.Kind), When: plural(len(l.Values), "value"), Action: l.Action, Mode: l.Mode, Hits: -1}
		if line.Mode == "" {
			line.Mode, line.ModeFrom = bundle.ModeEnforce, "lists enforce"
		}
		s.Lists = append(s.Lists, line.from(l.From, names))
	}
	for i := range p.Rules {
		r := &p.Rules[i]
		line := Line{Name: r.Name, Match: Selector(r.Match), When: r.When, Action: r.Action, Hits: -1}
		line.Mode, line.ModeFrom = modeOf(p, r.Mode)
		s.Rules = append(s.Rules, line.from(r.From, names))
	}
	for _, e := range p.Exceptions {
		x := Exception{Exception: e, Selector: Selector(e.Match)}
		if !e.Until.IsZero() {
			x.Expired = !now.Before(e.Until)
			x.Soon = !x.Expired && e.Until.Sub(now) < SoonSpan
		}
		s.Exceptions = append(s.Exceptions, x)
	}
	return s
}

func (l Line) from(o bundle.Origin, names map[bundle.Origin]string) Line {
	l.Origin, l.Console, l.Verdict = origin(o), o.Console, names[o]
	return l
}

func origin(o bundle.Origin) string {
	if o.Source == "" {
		return ""
	}
	return o.String()
}

// modeOf is a rule's mode: its own, the stage's, the default's.
func modeOf(p *bundle.Policy, own bundle.Mode) (bundle.Mode, string) {
	if own != "" {
		return own, ""
	}
	for _, key := range []string{"policy", "default"} {
		if m, ok := p.Modes[key]; ok {
			return m, "modes." + key
		}
	}
	return bundle.ModeWatch, "default"
}

// Selector is a match in words; "" for everything.
func Selector(m bundle.Match) string {
	var out []string
	for _, part := range [][2]string{{"endpoint", m.Endpoint}, {"purpose", m.Purpose}, {"method", m.Method}, {"host", m.Host}, {"label", m.Label}} {
		if part[1] != "" {
			out = append(out, part[0]+" "+part[1])
		}
	}
	return strings.Join(out, ", ")
}
