package scenario

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"merlon/internal/enforce/engine"
	"merlon/internal/enforce/policy"
	"merlon/internal/lab/traffic"
	"merlon/internal/learn/distill"
	"merlon/internal/learn/summary"
	"merlon/internal/model/bundle"
	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/finding"
	"merlon/internal/model/inventory"
)

// Result is what came out.
type Result struct {
	Inventory inventory.Inventory
	Output    distill.Output
	// Judged lists the events with findings or a refusal, in the order of their arrival, with their labels.
	Judged []Judged
	// Exchanges and Benign count events; Refused those that policy refused.
	Exchanges, Benign, Refused int
	// Kinds counts events by the kind of their label.
	Kinds map[string]int
	// Damaged counts lines whose clock was ahead of their arrival.
	Damaged uint64
	// Merged is the encoded merged summary.
	Merged []byte
	// Orders is in how many orders the nodes' summaries were merged, all to Merged.
	Orders int
}

// Judged is one event that something was said about.
type Judged struct {
	Label    traffic.Label
	Method   string
	Target   string
	Refused  bool
	Findings []finding.Finding
}

// ErrMergeOrder says that merging the same summaries in two orders gave different bytes.
var ErrMergeOrder = errors.New("the order of merging shows in the result")

// mergeOrders is how many orders are tried when there is more than one node.
const mergeOrders = 3

// A node's queue is drained after batchEvents exchanges, before it is full.
const (
	batchEvents = 64
	queueEvents = 4 * batchEvents
)

// node is one engine with its queue and what it has learned.
type node struct {
	engine *engine.Engine
	queue  *event.Queue
	state  *summary.State
	// waiting are the exchanges whose events wait in the queue, in its order.
	waiting []driven
}

// driven is an exchange with what policy did.
type driven struct {
	*traffic.Entry
	refused bool
}

// world is one run.
type world struct {
	s         *Scenario
	nodes     []*node
	r         *rand.Rand
	panicked  error
	out       Result
	inventory inventory.Inventory
	knowledge bundle.Knowledge
	taught    int
}

// learningSeed is the site's secret seed; nodes of one site share it.
const learningSeed = 0x6d65726c6f6e

// Run plays a scenario. Its error is a fault of the scenario, a stage that panicked, a lost event, or ErrMergeOrder; what
// came out otherwise is for Check.
func Run(ctx context.Context, s Scenario) (*Result, error) {
	w := &world{s: &s, r: rand.New(rand.NewPCG(s.Seed, 77)), knowledge: bundle.Knowledge{Site: site}, out: Result{Kinds: map[string]int{}}}
	if err := w.build(); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	entries, err := s.Traffic(ctx)
	if err == nil {
		err = w.play(ctx, entries)
	}
	if err == nil {
		err = w.learn(ctx)
	}
	if err = errors.Join(err, w.panicked); err != nil {
		return nil, fmt.Errorf("%s: %w", s.Name, err)
	}
	w.out.Inventory = w.inventory
	return &w.out, nil
}

// build makes the nodes.
func (w *world) build() error {
	b := &bundle.Bundle{Sites: []bundle.Site{{Name: site, Default: true, Descriptions: w.s.Descriptions, Policy: w.s.Policy}}}
	in := engine.Input{Bundle: b, Keys: map[string]dataclass.Key{site: {7, 1, 4}}}
	for i := range max(w.s.Nodes, 1) {
		n := &node{queue: event.NewQueue(queueEvents), state: summary.New(site, learningSeed)}
		var mistakes []policy.Mistake
		n.engine, mistakes = engine.New(engine.Options{
			Queue: n.queue, Namer: event.NewNamer(uint16(i), w.s.Seed), Node: fmt.Sprintf("node-%d", i),
			Panicked: func(stage string, v any, stack []byte) {
				w.panicked = errors.Join(w.panicked, fmt.Errorf("%s panicked: %v\n%s", stage, v, stack))
			},
		}, in)
		if n.engine == nil {
			return fmt.Errorf("does not compile: %v", mistakes)
		}
		w.nodes = append(w.nodes, n)
	}
	return nil
}

// arrival is an entry with the time at which it reaches us.
type arrival struct {
	*traffic.Entry
	at time.Time
}

// play hands every exchange to its node, and what it says to the summary.
func (w *world) play(ctx context.Context, entries []traffic.Entry) error {
	as := make([]arrival, len(entries))
	for i := range entries {
		as[i] = arrival{&entries[i], entries[i].Started}
		if w.s.Arrive != nil {
			as[i].at = w.s.Arrive(&entries[i])
		}
	}
	slices.SortStableFunc(as, func(a, b arrival) int { return cmp.Compare(a.at.UnixNano(), b.at.UnixNano()) })
	sight := w.s.Sight
	if sight == 0 {
		sight = lineSight
	}
	for _, a := range as {
		if err := ctx.Err(); err != nil {
			return err
		}
		for w.taught < len(w.s.Teach) && !a.at.Before(w.s.Teach[w.taught]) {
			w.taught++
			if err := w.learn(ctx); err != nil {
				return err
			}
		}
		n := w.nodes[w.route(a.Entry)]
		refused := drive(n.engine, a.Entry, a.at, sight)
		if err := w.take(ctx, n, a.Entry, refused); err != nil {
			return err
		}
	}
	return nil
}

