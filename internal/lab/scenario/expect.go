package scenario

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"merlon/internal/lab/traffic"
	"merlon/internal/model/finding"
	"merlon/internal/model/inventory"
)

// Expect is what must come out.
type Expect struct {
	// Endpoints must be there as described.
	Endpoints []Endpoint
	// Absent must not be there in any state.
	Absent []Endpoint
	// Never are path prefixes under which nothing may be confirmed.
	Never []string
	// OnlyConfirmed says that nothing is confirmed but what Endpoints lists as confirmed.
	OnlyConfirmed bool
	// Count is how many endpoints there must be in all; 0 is any number.
	Count int
	// Postures must be among the findings about endpoints; NoPostures must not be made of any endpoint.
	Postures   []Posture
	NoPostures []string
	// NoOtherPostures says that Postures lists them all, but low ones.
	NoOtherPostures bool
	// Findings must be made about labelled exchanges.
	Findings []Finding
	// FalsePositives is how many benign exchanges may have a finding above low.
	FalsePositives int
	// RefusedKinds are the labels of which every exchange must be refused; no other exchange may be.
	RefusedKinds []string
	// CatchAll lists the hosts that must be found to answer everything alike, and no others may be.
	CatchAll []string
	// Damaged is how many lines must be counted as damaged.
	Damaged uint64
	// MaxStateBytes bounds the encoded summary; 0 does not.
	MaxStateBytes int
	// Alike are variants of the scenario with the same outcome.
	Alike []Variant
}

// Endpoint is what must be known of an endpoint. Empty parts are not looked at.
type Endpoint struct {
	Host, Method, Template string
	State                  inventory.State
	Auth                   inventory.Authentication
	// Has and Not are life cycle words that must and must not be there; "new" and "changed" belong to the clock.
	Has, Not []string
	// Sensitive are classes that must be found; Clean says that none may be.
	Sensitive []string
	Clean     bool
	// Requests is the exact number of requests.
	Requests uint64
	// Credentials are the kinds that had success.
	Credentials []string
	// Parameters must be confirmed, and Doubted there and not confirmed: "query.page".
	Parameters, Doubted []string
	FirstSeen           time.Time
}

func (e Endpoint) String() string { return e.Method + " " + e.Host + e.Template }

// Posture is a finding about an endpoint.
type Posture struct {
	ID, Method, Template string
	Confirmed            bool
}

// Finding is a finding about at least AtLeast exchanges with a label of Kind.
type Finding struct {
	ID, Kind string
	AtLeast  int
}

// Variant is a change that must not show in the outcome.
type Variant struct {
	Name   string
	Change func(*Scenario)
	// Taught says that the nodes learn in between, so that callers prove themselves and supporters move from networks to
	// principals: what exists must be the same, who stands behind it may not.
	Taught bool
}

// Check lists what is not as expected.
func (r *Result) Check(x *Expect) (wrong []string) {
	say := func(format string, a ...any) { wrong = append(wrong, fmt.Sprintf(format, a...)) }
	listed := map[string]bool{}
	for _, want := range x.Endpoints {
		e, ok := r.Endpoint(want.Host, want.Method, want.Template)
		if !ok {
			say("%s is not in the inventory", want)
			continue
		}
		if want.State == inventory.Confirmed {
			listed[e.Method+" "+e.Host+e.Template] = true
		}
		want.check(e, say)
	}
	for _, want := range x.Absent {
		if e, ok := r.Endpoint(want.Host, want.Method, want.Template); ok {
			say("%s is in the inventory, %s, by %d requests", want, e.State, e.Requests)
		}
	}
	for i := range r.Output.Site.Endpoints {
		e := &r.Output.Site.Endpoints[i]
		if e.State != inventory.Confirmed {
			continue
		}
		if x.OnlyConfirmed && !listed[e.Method+" "+e.Host+e.Template] {
			say("%s %s%s is confirmed: %+v", e.Method, e.Host, e.Template, e.Detail.Support)
		}
		for _, p := range x.Never {
			if strings.HasPrefix(e.Template, p) {
				say("%s %s%s is confirmed, and nothing under %s may be: %+v", e.Method, e.Host, e.Template, p, e.Detail.Support)
			}
		}
	}
	if n := len(r.Output.Site.Endpoints); x.Count > 0 && n != x.Count {
		say("%d endpoints, want %d", n, x.Count)
	}
	if got := r.Output.Site.CatchAll; !slices.Equal(got, x.CatchAll) {
		say("hosts that answer everything alike: %v, want %v", got, x.CatchAll)
	}
	if r.Damaged != x.Damaged {
		say("%d damaged lines, want %d", r.Damaged, x.Damaged)
	}
	if n := len(r.Merged); x.MaxStateBytes > 0 && n > x.MaxStateBytes {
		say("the summary has %d bytes, more than %d", n, x.MaxStateBytes)
	}
	r.checkPostures(x, say)
	r.checkFindings(x, say)
	return wrong
}

