package upstream

import (
	"context"
	"math/rand/v2"
	"net/netip"
	"time"

	"merlon/internal/edge/proxy/upstream/rendezvous"
)

// set is the servers that a request was tried on.
type set struct {
	list [4]*Server
	n    int
}

func (t *set) add(s *Server) {
	t.list[t.n%len(t.list)] = s
	t.n++
}

func (t *set) has(s *Server) bool {
	for _, one := range t.list[:min(t.n, len(t.list))] {
		if one == s {
			return true
		}
	}
	return false
}

// pick chooses a server that is not of tried and counts it as in use. ErrNone: there is no other; ErrBusy: they have no room.
func (g *Group) pick(key uint64, tried *set) (*Server, error) {
	list := *g.servers.Load()
	if len(list) == 1 {
		switch s := list[0]; {
		case tried.n > 0 && tried.has(s):
			return nil, ErrNone
		case !s.enter():
			return nil, ErrBusy
		default:
			return s, nil
		}
	}
	// A server may fill up between being chosen and being entered; then it is no longer chosen.
	for range maxPicks {
		s := g.choose(list, key, tried)
		if s == nil {
			break
		}
		if s.enter() {
			return s, nil
		}
	}
	for _, s := range list {
		if !tried.has(s) {
			return nil, ErrBusy
		}
	}
	return nil, ErrNone
}

const maxPicks = 8

// few is how many servers are all looked at; of more, two are drawn, which is nearly as even at a fixed price (Mitzenmacher,
// The Power of Two Choices in Randomized Load Balancing, 2001).
const few = 8

// choose prefers healthy servers with room. When none is healthy the least bad one has to do: refusing everything would make
// a failing check the outage. A healthy one without room is waited for all the same.
func (g *Group) choose(list []*Server, key uint64, tried *set) *Server {
	if !g.o.Hash && len(list) > few {
		a, b := list[rand.IntN(len(list))], list[rand.IntN(len(list))]
		if a.full() || !a.healthy() || tried.has(a) {
			a = nil
		}
		if b.full() || !b.healthy() || tried.has(b) {
			b = nil
		}
		switch {
		case a != nil && (b == nil || !b.lighter(a)):
			return a
		case b != nil:
			return b
		}
	}
	var best *Server
	var score float64
	var ties uint32
	full := false
	for _, s := range list {
		switch {
		case tried.has(s):
			continue
		case !s.healthy():
			if s.probe() {
				return s
			}
			continue
		case s.full():
			full = true
			continue
		}
		switch {
		case g.o.Hash:
			if v := s.score(key); best == nil || v > score {
				best, score = s, v
			}
		case best == nil || s.lighter(best):
			best, ties = s, s.weight
		case !best.lighter(s):
			// As light: by their weights, so that idle servers get their shares too.
			if ties += s.weight; rand.Uint32N(ties) < s.weight {
				best = s
			}
		}
	}
	if best != nil || full {
		return best
	}
	return leastBad(list, tried)
}

// leastBad is, of servers that are all out, one whose checks are good, then the one whose time out ends first.
func leastBad(list []*Server, tried *set) *Server {
	var best *Server
	for _, s := range list {
		if tried.has(s) || s.full() {
			continue
		}
		if best == nil || best.down.Load() && !s.down.Load() || best.down.Load() == s.down.Load() && s.until.Load() < best.until.Load() {
			best = s
		}
	}
	return best
}

// enter counts a request as in use, unless there are as many as there may be.
func (s *Server) enter() bool {
	if s.inUse.Add(1) > s.capacity {
		s.inUse.Add(-1)
		return false
	}
	return true
}

func (s *Server) full() bool { return s.inUse.Load() >= s.capacity }

// release counts a request as no longer in use, and lets one that waits have its place.
func (s *Server) release() {
	s.inUse.Add(-1)
	if s.g.waiting.Load() > 0 {
		s.g.wake()
	}
}

func (g *Group) wake() {
	select {
	case g.freed <- struct{}{}:
	default:
	}
}

// wait is pick when all servers are busy.
func (g *Group) wait(ctx context.Context, r *Request, tried *set) (*Server, error) {
	defer g.waiting.Add(-1)
	if int(g.waiting.Add(1)) > g.o.MaxWaiting {
		return nil, ErrBusy
	}
	timer := time.NewTimer(g.o.Wait)
	defer timer.Stop()
	for {
		s, err := g.pick(r.Key, tried)
		if err != ErrBusy { //nolint:errorlint // pick's own
			g.wake() // there may be more than one place, and more than one who waits
			return s, err
		}
		select {
		case <-g.freed:
		case <-timer.C:
			return nil, ErrBusy
		case <-ctx.Done():
			return nil, ErrAborted
		case <-g.use.Done():
			return nil, ErrAborted
		}
	}
}

// lighter tells whether s has fewer requests for its weight than t.
func (s *Server) lighter(t *Server) bool {
	return int64(s.inUse.Load())*int64(t.weight) < int64(t.inUse.Load())*int64(s.weight)
}

// score is the server's for a key: the highest takes it.
func (s *Server) score(key uint64) float64 { return rendezvous.Score(key^s.hash, int(s.weight)) }

// Hashed tells whether requests need a Key.
func (g *Group) Hashed() bool { return g.o.Hash }

// AddrKey is the Key of a client address, the same on every node.
func AddrKey(a netip.Addr) uint64 {
	b := a.As16()
	return Key(b[:])
}

// Key is the Key of anything else that requests are kept together by, such as a principal's name.
func Key(b []byte) uint64 { return rendezvous.Key(b) }
