package identify

import "sync/atomic"

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
	return &Memory{sets: make([]memorySet, sets), mask: uint64(sets - 1)}
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

// claimMemory remembers which principal a bearer value names, since clients send one value thousands of times and
// decoding it costs more than everything else here (BenchmarkClaim). It is a memory of credentials, never of requests,
// and holds tokens only. A value that pushes another out costs one decoding.
type claimMemory [1 << 14]struct {
	check, principal atomic.Uint64 // check is the value's token and the principal's folded together
}

// find returns the principal remembered for a value's token. Two halves written by different callers do not fit each
// other, and are not found.
func (c *claimMemory) find(value uint64) (principal uint64, ok bool) {
	s := &c[value>>50]
	principal = s.principal.Load()
	return principal, principal != 0 && s.check.Load()^principal == value
}

func (c *claimMemory) put(value, principal uint64) {
	s := &c[value>>50]
	s.check.Store(value ^ principal)
	s.principal.Store(principal)
}
