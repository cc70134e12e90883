package main

import (
	"context"
	"log/slog"
	"time"

	"merlon/internal/config"
	"merlon/internal/core"
	"merlon/internal/enforce/engine"
	"merlon/internal/model/bundle"
	"merlon/internal/model/event"
	"merlon/internal/node"
	"merlon/internal/store/local"
)

// backend is what the commands use of everything behind the edges.
type backend struct {
	core   *core.Core
	now    func() time.Time
	store  *local.Store
	queue  *event.Queue
	engine *engine.Engine
	node   *node.Node
}

// openBackend opens the data directory and everything in it, and starts the slow side.
func openBackend(ctx context.Context, cfg config.Config, b *bundle.Bundle, command string, log *slog.Logger) (*backend, error) {
	k, err := core.Open(ctx, core.Options{Config: cfg, Bundle: b, Command: command, Log: log, Now: time.Now})
	if err != nil {
		return nil, coded(err)
	}
	return backendOf(k), nil
}

func backendOf(k *core.Core) *backend {
	return &backend{core: k, now: time.Now, store: k.Store, queue: k.Queue, engine: k.Engine, node: k.Node}
}

// close drains the queue, learns and saves what is in it, and lets the data directory go. The edges must have stopped.
func (k *backend) close(ctx context.Context) error { return k.core.Close(ctx) }
