package rules_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/admintest"
	"merlon/internal/control/admin/rules"
	"merlon/internal/enforce/policy"
	"merlon/internal/model/account"
	"merlon/internal/model/bundle"
	"merlon/internal/model/exchange"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
	"merlon/internal/store"
)

const hostile = "<script>alert(1)</script>\u202e'\"\\ {x: y} #"

func TestCompose(t *testing.T) {
	for _, d := range []rules.Draft{
		{Name: "no deletion", Method: "DELETE", Action: "block", Mode: "watch"},
		{Name: hostile, Endpoint: "POST /orders/{id}", Purpose: "on", Label: "yes", Host: hostile, When: `request.header("a") == "b" and not network.in("office")`, Action: "tag", Mode: "enforce", Why: "a\nb: c"},
		{Name: "it's", When: `client.user_agent contains 'x'`, Action: "block", Mode: "watch"},
		{Name: "123", Label: "1.5", Action: "block", Mode: "watch"},
	} {
		p, wrong := policy.ParseEntry(bundle.Addition{ID: "1", Text: d.Compose()})
		if len(wrong) > 0 || len(p.Rules) != 1 {
			t.Errorf("%s\n%v", d.Compose(), wrong)
			continue
		}
		r := p.Rules[0]
		want := bundle.Match{Endpoint: d.Endpoint, Purpose: d.Purpose, Label: d.Label, Method: d.Method, Host: d.Host}
		if r.Name != d.Name || r.Match != want || r.When != d.When || r.Action != d.Action || r.Mode != d.Mode {
			t.Errorf("%+v became %+v", d, r)
		}
	}
}

func FuzzCompose(f *testing.F) {
	f.Add("a", "GET /x", "true")
	f.Add(hostile, "\x00", "\n'\"")
	f.Fuzz(func(t *testing.T, name, endpoint, why string) {
		text := rules.Draft{Name: name, Endpoint: endpoint, Action: "block", Mode: "watch", Why: why}.Compose()
		p, wrong := policy.ParseEntry(bundle.Addition{ID: "1", Text: text})
		if len(p.Lists)+len(p.Exceptions) > 0 || len(p.Rules) == 1 && (p.Rules[0].Action != "block" || p.Rules[0].Mode != "watch") {
			t.Fatalf("%q became something else: %+v %v", text, p, wrong)
		}
	})
}

func TestWithMode(t *testing.T) {
	for _, c := range []struct{ name, text, want string }{
		{"there already", "name: a\nmethod: x\n", ""},
		{"block", "name: a\nwhen: 'true'\naction: block\nmode: watch # for now\n", "name: a\nwhen: 'true'\naction: block\nmode: enforce # for now\n"},
		{"none", "name: a\nwhen: 'true'\naction: block", "name: a\nwhen: 'true'\naction: block\nmode: enforce\n"},
		{"quoted", "name: a\nwhen: 'true'\nmode: \"watch\"\naction: block\n", "name: a\nwhen: 'true'\nmode: enforce\naction: block\n"},
		{"dash", "# why\n- name: é mode\n  when: 'true'\n  action: block\n", "# why\n- name: é mode\n  when: 'true'\n  action: block\n  mode: enforce\n"},
		{"braces", "{name: a, when: 'true', action: block}", "{name: a, when: 'true', action: block, mode: enforce}\n"},
		{"braces with mode", "{name: a, when: 'true', mode: watch, action: block}", "{name: a, when: 'true', mode: enforce, action: block}"},
		{"list", "{name: l, kind: country, values: [XX], action: block}", "{name: l, kind: country, values: [XX], action: block, mode: enforce}\n"},
		{"exception", "{finding: wire.obs-fold, owner: a, until: 2027-01-01, why: b}", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := rules.WithMode(c.text, bundle.ModeEnforce)
			if (err != nil) != (c.want == "") || err == nil && got != c.want {
				t.Errorf("%q, %v; want %q", got, err, c.want)
			}
		})
	}
}

func judge(t *testing.T, text string) *rules.Judge {
	t.Helper()
	p, wrong := policy.ParseEntry(bundle.Addition{ID: "1", Text: text})
	if len(wrong) > 0 {
		t.Fatal(wrong)
	}
	j, ok := rules.NewJudge(&p, nil)
	if !ok {
		t.Fatalf("%s cannot be asked", text)
	}
	return j
}

