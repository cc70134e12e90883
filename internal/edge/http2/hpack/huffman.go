package hpack

import (
	"encoding/binary"
	"slices"
)

// appendDecoded appends the octets that src codes. Codes are five bits at least: the result is at most 8/5 of src.
func appendDecoded(dst, src []byte) ([]byte, error) {
	dst = slices.Grow(dst, len(src)*8/5+1)
	out, o := dst[:cap(dst)], len(dst)
	var bits uint64 // the bits to come, aligned to the left
	var n uint      // how many of them are there
	for {
		// Fill up: whole words while there are any. Bits beyond n are what src goes on with, and are filled in again.
		if len(src) >= 8 {
			bits |= binary.BigEndian.Uint64(src) >> n
			k := (63 - n) >> 3
			src = src[k:]
			n += k * 8
		} else {
			for ; n <= 56 && len(src) > 0; n += 8 {
				bits |= uint64(src[0]) << (56 - n)
				src = src[1:]
			}
			if len(src) == 0 {
				break
			}
		}
		for n >= 30 {
			e := short[bits>>(64-direct)]
			symbol, length := byte(e>>8), uint(e&63)
			if e == 0 {
				if symbol, length = lookLong(bits); length == 0 {
					return dst, ErrHuffman
				}
			}
			out[o] = symbol
			o++
			bits <<= length & 63
			n -= length
		}
	}
	// The end is looked at with ones behind it: what is left over once no code fits is padding.
	bits |= ^uint64(0) >> n
	for n > 0 {
		symbol, length := look(bits)
		if length == 0 || length > n {
			break
		}
		out[o] = symbol
		o++
		bits = bits<<length | (1<<length - 1)
		n -= length
	}
	switch {
	case n >= 30:
		return dst, ErrHuffman // a whole end-of-string
	case n > 7 || ^bits != 0:
		return dst, ErrPadding
	}
	return out[:o], nil
}

// look reads one code from the left of bits, of which 30 are there; length 0 is end-of-string, which no string holds
// (RFC 7541 section 5.2).
func look(bits uint64) (symbol byte, length uint) {
	if e := short[bits>>(64-direct)]; e != 0 {
		return byte(e >> 8), uint(e & 0xff)
	}
	return lookLong(bits)
}

// lookLong is look for codes of more than ten bits.
func lookLong(bits uint64) (symbol byte, length uint) {
	w := uint32(bits >> 32)
	for i := range long.runs {
		if r := &long.runs[i]; w <= r.last {
			return long.symbols[uint32(r.symbols)+(w-r.first)>>(32-r.length)], uint(r.length)
		}
	}
	return 0, 0
}

// huffmanLength is the length in octets of s in Huffman code.
func huffmanLength[T string | []byte](s T) int {
	n := 0
	for i := range len(s) {
		n += int(codeLengths[s[i]])
	}
	return (n + 7) / 8
}

// appendHuffman appends s in Huffman code.
func appendHuffman(dst, s []byte) []byte {
	var bits uint64 // aligned to the right
	var n uint
	for _, b := range s {
		c := codes[b]
		bits = bits<<c.length | uint64(c.bits)
		if n += uint(c.length); n >= 32 {
			n -= 32
			dst = binary.BigEndian.AppendUint32(dst, uint32(bits>>n))
		}
	}
	for ; n >= 8; n -= 8 {
		dst = append(dst, byte(bits>>(n-8)))
	}
	if n > 0 {
		dst = append(dst, byte(bits<<(8-n))|byte(0xff>>n))
	}
	return dst
}
