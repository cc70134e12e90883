package engine

import (
	"fmt"
	"runtime/debug"

	"merlon/internal/enforce/action"
	"merlon/internal/enforce/policy"
	"merlon/internal/inspect/identify"
	"merlon/internal/inspect/payload"
	"merlon/internal/inspect/walk"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/finding"
	"merlon/internal/model/identity"
)

// Transaction is one exchange on its way through the stages. It belongs to one goroutine from Begin to Close, after
// which nothing that points into its Exchange may be used: the memory is another exchange's.
type Transaction struct {
	// Exchange is filled by the edge: the request before Request, the answer before Response.
	Exchange exchange.Exchange

	engine   *Engine
	snapshot *Snapshot
	site     *site
	id       event.ID
	walker   *walk.Walker
	facts    policy.Facts
	who      identify.Who
	route    *identify.Route
	link     event.Link
	verdict  policy.Verdict
	findings []finding.Finding
	look     payload.Input
	told     exchange.Anomalies // what the request's findings are about already
	judged   bool
	answered bool // the answer is being judged, or was
	failed   bool // a stage that fails closed has failed on the request
	recall   *Recall
	path     []byte // scratch of the cleaned path
	host     []byte // scratch of the lower-case host
}

func newTransaction(e *Engine) *Transaction {
	return &Transaction{engine: e, walker: walk.New(e.shared)}
}

// Begin starts the transaction of a request that arrived at the given time (Unix nanoseconds). The edge may overwrite
// Exchange.At when the exchange happened at another time.
func (e *Engine) Begin(arrived int64) *Transaction {
	t := e.pool.Get().(*Transaction)
	t.snapshot = e.snapshot.Load()
	t.id = e.o.Namer.Name(arrived)
	x := &t.Exchange
	x.At, x.Arrived, x.Node = arrived, arrived, e.o.Node
	return t
}

// ID names the transaction's event.
func (t *Transaction) ID() event.ID { return t.id }

// TrustedHops is how many proxies in front of this one the exchange's site believes; 0 before Request.
func (t *Transaction) TrustedHops() int {
	if t.site == nil {
		return 0
	}
	return t.site.hops
}

// Request judges the request and says what to do.
func (t *Transaction) Request() action.Reply {
	if t.judged {
		return t.reply()
	}
	t.judged = true
	t.place()
	if t.site == nil {
		t.findings = append(t.findings, finding.Finding{
			ID: findingUnknownHost, Stage: finding.StageIdentify, Severity: finding.Low, Score: 1, Where: "header.host",
			Why: "no site takes this host, and there is no default site",
		})
		t.verdict = policy.Verdict{Kind: action.Block, Rule: findingUnknownHost}
		return action.Reply{Kind: action.Block, Status: 421}
	}
	t.inspectRequest()
	t.decide()
	if n := len(t.findings); n > len(t.facts.Findings) {
		// Policy itself failed. What it had decided by then holds, and the policy's mode for engine.panic says the rest.
		t.facts.Findings = t.findings[n-1:]
		t.site.policy.DecideFindings(&t.facts, &t.verdict)
	}
	return t.reply()
}

// place finds the site and the path that is judged.
func (t *Transaction) place() {
	x := &t.Exchange
	x.Host, t.host = lowerHost(x.Host, t.host)
	x.Path, t.path = cleanPath(x.Path, t.path)
	if x.Site != "" {
		// The source says which site it is: a line of a log, or a flag.
		t.site = t.snapshot.named(x.Site)
	}
	if t.site == nil {
		t.site = t.snapshot.site(x.Host)
	}
	if t.site != nil {
		x.Site = t.site.name
	}
}

// inspectRequest runs the stages that look at the request. A panic in one of them ends the inspection with a finding,
// never the process.
func (t *Transaction) inspectRequest() {
	stage := "identify"
	defer t.contain(&stage)
	x := &t.Exchange
	t.who = t.identify()
	t.told = x.Anomalies
	t.route = t.site.matcher.Match(x.Host, x.Method, x.Path)
	stage = "walk"
	report := t.walker.Request(x, t.engine.o.Walk)
	stage = "payload"
	t.look = payload.Input{Exchange: x, Report: report}
	t.findings = t.engine.detectors.Detect(&t.look, t.findings)
	if t.recall != nil {
		t.findings = append(t.findings, t.recall.Findings...)
	}
}