func TestJudge(t *testing.T) {
	row := store.Event{
		Time: time.Unix(1e9, 0), Method: "POST", Host: "api.acme.example", Template: "/v2/visits/{id}", Endpoint: 7, Address: "192.0.2.7", Country: "DE", ASN: 64500,
		UserAgent: "curl/8", Fingerprint: "00000000000000ff", FindingIDs: []string{"wire.obs-fold"},
		Detail: store.EventDetail{Observed: exchange.SawAll, Principal: identity.Principal{Token: 0xabc, Strength: identity.Verified}},
	}
	log := row // an access log: nobody saw credentials
	log.Detail = store.EventDetail{Observed: exchange.SawRequestLine | exchange.SawStatus}
	e := &inventory.Endpoint{ID: 7, Purpose: "visits", Labels: []string{"phi"}, Access: inventory.Write, State: inventory.Confirmed}
	when := func(s string) string { return "name: x\naction: tag\nwhen: '" + s + "'\n" }
	for _, c := range []struct {
		name, text string
		row        store.Event
		want       rules.Answer
	}{
		{"method", "{name: x, match: {method: POST}, action: block}", row, rules.Yes},
		{"another method", "{name: x, match: {method: GET}, action: allow}", row, rules.No},
		{"label of today", "{name: x, match: {label: phi, endpoint: 'POST /v2/visits/{id}'}, action: block}", row, rules.Yes},
		{"off is asked too", "{name: x, match: {method: POST}, action: block, mode: off}", row, rules.Yes},
		{"finding", when(`found("wire.obs-fold")`), row, rules.Yes},
		{"a finding alone makes no match", when(`endpoint.access == "read"`), row, rules.No},
		{"agent by header", when(`request.header("User-Agent") startsWith "curl"`), row, rules.Yes},
		{"another header", when(`request.header("X-A") == "1"`), row, rules.Undecided},
		{"path of a parameter", when(`request.path startsWith "/v2"`), row, rules.Undecided},
		{"no, whatever the path", when(`request.path startsWith "/v2" and network.country == "FR"`), row, rules.No},
		{"yes, whatever the path", when(`request.path startsWith "/v2" or network.country == "DE"`), row, rules.Yes},
		{"selector says no, whatever the path", "name: x\naction: tag\nmatch: {method: GET}\nwhen: 'request.path == \"/\"'\n", row, rules.No},
		{"principal", when(`principal.strength == "verified"`), row, rules.Yes},
		{"principal that nobody saw", when(`principal.strength == "anonymous"`), log, rules.Undecided},
		{"list", "{name: x, kind: address, values: [192.0.2.0/24], action: block, mode: watch}", row, rules.Yes},
		{"list of principals", "{name: x, kind: principal, values: ['0000000000000abc'], action: block}", row, rules.Yes},
		{"list of principals that nobody saw", "{name: x, kind: principal, values: ['0000000000000abc'], action: block}", log, rules.Undecided},
		{"list of others", "{name: x, kind: country, values: [FR], action: block}", row, rules.No},
		{"exception", "{finding: wire.obs-fold, match: {method: POST}, owner: a, until: 2027-01-01, why: b}", row, rules.Yes},
		{"exception for another", "{finding: wire.obs-fold, match: {method: GET}, owner: a, until: 2027-01-01, why: b}", row, rules.No},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, unseen := judge(t, c.text).Ask(&c.row, e)
			if got != c.want || (got == rules.Undecided) != (len(unseen) > 0) {
				t.Errorf("%d (%v), want %d", got, unseen, c.want)
			}
		})
	}
}

func as(role account.Role, sites ...string) admin.Caller {
	return admin.Caller{Name: "a-" + string(role), Role: role, Sites: sites}
}

