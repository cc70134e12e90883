package dataclass

import (
	"encoding/binary"

	"merlon/internal/model/dataclass/form"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// common judges the values that most leaves have, eight bytes at a time and without counting: words and codes of letters
// alone, digits alone, UUIDs, and times in UTC. It says what classify says (FuzzCommon), or nothing.
func common(v []byte) (Set, Chars) {
	n := len(v)
	switch {
	case n == 36:
		return commonUUID(v)
	case n == 20 && v[10] == 'T' && v[19] == 'Z' && (isInstant(v) || form.DateTime(v) == form.ClockZoned):
		return DateTime.Set(), CharDigit | CharUpper | CharDash | CharColon
	case n > 16 || n < 2:
		return 0, 0
	}
	a, b := ends(v)
	if (outside(a, 'a', 'z')|outside(b, 'a', 'z'))&highs == 0 {
		if n <= 5 && boolStart>>(v[0]&31)&1 != 0 && form.IsBoolWord(v) {
			return 1<<Word | 1<<BoolWord, CharLower
		}
		return 1 << Word, CharLower
	}
	if (outside(a, '0', '9')|outside(b, '0', '9'))&highs == 0 {
		return digits(v), CharDigit
	}
	if (outside(a|' '*ones, 'a', 'z')|outside(b|' '*ones, 'a', 'z'))&highs != 0 {
		return 0, 0
	}
	chars := CharUpper
	if (a|b)&(' '*ones) != 0 {
		chars |= CharLower
	}
	set := Set(1 << Word)
	switch {
	case chars == CharUpper && n == 2 && form.IsCountry(v):
		set |= 1 << Country
	case chars == CharUpper && n == 3 && form.IsCurrency(v):
		set |= 1 << Currency
	case n <= 5 && form.IsBoolWord(v):
		set |= 1 << BoolWord
	case n >= 8 && chars != CharUpper:
		return 0, 0 // letters of both cases may be an opaque id
	}
	return set, chars
}

// boolStart has the bits of the letters that truth values begin with.
const boolStart uint32 = 1<<('t'&31) | 1<<('f'&31) | 1<<('y'&31) | 1<<('n'&31) | 1<<('o'&31)

// outside leaves no high bit if every byte of x is between first and last, both below 0x80: a byte below the range borrows
// its own high bit, one above carries into it, and one beyond ASCII has it.
func outside(x uint64, first, last byte) uint64 {
	return (x - uint64(first)*ones) | (x + uint64(0x7f-last)*ones) | x
}

// ends loads 2 to 16 bytes as two words in which every byte is one of the value's, some of them twice.
func ends(v []byte) (a, b uint64) {
	n := len(v)
	switch {
	case n >= 8:
		return binary.LittleEndian.Uint64(v), binary.LittleEndian.Uint64(v[n-8:])
	case n >= 4:
		a = uint64(binary.LittleEndian.Uint32(v)) | uint64(binary.LittleEndian.Uint32(v[n-4:]))<<32
		return a, a
	}
	a = (uint64(v[0]) | uint64(v[n>>1])<<8 | uint64(v[n-1])<<16 | uint64(v[n-1])<<24) * (1 + 1<<32)
	return a, a
}

// isInstant takes a date and time in UTC to the second, such as 2026-03-01T10:00:00Z, up to the 28th; the other days need
// a calendar. The caller has seen T and Z.
func isInstant(v []byte) bool {
	a := binary.LittleEndian.Uint64(v) ^ 0x2d30302d30303030     // 0000-00-
	b := binary.LittleEndian.Uint64(v[8:]) ^ 0x30303a3030543030 // 00T00:00
	c := binary.LittleEndian.Uint32(v[16:]) ^ 0x5a30303a        // :00Z
	// 0x76 carries into the high bit from 10 up, 0x7f from 1 up.
	const wideA, wideB, wideC = 0x7f76767f76767676, 0x76767f76767f7676, 0x7f76767f
	if (a|(a+wideA)|b|(b+wideB))&highs != 0 || (c|(c+wideC))&0x80808080 != 0 {
		return false
	}
	two := func(w uint64, at uint) uint64 { return w>>at&0xff*10 + w>>(at+8)&0xff }
	month, day := two(a, 40), two(b, 0)
	return month-1 < 12 && day-1 < 28 && two(b, 24) < 24 && two(b, 48) < 60 && two(uint64(c), 8) <= 60
}

// commonUUID judges a value of 36 bytes.
func commonUUID(v []byte) (Set, Chars) {
	if !form.DashedUUID(v) {
		return 0, 0
	}
	words := [4]uint64{
		binary.LittleEndian.Uint64(v),
		uint64(binary.LittleEndian.Uint32(v[9:])) | uint64(binary.LittleEndian.Uint32(v[14:]))<<32,
		uint64(binary.LittleEndian.Uint32(v[19:])) | uint64(binary.LittleEndian.Uint32(v[24:]))<<32,
		binary.LittleEndian.Uint64(v[28:]),
	}
	var digit, small, capital uint64
	all := uint64(highs)
	for _, w := range words {
		// One high bit for each byte in the range; no byte borrows from the next.
		d := (w | highs) - '0'*ones
		d &= ('9'|0x80)*ones - w
		l := w | ' '*ones
		h := (l | highs) - 'a'*ones
		h &= ('f'|0x80)*ones - l
		h &= highs
		d &= highs
		all &= (d | h) &^ w
		digit |= d
		small |= h & (w << 2) // the bit that tells small letters, moved to where the marks are
		capital |= h &^ (w << 2)
	}
	if all != highs || small|capital == 0 { // digits alone may be a telephone number
		return 0, 0
	}
	chars := CharDash
	if digit != 0 {
		chars |= CharDigit
	}
	if small != 0 {
		chars |= CharLower
	}
	if capital != 0 {
		chars |= CharUpper
	}
	return 1 << UUID, chars
}
