// Package form: The grammars and check digits by which dataclass knows a value: one function a form, pure and free of
// allocation, for a value that is not empty. Each answers for the whole value; none searches inside text.
package form

// MaxExamined is the longest value that the recognisers look at, in bytes.
const MaxExamined = 255

// IsDigit holds for 0-9.
func IsDigit(b byte) bool { return b-'0' < 10 }

// IsLower holds for a-z.
func IsLower(b byte) bool { return b-'a' < 26 }

// IsUpper holds for A-Z.
func IsUpper(b byte) bool { return b-'A' < 26 }

// IsAlpha holds for letters of ASCII.
func IsAlpha(b byte) bool { return (b|0x20)-'a' < 26 }

// IsAlnum holds for letters and digits of ASCII.
func IsAlnum(b byte) bool { return IsDigit(b) || IsAlpha(b) }

// IsHex holds for hexadecimal digits of any case.
func IsHex(b byte) bool { return IsDigit(b) || (b|0x20)-'a' < 6 }

// two reads the two digits at v[i], or returns -1.
func two(v []byte, i int) int {
	a, b := v[i]-'0', v[i+1]-'0'
	if a > 9 || b > 9 {
		return -1
	}
	return int(a)*10 + int(b)
}