func TestUseCases(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 20)
	ctx, a, sec := t.Context(), w.Admin, as(account.Security)
	put := func(in rules.RuleEntry) rules.Entry {
		t.Helper()
		e, err := a.PutRule(ctx, sec, in)
		if err != nil {
			t.Fatal(err)
		}
		return e
	}
	text := "name: no deletion\nmatch: {method: DELETE}\naction: block\nmode: watch\n"
	e := put(rules.RuleEntry{Site: "acme", Text: text, Why: "CHG-1"})
	if got := w.Added(); len(got) != 1 || got[0].Text != text || got[0].ID != e.ID {
		t.Fatalf("in force: %+v", got)
	}
	s, err := a.Policy(ctx, sec, "acme")
	if err != nil || len(s.Rules) != 3 || s.Rules[2].Console != e.ID || s.Rules[0].Origin != "acme.policy.yaml:8:5" || s.Rules[1].ModeFrom != "modes.default" ||
		!s.Exceptions[0].Soon || !s.Exceptions[1].Expired || s.Exceptions[0].Expired {
		t.Errorf("%+v, %v", s, err)
	}
	// What does not hold is refused with its place, and changes nothing.
	for _, c := range []struct{ name, text, want string }{
		{"name of the file's", "name: scripted clients\nmatch: {method: GET}\naction: block\n", "a second rule"},
		{"expression", "name: x\nwhen: 'endpoint.colour == 1'\naction: block\n", ":2:"},
		{"action", "name: x\nmatch: {method: GET}\naction: explode\n", ":3:9: action"},
		{"not YAML", "name: [", ""},
		{"two", "- {name: x, match: {method: GET}, action: block}\n- {name: y, match: {method: GET}, action: block}\n", "several"},
	} {
		_, err := a.PutRule(ctx, sec, rules.RuleEntry{Site: "acme", Text: c.text})
		var wrong *rules.MistakesError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	if _, err := a.PutRule(ctx, sec, rules.RuleEntry{Site: "elsewhere", Text: text}); err == nil {
		t.Error("a site that is none")
	}
	// A change of one that makes another fail is refused too.
	other := put(rules.RuleEntry{Text: "name: second\nmatch: {method: PUT}\naction: block\n"})
	if _, err := a.PutRule(ctx, sec, rules.RuleEntry{ID: e.ID, Site: "acme", Text: strings.Replace(text, "no deletion", "second", 1)}); err == nil {
		t.Error("two of one name")
	}
	if got := w.Added(); len(got) != 2 || got[0].Text != text {
		t.Errorf("in force: %+v", got)
	}
	// What cannot be put in force is not stored.
	w.RefuseAmend(errors.New("the file changed meanwhile"))
	if err := a.RemoveRule(ctx, sec, e.ID); err == nil {
		t.Error("removed")
	}
	w.RefuseAmend(nil)
	if all, err := a.Rules(ctx, sec); err != nil || len(all) != 2 || all[0].ID != e.ID || all[0].Why != "CHG-1" || all[0].By != sec.Name {
		t.Errorf("%+v, %v", all, err)
	}
	if err := errors.Join(a.SetRuleMode(ctx, sec, e.ID, bundle.ModeEnforce), a.SwitchRule(ctx, sec, other.ID, false)); err != nil {
		t.Fatal(err)
	}
	if got := w.Added(); len(got) != 1 || !strings.Contains(got[0].Text, "mode: enforce") {
		t.Errorf("in force: %+v", got)
	}
	if err := errors.Join(a.SwitchRule(ctx, sec, other.ID, true), a.RemoveRule(ctx, sec, e.ID)); err != nil {
		t.Fatal(err)
	}
	if err := a.RemoveRule(ctx, sec, e.ID); !errors.Is(err, admin.ErrNotFound) {
		t.Errorf("removed twice: %v", err)
	}
	w.LeaveOut(other.ID, policy.Mistake{Source: policy.SourceOf(other.ID), Message: "no longer holds"})
	if got, err := a.Rule(ctx, sec, other.ID); err != nil || !got.Out || got.Mistakes[0].Message != "no longer holds" {
		t.Errorf("%+v, %v", got, err)
	}
	var said []string
	page, err := a.Audit(ctx, as(account.Admin), admin.AuditQuery{Limit: 50})
	if err != nil {
		t.Fatal(err)
	}
	for _, x := range page {
		if strings.HasPrefix(x.Action, "policy.") {
			said = append(said, x.Action+" "+x.Target+" "+x.Detail)
		}
	}
	all := strings.Join(said, "\n")
	if len(said) != 8 { // 3 puts and changes, 2 switches, 1 removal and what was taken back
		t.Errorf("%d entries:\n%s", len(said), all)
	}
	for _, want := range []string{"CHG-1", `mode "watch" to "enforce"`, "switched off", "switched on", "policy.restore rule no deletion", "policy.remove rule no deletion"} {
		if !strings.Contains(all, want) {
			t.Errorf("the audit log does not say %q:\n%s", want, all)
		}
	}
}

