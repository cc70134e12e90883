package listen

import "slices"

// shedShare is what part of all connections is closed at once when room is needed. Finding the largest networks means
// looking at all of them, so a flood pays for that look once in a hundred connections.
const shedShare = 128

// Shed closes up to want connections that wait for their client, beginning with the networks that have most, and in each
// with connections that have never carried a request. It returns how many it closed. Exchanges under way are not touched.
func (a *Admission) Shed(want int) int {
	closed := 0
	for _, n := range a.table.largest() {
		// No network pays for all: the next one may be as large.
		part := max(min(want-closed, n.count/4), 1)
		for _, c := range a.table.waiting(n, part) {
			if c.shed() {
				closed++
			}
		}
		if closed >= want {
			break
		}
	}
	a.counts.shed.Add(uint64(closed))
	return closed
}

// sized is one network with the number of its connections at one moment.
type sized struct {
	key   uint64
	count int
}

// largest lists the networks, those with most connections first.
func (t *table) largest() []sized {
	list := make([]sized, 0, t.networks()+tableShards)
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for key, n := range s.networks {
			list = append(list, sized{key, n.count})
		}
		s.mu.Unlock()
	}
	slices.SortFunc(list, func(a, b sized) int { return b.count - a.count })
	return list
}

// waiting lists up to want connections of a network that wait for their client: first fresh ones, then idle ones.
func (t *table) waiting(n sized, want int) []*Conn {
	s := t.shard(n.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	at := s.networks[n.key]
	if at == nil {
		return nil
	}
	var fresh, idle []*Conn
	for c := at.first; c != nil && len(fresh) < want; c = c.next {
		switch {
		case c.state.Load() == stateFresh:
			fresh = append(fresh, c)
		case c.state.Load() == stateIdle && len(idle) < want:
			idle = append(idle, c)
		}
	}
	return append(fresh, idle[:min(len(idle), want-len(fresh))]...)
}
