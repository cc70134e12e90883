package listen

import (
	"sync"
	"sync/atomic"
)

// table counts the open connections of each client network and address. Its shards are picked by network, so that a
// network and its addresses are behind one lock.
type table struct {
	shards [tableShards]shard
	count  atomic.Int64 // networks
}

const tableShards = 64

type shard struct {
	mu       sync.Mutex
	networks map[uint64]*network
	hosts    map[uint64]int32
	_        [64]byte // shards on cache lines of their own
}

// network is one client network with its open connections, which are linked through Conn.next and Conn.previous.
type network struct {
	key   uint64
	count int
	first *Conn
}

func (t *table) fill() {
	for i := range t.shards {
		t.shards[i].networks = make(map[uint64]*network)
		t.shards[i].hosts = make(map[uint64]int32)
	}
}

func (t *table) shard(key uint64) *shard {
	return &t.shards[key*0x9e3779b97f4a7c15>>58]
}

// add counts c, unless its network or address has enough already.
func (t *table) add(c *Conn, key, host uint64, perNetwork, perHost int) bool {
	s := t.shard(key)
	s.mu.Lock()
	defer s.mu.Unlock()
	n := s.networks[key]
	if n != nil && n.count >= perNetwork || int(s.hosts[host]) >= perHost {
		return false
	}
	if n == nil {
		n = &network{key: key}
		s.networks[key] = n
		t.count.Add(1)
	}
	n.count++
	s.hosts[host]++
	c.network, c.host = n, host
	c.next = n.first
	if n.first != nil {
		n.first.previous = c
	}
	n.first = c
	return true
}

// remove forgets c, if it was added.
func (t *table) remove(c *Conn) {
	n := c.network
	if n == nil {
		return
	}
	s := t.shard(n.key)
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.previous != nil {
		c.previous.next = c.next
	} else {
		n.first = c.next
	}
	if c.next != nil {
		c.next.previous = c.previous
	}
	c.next, c.previous = nil, nil
	if n.count--; n.count == 0 {
		delete(s.networks, n.key)
		t.count.Add(-1)
	}
	if s.hosts[c.host]--; s.hosts[c.host] == 0 {
		delete(s.hosts, c.host)
	}
}

func (t *table) networks() int { return int(t.count.Load()) }