func TestTrial(t *testing.T) {
	w := admintest.New(t)
	w.Fill(t, 20)
	got, err := w.Admin.TryRule(t.Context(), as(account.Security), rules.RuleEntry{Text: "name: x\nmatch: {method: GET}\naction: block\n"})
	if err != nil || !got.All || got.Looked != 200 || got.Matched == 0 || got.Matched == 200 || got.Undecided != 0 || len(got.Addresses) != rules.MostShown || got.Addresses[0].Count < got.Addresses[7].Count || len(got.Latest) != rules.MostShown {
		t.Errorf("%+v, %v", got, err)
	}
	got, err = w.Admin.TryRule(t.Context(), as(account.Security), rules.RuleEntry{Text: "name: x\nmatch: {method: GET}\nwhen: 'request.query contains \"debug\"'\naction: block\n"})
	if err != nil || got.Matched != 0 || got.Undecided == 0 || got.Unseen[0] != "request.query" {
		t.Errorf("%+v, %v", got, err)
	}
	if len(w.Added()) != 0 {
		t.Error("a trial changed what is in force")
	}
	if _, err := w.Admin.TryRule(t.Context(), as(account.Security), rules.RuleEntry{Text: "name: x\naction: explode\n"}); err == nil {
		t.Error("a trial of what is wrong")
	}
}

func TestPermissions(t *testing.T) {
	w := admintest.New(t)
	ctx, a := t.Context(), w.Admin
	text := "{name: x, match: {method: GET}, action: block}"
	in := rules.RuleEntry{Site: "acme", Text: text}
	e, err := a.PutRule(ctx, as(account.Admin), in)
	if err != nil {
		t.Fatal(err)
	}
	change := map[string]func(admin.Caller) error{
		"put":    func(c admin.Caller) error { _, err := a.PutRule(ctx, c, in); return err },
		"check":  func(c admin.Caller) error { _, err := a.CheckRule(ctx, c, in); return err },
		"try":    func(c admin.Caller) error { _, err := a.TryRule(ctx, c, in); return err },
		"switch": func(c admin.Caller) error { return a.SwitchRule(ctx, c, e.ID, false) },
		"mode":   func(c admin.Caller) error { return a.SetRuleMode(ctx, c, e.ID, "watch") },
		"remove": func(c admin.Caller) error { return a.RemoveRule(ctx, c, e.ID) },
	}
	for name, do := range change {
		for _, role := range []account.Role{account.Viewer, account.Developer, account.Operations} {
			if err := do(as(role)); !errors.Is(err, admin.ErrForbidden) {
				t.Errorf("%s as %s: %v", name, role, err)
			}
		}
		if err := do(admin.Caller{}); !errors.Is(err, admin.ErrSignIn) {
			t.Errorf("%s as nobody: %v", name, err)
		}
		if err := do(as(account.Security, "labs")); err == nil {
			t.Errorf("%s by a token for another site", name)
		}
	}
	if _, err := a.PutRule(ctx, as(account.Security, "acme"), rules.RuleEntry{Text: text}); !errors.Is(err, admin.ErrSite) {
		t.Errorf("a token for a site wrote for all of them: %v", err)
	}
	if _, err := a.Policy(ctx, as(account.Viewer), "acme"); !errors.Is(err, admin.ErrForbidden) {
		t.Errorf("a viewer saw policy: %v", err)
	}
	if all, err := a.Rules(ctx, as(account.Developer, "labs")); err != nil || len(all) != 0 {
		t.Errorf("a token for another site saw %v, %v", all, err)
	}
}
