package dataclass

import "merlon/internal/model/dataclass/form"

// SegmentClass is what one decoded path segment is, for path templating. Numbers are part of stored data: append only.
type SegmentClass uint8

// The classes of path segments. Those from SegmentInt on are typed: siblings of one such class become one parameter at
// once, while words, slugs, versions and files stay literals until their numbers say otherwise.
const (
	SegmentEmpty    SegmentClass = iota // between two slashes, or behind the last
	SegmentWord                         // users, getUserById, oauth2
	SegmentSlug                         // user-profile-settings
	SegmentVersion                      // v1, v2beta1, 1.2.3
	SegmentFile                         // robots.txt
	SegmentOther                        // anything else: punctuation, non-ASCII, a mixture
	SegmentInt                          // 42
	SegmentNumber                       // -1, 3.14
	SegmentUUID                         // RFC 9562, braces allowed
	SegmentULID                         // 01ARZ3NDEKTSV4RRFFQ69G5FAV
	SegmentKSUID                        // 0ujtsYcgvSTl8PAuAdqWYSMnLOv
	SegmentHex                          // at least 16 hexadecimal digits, or 7 with letters and digits mixed
	SegmentToken                        // base62, base64, JWT: opaque
	SegmentPrefixed                     // cus_9s6XKzkN, order-12345, SKU123
	SegmentDate                         // 2024-12-31, date-times too
	SegmentEmail                        // a@example.com
	SegmentLocale                       // en-US
	SegmentIP                           // IPv4 or IPv6
	SegmentPhone                        // +14155550100
	SegmentCount    = iota
)

type segmentDescription struct{ name, param, typ, format string }

var segmentDescriptions = [SegmentCount]segmentDescription{
	SegmentEmpty:    {"empty", "value", "string", ""},
	SegmentWord:     {"word", "name", "string", ""},
	SegmentSlug:     {"slug", "slug", "string", ""},
	SegmentVersion:  {"version", "version", "string", ""},
	SegmentFile:     {"file", "file", "string", ""},
	SegmentOther:    {"other", "value", "string", ""},
	SegmentInt:      {"int", "id", "integer", "int64"},
	SegmentNumber:   {"number", "number", "number", ""},
	SegmentUUID:     {"uuid", "uuid", "string", "uuid"},
	SegmentULID:     {"ulid", "id", "string", ""},
	SegmentKSUID:    {"ksuid", "id", "string", ""},
	SegmentHex:      {"hex", "hash", "string", ""},
	SegmentToken:    {"token", "id", "string", ""},
	SegmentPrefixed: {"prefixed-id", "id", "string", ""},
	SegmentDate:     {"date", "date", "string", "date"},
	SegmentEmail:    {"email", "email", "string", "email"},
	SegmentLocale:   {"locale", "locale", "string", ""},
	SegmentIP:       {"ip", "ip", "string", ""},
	SegmentPhone:    {"phone", "phone", "string", ""},
}

func (c SegmentClass) describe() *segmentDescription {
	if c >= SegmentCount {
		c = SegmentOther
	}
	return &segmentDescriptions[c]
}

// Typed says whether siblings of this class become one parameter at once.
func (c SegmentClass) Typed() bool { return c >= SegmentInt && c < SegmentCount }

// ParamName is a name for the parameter when nothing better is known: "id", "uuid", "date".
func (c SegmentClass) ParamName() string { return c.describe().param }

// ParamType is the short name of the parameter's type: "int", "uuid", "token".
func (c SegmentClass) ParamType() string { return c.describe().name }

// Schema is the parameter's OpenAPI type and format; format is empty where there is none.
func (c SegmentClass) Schema() (typ, format string) {
	d := c.describe()
	return d.typ, d.format
}

func (c SegmentClass) String() string { return c.describe().name }

// Segment classifies one percent-decoded path segment. One pass, and the recognisers that its counts leave possible; at
// most MaxExamined bytes are looked at. It is a judgement of form: "getUserById" and "user-profile-settings" are words,
// "dQw4w9WgXcQ" is a token; the cases it gets wrong are listed in the tests, and siblings correct them in templating.
func Segment(seg []byte) SegmentClass {
	if len(seg) == 0 {
		return SegmentEmpty
	}
	s := survey(seg)
	if s.only(CharLower | CharDash) { // the ordinary case: users, user-profile
		switch {
		case !s.has(CharDash):
			return SegmentWord
		case s.n != 5 && seg[0] != '-' && seg[len(seg)-1] != '-':
			return SegmentSlug
		}
	}
	if s.only(CharDigit) {
		if s.n > 40 {
			return SegmentToken
		}
		return SegmentInt
	}
	return segmentOf(classify(seg, &s), seg, &s)
}

// segmentOf maps value classes to a segment class.
func segmentOf(set Set, v []byte, s *shape) SegmentClass {
	c, _, ok := set.First()
	if !ok {
		if s.only(CharDigit|CharLower|CharUpper|CharDash|CharUnderscore|CharDot) && s.n < 64 && form.IsAlnum(v[0]) {
			return SegmentSlug
		}
		return SegmentOther
	}
	switch c {
	case Int:
		return SegmentInt
	case Number:
		if s.n <= 4 && s.count(laneDot) == 1 && form.IsDigit(v[0]) {
			return SegmentVersion // /2.0/, /1.1/
		}
		return SegmentNumber
	case UUID, UUIDBraced:
		return SegmentUUID
	case ULID:
		return SegmentULID
	case KSUID:
		return SegmentKSUID
	case Hex:
		return SegmentHex
	case Base62, Base64, JWT, CredentialKey, PasswordHash:
		if s.n >= 7 && s.only(CharDigit|CharLower) && s.count(laneDigit)+s.count(laneHexLetter) == s.n {
			return SegmentHex
		}
		return SegmentToken
	case PrefixedID, IBAN, MAC:
		return SegmentPrefixed
	case Date, DateLoose, DateTime, DateTimeLocal, HTTPDate:
		return SegmentDate
	case Email:
		return SegmentEmail
	case Locale:
		return SegmentLocale
	case IPv4, IPv6:
		return SegmentIP
	case Phone, SSN, NHSNumber, PAN:
		return SegmentPhone
	case Version:
		return SegmentVersion
	case Filename:
		return SegmentFile
	case Word, BoolWord, Country, Currency:
		return SegmentWord
	case Slug, Hostname:
		return SegmentSlug
	case GeoPoint:
		return SegmentNumber
	}
	return SegmentOther
}
