// Package core is everything behind the edges of one process: bundle, engine, queue, and the slow side with its store, put together once for the program and the middleware.
//
// It belongs to the composition root: Open starts the goroutines of the slow side, Close ends them. What is in front of it,
// listeners or another server's handlers, is its caller's.
package core

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"merlon/internal/config"
	"merlon/internal/enforce/engine"
	"merlon/internal/enforce/policy"
	"merlon/internal/inspect/identify/geo"
	"merlon/internal/model/bundle"
	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/identity"
	"merlon/internal/node"
	"merlon/internal/store"
	"merlon/internal/store/journal"
	"merlon/internal/store/local"
	"merlon/internal/store/sqlite"
)

// Mistake is one thing that is wrong in a policy, with its place.
type Mistake = policy.Mistake

// MistakesError lists what is wrong in what people wrote, a line each.
type MistakesError []policy.Mistake

// Error implements error.
func (e MistakesError) Error() string {
	var b strings.Builder
	for i, m := range e {
		if i > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(m.String())
	}
	return b.String()
}

// Options is everything a Core is made from.
type Options struct {
	Config config.Config
	Bundle *bundle.Bundle
	// Command is what others are told who find the data directory locked.
	Command string
	// Observe, unless nil, sees every batch of events that is learned, in one goroutine, and must keep nothing of it.
	Observe func([]*event.Event)
	// Additions, unless nil, reads what people added to policy in the console, in the order that it has there.
	Additions func(context.Context, *local.Store) ([]bundle.Addition, error)
	Log       *slog.Logger
	Now       func() time.Time
}

// Core is everything behind the edges of one process. Store and Node are nil when nothing is kept (OpenMemory).
type Core struct {
	Store  *local.Store // holds the data directory's lock
	Queue  *event.Queue
	Engine *engine.Engine
	Node   *node.Node

	log *slog.Logger
	now func() time.Time
	geo *geo.Table

	additions func(context.Context, *local.Store) ([]bundle.Addition, error)
	// change is held by whoever puts another policy in force.
	change sync.Mutex
	// force is what people decided, as it is in force.
	force atomic.Pointer[inForce]

	consumed  sync.WaitGroup // the consumer of the queue
	tended    sync.WaitGroup // the once-a-second work
	stored    sync.WaitGroup // the database's writer and the journal's sync
	stopTend  context.CancelFunc
	stopStore context.CancelFunc
}

// Open opens the data directory and everything in it, and starts the slow side. Errors: store.ErrLocked when another
// process has the directory, a MistakesError, or what the disk says.
func Open(ctx context.Context, o Options) (_ *Core, err error) {
	k := &Core{log: o.Log, now: o.Now, additions: o.Additions}
	if err := k.openStore(ctx, o); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, k.closeStore())
		}
	}()
	keys, err := k.keys(o.Bundle)
	if err != nil {
		return nil, err
	}
	added, err := k.readAdditions(ctx)
	if err != nil {
		return nil, err
	}
	if err := k.openEngine(o.Config, engine.Input{Bundle: k.first(o.Bundle, added), Keys: keys}); err != nil {
		return nil, err
	}
	if err := k.openNode(ctx, o); err != nil {
		return nil, err
	}
	k.startLearning()
	return k, nil
}

// openStore takes the data directory and starts its writer.
func (k *Core) openStore(ctx context.Context, o Options) (err error) {
	cfg := o.Config
	k.Store, err = local.Open(ctx, cfg.Storage.Path, local.Options{
		Now: k.now, Command: o.Command, Random: rand.Reader, DefaultSite: o.Bundle.Sites[0].Name,
		Journal:  journal.Options{SampleBytes: int64(cfg.Retention.JournalBytes), SampleAge: cfg.Retention.JournalAge},
		Database: sqlite.Options{Node: cfg.Node, EventRows: cfg.Retention.EventRows},
	})
	if err != nil {
		k.Store = nil
		return err
	}
	k.startStore()
	return nil
}

// openNode loads what was learned. Nothing is learned before startLearning, which comes when nothing can fail any more.
func (k *Core) openNode(ctx context.Context, o Options) error {
	n, err := node.Open(ctx, node.Options{
		Name: o.Config.Node, Bundle: o.Bundle, Seed: k.seed, Engine: k.Engine, Queue: k.Queue, Store: k.Store, Observe: o.Observe, Now: k.now, Log: k.log,
	})
	if err != nil {
		return err
	}
	k.Node = n
	return nil
}

