package form

import "bytes"

// IsUUID checks the text form of RFC 9562, any version.
func IsUUID(v []byte) bool {
	if !DashedUUID(v) {
		return false
	}
	for i, b := range v {
		if i != 8 && i != 13 && i != 18 && i != 23 && !IsHex(b) {
			return false
		}
	}
	return true
}

// DashedUUID looks at the dashes of a UUID alone, for a caller that has counted the digits.
func DashedUUID(v []byte) bool {
	return len(v) == 36 && v[8] == '-' && v[13] == '-' && v[18] == '-' && v[23] == '-'
}

// IsULID checks Crockford base32 (no I, L, O, U) of one case. The first digit is 0 until the year 3084, which keeps
// 26-letter words out.
func IsULID(v []byte) bool {
	if len(v) != 26 || v[0] != '0' {
		return false
	}
	var cases byte
	for _, b := range v {
		if IsDigit(b) {
			continue
		}
		switch b | 0x20 {
		case 'i', 'l', 'o', 'u':
			return false
		}
		if !IsAlpha(b) {
			return false
		}
		cases |= 1 << (b >> 5 & 1)
	}
	return cases != 3
}

// IsBase64 takes base64 or base64url with proper padding that looks random; paths and queries have the same alphabet.
func IsBase64(v []byte) bool {
	n := len(v)
	for n > 0 && v[n-1] == '=' {
		n--
	}
	pad := len(v) - n
	if pad > 2 || pad > 0 && len(v)%4 != 0 || n < 14 || v[0] == '/' && pad == 0 {
		return false
	}
	std, url := false, false
	for _, b := range v[:n] {
		switch b {
		case '+', '/':
			std = true
		case '-', '_':
			url = true
		default:
			if !IsAlnum(b) {
				return false
			}
		}
	}
	return !(std && url) && (pad > 0 || !std || len(v)%4 == 0) && Opaque(v[:n])
}

// StartsJWT takes the compact form of JWS (three parts, the last may be empty) and JWE (five parts), or its beginning
// when the value is longer than MaxExamined. The header is a JSON object, so it begins with eyJ or ewog/ewo (pretty). The
// caller has seen that the characters are those of base64url and dots.
func StartsJWT(v []byte) bool {
	if len(v) < 20 || v[0] != 'e' || !(v[1] == 'y' && (v[2] == 'J' || v[2] == 'A') || v[1] == 'w') {
		return false
	}
	first := bytes.IndexByte(v, '.')
	if first < 10 {
		return len(v) >= MaxExamined && first < 0
	}
	second := bytes.IndexByte(v[first+1:], '.')
	if second < 0 {
		return len(v) >= MaxExamined
	}
	if second == 0 && len(v) < 60 { // an empty second part is a JWE with a direct key, which is long
		return false
	}
	dots := 2 + bytes.Count(v[first+second+2:], []byte{'.'})
	return dots == 2 || dots == 4 || len(v) >= MaxExamined && dots == 3
}

// issuers are the prefixes that issuers of keys give them so that scanners can find them, with the least length of the
// whole key. Publishable keys (pk_live_) are not secret and not listed.
var issuers = [...]struct {
	prefix string
	least  int
}{
	{"AKIA", 20},
	{"ASIA", 20},
	{"AIza", 39},
	{"AGE-SECRET-KEY-1", 60},
	{"EAAC", 60},
	{"GOCSPX-", 30},
	{"PMAK-", 50},
	{"SG.", 60},
	{"dop_v1_", 60},
	{"doo_v1_", 60},
	{"dapi", 36},
	{"dckr_pat_", 30},
	{"ghp_", 40},
	{"gho_", 40},
	{"ghu_", 40},
	{"ghs_", 40},
	{"ghr_", 40},
	{"github_pat_", 40},
	{"glpat-", 26},
	{"gldt-", 25},
	{"glsa_", 40},
	{"hf_", 34},
	{"hvs.", 24},
	{"hvb.", 24},
	{"key-", 36},
	{"lin_api_", 40},
	{"npm_", 40},
	{"ntn_", 40},
	{"pypi-", 40},
	{"pat-na1-", 40},
	{"rk_live_", 24},
	{"rk_test_", 24},
	{"rubygems_", 50},
	{"sk_live_", 24},
	{"sk_test_", 24},
	{"sk-ant-", 32},
	{"sk-proj-", 32},
	{"sk-", 40},
	{"shpat_", 36},
	{"shpss_", 36},
	{"shpca_", 36},
	{"sq0atp-", 28},
	{"sq0csp-", 40},
	{"secret_", 40},
	{"whsec_", 32},
	{"xoxb-", 24},
	{"xoxp-", 24},
	{"xoxa-", 24},
	{"xoxr-", 24},
	{"xoxs-", 24},
	{"xapp-", 24},
	{"ya29.", 30},
}

