package form

import "bytes"

// IsNumber follows the grammar of a JSON number (RFC 8259), and allows a leading plus.
func IsNumber(v []byte) bool {
	i, n := 0, len(v)
	if v[0] == '-' || v[0] == '+' {
		i = 1
	}
	start := i
	for i < n && IsDigit(v[i]) {
		i++
	}
	if i == start || v[start] == '0' && i-start > 1 {
		return false
	}
	if i < n && v[i] == '.' {
		i++
		start = i
		for i < n && IsDigit(v[i]) {
			i++
		}
		if i == start {
			return false
		}
	}
	if i < n && (v[i] == 'e' || v[i] == 'E') {
		i++
		if i < n && (v[i] == '-' || v[i] == '+') {
			i++
		}
		start = i
		for i < n && IsDigit(v[i]) {
			i++
		}
		if i == start || i-start > 3 {
			return false
		}
	}
	return i == n
}

// luhn checks the mod 10 digit of ISO/IEC 7812-1 over digits; carry is the sum of a prefix that is not written.
func luhn(v []byte, carry int) bool {
	sum := carry
	i := len(v) - 1
	for ; i > 0; i -= 2 {
		sum += int(v[i]-'0') + int(doubled[(v[i-1]-'0')&15])
	}
	if i == 0 {
		sum += int(v[0] - '0')
	}
	return sum%10 == 0
}

// doubled is the sum of the digits of twice a digit; constant.
var doubled = [16]uint8{0, 2, 4, 6, 8, 1, 3, 5, 7, 9}

// IsNPI checks a National Provider Identifier of digits alone: it begins with 1 or 2, and Luhn holds with the prefix
// 80840 before it, whose share of the sum is 24.
func IsNPI(v []byte) bool { return len(v) == 10 && (v[0] == '1' || v[0] == '2') && luhn(v, 24) }

// IsIMEI checks a device number of digits alone (3GPP TS 23.003).
func IsIMEI(v []byte) bool { return len(v) == 15 && luhn(v, 0) && !monotonous(v) }

// monotonous finds test patterns that nobody was given: one digit repeated, or digits that only count up or down.
func monotonous(v []byte) bool {
	same, up, down := true, true, true
	for i := 1; i < len(v); i++ {
		d := v[i] - v[i-1]
		same = same && d == 0
		up = up && (d == 1 || v[i-1] == '9' && v[i] == '0')
		down = down && (d == 255 || v[i-1] == '0' && v[i] == '9')
	}
	return same || up || down
}

// IsPAN checks a payment card number of digits alone: a range that a network issues from, that network's lengths, Luhn.
// One in ten numbers in an issued range passes, hence Candidate.
func IsPAN(v []byte) bool {
	return len(v) >= 12 && len(v) <= 19 && cardRange(v) && luhn(v, 0) && !monotonous(v)
}

// cardRange knows the issuer identification numbers of Visa, Mastercard, American Express, Diners Club, Discover, JCB,
// UnionPay and Maestro with their lengths. Of Maestro's twelve-digit numbers only the ranges in use are known.
func cardRange(v []byte) bool {
	n := len(v)
	p4 := int(v[0]-'0')*1000 + int(v[1]-'0')*100 + int(v[2]-'0')*10 + int(v[3]-'0')
	p2, p3 := p4/100, p4/10
	switch {
	case v[0] == '4':
		return n == 13 || n == 16 || n == 19
	case p2 >= 51 && p2 <= 55, p4 >= 2221 && p4 <= 2720:
		return n == 16
	case p2 == 34, p2 == 37, p4 == 1800, p4 == 2131:
		return n == 15
	case p3 >= 300 && p3 <= 305, p2 == 36, p2 == 38, p2 == 39:
		return n >= 14 && n <= 19
	case p4 == 6011, p3 >= 644 && p3 <= 649, p2 == 65, p2 == 62, p4 >= 3528 && p4 <= 3589:
		return n >= 16
	case n == 12:
		switch p4 {
		case 5018, 5020, 5038, 5893, 6304, 6759, 6761, 6762, 6763:
			return true
		}
		return false
	case p2 == 50, p2 >= 56 && p2 <= 58, p2 == 63, p2 == 67:
		return n >= 13
	}
	return false
}

// IsPANSpaced checks a card number written in groups with one kind of separator, the first of four digits.
func IsPANSpaced(v []byte) bool {
	if len(v) < 16 || v[4] != ' ' && v[4] != '-' {
		return false
	}
	var plain [19]byte
	n, group := 0, 0
	for _, b := range v {
		if b == v[4] {
			if group < 3 {
				return false
			}
			group = 0
			continue
		}
		if !IsDigit(b) || n == len(plain) || group == 7 {
			return false
		}
		plain[n] = b
		n++
		group++
	}
	return n >= 13 && group >= 2 && IsPAN(plain[:n])
}

// IsUnixTime holds for seconds or milliseconds between 2000-01-01 and 2100-01-01.
func IsUnixTime(v []byte) bool {
	return (len(v) == 10 || len(v) == 13) && string(v[:10]) >= "0946684800" && string(v[:10]) < "4102444800"
}

