package event

import "unicode/utf8"

const hexDigits = "0123456789abcdef"

// appendQuoted appends s as a JSON string. Bytes that are no UTF-8 become U+FFFD.
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	from := 0
	for i := 0; i < len(s); i++ {
		if c := s[i]; c == '"' || c == '\\' {
			dst = append(appendSafe(dst, s[from:i]), '\\', c)
			from = i + 1
		}
	}
	return append(appendSafe(dst, s[from:]), '"')
}

// appendSafe appends s with every character escaped that must not stand in a JSON string (RFC 8259 section 7), that a
// terminal acts upon (C0, DEL, C1), that ends a line in JavaScript, or that reorders what a reader sees (the bidirectional
// controls of CVE-2021-42574).
func appendSafe(dst []byte, s string) []byte {
	from := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c >= 0x20 && c < 0x7f {
			i++
			continue
		}
		r, n := rune(c), 1
		if c >= utf8.RuneSelf {
			r, n = utf8.DecodeRuneInString(s[i:])
			if r == utf8.RuneError && n == 1 {
				dst = append(append(dst, s[from:i]...), `\ufffd`...)
				i++
				from = i
				continue
			}
			if !unsafeRune(r) {
				i += n
				continue
			}
		}
		dst = append(dst, s[from:i]...)
		dst = append(dst, '\\', 'u', hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
		i += n
		from = i
	}
	return append(dst, s[from:]...)
}

// unsafeRune: C1, line and paragraph separator, marks and embeddings of direction, and the byte order mark. All are below
// U+10000, so one escape holds them.
func unsafeRune(r rune) bool {
	return r >= 0x80 && r < 0xa0 || r == 0x61c || r >= 0x200b && r <= 0x200f || r >= 0x2028 && r <= 0x202e || r >= 0x2060 && r <= 0x2069 || r == 0xfeff
}
