package people

import (
	"net/netip"
	"sync"
	"time"
)

// Attempts. An account is slowed, never locked, and a browser that its owner has signed in with before is counted apart: a
// lock would let anybody lock the one administrator out. Codes are asked for after the password only; at this pace guessing
// one of a million, of which three hold at a time, takes three years on average.
const (
	codeBurst, codePace       = 8, 5 * time.Minute
	accountBurst, accountPace = 10, 30 * time.Second
	addressBurst, addressPace = 20, 10 * time.Second
	maxThrottled              = 8192
)

// throttle counts attempts by key with GCRA: burst at once, then one every pace.
type throttle struct {
	burst int
	pace  time.Duration

	mu  sync.Mutex
	due map[string]time.Time // when the bucket is whole again
}

func newThrottle(burst int, pace time.Duration) *throttle {
	return &throttle{burst: burst, pace: pace, due: map[string]time.Time{}}
}

// take counts an attempt; 0 when it may go on, otherwise how long to wait. Counting before the answer is known keeps many
// attempts at a time from slipping through together.
func (t *throttle) take(key string, now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	due, known := t.due[key]
	if due.Before(now) {
		due = now
	}
	if wait := due.Sub(now) - time.Duration(t.burst-1)*t.pace; wait > 0 {
		return wait
	}
	if !known && len(t.due) >= maxThrottled {
		t.forget(now)
		if len(t.due) >= maxThrottled {
			return t.pace // so many addresses at once are one attack; whoever signed in stays in
		}
	}
	t.due[key] = due.Add(t.pace)
	return 0
}

// refund takes one attempt back.
func (t *throttle) refund(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if due, ok := t.due[key]; ok {
		t.due[key] = due.Add(-t.pace)
	}
}

// clear takes an account's failures back after a success.
func (t *throttle) clear(key string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.due, key)
}

func (t *throttle) forget(now time.Time) {
	for k, due := range t.due {
		if !due.After(now) {
			delete(t.due, k)
		}
	}
}

// addressKey is what an address is counted under: itself, or its /64, which one subscriber of IPv6 has all of.
func addressKey(address string) string {
	a, err := netip.ParseAddr(address)
	if err != nil {
		return address
	}
	if a = a.Unmap().WithZone(""); a.Is6() {
		if p, err := a.Prefix(64); err == nil {
			return p.String()
		}
	}
	return a.String()
}
