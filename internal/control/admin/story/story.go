// Package story explains an event stage by stage: what each saw, what it found, what policy made of it and what was done.
//
// It is plain values made from a stored row, for the dashboard and the API alike. Text in it is of the exchange's caller and
// of nobody's trust: whoever shows it escapes it.
package story

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"merlon/internal/control/admin/replay"
	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
	"merlon/internal/model/identity"
	"merlon/internal/store"
)

// Story explains an event: what each stage saw, found and did, in the order of the pipeline.
type Story struct {
	Stages   []Stage
	Timeline []Moment
	// Places are where values were observed, without the values.
	Places []Place
	// PrincipalToken and SessionToken name them in filters and blocks, whatever is shown for them; empty for none.
	PrincipalToken, SessionToken string
	// Credentials are the kinds that came with it; Carrier is the one that named the principal.
	Credentials []string
	Carrier     string
	// Gaps are what a replay cannot judge again.
	Gaps []replay.Undecided
}

// Stage is one stage of the pipeline.
type Stage struct {
	Name     string
	Facts    []Fact
	Findings []Finding
	// Undecided says why a replay cannot judge this stage again; empty when it can.
	Undecided string
}

// Fact is something that a stage saw or did. Filter and Value, unless empty, select the events that share it.
type Fact struct{ Name, Text, Filter, Value string }

// Finding is a finding as a verdict line has it.
type Finding struct {
	ID       string   `json:"id"`
	Classes  []string `json:"classes"`
	Severity string   `json:"severity"`
	Score    float64  `json:"score"`
	Where    string   `json:"where"`
	Evidence string   `json:"evidence"`
	Why      string   `json:"why"`
}

// Moment is a point on the exchange's way, so long after it arrived.
type Moment struct {
	Name  string
	After time.Duration
}

// Place is a place and what stood there.
type Place struct {
	Where, Kind string
	Classes     []string
	Sensitive   bool
	Answer      bool // of the response
}

// Of tells the story of a row.
func Of(row *store.Event) Story {
	s := Story{Gaps: replay.Gaps(row), Credentials: row.Detail.Credentials.Names()}
	if p := row.Detail.Principal; p.Token != 0 {
		s.PrincipalToken, s.Carrier = event.TokenText(p.Token), p.Carrier.String()
	} else if token, ok := strings.CutPrefix(row.Actor, identity.ActorPrincipal.String()+":"); ok {
		s.PrincipalToken = token
	}
	if t := row.Detail.Session.Token; t != 0 {
		s.SessionToken = event.TokenText(t)
	}
	s.stages(row)
	s.timeline(row)
	s.places(row.Shape)
	return s
}

// pipeline is the order of the stages. The last two always appear, the first three where anything is known of them; the
// others where they found something.
func pipeline() []string {
	return []string{"identify", "walk", "access", "contract", "payload", "behaviour", "policy", "action"}
}

func (s *Story) stages(row *store.Event) {
	all := make(map[string]*Stage)
	for _, name := range pipeline() {
		all[name] = &Stage{Name: name}
	}
	identifyFacts(all["identify"], row)
	walkFacts(all["walk"], row)
	payloadFacts(all["payload"], row)
	policyFacts(all["policy"], row)
	actionFacts(all["action"], row)
	var found []Finding
	_ = json.Unmarshal(row.Findings, &found) // stored by our own encoder; what does not read back is shown as none
	for _, f := range found {
		if _, ok := finding.ParseSeverity(f.Severity); !ok {
			f.Severity = "none"
		}
		stage, _, _ := strings.Cut(f.ID, ".")
		if stage == finding.StageWire.String() {
			stage = finding.StagePayload.String()
		}
		at := all[stage]
		if at == nil {
			at = all["policy"] // of a part that is no stage, such as the engine itself
		}
		at.Findings = append(at.Findings, f)
	}
	for _, g := range s.Gaps {
		all[g.Stage].Undecided = g.Why
	}
	for _, name := range pipeline() {
		if st := all[name]; len(st.Facts) > 0 || len(st.Findings) > 0 {
			s.Stages = append(s.Stages, *st)
		}
	}
}

func (st *Stage) fact(name, text, filter, value string) {
	if text != "" {
		st.Facts = append(st.Facts, Fact{name, text, filter, value})
	}
}

