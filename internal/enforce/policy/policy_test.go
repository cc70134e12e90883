package policy

import (
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"merlon/internal/enforce/action"
	"merlon/internal/model/bundle"
	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
	"merlon/internal/model/identity"
)

const sample = `
version: 1
modes: {default: watch, wire: enforce, payload.noise: off, payload.bad: enforce}
networks: {office: [10.0.0.0/8, 192.0.2.7]}
lists:
  - {name: blocked, kind: address, file: blocked.txt, action: block}
  - {name: odd, kind: country, values: [xx], action: tag, mode: enforce}
rules:
  - name: billing writes from the office only
    when: 'endpoint.label == "billing" and endpoint.access == "write" and not network.in("office")'
    action: block
    mode: enforce
  - {name: old clients, when: 'request.header("User-Agent") startsWith "Old/"', action: tag, mode: enforce}
  - {name: watch v1, match: {endpoint: "GET /v1/patients"}, action: block}
  - {name: login pace, match: {purpose: login}, limit: {by: fingerprint, rate: 10/m}}
contract: {unknown_endpoint: watch}
exceptions: [{finding: wire.obs-fold, match: {endpoint: "POST /visits"}, owner: ana@acme.example, until: 2027-01-31, why: "client 2.3"}]
`

func compile(t *testing.T, text string) *Policy {
	t.Helper()
	in, mistakes := Parse("p.yaml", []byte(text), func(path string) ([]byte, error) {
		if path == "blocked.txt" {
			return []byte("# bad\n198.51.100.7\n203.0.113.0/24 ; net\n\n2001:db8::/32\n"), nil
		}
		return nil, os.ErrNotExist
	})
	if f := Faults(mistakes); len(f) > 0 {
		t.Fatal(f)
	}
	p, mistakes := Compile(&in)
	if f := Faults(mistakes); len(f) > 0 {
		t.Fatal(f)
	}
	return p
}

func facts() *Facts {
	return &Facts{
		At:       time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC).UnixNano(),
		Exchange: &exchange.Exchange{Method: []byte("GET"), Path: []byte("/x"), Host: []byte("api.example")},
		Client:   identity.Client{Addr: netip.MustParseAddr("192.0.2.1")},
	}
}