// contain turns a panic into a finding. While the request is judged, a stage that fails closed refuses it.
func (t *Transaction) contain(stage *string) {
	v := recover()
	if v == nil {
		return
	}
	if !t.answered && t.site.policy.FailsClosed(*stage) {
		t.failed = true
		t.verdict = policy.Verdict{Kind: action.Block, Rule: findingPanic}
	}
	t.findings = append(t.findings, finding.Finding{
		ID: findingPanic, Stage: finding.StageEngine, Severity: finding.High, Score: 1, Where: *stage,
		Why: "a stage failed on this exchange; it was judged without it",
	})
	if t.engine.o.Panicked != nil {
		t.engine.o.Panicked(*stage, v, debug.Stack())
	}
}

// decide asks policy.
func (t *Transaction) decide() {
	stage := "policy"
	defer t.contain(&stage)
	x := &t.Exchange
	f := &t.facts
	*f = policy.Facts{
		At: x.At, Exchange: x, Client: x.Client, Principal: t.who.Principal, Session: t.who.Session,
		Credentials: t.who.Credentials, Findings: t.findings,
	}
	if r := t.route; r != nil {
		f.Endpoint = endpointOf(r)
	}
	t.site.policy.Decide(f, (*t.engine.standing.Load())[t.site.name], &t.verdict)
}

func (t *Transaction) reply() action.Reply {
	switch t.verdict.Kind {
	case action.Block:
		switch {
		case t.site == nil:
			return action.Reply{Kind: action.Block, Status: 421}
		case t.failed:
			return action.Reply{Kind: action.Block, Status: 503, RetryAfter: 1}
		}
		return action.Reply{Kind: action.Block, Status: 403}
	case action.Tag:
		return action.Reply{Kind: action.Tag, Tag: t.verdict.Tag}
	default:
		return action.Reply{}
	}
}

// Response judges the answer and settles who the caller was.
func (t *Transaction) Response() {
	if t.site == nil {
		return
	}
	t.answered = true
	stage := "walk"
	defer t.contain(&stage)
	x := &t.Exchange
	before := len(t.findings)
	report := t.walker.Response(x, t.engine.o.Walk)
	stage = "identify"
	enforced := t.route != nil && t.route.Known != nil && t.route.Known.AuthEnforced
	if t.recall == nil {
		t.link = t.site.identifier.Response(x, &t.who, enforced)
	}
	stage = "payload"
	t.look = payload.Input{Exchange: x, Response: true, Report: report, Told: t.told}
	t.findings = t.engine.detectors.Detect(&t.look, t.findings)
	if len(t.findings) == before {
		return
	}
	stage = "policy"
	t.facts.Findings = t.findings[before:]
	var late policy.Verdict
	t.site.policy.DecideFindings(&t.facts, &late)
	if would := max(late.Kind, late.Would); would > t.verdict.Kind && would > t.verdict.Would {
		// The answer is on its way: what policy says about it is recorded.
		t.verdict.Would, t.verdict.WouldRule = would, late.WouldRule
		if late.Kind == would {
			t.verdict.WouldRule = late.Rule
		}
	}
}

// Close publishes the one event of the exchange and ends the transaction. status is what Merlon itself answered, 0 when
// the upstream's answer was passed on.
func (t *Transaction) Close(outcome event.Outcome, status int) {
	t.publish(outcome, status, event.Complete)
	t.release()
}

// ClosePhase ends a long stream that has published an Open event.
func (t *Transaction) ClosePhase(outcome event.Outcome, phase event.Phase) {
	t.publish(outcome, 0, phase)
	t.release()
}

// Publish reports a phase of a long stream and goes on.
func (t *Transaction) Publish(phase event.Phase) { t.publish(event.OutcomeAnswered, 0, phase) }

