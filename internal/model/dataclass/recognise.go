package dataclass

import "unicode/utf8"

// Recognise returns the classes whose form value has, and the character classes that occur in it. It makes one pass
// over at most MaxExamined bytes and then runs the few recognisers that the counts leave possible. It allocates nothing
// and keeps nothing. Classes are independent verdicts: "4111111111111111" is Int, Number and PAN.
func Recognise(value []byte) (Set, Chars) {
	if len(value) == 0 {
		return 0, 0
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
		if isEmail(v) {
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
	if isPrivateKey(v) {
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
	case s.only(CharDigit|CharLower|CharUpper|CharDash|CharUnderscore|CharDot) && startsJWT(w):
		return JWT.Set()
	case s.count(laneDigit)+s.count(laneHexLetter) == len(w):
		return Hex.Set()
	case s.only(b64) && s.bits&(markOddPunct|markComma|markDollar) == 0 && opaque(w):
		return Base64.Set()
	case isPrivateKey(w):
		return PrivateKey.Set()
	case isPasswordHash(w):
		return PasswordHash.Set()
	case isCredential(w):
		return CredentialKey.Set()
	case s.has(CharColon) && s.bits&markNotURI == 0 && isURI(w):
		return URI.Set()
	case s.has(CharSpace):
		return Text.Set()
	}
	return 0
}

// digits judges a value of digits alone.
func digits(v []byte) Set {
	set := Int.Set() | Number.Set()
	switch len(v) {
	case 10:
		if isUnixTime(v) {
			set |= 1 << UnixTime
		}
		if isNHS(v) {
			set |= 1 << NHSNumber
		}
		if (v[0] == '1' || v[0] == '2') && luhn(v, 24) {
			set |= 1 << NPI
		}
	case 13:
		if isUnixTime(v) {
			set |= 1 << UnixTime
		}
	case 15:
		if luhn(v, 0) && !monotonous(v) {
			set |= 1 << IMEI
		}
	}
	if n := len(v); n >= 12 && n <= 19 && isPAN(v) {
		set |= 1 << PAN
	}
	if v[0] == '0' && len(v) > 1 {
		set &^= 1 << Number // JSON has no leading zeros, and such a value is a code rather than a quantity
	}
	return set
}

// alphanumeric judges letters, or letters and digits, without anything else.
func alphanumeric(v []byte, s *shape) Set {
	n, dg, up, lo, hx := s.n, s.count(laneDigit), s.count(laneUpper), s.count(laneLower), s.count(laneHexLetter)
	if dg == 0 {
		switch {
		case n == 2 && up == 2 && isCountry(v):
			return Word.Set() | Country.Set()
		case n == 3 && up == 3 && isCurrency(v):
			return Word.Set() | Currency.Set()
		case n <= 5 && isBoolWord(v):
			return Word.Set() | BoolWord.Set()
		case n >= 8 && up > 1 && lo > 1 && opaque(v):
			return opaqueSet(n)
		}
		return Word.Set()
	}
	switch {
	case n >= 15 && n <= 34 && isUpper(v[0]) && isDigit(v[2]) && isIBAN(v):
		return IBAN.Set()
	case dg+hx == n && n >= 16 && !(up > 0 && lo > 0):
		return Hex.Set()
	case (v[0] == 'v' || v[0] == 'V') && isVersion(v):
		return Version.Set()
	case n == 26 && isULID(v):
		return ULID.Set()
	case n >= 16 && isCredential(v):
		return CredentialKey.Set()
	case n == 27 && dg > 0 && up > 0 && lo > 0 && v[0] <= 'a' && opaque(v):
		return KSUID.Set() | Base62.Set()
	case v[0] == 'P' && isDuration(v):
		return Duration.Set()
	case isDigit(v[0]) && isNumber(v):
		return Number.Set()
	case v[0] == '0' && n >= 18 && v[1] == 'x' && dg+hx == n-1:
		return Hex.Set()
	case n >= 6 && opaque(v):
		return opaqueSet(n)
	case isCode(v):
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
	case v[0] == '-' && isPrivateKey(v):
		return PrivateKey.Set()
	case s.count(laneLower) == 1 && s.count(laneDigit) >= 10 && isExtended(v):
		return Phone.Set()
	case s.count(laneColon) > 0 && s.count(laneDigit) >= 12 && isDigit(v[0]):
		if set := dateTime(v); set != 0 {
			return set
		}
	case s.n == 29 && s.count(laneColon) == 2 && isHTTPDate(v):
		return HTTPDate.Set()
	case s.n >= 18 && s.n <= 42 && isUpper(v[0]) && isUpper(v[1]) && isDigit(v[2]) && isIBAN(v):
		return IBAN.Set()
	case isAuthorization(v):
		return CredentialKey.Set()
	}
	return Text.Set()
}

// figures judges digits with separators: numbers, dates, telephone, card, social security numbers, addresses.
func figures(v []byte, s *shape) Set {
	dg := s.count(laneDigit)
	if dg == 0 {
		return 0
	}
	if v[0] == '+' && dg >= 8 && isPhone(v) {
		return Phone.Set()
	}
	if v[0] == '-' || v[0] == '+' || s.count(laneDot) == 1 {
		if isNumber(v) {
			if s.count(laneDot) == 0 {
				return Int.Set() | Number.Set()
			}
			return Number.Set()
		}
	}
	switch {
	case s.count(laneDot) == 3 && isIPv4(v):
		return IPv4.Set()
	case s.count(laneDot) == 2 && s.n <= 20 && s.n != 12 && (s.n != 10 || dg != 8) && isVersion(v):
		return Version.Set()
	case s.bits&markComma != 0:
		if isGeoPoint(v) {
			return GeoPoint.Set()
		}
		return 0
	case s.n == 10 && dg == 8:
		if isDate(v) {
			return Date.Set()
		}
		if isDateLoose(v) {
			return DateLoose.Set()
		}
	case s.n == 11 && dg == 9 && isSSN(v):
		return SSN.Set()
	case s.n == 12 && dg == 10 && v[3] == v[7] && (v[3] == ' ' || v[3] == '-') && v[4] != v[3] && isNHSSpaced(v):
		return NHSNumber.Set() | phoneSet(v, dg)
	case dg >= 13 && dg <= 19 && isPANSpaced(v):
		return PAN.Set()
	case s.n >= 6 && s.n < 10 && dg >= 4 && isDateLoose(v):
		return DateLoose.Set()
	}
	if set := phoneSet(v, dg); set != 0 || s.count(laneDot) != 2 || !isVersion(v) {
		return set
	}
	return Version.Set()
}

func phoneSet(v []byte, dg int) Set {
	if dg >= 7 && dg <= 15 && isPhone(v) {
		return Phone.Set()
	}
	return 0
}

// joined judges everything else: printable ASCII without spaces, with at least one separator or punctuation character.
func joined(v []byte, s *shape) Set {
	n, dg := s.n, s.count(laneDigit)
	dashes, dots, colons := s.count(laneDash), s.count(laneDot), s.count(laneColon)
	if dashes == 4 && n == 36 && dg+s.count(laneHexLetter) == 32 && dashedUUID(v) {
		return UUID.Set()
	}
	if colons > 0 {
		if set := withColon(v, s, colons); set != 0 {
			return set
		}
	}
	if s.bits&markDollar != 0 || v[0] == '{' {
		switch {
		case isPasswordHash(v):
			return PasswordHash.Set()
		case n == 38 && v[0] == '{' && v[37] == '}' && isUUID(v[1:37]):
			return UUIDBraced.Set()
		}
		return 0
	}
	if s.bits&markOddPunct != 0 {
		return 0
	}
	if s.count(laneLower) == 1 && dg >= 10 && isExtended(v) {
		return Phone.Set()
	}
	if s.only(CharDigit|CharLower|CharUpper|CharDash|CharUnderscore|CharDot) && s.bits&(markPlus|markEqual) == 0 {
		if dots > 0 {
			return dotted(v, s)
		}
		return dashed(v, s)
	}
	if n >= 16 && (s.has(CharSlash) || s.bits&(markPlus|markEqual) != 0) && s.bits&markComma == 0 && dots == 0 && isBase64(v) {
		return Base64.Set()
	}
	if s.bits&markPlus != 0 && dots >= 2 && isVersion(v) {
		return Version.Set()
	}
	if isDigit(v[0]) && isNumber(v) {
		return Number.Set()
	}
	return carrier(v, s)
}

// carrier judges what has no form of its own by the identifier inside: two commit hashes with dots between, a kind, a
// colon and a hash.
func carrier(v []byte, s *shape) Set {
	if s.n >= 17 && s.bits&(markEqual|markOddPunct|uint32(CharSlash)) == 0 && carriesHex(v) {
		return PrefixedID.Set()
	}
	return 0
}

// withColon judges times, addresses and URIs.
func withColon(v []byte, s *shape, colons int) Set {
	if isDigit(v[0]) && s.count(laneDigit) >= 4 {
		if set := dateTime(v); set != 0 {
			return set
		}
		if isTime(v) {
			return Time.Set()
		}
	}
	switch {
	case colons == 5 && s.n == 17 && isMAC(v):
		return MAC.Set()
	case colons >= 2 && s.n <= 45 && (isHex(v[0]) || v[0] == ':') && isIPv6(v):
		return IPv6.Set()
	case isAlpha(v[0]):
		if s.n == 45 && isURN(v) {
			return UUIDBraced.Set() | URI.Set()
		}
		if s.bits&markNotURI == 0 && isURI(v) {
			return URI.Set()
		}
	}
	return 0
}

// dotted judges letters, digits, dashes, underscores and at least one dot.
func dotted(v []byte, s *shape) Set {
	dots := s.count(laneDot)
	switch {
	case v[0] == 'e' && dots >= 2 && startsJWT(v):
		return JWT.Set()
	case s.n >= 16 && isCredential(v):
		return CredentialKey.Set()
	case dots == 3 && isIPv4(v):
		return IPv4.Set()
	case (isDigit(v[0]) || v[0]|0x20 == 'v') && isVersion(v):
		return Version.Set()
	case v[0] == 'P' && isDuration(v):
		return Duration.Set()
	case (isDigit(v[0]) || v[0] == '-') && isNumber(v):
		return Number.Set()
	case isFilename(v):
		return Filename.Set()
	case !s.has(CharUnderscore) && isHostname(v):
		return Hostname.Set()
	case s.n >= 33 && carriesHex(v):
		return PrefixedID.Set()
	case isSlug(v):
		return Slug.Set()
	}
	return 0
}

// dashed judges letters, digits, dashes and underscores, with at least one of the two.
func dashed(v []byte, s *shape) Set {
	n := s.n
	switch {
	case n == 17 && s.count(laneDash) == 5 && isMAC(v):
		return MAC.Set()
	case n >= 5 && n <= 11 && (v[2] == '-' || v[2] == '_') && isLocale(v):
		return Locale.Set()
	case v[0]|0x20 == 'v' && isDigit(v[1]) && isVersion(v):
		return Version.Set()
	case n >= 16 && isCredential(v):
		return CredentialKey.Set()
	}
	if s.count(laneDigit) == 0 && (!s.has(CharUpper) || !s.has(CharLower)) && isAlnum(v[0]) && isAlnum(v[n-1]) {
		return Slug.Set()
	}
	switch sortParts(v) {
	case partsSlug:
		return Slug.Set()
	case partsPrefixed:
		return PrefixedID.Set()
	case partsOpaque:
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