func TestDecide(t *testing.T) {
	p := compile(t, sample)
	tests := []struct {
		name     string
		change   func(*Facts)
		standing []bundle.Entry
		want     Verdict
	}{
		{"silent: nothing applies", func(*Facts) {}, nil, Verdict{}},
		{"list: host", func(f *Facts) { f.Client.Addr = netip.MustParseAddr("198.51.100.7") }, nil, Verdict{Kind: action.Block, Rule: "list:blocked"}},
		{"list: prefix", func(f *Facts) { f.Client.Addr = netip.MustParseAddr("203.0.113.9") }, nil, Verdict{Kind: action.Block, Rule: "list:blocked"}},
		{"list: IPv6", func(f *Facts) { f.Client.Addr = netip.MustParseAddr("2001:db8::1") }, nil, Verdict{Kind: action.Block, Rule: "list:blocked"}},
		{"silent: neighbour of a listed host", func(f *Facts) { f.Client.Addr = netip.MustParseAddr("198.51.100.8") }, nil, Verdict{}},
		{
			"rule: outside the office", func(f *Facts) {
				f.Endpoint = Endpoint{Method: "PUT", Template: "/b", Labels: []string{"billing"}, Access: "write"}
			}, nil,
			Verdict{Kind: action.Block, Rule: "billing writes from the office only"},
		},
		{"silent: in the office", func(f *Facts) {
			f.Endpoint = Endpoint{Method: "PUT", Template: "/b", Labels: []string{"billing"}, Access: "write"}
			f.Client.Addr = netip.MustParseAddr("10.1.2.3")
		}, nil, Verdict{}},
		{"rule: tag", func(f *Facts) {
			f.Exchange.Request.Fields = []exchange.Field{{Name: []byte("user-agent"), Value: []byte("Old/1")}}
		}, nil, Verdict{Kind: action.Tag, Rule: "old clients", Tag: "old clients"}},
		{
			"rule: watch reports what it would do", func(f *Facts) { f.Endpoint = Endpoint{Method: "GET", Template: "/v1/patients"} }, nil,
			Verdict{Would: action.Block, WouldRule: "watch v1"},
		},
		{"silent: an action that cannot be carried out has no effect", func(f *Facts) { f.Endpoint.Purpose = "login" }, nil, Verdict{}},
		{"finding: stage enforces medium", func(f *Facts) {
			f.Findings = []finding.Finding{{ID: "wire.obs-fold", Stage: finding.StageWire, Severity: finding.Medium}}
		}, nil, Verdict{Kind: action.Block, Rule: "wire.obs-fold"}},
		{"silent: stage does not enforce low", func(f *Facts) {
			f.Findings = []finding.Finding{{ID: "wire.absolute-form", Stage: finding.StageWire, Severity: finding.Low}}
		}, nil, Verdict{}},
		{"finding: own id enforces low", func(f *Facts) {
			f.Findings = []finding.Finding{{ID: "payload.bad", Stage: finding.StagePayload, Severity: finding.Low}}
		}, nil, Verdict{Kind: action.Block, Rule: "payload.bad"}},
		{"silent: finding is off", func(f *Facts) {
			f.Findings = []finding.Finding{{ID: "payload.noise", Stage: finding.StagePayload, Severity: finding.Critical}}
		}, nil, Verdict{}},
		{"finding: default watches", func(f *Facts) {
			f.Findings = []finding.Finding{{ID: "payload.sqli", Stage: finding.StagePayload, Severity: finding.High}}
		}, nil, Verdict{Would: action.Block, WouldRule: "payload.sqli"}},
		{"silent: exception holds", func(f *Facts) {
			f.Endpoint = Endpoint{Method: "POST", Template: "/visits"}
			f.Findings = []finding.Finding{{ID: "wire.obs-fold", Stage: finding.StageWire, Severity: finding.Medium}}
		}, nil, Verdict{}},
		{"exception has expired", func(f *Facts) {
			f.Endpoint = Endpoint{Method: "POST", Template: "/visits"}
			f.At = time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC).UnixNano()
			f.Findings = []finding.Finding{{ID: "wire.obs-fold", Stage: finding.StageWire, Severity: finding.Medium}}
		}, nil, Verdict{Kind: action.Block, Rule: "wire.obs-fold"}},
		{
			"standing: fingerprint", func(f *Facts) { f.Client.Fingerprint = 0xabcdef },
			[]bundle.Entry{{ID: "7", Kind: bundle.ListFingerprint, Value: "0000000000abcdef", Action: "block"}},
			Verdict{Kind: action.Block, Rule: "standing:7"},
		},
		{
			"standing: endpoint id", func(f *Facts) { f.Endpoint.ID = 12 },
			[]bundle.Entry{{ID: "8", Kind: bundle.ListEndpoint, Value: "12", Action: "block"}},
			Verdict{Kind: action.Block, Rule: "standing:8"},
		},
		{"list: tag", func(f *Facts) { f.Client.Place.Country = [2]byte{'X', 'X'} }, nil, Verdict{Kind: action.Tag, Rule: "list:odd", Tag: "list:odd"}},
		{
			"standing: a prefix written as mapped IPv6", func(f *Facts) { f.Client.Addr = netip.MustParseAddr("192.0.2.77") },
			[]bundle.Entry{{ID: "m", Kind: bundle.ListAddress, Value: "::ffff:192.0.2.0/120", Action: "block"}},
			Verdict{Kind: action.Block, Rule: "standing:m"},
		},
		{"silent: standing has expired", func(f *Facts) { f.Endpoint.ID = 12 }, []bundle.Entry{{ID: "8", Kind: bundle.ListEndpoint, Value: "12", Action: "block", Until: time.Unix(1, 0)}}, Verdict{}},
		{"silent: standing of another site", func(f *Facts) { f.Endpoint.ID = 12 }, []bundle.Entry{{ID: "8", Site: "other", Kind: bundle.ListEndpoint, Value: "12", Action: "block"}}, Verdict{}},
		{"standing: address within a prefix and another entry for the same prefix", func(f *Facts) { f.Client.Addr = netip.MustParseAddr("100.64.1.1") }, []bundle.Entry{
			{ID: "a", Kind: bundle.ListAddress, Value: "100.64.0.0/10", Action: "tag", Mode: bundle.ModeWatch},
			{ID: "b", Kind: bundle.ListAddress, Value: "100.64.0.0/10", Action: "block"},
		}, Verdict{Kind: action.Block, Would: action.Tag, Rule: "standing:b", WouldRule: "standing:a"}},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			f := facts()
			tc.change(f)
			standing, mistakes := CompileStanding(tc.standing, "acme")
			if len(mistakes) > 0 {
				t.Fatal(mistakes)
			}
			var got Verdict
			if p.Decide(f, standing, &got); got != tc.want {
				t.Errorf("got %+v, want %+v", got, tc.want)
			}
		})
	}
}

