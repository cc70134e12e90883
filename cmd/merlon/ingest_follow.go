package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"merlon/cmd/merlon/outline"
	"merlon/cmd/merlon/progress"
	"merlon/internal/edge/ingest"
	"merlon/internal/edge/ingest/follow"
	"merlon/internal/model/event"
)

// lookEvery is how often followed files are looked at when nobody tells that they were written to.
const lookEvery = 250 * time.Millisecond

// follow reads files as they are written until ctx ends.
func (k *backend) follow(ctx context.Context, c console, o ingest.Options, files []string) (ingest.Result, error) {
	paths := make([]string, len(files))
	for i, name := range files {
		path, err := filepath.Abs(name)
		if err != nil {
			return ingest.Result{}, failed(err)
		}
		paths[i] = path
	}
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	wake := make(chan struct{}, 1)
	w, err := follow.Watch(paths)
	if err != nil {
		fmt.Fprintf(c.err, "notice: files are looked at %d times a second, since the system does not tell of changes: %v\n", time.Second/lookEvery, err)
	} else {
		done := make(chan struct{})
		go func() { defer close(done); w.Run(wake) }()
		defer func() { _ = w.Close(); <-done }()
	}
	began := k.store.Journal.Status()
	dropped := began.Dropped
	return k.reported(c, o, func(g *ingest.Ingest, b *progress.Bar) (ingest.Result, error) {
		return g.Follow(ctx, ingest.Following{
			Ledger: k.store.Directory.Path("positions.json"), Wake: wake, Tick: tick.C,
			Notice: func(s string) { b.Line("notice: " + outline.Printable(s)) },
			Settle: func(ctx context.Context) (uint64, error) { return k.settle(ctx, &dropped) },
			Tail: func(after uint64, fn func(*event.Event) error) (uint64, error) {
				_, err := k.store.Journal.Replay(after+1, fn)
				return began.Last, err
			},
		}, paths...)
	})
}

// settle waits until every event published so far is learned and lasts: in the journal, or, when the journal had no room
// for it, in a snapshot. It returns the journal's last number.
func (k *backend) settle(ctx context.Context, dropped *uint64) (uint64, error) {
	wait := time.NewTimer(0)
	defer wait.Stop()
	for pause := 100 * time.Microsecond; k.node.Learned() < k.queue.Published()-k.queue.Dropped(); pause = min(2*pause, 5*time.Millisecond) {
		wait.Reset(pause)
		select {
		case <-wait.C:
		case <-ctx.Done():
			return 0, ctx.Err()
		}
	}
	st := k.store.Journal.Status()
	if st.Dropped > *dropped {
		if err := k.node.Save(ctx); err != nil {
			return 0, err
		}
		*dropped = st.Dropped
	}
	return st.Last, k.store.Journal.Sync()
}
