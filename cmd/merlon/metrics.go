package main

import (
	"runtime"

	"github.com/prometheus/client_golang/prometheus"

	"merlon/internal/telemetry"
)

// registry is what /metrics shows.
func (p *process) registry() (*prometheus.Registry, error) {
	k := p.backend
	return telemetry.NewRegistry(telemetry.Build{Version: version, Commit: commit, GoVersion: runtime.Version()}, telemetry.Metrics{
		Events: k.queue.Published, Dropped: k.queue.Dropped, Learned: k.node.Learned, Queue: k.queue.Len,
		More: []prometheus.Collector{
			telemetry.Gauge("merlon_connections", "Open client connections.", func() float64 { return float64(p.proxy.Connections()) }),
			telemetry.Counter("merlon_distillations_total", "Distillations published.", k.node.Distillations),
			telemetry.Counter("merlon_snapshots_total", "Snapshots of the learned state saved.", k.node.Snapshots),
			telemetry.Counter("merlon_journal_dropped_total", "Events that the journal could not keep.", func() uint64 { return k.store.Journal.Status().Dropped }),
		},
	})
}