func identifyFacts(st *Stage, row *store.Event) {
	d := &row.Detail
	endpoint := "none is known that takes it"
	filter, value := "matched", "no"
	if row.Template != "" {
		endpoint, filter, value = row.Method+" "+row.Template, "endpoint", fmt.Sprint(row.Endpoint)
	}
	st.fact("Endpoint", endpoint, filter, value)
	if d.Knowledge > 0 {
		st.fact("Judged with", fmt.Sprintf("version %d of what was learned", d.Knowledge), "", "")
	}
	if d.Known() {
		if !d.Observed.Has(exchange.SawCredentials) {
			st.fact("Credentials", "cannot be seen by this source", "", "")
		} else {
			st.fact("Credentials", orNone(strings.Join(d.Credentials.Names(), ", ")), "", "")
		}
		if seen, unseen := sight(d.Observed); unseen == "" {
			st.fact("Could see", "all of the exchange", "", "")
		} else {
			st.fact("Could see", seen, "", "")
			st.fact("Could not see", unseen, "", "")
		}
	}
	who := row.Strength
	if row.Principal != "" {
		who = row.Principal + ", " + row.Strength
		if d.Principal.Token != 0 {
			who += " by its " + d.Principal.Carrier.String()
		}
	}
	st.fact("Principal", who, "strength", row.Strength)
	st.fact("Held to account as", row.Actor, "actor", row.Actor)
	if d.Link != (event.Link{}) {
		st.fact("Became", store.ActorText(d.Link.After)+": the answer gave out a session or a credential", "actor", store.ActorText(d.Link.After))
	}
}

// sight puts the observed mask into words.
func sight(o exchange.Observed) (seen, unseen string) {
	return strings.ReplaceAll(strings.Join(o.Names(), ", "), "-", " "), strings.ReplaceAll(strings.Join((exchange.SawAll&^o).Names(), ", "), "-", " ")
}

func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func walkFacts(st *Stage, row *store.Event) {
	d := &row.Detail
	if !d.Known() {
		return
	}
	body := func(kind exchange.BodyKind, size int64, walked bool, seen bool) string {
		switch {
		case !seen:
			return "cannot be seen by this source"
		case kind == exchange.BodyNone && size == 0:
			return "none"
		case walked:
			return fmt.Sprintf("%s, %d bytes, walked to its end", kind, size)
		default:
			return fmt.Sprintf("%s, %d bytes, not walked to its end: what was not met is not known to be absent", kind, size)
		}
	}
	st.fact("Request body", body(d.RequestBody, d.RequestBytes, d.RequestWalked, d.Observed.Has(exchange.SawRequestBody)), "", "")
	if d.OwnStatus != 0 {
		st.fact("Response body", "Merlon answered itself", "", "")
	} else {
		st.fact("Response body", body(d.ResponseBody, d.ResponseBytes, d.ResponseWalked, d.Observed.Has(exchange.SawResponseBody)), "", "")
	}
	in, out := 0, 0
	for i := range row.Shape {
		if row.Shape[i].Part < exchange.InResponseHeader {
			in++
		} else {
			out++
		}
	}
	st.fact("Values met", fmt.Sprintf("in %d places of the request, %d of the response", in, out), "", "")
	if row.RPC != "" {
		st.fact("Call", row.RPC, "rpc", row.RPC)
	}
}

func payloadFacts(st *Stage, row *store.Event) {
	if d := &row.Detail; d.Known() {
		switch {
		case !d.Observed.Has(exchange.SawWire):
			st.fact("On the wire", "the bytes as they were sent cannot be seen by this source", "", "")
		case d.Anomalies == 0:
			st.fact("On the wire", "nothing departs from the standards", "", "")
		default:
			n := "1 departure from the standards"
			if d.Anomalies.Len() > 1 {
				n = fmt.Sprintf("%d departures from the standards", d.Anomalies.Len())
			}
			st.fact("On the wire", n, "", "")
		}
	}
}

func policyFacts(st *Stage, row *store.Event) {
	switch {
	case row.Rule == "" && len(row.FindingIDs) == 0:
		st.fact("Decided by", "nothing: no list, rule or finding applies", "", "")
	case row.Rule == "":
		st.fact("Decided by", "nothing: what was found is below what policy acts upon, or off", "", "")
	default:
		st.fact("Decided by", row.Rule+", "+provenance(row), "rule", row.Rule)
	}
	if row.Mode == "enforce" {
		st.fact("Mode", "enforce: what it says is done", "mode", row.Mode)
	} else {
		st.fact("Mode", "watch: what it says is recorded only", "mode", row.Mode)
	}
	if row.Would != "" && row.Would != row.Action {
		st.fact("Would have done", row.Would, "would", row.Would)
	}
}

