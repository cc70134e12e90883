package dataclass

import (
	"unicode/utf8"

	"merlon/internal/model/dataclass/form"
)

// Recognise returns the classes whose form value has, and the character classes that occur in it. It makes one pass
// over at most MaxExamined bytes and then runs the few recognisers that the counts leave possible. It allocates nothing
// and keeps nothing. Classes are independent verdicts: "4111111111111111" is Int, Number and PAN.
func Recognise(value []byte) (Set, Chars) {
	if len(value) == 0 {
		return 0, 0
	}
	if set, chars := common(value); set != 0 {
		return set, chars
	}
	s := survey(value)
	return classify(value, &s), Chars(s.bits)
}

func classify(v []byte, s *shape) Set {
	if s.bits&(markBinary|uint32(CharControl|CharNonASCII)) != 0 {
		return beyondASCII(v, s)
	}
	if s.n > MaxExamined {
		return long(v[:MaxExamined], s)
	}
	switch {
	case s.only(CharDigit):
		return digits(v)
	case s.only(CharDigit | CharLower | CharUpper):
		return alphanumeric(v, s)
	case s.has(CharSpace):
		return spaced(v, s)
	case s.has(CharAt):
		if form.IsEmail(v) {
			return Email.Set()
		}
	case s.only(CharDigit | CharDash | CharDot | CharSlash | CharPunct | CharBracket):
		if set := figures(v, s); set != 0 {
			return set
		}
	}
	return joined(v, s)
}

// beyondASCII judges what holds control characters or bytes above 0x7f.
func beyondASCII(v []byte, s *shape) Set {
	w := v
	if len(w) > MaxExamined {
		w = w[:MaxExamined]
		for i := 0; i < utf8.UTFMax-1 && !utf8.RuneStart(v[len(w)]); i++ {
			w = w[:len(w)-1] // do not cut a character in two
		}
	}
	if s.bits&markBinary != 0 || s.has(CharNonASCII) && !utf8.Valid(w) {
		return Binary.Set()
	}
	if form.IsPrivateKey(v) {
		return PrivateKey.Set()
	}
	if s.has(CharSpace | CharControl) {
		return Text.Set()
	}
	if s.only(CharNonASCII | CharLower | CharUpper) {
		return Word.Set()
	}
	return 0
}

// long judges a value of which only the first MaxExamined bytes, w, are looked at.
func long(w []byte, s *shape) Set {
	const b64 = CharDigit | CharLower | CharUpper | CharDash | CharUnderscore | CharSlash | CharPunct
	switch {
	case s.only(CharDigit|CharLower|CharUpper|CharDash|CharUnderscore|CharDot) && form.StartsJWT(w):
		return JWT.Set()
	case s.count(laneDigit)+s.count(laneHexLetter) == len(w):
		return Hex.Set()
	case s.only(b64) && s.bits&(markOddPunct|markComma|markDollar) == 0 && form.Opaque(w):
		return Base64.Set()
	case form.IsPrivateKey(w):
		return PrivateKey.Set()
	case form.IsPasswordHash(w):
		return PasswordHash.Set()
	case form.IsCredential(w):
		return CredentialKey.Set()
	case s.has(CharColon) && s.bits&markNotURI == 0 && form.IsURI(w):
		return URI.Set()
	case s.has(CharSpace):
		return Text.Set()
	}
	return 0
}

