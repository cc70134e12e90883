package policy

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"merlon/internal/enforce/action"
	"merlon/internal/model/bundle"
)

func lines(all []Mistake) string {
	var out []string
	for _, m := range all {
		out = append(out, m.String())
	}
	return strings.Join(out, "\n")
}

func TestParseEntry(t *testing.T) {
	for _, c := range []struct {
		name, text string
		rules      int
		lists      int
		exceptions int
		wrong      []string // in this order; notices too
	}{
		{"a rule in block style", "name: a\nwhen: 'request.method == \"DELETE\"'\naction: block\n", 1, 0, 0, nil},
		{"a rule in flow style", `{name: a, match: {method: delete}, action: block}`, 1, 0, 0, nil},
		{"with its dash", "- name: a\n  match: {method: delete}\n  action: block\n", 1, 0, 0, nil},
		{"a list", `{name: a, kind: address, values: [192.0.2.1], action: block}`, 0, 1, 0, nil},
		{"an exception", `{finding: wire.nul, match: {endpoint: /a}, owner: ana, until: 2027-01-31}`, 0, 0, 1, nil},
		{"nothing", " \n# nothing\n", 0, 0, 0, []string{"console:7: is empty"}},
		{"several", "- name: a\n- name: b\n", 0, 0, 0, []string{"console:7:1:1: holds several entries"}},
		{"a word", "block", 0, 0, 0, []string{`console:7:1:1: expected keys and values, found "block"`}},
		{"two documents", "{name: a, match: {method: GET}, action: tag}\n---\n{name: b}\n", 1, 0, 0, []string{"console:7:3:1: a second document"}},
		{"a whole policy", "version: 1\nrules: []\n", 1, 0, 0, []string{"console:7:1:1: version: unknown key", "console:7:2:1: rules: unknown key"}},
		{"a file of this machine", `{name: a, kind: address, file: /etc/passwd, action: block}`, 0, 1, 0, []string{"console:7:1:32: file: files cannot be named here"}},
		{
			"several mistakes, in order", "when: [1]\nname: a\nmtch: {}\nname: b\naction: block\nmatch: {methd: GET, host: {}}\n", 1, 0, 0,
			[]string{
				"console:7:1:7: when: expected one value, found a list", "console:7:3:1: mtch: unknown key (did you mean match?)", "console:7:4:1: name: stands in line 2 already",
				"console:7:6:9: match.methd: unknown key (did you mean method?)", "console:7:6:27: match.host: expected one value, found keys and values",
			},
		},
		{"too long", strings.Repeat("#", MaxEntryBytes+1), 0, 0, 0, []string{"console:7: has 65537 bytes"}},
		{"too deep", strings.Repeat("[", 100_000/2), 0, 0, 0, []string{"console:7:1:17: is nested deeper"}},
		{"aliases", "name: &a b\naction: *a\n", 0, 0, 0, []string{"console:7:1:7: anchors and aliases are not taken"}},
		{"not YAML", "name: [", 0, 0, 0, []string{"console:7:1:7: is not YAML"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			p, wrong := ParseEntry(bundle.Addition{ID: "7", Text: c.text})
			if len(p.Rules) != c.rules || len(p.Lists) != c.lists || len(p.Exceptions) != c.exceptions {
				t.Errorf("%d rules, %d lists, %d exceptions", len(p.Rules), len(p.Lists), len(p.Exceptions))
			}
			ok := len(wrong) == len(c.wrong)
			for i := range c.wrong {
				ok = ok && strings.HasPrefix(wrong[i].String(), c.wrong[i])
			}
			if !ok {
				t.Errorf("got\n%s\nwant\n%s", lines(wrong), strings.Join(c.wrong, "\n"))
			}
		})
	}
	if _, wrong := ParseEntry(bundle.Addition{ID: "a b", Text: "{name: a, match: {method: GET}, action: tag}"}); len(wrong) != 1 {
		t.Errorf("an id that verdicts could not carry: %v", wrong)
	}
}

