package schema

import (
	"encoding/binary"
	"math/bits"

	"merlon/internal/model/sketch"
)

// supporterSample is the size of each of the two samples: exact to 16, which is
// above every quorum in use.
const supporterSample = 16

// Backing is what is known of one supporter. Its join is idempotent.
type Backing struct {
	// Peers are the two smallest tokens of the other sort seen with it: the
	// networks of a principal, the principals of a network. 0 is empty.
	Peers [2]uint64
	// Buckets has one bit per time bucket, modulo 64.
	Buckets uint64
}

// TimeBuckets returns in how many time buckets (at most 64) the supporter was seen.
func (k Backing) TimeBuckets() int { return bits.OnesCount64(k.Buckets) }

func (k *Backing) peer(p uint64) {
	switch {
	case p == 0 || p == k.Peers[0] || p == k.Peers[1]:
	case k.Peers[0] == 0:
		k.Peers[0] = p
	case p < k.Peers[0]:
		k.Peers[0], k.Peers[1] = p, k.Peers[0]
	case k.Peers[1] == 0 || p < k.Peers[1]:
		k.Peers[1] = p
	}
}

func joinBacking(dst *Backing, src Backing) {
	dst.peer(src.Peers[0])
	dst.peer(src.Peers[1])
	dst.Buckets |= src.Buckets
}

// Supporters is who stands behind a claim: a sample of verified or accepted
// principals, and one of client networks for everything else. The hash of an
// entry is the token itself, so that a flagged supporter can be left out.
// Memory: at most 2 * 16 * 32 bytes.
type Supporters struct {
	Strong sketch.BottomK[Backing] // by principal; peers are networks
	Weak   sketch.BottomK[Backing] // by network; peers are claimed principals
}

func makeSupporters() Supporters {
	return Supporters{
		Strong: sketch.MakeBottomK[Backing](supporterSample),
		Weak:   sketch.MakeBottomK[Backing](supporterSample),
	}
}

// add notes one supporter.
func (s *Supporters) add(by *Support) {
	var k *Backing
	peer := by.Principal
	if by.Strong {
		k, peer = s.Strong.Slot(by.Principal), by.Network
	} else {
		k = s.Weak.Slot(by.Network)
	}
	if k != nil {
		k.Buckets |= 1 << (by.Bucket & 63)
		if peer != k.Peers[0] && peer != k.Peers[1] {
			k.peer(peer)
		}
	}
}

func (s *Supporters) merge(o *Supporters) {
	s.Strong.Merge(&o.Strong, joinBacking)
	s.Weak.Merge(&o.Weak, joinBacking)
}

func (s *Supporters) appendBinary(b []byte) []byte {
	return s.Weak.AppendBinary(s.Strong.AppendBinary(b, appendBacking), appendBacking)
}

func (s *Supporters) decode(b []byte) ([]byte, error) {
	var err error
	if s.Strong, b, err = sketch.DecodeBottomK(b, supporterSample, 3, takeBacking); err != nil {
		return nil, err
	}
	s.Weak, b, err = sketch.DecodeBottomK(b, supporterSample, 3, takeBacking)
	return b, err
}

func appendBacking(b []byte, k Backing) []byte {
	b = binary.AppendUvarint(b, k.Peers[0])
	b = binary.AppendUvarint(b, k.Peers[1])
	return binary.AppendUvarint(b, k.Buckets)
}

func takeBacking(b []byte) (k Backing, rest []byte, ok bool) {
	for _, p := range []*uint64{&k.Peers[0], &k.Peers[1], &k.Buckets} {
		n := 0
		if *p, n = binary.Uvarint(b); n <= 0 {
			return Backing{}, nil, false
		}
		b = b[n:]
	}
	if p := k.Peers; p[1] != 0 && p[0] >= p[1] || p[0] == 0 && p[1] != 0 {
		return Backing{}, nil, false
	}
	return k, b, true
}
