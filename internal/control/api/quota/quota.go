// Package quota is what one caller of the API may ask for: how often, and the same thing how often.
package quota

import (
	"sync"
	"time"
)

// Limits of requests, by caller: what one account or token, or one address that is not signed in, may ask for. They are for
// programs that went wrong; people and dashboards do not meet them.
const (
	// Burst is how many requests may come at once, PerSecond how many come back each second.
	Burst     = 600
	PerSecond = 20
	// maxBuckets bounds the callers that are remembered.
	maxBuckets = 10_000
)

// Buckets are token buckets by caller.
type Buckets struct {
	mu sync.Mutex
	of map[string]bucket
}

// bucket holds what was left at a time.
type bucket struct {
	left float64
	at   time.Time
}

// NewBuckets makes buckets that are full.
func NewBuckets() *Buckets { return &Buckets{of: make(map[string]bucket)} }

// Take takes cost out of a caller's bucket. wait is how long until there is enough, 0 when it was taken.
func (b *Buckets) Take(caller string, cost int, now time.Time) (left int, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k, ok := b.of[caller]
	if !ok {
		if len(b.of) >= maxBuckets {
			b.forget(now)
		}
		k = bucket{Burst, now}
	}
	if passed := now.Sub(k.at); passed > 0 {
		k.left, k.at = min(k.left+passed.Seconds()*PerSecond, Burst), now
	}
	if lacks := float64(cost) - k.left; lacks > 0 {
		b.of[caller] = k
		return int(k.left), time.Duration(lacks / PerSecond * float64(time.Second))
	}
	k.left -= float64(cost)
	b.of[caller] = k
	return int(k.left), 0
}

// forget drops the buckets that are full again, and everything where none is: a flood of addresses then costs its callers
// their history, and this process no memory.
func (b *Buckets) forget(now time.Time) {
	for name, k := range b.of {
		if k.left+now.Sub(k.at).Seconds()*PerSecond >= Burst {
			delete(b.of, name)
		}
	}
	if len(b.of) >= maxBuckets {
		clear(b.of)
	}
}
