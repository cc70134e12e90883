package upstream

import (
	"context"
	"log/slog"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"merlon/internal/config"
	"merlon/internal/edge/http1"
	"merlon/internal/edge/proxy/upstream/link"
	"merlon/internal/edge/proxy/upstream/retry"
)

// Options is everything a Group is made from. Zero limits and time-outs take their defaults.
type Options struct {
	// Site is whose servers these are, for the log.
	Site    string
	Targets []Target
	// Hash keeps the requests of one Key with one server; else each goes where the fewest are under way.
	Hash bool
	// Codec bounds the answers' heads and framing.
	Codec    http1.Limits
	Timeouts Timeouts
	Retries  Retries
	// Health is the active check; without a path only the answers to requests tell how servers are.
	Health Health
	// MaxIdle is how many idle connections are kept to each server (default as in config).
	MaxIdle int
	// MaxInUse is how many requests one server may have under way (default as in config); Target.MaxConnections lowers it. Beyond it
	// requests wait: at most MaxWaiting (default 1024) of the group, each at most Wait (default 1 s). All others get ErrBusy.
	MaxInUse, MaxWaiting int
	Wait                 time.Duration
	// Resolve looks up a target's host name while Run runs, every ResolveEvery (default 30 s, as the resolvers of operating
	// systems do not tell how long an address holds). nil: names are looked up when connecting, and are one server each.
	Resolve      func(ctx context.Context, host string) ([]netip.Addr, error)
	ResolveEvery time.Duration
	// Dial opens a connection; nil is net.Dialer's.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Tick makes the tickers of Run; nil is time.NewTicker.
	Tick func(every time.Duration) (ticks <-chan time.Time, stop func())
	Log  *slog.Logger
	// Now is the wall clock.
	Now func() time.Time
}

// Timeouts bound each step in wall time; their defaults are those of config.
type Timeouts struct {
	// Connect bounds connecting, TLS included.
	Connect time.Duration
	// Response bounds the wait for an answer, from the request's last byte on.
	Response time.Duration
	// Body bounds each wait for more of a body, in either direction.
	Body time.Duration
}

// Retries bound how often requests are sent again, to another server.
type Retries struct {
	// Budget is the share of requests that may be sent again (default 0.2, as Finagle and Envoy take): when everything fails,
	// retries would only add to it.
	Budget float64
	// Attempts is how often one request may be sent in all (default 2); 1 is never again.
	Attempts int
}

func (o *Options) fill() {
	o.Codec = o.Codec.Filled()
	d := config.Default()
	def(&o.MaxIdle, d.Limits.UpstreamConnections)
	def(&o.MaxInUse, d.Limits.UpstreamInUse)
	def(&o.MaxWaiting, 1024)
	def(&o.Wait, time.Second)
	def(&o.ResolveEvery, 30*time.Second)
	def(&o.Timeouts.Connect, d.Timeouts.Connect)
	def(&o.Timeouts.Response, d.Timeouts.Response)
	def(&o.Timeouts.Body, d.Timeouts.Body)
	def(&o.Retries.Budget, 0.2)
	def(&o.Retries.Attempts, 2)
	o.Health.fill()
	if o.Dial == nil {
		o.Dial = new(net.Dialer).DialContext
	}
	if o.Tick == nil {
		o.Tick = func(every time.Duration) (<-chan time.Time, func()) {
			t := time.NewTicker(every)
			return t.C, t.Stop
		}
	}
}

// def sets what was left out.
func def[T int | float64 | time.Duration](p *T, v T) {
	if *p <= 0 {
		*p = v
	}
}

// Group is the servers of one site.
type Group struct {
	o       Options
	servers atomic.Pointer[[]*Server]
	budget  retry.Budget
	// waiting counts the requests that wait for a server; freed wakes one of them.
	waiting atomic.Int32
	freed   chan struct{}
	// shorts counts what failed for want of something of our own, shortAt is when that was last said, with those until shortTold.
	shorts, shortTold atomic.Uint64
	shortAt           atomic.Int64
	// buffers are for bodies of HTTP/2 answers.
	buffers sync.Pool
	// life ends with Close, use with Cut: what is under way outlives the group.
	life, use context.Context
	end, cut  context.CancelFunc
	// unresolved are the targets whose name could not be looked up the last time. It is Run's.
	unresolved map[*Target]bool
}

// NewGroup makes a group. It opens nothing; the first requests do.
func NewGroup(o Options) *Group {
	o.fill()
	g := &Group{o: o, freed: make(chan struct{}, 1), unresolved: make(map[*Target]bool)}
	g.budget.Fill(o.Retries.Budget)
	g.buffers.New = func() any { return new([link.StreamBuffer]byte) }
	g.life, g.end = context.WithCancel(context.Background())
	g.use, g.cut = context.WithCancel(context.Background())
	list := make([]*Server, 0, len(o.Targets))
	for i := range o.Targets {
		t := &o.Targets[i]
		list = append(list, newServer(g, t, []string{t.Address}))
	}
	g.servers.Store(&list)
	return g
}

// Run checks the servers' health, looks their names up and closes what nobody needs, until ctx ends or the group is closed. A group works without it.
func (g *Group) Run(ctx context.Context) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(g.life, cancel)()
	var names, checks <-chan time.Time
	if g.o.Resolve != nil && g.named() {
		ticks, stop := g.o.Tick(g.o.ResolveEvery)
		defer stop()
		names = ticks
		g.resolve(ctx)
	}
	if g.o.Health.Path != "" {
		ticks, stop := g.o.Tick(g.o.Health.Interval)
		defer stop()
		checks = ticks
		g.check(ctx)
	}
	sweeps, stop := g.o.Tick(sweepEvery)
	defer stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-sweeps:
			for _, s := range *g.servers.Load() {
				s.sweep(g.now() - int64(idleHTTP1))
			}
		case <-names:
			g.resolve(ctx)
		case <-checks:
			g.check(ctx)
		}
	}
}

// Cut is Close for a process that waits no longer: connecting, and waiting for room, end too.
func (g *Group) Cut() {
	g.cut()
	g.Close()
}

// Close closes the idle connections and keeps no others from now on: exchanges under way end in their own time.
func (g *Group) Close() {
	g.end()
	for _, s := range *g.servers.Load() {
		s.close()
	}
}

// ServerStatus is how one server is doing.
type ServerStatus struct {
	// Address is where it is reached, or its name as long as that was not looked up.
	Address string
	// Healthy tells that it gets ordinary requests; one that is out is still asked when there is no other.
	Healthy bool
	// InUse are the requests under way, Idle the connections kept for more (HTTP/1.1).
	InUse, Idle int
}

// Servers is how the servers are doing, in the order of the configuration.
func (g *Group) Servers() []ServerStatus {
	list := *g.servers.Load()
	out := make([]ServerStatus, 0, len(list))
	for _, s := range list {
		s.pool.Lock()
		idle := len(s.idle)
		s.pool.Unlock()
		out = append(out, ServerStatus{Address: s.name(), Healthy: s.healthy(), InUse: int(s.inUse.Load()), Idle: idle})
	}
	return out
}

// Shortages counts the connections that could not be opened because this machine had nothing left for them (ErrLocal).
func (g *Group) Shortages() uint64 { return g.shorts.Load() }

func (g *Group) now() int64 { return g.o.Now().UnixNano() }

func (g *Group) buffer() []byte { return g.buffers.Get().(*[link.StreamBuffer]byte)[:] }

func (g *Group) giveBack(b []byte) { g.buffers.Put((*[link.StreamBuffer]byte)(b)) }
