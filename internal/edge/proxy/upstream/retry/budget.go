// Package retry bounds how many requests are sent again.
package retry

import "sync/atomic"

// Budget is a bucket of retries: each request puts a share of one in, each retry takes one out. A failing server then costs
// the others a fifth more, whatever the clients do, and not a multiple.
type Budget struct {
	level atomic.Int64 // in thousandths
	share int64
}

const (
	oneRetry = 1000
	// reserve is what a new bucket holds, for sites with few requests; brim is what it holds at most.
	reserve = 10 * oneRetry
	brim    = 100 * oneRetry
)

// Fill makes the bucket ready: share is what a request puts in, as a part of one retry.
func (b *Budget) Fill(share float64) {
	b.share = int64(share * oneRetry)
	b.level.Store(reserve)
}

// Request is told of every request.
func (b *Budget) Request() {
	if b.level.Load() < brim {
		b.level.Add(b.share)
	}
}

// Take tells whether there may be one retry more.
func (b *Budget) Take() bool {
	for {
		have := b.level.Load()
		if have < oneRetry {
			return false
		}
		if b.level.CompareAndSwap(have, have-oneRetry) {
			return true
		}
	}
}
