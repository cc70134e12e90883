package admintest

import (
	"context"
	"maps"
	"slices"
	"testing"

	"merlon/internal/control/admin/rules"
	"merlon/internal/enforce/policy"
	"merlon/internal/model/bundle"
)

// PolicyFile is the policy of the world's only site, acme.
const PolicyFile = `version: 1
modes: {default: watch, wire: enforce, payload: watch}
failure: {default: open}
networks: {office: [10.0.0.0/8, 192.0.2.7], partners: [198.51.100.0/24]}
lists:
  - {name: known bad, kind: address, values: [203.0.113.66, 203.0.113.67], action: block}
rules:
  - name: billing writes from the office only
    when: 'endpoint.template startsWith "/v2/billing" and endpoint.access == "write" and not network.in("office")'
    action: block
    mode: enforce
  - {name: scripted clients, when: 'client.user_agent startsWith "python-requests/"', action: tag}
exceptions:
  - {finding: wire.absolute-form, match: {endpoint: "POST /v2/appointments"}, owner: ana@acme.example, until: 2026-11-25, why: "client 2.3 sends it"}
  - {finding: wire.obs-fold, match: {purpose: health}, owner: ops@acme.example, until: 2026-11-02, why: "old probe"}
`

// desk does with policy what a core does, for one site and without traffic.
type desk struct {
	w    *World
	file bundle.Policy
	// in force
	merged bundle.Policy
	all    []bundle.Addition
	out    map[string][]policy.Mistake
	refuse error
}

func newDesk(tb testing.TB, w *World) *desk {
	tb.Helper()
	d := &desk{w: w, out: make(map[string][]policy.Mistake)}
	var wrong []policy.Mistake
	if d.file, wrong = policy.Parse("acme.policy.yaml", []byte(PolicyFile), nil); len(policy.Faults(wrong)) > 0 {
		tb.Fatal(wrong)
	}
	d.merged = d.file
	return d
}

func (d *desk) door() rules.Door {
	return rules.Door{Sites: func() []string { return []string{"acme"} }, Try: d.try, Amend: d.amend, InForce: d.inForce, LeftOut: d.leftOut}
}

func (d *desk) try(all []bundle.Addition) []policy.Mistake {
	merged, wrong := policy.MergeAdditions(d.file, "acme", all)
	_, more := policy.Compile(&merged)
	return slices.DeleteFunc(append(wrong, more...), func(m policy.Mistake) bool { return !policy.IsSource(m.Source) })
}

func (d *desk) amend(ctx context.Context) error {
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	if d.refuse != nil {
		return d.refuse
	}
	rows, err := d.w.Store.PolicyRules(ctx)
	if err != nil {
		return err
	}
	d.all = rules.Enabled(rows)
	d.merged, _ = policy.MergeAdditions(d.file, "acme", d.all)
	return nil
}

func (d *desk) inForce(site string) (bundle.Policy, bool) {
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	return d.merged, site == "acme"
}

func (d *desk) leftOut() map[string][]policy.Mistake {
	d.w.mu.Lock()
	defer d.w.mu.Unlock()
	return maps.Clone(d.out)
}

// RefuseAmend makes every change of policy fail from now on when it is put in force; nil ends that.
func (w *World) RefuseAmend(err error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.desk.refuse = err
}

// LeaveOut makes an entry of the console one that is not in force.
func (w *World) LeaveOut(id string, why ...policy.Mistake) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.desk.out[id] = why
}

// Added are the console's entries that an engine would have been told last.
func (w *World) Added() []bundle.Addition {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.desk.all
}
