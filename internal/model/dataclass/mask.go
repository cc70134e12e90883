package dataclass

import (
	"strconv"
	"unicode/utf8"

	"merlon/internal/model/dataclass/form"
)

// MaskLimit bounds what one AppendMasked adds, in bytes; a longer value ends in an ellipsis and its length.
const MaskLimit = 96

// keptLetters and keptDigits are how much of an unknown value stays readable: letter runs of that length ("OR" in an
// injection) and that many digits in the whole value ("1=1"). More digits than that could be a verification code.
const (
	keptLetters = 2
	keptDigits  = 2
)

// AppendMasked appends the evidence form of value, whose classes are set, to dst. What stays:
//
//	secrets         kind and length           <jwt 312>
//	card            first six and last four   411111******1111 (PCI DSS 3.4.1)
//	IBAN            country and length        DE********************
//	other numbers of people                   nothing but the form: ***-**-****
//	phone           the last two digits       +***********42
//	e-mail          a***@d***.com
//	opaque ids      kind and length           <uuid 36>
//	codes           as they are               GB, EUR, en-GB, true, v2
//	anything else   the shape                 letters x or X, digits 9, punctuation as it is, short runs as they are
//
// Control characters are escaped, so that evidence can stand in a log line. A value of a field that IsSecretName names
// goes through AppendSecret whatever its form is.
func AppendMasked(dst, value []byte, set Set) []byte {
	switch {
	case len(value) == 0:
		return dst
	case set&SecretSet != 0:
		c, _, _ := (set & SecretSet).First()
		return AppendSecret(dst, c.Name(), len(value))
	case set.Has(PAN):
		return appendCard(dst, value)
	case set.Has(IBAN) && len(value) >= 4:
		return appendStars(append(dst, value[:2]...), value[2:], 0)
	case set&(1<<SSN|1<<NHSNumber|1<<NPI|1<<IMEI|1<<GeoPoint) != 0:
		return appendStars(dst, value, 0)
	case set.Has(Phone):
		return appendStars(dst, value, 2)
	case set.Has(Email):
		return appendEmail(dst, value)
	case set&(1<<UUID|1<<UUIDBraced|1<<ULID|1<<KSUID|1<<Hex|1<<Base64|1<<Base62|1<<Binary) != 0:
		c, _, _ := (set &^ (1<<Int | 1<<Number)).First()
		return AppendSecret(dst, c.Name(), len(value))
	case set&(1<<BoolWord|1<<Country|1<<Currency|1<<Locale|1<<Version) != 0 && len(value) <= 12 && fewDigits(value):
		return append(dst, value...)
	}
	return appendShape(dst, value)
}

// AppendSecret appends <kind length>: all that evidence may say about a secret.
func AppendSecret(dst []byte, kind string, length int) []byte {
	dst = append(dst, '<')
	dst = append(dst, kind...)
	dst = append(dst, ' ')
	dst = strconv.AppendInt(dst, int64(length), 10)
	return append(dst, '>')
}

func fewDigits(v []byte) bool {
	digits := 0
	for _, b := range v {
		if form.IsDigit(b) {
			digits++
		}
	}
	return digits <= keptDigits
}

// appendCard keeps the first six and the last four digits of a card number, and drops separators.
func appendCard(dst, v []byte) []byte {
	total := 0
	for _, b := range v {
		if form.IsDigit(b) {
			total++
		}
	}
	if total < 13 || total > 19 {
		return appendStars(dst, v, 0)
	}
	at := 0
	for _, b := range v {
		if !form.IsDigit(b) {
			continue
		}
		if at < 6 || at >= total-4 {
			dst = append(dst, b)
		} else {
			dst = append(dst, '*')
		}
		at++
	}
	return dst
}

// appendStars replaces letters and digits by stars, all but the last keep of them.
func appendStars(dst, v []byte, keep int) []byte {
	if len(v) > MaskLimit {
		v = v[:MaskLimit]
	}
	total := 0
	for _, b := range v {
		if form.IsAlnum(b) {
			total++
		}
	}
	for _, b := range v {
		switch {
		case form.IsAlnum(b):
			if total > keep {
				b = '*'
			}
			total--
		case b < ' ' || b >= 0x7f:
			b = '*'
		}
		dst = append(dst, b)
	}
	return dst
}

// appendEmail keeps the first letters of the mailbox and of the domain, and the top-level domain.
func appendEmail(dst, v []byte) []byte {
	at, dot := -1, -1
	for i, b := range v {
		if b == '@' {
			at = i
		} else if b == '.' {
			dot = i
		}
	}
	if at < 1 || dot < at+2 || len(v)-dot > 25 {
		return appendShape(dst, v)
	}
	dst = appendShape(dst, v[:1])
	dst = append(dst, "***@"...)
	dst = append(dst, v[at+1])
	dst = append(dst, "***"...)
	return append(dst, v[dot:]...)
}

// appendShape keeps punctuation and turns letters into x or X and digits into 9.
func appendShape(dst, v []byte) []byte {
	w := v
	const room = MaskLimit - 16 // for the ellipsis and the length
	if len(w) > room {
		w = w[:room]
	}
	start := len(dst)
	keepDigits := fewDigits(v[:min(len(v), MaxExamined)])
	i := 0
	for i < len(w) && len(dst)-start < room {
		b := w[i]
		switch {
		case form.IsDigit(b):
			if !keepDigits {
				b = '9'
			}
			dst = append(dst, b)
			i++
		case form.IsAlpha(b):
			j := i
			for j < len(v) && j-i <= keptLetters && isLetter(v[j]) {
				j++
			}
			short := j-i <= keptLetters && (i == 0 || v[i-1] < utf8.RuneSelf)
			for i < len(w) && form.IsAlpha(w[i]) {
				b := w[i]
				if !short {
					b = 'x' - ^b&0x20 // X for a capital
				}
				dst = append(dst, b)
				i++
			}
		case b < ' ' || b == 0x7f:
			dst = appendEscape(dst, b)
			i++
		case b < utf8.RuneSelf:
			dst = append(dst, b)
			i++
		default:
			_, size := utf8.DecodeRune(w[i:])
			if size == 1 {
				dst = append(dst, '?') // not UTF-8, or cut
			} else {
				dst = append(dst, 'x')
			}
			i += size
		}
	}
	if i < len(v) {
		dst = append(dst, "...("...)
		dst = strconv.AppendInt(dst, int64(len(v)), 10)
		dst = append(dst, ')')
	}
	return dst
}

// isLetter counts a byte of any character beyond ASCII as a letter.
func isLetter(b byte) bool { return form.IsAlpha(b) || b >= utf8.RuneSelf }

func appendEscape(dst []byte, b byte) []byte {
	switch b {
	case '\n':
		return append(dst, '\\', 'n')
	case '\r':
		return append(dst, '\\', 'r')
	case '\t':
		return append(dst, '\\', 't')
	}
	const hex = "0123456789abcdef"
	return append(dst, '\\', 'x', hex[b>>4], hex[b&15])
}