func (t *Transaction) publish(outcome event.Outcome, status int, phase event.Phase) {
	q := t.engine.o.Queue
	e := q.New()
	if err := t.record(e, outcome, status, phase); err != nil && t.engine.o.Panicked != nil {
		t.engine.o.Panicked("event", err, nil)
	}
	if t.Exchange.Source.Live() {
		q.Publish(e)
	} else {
		q.PublishWait(e)
	}
}

// record fills the event. A panic while doing so leaves an event with what was filled by then.
func (t *Transaction) record(e *event.Event, outcome event.Outcome, status int, phase event.Phase) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("recording an event: %v", v)
		}
	}()
	x := &t.Exchange
	e.ID, e.At, e.Arrived = t.id, x.At, x.Arrived
	e.Site, e.Node, e.Source, e.Observed = x.Site, x.Node, x.Source, x.Observed
	e.Phase, e.Outcome = phase, outcome
	e.Method, e.Host = e.Append(x.Method), e.Append(x.Host)
	if ua, ok := x.Request.Field(exchange.HeaderUserAgent); ok {
		e.UserAgent = e.Append(ua[:min(len(ua), maxUserAgent)])
	}
	e.Status = uint16(x.Status)
	if status != 0 {
		e.Status = uint16(status)
	}
	e.Latency, e.Added = x.Latency, x.Added
	e.RequestBytes, e.ResponseBytes = x.Request.BodySize, x.Response.BodySize
	e.RequestBody, e.ResponseBody = x.Request.BodyKind, x.Response.BodyKind
	e.RequestWalked, e.ResponseWalked = x.Request.Walked, x.Response.Walked
	e.Client, e.Place, e.Fingerprint = x.Client.Addr, x.Client.Place, x.Client.Fingerprint
	if x.Client.JA4 != "" {
		e.JA4 = e.AppendString(x.Client.JA4[:min(len(x.Client.JA4), identity.MaxJA4)])
	}
	e.HTTP2, e.RPC = x.Client.HTTP2, x.RPC
	e.Principal, e.Session, e.Credentials = t.who.Principal, t.who.Session, t.who.Credentials
	e.Actor, e.Link = t.who.Actor, t.link
	e.Anomalies = x.Anomalies
	v := t.verdict
	if copied(x.Source) && v.Kind > action.Allow {
		// Nothing was done, and nothing could have been.
		if v.Kind >= v.Would {
			v.Would, v.WouldRule = v.Kind, v.Rule
		}
		v.Kind = action.Allow
	}
	e.Verdict = event.Verdict{
		Enforced: v.Kind > action.Allow, Action: v.Kind.String(), Rule: v.Rule, Status: uint16(status),
	}
	if v.Kind == action.Allow {
		e.Verdict.Rule = v.WouldRule
	}
	if outcome == event.OutcomeRefused && v.Kind < action.Block {
		// A message that cannot be forwarded is refused whatever policy says.
		e.Verdict.Enforced, e.Verdict.Action = true, action.Block.String()
		if len(t.findings) > 0 {
			e.Verdict.Rule = t.findings[0].ID
		}
	} else if v.Would > v.Kind {
		e.Verdict.Would = v.Would.String()
	}
	e.Findings = append(e.Findings, t.findings...)
	if t.site == nil {
		return nil
	}
	e.Knowledge = t.site.knowledge
	var params uint64
	if r := t.route; r != nil {
		e.Endpoint, params = r.Endpoint, r.Params
		e.Template = e.AppendString(r.Template)
	}
	t.engine.shared.Observe(e, x, t.site.key, params)
	return nil
}

// copied tells sources that hear of live traffic from another program: whatever policy says about it, it has passed. Files
// are judged as if they were served, which is what people read them for.
func copied(s exchange.Source) bool { return s == exchange.SourceMirror || s == exchange.SourceOTLP }

// maxUserAgent is how much of a User-Agent an event keeps; real ones rarely exceed 200 bytes.
const maxUserAgent = 256

// release gives the transaction back.
func (t *Transaction) release() {
	t.Exchange.Reset()
	t.walker.Reset()
	clear(t.findings)
	*t = Transaction{
		Exchange: t.Exchange, engine: t.engine, walker: t.walker, findings: t.findings[:0], path: t.path[:0], host: t.host[:0],
	}
	t.engine.pool.Put(t)
}
