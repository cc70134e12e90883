package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"merlon/internal/config"
	"merlon/internal/control/admin"
	"merlon/internal/core"
	"merlon/internal/core/handover"
	"merlon/internal/edge/proxy"
	"merlon/internal/edge/proxy/listen"
	"merlon/internal/edge/proxy/stream"
)

func serveCommand(c console) *cobra.Command {
	var src source
	cmd := &cobra.Command{
		Use: "serve", Short: "Put Merlon before an API: gateway and control plane in one process", Args: cobra.NoArgs,
		Long: `Put Merlon before an API: gateway and control plane in one process.
SIGHUP reads configuration, policies, descriptions and certificates again; so does a change of the files (reload.watch).
SIGUSR2 hands over to a new process of the same program file, which may have been replaced. SIGTERM drains and stops.`,
		Example: `  merlon serve --upstream http://127.0.0.1:3000
  merlon serve -c merlon.yaml`,
		RunE: func(cmd *cobra.Command, _ []string) error { return serve(cmd.Context(), src, c) },
	}
	f := &src.flags
	cmd.Flags().StringVarP(&src.file, "config", "c", "", "configuration file (docs/reference/config.md)")
	siteFlags(cmd, f)
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

// process is one running Merlon: the edges, what is behind them, and the surface for the humans.
type process struct {
	cfg     config.Config // what holds now; only the goroutine of serve changes it
	source  source
	log     *slog.Logger
	level   slog.LevelVar
	notify  string // systemd's socket; empty for none
	sockets *handover.Sockets
	parent  *handover.Parent // who handed over; nil for nobody
	backend *backend
	memory  *listen.Memory
	// attached tells that the data directory is this process's, with everything in backend.
	attached atomic.Bool

	proxy     *proxy.Server
	stream    *stream.Server
	admission *listen.Admission
	refused   atomic.Pointer[refusal]
	listeners []*listener
	groups    map[string]*siteGroup
	doors     []*http.Server // the side doors

	admin   *http.Server
	surface atomic.Pointer[http.Handler]
	people  *admin.Admin
	reloads reloads
	// handovers counts those that failed.
	handovers atomic.Uint64

	// replaced tells that another process goes on as this service.
	replaced bool
	// draining is set from the signal to stop on.
	draining atomic.Bool
	// listening are the URLs where clients are served, adminAddress is where people are.
	listening    atomic.Pointer[[]string]
	adminAddress string
	serving      sync.WaitGroup
	accepting    sync.WaitGroup // the listeners' part of it
	failure      chan error // the first listener that ends by itself
	// tasks run beside everything until quit ends.
	tasks sync.WaitGroup
	quit  context.CancelFunc
	life  context.Context
}

// background runs a task until the process stops or ctx ends.
func (p *process) background(ctx context.Context, task func(context.Context)) {
	p.tasks.Go(func() { task(ctx) })
}

// serve runs until ctx ends, or until another process has taken over, then drains.
func serve(ctx context.Context, src source, c console) error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGUSR2)
	defer signal.Stop(signals)
	notify := os.Getenv("NOTIFY_SOCKET")
	sockets, parent, err := handover.Inherit(handover.Environ{Get: os.Getenv, Unset: os.Unsetenv, PID: os.Getpid()})
	if err != nil {
		return tellParent(parent, failed(err))
	}
	l, err := src.load()
	if err != nil {
		return tellParent(parent, err)
	}
	p := newProcess(l.cfg, c)
	p.source, p.sockets, p.parent, p.notify = src, sockets, parent, notify
	if err := p.start(l); err != nil {
		return tellParent(parent, err)
	}
	if parent != nil {
		p.tasks.Go(func() { p.takeOver(l, c) })
	} else if err := p.printSetup(p.life, c); err != nil {
		return errors.Join(failed(err), p.stop())
	}
	return p.loop(ctx, l, signals)
}