// alphanumeric judges letters, or letters and digits, without anything else.
func alphanumeric(v []byte, s *shape) Set {
	n, dg, up, lo, hx := s.n, s.count(laneDigit), s.count(laneUpper), s.count(laneLower), s.count(laneHexLetter)
	if dg == 0 {
		switch {
		case n == 2 && up == 2 && form.IsCountry(v):
			return Word.Set() | Country.Set()
		case n == 3 && up == 3 && form.IsCurrency(v):
			return Word.Set() | Currency.Set()
		case n <= 5 && form.IsBoolWord(v):
			return Word.Set() | BoolWord.Set()
		case n >= 8 && up > 1 && lo > 1 && form.Opaque(v):
			return opaqueSet(n)
		}
		return Word.Set()
	}
	switch {
	case n >= 15 && n <= 34 && form.IsUpper(v[0]) && form.IsDigit(v[2]) && form.IsIBAN(v):
		return IBAN.Set()
	case dg+hx == n && n >= 16 && !(up > 0 && lo > 0):
		return Hex.Set()
	case (v[0] == 'v' || v[0] == 'V') && form.IsVersion(v):
		return Version.Set()
	case n == 26 && form.IsULID(v):
		return ULID.Set()
	case n >= 16 && form.IsCredential(v):
		return CredentialKey.Set()
	case n == 27 && dg > 0 && up > 0 && lo > 0 && v[0] <= 'a' && form.Opaque(v):
		return KSUID.Set() | Base62.Set()
	case v[0] == 'P' && form.IsDuration(v):
		return Duration.Set()
	case form.IsDigit(v[0]) && form.IsNumber(v):
		return Number.Set()
	case v[0] == '0' && n >= 18 && v[1] == 'x' && dg+hx == n-1:
		return Hex.Set()
	case n >= 6 && form.Opaque(v):
		return opaqueSet(n)
	case form.IsCode(v):
		return PrefixedID.Set()
	}
	return Word.Set()
}

func opaqueSet(n int) Set {
	if n >= 16 && n%4 == 0 {
		return Base62.Set() | Base64.Set()
	}
	return Base62.Set()
}

// spaced judges printable ASCII with at least one space.
func spaced(v []byte, s *shape) Set {
	switch {
	case s.only(CharDigit|CharSpace|CharDash|CharDot|CharBracket|CharPunct) && s.count(laneDigit) >= 7:
		if set := figures(v, s); set != 0 {
			return set
		}
	case v[0] == '-' && form.IsPrivateKey(v):
		return PrivateKey.Set()
	case s.count(laneLower) == 1 && s.count(laneDigit) >= 10 && form.IsExtended(v):
		return Phone.Set()
	case s.count(laneColon) > 0 && s.count(laneDigit) >= 12 && form.IsDigit(v[0]):
		if set := dateTime(v); set != 0 {
			return set
		}
	case s.n == 29 && s.count(laneColon) == 2 && form.IsHTTPDate(v):
		return HTTPDate.Set()
	case s.n >= 18 && s.n <= 42 && form.IsUpper(v[0]) && form.IsUpper(v[1]) && form.IsDigit(v[2]) && form.IsIBAN(v):
		return IBAN.Set()
	case form.IsAuthorization(v):
		return CredentialKey.Set()
	}
	return Text.Set()
}

// joined judges everything else: printable ASCII without spaces, with at least one separator or punctuation character.
func joined(v []byte, s *shape) Set {
	n, dg := s.n, s.count(laneDigit)
	dashes, dots, colons := s.count(laneDash), s.count(laneDot), s.count(laneColon)
	if dashes == 4 && n == 36 && dg+s.count(laneHexLetter) == 32 && form.DashedUUID(v) {
		return UUID.Set()
	}
	if colons > 0 {
		if set := withColon(v, s, colons); set != 0 {
			return set
		}
	}
	if s.bits&markDollar != 0 || v[0] == '{' {
		switch {
		case form.IsPasswordHash(v):
			return PasswordHash.Set()
		case n == 38 && v[0] == '{' && v[37] == '}' && form.IsUUID(v[1:37]):
			return UUIDBraced.Set()
		}
		return 0
	}
	if s.bits&markOddPunct != 0 {
		return 0
	}
	if s.count(laneLower) == 1 && dg >= 10 && form.IsExtended(v) {
		return Phone.Set()
	}
	if s.only(CharDigit|CharLower|CharUpper|CharDash|CharUnderscore|CharDot) && s.bits&(markPlus|markEqual) == 0 {
		if dots > 0 {
			return dotted(v, s)
		}
		return dashed(v, s)
	}
	if n >= 16 && (s.has(CharSlash) || s.bits&(markPlus|markEqual) != 0) && s.bits&markComma == 0 && dots == 0 && form.IsBase64(v) {
		return Base64.Set()
	}
	if s.bits&markPlus != 0 && dots >= 2 && form.IsVersion(v) {
		return Version.Set()
	}
	if form.IsDigit(v[0]) && form.IsNumber(v) {
		return Number.Set()
	}
	return carrier(v, s)
}

