// Package summary: Events in, mergeable summaries out; one file a learner.
//
// A State is what one site has shown so far. Feeding parts of a stream to several states and merging them in any order
// gives, byte for byte, the state that saw the whole stream: every accumulator is keyed by something the event itself
// says (never by what the state already holds), and every cap is by hash order, never by who came first.
package summary

import (
	"time"

	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
	"merlon/internal/model/sketch"
)

// Bounds of one site's state. They hold against any traffic: what does not fit is counted in the table's Overflow.
const (
	// MaxKnown is how many endpoints are accumulated under a template that the matcher knew.
	MaxKnown = 100_000
	// MaxFound is how many different paths are kept that succeeded and that no template covered yet: 32,768 is what
	// arrives between two distillations at 10,000 new paths a second; beyond it a uniform sample stays.
	MaxFound = 32_768
	// MaxFoundDetail is how many of those also keep distributions and schemas.
	MaxFoundDetail = 1_024
	// MaxLost is how many different paths are kept that failed and that no template covers.
	MaxLost = 4_096

	// MaxAhead is how far an exchange's clock may be ahead of its arrival before its line counts as damaged.
	MaxAhead = 5 * time.Minute
)

// State is everything learned about one site. It is not safe for concurrent use.
type State struct {
	Site string
	// seed is secret to the site and the same on all its nodes: it decides what survives a cap.
	seed uint64

	// Known holds leaves by the template that the matcher knew at the time, Found the successes that no template
	// covered, Lost the failures that no template covered: junk, which may not displace anything else.
	Known, Found, Lost Table
	// Actors tells who fails too often to be believed.
	Actors Actors
	// Principals remembers who reads and who writes.
	Principals Principals
	// Names gives User-Agent products their names.
	Names Names
	// Seen spans the event times folded.
	Seen sketch.Span
	// Damaged counts events whose clock was more than MaxAhead ahead of their arrival.
	Damaged uint64

	cache map[uint64]*Leaf
	f     fold
}

// New makes an empty state. seed is secret to the site (derived from its learning key) and the same on all its nodes, or
// an attacker would choose what survives a cap.
func New(site string, seed uint64) *State {
	return &State{
		Site:       site,
		seed:       seed,
		Known:      makeTable(MaxKnown, MaxKnown, seed),
		Found:      makeTable(MaxFound, MaxFoundDetail, seed),
		Lost:       makeTable(MaxLost, 0, seed),
		Principals: makePrincipals(),
		cache:      make(map[uint64]*Leaf),
	}
}

// fold is one event with what several learners need of it worked out once.
type fold struct {
	e       *event.Event
	success bool // the upstream answered 2xx: the only evidence for a claim
	own     bool // the answer is Merlon's, not the upstream's
	proved  bool // the principal is accepted or verified
	writes  bool // by its method alone
	network uint64
	token   uint64 // of the network, uniform and keyed
	caller  uint64 // the proved principal's token, otherwise the network's
	hour    uint32
	// occurrence is the same wherever this event is counted.
	occurrence uint64
	client     uint64 // hash of the User-Agent product, 0 for none
}

// Apply folds one event. It keeps nothing of e.
func (s *State) Apply(e *event.Event) {
	if e.Phase != event.Complete && e.Phase != event.Open {
		return // progress and close belong to a transaction that Open has counted
	}
	if e.At > e.Arrived+int64(MaxAhead) || e.At <= 0 {
		s.Damaged++
		return
	}
	f := &s.f
	f.of(e, s.seed)
	s.Seen.Add(e.At)
	s.Actors.fold(f)
	s.Principals.fold(f)
	if e.Observed.Has(exchange.SawUserAgent) && e.UserAgent.Len > 0 {
		name := product(e.Bytes(e.UserAgent))
		f.client = hashBytes(s.seed^clientSeed, name)
		s.Names.add(f.client, name)
	}
	l := s.leaf(f)
	if l == nil {
		return
	}
	if f.success {
		l.listen(e)
	}
	for _, k := range learners(l) {
		k.fold(f)
	}
	if l.Detail != nil {
		for _, k := range detailLearners(l.Detail) {
			k.fold(f)
		}
	}
}

// NetworkToken is the uniform keyed token that stands for a client network (identity.NetworkID) in samples.
func NetworkToken(seed, network uint64) uint64 {
	return sketch.Mix(sketch.Mix(network^networkSeed) ^ seed)
}

// Seed is the secret the state was made with.
func (s *State) Seed() uint64 { return s.seed }

func (f *fold) of(e *event.Event, seed uint64) {
	*f = fold{e: e, success: e.Succeeded() && e.Outcome != event.OutcomeClientGone}
	f.own = e.Outcome == event.OutcomeRefused || e.Outcome == event.OutcomePanic
	if e.Observed.Has(exchange.SawClient) {
		f.network = identity.NetworkID(e.Client)
	}
	if f.network != 0 {
		f.token = NetworkToken(seed, f.network)
	}
	f.caller = f.token
	if f.proved = e.Principal.Token != 0 && e.Principal.Strength.Proved(); f.proved {
		f.caller = e.Principal.Token
	}
	f.writes = AccessOf(string(e.Bytes(e.Method))) == inventory.Write
	f.hour = uint32(e.At / int64(time.Hour))
	f.occurrence = be64(e.ID[:8]) ^ sketch.Mix(be64(e.ID[8:]))
}

// maxCache bounds the accelerator below; it is emptied when full and holds nothing that Found and Known do not.
const maxCache = 8_192

// leaf finds or makes the leaf of an event; nil when the event went to an overflow.
func (s *State) leaf(f *fold) *Leaf {
	raw := rawHash(s.seed, f.e)
	t := s.table(f)
	raw ^= uint64(t.limit) // one path may be both found and lost
	if l := s.cache[raw]; l != nil {
		if l.missing > 0 {
			l.learnLiterals(f.e)
		}
		l.widen(f.e)
		return l
	}
	h := keyHash(s.seed, f.e)
	l, evicted := t.slot(h, f)
	if evicted || len(s.cache) >= maxCache {
		clear(s.cache)
	}
	if l == nil {
		return nil
	}
	if l.Segments == nil && l.Method == "" {
		l.name(f.e)
	}
	if l.missing > 0 {
		l.learnLiterals(f.e)
	}
	l.widen(f.e)
	s.cache[raw] = l
	return l
}

func (s *State) table(f *fold) *Table {
	switch {
	case f.e.Endpoint != 0 && f.e.Template.Len > 0:
		return &s.Known
	case f.success, !f.own && (f.e.Status == 304 || f.e.Status == 101):
		return &s.Found
	default:
		return &s.Lost
	}
}

// Merge folds o into s. Both must have been fed different events; o is not changed and shares nothing with s afterwards.
func (s *State) Merge(o *State) {
	clear(s.cache)
	s.Known.merge(&o.Known)
	s.Found.merge(&o.Found)
	s.Lost.merge(&o.Lost)
	s.Actors.merge(&o.Actors)
	s.Principals.merge(&o.Principals)
	s.Names.merge(&o.Names)
	s.Seen.Merge(o.Seen)
	s.Damaged = addSat(s.Damaged, o.Damaged)
}
