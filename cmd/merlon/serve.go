package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/spf13/cobra"
	"golang.org/x/term"

	"merlon/internal/config"
	"merlon/internal/control/admin"
	"merlon/internal/edge/http1"
	"merlon/internal/edge/proxy"
	"merlon/internal/edge/proxy/listen"
	"merlon/internal/edge/proxy/upstream"
	"merlon/internal/telemetry"
)

func serveCommand(c console) *cobra.Command {
	var file string
	var f config.Flags
	cmd := &cobra.Command{
		Use: "serve", Short: "Put Merlon before an API: gateway and control plane in one process", Args: cobra.NoArgs,
		Example: `  merlon serve --upstream http://127.0.0.1:3000
  merlon serve -c merlon.yaml`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			cfg, err := loadConfig(file, f)
			if err != nil {
				return err
			}
			return serve(cmd.Context(), cfg, c)
		},
	}
	cmd.Flags().StringVarP(&file, "config", "c", "", "configuration file (docs/reference/config.md)")
	siteFlags(cmd, &f)
	cmd.Flags().StringVar(&f.Upstream, "upstream", "", "URL of the API to protect, such as http://127.0.0.1:3000")
	cmd.Flags().StringVar(&f.Listen, "listen", "", "address to serve clients on (default 127.0.0.1:8080)")
	cmd.Flags().StringVar(&f.Admin, "admin", "", "address of dashboard and API (default 127.0.0.1:9901)")
	return cmd
}

// siteFlags are the flags that every command with a site and a data directory has.
func siteFlags(cmd *cobra.Command, f *config.Flags) {
	cmd.Flags().StringSliceVar(&f.Specs, "spec", nil, "OpenAPI description of the API; may be repeated")
	cmd.Flags().StringVar(&f.Policy, "policy", "", "policy file (docs/reference/policy.md)")
	cmd.Flags().StringVar(&f.Data, "data", "", "data directory (default ./data)")
}

// loadConfig reads the file, if one is named, lays the flags over it and returns every mistake at once.
func loadConfig(file string, f config.Flags) (config.Config, error) {
	cfg := config.Default()
	if file != "" {
		var wrong []config.Mistake
		if cfg, wrong = config.Load(file, os.ReadFile); len(wrong) > 0 {
			return cfg, mistakes(wrong)
		}
	}
	cfg, wrong := cfg.Apply(f)
	if len(wrong) > 0 {
		return cfg, mistakes(wrong)
	}
	return cfg, nil
}

// process is one running Merlon: the edges, what is behind them, and the surface for the humans.
type process struct {
	cfg     config.Config
	log     *slog.Logger
	backend *backend
	proxy   *proxy.Server
	// admission says who may connect, on all listeners.
	admission *listen.Admission
	admin     *http.Server
	people    *admin.Admin
	doors     []*http.Server // the side doors
	// draining is set from the signal to stop on.
	draining atomic.Bool
	// listening are the URLs where clients are served, adminAddress is where people are.
	listening    []string
	adminAddress string
	serving      sync.WaitGroup
	failure      chan error // the first listener that ends by itself
}

// serve runs until ctx ends, then drains.
func serve(ctx context.Context, cfg config.Config, c console) error {
	p, err := start(ctx, cfg, c)
	if err != nil {
		return err
	}
	if err := p.printSetup(ctx, c); err != nil {
		return errors.Join(failed(err), p.stop())
	}
	select {
	case <-ctx.Done():
		p.log.Info("stopping: exchanges under way may finish", "for_at_most", cfg.Timeouts.Drain.String())
	case err = <-p.failure:
		p.log.Error("a listener ended", "error", err)
	}
	return errors.Join(err, p.stop())
}

// start opens everything and begins to serve.
func start(ctx context.Context, cfg config.Config, c console) (*process, error) {
	p := &process{cfg: cfg, log: logger(c), failure: make(chan error, 8)}
	tuneRuntime()
	b, notices, faults := loadBundle(cfg)
	if len(faults) > 0 {
		return nil, mistakes(faults)
	}
	for _, n := range notices {
		p.log.Warn(n.String())
	}
	sites, err := p.upstreams(cfg)
	if err != nil {
		return nil, err
	}
	if p.backend, err = openBackend(ctx, cfg, b, "merlon serve", p.log); err != nil {
		return nil, err
	}
	p.admission = listen.NewAdmission(listen.AdmissionOptions{
		Connections: cfg.Limits.Connections, PerNetwork: cfg.Limits.ConnectionsPerNetwork, Handshakes: cfg.Limits.Handshakes,
		Now: time.Now, Log: p.log,
	})
	p.proxy = proxy.New(proxy.Options{
		Engine: p.backend.engine, Sites: sites, Log: p.log, Now: time.Now,
		Codec:          codec(cfg.Limits),
		Admission:      p.admission,
		BodyRate:       int(cfg.Limits.BodyBytesPerSecond),
		InspectRequest: int(cfg.Limits.InspectRequestBytes), InspectResponse: int(cfg.Limits.InspectResponseBytes),
		Timeouts: proxy.Timeouts{
			Head: cfg.Timeouts.Head, Body: cfg.Timeouts.Body, Idle: cfg.Timeouts.Idle,
		},
	})
	if err = p.listen(ctx); err != nil {
		return nil, errors.Join(err, p.stop())
	}
	return p, nil
}