// The file comes first, names are given once in both, and mistakes stand in the text of their own entry.
func TestMerge(t *testing.T) {
	file, wrong := Parse("p.yaml", []byte(`version: 1
networks: {office: [10.0.0.0/8]}
lists: [{name: odd, kind: country, values: [xx], action: block}]
rules:
  - {name: first, when: 'request.method == "DELETE"', action: block, mode: enforce}
`), nil)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	additions := []bundle.Addition{
		{ID: "1", Text: `{name: second, when: 'request.method == "DELETE"', action: block, mode: enforce}`},
		{ID: "2", Site: "acme", Text: `{name: away, when: 'not network.in("office")', action: tag, mode: enforce}`},
		{ID: "3", Site: "other", Text: `{name: away, when: 'true', action: tag, mode: enforce}`},
		{ID: "4", Text: `{name: bad, kind: address, values: [192.0.2.66], action: block}`},
		{ID: "5", Text: `{finding: wire.nul, match: {endpoint: /a}, owner: ana, until: 2027-01-31}`},
	}
	merged, wrong := MergeAdditions(file, "acme", additions)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	if len(file.Rules) != 1 || len(file.Lists) != 1 || len(merged.Rules) != 3 || len(merged.Lists) != 2 || len(merged.Exceptions) != 1 {
		t.Fatalf("file %+v, merged %+v", file, merged)
	}
	p, wrong := Compile(&merged)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	origins := Origins(&merged)
	for _, c := range []struct {
		name         string
		change       func(*Facts)
		rule, origin string
	}{
		{"both ask for the same", func(f *Facts) { f.Exchange.Method = []byte("DELETE") }, "first", "p.yaml:5:5"},
		{"the console alone", func(*Facts) {}, "console:2 away", "console:2"},
		{"a list of the file", func(f *Facts) { f.Client.Place.Country = [2]byte{'X', 'X'} }, "list:odd", "p.yaml:3:9"},
		{"a list of the console", func(f *Facts) { f.Client.Addr = netip.MustParseAddr("192.0.2.66") }, "console:4 list:bad", "console:4"},
	} {
		f := facts()
		c.change(f)
		var v Verdict
		if p.Decide(f, nil, &v); v.Rule != c.rule || origins[v.Rule].String() != c.origin {
			t.Errorf("%s: rule %q of %q, want %q of %q", c.name, v.Rule, origins[v.Rule], c.rule, c.origin)
		}
		id, name, ok := FromConsole(v.Rule)
		if console := strings.HasPrefix(c.rule, "console:"); ok != console || ok && origins[v.Rule].Console != id || ok && name == "" {
			t.Errorf("%s: id %q, name %q, %v", c.name, id, name, ok)
		}
	}
	merged, wrong = MergeAdditions(file, "acme", append(additions,
		bundle.Addition{ID: "8", Text: "name: first\nwhen: endpoint.colour == 1\naction: block\n"},
		bundle.Addition{ID: "9", Text: "name: net\nwhen: 'network.in(\"ofice\")'\naction: explode\nmode: watching"}))
	_, more := Compile(&merged)
	got := append(wrong, more...)
	want := []string{"console:8:1:7: name: a second rule", "console:8:2:", "console:9:2:7: when: no network", "console:9:3:9: action: action", "console:9:4:7: mode: mode"}
	for _, w := range want {
		if !slices.ContainsFunc(got, func(m Mistake) bool { return strings.HasPrefix(m.String(), w) }) {
			t.Errorf("missing %s in\n%s", w, lines(got))
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d mistakes, want %d:\n%s", len(got), len(want), lines(got))
	}
}

func TestVerdictOfAConsoleRule(t *testing.T) {
	entry, _ := ParseEntry(bundle.Addition{ID: "12", Text: `{name: no deletion, match: {method: DELETE}, action: block, mode: watch}`})
	merged := Merge(bundle.Policy{}, entry)
	p, wrong := Compile(&merged)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	f := facts()
	f.Exchange.Method = []byte("DELETE")
	var v Verdict
	if p.Decide(f, nil, &v); v != (Verdict{Would: action.Block, WouldRule: "console:12 no deletion"}) {
		t.Errorf("%+v", v)
	}
}

func FuzzParseEntry(f *testing.F) {
	for _, s := range []string{"name: a\nwhen: 'true'\naction: block", "- {finding: wire.nul, until: 2027-01-31}", "{kind: asn, values: [1, x]}", "a: &b *b", "? a\n: b"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a := bundle.Addition{ID: "1", Text: text}
		_, wrong := ParseEntry(a)
		if len(Faults(wrong)) > 0 {
			return
		}
		merged, _ := MergeAdditions(bundle.Policy{}, "acme", []bundle.Addition{a})
		p, wrong := Compile(&merged)
		for _, m := range wrong {
			if m.Source != SourceOf("1") || m.Line == 0 {
				t.Errorf("a mistake without its place: %s", m)
			}
		}
		if p != nil {
			p.Decide(facts(), nil, new(Verdict))
		}
	})
}
