package api

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"sync"
	"time"

	"merlon/internal/control/admin"
)

// Limits of requests, by caller: what one account or token, or one address that is not signed in, may ask for. They are for
// programs that went wrong; people and dashboards do not meet them.
const (
	// rateBurst is how many requests may come at once, ratePerSecond how many come back each second.
	rateBurst     = 600
	ratePerSecond = 20
	// maxBuckets bounds the callers that are remembered.
	maxBuckets = 10_000
)

// buckets are token buckets by caller.
type buckets struct {
	mu sync.Mutex
	of map[string]bucket
}

// bucket holds what was left at a time.
type bucket struct {
	left float64
	at   time.Time
}

func newBuckets() buckets { return buckets{of: make(map[string]bucket)} }

// take takes cost out of a caller's bucket. wait is how long until there is enough, 0 when it was taken.
func (b *buckets) take(caller string, cost int, now time.Time) (left int, wait time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	k, ok := b.of[caller]
	if !ok {
		if len(b.of) >= maxBuckets {
			b.forget(now)
		}
		k = bucket{rateBurst, now}
	}
	if passed := now.Sub(k.at); passed > 0 {
		k.left, k.at = min(k.left+passed.Seconds()*ratePerSecond, rateBurst), now
	}
	if lacks := float64(cost) - k.left; lacks > 0 {
		b.of[caller] = k
		return int(k.left), time.Duration(lacks / ratePerSecond * float64(time.Second))
	}
	k.left -= float64(cost)
	b.of[caller] = k
	return int(k.left), 0
}

// forget drops the buckets that are full again, and everything where none is: a flood of addresses then costs its callers
// their history, and this process no memory.
func (b *buckets) forget(now time.Time) {
	for name, k := range b.of {
		if k.left+now.Sub(k.at).Seconds()*ratePerSecond >= rateBurst {
			delete(b.of, name)
		}
	}
	if len(b.of) >= maxBuckets {
		clear(b.of)
	}
}

// spend takes an operation's cost from who asks, and says what is left (draft-ietf-httpapi-ratelimit-headers-10).
func (s *server) spend(w http.ResponseWriter, a *ask, cost int) error {
	left, wait := s.buckets.take(callerKey(a), cost, s.Admin.Now())
	reset := (rateBurst - left + ratePerSecond - 1) / ratePerSecond
	w.Header().Set("RateLimit-Policy", fmt.Sprintf(`"default";q=%d;w=%d`, rateBurst, rateBurst/ratePerSecond))
	w.Header().Set("RateLimit", fmt.Sprintf(`"default";r=%d;t=%d`, left, reset))
	if wait > 0 {
		return &admin.ThrottledError{Wait: wait}
	}
	return nil
}

// callerKey is what tells callers apart. Accounts and tokens may have the same name, and so may two tokens.
func callerKey(a *ask) string {
	switch {
	case !a.caller.SignedIn():
		return "address " + admin.ClientAddress(a.Request)
	case a.caller.Machine:
		sum := sha256.Sum256([]byte(a.Header.Get("Authorization")))
		return "token " + a.caller.Name + " " + hex.EncodeToString(sum[:8])
	default:
		return "account " + a.caller.Name
	}
}
