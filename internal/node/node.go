// Package node is one node's slow side: events in from the queue, journal, summaries, time series and event rows; inventory and Knowledge out.
//
// Three goroutines of the composition root drive it:
//
//   - Consume takes events from the queue, journals them, folds them into the sites' summaries and hands them back.
//   - Tend, once a second, stores rows and series, and from time to time distils, publishes Knowledge to the engine and
//     saves a snapshot of the summaries, after which the journal may forget what it covers.
//   - whoever serves people reads Inventory, which never changes once it is published.
//
// What is lost when: kill -9 loses what was in the queue and not journaled; a full disk loses the journal's and store's
// share, which is counted and shown, while learning in memory and serving go on.
package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"merlon/internal/enforce/engine"
	"merlon/internal/learn/distill"
	"merlon/internal/learn/summary"
	"merlon/internal/model/bundle"
	"merlon/internal/model/event"
	"merlon/internal/model/inventory"
	"merlon/internal/store"
	"merlon/internal/store/local"
)

// Options is everything a Node is made from.
type Options struct {
	Name   string
	Bundle *bundle.Bundle
	// Seed is secret to a site: it decides what survives a cap of its summary. It reports false for a site that the data
	// directory does not know.
	Seed   func(site string) (uint64, bool)
	Engine *engine.Engine
	Queue  *event.Queue
	Store  *local.Store
	// Observe, unless nil, sees every batch of events before it is released, and must keep nothing of it.
	Observe func([]*event.Event)
	Now     func() time.Time
	Log     *slog.Logger
}

// Node learns from one process's events.
type Node struct {
	o Options

	// mu guards what Consume writes and Tend reads.
	mu      sync.Mutex
	states  map[string]*summary.State
	series  *store.Accumulator
	rows    rows
	applied uint64 // the journal's number of the last event in states
	fresh   int    // events since the last distillation
	dirty   bool   // states differ from the last snapshot
	failed  uint64 // events that a learner failed on

	// tend serialises distillation and snapshots, and guards o.Bundle.
	tend      sync.Mutex
	knowledge map[string]bundle.Knowledge
	sizes     map[string]int // of the sites' summaries when encoded, with some room
	descended time.Time      // when the last distillation began
	pause     time.Duration  // until the next one
	saved     time.Time      // when the last snapshot was saved
	tidied    time.Time

	inventory atomic.Pointer[inventory.Inventory]
	learned   atomic.Uint64
	troubles  troubles

	distillations, snapshots atomic.Uint64
	distilled                atomic.Int64 // when the last one began, Unix nanoseconds
}

// Open loads what is stored, replays the journal's tail, and publishes the Knowledge that results.
func Open(ctx context.Context, o Options) (*Node, error) {
	now := o.Now()
	n := &Node{
		o: o, states: make(map[string]*summary.State), knowledge: make(map[string]bundle.Knowledge), sizes: make(map[string]int),
		series: store.NewAccumulator(now), saved: now, tidied: now, pause: minPause,
		troubles: troubles{log: o.Log},
	}
	if err := n.load(ctx); err != nil {
		return nil, err
	}
	for _, s := range o.Bundle.Sites {
		if n.state(s.Name) == nil {
			return nil, fmt.Errorf("site %s has no learning key", s.Name)
		}
	}
	if err := n.replay(); err != nil {
		return nil, err
	}
	if err := n.Distill(ctx); err != nil {
		return nil, err
	}
	return n, nil
}

