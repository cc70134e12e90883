package policy

import (
	"strings"
	"testing"
	"time"

	"merlon/internal/model/bundle"
)

// Expired exceptions are noticed at their line; those that hold, and the last moment of one, are silent.
func TestExpired(t *testing.T) {
	in, wrong := Parse("p.yaml", []byte(`version: 1
exceptions:
  - {finding: wire.nul, match: {endpoint: /a}, owner: ana, until: 2026-01-31}
  - {finding: wire.nul, match: {endpoint: /b}, owner: ana, until: 2027-01-31}
  - finding: payload.depth
    match: {endpoint: /c}
    owner: bo
    until: 2025-06-01T12:00:00Z
`), nil)
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	entry, _ := ParseEntry(bundle.Addition{ID: "9", Text: "finding: wire.nul\nmatch: {endpoint: /d}\nowner: cy\nuntil: 2026-02-01\n"})
	in = Merge(in, entry)
	for _, c := range []struct {
		now  time.Time
		want string
	}{
		{time.Date(2025, 6, 1, 11, 59, 59, 0, time.UTC), ""},
		{time.Date(2025, 6, 1, 12, 0, 0, 0, time.UTC), "p.yaml:8:12"},
		{time.Date(2026, 1, 31, 23, 59, 59, 0, time.UTC), "p.yaml:8:12"},
		{time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC), "p.yaml:3:67 p.yaml:8:12"},
		{time.Date(2026, 2, 2, 0, 0, 0, 0, time.UTC), "console:9:4:8 p.yaml:3:67 p.yaml:8:12"},
	} {
		var got []string
		for _, m := range Expired(&in, c.now) {
			if !m.Notice || !strings.Contains(m.Message, "has expired on 202") {
				t.Errorf("%+v", m)
			}
			place, _, _ := strings.Cut(m.String(), ": ")
			got = append(got, place)
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("at %s: %v, want %s", c.now, got, c.want)
		}
	}
}

// What a stage can find is checked wholly, as soon as it is known; a stage of which nothing is known takes every id.
func TestFindingsThatNobodyMakes(t *testing.T) {
	const text = `version: 1
modes: {payload.duplicate-kye: off, payload.duplicate-key: watch, contract.type: watch, identify.unknown-hst: enforce, payloads: off}
rules: [{name: a, when: 'found("payload.dept") or found("payload.depth")', action: block}]
exceptions:
  - {finding: payload.nothing-like-it, match: {endpoint: /a}, owner: ana, until: 2027-01-31}
  - {finding: dept, match: {endpoint: /a}, owner: ana, until: 2027-01-31}
`
	in, wrong := Parse("p.yaml", []byte(text), nil)
	_, more := Compile(&in, "payload.duplicate-key", "payload.depth", "identify.unknown-host")
	got := lines(append(wrong, more...))
	want := `p.yaml:2:32: modes.payload.duplicate-kye: no finding is called "payload.duplicate-kye" (did you mean payload.duplicate-key?)
p.yaml:2:111: modes.identify.unknown-hst: no finding is called "identify.unknown-hst" (did you mean identify.unknown-host?)
p.yaml:2:130: modes.payloads: neither a stage nor a finding id (did you mean payload?)
p.yaml:3:25: rules[0].when: no finding is called "payload.dept" (did you mean payload.depth?)
p.yaml:5:15: exceptions[0].finding: no finding is called "payload.nothing-like-it" (the stage finds payload.duplicate-key, payload.depth)
p.yaml:6:15: exceptions[1].finding: "dept" is no finding id (one begins with its stage, such as wire.obs-fold or contract.type)`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	if _, more := Compile(&in); strings.Contains(lines(more), "payload.") {
		t.Errorf("without knowing what is found: %s", lines(more))
	}
}
