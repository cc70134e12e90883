package summary

import (
	"math/bits"

	"merlon/internal/model/sketch"
)

// Sample sizes of supporters. Quorums are below 16; twice that leaves room for supporters that are flagged later.
const supportSample = 32

// Supporter is what one supporter has done for a claim, together, so that flagging it takes all of its support away. Its
// join is commutative and associative; successes are additive.
type Supporter struct {
	// Networks are the two smallest tokens of client networks it came from; 0 is empty.
	Networks [2]uint64
	// Network is the smallest plain network id (identity.NetworkID) it came from, to be compared with flags.
	Network uint64
	// Buckets has one bit per hour of event time, modulo 64.
	Buckets   uint64
	Successes uint32
}

// Hours is in how many different hours (at most 64) the supporter had success.
func (s Supporter) Hours() int { return bits.OnesCount64(s.Buckets) }

func joinSupporter(dst *Supporter, src Supporter) {
	dst.network(src.Networks[0])
	dst.network(src.Networks[1])
	dst.Network = minSet(dst.Network, src.Network)
	dst.Buckets |= src.Buckets
	dst.Successes += min(src.Successes, ^uint32(0)-dst.Successes)
}

// network notes a token; the two smallest stay.
func (s *Supporter) network(t uint64) {
	n := &s.Networks
	switch {
	case t == 0 || t == n[0] || t == n[1]:
	case n[0] == 0:
		n[0] = t
	case t < n[0]:
		n[0], n[1] = t, n[0]
	case n[1] == 0 || t < n[1]:
		n[1] = t
	}
}

func minSet(a, b uint64) uint64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// Support is who had success under a key: proved principals, and for everybody else the client networks. A claimed
// identity adds nothing to the network it came from.
type Support struct {
	Principals sketch.BottomK[Supporter]
	Networks   sketch.BottomK[Supporter] // by NetworkToken
	// Callers counts different callers, successful or not: proved principals, otherwise networks.
	Callers sketch.Distinct
}

func makeSupport() Support {
	return Support{
		Principals: sketch.MakeBottomK[Supporter](supportSample),
		Networks:   sketch.MakeBottomK[Supporter](supportSample),
		Callers:    sketch.MakeDistinct(10),
	}
}

func (s *Support) fold(f *fold) {
	if f.caller == 0 {
		return
	}
	s.Callers.Add(f.caller)
	if !f.success {
		return
	}
	k := &s.Networks
	if f.proved {
		k = &s.Principals
	}
	if p := k.Slot(f.caller); p != nil {
		if p.Networks[0] != f.token && p.Networks[1] != f.token {
			p.network(f.token)
		}
		p.Network = minSet(p.Network, f.network)
		p.Buckets |= 1 << (f.hour & 63)
		if p.Successes != ^uint32(0) {
			p.Successes++
		}
	}
}

func (s *Support) merge(o learner) {
	x := o.(*Support)
	s.Principals.Merge(&x.Principals, joinSupporter)
	s.Networks.Merge(&x.Networks, joinSupporter)
	s.Callers.Merge(&x.Callers)
}

func (s *Support) append(b []byte) []byte {
	b = s.Principals.AppendBinary(b, appendSupporter)
	b = s.Networks.AppendBinary(b, appendSupporter)
	return s.Callers.AppendBinary(b)
}

func (s *Support) read(r *reader) {
	s.Principals = readBottomK(r, supportSample, 33, takeSupporter)
	s.Networks = readBottomK(r, supportSample, 33, takeSupporter)
	r.distinct(&s.Callers)
}

func appendSupporter(b []byte, v Supporter) []byte {
	b = appendU64(appendU64(b, v.Networks[0]), v.Networks[1])
	b = appendU64(appendU64(b, v.Network), v.Buckets)
	return appendUvarint(b, uint64(v.Successes))
}

func takeSupporter(b []byte) (v Supporter, rest []byte, ok bool) {
	r := reader{b: b}
	v.Networks[0], v.Networks[1] = r.u64(), r.u64()
	v.Network, v.Buckets = r.u64(), r.u64()
	n := r.uvarint()
	if n > 1<<32-1 || v.Networks[1] != 0 && v.Networks[0] >= v.Networks[1] || v.Networks[0] == 0 && v.Networks[1] != 0 {
		return Supporter{}, nil, false
	}
	v.Successes = uint32(n)
	return v, r.b, r.err == nil
}
