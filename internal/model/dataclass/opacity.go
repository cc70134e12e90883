package dataclass

// opaque tells a random token from words, over letters and digits (other characters count as word ends). It slides a
// window of three characters over the value and adds up the places where the class of character changes in a way that
// words do not have:
//   - where a digit run meets a letter, one for each side (x7f counts 2), and one more for a value that begins with one;
//   - a single small letter between a capital and something else (QwX; twice when that is a capital), or
//     behind a digit. Capitals followed by two or
//     more small letters are camelCase words and count nothing, nor do two-letter words (getById).
//
// Documented misses, in both directions, are in the tests: "a1b2c3" is opaque, "lkjhgfdsa" is a word.
func opaque(v []byte) bool {
	n := len(v)
	if n < 6 {
		return false
	}
	state, sum := uint(otherKind<<2|otherKind), uint64(0)
	for _, b := range v {
		state = (state<<2 | uint(kinds[b])) & 63
		sum += windows[state]
	}
	sum += windows[(state<<2|otherKind)&63]
	score, inner, digits := int(sum&0xffff), int(sum>>16&0xffff), int(sum>>32&0xffff)
	leading := isDigit(v[0]) && digits < n
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
		framed := leading && isDigit(v[n-1]) && n >= 10 // 4fzzzxjylrx3
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
		case isDigit(b):
			k[i] = digitKind
		case isLower(b):
			k[i] = lowerKind
		case isUpper(b):
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
		if isUpper(v[i]) && isLower(v[i+1]) && (i+2 == len(v) || !isLower(v[i+2])) && shortWords.has(v[i], v[i+1]) {
			score++
			if i+2 < len(v) && isUpper(v[i+2]) {
				score++
			}
		}
	}
	return score
}

// shortWords are the two-letter words of camelCase names.
var shortWords = makePairs(`ad ai am an ap as at be by db do ec eu ex go hr id if in io ip is it ki me ml my no of ok on or os pr qr so
to tv tx ui up us uk vm we`)

// isCode takes capitals followed by at least two digits, or letters followed by at least four: SKU123, AB12345,
// user10023. A year at the end of a word is no number (report2024).
func isCode(v []byte) bool {
	i, upper := 0, true
	for i < len(v) && isAlpha(v[i]) {
		upper = upper && isUpper(v[i])
		i++
	}
	run := len(v) - i
	if i == 0 || run == 0 {
		return false
	}
	for _, b := range v[i:] {
		if !isDigit(b) {
			return false
		}
	}
	if upper && i <= 6 {
		return run >= 2
	}
	return run >= 4 && !isRecentYear(v[i:])
}

// carriesHex finds a run of at least 16 hexadecimal digits, four of them decimal digits, between other characters.
func carriesHex(v []byte) bool {
	run, digits := 0, 0
	for i, b := range v {
		if isHex(b) {
			run++
			if isDigit(b) {
				digits++
			}
			if i+1 < len(v) {
				continue
			}
		}
		if run >= 16 && digits >= 4 && (!isAlnum(b) || isHex(b)) {
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
		if isUpper(b) {
			upper++
		}
	}
	return upper <= 1 || upper == len(v)
}

type partsVerdict uint8

const (
	partsNone     partsVerdict = iota
	partsSlug                  // words and small numbers
	partsPrefixed              // words, and a number or token that names one object
	partsOpaque                // no word in front
)

// sortParts judges letters and digits with dashes and underscores between: the parts one by one.
func sortParts(v []byte) partsVerdict {
	words, numbers, tokens, parts := 0, 0, 0, 0
	firstOpaque, firstPlain := false, false
	even, mixed, width := true, 0, 0
	for i := 0; i < len(v); {
		j, digits, letters := i, 0, 0
		for j < len(v) && v[j] != '-' && v[j] != '_' {
			if isDigit(v[j]) {
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
		case digits == 0 && !(len(part) >= 6 && opaque(part)):
			words++
		case len(part) < 4 || part[0]|0x20 == 'v' && isVersion(part):
			words++
		case isOpaquePart(part, digits):
			if parts == 1 && j < len(v) && isLower(part[0]) && isCode(part) {
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
		return partsOpaque
	case words == 0 && (tokens > 0 || numbers > 0):
		return partsOpaque
	case len(v) >= 8 && (firstOpaque || !firstPlain && tokens > 0 && opaque(v)):
		return partsOpaque
	case tokens > 0 || numbers > 0:
		return partsPrefixed
	case words > 0 && parts > 1 && isAlnum(v[0]):
		return partsSlug
	case len(v) >= 10 && opaque(v):
		return partsOpaque
	}
	return partsNone
}

// partsEdge judges a value that begins or ends with a separator: base64url by its looks, or nothing.
func partsEdge(v []byte) partsVerdict {
	if len(v) >= 10 && opaque(v) {
		return partsOpaque
	}
	return partsNone
}

func isOpaquePart(v []byte, digits int) bool {
	if len(v) >= 6 && opaque(v) || isCode(v) {
		return true
	}
	for _, b := range v {
		if !isHex(b) {
			return false
		}
	}
	return len(v) >= 8 && digits >= 2
}
