// Package rendezvous is weighted rendezvous hashing: when a server leaves, only its own keys move, to all others in proportion to their weights (Thaler and Ravishankar 1998; Schindelhauer and Schomaker 2005).
package rendezvous

import (
	"math"
	"math/bits"
)

// Score is a server's for a key, by the exclusive or of the key with the server's hash: the highest takes it.
func Score(hash uint64, weight int) float64 {
	u := (float64(mix(hash)>>11) + 0.5) / (1 << 53) // in (0,1)
	return float64(weight) / -math.Log(u)
}

// Key makes a key of bytes, the same on every node: FNV-1a, then spread.
func Key(b []byte) uint64 {
	h := uint64(14695981039346656037)
	for _, c := range b {
		h = (h ^ uint64(c)) * 1099511628211
	}
	return mix(bits.RotateLeft64(h, 32))
}

// mix spreads 64 bits over 64 bits (SplitMix64's finaliser).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
