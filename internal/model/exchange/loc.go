package exchange

import (
	"encoding/binary"
	"math/bits"
)

// Locations are hashes of part and path, so that equal locations meet without building strings: a leaf's location is its
// parent's mixed with its name. They are the same on every node and in every process; they are not secret, and a made-up
// collision only blurs the statistics of the site it was made on.

// RootLoc is the location of a body's root, and the parent of every parameter of that part.
func RootLoc(p Part) uint64 { return mixLoc(0x6d65726c6f6e0001, uint64(p)+1) }

// ElementLoc is the location shared by all elements of the array at parent.
func ElementLoc(parent uint64) uint64 { return mixLoc(parent, 0xe1e3e5e7e9ebedef) }

// SegmentLoc is the location of the i-th path segment.
func SegmentLoc(i int) uint64 { return mixLoc(RootLoc(InPath), uint64(i)+1) }

// MemberLoc is the location of the member or parameter called name inside parent.
func MemberLoc(parent uint64, name []byte) uint64 {
	h := parent ^ uint64(len(name))*0x9fb21c651e98df25
	for len(name) >= 8 {
		h = mixLoc(h, binary.LittleEndian.Uint64(name))
		name = name[8:]
	}
	return mixLoc(h, tail(name)^0xa0761d6478bd642f)
}

// tail is up to seven bytes as a little-endian number, without a loop.
func tail(b []byte) uint64 {
	n := len(b)
	if n >= 4 {
		return uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<(uint(n-4)*8&63)
	}
	if n == 0 {
		return 0
	}
	return uint64(b[0]) | uint64(b[n>>1])<<(uint(n>>1)*8&63) | uint64(b[n-1])<<(uint(n-1)*8&63)
}

// mixLoc folds the 128-bit product of two words, as wyhash does.
func mixLoc(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a^0xe7037ed1a0b428db, b^0x8ebc6af09c88c6e3)
	return hi ^ lo
}