// IsNHS checks the mod 11 digit of an NHS number. One ten-digit number in eleven passes.
func IsNHS(v []byte) bool {
	if len(v) != 10 {
		return false
	}
	sum := 0
	for i := 0; i < 9; i++ {
		sum += int(v[i]-'0') * (10 - i)
	}
	c := 11 - sum%11
	if c == 11 {
		c = 0
	}
	return c != 10 && c == int(v[9]-'0') && !monotonous(v)
}

// IsNHSSpaced checks the same as 3-3-4 with spaces or dashes.
func IsNHSSpaced(v []byte) bool {
	if len(v) != 12 || v[3] != v[7] || v[3] != ' ' && v[3] != '-' {
		return false
	}
	var plain [10]byte
	n := 0
	for _, b := range v {
		if b == v[3] {
			continue
		}
		if !IsDigit(b) || n == len(plain) {
			return false
		}
		plain[n] = b
		n++
	}
	return n == 10 && IsNHS(plain[:])
}

// IsSSN checks the form ddd-dd-dddd or with spaces, and the areas, groups and serials that the Social Security
// Administration never issues. Nine plain digits are too common to claim.
func IsSSN(v []byte) bool {
	if len(v) != 11 || v[3] != v[6] || v[3] != '-' && v[3] != ' ' {
		return false
	}
	for i, b := range v {
		if i != 3 && i != 6 && !IsDigit(b) {
			return false
		}
	}
	area := int(v[0]-'0')*100 + two(v, 1)
	return area != 0 && area != 666 && area < 900 && two(v, 4) != 0 && (two(v, 7) != 0 || two(v, 9) != 0)
}

// IsPhone takes E.164 with a plus and common separators, and the national form of the North American plan with
// separators. Plain digits are never claimed: they are numbers.
func IsPhone(v []byte) bool {
	digits, open, last := 0, 0, byte(0)
	for i, b := range v {
		switch b {
		case '+':
			if i != 0 {
				return false
			}
		case '(':
			open++
		case ')':
			open--
		case ' ':
		case '-', '.', '/':
			if last == '-' || last == '.' || last == '/' {
				return false
			}
		default:
			if !IsDigit(b) {
				return false
			}
			digits++
		}
		if open < 0 || open > 1 {
			return false
		}
		last = b
	}
	if open != 0 || !IsDigit(last) {
		return false
	}
	switch {
	case v[0] == '+':
		return digits >= 8 && IsDigit(v[1]) && v[1] != '0'
	case v[0] == '0' && digits >= 9:
		return IsTrunk(v)
	}
	return IsNANP(v, digits)
}

// IsTrunk takes national numbers as most of the world writes them: a leading zero, then groups of at least two digits.
func IsTrunk(v []byte) bool {
	groups, run := 0, 0
	for _, b := range v {
		if IsDigit(b) {
			run++
			continue
		}
		if run == 1 || b == '(' || b == ')' {
			return false
		}
		if run > 0 {
			groups++
		}
		run = 0
	}
	return groups > 0 && run > 1
}

// IsExtended takes a telephone number with an extension: +1-604-696-5272x565.
func IsExtended(v []byte) bool {
	x := bytes.IndexByte(v, 'x')
	if x < 10 || len(v)-x < 2 || len(v)-x > 6 || IsAlnum(v[x-1]) && !IsDigit(v[x-1]) {
		return false
	}
	for _, b := range v[x+1:] {
		if !IsDigit(b) {
			return false
		}
	}
	return IsPhone(v[:x])
}

// IsNANP checks ten digits as 3-3-4 (or with a leading 1), area and exchange beginning with 2 to 9.
func IsNANP(v []byte, digits int) bool {
	if digits != 10 && !(digits == 11 && v[0] == '1') {
		return false
	}
	at := 10 - digits // position of the next digit in the ten-digit number; -1 is the country code
	for i, b := range v {
		if !IsDigit(b) {
			if at != 0 && at != 3 && at != 6 {
				return false
			}
			continue
		}
		if (at == 0 || at == 3) && b < '2' {
			return false
		}
		if (at == 3 || at == 6) && IsDigit(v[i-1]) {
			return false
		}
		at++
	}
	return true
}

// IsGeoPoint takes "latitude,longitude" in decimal degrees, both with a fraction.
func IsGeoPoint(v []byte) bool {
	comma := -1
	for i, b := range v {
		if b == ',' {
			if comma >= 0 {
				return false
			}
			comma = i
		}
	}
	if comma <= 0 {
		return false
	}
	return isDegrees(v[:comma], 90) && isDegrees(v[comma+1:], 180)
}

func isDegrees(v []byte, limit int) bool {
	for len(v) > 0 && v[0] == ' ' {
		v = v[1:]
	}
	if len(v) > 0 && v[0] == '-' {
		v = v[1:]
	}
	whole, i := 0, 0
	for i < len(v) && IsDigit(v[i]) && i < 4 {
		whole = whole*10 + int(v[i]-'0')
		i++
	}
	if i == 0 || i+3 > len(v) || v[i] != '.' || whole > limit {
		return false
	}
	for _, b := range v[i+1:] {
		if !IsDigit(b) {
			return false
		}
	}
	return true
}
