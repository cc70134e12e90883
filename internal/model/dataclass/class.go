// Package dataclass: What a value is: recognisers (card, IBAN, e-mail, token ...), path-segment classes, masking.
//
// Everything here is pure, bounded and free of allocation: it runs for every leaf, header, query value and path segment
// of every request. Recognisers look at the form of one value alone. A form that many innocent values share by chance
// (any tenth number passes Luhn) is only a candidate: see Class.Candidate.
package dataclass

import "math/bits"

// Class is one recogniser's verdict on a value. Its number is a bit position in Set and part of stored data:
// append new classes, never renumber.
type Class uint8

// The classes of values.
const (
	Int           Class  = iota // optional sign and digits
	Number                      // JSON number; every Int is one too
	BoolWord                    // true, false, yes, no, on, off in any case
	UUID                        // RFC 9562 text form
	UUIDBraced                  // {uuid} or urn:uuid:
	ULID                        // 26 characters of Crockford base32 with a time of before the year 3084
	KSUID                       // 27 characters of base62
	Hex                         // at least 16 hexadecimal digits of one case
	Base64                      // at least 16 characters of base64 or base64url that look random
	Base62                      // letters and digits that look random: an opaque id
	PrefixedID                  // a word, a separator, and a number or an opaque id: cus_9s6XKzkN, order-12345
	Date                        // RFC 3339 full-date
	DateLoose                   // 31/12/2024, 12.31.2024, 2024/12/31
	DateTime                    // RFC 3339 date-time
	DateTimeLocal               // the same without a zone
	HTTPDate                    // RFC 9110 IMF-fixdate
	Time                        // RFC 3339 full-time, zone and seconds optional
	Duration                    // ISO 8601 duration
	UnixTime                    // 10 or 13 digits that are a time between 2000 and 2100
	Email                       // RFC 5322 addr-spec, the dot-atom form only
	URI                         // RFC 3986 with a scheme and an authority, or a known scheme without
	Hostname                    // RFC 1123 name with a plausible top-level domain
	IPv4                        // dotted quad without leading zeros
	IPv6                        // RFC 4291 text form
	MAC                         // IEEE 802 MAC-48 with colons or dashes
	Locale                      // BCP 47 language with script or region
	Country                     // ISO 3166-1 alpha-2, upper case
	Currency                    // ISO 4217, upper case
	Version                     // v1, v2beta1, 1.2.3, 1.2.3-rc.1
	Filename                    // name with a known extension
	Slug                        // words joined by dashes, underscores or dots
	Word                        // one plain identifier
	GeoPoint                    // latitude and longitude in decimal degrees
	JWT                         // RFC 7519 compact form, signed or encrypted
	CredentialKey               // a key with the known prefix of its issuer, or an Authorization value
	PrivateKey                  // PEM private key
	PasswordHash                // crypt(3) or PHC string form
	PAN                         // payment card number: issuer range, length and Luhn (ISO/IEC 7812)
	IBAN                        // ISO 13616: country's length and mod 97
	SSN                         // United States social security number, with separators
	Phone                       // E.164, or national form with separators
	NHSNumber                   // England and Wales, ten digits with mod 11
	NPI                         // United States National Provider Identifier, ten digits with Luhn over 80840
	IMEI                        // fifteen digits with Luhn
	Text                        // several words
	Binary                      // control characters or invalid UTF-8
	ClassCount    = iota        // number of classes; at most 64
)

type description struct {
	name, format string
	sensitive    bool
	candidate    bool
	doc          string
}

var descriptions = [ClassCount]description{
	Int:           {"int", "int64", false, false, "whole number"},
	Number:        {"number", "double", false, false, "decimal number"},
	BoolWord:      {"bool", "", false, false, "truth value written as a word"},
	UUID:          {"uuid", "uuid", false, false, "universally unique identifier (RFC 9562)"},
	UUIDBraced:    {"uuid-braced", "", false, false, "UUID in braces or as a URN"},
	ULID:          {"ulid", "", false, true, "sortable identifier in Crockford base32"},
	KSUID:         {"ksuid", "", false, true, "sortable identifier in base62"},
	Hex:           {"hex", "", false, false, "hexadecimal string of 16 digits or more"},
	Base64:        {"base64", "byte", false, false, "base64 or base64url string of 16 characters or more"},
	Base62:        {"base62", "", false, false, "opaque identifier of letters and digits"},
	PrefixedID:    {"prefixed-id", "", false, false, "identifier with a word before it"},
	Date:          {"date", "date", false, false, "calendar date (RFC 3339)"},
	DateLoose:     {"date-loose", "", false, false, "calendar date in a national form"},
	DateTime:      {"date-time", "date-time", false, false, "date and time with zone (RFC 3339)"},
	DateTimeLocal: {"date-time-local", "", false, false, "date and time without zone"},
	HTTPDate:      {"http-date", "", false, false, "date of an HTTP field (RFC 9110)"},
	Time:          {"time", "time", false, false, "time of day"},
	Duration:      {"duration", "duration", false, false, "period (ISO 8601)"},
	UnixTime:      {"unix-time", "", false, true, "seconds or milliseconds since 1970"},
	Email:         {"email", "email", true, false, "e-mail address"},
	URI:           {"uri", "uri", false, false, "absolute URI (RFC 3986)"},
	Hostname:      {"hostname", "hostname", false, false, "host name (RFC 1123)"},
	IPv4:          {"ipv4", "ipv4", false, false, "IPv4 address"},
	IPv6:          {"ipv6", "ipv6", false, false, "IPv6 address"},
	MAC:           {"mac", "", false, false, "hardware address"},
	Locale:        {"locale", "", false, false, "language tag (BCP 47)"},
	Country:       {"country", "", false, true, "country code (ISO 3166-1)"},
	Currency:      {"currency", "", false, true, "currency code (ISO 4217)"},
	Version:       {"version", "", false, false, "version"},
	Filename:      {"filename", "", false, false, "file name with a known extension"},
	Slug:          {"slug", "", false, false, "words joined by separators"},
	Word:          {"word", "", false, false, "plain identifier"},
	GeoPoint:      {"geo-point", "", true, false, "latitude and longitude"},
	JWT:           {"jwt", "", true, false, "JSON web token (RFC 7519)"},
	CredentialKey: {"credential", "password", true, false, "access key, API token or Authorization value"},
	PrivateKey:    {"private-key", "password", true, false, "private key in PEM form"},
	PasswordHash:  {"password-hash", "password", true, false, "stored password hash"},
	PAN:           {"card", "", true, true, "payment card number"},
	IBAN:          {"iban", "", true, false, "international bank account number"},
	SSN:           {"us-ssn", "", true, false, "United States social security number"},
	Phone:         {"phone", "", true, false, "telephone number"},
	NHSNumber:     {"nhs-number", "", true, true, "NHS patient number of England and Wales"},
	NPI:           {"us-npi", "", false, true, "United States health-care provider number"},
	IMEI:          {"imei", "", true, true, "mobile device number"},
	Text:          {"text", "", false, false, "free text"},
	Binary:        {"binary", "binary", false, false, "bytes that are not text"},
}