// codec are the bounds of heads and bodies, on both sides.
func codec(l config.Limits) http1.Limits {
	return http1.Limits{
		StartLineBytes: int(l.TargetBytes), HeadBytes: int(l.HeadBytes), Fields: l.HeaderFields, BodyBytes: int64(l.BodyBytes),
	}
}

// upstreams makes what stands behind each site.
func (p *process) upstreams(cfg config.Config) (map[string]*upstream.Group, error) {
	sites := make(map[string]*upstream.Group)
	for _, s := range cfg.Sites {
		if len(s.Upstreams) == 0 {
			continue
		}
		o := upstream.Options{
			Site: s.Name, Codec: codec(cfg.Limits), MaxIdle: cfg.Limits.UpstreamConnections, Log: p.log, Now: time.Now,
			Timeouts: upstream.Timeouts{Connect: cfg.Timeouts.Connect, Response: cfg.Timeouts.Response, Body: cfg.Timeouts.Body},
		}
		for _, u := range s.Upstreams {
			one, err := upstream.ParseTarget(u.URL)
			if err != nil {
				return nil, &exitError{exitUsage, err}
			}
			o.Targets = append(o.Targets, one)
		}
		sites[s.Name] = upstream.NewGroup(o)
	}
	return sites, nil
}

// listen opens every address before the first request is served, so that a taken port is found at once.
func (p *process) listen(ctx context.Context) error {
	var lc net.ListenConfig
	for _, l := range p.cfg.Listen {
		nl, err := lc.Listen(ctx, "tcp", l.Address)
		if err != nil {
			return failed(fmt.Errorf("cannot serve clients: %w", err))
		}
		p.log.Info("serving clients", "address", nl.Addr().String())
		p.listening = append(p.listening, "http://"+reachable(nl.Addr()))
		p.serving.Go(func() {
			if err := p.proxy.Serve(listen.New(nl, listen.Options{Trusted: l.ProxyProtocol, Admission: p.admission, Now: time.Now, Log: p.log})); !errors.Is(err, proxy.ErrClosed) {
				p.failure <- err
			}
		})
	}
	if err := p.openDoors(ctx, &lc); err != nil {
		return err
	}
	al, err := lc.Listen(ctx, "tcp", p.cfg.Admin.Address)
	if err != nil {
		return failed(fmt.Errorf("cannot serve the dashboard: %w", err))
	}
	handler, err := p.adminHandler(ctx)
	if err != nil {
		_ = al.Close()
		return failed(err)
	}
	p.admin = admin.Server(handler, p.log)
	p.adminAddress = reachable(al.Addr())
	p.log.Info("serving dashboard and API", "address", "http://"+al.Addr().String()+"/")
	p.serving.Go(func() {
		if err := p.admin.Serve(al); !errors.Is(err, http.ErrServerClosed) {
			p.failure <- err
		}
	})
	return nil
}

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

// stop drains: first the edges, then what they have handed over, then the store.
func (p *process) stop() error {
	p.draining.Store(true)
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.Timeouts.Drain)
	defer cancel()
	var errs []error
	if err := p.proxy.Shutdown(ctx); err != nil {
		p.log.Warn("some exchanges were cut", "error", err)
	}
	p.closeDoors(ctx)
	if p.admin != nil {
		if err := p.admin.Shutdown(ctx); err != nil {
			_ = p.admin.Close() // live event lists have no end of their own
		}
	}
	p.serving.Wait()
	saveCtx, cancelSave := context.WithTimeout(context.Background(), time.Minute)
	defer cancelSave()
	if err := p.backend.close(saveCtx); err != nil {
		errs = append(errs, failed(err))
	} else {
		p.log.Info("stopped; what was learned is saved")
	}
	return errors.Join(errs...)
}

// tuneRuntime trades memory for processor time (measured by make bench), unless the environment has its own mind.
func tuneRuntime() {
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(200)
	}
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(2 << 30)
	}
}

// logger writes for people on a terminal, for machines elsewhere.
func logger(c console) *slog.Logger {
	f, ok := c.err.(*os.File)
	return telemetry.NewLogger(c.err, telemetry.LogOptions{Text: ok && term.IsTerminal(int(f.Fd())), Level: slog.LevelInfo})
}
