// Package serve is one running Merlon: edges, core and surface put together; part of the composition root, it owns every goroutine.
//
// What comes from outside the program, its arguments, environment, signals and terminal, is handed in by cmd.
package serve

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"merlon/internal/config"
	"merlon/internal/control/admin"
	"merlon/internal/core"
	"merlon/internal/core/handover"
	"merlon/internal/edge/ingest/otlp"
	"merlon/internal/edge/proxy"
	"merlon/internal/edge/proxy/listen"
	"merlon/internal/edge/proxy/stream"
	"merlon/internal/telemetry"
)

// Options are what a process is handed beside its configuration.
type Options struct {
	// Source is read again on a reload; a process that is never reloaded needs none.
	Source Source
	// Build says which program runs.
	Build telemetry.Build
	// Log is what everybody logs to; Level, unless nil, follows the configuration through reloads.
	Log   *slog.Logger
	Level *slog.LevelVar
	// Person is where the link to set up a fresh installation is printed: a terminal, never a log. Without one, nil, the link
	// is kept in a file of the data directory.
	Person io.Writer
	// Ceiling is the memory to stay below, in bytes.
	Ceiling int64
	// Notify is systemd's socket; empty for none.
	Notify string
	// Sockets are those inherited and those to pass on; nil inherits none. Parent is who handed over; nil for nobody.
	Sockets *handover.Sockets
	Parent  *handover.Parent
	// Again says how this program is started anew for a hand-over: path, arguments and environment; nil refuses hand-overs.
	Again func() (handover.Start, error)
}

// Process is one running Merlon: the edges, what is behind them, and the surface for the humans.
type Process struct {
	o      Options
	first  *Loaded       // what it started with
	cfg    config.Config // what holds now; only the goroutine of Run changes it
	log    *slog.Logger
	core   *core.Core
	memory *listen.Memory
	// attached tells that the data directory is this process's, with everything in core.
	attached atomic.Bool

	proxy     *proxy.Server
	stream    *stream.Server
	admission *listen.Admission
	// connections is how many clients there is room for.
	connections int
	refused     atomic.Pointer[refusal]
	listeners   []*listener
	groups      map[string]*siteGroup
	doors       []*http.Server // the side doors

	admin   *http.Server
	local   *http.Server // the door for commands in the data directory; nil until that is ours
	surface atomic.Pointer[http.Handler]
	people  *admin.Admin
	reloads reloads
	traffic *traffic
	otlp    *otlp.Receiver // nil without that door
	// handovers counts those that failed.
	handovers atomic.Uint64

	// replaced tells that another process goes on as this service.
	replaced bool
	// draining is set from the signal to stop on.
	draining atomic.Bool
	// visible is what people and /metrics look at; adminAddress is where people are.
	visible      atomic.Pointer[visible]
	adminAddress string
	serving      sync.WaitGroup
	accepting    sync.WaitGroup // the listeners' part of it
	ending       sync.WaitGroup // HTTP/3 that drains
	failure      chan error     // the first listener that ends by itself
	// tasks run beside everything until quit ends.
	tasks sync.WaitGroup
	quit  context.CancelFunc
	life  context.Context
}

// background runs a task until the process stops or ctx ends.
func (p *Process) background(ctx context.Context, task func(context.Context)) {
	p.tasks.Go(func() { task(ctx) })
}

// New makes a process that has nothing open.
func New(l *Loaded, o Options) *Process {
	p := &Process{o: o, first: l, cfg: l.cfg, log: o.Log, failure: make(chan error, 8), traffic: newTraffic(l.cfg.Sites)}
	if p.o.Sockets == nil {
		p.o.Sockets = new(handover.Sockets)
	}
	p.life, p.quit = context.WithCancel(context.Background())
	return p
}