func (e *Endpoint) check(got *inventory.Endpoint, say func(string, ...any)) {
	if e.State != "" && got.State != e.State {
		say("%s is %s, want %s (%s)", e, got.State, e.State, got.Detail.Support.Missing)
	}
	if e.Auth != "" && got.Auth != e.Auth {
		say("%s: authentication %s, want %s (%d successes with, %d without a credential)", e, got.Auth, e.Auth,
			got.Detail.SuccessesWithCredential, got.Detail.SuccessesWithoutCredential)
	}
	for _, w := range e.Has {
		if !slices.Contains(got.Lifecycle, w) {
			say("%s: life cycle %v, want %s", e, got.Lifecycle, w)
		}
	}
	for _, w := range e.Not {
		if slices.Contains(got.Lifecycle, w) {
			say("%s: life cycle %v, want no %s", e, got.Lifecycle, w)
		}
	}
	for _, c := range e.Sensitive {
		if !slices.ContainsFunc(got.Sensitive, func(s inventory.Sensitive) bool { return s.Class == c }) {
			say("%s: sensitive %v, want %s", e, got.Sensitive, c)
		}
	}
	if e.Clean && len(got.Sensitive) > 0 {
		say("%s: sensitive %v, want none", e, got.Sensitive)
	}
	if e.Requests > 0 && got.Requests != e.Requests {
		say("%s: %d requests, want %d", e, got.Requests, e.Requests)
	}
	if !e.FirstSeen.IsZero() && !got.FirstSeen.Equal(e.FirstSeen) {
		say("%s: first seen %v, want %v", e, got.FirstSeen, e.FirstSeen)
	}
	for _, p := range e.Parameters {
		if s := parameter(got, p); s != inventory.Confirmed {
			say("%s: %s is %q, want confirmed", e, p, s)
		}
	}
	for _, p := range e.Doubted {
		if s := parameter(got, p); s != inventory.Candidate {
			say("%s: %s is %q, want candidate", e, p, s)
		}
	}
	if e.Credentials != nil && !slices.Equal(got.Credentials, e.Credentials) {
		say("%s: credentials %v, want %v", e, got.Credentials, e.Credentials)
	}
}

// parameter is the state of a parameter, "" when it is not known.
func parameter(e *inventory.Endpoint, name string) inventory.State {
	for _, p := range e.Detail.Parameters {
		if p.In+"."+p.Name == name {
			return p.State
		}
	}
	return ""
}

func (r *Result) checkPostures(x *Expect, say func(string, ...any)) {
	for _, want := range x.Postures {
		e, ok := r.Endpoint("", want.Method, want.Template)
		if !ok {
			say("%s: %s %s is not in the inventory", want.ID, want.Method, want.Template)
			continue
		}
		i := slices.IndexFunc(e.Detail.Postures, func(p finding.Posture) bool { return p.ID == want.ID })
		switch {
		case i < 0:
			say("%s %s: no %s", want.Method, want.Template, want.ID)
		case want.Confirmed && !e.Detail.Postures[i].Confirmed:
			say("%s %s: %s is not confirmed", want.Method, want.Template, want.ID)
		}
	}
	for _, p := range r.Output.Postures {
		if x.NoOtherPostures && p.Severity > finding.Low {
			e, _ := r.Inventory.Endpoint(p.Endpoint)
			if !slices.ContainsFunc(x.Postures, func(w Posture) bool { return w.ID == p.ID && w.Method == e.Method && w.Template == e.Template }) {
				say("%s is said of %s %s: %s", p.ID, e.Method, e.Template, p.Why)
			}
		}
		if slices.Contains(x.NoPostures, p.ID) {
			e, _ := r.Inventory.Endpoint(p.Endpoint)
			say("%s is said of %s %s: %s", p.ID, e.Method, e.Template, p.Why)
		}
	}
}

func (r *Result) checkFindings(x *Expect, say func(string, ...any)) {
	for _, want := range x.Findings {
		n := 0
		for i := range r.Judged {
			j := &r.Judged[i]
			if j.Label.Kind == want.Kind && slices.ContainsFunc(j.Findings, func(f finding.Finding) bool { return f.ID == want.ID }) {
				n++
			}
		}
		if n < want.AtLeast {
			say("%s is found in %d exchanges of %s, want %d", want.ID, n, want.Kind, want.AtLeast)
		}
	}
	if fp := r.FalsePositives(); len(fp) > x.FalsePositives {
		say("%d false positives in %d benign exchanges, at most %d are allowed; the first: %s %s: %+v", len(fp), r.Benign, x.FalsePositives,
			fp[0].Method, fp[0].Target, fp[0].Findings)
	}
	refused := 0
	for i := range r.Judged {
		if j := &r.Judged[i]; j.Refused {
			refused++
			if !slices.Contains(x.RefusedKinds, j.Label.Kind) {
				say("%s %s by %s (%s) is refused", j.Method, j.Target, j.Label.Actor, j.Label.Kind)
			}
		}
	}
	if want := r.kinds(x.RefusedKinds); refused < want {
		say("%d exchanges are refused, want all %d of %v", refused, want, x.RefusedKinds)
	}
}

// FalsePositives are the benign exchanges with a finding above low.
func (r *Result) FalsePositives() (out []*Judged) {
	for i := range r.Judged {
		j := &r.Judged[i]
		if j.Label.Kind == traffic.Benign && slices.ContainsFunc(j.Findings, func(f finding.Finding) bool { return f.Severity > finding.Low }) {
			out = append(out, j)
		}
	}
	return out
}

// kinds counts the exchanges with one of the labels.
func (r *Result) kinds(of []string) (n int) {
	for _, k := range of {
		n += r.Kinds[k]
	}
	return n
}