// OpenMemory makes an engine and its queue and keeps nothing: tokens are keyed by chance, nothing is learned. Every batch
// of events goes to take, in one goroutine; take must not keep them.
func OpenMemory(o Options, take func([]*event.Event)) (*Core, error) {
	k := &Core{log: o.Log, now: o.Now}
	k.first(o.Bundle, nil)
	keys := make(map[string]dataclass.Key)
	for _, s := range o.Bundle.Sites {
		var key dataclass.Key
		_, _ = io.ReadFull(rand.Reader, key[:]) // crypto/rand never fails; it ends the process instead
		keys[s.Name] = key
	}
	if err := k.openEngine(o.Config, engine.Input{Bundle: o.Bundle, Keys: keys}); err != nil {
		return nil, err
	}
	k.consumed.Go(func() {
		for batch := k.Queue.Take(context.Background()); batch != nil; batch = k.Queue.Take(context.Background()) {
			take(batch)
			k.Queue.Release(batch...)
		}
	})
	return k, nil
}

func (k *Core) openEngine(cfg config.Config, in engine.Input) (err error) {
	if k.geo, err = geo.Open(); err != nil {
		return err
	}
	k.Queue = event.NewQueue(cfg.Limits.QueueEvents)
	k.Queue.Linger(time.NewTimer(0))
	eng, wrong := engine.New(engine.Options{
		Queue: k.Queue, Namer: event.NewNamer(nodeNumber(cfg.Node), RandomSeed()), Node: cfg.Node, Places: k.place,
		Panicked: func(stage string, v any, stack []byte) {
			k.log.Error("a stage failed on an exchange; please report this", "stage", stage, "panic", fmt.Sprint(v), "stack", string(stack))
		},
	}, in)
	if eng == nil {
		return MistakesError(policy.Faults(wrong))
	}
	k.Engine = eng
	return nil
}

func (k *Core) startStore() {
	ctx, stop := context.WithCancel(context.Background())
	k.stopStore = stop
	k.stored.Go(func() {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		if err := k.Store.Run(ctx, t.C); err != nil {
			k.log.Error("the store's writer ended", "error", err)
		}
	})
}

// startLearning starts what drives the node until Close: a failed step after it would leave two goroutines to it.
func (k *Core) startLearning() {
	ctx, stop := context.WithCancel(context.Background())
	k.stopTend = stop
	k.consumed.Go(k.Node.Consume)
	k.tended.Go(func() {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		k.Node.Tend(ctx, t.C)
	})
	k.tended.Go(func() {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		for told := k.now(); ; {
			select {
			case <-ctx.Done():
				return
			case <-t.C:
				now := k.now()
				k.tellExpired(told, now)
				told = now
			}
		}
	})
}

// Close drains the queue, learns and saves what is in it, and lets the data directory go. The edges must have stopped.
func (k *Core) Close(ctx context.Context) error {
	k.Queue.Close()
	k.consumed.Wait()
	if k.Node == nil {
		k.Queue.Discard() // the data directory never became free (OpenPassed)
		return nil
	}
	k.stopTend()
	k.tended.Wait()
	return errors.Join(k.Node.Close(ctx), k.closeStore())
}

func (k *Core) closeStore() error {
	k.stopStore()
	k.stored.Wait()
	return k.Store.Close()
}

// seed is the part of a site's learning key that decides what survives a cap.
func (k *Core) seed(site string) (uint64, bool) {
	secrets, err := store.ReadSecrets(k.Store.Directory.Path(), site)
	if err != nil {
		return 0, false
	}
	return binary.BigEndian.Uint64(secrets.Learning[16:24]), true
}

func (k *Core) place(a netip.Addr) (identity.Place, bool) {
	p, ok := k.geo.Lookup(a)
	return identity.Place{Country: p.Country, ASN: p.ASN}, ok
}

// nodeNumber tells nodes apart in event ids; two nodes that happen to share one still differ by their random seed.
func nodeNumber(name string) uint16 {
	h := uint32(2166136261)
	for i := range len(name) {
		h = (h ^ uint32(name[i])) * 16777619
	}
	return uint16(h>>16) ^ uint16(h)
}

// RandomSeed is a seed for event.NewNamer.
func RandomSeed() uint64 {
	var b [8]byte
	_, _ = io.ReadFull(rand.Reader, b[:]) // crypto/rand never fails; it ends the process instead
	return binary.BigEndian.Uint64(b[:])
}