func TestMistakesAreAllListedWithTheirPlace(t *testing.T) {
	const text = `version: 1
modes: {wire: maybe, nonsense: watch, foo.bar: watch, payload: }
networks: {office: [10.0.0.0/99]}
lists: [{name: a, kind: colour, values: [red], action: block}, {name: a, kind: asn, values: [x], action: explode}]
rules:
  - {name: one, when: 'endpoint.colour == 1', action: block}
  - {name: two, action: block}
  - {name: two, match: {endpoint: nowhere}, action: block}
  - {name: three, matches: {}, action: block}
exceptions: [{finding: nope, owner: "", until: soon}]
surprise: 1
`
	in, first := Parse("p.yaml", []byte(text), os.ReadFile)
	_, second := Compile(&in)
	all := ""
	for _, m := range append(first, second...) {
		all += m.String() + "\n"
	}
	for _, want := range []string{
		`p.yaml:3:21: networks.office[0]: "10.0.0.0/99" is no network`, `p.yaml:9:19: rules[3].matches: unknown key (did you mean match?)`, `p.yaml:10:48: exceptions[0].until: "soon" is no time`,
		`p.yaml:11:1: surprise: unknown key`, `modes.wire: mode "maybe" is unknown`, `modes.payload: mode "" is unknown`, `modes.nonsense: neither a stage`, `modes.foo.bar: "foo.bar" is no finding id`,
		`kind "colour" is unknown`, `action "explode" is unknown`, `a second list is called "a"`, `p.yaml:6:33: rules[0].when: endpoint has no "colour"`, `p.yaml:7:5: rules[1]: applies to everything`,
		`p.yaml:8:12: rules[2].name: a second rule`, `"nowhere" is no endpoint`, `"nope" is no finding id`, `has no match`, `has no owner`,
	} {
		if !strings.Contains(all, want) {
			t.Errorf("missing: %s", want)
		}
	}
	if t.Failed() {
		t.Log("\n" + all)
	}
}

func TestStandingIsCheckedAsListsAre(t *testing.T) {
	for name, e := range map[string]bundle.Entry{
		"action allow": {ID: "1", Kind: bundle.ListASN, Value: "1", Action: "allow"},
		"mode":         {ID: "1", Kind: bundle.ListASN, Value: "1", Action: "block", Mode: "enforced"},
		"value":        {ID: "1", Kind: bundle.ListASN, Value: "x", Action: "block"},
	} {
		if _, m := CompileStanding([]bundle.Entry{e}, "acme"); len(m) != 1 {
			t.Errorf("%s: %v", name, m)
		}
	}
}

