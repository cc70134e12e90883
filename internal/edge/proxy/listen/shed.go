package listen

import (
	"cmp"
	"container/heap"
	"math/bits"
)

// shedShare is what part of all connections is closed at once when room is needed. Finding whom to close means looking at
// every connection, so a flood pays for that look once in a hundred connections (BenchmarkFullHouse).
const shedShare = 128

// youngShare is for how many further connections, as a part of all, a new one is left alone: it has hardly had the time
// to say what it wants. At 10,000 new connections a second and 20,000 places that is half a second.
const youngShare = 4

// Shed closes up to want connections that wait for their client and returns how many it closed. Exchanges under way are
// not touched. The networks with most connections come first, without regard to differences below a factor of two; in
// each those that have never brought a request, then those that have waited longest. New ones come last of all.
func (a *Admission) Shed(want int) int {
	young := a.clock.Load() - uint64(a.o.Connections/youngShare)
	if young > a.clock.Load() {
		young = 0 // nobody has been here for long
	}
	v := victims{want: want}
	a.table.each(func(c *Conn, count int) {
		state, since := c.state.Load(), c.since.Load()
		if state == stateFresh || state == stateIdle {
			v.offer(victim{c: c, young: state == stateFresh && since >= young, weight: bits.Len(uint(count)), fresh: state == stateFresh, since: since})
		}
	})
	closed := 0
	for _, one := range v.list {
		if one.c.shed() {
			closed++
		}
	}
	a.counts.shed.Add(uint64(closed))
	return closed
}

// victim is a connection that may be closed, with what speaks for it and against it.
type victim struct {
	c      *Conn
	young  bool
	weight int // of its network
	fresh  bool
	since  uint64
}

// before tells whether v is closed rather than o.
func (v *victim) before(o *victim) bool {
	if v.young != o.young {
		return !v.young
	}
	if v.weight != o.weight {
		return v.weight > o.weight
	}
	if v.fresh != o.fresh {
		return v.fresh
	}
	return cmp.Less(v.since, o.since)
}

// victims keeps the first want of those that are offered: a heap with the last of them on top.
type victims struct {
	list []victim
	want int
}

func (v *victims) offer(one victim) {
	if len(v.list) < v.want {
		heap.Push(v, one)
		return
	}
	if len(v.list) > 0 && one.before(&v.list[0]) {
		v.list[0] = one
		heap.Fix(v, 0)
	}
}

// Len implements heap.Interface.
func (v *victims) Len() int { return len(v.list) }

// Less implements heap.Interface.
func (v *victims) Less(i, j int) bool { return v.list[j].before(&v.list[i]) }

// Swap implements heap.Interface.
func (v *victims) Swap(i, j int) { v.list[i], v.list[j] = v.list[j], v.list[i] }

// Push implements heap.Interface.
func (v *victims) Push(x any) { v.list = append(v.list, x.(victim)) }

// Pop implements heap.Interface; nobody calls it.
func (v *victims) Pop() any {
	last := v.list[len(v.list)-1]
	v.list = v.list[:len(v.list)-1]
	return last
}

// each calls f for every connection that counts, with the number of its network's.
func (t *table) each(f func(c *Conn, count int)) {
	for i := range t.shards {
		s := &t.shards[i]
		s.mu.Lock()
		for _, n := range s.networks {
			for c := n.first; c != nil; c = c.next {
				f(c, n.count)
			}
		}
		s.mu.Unlock()
	}
}
