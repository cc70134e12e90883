package admin

import (
	"context"
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
	Event
	Stages   []StoryStage
	Timeline []StoryMoment
	// Places are where values were observed, without the values.
	Places []StoryPlace
	// PrincipalToken and SessionToken name them in filters and blocks, whatever is shown for them; empty for none.
	PrincipalToken, SessionToken string
	// Credentials are the kinds that came with it; Carrier is the one that named the principal.
	Credentials []string
	Carrier     string
	// Line is the event as an exchange line, and Gaps what a replay of it cannot judge again.
	Line []byte
	Gaps []replay.Undecided
	// SameActor and SameEndpoint are what else happened within RelatedSpan, the latest first.
	SameActor, SameEndpoint []Event
}

// RelatedSpan is how far around an event related ones are looked for.
const RelatedSpan = 5 * time.Minute

const maxRelated = 8

// StoryStage is one stage of the pipeline.
type StoryStage struct {
	Name     string
	Facts    []StoryFact
	Findings []StoryFinding
	// Undecided says why a replay cannot judge this stage again; empty when it can.
	Undecided string
}

// StoryFact is something that a stage saw or did. Filter and Value, unless empty, select the events that share it.
type StoryFact struct{ Name, Text, Filter, Value string }

// StoryFinding is a finding as a verdict line has it.
type StoryFinding struct {
	ID       string   `json:"id"`
	Classes  []string `json:"classes"`
	Severity string   `json:"severity"`
	Score    float64  `json:"score"`
	Where    string   `json:"where"`
	Evidence string   `json:"evidence"`
	Why      string   `json:"why"`
}

// StoryMoment is a point on the exchange's way, so long after it arrived.
type StoryMoment struct {
	Name  string
	After time.Duration
}

// StoryPlace is a place and what stood there.
type StoryPlace struct {
	Where, Kind string
	Classes     []string
	Sensitive   bool
	Answer      bool // of the response
}

// EventStory explains one event.
func (a *Admin) EventStory(ctx context.Context, c Caller, id string) (Story, error) {
	row, err := a.eventRow(ctx, c, id)
	if err != nil {
		return Story{}, err
	}
	s := Story{Event: eventOf(&row), Gaps: replay.Gaps(&row), Credentials: row.Detail.Credentials.Names()}
	if p := row.Detail.Principal; p.Token != 0 {
		s.PrincipalToken, s.Carrier = event.TokenText(p.Token), p.Carrier.String()
	} else if token, ok := strings.CutPrefix(row.Actor, identity.ActorPrincipal.String()+":"); ok {
		s.PrincipalToken = token
	}
	if t := row.Detail.Session.Token; t != 0 {
		s.SessionToken = event.TokenText(t)
	}
	s.stages(&row)
	s.timeline(&row)
	s.places(row.Shape)
	if s.Line, err = replay.Line(&row, s.Event.Append(nil)); err != nil {
		return Story{}, err
	}
	near := EventQuery{From: row.Time.Add(-RelatedSpan), To: row.Time.Add(RelatedSpan), Limit: maxRelated + 1}
	actor, endpoint := near, near
	actor.Actor, endpoint.Endpoint = row.Actor, row.Endpoint
	if row.Actor != "" {
		if s.SameActor, err = a.related(ctx, c, actor, id); err != nil {
			return Story{}, err
		}
	}
	if row.Endpoint != 0 {
		endpoint.Notable = true
		if s.SameEndpoint, err = a.related(ctx, c, endpoint, id); err != nil {
			return Story{}, err
		}
	}
	return s, nil
}

func (a *Admin) related(ctx context.Context, c Caller, q EventQuery, id string) (out []Event, err error) {
	found, err := a.Events(ctx, c, q)
	for _, e := range found {
		if e.ID != id && len(out) < maxRelated {
			out = append(out, e)
		}
	}
	return out, err
}

// ExchangeLine is an event as an exchange line that `merlon inspect --event` replays.
func (a *Admin) ExchangeLine(ctx context.Context, c Caller, id string) ([]byte, error) {
	row, err := a.eventRow(ctx, c, id)
	if err != nil {
		return nil, err
	}
	e := eventOf(&row)
	return replay.Line(&row, e.Append(nil))
}

// pipeline is the order of the stages. The last two always appear, the first three where anything is known of them; the
// others where they found something.
func pipeline() []string {
	return []string{"identify", "walk", "access", "contract", "payload", "behaviour", "policy", "action"}
}

func (s *Story) stages(row *store.Event) {
	all := make(map[string]*StoryStage)
	for _, name := range pipeline() {
		all[name] = &StoryStage{Name: name}
	}
	identifyFacts(all["identify"], row)
	walkFacts(all["walk"], row)
	payloadFacts(all["payload"], row)
	policyFacts(all["policy"], row)
	actionFacts(all["action"], row)
	var found []StoryFinding
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

func (st *StoryStage) fact(name, text, filter, value string) {
	if text != "" {
		st.Facts = append(st.Facts, StoryFact{name, text, filter, value})
	}
}

func identifyFacts(st *StoryStage, row *store.Event) {
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

func walkFacts(st *StoryStage, row *store.Event) {
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

func payloadFacts(st *StoryStage, row *store.Event) {
	if d := &row.Detail; d.Known() {
		switch {
		case !d.Observed.Has(exchange.SawWire):
			st.fact("On the wire", "the bytes as they were sent cannot be seen by this source", "", "")
		case d.Anomalies == 0:
			st.fact("On the wire", "nothing departs from the standards", "", "")
		default:
			st.fact("On the wire", fmt.Sprintf("%d departures from the standards", d.Anomalies.Len()), "", "")
		}
	}
}

func policyFacts(st *StoryStage, row *store.Event) {
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

func actionFacts(st *StoryStage, row *store.Event) {
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
	s.Timeline = append(s.Timeline, StoryMoment{"Arrived", 0})
	switch {
	case d.OwnStatus != 0:
		s.Timeline = append(s.Timeline, StoryMoment{"Judged and answered by Merlon", max(added, latency)})
	case added > 0:
		// What Merlon adds stands on both sides of the upstream; how it is shared among them is not measured.
		s.Timeline = append(s.Timeline, StoryMoment{"Judged, and sent on", added / 2}, StoryMoment{"The upstream answered", added/2 + latency}, StoryMoment{"Answer judged, and passed on", added + latency})
	default:
		s.Timeline = append(s.Timeline, StoryMoment{"The upstream answered", latency})
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
		one := StoryPlace{Where: where, Kind: kindName(p.Kind), Sensitive: set.Sensitive() || p.Secret, Answer: p.Part >= exchange.InResponseHeader}
		if set != 0 {
			one.Classes = strings.Split(set.String(), ",")
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
