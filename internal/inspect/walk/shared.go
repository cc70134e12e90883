package walk

import (
	"math/rand/v2"
	"sync"
)

// Shared is what the walkers of a process lend each other for as long as one message takes: many exchanges wait for their
// upstreams at a time, and few are walked. So what is large is there a few times and stays in the processor's cache. Its
// zero value is ready.
type Shared struct {
	once       sync.Once
	seed       uint64    // decides what is forgotten first, so that nobody can choose it
	recalls    sync.Pool // *recall
	inflations sync.Pool // *inflation: the decoders of content codings, 40 KiB
	places     sync.Pool // *places
}

// recall is what is remembered from message to message, and what one message is held against: 65 KiB.
type recall struct {
	names   nameCache
	members memberCache
	seen    seenSet
	message uint32 // counts the messages walked, so that members know in which they were seen last
	moved   bool   // seen holds members of this message that members had no room for
}

// recall lends a recall that is ready for a message.
func (s *Shared) recall() *recall {
	r, _ := s.recalls.Get().(*recall)
	if r == nil {
		r = new(recall)
		s.once.Do(func() {
			if s.seed == 0 {
				s.seed = rand.Uint64()
			}
		})
		r.seen.seed = s.seed
		for i := range r.members {
			r.members[i].next, r.members[i].first = nobody, nobody
		}
	}
	r.seen.clear()
	r.moved = false
	if r.message++; r.message == 0 { // wrapped: old marks would look fresh
		r.message = 1
		for i := range r.members {
			r.members[i].tag = 0
		}
	}
	return r
}
