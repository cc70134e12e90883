package form

import "bytes"

// IsIPv4 checks four decimal numbers up to 255 without leading zeros.
func IsIPv4(v []byte) bool {
	if len(v) < 7 || len(v) > 15 {
		return false
	}
	octet, width, part := 0, 0, 0
	for _, b := range v {
		if b == '.' {
			if width == 0 || part == 3 {
				return false
			}
			octet, width = 0, 0
			part++
			continue
		}
		if !IsDigit(b) || width > 0 && octet == 0 {
			return false
		}
		octet = octet*10 + int(b-'0')
		width++
		if octet > 255 {
			return false
		}
	}
	return part == 3 && width > 0
}

// IsIPv6 checks RFC 4291 text: eight groups, or fewer with one "::", an IPv4 address allowed as the last 32 bits.
func IsIPv6(v []byte) bool {
	groups, elided, i := 0, false, 0
	if v[0] == ':' {
		if len(v) < 2 || v[1] != ':' {
			return false
		}
		elided, i = true, 2
		if len(v) == 2 {
			return true
		}
	}
	for {
		start := i
		for i < len(v) && IsHex(v[i]) {
			i++
		}
		if i < len(v) && v[i] == '.' {
			if !IsIPv4(v[start:]) {
				return false
			}
			groups += 2
			break
		}
		if i == start || i-start > 4 {
			return false
		}
		groups++
		if i == len(v) {
			break
		}
		if v[i] != ':' || i+1 == len(v) {
			return false
		}
		i++
		if v[i] == ':' {
			if elided {
				return false
			}
			elided = true
			i++
			if i == len(v) {
				break
			}
		}
	}
	if elided {
		return groups < 8
	}
	return groups == 8
}

// IsMAC checks six pairs of hexadecimal digits with one kind of separator.
func IsMAC(v []byte) bool {
	if len(v) != 17 {
		return false
	}
	for i, b := range v {
		if i%3 == 2 {
			if b != v[2] || b != ':' && b != '-' {
				return false
			}
		} else if !IsHex(b) {
			return false
		}
	}
	return true
}

// IsHostname checks RFC 1123 labels and that the last looks like a top-level domain: an assigned country code, a common
// generic one, or one that private networks use. Field paths such as "user.name" or "order.no" must stay silent.
func IsHostname(v []byte) bool {
	if len(v) > 253 {
		return false
	}
	label, labels, lastStart := 0, 1, 0
	for i, b := range v {
		switch {
		case b == '.':
			if label == 0 || v[i-1] == '-' {
				return false
			}
			label = 0
			labels++
			lastStart = i + 1
		case b == '-':
			if label == 0 {
				return false
			}
			label++
		case IsAlnum(b):
			label++
		default:
			return false
		}
		if label > 63 {
			return false
		}
	}
	return label > 0 && labels >= 2 && IsTopLevel(v[lastStart:], labels)
}

// IsEmail checks the dot-atom form of RFC 5322 with a domain of at least two labels, the last of letters.
func IsEmail(v []byte) bool {
	at := bytes.IndexByte(v, '@')
	if at < 1 || at > 64 || len(v)-at < 4 || len(v) > 254 {
		return false
	}
	if v[0] == '.' || v[at-1] == '.' {
		return false
	}
	for i, b := range v[:at] {
		if !atoms[b] && (b != '.' || v[i+1] == '.') {
			return false
		}
	}
	domain := v[at+1:]
	prev := byte('.')
	last := 0
	for i, b := range domain {
		switch {
		case b == '.':
			if prev == '.' || prev == '-' {
				return false
			}
			last = i + 1
		case b == '-':
			if prev == '.' {
				return false
			}
		case !IsAlnum(b):
			return false
		}
		prev = b
	}
	if last == 0 || len(domain)-last < 2 {
		return false
	}
	for _, b := range domain[last:] {
		if !IsAlpha(b) {
			return foldPrefix(domain[last:], "xn--")
		}
	}
	return true
}

// atoms are the characters of RFC 5322 atext; constant.
var atoms = makeAtoms()

func makeAtoms() (t [256]bool) {
	for i := range t {
		t[i] = isAtom(byte(i))
	}
	return t
}

func isAtom(b byte) bool {
	switch b {
	case '!', '#', '$', '%', '&', '\'', '*', '+', '-', '/', '=', '?', '^', '_', '`', '{', '|', '}', '~':
		return true
	}
	return IsAlnum(b)
}

// IsURI takes scheme://something, and mailto:, tel:, urn:, data: with something after it. The caller
// has ruled out what RFC 3986 never allows.
func IsURI(v []byte) bool {
	c := bytes.IndexByte(v, ':')
	if c < 2 || c > 20 || c+1 == len(v) {
		return false
	}
	for _, b := range v[:c] {
		if !IsAlnum(b) && b != '+' && b != '-' && b != '.' {
			return false
		}
	}
	rest := v[c+1:]
	if len(rest) >= 3 && rest[0] == '/' && rest[1] == '/' {
		if !IsAlnum(rest[2]) && rest[2] != '[' && rest[2] != '/' && rest[2] != '_' && rest[2] != '%' {
			return false
		}
	} else {
		switch string(v[:c]) {
		case "mailto", "tel", "urn", "data", "sms", "geo":
		default:
			return false
		}
	}
	return true
}

// IsURN checks a UUID in the form of a URN (RFC 9562, 4).
func IsURN(v []byte) bool { return len(v) == 45 && string(v[:9]) == "urn:uuid:" && IsUUID(v[9:]) }