// Name is the class's stable name, in lower case with dashes.
func (c Class) Name() string {
	if c >= ClassCount {
		return "unknown"
	}
	return descriptions[c].name
}

func (c Class) String() string { return c.Name() }

// Format is the value of OpenAPI's "format" for the class, empty where there is none.
func (c Class) Format() string {
	if c >= ClassCount {
		return ""
	}
	return descriptions[c].format
}

// Sensitive says whether such a value is personal, financial or secret.
func (c Class) Sensitive() bool { return c < ClassCount && descriptions[c].sensitive }

// Candidate says that values of this form also arise by chance (one random 16-digit number in ten passes Luhn), so that
// one value proves nothing: a field is of the class when nearly all of its values are, or when its name says so too.
func (c Class) Candidate() bool { return c < ClassCount && descriptions[c].candidate }

// Doc describes the class in a few words for people.
func (c Class) Doc() string {
	if c >= ClassCount {
		return ""
	}
	return descriptions[c].doc
}

// Set returns the set that holds c alone.
func (c Class) Set() Set { return 1 << c }

// ByName returns the class of a stable name.
func ByName(name string) (Class, bool) {
	for i := range descriptions {
		if descriptions[i].name == name {
			return Class(i), true
		}
	}
	return 0, false
}

// Set is a set of classes, one bit each. Union and intersection are | and &.
type Set uint64

// SensitiveSet holds every sensitive class.
const SensitiveSet = 1<<Email | 1<<GeoPoint | SecretSet | 1<<PAN | 1<<IBAN | 1<<SSN | 1<<Phone | 1<<NHSNumber | 1<<IMEI

// SecretSet holds the classes whose values give access: never shown in any form.
const SecretSet Set = 1<<JWT | 1<<CredentialKey | 1<<PrivateKey | 1<<PasswordHash

// CandidateSet holds the classes of which one value alone proves nothing.
const CandidateSet Set = 1<<ULID | 1<<KSUID | 1<<UnixTime | 1<<Country | 1<<Currency | 1<<PAN | 1<<NHSNumber | 1<<NPI | 1<<IMEI

// IdentifierSet holds the classes that name objects; values of these become object references.
const IdentifierSet Set = 1<<Int | 1<<UUID | 1<<UUIDBraced | 1<<ULID | 1<<KSUID | 1<<Hex | 1<<Base64 | 1<<Base62 | 1<<PrefixedID

// Has says whether s holds c.
func (s Set) Has(c Class) bool { return s>>c&1 != 0 }

// With returns s and c.
func (s Set) With(c Class) Set { return s | 1<<c }

// Without returns s without c.
func (s Set) Without(c Class) Set { return s &^ (1 << c) }

// Sensitive says whether a class of s is sensitive.
func (s Set) Sensitive() bool { return s&SensitiveSet != 0 }

// Secret says whether a class of s gives access.
func (s Set) Secret() bool { return s&SecretSet != 0 }

// Len is the number of classes in s.
func (s Set) Len() int { return bits.OnesCount64(uint64(s)) }

// First returns the lowest class of s, and what is left; false when s is empty. It is the way to walk a set:
//
//	for c, rest, ok := s.First(); ok; c, rest, ok = rest.First() { ... }
func (s Set) First() (Class, Set, bool) {
	if s == 0 {
		return 0, 0, false
	}
	return Class(bits.TrailingZeros64(uint64(s))), s & (s - 1), true
}

// String lists the names of the classes, in class order, joined by "|".
func (s Set) String() string {
	var b []byte
	for c, rest, ok := s.First(); ok; c, rest, ok = rest.First() {
		if len(b) > 0 {
			b = append(b, '|')
		}
		b = append(b, c.Name()...)
	}
	return string(b)
}
