package distill

import (
	"slices"
	"time"

	"merlon/internal/learn/summary"
	"merlon/internal/model/bundle"
	"merlon/internal/model/finding"
	"merlon/internal/model/inventory"
)

// newFor is how long an endpoint counts as new or changed, in event time.
const newFor = 7 * 24 * time.Hour

// historyKept bounds an endpoint's history; the oldest entries go first.
const historyKept = 50

// view is one endpoint with everything that checks and terms of risk look at.
type view struct {
	d          *distiller
	n          *draft
	born       born
	leaf       *summary.Leaf // empty for what nobody used
	backing    backing
	state      inventory.State
	confidence float64
	missing    string
	auth       posture
	access     inventory.Access
	shadow     bool
	deprecated bool
	shapes     shapes
	sensitive  []sensitiveField
	postures   []finding.Posture
}

func (d *distiller) view(n *draft, b born) *view {
	v := &view{d: d, n: n, born: b, leaf: n.merged, access: summary.AccessOf(n.method)}
	if v.leaf == nil {
		v.leaf = summary.NewLeaf()
	}
	if !used(&v.leaf.Traffic) {
		v.state = inventory.Unseen
	} else {
		v.backing = d.judge.weigh(&v.leaf.Support)
		v.state = inventory.Candidate
		if v.confidence, v.missing = ClaimEndpoint.pass(v.backing); v.confidence == 1 {
			v.state = inventory.Confirmed
		}
	}
	v.auth = authentication(&v.leaf.Credentials)
	v.deprecated = n.operation != nil && n.operation.Deprecated
	v.shadow = d.described.any && n.operation == nil && v.leaf.Traffic.Successes > 0 && !v.preflight()
	v.shapes = v.derive()
	v.sensitive = v.findSensitive()
	for _, check := range checks() {
		if p, ok := check(v); ok {
			p.Endpoint = b.id
			v.postures = append(v.postures, p)
		}
	}
	return v
}

// used tells whether some answer says that the endpoint is there: a success, or a redirect as logins of browsers get it.
// That somebody asked for it and was told no leaves a described operation an orphan.
func used(t *summary.Traffic) bool {
	return t.Successes > 0 || slices.ContainsFunc(t.Statuses, func(s summary.Status) bool { return s.Code/100 == 3 })
}

// preflight tells methods that come with a described path by themselves.
func (v *view) preflight() bool {
	return (v.n.method == "HEAD" || v.n.method == "OPTIONS") && v.d.described.documents(v.n.host, v.n.template)
}

func (v *view) endpoint() inventory.Endpoint {
	n, l := v.n, v.leaf
	e := inventory.Endpoint{
		ID: v.born.id, Site: v.d.in.State.Site, Host: n.host, Method: n.method, Template: n.template.String(),
		State: v.state, Documented: n.operation != nil, Requests: l.Traffic.Requests, Confidence: v.confidence,
		Auth: v.auth.label, Credentials: credentialNames(&l.Credentials), Access: v.access,
		Sensitive: v.sensitiveNames(), Risk: v.risk(), Callers: uint64(l.Support.Callers.Estimate() + 0.5),
	}
	if n.operation != nil {
		e.Operation = n.operation.ID
		e.Template = n.operation.Template
	}
	if l.Traffic.Seen.Seen() {
		e.FirstSeen, e.LastSeen = time.Unix(0, l.Traffic.Seen.First).UTC(), time.Unix(0, l.Traffic.Seen.Last).UTC()
	}
	if was := v.born.was; was != nil {
		e.Owner, e.Labels = was.Owner, was.Labels
		e.Purpose, e.PurposeConfidence = was.Purpose, was.PurposeConfidence
	}
	history := v.history(&e)
	e.Lifecycle = v.lifecycle(&e, history)
	e.Detail = v.detail()
	e.Detail.History = history
	return e
}

// lifecycle words, in a fixed order.
func (v *view) lifecycle(e *inventory.Endpoint, history []inventory.Change) []string {
	out := []string{}
	recent := func(t time.Time) bool { return !t.IsZero() && v.d.at.Sub(t) < newFor }
	if e.State != inventory.Unseen && recent(e.FirstSeen) {
		out = append(out, "new")
	}
	for _, c := range history {
		if c.What != firstSeen && c.What != confirmed && recent(c.At) {
			out = append(out, "changed")
			break
		}
	}
	if v.shadow {
		out = append(out, "shadow")
	}
	if e.State == inventory.Unseen {
		out = append(out, "orphan")
	}
	if v.deprecated {
		out = append(out, "deprecated")
	}
	return out
}

// Entries of the history that are no change of what the endpoint is.
const (
	firstSeen = "first seen"
	confirmed = "confirmed"
)

// history continues what was written down before with what is different now.
func (v *view) history(e *inventory.Endpoint) []inventory.Change {
	was := v.born.was
	if was == nil {
		out := []inventory.Change{}
		if e.State != inventory.Unseen {
			out = append(out, inventory.Change{At: e.FirstSeen, What: firstSeen})
		}
		if e.State == inventory.Confirmed {
			out = append(out, inventory.Change{At: v.d.at, What: confirmed})
		}
		return out
	}
	out := []inventory.Change{}
	if was.Detail != nil {
		out = append(out, was.Detail.History...)
	}
	add := func(differs bool, what string) {
		if differs {
			out = append(out, inventory.Change{At: v.d.at, What: what})
		}
	}
	add(was.State == inventory.Unseen && e.State != inventory.Unseen, firstSeen)
	add(was.State != inventory.Confirmed && e.State == inventory.Confirmed, confirmed)
	add(was.State == inventory.Confirmed && e.State == inventory.Candidate, "support withdrawn")
	add(was.Template != e.Template, "template was "+was.Template)
	add(was.Auth != e.Auth && was.Auth != inventory.AuthUnknown && was.Auth != "", "authentication was "+string(was.Auth))
	add(!was.Documented && e.Documented, "documented")
	if len(out) > historyKept {
		out = out[len(out)-historyKept:]
	}
	return out
}

// known is the endpoint as the hot path sees it.
func (v *view) known() bundle.KnownEndpoint {
	k := bundle.KnownEndpoint{
		ID: v.born.id, Host: v.n.host, Method: v.n.method, Template: v.n.template.String(), State: v.state,
		Documented: v.n.operation != nil, Access: v.access, AuthEnforced: v.auth.proves,
	}
	if v.n.operation != nil {
		k.Template = v.n.operation.Template
	}
	if was := v.born.was; was != nil {
		k.Purpose, k.Labels = was.Purpose, was.Labels
	}
	return k
}