func TestHostileFiles(t *testing.T) {
	for name, text := range map[string]string{
		"aliases":    "version: 1\nnetworks: {a: &a [10.0.0.0/8], b: *a}",
		"too large":  strings.Repeat("#", maxPolicyBytes+1),
		"not yaml":   "version: [",
		"no version": "modes: {default: watch}",
		"list file":  "version: 1\nlists: [{name: a, kind: address, file: missing.txt, action: block}]",
	} {
		if _, m := Parse("p.yaml", []byte(text), func(string) ([]byte, error) { return nil, os.ErrNotExist }); len(Faults(m)) == 0 {
			t.Errorf("%s: accepted", name)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte(sample))
	f.Add([]byte("version: 1\nrules: [{name: a, when: '1 == 1', action: tag}]"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		if len(data) > 1<<14 {
			return
		}
		in, m := Parse("f", data, func(string) ([]byte, error) { return nil, os.ErrNotExist })
		if len(Faults(m)) > 0 {
			return
		}
		if p, _ := Compile(&in); p != nil {
			p.Decide(facts(), nil, new(Verdict))
		}
	})
}

func BenchmarkDecideQuiet(b *testing.B) {
	in := bundle.Policy{}
	p, _ := Compile(&in)
	f := facts()
	var v Verdict
	b.ReportAllocs()
	for b.Loop() {
		p.Decide(f, nil, &v)
	}
}

func BenchmarkDecideOneRule(b *testing.B) {
	in := bundle.Policy{Rules: []bundle.Rule{{Name: "a", When: `endpoint.access == "write" and not network.in("10.0.0.0/8")`, Action: "block"}}}
	p, _ := Compile(&in)
	f := facts()
	var v Verdict
	b.ReportAllocs()
	for b.Loop() {
		p.Decide(f, nil, &v)
	}
}

func BenchmarkDecideMillionAddresses(b *testing.B) {
	l := bundle.List{Name: "m", Kind: bundle.ListAddress, Action: "block"}
	for i := range 1_000_000 {
		l.Values = append(l.Values, netip.AddrFrom4([4]byte{11, byte(i >> 16), byte(i >> 8), byte(i)}).String())
	}
	p, _ := Compile(&bundle.Policy{Lists: []bundle.List{l}})
	f := facts()
	var v Verdict
	b.ReportAllocs()
	for b.Loop() {
		p.Decide(f, nil, &v)
	}
}

// What an expression, a mode or an exception names and nobody knows would never be met, or always.
func TestNamesThatNobodyKnows(t *testing.T) {
	const text = `version: 1
networks: {office: [10.0.0.0/8]}
modes: {wire.nonsense: off, wire.nul: enforce, payload.whatever: watch}
lists: [{name: nobody, kind: address, values: [], action: block}]
rules:
  - {name: a, when: 'not network.in("ofice")', action: block}
  - {name: b, when: 'network.in("office") or network.in("192.0.2.0/24")', action: block}
  - {name: c, when: 'found("wire.nonsense") or found("wire.nul")', action: block}
exceptions: [{finding: wire.foo, match: {endpoint: /a}, owner: ana, until: 2027-01-31}]
`
	in, wrong := Parse("p.yaml", []byte(text), nil)
	_, more := Compile(&in)
	var all []string
	for _, m := range append(wrong, more...) {
		all = append(all, m.String())
	}
	want := []string{
		`p.yaml:3:24: modes.wire.nonsense: no finding is called "wire.nonsense"`,
		`p.yaml:4:9: lists[0]: list "nobody" is empty`,
		`p.yaml:6:21: rules[0].when: no network is called "ofice"`,
		`p.yaml:8:21: rules[2].when: no finding is called "wire.nonsense"`,
		`p.yaml:9:24: exceptions[0].finding: no finding is called "wire.foo"`,
	}
	if len(all) != len(want) {
		t.Errorf("%d mistakes, want %d", len(all), len(want))
	}
	for _, one := range want {
		if !slices.ContainsFunc(all, func(s string) bool { return strings.HasPrefix(s, one) }) {
			t.Errorf("missing: %s", one)
		}
	}
	if t.Failed() {
		t.Log(strings.Join(all, "\n"))
	}
}
