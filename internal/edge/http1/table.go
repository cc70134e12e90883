package http1

import (
	"encoding/binary"
	"math/bits"
)

// Classes of a byte, one bit each.
const (
	classToken      = 1 << iota // tchar of RFC 9110 section 5.6.2: field names and methods
	classHost                   // letters, digits, "-", ".", "_", "~": what a host name may hold here
	classHex                    // hexadecimal digit
	classStop                   // ends a target: control characters, space, DEL and "#"
	classQuery                  // "?"
	classPercent                // "%"
	classOdd                    // printable, but must be percent-encoded in a URI: "<>\^`{|}[]
	classHigh                   // 0x80 to 0xFF
	classBackslash              // "\"
	classDot                    // "."
	classUnderscore             // "_"
)

// byteClass is read-only data.
var byteClass = func() (t [256]uint16) {
	set := func(s string, class uint16) {
		for i := range len(s) {
			t[s[i]] |= class
		}
	}
	const letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
	const digits = "0123456789"
	set(letters+digits+"!#$%&'*+-.^_`|~", classToken)
	set(letters+digits+"-._~", classHost)
	set(digits+"abcdefABCDEF", classHex)
	set("\x7f #", classStop)
	set("?", classQuery)
	set("%", classPercent)
	set("\"<>\\^`{|}[]", classOdd)
	set("\\", classBackslash)
	set(".", classDot)
	set("_", classUnderscore)
	for c := range 256 {
		if c < 0x20 {
			t[c] |= classStop
		}
		if c >= 0x80 {
			t[c] |= classHigh
		}
	}
	return t
}()

// SWAR constants: a byte repeated eight times.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// controls marks, in the high bit of each byte, the bytes of w that are below 0x20 or DEL. The sums cannot carry into the
// next byte, so every mark is exact.
func controls(w uint64) uint64 {
	low := w & (0x7f * ones)
	return (^(low + 0x60*ones) | (low + ones)) &^ w & highs
}

// scanName returns the index of the first byte of b at or behind i that is neither letter nor "-", or an index at most
// seven bytes before the end of b. Eight bytes a step; nearly every field name is letters and "-" only, the caller goes
// on byte by byte where one is not.
func scanName(b []byte, i int) int {
	for ; i+8 <= len(b); i += 8 {
		w := binary.LittleEndian.Uint64(b[i:])
		low := w & (0x7f * ones)
		folded := low | 0x20*ones
		letter := (folded + (0x80-'a')*ones) &^ (folded + (0x7f-'z')*ones)
		dash := ^((low ^ '-'*ones) + 0x7f*ones)
		if stop := ^(letter|dash)&highs | w&highs; stop != 0 {
			return i + bits.TrailingZeros64(stop)>>3
		}
	}
	return i
}

// scanText returns the index of the first control character (below 0x20, or DEL) of b at or behind i, or len(b), and
// the OR of all bytes passed. Sixteen bytes a step: field values are most of a head.
func scanText(b []byte, i int) (int, uint64) {
	var seen uint64
	p := b[i:]
	for len(p) >= 16 {
		w, v := binary.LittleEndian.Uint64(p), binary.LittleEndian.Uint64(p[8:])
		// A cheaper sieve first: it misses no control character and errs only behind one, or behind 0xFF.
		if (((w-0x20*ones)|(w+ones))&^w|((v-0x20*ones)|(v+ones))&^v)&highs != 0 {
			stop, next := controls(w), controls(v)
			if stop|next != 0 {
				if stop == 0 {
					seen |= w
					p, w, stop = p[8:], v, next
				}
				k := bits.TrailingZeros64(stop) &^ 7
				return len(b) - len(p) + k>>3, seen | w&(1<<k-1)
			}
		}
		seen |= w | v
		p = p[16:]
	}
	for len(p) > 0 && p[0] >= 0x20 && p[0] != 0x7f {
		seen |= uint64(p[0])
		p = p[1:]
	}
	return len(b) - len(p), seen
}

// lower folds an ASCII letter; it is exact for token characters, whose non-letters it cannot turn into letters.
func lower(c byte) byte {
	if c-'A' < 26 {
		c |= 0x20
	}
	return c
}

// equalFold compares b with the lower-case ASCII text want in any casing.
func equalFold(b []byte, want string) bool {
	if len(b) != len(want) {
		return false
	}
	for i := range len(want) {
		if lower(b[i]) != want[i] {
			return false
		}
	}
	return true
}

// trimSpace cuts spaces and tabs (OWS) from both ends.
func trimSpace(b []byte) []byte {
	for len(b) > 0 && isSpace(b[0]) {
		b = b[1:]
	}
	for len(b) > 0 && isSpace(b[len(b)-1]) {
		b = b[:len(b)-1]
	}
	return b
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' }

// hexValue is the value of a hexadecimal digit, or 0xFF.
func hexValue(c byte) byte {
	switch {
	case c-'0' < 10:
		return c - '0'
	case lower(c)-'a' < 6:
		return lower(c) - 'a' + 10
	}
	return 0xFF
}