// route says which node takes an exchange.
func (w *world) route(e *traffic.Entry) int {
	if len(w.nodes) == 1 {
		return 0
	}
	key := e.Label.Actor
	switch w.s.Split {
	case ByConnection:
		key = fmt.Sprint(e.Client.IP, e.Client.Port)
	case ByExchange:
		return w.r.IntN(len(w.nodes))
	}
	h := uint64(14695981039346656037) // FNV-1a
	for i := range len(key) {
		h = (h ^ uint64(key[i])) * 1099511628211
	}
	return int((h >> 32) % uint64(len(w.nodes)))
}

// take notes what became of an exchange, and drains the node's queue when it is worth it.
func (w *world) take(ctx context.Context, n *node, in *traffic.Entry, refused bool) error {
	n.waiting = append(n.waiting, driven{in, refused})
	if got := n.queue.Len(); got != len(n.waiting) {
		return fmt.Errorf("%s %s made %d events, not one", in.Request.Method, in.Request.URL, got+1-len(n.waiting))
	}
	if len(n.waiting) < batchEvents {
		return nil
	}
	return w.drain(ctx, n)
}

// drain folds a node's waiting events into its summary.
func (w *world) drain(ctx context.Context, n *node) error {
	if len(n.waiting) == 0 {
		return nil
	}
	batch := n.queue.Take(ctx)
	if len(batch) != len(n.waiting) {
		return fmt.Errorf("%d events of %d exchanges: %w", len(batch), len(n.waiting), ctx.Err())
	}
	for i, e := range batch {
		in := n.waiting[i]
		n.state.Apply(e)
		w.out.Exchanges++
		w.out.Kinds[in.Label.Kind]++
		if in.Label.Kind == traffic.Benign {
			w.out.Benign++
		}
		if in.refused {
			w.out.Refused++
		}
		if in.refused || len(e.Findings) > 0 {
			w.out.Judged = append(w.out.Judged, Judged{in.Label, in.Request.Method, in.Request.URL, in.refused, slices.Clone(e.Findings)})
		}
	}
	n.queue.Release(batch...)
	n.waiting = n.waiting[:0]
	return nil
}

// learn merges the nodes' summaries, distils, and publishes to every engine.
func (w *world) learn(ctx context.Context) error {
	for _, n := range w.nodes {
		if err := w.drain(ctx, n); err != nil {
			return err
		}
	}
	merged, err := w.merge()
	if err != nil {
		return err
	}
	o := distill.Distill(distill.Input{State: merged, Descriptions: w.s.Descriptions, Previous: &w.inventory, Knowledge: w.knowledge})
	w.inventory = distill.Apply(w.inventory, o, time.Unix(0, merged.Seen.Last).UTC())
	if o.Knowledge.Version != w.knowledge.Version {
		d := distill.Diff(w.knowledge, o.Knowledge)
		for _, n := range w.nodes {
			n.engine.Learn(d)
		}
		w.knowledge = o.Knowledge
	}
	w.out.Output, w.out.Damaged = o, merged.Damaged
	return nil
}

// merge merges the nodes' summaries in several orders, which must not show.
func (w *world) merge() (*summary.State, error) {
	if len(w.nodes) == 1 {
		s := w.nodes[0].state
		w.out.Merged, w.out.Orders = s.AppendBinary(nil), 1
		return s, nil
	}
	var first *summary.State
	for i := range mergeOrders {
		m := summary.New(site, learningSeed)
		for _, k := range w.r.Perm(len(w.nodes)) {
			m.Merge(w.nodes[k].state)
		}
		b := m.AppendBinary(nil)
		if first == nil {
			first, w.out.Merged = m, b
		} else if !bytes.Equal(b, w.out.Merged) {
			return nil, fmt.Errorf("%w: the %d. order differs at byte %d", ErrMergeOrder, i+1, differsAt(b, w.out.Merged))
		}
		w.out.Orders = i + 1
	}
	return first, nil
}

func differsAt(a, b []byte) int {
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			return i
		}
	}
	return min(len(a), len(b))
}

// Endpoint finds an endpoint of the result; host "" is any.
func (r *Result) Endpoint(host, method, template string) (*inventory.Endpoint, bool) {
	for i := range r.Output.Site.Endpoints {
		e := &r.Output.Site.Endpoints[i]
		if e.Method == method && e.Template == template && (host == "" || e.Host == host) {
			return e, true
		}
	}
	return nil, false
}

// List prints the inventory in lines, for failures.
func (r *Result) List() string {
	var b strings.Builder
	for i := range r.Output.Site.Endpoints {
		e := &r.Output.Site.Endpoints[i]
		fmt.Fprintf(&b, "%4d %-6s %s%s %s n=%d auth=%s %v %v", e.ID, e.Method, e.Host, e.Template, e.State, e.Requests, e.Auth, e.Lifecycle, e.Sensitive)
		if e.Detail.Support.Missing != "" {
			fmt.Fprintf(&b, " (%s)", e.Detail.Support.Missing)
		}
		b.WriteByte('\n')
	}
	return b.String()
}