// loop waits for what people and files have to say.
func (p *process) loop(ctx context.Context, l *loaded, signals <-chan os.Signal) error {
	changed := p.watch(l)
	handed := make(chan error, 1)
	handing := false
	for {
		select {
		case <-ctx.Done():
			p.log.Info("stopping: exchanges under way may finish", "for_at_most", p.cfg.Timeouts.Drain.String())
			return p.stop()
		case err := <-p.failure:
			p.log.Error("a listener ended", "error", err)
			return errors.Join(err, p.stop())
		case <-changed.C():
			p.reload("files changed", changed)
		case s := <-signals:
			switch {
			case s == syscall.SIGHUP:
				p.reload("signal", changed)
			case handing:
				p.log.Warn("a hand-over is under way already")
			default:
				handing = true
				p.tasks.Go(func() { handed <- p.handOver() })
			}
		case err := <-handed:
			handing = false
			if err != nil {
				p.handovers.Add(1)
				p.log.Error("the hand-over failed, and this process goes on", "error", err)
				continue
			}
			p.replaced = true
			p.log.Info("another process has taken over: exchanges under way may finish", "for_at_most", p.cfg.Timeouts.Drain.String())
			return p.stop()
		}
	}
}

// newProcess makes a process that has nothing open.
func newProcess(cfg config.Config, c console) *process {
	p := &process{cfg: cfg, failure: make(chan error, 8), sockets: new(handover.Sockets)}
	p.log = loggerBy(c, cfg.Logs, &p.level)
	p.life, p.quit = context.WithCancel(context.Background())
	return p
}

// start opens everything and begins to serve.
func (p *process) start(l *loaded) error {
	p.memory = listen.NewMemory(tuneRuntime(p.cfg.Limits))
	for _, n := range l.notices {
		p.log.Warn(n.String())
	}
	var err error
	if p.groups, err = p.groupsOf(l, nil); err != nil {
		p.quit()
		return err
	}
	if err := p.openBackend(l); err != nil {
		p.quit()
		return err
	}
	p.openEdge(p.life, plainGroups(p.groups))
	if err := p.listen(p.life); err != nil {
		return errors.Join(err, p.stop())
	}
	p.reloads.done(l, nil, time.Now())
	if p.parent == nil {
		p.tell("READY=1")
	}
	return nil
}

// openBackend opens what is behind the edges: the data directory, or what another process tells while it has that.
func (p *process) openBackend(l *loaded) (err error) {
	if p.parent == nil {
		p.backend, err = openBackend(p.life, l.cfg, l.bundle, "merlon serve", p.log)
		p.attached.Store(err == nil)
		return err
	}
	state, err := p.parent.State()
	if err != nil {
		return failed(err)
	}
	p.backend, err = newBackend(core.OpenPassed(p.coreOptions(l), state))
	return err
}

func (p *process) coreOptions(l *loaded) core.Options {
	return core.Options{Config: l.cfg, Bundle: l.bundle, Command: "merlon serve", Log: p.log, Now: time.Now}
}

// stop drains: first the edges, then what they have handed over, then the store.
func (p *process) stop() error {
	p.draining.Store(true)
	if !p.replaced {
		p.tell("STOPPING=1")
	}
	p.sockets.Close()
	// Listeners first, so that a connection that was just accepted is served and not met by a server that drains.
	for _, l := range p.listeners {
		l.retire()
	}
	p.accepting.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.Timeouts.Drain)
	defer cancel()
	var streams sync.WaitGroup
	streams.Go(func() {
		if err := p.stream.Shutdown(ctx); err != nil {
			p.log.Warn("some HTTP/2 requests were cut", "error", err)
		}
	})
	if err := p.proxy.Shutdown(ctx); err != nil {
		p.log.Warn("some exchanges were cut", "error", err)
	}
	streams.Wait()
	p.closeDoors(ctx)
	if p.admin != nil {
		if err := p.admin.Shutdown(ctx); err != nil {
			_ = p.admin.Close() // live event lists have no end of their own
		}
	}
	p.serving.Wait()
	p.quit()
	p.tasks.Wait()
	saveCtx, cancelSave := context.WithTimeout(context.Background(), time.Minute)
	defer cancelSave()
	if n := p.backend.queue.Len(); p.backend.node == nil && n > 0 {
		p.log.Error("events are lost: the data directory did not become free", "events", n)
	}
	if err := p.backend.close(saveCtx); err != nil {
		return failed(err)
	}
	p.log.Info("stopped; what was learned is saved")
	return nil
}

// tell lets systemd know; a service that systemd does not run tells nobody.
func (p *process) tell(state string) {
	if err := handover.Notify(p.notify, state); err != nil {
		p.log.Warn("systemd does not hear this service", "error", err)
	}
}
