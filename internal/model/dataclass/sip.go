package dataclass

import (
	"encoding/binary"
	"math/bits"
)

// sip13 is SipHash-1-3 (Aumasson, Bernstein: SipHash, 2012, with one round a word and three at the end), the keyed hash of
// Rust's and Python's tables. It is written out here because half of what a short value costs is the call: a value of 8
// bytes takes 5 rounds, a UUID 8 (BenchmarkToken). See docs/decisions/0009-keyed-hash.md for why three rounds are enough.
func sip13(k0, k1 uint64, p []byte) uint64 {
	v0, v1, v2, v3 := k0^0x736f6d6570736575, k1^0x646f72616e646f6d, k0^0x6c7967656e657261, k1^0x7465646279746573
	n := len(p)
	for len(p) >= 8 {
		m := binary.LittleEndian.Uint64(p)
		v3 ^= m
		v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
		v0 ^= m
		p = p[8:]
	}
	m := uint64(n)<<56 | below8(p)
	v3 ^= m
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0 ^= m
	v2 ^= 0xff
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	v0, v1, v2, v3 = sipRound(v0, v1, v2, v3)
	return v0 ^ v1 ^ v2 ^ v3
}

// below8 is up to seven bytes as a little-endian number, without a loop.
func below8(p []byte) uint64 {
	n := len(p)
	if n >= 4 {
		return uint64(binary.LittleEndian.Uint32(p)) | uint64(binary.LittleEndian.Uint32(p[n-4:]))<<(uint(n-4)*8&63)
	}
	if n == 0 {
		return 0
	}
	// 1: a; 2: a b; 3: a b c: the middle and the last may be one byte, or the first.
	return uint64(p[0]) | uint64(p[n>>1])<<(uint(n>>1)*8&63) | uint64(p[n-1])<<(uint(n-1)*8&63)
}

func sipRound(v0, v1, v2, v3 uint64) (uint64, uint64, uint64, uint64) {
	v0 += v1
	v1 = bits.RotateLeft64(v1, 13) ^ v0
	v2 += v3
	v3 = bits.RotateLeft64(v3, 16) ^ v2
	v0 = bits.RotateLeft64(v0, 32) + v3
	v3 = bits.RotateLeft64(v3, 21) ^ v0
	v2 += v1
	v1 = bits.RotateLeft64(v1, 17) ^ v2
	v2 = bits.RotateLeft64(v2, 32)
	return v0, v1, v2, v3
}