// Run serves, after Start, until ctx ends, or until another process has taken over, then drains. SIGHUP on signals reads
// everything again, SIGUSR2 hands over.
func (p *Process) Run(ctx context.Context, signals <-chan os.Signal) error {
	if p.o.Parent != nil {
		p.tasks.Go(func() { p.takeOver(p.first) })
	} else if err := p.TellSetup(p.life); err != nil {
		return errors.Join(err, p.Stop())
	}
	return p.loop(ctx, p.first, signals)
}

// loop waits for what people and files have to say.
func (p *Process) loop(ctx context.Context, l *Loaded, signals <-chan os.Signal) error {
	changed := p.watch(l)
	handed := make(chan error, 1)
	handing := false
	for {
		select {
		case <-ctx.Done():
			p.log.Info("stopping: exchanges under way may finish", "for_at_most", p.cfg.Timeouts.Drain.String())
			return p.Stop()
		case err := <-p.failure:
			p.log.Error("a listener ended", "error", err)
			return errors.Join(err, p.Stop())
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
			return p.Stop()
		}
	}
}

// Start opens everything and begins to serve; after an error nothing is open. Whoever does not go on with Run ends it
// with Stop.
func (p *Process) Start() error {
	l := p.first
	p.memory = listen.NewMemory(p.o.Ceiling)
	logNotices(p.log, l.notices)
	var err error
	if p.groups, err = p.groupsOf(l.cfg, nil); err != nil {
		p.quit()
		return err
	}
	if err := p.openCore(l); err != nil {
		p.quit()
		return err
	}
	p.openEdge(p.life, plainGroups(p.groups))
	if err := p.listen(p.life); err != nil {
		return errors.Join(err, p.Stop())
	}
	p.reloads.done(l, nil, time.Now())
	if p.o.Parent == nil {
		p.tell("READY=1")
	}
	return nil
}

// openCore opens what is behind the edges: the data directory, or what another process tells while it has that.
func (p *Process) openCore(l *Loaded) (err error) {
	if p.o.Parent == nil {
		p.core, err = core.Open(p.life, p.coreOptions(l))
		p.attached.Store(err == nil)
		return err
	}
	state, err := p.o.Parent.State()
	if err != nil {
		return err
	}
	p.core, err = core.OpenPassed(p.coreOptions(l), state)
	return err
}

func (p *Process) coreOptions(l *Loaded) core.Options {
	return core.Options{Config: l.cfg, Bundle: l.bundle, Command: "merlon serve", Observe: p.traffic.observe, Additions: additions, Log: p.log, Now: time.Now}
}

// Core is what is behind the edges, for whoever feeds it beside them.
func (p *Process) Core() *core.Core { return p.core }

// Stop drains: first the edges, then what they have handed over, then the store.
func (p *Process) Stop() error {
	p.draining.Store(true)
	if !p.replaced {
		p.tell("STOPPING=1")
	}
	p.o.Sockets.Close()
	// Listeners first, so that a connection that was just accepted is served and not met by a server that drains.
	for _, l := range p.listeners {
		l.retire()
	}
	p.accepting.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), p.cfg.Timeouts.Drain)
	defer cancel()
	var streams sync.WaitGroup
	streams.Go(func() { p.drainStreams(ctx) })
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
	p.quit()
	p.tasks.Wait()
	p.closeLocal(ctx)
	p.serving.Wait()
	saveCtx, cancelSave := context.WithTimeout(context.Background(), time.Minute)
	defer cancelSave()
	if err := p.core.Close(saveCtx); err != nil {
		return err
	}
	if n := p.core.Queue.Dropped(); p.core.Node == nil && n > 0 {
		p.log.Error("events are lost: the data directory did not become free", "events", n, "of", p.core.Queue.Published())
		return nil
	}
	p.log.Info("stopped; what was learned is saved")
	return nil
}

// tell lets systemd know; a service that systemd does not run tells nobody.
func (p *Process) tell(state string) {
	if err := handover.Notify(p.o.Notify, state); err != nil {
		p.log.Warn("systemd does not hear this service", "error", err)
	}
}