// load reads the last snapshot, inventory and knowledge.
func (n *Node) load(ctx context.Context) error {
	covered, err := n.o.Store.DB.LoadSummaries(ctx, func(s store.Summary) error {
		if s.Kind != summaryKind || s.Node != n.o.Name {
			return nil
		}
		seed, ok := n.o.Seed(s.Site)
		if !ok {
			return nil // its keys are gone, and with them the meaning of its tokens
		}
		state, err := summary.Decode(s.Blob, seed)
		if err != nil {
			return fmt.Errorf("the learned state of site %s cannot be read: %w", s.Site, err)
		}
		n.states[s.Site] = state
		return nil
	})
	if err != nil {
		return err
	}
	n.applied = covered
	v, err := n.o.Store.DB.Inventory(ctx, 0)
	switch {
	case errors.Is(err, store.ErrNotFound):
		v = &inventory.Inventory{}
	case err != nil:
		return err
	}
	n.inventory.Store(v)
	for _, s := range n.o.Bundle.Sites {
		k, err := n.o.Store.DB.Knowledge(ctx, s.Name, 0)
		if errors.Is(err, store.ErrNotFound) {
			continue
		}
		if err != nil {
			return err
		}
		n.knowledge[s.Name] = *k
		n.o.Engine.Learn(distill.Diff(bundle.Knowledge{Site: s.Name}, *k))
	}
	return nil
}

// replay folds what the journal holds beyond the snapshot, for sites that are not configured now too: what the next
// snapshot covers is gone from the journal.
func (n *Node) replay() error {
	report, err := n.o.Store.Journal.Replay(n.applied+1, func(e *event.Event) error {
		n.fold(e)
		return nil
	})
	if err != nil {
		return err
	}
	if report.Events > 0 {
		n.o.Log.Info("replayed the journal's tail", "events", report.Events, "damaged_segments", report.Damaged)
	}
	return nil
}

// summaryKind names summaries of sites in the store.
const summaryKind = "site"

// Consume takes events until the queue is closed and empty.
func (n *Node) Consume() {
	for {
		batch := n.o.Queue.Take(context.Background())
		if batch == nil {
			return
		}
		n.take(batch)
	}
}

// take journals, folds and releases one batch.
func (n *Node) take(batch []*event.Event) {
	n.troubles.report("journal", n.o.Store.Journal.Append(batch))
	now := n.o.Now()
	n.mu.Lock()
	for _, e := range batch {
		n.fold(e)
		n.series.Add(e)
		n.rows.add(e, now)
	}
	if n.series.Due(now) {
		n.rows.series = n.rows.take(n.series, now)
	}
	n.mu.Unlock()
	if n.o.Observe != nil {
		n.o.Observe(batch)
	}
	n.learned.Add(uint64(len(batch)))
	n.o.Queue.Release(batch...)
}

// fold puts one event into the summary of its site. A learner that panics costs this event: it is journaled already, so
// ending the process would meet it again at every start.
func (n *Node) fold(e *event.Event) {
	defer func() {
		if v := recover(); v != nil {
			n.failed++
			n.troubles.report("learning", fmt.Errorf("a learner failed on event %s: %v", e.ID, v))
		}
	}()
	if e.Seq > n.applied {
		n.applied = e.Seq
	}
	if s := n.state(e.Site); s != nil {
		s.Apply(e)
		n.fresh++
		n.dirty = true
	}
}

// state is the summary of a site, made when the site is met first; nil for a site that the data directory does not know.
func (n *Node) state(site string) *summary.State {
	if s := n.states[site]; s != nil || site == "" {
		return s
	}
	seed, ok := n.o.Seed(site)
	if !ok {
		return nil
	}
	s := summary.New(site, seed)
	n.states[site] = s
	return s
}

// Learned counts the events folded into summaries.
func (n *Node) Learned() uint64 { return n.learned.Load() }

// Distillations counts the distillations published in this run.
func (n *Node) Distillations() uint64 { return n.distillations.Load() }

// Snapshots counts the snapshots saved in this run.
func (n *Node) Snapshots() uint64 { return n.snapshots.Load() }

// Distilled is when the last distillation began.
func (n *Node) Distilled() time.Time { return time.Unix(0, n.distilled.Load()).UTC() }

// Inventory is the latest inventory. It must not be changed.
func (n *Node) Inventory() *inventory.Inventory { return n.inventory.Load() }

// Merged calls f with a site's summary while nothing is folded into it; nil when there is no such site. f must be quick.
func (n *Node) Merged(site string, f func(*summary.State)) {
	n.mu.Lock()
	defer n.mu.Unlock()
	f(n.states[site])
}

// Troubles says what is degraded at present, by part, and why.
func (n *Node) Troubles() map[string]string { return n.troubles.all() }
