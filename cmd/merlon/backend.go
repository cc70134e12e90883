package main

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"sync"
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

// backend is everything behind the edges of one process: engine, queue, and the slow side with its store. It owns the
// goroutines that run between open and close.
type backend struct {
	log *slog.Logger
	now func() time.Time

	store  *local.Store // holds the data directory's lock
	queue  *event.Queue
	geo    *geo.Table
	engine *engine.Engine
	node   *node.Node

	consumed  sync.WaitGroup // the consumer of the queue
	tended    sync.WaitGroup // the once-a-second work
	stored    sync.WaitGroup // the database's writer and the journal's sync
	stopTend  context.CancelFunc
	stopStore context.CancelFunc
}

// openBackend opens the data directory and everything in it, and starts the slow side.
func openBackend(ctx context.Context, cfg config.Config, b *bundle.Bundle, command string, log *slog.Logger) (_ *backend, err error) {
	k := &backend{log: log, now: time.Now}
	k.store, err = local.Open(ctx, cfg.Storage.Path, local.Options{
		Now: k.now, Command: command, Random: rand.Reader, DefaultSite: b.Sites[0].Name,
		Journal:  journal.Options{SampleBytes: int64(cfg.Retention.JournalBytes), SampleAge: cfg.Retention.JournalAge},
		Database: sqlite.Options{Node: cfg.Node, EventRows: cfg.Retention.EventRows},
	})
	if err != nil {
		return nil, directoryError(err)
	}
	k.startStore()
	defer func() {
		if err != nil {
			err = errors.Join(err, k.closeStore())
		}
	}()
	keys := make(map[string]dataclass.Key)
	for _, s := range b.Sites {
		secrets, err := k.store.Directory.Secrets(s.Name, rand.Reader)
		if err != nil {
			return nil, failed(err)
		}
		keys[s.Name] = dataclass.Key(secrets.Learning[:16])
	}
	if k.geo, err = geo.Open(); err != nil {
		return nil, failed(err)
	}
	k.queue = event.NewQueue(cfg.Limits.QueueEvents)
	k.queue.Linger(time.NewTimer(0))
	eng, wrong := engine.New(engine.Options{
		Queue: k.queue, Namer: event.NewNamer(nodeNumber(cfg.Node), randomSeed()), Node: cfg.Node, Places: k.place,
		Panicked: func(stage string, v any, stack []byte) {
			log.Error("a stage failed on an exchange; please report this", "stage", stage, "panic", fmt.Sprint(v), "stack", string(stack))
		},
	}, engine.Input{Bundle: b, Keys: keys})
	if eng == nil {
		return nil, mistakes(policy.Faults(wrong))
	}
	k.engine = eng
	k.node, err = node.Open(ctx, node.Options{
		Name: cfg.Node, Bundle: b, Seed: k.seed, Engine: k.engine, Queue: k.queue, Store: k.store, Now: k.now, Log: log,
	})
	if err != nil {
		return nil, failed(err)
	}
	k.startLearning()
	return k, nil
}

func (k *backend) startStore() {
	ctx, stop := context.WithCancel(context.Background())
	k.stopStore = stop
	k.stored.Go(func() {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		if err := k.store.Run(ctx, t.C); err != nil {
			k.log.Error("the store's writer ended", "error", err)
		}
	})
}

func (k *backend) startLearning() {
	ctx, stop := context.WithCancel(context.Background())
	k.stopTend = stop
	k.consumed.Go(k.node.Consume)
	k.tended.Go(func() {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		k.node.Tend(ctx, t.C)
	})
}

// close drains the queue, learns and saves what is in it, and lets the data directory go. The edges must have stopped.
func (k *backend) close(ctx context.Context) error {
	k.queue.Close()
	k.consumed.Wait()
	k.stopTend()
	k.tended.Wait()
	return errors.Join(k.node.Close(ctx), k.closeStore())
}

func (k *backend) closeStore() error {
	k.stopStore()
	k.stored.Wait()
	return k.store.Close()
}

// seed is the part of a site's learning key that decides what survives a cap.
func (k *backend) seed(site string) (uint64, bool) {
	secrets, err := store.ReadSecrets(k.store.Directory.Path(), site)
	if err != nil {
		return 0, false
	}
	return binary.BigEndian.Uint64(secrets.Learning[16:24]), true
}

func (k *backend) place(a netip.Addr) (identity.Place, bool) {
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

func randomSeed() uint64 {
	var b [8]byte
	_, _ = io.ReadFull(rand.Reader, b[:]) // crypto/rand never fails; it ends the process instead
	return binary.BigEndian.Uint64(b[:])
}

// directoryError tells a directory in use, which is wrong use, from one that cannot be had.
func directoryError(err error) error {
	if errors.Is(err, store.ErrLocked) {
		return &exitError{exitUsage, err}
	}
	return failed(err)
}
