package identify

import (
	"bytes"
	"encoding/base64"

	"merlon/internal/model/dataclass"
)

// maxClaims is how much of a token's payload is read, after decoding. Payloads of real tokens are 200 to 1,500 bytes.
const maxClaims = 3072

// claimed is the principal that a JWT names (RFC 7519: sub within iss), read without verifying anything. Tokens without
// sub name their client. ok is false for anything that is no JWT, or names nobody.
func claimed(key dataclass.Key, token []byte) (t uint64, ok bool) {
	if len(token) < 16 || token[0] != 'e' || token[1] != 'y' {
		return 0, false
	}
	first := bytes.IndexByte(token, '.')
	if first < 0 {
		return 0, false
	}
	payload := token[first+1:]
	second := bytes.IndexByte(payload, '.')
	if second < 0 {
		return 0, false
	}
	payload = payload[:second]
	if base64.RawURLEncoding.DecodedLen(len(payload)) > maxClaims {
		return 0, false
	}
	var buf [maxClaims + 256]byte
	n, err := base64.RawURLEncoding.Decode(buf[:maxClaims], payload)
	if err != nil {
		return 0, false
	}
	issuer, subject := claims(buf[:n])
	if len(subject) == 0 || len(issuer)+1+len(subject) > 256 {
		return 0, false
	}
	// One issuer's user 17 is not another's.
	named := append(append(append(buf[n:n], issuer...), 0), subject...)
	return key.Token(named), true
}

// claims finds iss and the claim that names the principal among the members of a JSON object: sub, else the client. Values
// are returned as they stand, without their quotes; escapes stay, since equal claims of one issuer are written alike. It
// reads no deeper than the first level, and what is not JSON names nobody.
func claims(b []byte) (issuer, subject []byte) {
	rank := 0
	i := blank(b, 0)
	if i >= len(b) || b[i] != '{' {
		return nil, nil
	}
	for i++; ; i++ {
		if i = blank(b, i); i >= len(b) || b[i] != '"' {
			return nil, nil // an empty object names nobody either
		}
		name, end := quoted(b, i)
		if i = blank(b, end); i >= len(b) || b[i] != ':' {
			return nil, nil
		}
		i = blank(b, i+1)
		value, end := scalar(b, i)
		if end < 0 {
			return nil, nil
		}
		r := 0
		switch string(name) {
		case "iss":
			issuer = value
		case "sub":
			r = 4
		case "user_id", "uid", "userId":
			r = 3
		case "client_id", "azp":
			r = 2
		case "email", "username", "preferred_username":
			r = 1
		}
		if r > 0 && r >= rank && len(value) > 0 {
			rank, subject = r, value
		}
		if i = blank(b, end); i >= len(b) {
			return nil, nil
		}
		if b[i] == '}' {
			return issuer, subject
		}
		if b[i] != ',' {
			return nil, nil
		}
	}
}

// quoted returns the content of the string whose quote is at i, and the offset behind it; len(b) when it does not end.
func quoted(b []byte, i int) ([]byte, int) {
	from := i + 1
	for i = from; i < len(b); i++ {
		switch b[i] {
		case '"':
			return b[from:i], i + 1
		case '\\':
			i++
		}
	}
	return nil, len(b)
}

// scalar skips the value at i: a string's content and a number are returned, containers, null and booleans are not. end is
// negative when there is no value.
func scalar(b []byte, i int) (v []byte, end int) {
	if i >= len(b) {
		return nil, -1
	}
	switch c := b[i]; {
	case c == '"':
		return quoted(b, i)
	case c == '{' || c == '[':
		for depth := 0; i < len(b); i++ {
			switch b[i] {
			case '"':
				_, i = quoted(b, i)
				i--
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return nil, i + 1
				}
			}
		}
		return nil, -1
	}
	from := i
	for i < len(b) && b[i] != ',' && b[i] != '}' && b[i] != ']' && b[i] > ' ' {
		i++
	}
	if i == from {
		return nil, -1
	}
	if b[from] == '-' || b[from]-'0' < 10 {
		return b[from:i], i
	}
	return nil, i
}

func blank(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// user is a decoded user name of Basic authentication.
type user struct {
	buf [128]byte
	n   int
}

func (u *user) bytes() []byte { return u.buf[:u.n] }

// basicUser decodes the user of Basic credentials (RFC 7617); what does not fit or does not decode names nobody.
func basicUser(v []byte) (u user, ok bool) {
	if len(v) > 168 {
		return u, false
	}
	n, err := base64.StdEncoding.Decode(u.buf[:], v)
	if err != nil {
		return u, false
	}
	u.n = bytes.IndexByte(u.buf[:n], ':')
	return u, u.n > 0
}
