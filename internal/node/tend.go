package node

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"merlon/internal/learn/distill"
	"merlon/internal/learn/summary"
	"merlon/internal/model/bundle"
	"merlon/internal/store"
)

// Distillation may take at most a hundredth of one core: it is repeated after a hundred times what it took, but not
// more often than people can look and not more seldom than they would wait.
const (
	minPause   = 2 * time.Second
	maxPause   = time.Minute
	pauseRatio = 100
	// saveEvery is how much a restart has to replay at most, in wall time.
	saveEvery = time.Minute
	tidyEvery = time.Minute
)

// Tend does what is due at every tick until ticks is closed, and then once more everything.
func (n *Node) Tend(ctx context.Context, ticks <-chan time.Time) {
	for {
		select {
		case _, ok := <-ticks:
			if !ok {
				return
			}
		case <-ctx.Done():
			return
		}
		n.tick(ctx)
	}
}

// tick contains a panic: whoever serves traffic goes on, and the trouble is shown.
func (n *Node) tick(ctx context.Context) {
	defer func() {
		if v := recover(); v != nil {
			n.troubles.report("distillation", fmt.Errorf("it failed: %v", v))
		}
	}()
	now := n.o.Now()
	n.Flush(ctx)
	n.mu.Lock()
	fresh := n.fresh
	n.mu.Unlock()
	n.tend.Lock()
	due := fresh > 0 && now.Sub(n.descended) >= n.pause
	save := now.Sub(n.saved) >= saveEvery || n.o.Store.Journal.Status().Pressed
	tidy := now.Sub(n.tidied) >= tidyEvery
	if tidy {
		n.tidied = now
	}
	n.tend.Unlock()
	if due {
		n.troubles.report("distillation", n.Distill(ctx))
	}
	if save {
		n.troubles.report("snapshot", n.Save(ctx))
	}
	if tidy {
		n.troubles.report("retention", n.o.Store.Maintain(ctx, now))
	}
}

// Close distils and saves a last time. The queue must be drained.
func (n *Node) Close(ctx context.Context) error {
	n.flush(ctx, true)
	if err := n.Distill(ctx); err != nil {
		return err
	}
	return n.Save(ctx)
}

// Flush stores the event rows gathered so far, and the time series when it is time.
func (n *Node) Flush(ctx context.Context) { n.flush(ctx, false) }

// flush is Flush; last tells that nothing comes behind it, so that the points of the last seconds are stored, too.
func (n *Node) flush(ctx context.Context, last bool) {
	now := n.o.Now()
	n.mu.Lock()
	if last || n.series.Due(now) {
		n.rows.series = n.rows.take(n.series, now)
	}
	events, points := n.rows.swap()
	n.mu.Unlock()
	if len(points) > 0 {
		n.troubles.report("time series", n.o.Store.DB.AddSeries(ctx, points))
	}
	if len(events) > 0 {
		n.troubles.report("event rows", n.o.Store.DB.AddEvents(ctx, events))
	}
}

// Distill works out inventory and Knowledge of every site, stores them, and publishes them. Ids are durable before
// anything can use them: what cannot be stored is not published.
func (n *Node) Distill(ctx context.Context) error {
	n.tend.Lock()
	defer n.tend.Unlock()
	began := n.o.Now()
	previous := n.inventory.Load()
	next := *previous
	var deltas []bundle.Delta
	var known []*bundle.Knowledge

	states, err := n.copies()
	if err != nil {
		return err
	}
	for i := range n.o.Bundle.Sites {
		site := &n.o.Bundle.Sites[i]
		state, old := states[site.Name], n.knowledge[site.Name]
		old.Site = site.Name
		out := distill.Distill(distill.Input{State: state, Descriptions: site.Descriptions, Previous: &next, Knowledge: old})
		next = distill.Apply(next, out, time.Unix(0, state.Seen.Last).UTC())
		if out.Knowledge.Version != old.Version {
			deltas = append(deltas, distill.Diff(old, out.Knowledge))
			k := out.Knowledge
			known = append(known, &k)
		}
	}
	next.Version = previous.Version + 1
	err = n.o.Store.DB.SaveInventory(ctx, &next, known)
	n.descended = began
	n.pause = min(max(n.o.Now().Sub(began)*pauseRatio, minPause), maxPause)
	if err != nil {
		if next.NextID == previous.NextID && len(known) == 0 {
			n.inventory.Store(&next) // nothing new that would need to last: the counts may go on
		}
		n.mu.Lock()
		n.fresh++ // it is tried again, whether or not new events come
		n.mu.Unlock()
		return fmt.Errorf("the inventory cannot be stored, so new endpoints are not published: %w", err)
	}
	for _, k := range known {
		n.knowledge[k.Site] = *k
	}
	for _, d := range deltas {
		n.o.Engine.Learn(d)
	}
	n.inventory.Store(&next)
	n.mu.Lock()
	for site, k := range n.knowledge {
		// Literals that turned out to be values. Every time: a crash may have brought them back.
		if distill.Erase(n.states[site], k) > 0 {
			n.dirty = true
		}
	}
	n.mu.Unlock()
	n.distilled.Store(began.UnixNano())
	n.distillations.Add(1)
	return nil
}

// copies are the sites' summaries as of now. Distilling a large site takes seconds, copying it milliseconds: events wait
// for the copy only.
func (n *Node) copies() (map[string]*summary.State, error) {
	encoded := make(map[string][]byte, len(n.o.Bundle.Sites))
	n.mu.Lock()
	n.fresh = 0
	for i := range n.o.Bundle.Sites {
		name := n.o.Bundle.Sites[i].Name
		encoded[name] = n.states[name].AppendBinary(make([]byte, 0, n.sizes[name]))
		n.sizes[name] = len(encoded[name]) * 9 / 8
	}
	n.mu.Unlock()
	out := make(map[string]*summary.State, len(encoded))
	for name, b := range encoded {
		s, err := summary.Decode(b, n.states[name].Seed())
		if err != nil {
			return nil, fmt.Errorf("copying the summary of site %s: %w", name, err)
		}
		out[name] = s
	}
	return out, nil
}

// Save stores the summaries together with the journal position they cover, after which the journal may forget.
func (n *Node) Save(ctx context.Context) error {
	n.tend.Lock()
	defer n.tend.Unlock()
	now := n.o.Now()
	n.mu.Lock()
	snap := store.SummarySnapshot{Covered: n.applied}
	if n.dirty {
		for _, site := range slices.Sorted(maps.Keys(n.states)) {
			snap.Changed = append(snap.Changed, stored(n.o.Name, n.states[site], n.applied))
		}
	}
	n.dirty = false
	n.mu.Unlock()
	n.saved = now
	if len(snap.Changed) == 0 {
		return nil
	}
	if err := n.o.Store.SaveSummaries(ctx, snap); err != nil {
		n.mu.Lock()
		n.dirty = true
		n.mu.Unlock()
		return err
	}
	n.snapshots.Add(1)
	return nil
}

func stored(node string, s *summary.State, seq uint64) store.Summary {
	return store.Summary{
		SummaryKey: store.SummaryKey{Kind: summaryKind, Site: s.Site, Node: node}, Seq: seq, Blob: s.AppendBinary(nil),
	}
}
