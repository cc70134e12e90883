package rendezvous

import (
	"math"
	"testing"
)

// Keys fall to servers by weight, and when one leaves only its own move.
func TestScore(t *testing.T) {
	servers := []struct {
		hash   uint64
		weight int
	}{{Key([]byte("a")), 1}, {Key([]byte("b")), 1}, {Key([]byte("c")), 2}}
	best := func(key uint64, without int) (at int) {
		score := -1.0
		for i, s := range servers {
			if v := Score(key^s.hash, s.weight); i != without && v > score {
				at, score = i, v
			}
		}
		return at
	}
	const keys = 40_000
	var count [3]int
	for i := range keys {
		key := Key([]byte{byte(i), byte(i >> 8), byte(i >> 16)})
		at := best(key, -1)
		count[at]++
		if moved := best(key, 0); at != 0 && moved != at {
			t.Fatalf("key %d moved from %d to %d though its server stayed", i, at, moved)
		}
	}
	for i, want := range []float64{0.25, 0.25, 0.5} {
		if got := float64(count[i]) / keys; math.Abs(got-want) > 0.02 {
			t.Errorf("server %d has %.3f of the keys, want %.2f", i, got, want)
		}
	}
}
