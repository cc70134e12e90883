package listen

import (
	"context"
	"errors"
	"log/slog"
	"math"
	"net/netip"
	"runtime"
	"sync/atomic"
	"time"

	"merlon/internal/config"
	"merlon/internal/model/identity"
)

// AdmissionOptions says how much room there is, and for whom. Zero values take their defaults, those of config where
// it has them.
type AdmissionOptions struct {
	// Connections is how many client connections may be open at once.
	Connections int
	// PerNetwork is how many of them one client network (/24, /48) may have once more than half of Connections are open.
	// With room for all nobody is counted out: one network can be a company or a mobile carrier behind one address,
	// or a load balancer that does not say whom it speaks for.
	PerNetwork int
	// PerAddress is the same for one address (/32, /64: an IPv6 client owns that much); as PerNetwork.
	PerAddress int
	// Handshakes is how many TLS handshakes may wait to be computed: by default half a second of work for one processor. Those
	// that wait for their client do not count.
	Handshakes int
	// Computing is how many handshakes are computed at once; half the processors, so that a flood of them leaves the other
	// half to requests. On two processors what runs beside 64 clients' handshakes is 0.3 ms late, 4 ms at worst, against
	// 0.9 and 29 ms without a bound (BenchmarkHandshakes).
	Computing int
	// HandshakeTimeout bounds a whole handshake.
	HandshakeTimeout time.Duration
	// Refuse says whether a client is dropped before its handshake costs anything: by address list or fingerprint. It
	// must not block. ja4 is empty on plain connections.
	Refuse func(addr netip.Addr, ja4 string) bool
	// Pressure is the share of the memory ceiling that is in use, 0 to 1 and above; see Memory. nil: none.
	Pressure func() float64
	Now      func() time.Time
	Log      *slog.Logger
}

func (o *AdmissionOptions) fill() {
	def := func(p *int, v int) {
		if *p <= 0 {
			*p = v
		}
	}
	d := config.Default()
	def(&o.Connections, d.Limits.Connections)
	def(&o.PerNetwork, d.Limits.ConnectionsPerNetwork)
	def(&o.PerAddress, o.PerNetwork)
	def(&o.Handshakes, d.Limits.Handshakes)
	def(&o.Computing, max(1, runtime.GOMAXPROCS(0)/2))
	if o.HandshakeTimeout <= 0 {
		o.HandshakeTimeout = d.Timeouts.Handshake
	}
	if o.Refuse == nil {
		o.Refuse = func(netip.Addr, string) bool { return false }
	}
	if o.Pressure == nil {
		o.Pressure = func() float64 { return 0 }
	}
}

// Shares of the memory ceiling from which on clients feel it. The Go runtime collects ever more often towards its limit;
// above 0.97 of it live memory leaves no room to breathe, and what is not refused is not served either.
const (
	// PressureHigh closes idle connections, ends every connection after its answer and turns away networks that have more
	// connections than others.
	PressureHigh = 0.90
	// PressureFull refuses every request.
	PressureFull = 0.97
)

// Admission says who may connect. It counts open connections exactly: a network is known for as long as it has one, so
// memory is bounded by Connections however many addresses appear. It is safe for concurrent use.
type Admission struct {
	o     AdmissionOptions
	open  atomic.Int64
	full  atomic.Bool // said in the log
	notes notes
	// clock counts connections that were let in: how long one has waited is how many have come since.
	clock      atomic.Uint64
	table      table
	handshakes handshakes
	counts     counts
}

// counts are what Stats returns.
type counts struct {
	admitted, full, network, listed, shed, handshakes, failed, busy, plain atomic.Uint64
}

// Stats are counts since the start, for /metrics.
type Stats struct {
	// Open is how many connections are open now, Networks how many client networks they come from.
	Open, Networks int
	// Admitted connections; those refused because everything was full, because their network had too many, because they
	// are listed; those closed to make room.
	Admitted, RefusedFull, RefusedNetwork, RefusedListed, Shed uint64
	// Handshakes begun, failed, and refused because too many were waiting; and plain HTTP where a handshake was due.
	Handshakes, HandshakesFailed, HandshakesRefused, PlainHTTP uint64
}