// provenance says where a deciding entry stands.
func provenance(row *store.Event) string {
	switch {
	case strings.HasPrefix(row.Rule, "standing:"):
		return "a block that somebody set"
	case strings.HasPrefix(row.Rule, "list:"):
		return "a list of the policy"
	}
	for _, id := range row.FindingIDs {
		if id == row.Rule {
			return "a finding, by its mode in the policy"
		}
	}
	if stage, _, ok := strings.Cut(row.Rule, "."); ok {
		if _, known := finding.ParseStage(stage); known {
			return "a finding, by its mode in the policy"
		}
	}
	return "a rule of the policy"
}

func actionFacts(st *Stage, row *store.Event) {
	d := &row.Detail
	done := map[string]string{"allow": "passed on", "tag": "passed on with a tag", "block": "refused"}[row.Action]
	if done == "" {
		done = row.Action
	}
	if d.Known() {
		done += ": " + outcome(d.Outcome)
	}
	st.fact("Done", done, "action", row.Action)
	switch {
	case d.OwnStatus != 0:
		st.fact("Answer", fmt.Sprintf("%d, by Merlon", d.OwnStatus), "status", fmt.Sprint(row.Status))
	case row.Status != 0:
		st.fact("Answer", fmt.Sprintf("%d, by the upstream", row.Status), "status", fmt.Sprint(row.Status))
	}
}

func outcome(o event.Outcome) string {
	switch o {
	case event.OutcomeAnswered:
		return "the upstream's answer was passed on"
	case event.OutcomeRefused:
		return "Merlon answered"
	case event.OutcomeUpstream:
		return "the upstream gave no usable answer"
	case event.OutcomeClientGone:
		return "the client went away"
	case event.OutcomeNotForwarded:
		return "it was judged out of band, after the fact"
	default:
		return "a stage failed on it"
	}
}

func (s *Story) timeline(row *store.Event) {
	d := &row.Detail
	if !d.Observed.Has(exchange.SawLatency) && row.LatencyMicros == 0 {
		return
	}
	latency, added := time.Duration(row.LatencyMicros)*time.Microsecond, time.Duration(d.AddedMicros)*time.Microsecond
	s.Timeline = append(s.Timeline, Moment{"Arrived", 0})
	switch {
	case d.OwnStatus != 0:
		s.Timeline = append(s.Timeline, Moment{"Judged and answered by Merlon", max(added, latency)})
	case added > 0:
		// What Merlon adds stands on both sides of the upstream; how it is shared among them is not measured.
		s.Timeline = append(s.Timeline, Moment{"Judged, and sent on", added / 2}, Moment{"The upstream answered", added/2 + latency}, Moment{"Answer judged, and passed on", added + latency})
	default:
		s.Timeline = append(s.Timeline, Moment{"The upstream answered", latency})
	}
}

func (s *Story) places(shape store.Shape) {
	segment := 0
	for i := range shape {
		p := &shape[i]
		where := p.Part.String()
		if p.Part == exchange.InPath {
			where += "." + fmt.Sprint(segment)
			segment++
		} else {
			where += memberPath(shape, i)
		}
		set := dataclass.Set(p.Classes)
		one := Place{Where: where, Kind: kindName(p.Kind), Sensitive: set.Sensitive() || p.Secret, Answer: p.Part >= exchange.InResponseHeader}
		if set != 0 {
			one.Classes = strings.Split(set.String(), "|")
		}
		if p.Secret {
			one.Classes = []string{"secret by its name"}
		}
		s.Places = append(s.Places, one)
	}
}

// memberPath is the way to a place from its root.
func memberPath(shape store.Shape, i int) string {
	var parts []string
	for n := 0; i >= 0 && n < 72; n++ {
		p := &shape[i]
		switch {
		case p.Name != "":
			parts = append(parts, "."+p.Name)
		case p.Parent >= 0:
			parts = append(parts, "[]")
		}
		i = p.Parent
	}
	var b strings.Builder
	for j := len(parts) - 1; j >= 0; j-- {
		b.WriteString(parts[j])
	}
	return b.String()
}

func kindName(k exchange.Kind) string {
	return [...]string{"null", "truth value", "whole number", "number", "text", "object", "list", ""}[k&7]
}