// carrier judges what has no form of its own by the identifier inside: two commit hashes with dots between, a kind, a
// colon and a hash.
func carrier(v []byte, s *shape) Set {
	if s.n >= 17 && s.bits&(markEqual|markOddPunct|uint32(CharSlash)) == 0 && form.CarriesHex(v) {
		return PrefixedID.Set()
	}
	return 0
}

// withColon judges times, addresses and URIs.
func withColon(v []byte, s *shape, colons int) Set {
	if form.IsDigit(v[0]) && s.count(laneDigit) >= 4 {
		if set := dateTime(v); set != 0 {
			return set
		}
		if form.IsTime(v) {
			return Time.Set()
		}
	}
	switch {
	case colons == 5 && s.n == 17 && form.IsMAC(v):
		return MAC.Set()
	case colons >= 2 && s.n <= 45 && (form.IsHex(v[0]) || v[0] == ':') && form.IsIPv6(v):
		return IPv6.Set()
	case form.IsAlpha(v[0]):
		if s.n == 45 && form.IsURN(v) {
			return UUIDBraced.Set() | URI.Set()
		}
		if s.bits&markNotURI == 0 && form.IsURI(v) {
			return URI.Set()
		}
	}
	return 0
}

// dotted judges letters, digits, dashes, underscores and at least one dot.
func dotted(v []byte, s *shape) Set {
	dots := s.count(laneDot)
	switch {
	case v[0] == 'e' && dots >= 2 && form.StartsJWT(v):
		return JWT.Set()
	case s.n >= 16 && form.IsCredential(v):
		return CredentialKey.Set()
	case dots == 3 && form.IsIPv4(v):
		return IPv4.Set()
	case (form.IsDigit(v[0]) || v[0]|0x20 == 'v') && form.IsVersion(v):
		return Version.Set()
	case v[0] == 'P' && form.IsDuration(v):
		return Duration.Set()
	case (form.IsDigit(v[0]) || v[0] == '-') && form.IsNumber(v):
		return Number.Set()
	case form.IsFilename(v):
		return Filename.Set()
	case !s.has(CharUnderscore) && form.IsHostname(v):
		return Hostname.Set()
	case s.n >= 33 && form.CarriesHex(v):
		return PrefixedID.Set()
	case form.IsSlug(v):
		return Slug.Set()
	}
	return 0
}

// dashed judges letters, digits, dashes and underscores, with at least one of the two.
func dashed(v []byte, s *shape) Set {
	n := s.n
	switch {
	case n == 17 && s.count(laneDash) == 5 && form.IsMAC(v):
		return MAC.Set()
	case n >= 5 && n <= 11 && (v[2] == '-' || v[2] == '_') && form.IsLocale(v):
		return Locale.Set()
	case v[0]|0x20 == 'v' && form.IsDigit(v[1]) && form.IsVersion(v):
		return Version.Set()
	case n >= 16 && form.IsCredential(v):
		return CredentialKey.Set()
	}
	if s.count(laneDigit) == 0 && (!s.has(CharUpper) || !s.has(CharLower)) && form.IsAlnum(v[0]) && form.IsAlnum(v[n-1]) {
		return Slug.Set()
	}
	switch form.SortParts(v) {
	case form.PartsSlug:
		return Slug.Set()
	case form.PartsPrefixed:
		return PrefixedID.Set()
	case form.PartsOpaque:
		if n >= 16 {
			return Base64.Set()
		}
		return Base62.Set()
	}
	if v[0] == '_' || v[n-1] == '_' {
		return Word.Set()
	}
	return 0
}

// dateTime maps the clock of a date and time to its class.
func dateTime(v []byte) Set {
	switch form.DateTime(v) {
	case form.ClockZoned:
		return DateTime.Set()
	case form.ClockLocal:
		return DateTimeLocal.Set()
	}
	return 0
}