// NewAdmission makes an Admission.
func NewAdmission(o AdmissionOptions) *Admission {
	o.fill()
	a := &Admission{o: o}
	a.table.fill()
	a.handshakes.fill(o.Computing, o.Handshakes)
	return a
}

// Stats returns the counts.
func (a *Admission) Stats() Stats {
	c := &a.counts
	return Stats{
		Open: int(a.open.Load()), Networks: a.table.networks(), Admitted: c.admitted.Load(),
		RefusedFull: c.full.Load(), RefusedNetwork: c.network.Load(), RefusedListed: c.listed.Load(), Shed: c.shed.Load(),
		Handshakes: c.handshakes.Load(), HandshakesFailed: c.failed.Load(), HandshakesRefused: c.busy.Load(), PlainHTTP: c.plain.Load(),
	}
}

// Pressure is the share of the memory ceiling in use.
func (a *Admission) Pressure() float64 { return a.o.Pressure() }

// Run closes idle connections while memory is short, and says what was left out of the log, until ctx ends. The composition root starts it.
func (a *Admission) Run(ctx context.Context) {
	tick := time.NewTicker(memoryEvery)
	defer tick.Stop()
	for {
		if a.o.Pressure() > PressureHigh {
			a.Shed(int(a.open.Load())/reliefShare + 1)
		}
		a.tellLeftOut()
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// reliefShare is what part of all connections is closed at each look at memory that is short: all idle ones within some
// seconds, if it stays so.
const reliefShare = 16

// ErrRefused says that a connection was not admitted: its client is listed, or has too many.
var ErrRefused = errors.New("not admitted")

// enter gives c a place, or reports that there is none. It never waits.
func (a *Admission) enter(c *Conn) bool {
	limit := int64(a.o.Connections)
	if a.open.Add(1) > limit && a.Shed(int(limit/shedShare)+1) == 0 {
		a.open.Add(-1)
		a.counts.full.Add(1)
		if !a.full.Swap(true) {
			a.o.Log.Error("every client connection is in use and none is idle; new ones are refused: raise limits.connections if memory and descriptors allow, or look for who holds them", "connections", limit)
		}
		return false
	}
	c.admission = a
	return true
}

// place counts c for its client. It reports false when that client's network or address has enough.
func (a *Admission) place(c *Conn) bool {
	addr := c.Client.Addr.Addr()
	if a.o.Refuse(addr, "") {
		a.counts.listed.Add(1)
		return false
	}
	perNetwork, perAddress := math.MaxInt, math.MaxInt
	if a.open.Load() > int64(a.o.Connections/2) {
		perNetwork, perAddress = a.o.PerNetwork, a.o.PerAddress
	}
	if a.o.Pressure() > PressureHigh {
		// A network may still have what would be its part if all had the same.
		perNetwork = min(perNetwork, int(a.open.Load())/max(a.table.networks(), 1)+1)
	}
	c.since.Store(a.clock.Add(1))
	if !a.table.add(c, identity.NetworkID(addr), hostKey(addr), perNetwork, perAddress) {
		a.counts.network.Add(1)
		a.note(addr, reasonCrowd, "open", a.open.Load(), "of", a.o.Connections)
		return false
	}
	a.counts.admitted.Add(1)
	return true
}

// leave gives c's place back, once.
func (a *Admission) leave(c *Conn) {
	if c.left.Swap(true) {
		return
	}
	a.table.remove(c)
	if open := a.open.Add(-1); open < int64(a.o.Connections)*9/10 && a.full.Load() && a.full.Swap(false) {
		a.o.Log.Info("there is room for client connections again", "open", open)
	}
}

// hostKey packs what one client owns: an IPv4 address, or an IPv6 /64. The two do not meet: no IPv6 prefix below
// 0100::/8 is assigned.
func hostKey(a netip.Addr) uint64 {
	if a.Is4() {
		b := a.As4()
		return 1<<32 | uint64(b[0])<<24 | uint64(b[1])<<16 | uint64(b[2])<<8 | uint64(b[3])
	}
	b := a.As16()
	var k uint64
	for _, x := range b[:8] {
		k = k<<8 | uint64(x)
	}
	return k
}
