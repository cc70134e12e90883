package identify

import (
	"hash/maphash"
	"math/bits"
	"sync/atomic"
)

// Memory remembers which sessions the upstream issued or honoured. It holds a fixed number of tokens and forgets the
// longest unused of eight when a ninth comes; it never allocates and never locks, and is safe for concurrent use.
//
// Only the upstream's own doing gets a token in: a caller who makes up session values cannot push others out.
type Memory struct {
	sets   []memorySet
	mask   uint64
	tick   atomic.Uint64
	claims claimMemory
}

// memorySet is eight tokens in one cache line and when each was last used in the next.
type memorySet struct {
	tokens [8]atomic.Uint64
	used   [8]atomic.Uint64
}

// DefaultMemory is how many sessions are remembered unless told otherwise: 16 MiB, of which the system hands out only
// the pages that are touched.
const DefaultMemory = 1 << 20

// NewMemory remembers at least n sessions; 0 means DefaultMemory.
func NewMemory(n int) *Memory {
	if n <= 0 {
		n = DefaultMemory
	}
	sets := 1
	for sets*8 < n {
		sets *= 2
	}
	m := &Memory{sets: make([]memorySet, sets), mask: uint64(sets - 1)}
	m.claims.first, m.claims.second = maphash.MakeSeed(), maphash.MakeSeed()
	return m
}

// Has tells whether token was added and is still remembered, and marks it as used.
func (m *Memory) Has(token uint64) bool {
	s := &m.sets[token&m.mask]
	for i := range s.tokens {
		if s.tokens[i].Load() == token {
			s.used[i].Store(m.tick.Load())
			return token != 0
		}
	}
	return false
}

// Add remembers token. Two that come to one set at once may take the same place; the one that is lost is only claimed
// again until the upstream honours it the next time.
func (m *Memory) Add(token uint64) {
	if token == 0 || m.Has(token) {
		return
	}
	s := &m.sets[token&m.mask]
	oldest, when := 0, ^uint64(0)
	for i := range s.tokens {
		if s.tokens[i].Load() == 0 {
			oldest = i
			break
		}
		if u := s.used[i].Load(); u < when {
			oldest, when = i, u
		}
	}
	s.used[oldest].Store(m.tick.Add(1))
	s.tokens[oldest].Store(token)
}

// claimMemory remembers what a bearer value stands for: its own token and the principal it names. Clients send one value
// thousands of times; hashing its 700 bytes with a key that is stable costs more than the two hashes of this process
// do, and decoding it more than everything else here (BenchmarkClaim). It is a memory of credentials, never of requests,
// and holds tokens only. A value that pushes another out costs one decoding.
//
// A value is known by 128 bits under seeds that never leave the process, so that nobody can find a second one for them.
type claimMemory struct {
	first, second maphash.Seed
	slots         [1 << 14]claimSlot
}

// claimSlot holds each token and, folded with it, one of the value's hashes: halves written by different callers do not
// fit each other, and are not found.
type claimSlot struct{ a, token, b, principal atomic.Uint64 }

// claimKey is a bearer value as the memory knows it.
type claimKey struct{ a, b uint64 }

// key hashes a value for a site, whose salt keeps its tokens apart from those of other sites.
func (c *claimMemory) key(salt uint64, value []byte) claimKey {
	return claimKey{maphash.Bytes(c.first, value) ^ salt, maphash.Bytes(c.second, value) ^ bits.RotateLeft64(salt, 32)}
}

// find returns what was remembered of a value.
func (c *claimMemory) find(k claimKey) (token, principal uint64, ok bool) {
	s := &c.slots[k.a>>50]
	token, principal = s.token.Load(), s.principal.Load()
	return token, principal, token != 0 && s.a.Load()^token == k.a && s.b.Load()^principal == k.b
}

func (c *claimMemory) put(k claimKey, token, principal uint64) {
	s := &c.slots[k.a>>50]
	s.a.Store(k.a ^ token)
	s.b.Store(k.b ^ principal)
	s.token.Store(token)
	s.principal.Store(principal)
}
