package hpack

// maxInteger is the greatest integer taken: it fits an int on every machine.
const maxInteger = 1<<31 - 1

// readInteger reads an integer with a prefix of so many bits (RFC 7541 section 5.1) from the front of b, which is not empty.
// At most five octets may follow the prefix: enough for maxInteger, and no room for endless zeros.
func readInteger(b []byte, prefix uint) (v uint32, rest []byte, err error) {
	mask := byte(1)<<prefix - 1
	v = uint32(b[0] & mask)
	if b[0]&mask != mask {
		return v, b[1:], nil
	}
	sum := uint64(v)
	for i := 1; i < len(b); i++ {
		if i > 5 {
			return 0, nil, ErrInteger
		}
		sum += uint64(b[i]&0x7f) << (7 * (i - 1))
		if sum > maxInteger {
			return 0, nil, ErrInteger
		}
		if b[i] < 0x80 {
			return uint32(sum), b[i+1:], nil
		}
	}
	if len(b) > 5 {
		return 0, nil, ErrInteger
	}
	return 0, nil, ErrTruncated
}

// appendInteger appends v with a prefix of so many bits, under the bits of first.
func appendInteger(dst []byte, first byte, prefix uint, v uint32) []byte {
	top := uint32(1)<<prefix - 1
	if v < top {
		return append(dst, first|byte(v))
	}
	dst = append(dst, first|byte(top))
	for v -= top; v >= 0x80; v >>= 7 {
		dst = append(dst, byte(v)|0x80)
	}
	return append(dst, byte(v))
}
