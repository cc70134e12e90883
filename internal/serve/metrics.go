package serve

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"merlon/internal/edge/ingest/otlp"
	"merlon/internal/edge/proxy/listen"
	"merlon/internal/telemetry"
)

// registry is what /metrics shows.
func (p *Process) registry() (*prometheus.Registry, error) {
	k := p.core
	more := []prometheus.Collector{
		telemetry.Gauge("merlon_connections", "Open client connections.", func() float64 { return float64(p.proxy.Connections()) }),
		telemetry.Gauge("merlon_http2_connections", "Open HTTP/2 connections, among the client connections.", func() float64 { return float64(p.stream.Connections()) }),
		telemetry.Gauge("merlon_http2_requests", "HTTP/2 requests under way.", func() float64 { return float64(p.stream.Requests()) }),
		telemetry.Gauge("merlon_memory_pressure", "Share of the memory ceiling in use; from 0.9 on idle connections are closed, from 0.97 on requests are refused.", p.memory.Pressure),
		telemetry.Gauge("merlon_policy_exceptions_expired", "Exceptions of policies whose time is over, and whose findings count again.", func() float64 { return float64(k.ExpiredExceptions(time.Now())) }),
		telemetry.Counter("merlon_distillations_total", "Distillations published.", k.Node.Distillations),
		telemetry.Counter("merlon_snapshots_total", "Snapshots of the learned state saved.", k.Node.Snapshots),
		telemetry.Counter("merlon_journal_dropped_total", "Events that the journal could not keep.", func() uint64 { return k.Store.Journal.Status().Dropped }),
		telemetry.Gauge("merlon_config_last_reload_success_timestamp_seconds", "When the configuration that holds was read.", func() float64 { return float64(p.reloads.at.Load()) }),
		telemetry.Gauge("merlon_config_hash", "First 48 bits of the hash over everything that the configuration names; equal on nodes that run the same.", func() float64 { return float64(p.reloads.hash.Load()) }),
	}
	more = append(more, labelled("merlon_reloads_total", "Readings of the configuration, the first included.", "result", map[string]func() uint64{
		"success": p.reloads.good.Load, "failure": p.reloads.bad.Load,
	})...)
	more = append(more, labelled("merlon_handovers_failed_total", "Attempts to hand over to a new process that failed.", "", map[string]func() uint64{"": p.handovers.Load})...)
	a := func(f func(listen.Stats) uint64) func() uint64 {
		return func() uint64 { return f(p.admission.Stats()) }
	}
	more = append(more, p.traffic, newDoing(p), telemetry.Gauge("merlon_client_networks", "Networks (/24, /48) that clients are connected from.", func() float64 { return float64(p.admission.Stats().Networks) }),
		telemetry.Gauge("merlon_connections_limit", "Client connections that may be open at once: as configured, or as many as the limit of open files leaves room for.", func() float64 { return float64(p.connections) }))
	if r := p.otlp; r != nil {
		more = append(more, otlpCounters(r)...)
	}
	more = append(more, telemetry.Counter("merlon_connections_admitted_total", "Client connections let in.", a(func(s listen.Stats) uint64 { return s.Admitted })))
	more = append(more, labelled("merlon_connections_refused_total", "Client connections closed at once, and those closed to make room (shed).", "reason", map[string]func() uint64{
		"full": a(func(s listen.Stats) uint64 { return s.RefusedFull }), "network": a(func(s listen.Stats) uint64 { return s.RefusedNetwork }),
		"listed": a(func(s listen.Stats) uint64 { return s.RefusedListed }), "shed": a(func(s listen.Stats) uint64 { return s.Shed }),
	})...)
	more = append(more, labelled("merlon_tls_handshakes_total", "TLS handshakes begun, failed, and refused because too many were waiting; plain_http are those of the failed that were plain HTTP.", "result", map[string]func() uint64{
		"begun": a(func(s listen.Stats) uint64 { return s.Handshakes }), "failed": a(func(s listen.Stats) uint64 { return s.HandshakesFailed }),
		"refused": a(func(s listen.Stats) uint64 { return s.HandshakesRefused }), "plain_http": a(func(s listen.Stats) uint64 { return s.PlainHTTP }),
	})...)
	return telemetry.NewRegistry(p.o.Build, telemetry.Metrics{
		Events: k.Queue.Published, Dropped: k.Queue.Dropped, Learned: k.Node.Learned, Queue: k.Queue.Len, More: more,
	})
}

// otlpCounters are those of the OTLP receiver.
func otlpCounters(r *otlp.Receiver) []prometheus.Collector {
	c := func(f func(otlp.Stats) int64) func() uint64 { return func() uint64 { return uint64(f(r.Stats())) } }
	all := []prometheus.Collector{telemetry.Counter("merlon_otlp_requests_total", "Requests to the OTLP receiver.", c(func(s otlp.Stats) int64 { return s.Requests }))}
	all = append(all, labelled("merlon_otlp_turned_away_total", "Requests to the OTLP receiver that were refused, or put off for being too many.", "result", map[string]func() uint64{
		"refused": c(func(s otlp.Stats) int64 { return s.Refused }), "put_off": c(func(s otlp.Stats) int64 { return s.PutOff }),
	})...)
	return append(all, labelled("merlon_otlp_records_total", "Spans and log records received: exchanges that are learned from, calls by clients, what is no HTTP, what names no path or method, and what is damaged.", "kind", map[string]func() uint64{
		"exchange": c(func(s otlp.Stats) int64 { return s.Exchanges }), "client": c(func(s otlp.Stats) int64 { return s.Clients }),
		"other": c(func(s otlp.Stats) int64 { return s.Others }), "vague": c(func(s otlp.Stats) int64 { return s.Vague }),
		"rejected": c(func(s otlp.Stats) int64 { return s.Rejected }),
	})...)
}

// labelled is one counter for each of a few known values of a label.
func labelled(name, help, label string, values map[string]func() uint64) []prometheus.Collector {
	var all []prometheus.Collector
	for value, f := range values {
		o := prometheus.CounterOpts{Name: name, Help: help}
		if label != "" {
			o.ConstLabels = prometheus.Labels{label: value}
		}
		all = append(all, prometheus.NewCounterFunc(o, func() float64 { return float64(f()) }))
	}
	return all
}
