// Package totp is time-based one-time codes as authenticator apps make them (RFC 6238): SHA-1, six digits, 30 seconds.
//
// SHA-1, six digits and 30 seconds are what every app can do; many ignore what the QR code asks for beyond them. HMAC does
// not need its hash to be collision-free.
package totp

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // RFC 6238 as apps speak it; see above
	"crypto/subtle"
	"encoding/base32"
	"encoding/binary"
	"fmt"
	"net/url"
	"time"
)

const (
	// SecretLength is that of a secret in bytes (RFC 4226 section 4 recommends 160 bits).
	SecretLength = 20
	// Digits is the length of a code.
	Digits = 6
	// Period is how long one code is shown.
	Period = 30 * time.Second
	// Skew is how many steps before and after now are taken, for clocks that differ and people who type slowly.
	Skew = 1

	modulus = 1_000_000
)

// Step is the number of the period that a time lies in.
func Step(at time.Time) int64 { return at.Unix() / int64(Period/time.Second) }

// Code is the code of a step.
func Code(secret []byte, step int64) string {
	m := hmac.New(sha1.New, secret)
	var b [8]byte
	binary.BigEndian.PutUint64(b[:], uint64(step))
	m.Write(b[:])
	sum := m.Sum(nil)
	at := sum[len(sum)-1] & 15 // dynamic truncation, RFC 4226 section 5.3
	return fmt.Sprintf("%0*d", Digits, binary.BigEndian.Uint32(sum[at:at+4])&0x7fffffff%modulus)
}

// Verify finds the step whose code was given, among those near now that come after the last one used. Every step is
// compared in full, so time does not tell which one was near.
func Verify(secret []byte, code string, now time.Time, last int64) (step int64, ok bool) {
	for s := Step(now) - Skew; s <= Step(now)+Skew; s++ {
		if subtle.ConstantTimeCompare([]byte(Code(secret, s)), []byte(code)) == 1 && s > last && !ok {
			step, ok = s, true
		}
	}
	return step, ok
}

// Text is a secret as people type it: base32 without padding.
func Text(secret []byte) string {
	return base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(secret)
}

// URI is what the QR code says (the Key URI format that apps read).
func URI(secret []byte, issuer, account string) string {
	q := url.Values{"secret": {Text(secret)}, "issuer": {issuer}, "algorithm": {"SHA1"}, "digits": {"6"}, "period": {"30"}}
	return "otpauth://totp/" + url.PathEscape(issuer) + ":" + url.PathEscape(account) + "?" + q.Encode()
}

// Clean takes what people and apps put between the digits out of a code: spaces and dashes. What is no code stays as it is.
func Clean(code string) string {
	if len(code) > 2*Digits {
		return code
	}
	out := make([]byte, 0, Digits)
	for i := 0; i < len(code); i++ {
		if code[i] != ' ' && code[i] != '-' {
			out = append(out, code[i])
		}
	}
	return string(out)
}

// Like tells whether text has the form of a code.
func Like(code string) bool {
	if len(code) != Digits {
		return false
	}
	for i := 0; i < Digits; i++ {
		if code[i] < '0' || code[i] > '9' {
			return false
		}
	}
	return true
}
