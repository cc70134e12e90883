package node

import (
	"context"
	"fmt"
	"time"

	"merlon/internal/learn/distill"
	"merlon/internal/learn/summary"
	"merlon/internal/model/bundle"
	"merlon/internal/model/description"
	"merlon/internal/model/inventory"
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

func (n *Node) tick(ctx context.Context) {
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
	n.Flush(ctx)
	if err := n.Distill(ctx); err != nil {
		return err
	}
	return n.Save(ctx)
}

// Flush stores the event rows and the time series gathered so far.
func (n *Node) Flush(ctx context.Context) {
	now := n.o.Now()
	n.mu.Lock()
	if n.series.Due(now) {
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

	n.mu.Lock()
	n.fresh = 0
	for i := range n.o.Bundle.Sites {
		site := &n.o.Bundle.Sites[i]
		out := n.distillSite(&next, site.Name, site.Descriptions)
		next = distill.Apply(next, out, time.Unix(0, n.states[site.Name].Seen.Last).UTC())
		old := n.knowledge[site.Name]
		if out.Knowledge.Version != old.Version {
			old.Site = site.Name
			deltas = append(deltas, distill.Diff(old, out.Knowledge))
			k := out.Knowledge
			known = append(known, &k)
		}
	}
	n.mu.Unlock()

	n.descended = began
	n.pause = min(max(n.o.Now().Sub(began)*pauseRatio, minPause), maxPause)
	next.Version = previous.Version + 1
	if err := n.o.Store.DB.SaveInventory(ctx, &next, known); err != nil {
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
	for _, k := range known {
		distill.Erase(n.states[k.Site], *k) // literals that turned out to be values
	}
	n.mu.Unlock()
	n.distilled.Store(began.UnixNano())
	n.distillations.Add(1)
	return nil
}

func (n *Node) distillSite(v *inventory.Inventory, site string, d []*description.Description) distill.Output {
	k := n.knowledge[site]
	k.Site = site
	return distill.Distill(distill.Input{State: n.states[site], Descriptions: d, Previous: v, Knowledge: k})
}

// Save stores the summaries together with the journal position they cover, after which the journal may forget.
func (n *Node) Save(ctx context.Context) error {
	n.tend.Lock()
	defer n.tend.Unlock()
	now := n.o.Now()
	n.mu.Lock()
	covered := n.applied
	snap := store.SummarySnapshot{Covered: covered}
	if covered != n.savedSeq || n.savedSeq == 0 {
		for _, s := range n.o.Bundle.Sites {
			snap.Changed = append(snap.Changed, stored(n.o.Name, n.states[s.Name], covered))
		}
	}
	n.mu.Unlock()
	n.saved = now
	if len(snap.Changed) == 0 {
		return nil
	}
	if err := n.o.Store.SaveSummaries(ctx, snap); err != nil {
		return err
	}
	n.savedSeq = covered
	n.snapshots.Add(1)
	return nil
}

func stored(node string, s *summary.State, seq uint64) store.Summary {
	return store.Summary{
		SummaryKey: store.SummaryKey{Kind: summaryKind, Site: s.Site, Node: node}, Seq: seq, Blob: s.AppendBinary(nil),
	}
}