// issuersFrom is the first of issuers for each first byte, or noIssuer; constant. Those of one byte stand together.
var issuersFrom = makeIssuersFrom()

const noIssuer = 255

func makeIssuersFrom() (t [256]uint8) {
	for i := range t {
		t[i] = noIssuer
	}
	for i := len(issuers) - 1; i >= 0; i-- {
		t[issuers[i].prefix[0]] = uint8(i)
	}
	return t
}

// IsCredential takes a key with its issuer's prefix whose rest is long and not made of words.
func IsCredential(v []byte) bool {
	if len(v) < 16 {
		return false
	}
	for i := issuersFrom[v[0]]; i != noIssuer && int(i) < len(issuers) && issuers[i].prefix[0] == v[0]; i++ {
		p := &issuers[i]
		if v[1] != p.prefix[1] || len(v) < p.least || string(v[:min(len(p.prefix), len(v))]) != p.prefix {
			continue
		}
		rest := v[len(p.prefix):]
		distinct, seen := 0, [4]uint64{}
		for _, b := range rest {
			if !IsAlnum(b) && b != '-' && b != '_' && b != '.' {
				return false
			}
			if seen[b>>6]>>(b&63)&1 == 0 {
				seen[b>>6] |= 1 << (b & 63)
				distinct++
			}
		}
		if distinct >= 8 && (randomLooking(rest) || p.prefix == "AKIA" || p.prefix == "ASIA") {
			return true
		}
	}
	return false
}

// randomLooking holds when the text has digits among its letters, or switches class often.
func randomLooking(v []byte) bool {
	digits := 0
	for _, b := range v {
		if IsDigit(b) {
			digits++
		}
	}
	return digits >= 2 || Opaque(v)
}

// IsAuthorization takes the value of an Authorization field with a credential in it (RFC 9110, 11.6.2).
func IsAuthorization(v []byte) bool {
	switch v[0] | 0x20 {
	case 'b':
		return len(v) > 10 && (foldPrefix(v, "bearer ") || foldPrefix(v, "basic ")) && bytes.IndexByte(v[7:], ' ') < 0
	case 'd':
		return foldPrefix(v, "digest ") && bytes.Contains(v, []byte("response="))
	case 'a':
		return foldPrefix(v, "aws4-hmac-sha256 ") || foldPrefix(v, "apikey ") && len(v) > 16
	case 't':
		return foldPrefix(v, "token ") && len(v) > 20 && bytes.IndexByte(v[6:], ' ') < 0
	}
	return false
}

func foldPrefix(v []byte, lower string) bool {
	if len(v) < len(lower) {
		return false
	}
	for i := 0; i < len(lower); i++ {
		b := v[i]
		if IsUpper(b) {
			b |= 0x20
		}
		if b != lower[i] {
			return false
		}
	}
	return true
}

// IsPrivateKey takes PEM (RFC 7468) whose label ends in PRIVATE KEY, and PuTTY's form.
func IsPrivateKey(v []byte) bool {
	if len(v) < 27 || v[0] != '-' && v[0] != 'P' {
		return false
	}
	head := v[:min(len(v), 64)]
	return bytes.HasPrefix(head, []byte("-----BEGIN ")) && bytes.Contains(head, []byte("PRIVATE KEY")) ||
		bytes.HasPrefix(head, []byte("PuTTY-User-Key-File-"))
}

// IsPasswordHash takes crypt(3) forms, PHC strings (argon2, scrypt), and the forms of LDAP and Django.
func IsPasswordHash(v []byte) bool {
	if len(v) < 30 {
		return false
	}
	if v[0] == '$' {
		end := bytes.IndexByte(v[1:], '$')
		if end < 1 {
			return false
		}
		switch string(v[1 : 1+end]) {
		case "1", "2a", "2b", "2x", "2y", "5", "6", "7", "y", "gy", "apr1", "argon2i", "argon2d", "argon2id", "scrypt",
			"pbkdf2", "pbkdf2-sha256", "pbkdf2-sha512", "sha1":
			return true
		}
		return false
	}
	return bytes.HasPrefix(v, []byte("pbkdf2_sha")) || bytes.HasPrefix(v, []byte("bcrypt_sha256$")) ||
		bytes.HasPrefix(v, []byte("{SSHA")) || bytes.HasPrefix(v, []byte("{PBKDF2"))
}
