package distill

import (
	"math/bits"

	"merlon/internal/learn/summary"
	"merlon/internal/model/identity"
	"merlon/internal/model/schema"
	"merlon/internal/model/sketch"
)

// Who mostly fails is not believed: scanners fail, people do not (open-appsec's gate has the same
// shape).
const (
	maxFailedShare    = 0.30
	failedShareNeeded = 20 // requests before a share says anything
)

// judge decides whose support counts.
type judge struct {
	actors   *summary.Actors
	flagged  func(identity.Actor) bool
	networks map[uint64]bool // tokens of networks that are flagged as actors
}

func newJudge(in Input) *judge {
	j := &judge{actors: &in.State.Actors, flagged: in.Flagged, networks: map[uint64]bool{}}
	if j.flagged == nil {
		return j
	}
	for _, t := range []*summary.Table{&in.State.Known, &in.State.Found} {
		for _, l := range t.Leaves() {
			for _, e := range l.Support.Networks.Entries() {
				if e.V.Network != 0 && j.flagged(identity.SettleActor(identity.Principal{}, identity.Session{}, 0, e.V.Network)) {
					j.networks[e.Hash] = true
				}
			}
		}
	}
	return j
}

// believed tells whether a supporter counts. token is the principal's, or that of the network.
func (j *judge) believed(token uint64, principal bool) bool {
	if token == 0 || j.networks[token] {
		return false
	}
	if principal && j.flagged != nil && j.flagged(identity.Actor{Kind: identity.ActorPrincipal, Token: token}) {
		return false
	}
	n, failed := j.actors.Share(token)
	return n < failedShareNeeded || failed < maxFailedShare
}

// backing is how much believed support a claim has.
type backing struct {
	principals, networks, ownNetworks, hours uint64
	// principalHours and networkHours are those of each class alone.
	principalHours, networkHours uint64
}

// weigh counts the believed supporters of a leaf.
func (j *judge) weigh(s *summary.Support) backing {
	var w weigher
	for _, e := range s.Principals.Entries() {
		if j.believed(e.Hash, true) {
			w.principal(e.V.Networks, e.V.Buckets)
		}
	}
	for _, e := range s.Networks.Entries() {
		if j.believed(e.Hash, false) {
			w.network(e.Hash, e.V.Buckets)
		}
	}
	return w.backing()
}

// weighField counts the believed supporters of a schema's location.
func (j *judge) weighField(s *schema.Supporters) backing {
	var w weigher
	for _, e := range s.Strong.Entries() {
		if j.believed(e.Hash, true) {
			w.principal(e.V.Peers, e.V.Buckets)
		}
	}
	for _, e := range s.Weak.Entries() {
		if j.believed(e.Hash, false) {
			w.network(e.Hash, e.V.Buckets)
		}
	}
	return w.backing()
}

// anybody tells whether a leaf has support at all, and whether any of it is believed.
func (j *judge) anybody(s *summary.Support) (some, believed bool) {
	for _, k := range []struct {
		entries   []sketch.Entry[summary.Supporter]
		principal bool
	}{{s.Principals.Entries(), true}, {s.Networks.Entries(), false}} {
		for _, e := range k.entries {
			some = true
			if j.believed(e.Hash, k.principal) {
				return true, true
			}
		}
	}
	return some, false
}

type weigher struct {
	b              backing
	nets           [64]uint64
	n              int
	strong, others uint64 // hours
}

func (w *weigher) principal(networks [2]uint64, hours uint64) {
	w.b.principals++
	w.strong |= hours
	for _, t := range networks {
		w.own(t)
	}
}

// own notes a network of a principal.
func (w *weigher) own(t uint64) {
	for _, have := range w.nets[:w.n] {
		if have == t {
			return
		}
	}
	if t != 0 && w.n < len(w.nets) {
		w.nets[w.n] = t
		w.n++
	}
}

func (w *weigher) network(_ uint64, hours uint64) {
	w.b.networks++
	w.others |= hours
}

func (w *weigher) backing() backing {
	b := w.b
	b.ownNetworks = uint64(w.n)
	b.principalHours = uint64(bits.OnesCount64(w.strong))
	b.networkHours = uint64(bits.OnesCount64(w.others))
	b.hours = uint64(bits.OnesCount64(w.strong | w.others))
	return b
}
