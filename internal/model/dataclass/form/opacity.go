package form

// Opaque tells a random token from words, over letters and digits (other characters count as word ends). It slides a
// window of three characters over the value and adds up the places where the class of character changes in a way that
// words do not have:
//   - where a digit run meets a letter, one for each side (x7f counts 2), and one more for a value that begins with one;
//   - a single small letter between a capital and something else (QwX; twice when that is a capital), or
//     behind a digit. Capitals followed by two or
//     more small letters are camelCase words and count nothing, nor do two-letter words (getById).
//
// Documented misses, in both directions, are in the tests: "a1b2c3" is Opaque, "lkjhgfdsa" is a word.
func Opaque(v []byte) bool {
	n := len(v)
	if n < 6 {
		return false
	}
	if n > MaxExamined {
		v, n = v[:MaxExamined], MaxExamined // the sums below have 16 bits
	}
	state, sum := uint(otherKind<<2|otherKind), uint64(0)
	for _, b := range v {
		state = (state<<2 | uint(kinds[b])) & 63
		sum += windows[state]
	}
	sum += windows[(state<<2|otherKind)&63]
	score, inner, digits := int(sum&0xffff), int(sum>>16&0xffff), int(sum>>32&0xffff)
	leading := IsDigit(v[0]) && digits < n
	if leading {
		score++
		inner--
	}
	if sum>>48 > 0 && score >= 3 {
		score -= shortPairs(v)
	}
	switch {
	case score < 3:
		return false
	case inner <= 0 && digits == 0:
		return score*4 >= n && n >= 8 // mixed-case letters only
	case inner <= 0:
		framed := leading && IsDigit(v[n-1]) && n >= 10 // 4fzzzxjylrx3
		return score*3 >= n && n >= 8 || framed || digits*3 >= n && digits < n && n >= 12
	case inner == 1:
		return n >= 8 && (score*4 >= n || digits*3 >= n) && (score >= 4 || digits*3 >= n)
	}
	return score*5 >= n
}

const (
	digitKind = iota
	lowerKind
	upperKind
	otherKind
)

// kinds gives each byte its class for the window; windows gives each window of three classes what it adds: score, places
// where a letter follows a digit, digits, and capital-small pairs, in 16 bits each. Both are constant.
var (
	kinds   = makeKinds()
	windows = makeWindows()
)

func makeKinds() (k [256]uint8) {
	for i := range k {
		switch b := byte(i); {
		case IsDigit(b):
			k[i] = digitKind
		case IsLower(b):
			k[i] = lowerKind
		case IsUpper(b):
			k[i] = upperKind
		default:
			k[i] = otherKind
		}
	}
	return k
}

func makeWindows() (w [64]uint64) {
	for i := range w {
		first, middle, last := i>>4, i>>2&3, i&3
		letter := func(k int) bool { return k == lowerKind || k == upperKind }
		if letter(middle) && last == digitKind {
			w[i]++
		}
		if middle == digitKind && letter(last) {
			w[i] += 1 | 1<<16
		}
		if last == digitKind {
			w[i] += 1 << 32
		}
		if middle == lowerKind && last != lowerKind && (first == upperKind || first == digitKind) {
			w[i]++
			if first == upperKind {
				w[i] += 1 << 48
				if last == upperKind {
					w[i]++ // WqV
				}
			}
		}
	}
	return w
}

// shortPairs is the score that the capital-small pairs got that are two-letter words.
func shortPairs(v []byte) (score int) {
	for i := 0; i+1 < len(v); i++ {
		if IsUpper(v[i]) && IsLower(v[i+1]) && (i+2 == len(v) || !IsLower(v[i+2])) && shortWords.has(v[i], v[i+1]) {
			score++
			if i+2 < len(v) && IsUpper(v[i+2]) {
				score++
			}
		}
	}
	return score
}

// shortWords are the two-letter words of camelCase names.
var shortWords = makePairs(`ad ai am an ap as at be by db do ec eu ex go hr id if in io ip is it ki me ml my no of ok on or os pr qr so
to tv tx ui up us uk vm we`)

