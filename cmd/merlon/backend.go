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
	"merlon/internal/learn/summary"
	"merlon/internal/model/bundle"
	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/identity"
	"merlon/internal/node"
	"merlon/internal/store"
	"merlon/internal/store/journal"
	"merlon/internal/store/sqlite"
)

// backend is everything behind the edges of one process: engine, queue, and the slow side with its store. It owns the
// goroutines that run between open and close.
type backend struct {
	log *slog.Logger
	now func() time.Time

	directory *store.Directory // holds the data directory's lock
	journal   *journal.Journal
	db        *sqlite.DB
	queue     *event.Queue
	geo       *geo.Table
	engine    *engine.Engine
	node      *node.Node

	consumed sync.WaitGroup // the consumer of the queue
	tended   sync.WaitGroup // the once-a-second work and the journal's sync
	written  sync.WaitGroup // the database's writer
	stopTend context.CancelFunc
	stopDB   context.CancelFunc
}

// openBackend opens the data directory and everything in it, and starts the slow side.
func openBackend(ctx context.Context, cfg config.Config, b *bundle.Bundle, command string, log *slog.Logger) (_ *backend, err error) {
	k := &backend{log: log, now: time.Now}
	k.directory, err = store.OpenDirectory(cfg.Storage.Path, command, k.now())
	if err != nil {
		return nil, directoryError(err)
	}
	defer func() {
		if err != nil {
			k.abandon()
		}
	}()
	keys := make(map[string]dataclass.Key)
	seeds := make(map[string]uint64)
	var sampling [32]byte
	for i, s := range b.Sites {
		secrets, err := k.directory.Secrets(s.Name, rand.Reader)
		if err != nil {
			return nil, failed(err)
		}
		keys[s.Name] = dataclass.Key(secrets.Learning[:16])
		seeds[s.Name] = binary.BigEndian.Uint64(secrets.Learning[16:24])
		if i == 0 {
			sampling = secrets.Learning
		}
	}
	if k.geo, err = geo.Open(); err != nil {
		return nil, failed(err)
	}
	k.queue = event.NewQueue(cfg.Limits.QueueEvents)
	engineOptions := engine.Options{
		Queue: k.queue, Namer: event.NewNamer(nodeNumber(cfg.Node), randomSeed()), Node: cfg.Node, Places: k.place,
		Panicked: func(stage string, v any, stack []byte) {
			log.Error("a stage failed on an exchange; please report this", "stage", stage, "panic", fmt.Sprint(v), "stack", string(stack))
		},
	}
	eng, mistakesFound := engine.New(engineOptions, engine.Input{Bundle: b, Keys: keys})
	for _, m := range mistakesFound {
		if m.Notice {
			log.Warn(m.String())
		}
	}
	if eng == nil {
		return nil, mistakes(policy.Faults(mistakesFound))
	}
	k.engine = eng
	if k.db, err = sqlite.Open(ctx, k.directory.Path("merlon.db"), sqlite.Options{Now: k.now, Node: cfg.Node, EventRows: cfg.Retention.EventRows}); err != nil {
		return nil, storeError(err)
	}
	dbCtx, stopDB := context.WithCancel(context.Background())
	k.stopDB = stopDB
	k.written.Go(func() {
		if err := k.db.Run(dbCtx); err != nil {
			log.Error("the database's writer ended", "error", err)
		}
	})
	covered, err := k.db.Covered(ctx)
	if err != nil {
		return nil, storeError(err)
	}
	k.journal, err = journal.Open(k.directory.Path("journal"), journal.Options{
		Now: k.now, Key: sampling, After: covered,
		SampleBytes: int64(cfg.Retention.JournalBytes), SampleAge: cfg.Retention.JournalAge,
	})
	if err != nil {
		return nil, storeError(err)
	}
	k.node, err = node.Open(ctx, node.Options{
		Name: cfg.Node, Bundle: b, Seeds: seeds, Engine: k.engine, Queue: k.queue, Journal: k.journal, DB: k.db, Now: k.now, Log: log,
	})
	if err != nil {
		return nil, storeError(err)
	}
	k.start()
	return k, nil
}

// start runs the slow side's goroutines.
func (k *backend) start() {
	ctx, stop := context.WithCancel(context.Background())
	k.stopTend = stop
	k.consumed.Go(k.node.Consume)
	k.tended.Go(func() {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		k.node.Tend(ctx, t.C)
	})
	k.tended.Go(func() {
		t := time.NewTicker(time.Second)
		defer t.Stop()
		k.journal.Run(ctx, t.C)
	})
}

// close drains the queue, learns and saves what is in it, and lets the data directory go. The edges must have stopped.
func (k *backend) close(ctx context.Context) error {
	k.queue.Close()
	k.consumed.Wait()
	k.stopTend()
	k.tended.Wait()
	err := k.node.Close(ctx)
	err = errors.Join(err, k.journal.Close())
	k.stopDB()
	k.written.Wait()
	return errors.Join(err, k.db.Close(), k.directory.Close())
}

// abandon lets go of what was opened before something failed.
func (k *backend) abandon() {
	if k.journal != nil {
		_ = k.journal.Close()
	}
	if k.stopDB != nil {
		k.stopDB()
		k.written.Wait()
	}
	if k.db != nil {
		_ = k.db.Close()
	}
	_ = k.directory.Close()
}

func (k *backend) place(a netip.Addr) (identity.Place, bool) {
	p, ok := k.geo.Lookup(a)
	return identity.Place{Country: p.Country, ASN: p.ASN}, ok
}

// state calls f with a site's learned state.
func (k *backend) state(site string, f func(*summary.State)) { k.node.Merged(site, f) }

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

// storeError keeps an exit code that is there already.
func storeError(err error) error {
	var coded *exitError
	if errors.As(err, &coded) {
		return err
	}
	return failed(err)
}
