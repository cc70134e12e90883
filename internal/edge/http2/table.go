package http2

// tokens are the bytes of a token (RFC 9110 section 5.6.2) without upper-case letters: 1. Those are 2. It is read-only.
var tokens = func() (t [256]uint8) {
	for _, c := range []byte("abcdefghijklmnopqrstuvwxyz0123456789!#$%&'*+-.^_`|~") {
		t[c] = 1
	}
	for c := 'A'; c <= 'Z'; c++ {
		t[c] = 2
	}
	return t
}()

// validName tells whether b is a field name in lower case (RFC 9113 section 8.2.1).
func validName(b []byte) bool {
	for _, c := range b {
		if tokens[c] != 1 {
			return false
		}
	}
	return len(b) > 0
}

func validToken(b []byte) bool {
	for _, c := range b {
		if tokens[c] == 0 {
			return false
		}
	}
	return len(b) > 0
}

// validValue tells whether b may be a field value: no line break, no NUL, no white space around it (section 8.2.1). Other
// control characters are the parser's to judge.
func validValue(b []byte) bool {
	if len(b) == 0 {
		return true
	}
	if first, last := b[0], b[len(b)-1]; first == ' ' || first == '\t' || last == ' ' || last == '\t' {
		return false
	}
	for _, c := range b {
		if c <= '\r' && (c == '\r' || c == '\n' || c == 0) {
			return false
		}
	}
	return true
}

// validScheme follows RFC 3986 section 3.1.
func validScheme(b []byte) bool {
	for i, c := range b {
		switch {
		case 'a' <= c|0x20 && c|0x20 <= 'z':
		case i > 0 && ('0' <= c && c <= '9' || c == '+' || c == '-' || c == '.'):
		default:
			return false
		}
	}
	return len(b) > 0
}