// IsCode takes capitals followed by at least two digits, or letters followed by at least four: SKU123, AB12345,
// user10023. A year at the end of a word is no number (report2024).
func IsCode(v []byte) bool {
	i, upper := 0, true
	for i < len(v) && IsAlpha(v[i]) {
		upper = upper && IsUpper(v[i])
		i++
	}
	run := len(v) - i
	if i == 0 || run == 0 {
		return false
	}
	for _, b := range v[i:] {
		if !IsDigit(b) {
			return false
		}
	}
	if upper && i <= 6 {
		return run >= 2
	}
	return run >= 4 && !isRecentYear(v[i:])
}

// CarriesHex finds a run of at least 16 hexadecimal digits, four of them decimal digits, between other characters.
func CarriesHex(v []byte) bool {
	run, digits := 0, 0
	for i, b := range v {
		if IsHex(b) {
			run++
			if IsDigit(b) {
				digits++
			}
			if i+1 < len(v) {
				continue
			}
		}
		if run >= 16 && digits >= 4 && (!IsAlnum(b) || IsHex(b)) {
			return true
		}
		run, digits = 0, 0
	}
	return false
}

func isRecentYear(v []byte) bool {
	return len(v) == 4 && (v[0] == '1' && v[1] == '9' || v[0] == '2' && v[1] == '0')
}

// plainCase holds for user, User, USER and userId, not for dBjftJeZ.
func plainCase(v []byte) bool {
	upper := 0
	for _, b := range v {
		if IsUpper(b) {
			upper++
		}
	}
	return upper <= 1 || upper == len(v)
}

// Parts is what the parts of a value are that has dashes or underscores between them.
type Parts uint8

const (
	PartsNone     Parts = iota
	PartsSlug           // words and small numbers
	PartsPrefixed       // words, and a number or token that names one object
	PartsOpaque         // no word in front
)

// SortParts judges letters and digits with dashes and underscores between: the parts one by one.
func SortParts(v []byte) Parts {
	words, numbers, tokens, parts := 0, 0, 0, 0
	firstOpaque, firstPlain := false, false
	even, mixed, width := true, 0, 0
	for i := 0; i < len(v); {
		j, digits, letters := i, 0, 0
		for j < len(v) && v[j] != '-' && v[j] != '_' {
			if IsDigit(v[j]) {
				digits++
			} else {
				letters++
			}
			j++
		}
		part := v[i:j]
		i = j + 1
		if len(part) == 0 {
			if j == len(v) || j == 0 {
				return partsEdge(v)
			}
			continue // a doubled separator
		}
		parts++
		if width == 0 {
			width = len(part)
		}
		even = even && len(part) == width
		if digits > 0 && letters > 0 {
			mixed++
		}
		switch {
		case letters == 0:
			if digits >= 3 && !isRecentYear(part) {
				numbers++
			}
		case digits == 0 && !(len(part) >= 6 && Opaque(part)):
			words++
		case len(part) < 4 || part[0]|0x20 == 'v' && IsVersion(part):
			words++
		case isOpaquePart(part, digits):
			if parts == 1 && j < len(v) && IsLower(part[0]) && IsCode(part) {
				words++ // iso8601_to_datetime
				break
			}
			tokens++
			firstOpaque = firstOpaque || parts == 1
		default:
			words++
		}
		if parts == 1 {
			firstPlain = digits == 0 && plainCase(part)
		}
	}
	if i := len(v) - 1; v[i] == '-' || v[i] == '_' {
		return partsEdge(v)
	}
	switch {
	case even && mixed > 0 && parts >= 3 && width >= 3 && width <= 4: // 29d-cad-9rf
		return PartsOpaque
	case words == 0 && (tokens > 0 || numbers > 0):
		return PartsOpaque
	case len(v) >= 8 && (firstOpaque || !firstPlain && tokens > 0 && Opaque(v)):
		return PartsOpaque
	case tokens > 0 || numbers > 0:
		return PartsPrefixed
	case words > 0 && parts > 1 && IsAlnum(v[0]):
		return PartsSlug
	case len(v) >= 10 && Opaque(v):
		return PartsOpaque
	}
	return PartsNone
}

// partsEdge judges a value that begins or ends with a separator: base64url by its looks, or nothing.
func partsEdge(v []byte) Parts {
	if len(v) >= 10 && Opaque(v) {
		return PartsOpaque
	}
	return PartsNone
}

func isOpaquePart(v []byte, digits int) bool {
	if len(v) >= 6 && Opaque(v) || IsCode(v) {
		return true
	}
	for _, b := range v {
		if !IsHex(b) {
			return false
		}
	}
	return len(v) >= 8 && digits >= 2
}
