// Package sketch is mergeable small statistics with known error: distinct, quantile, heavy hitters, bottom-k, windows.
//
// Every type here is the state of a merge algebra: Merge is commutative and
// associative, an empty value is its identity, and feeding k parts of a stream
// into k values and merging them in any order gives, byte for byte, the
// encoding of the value that saw the whole stream. Two families:
//
//   - idempotent joins (Distinct, BottomK with idempotent payloads, Span):
//     merging the same state twice changes nothing, so they may be re-sent;
//   - additive (Quantile, HeavyHitters, Epochs, BottomK with counts): merging
//     twice counts twice, so they travel as (node, epoch, seq) deltas.
//
// Every cap is by hash or by time order, never by who came first; that is what
// keeps merging independent of order. Counters saturate instead of wrapping,
// which is associative too.
//
// Hashes and tokens handed in must be uniform 64-bit values under a secret key
// of the site, or an attacker chooses which items survive a cap.
//
// No type here is safe for concurrent use.
package sketch

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Errors of the decoders. Wrapped with what was read and what to do.
var (
	// ErrDamaged says that the bytes are not an encoding this package wrote.
	ErrDamaged = errors.New("sketch: damaged encoding")
	// ErrNewer says that the bytes were written by a newer version of the program.
	ErrNewer = errors.New("sketch: encoding of a newer version; upgrade this node first")
	// ErrShape says that two states were built with different parameters.
	ErrShape = errors.New("sketch: states of different shape cannot be merged; rebuild one from the journal")
)

// Kind bytes, the first byte of every encoding; the second is the version.
const (
	kindDistinct     = 0xd1
	kindQuantile     = 0xd2
	kindHeavyHitters = 0xd3
	kindBottomK      = 0xd4
	kindEpochs       = 0xd5
)

// version is the only one so far. Decoders migrate older ones and refuse newer.
const version = 1

func appendHeader(b []byte, kind byte) []byte { return append(b, kind, version) }

// readHeader checks kind and version and returns what follows.
func readHeader(b []byte, kind byte) ([]byte, error) {
	if len(b) < 2 || b[0] != kind {
		return nil, fmt.Errorf("%w: want kind %#x", ErrDamaged, kind)
	}
	if b[1] > version {
		return nil, fmt.Errorf("%w: kind %#x version %d, known is %d", ErrNewer, kind, b[1], version)
	}
	if b[1] == 0 {
		return nil, fmt.Errorf("%w: version 0", ErrDamaged)
	}
	return b[2:], nil
}

// reader consumes an encoding; the first fault sticks, so that decoders check once.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.bad, r.b = true, nil
		return 0
	}
	r.b = r.b[n:]
	return v
}

// count reads a length that may not exceed limit nor, at size bytes an item, what is left.
func (r *reader) count(limit, size int) int {
	v := r.uvarint()
	if v > uint64(limit) || v*uint64(size) > uint64(len(r.b)) {
		r.bad, r.b = true, nil
		return 0
	}
	return int(v)
}

func (r *reader) uint64() uint64 {
	if len(r.b) < 8 {
		r.bad, r.b = true, nil
		return 0
	}
	v := binary.BigEndian.Uint64(r.b)
	r.b = r.b[8:]
	return v
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.bad = true
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

// addSat adds without wrapping. Saturating addition of unsigned numbers is associative.
func addSat(a, b uint64) uint64 {
	if s := a + b; s >= a {
		return s
	}
	return ^uint64(0)
}

func addSat32(a, b uint32) uint32 {
	if s := a + b; s >= a {
		return s
	}
	return ^uint32(0)
}

// Mix is a bijective finaliser (splitmix64, Steele et al. 2014): it spreads a
// token over 64 bits and derives a second order from a first one. It is not
// keyed and hides nothing.
func Mix(x uint64) uint64 {
	x ^= x >> 30
	x *= 0xbf58476d1ce4e5b9
	x ^= x >> 27
	x *= 0x94d049bb133111eb
	return x ^ x>>31
}
