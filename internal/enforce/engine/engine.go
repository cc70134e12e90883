// Package engine compiles Bundle and Knowledge to a snapshot, applies Standing beside it, runs the stages over an exchange.
//
// An edge begins a Transaction for every request that arrives, fills its Exchange, and calls, in this order:
//
//	t := e.Begin(arrived)
//	... fill t.Exchange with the request ...
//	reply := t.Request()   // identify, walk, payload, policy
//	... carry out the reply; fill in the answer ...
//	t.Response()           // walk, payload, who it was after all
//	t.Close(outcome, 0)    // one event; the transaction is gone
//
// A transaction keeps the snapshot it began with for both phases, so a change of policy never splits an exchange.
package engine

import (
	"net/netip"
	"sync"
	"sync/atomic"

	"merlon/internal/enforce/policy"
	"merlon/internal/inspect/identify"
	"merlon/internal/inspect/payload"
	"merlon/internal/inspect/walk"
	"merlon/internal/model/bundle"
	"merlon/internal/model/event"
	"merlon/internal/model/identity"
)

// Options is everything an Engine is made from.
type Options struct {
	// Queue takes the events; Namer names them; Node is this process's name on them.
	Queue *event.Queue
	Namer *event.Namer
	Node  string
	// Places tells where an address belongs; nil means nothing is known.
	Places func(netip.Addr) (identity.Place, bool)
	// Walk bounds the look into bodies; the zero value means walk.Defaults.
	Walk walk.Limits
	// Panicked is told about a stage that panicked, with the stack; nil means nobody is. It must not block.
	Panicked func(stage string, value any, stack []byte)
}

// Engine runs the stages. It is safe for concurrent use.
type Engine struct {
	o         Options
	snapshot  atomic.Pointer[Snapshot]
	standing  atomic.Pointer[map[string]*policy.Lists]
	memory    *identify.Memory
	shared    *walk.Shared
	detectors payload.Detectors
	pool      sync.Pool

	// swap serialises those who replace snapshot or standing.
	swap sync.Mutex
	// stood is what standing was compiled from.
	stood bundle.Standing
}

// New makes an engine that judges by what in compiles to. It returns every mistake; the engine is nil when one of them is
// a fault.
func New(o Options, in Input) (*Engine, []policy.Mistake) {
	if o.Walk == (walk.Limits{}) {
		o.Walk = walk.Defaults()
	}
	e := &Engine{o: o, memory: identify.NewMemory(0), shared: new(walk.Shared), detectors: payload.All()}
	s, mistakes := e.Compile(in)
	if s == nil {
		return nil, mistakes
	}
	e.snapshot.Store(s)
	none := make(map[string]*policy.Lists)
	e.standing.Store(&none)
	e.pool.New = func() any { return newTransaction(e) }
	return e, mistakes
}

// Learn applies what distillation changed, without compiling anything else anew.
func (e *Engine) Learn(d bundle.Delta) {
	e.swap.Lock()
	defer e.swap.Unlock()
	e.snapshot.Store(e.snapshot.Load().learn(d))
}

// Snapshot is the one new transactions judge by.
func (e *Engine) Snapshot() *Snapshot { return e.snapshot.Load() }

// Stand replaces what holds beside the snapshot. Entries that do not parse are returned as mistakes; the others hold at
// once.
func (e *Engine) Stand(s bundle.Standing) []policy.Mistake {
	e.swap.Lock()
	defer e.swap.Unlock()
	bySite := make(map[string]*policy.Lists)
	var mistakes []policy.Mistake
	for _, site := range e.snapshot.Load().order {
		lists, wrong := policy.CompileStanding(s.Entries, site.name)
		bySite[site.name] = lists
		mistakes = append(mistakes, wrong...)
	}
	e.stood = s
	e.standing.Store(&bySite)
	return mistakes
}

// Standing is what Stand was given last.
func (e *Engine) Standing() bundle.Standing {
	e.swap.Lock()
	defer e.swap.Unlock()
	return e.stood
}
