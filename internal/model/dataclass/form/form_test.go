package form

import (
	"strings"
	"testing"
)

func TestIssuersOfOneFirstByteStandTogether(t *testing.T) {
	for i := range issuers {
		p := issuers[i].prefix
		reached := false
		for k := issuersFrom[p[0]]; int(k) < len(issuers) && issuers[k].prefix[0] == p[0]; k++ {
			reached = reached || int(k) == i
		}
		if !reached {
			t.Errorf("%q is never tried", p)
		}
		if !IsCredential([]byte(p + strings.Repeat("a8F3kQ9zP0", 7))) {
			t.Errorf("a key with %q is none", p)
		}
		if len(p) > 1 && IsCredential([]byte(p)) {
			t.Errorf("%q alone is a key", p)
		}
	}
}

// One random number in ten passes Luhn: the reason why PAN, IMEI and NPI are candidates.
func TestLuhnFindsEverySingleMistake(t *testing.T) {
	card := []byte("4111111111111111")
	if !IsPAN(card) {
		t.Fatal("the test card must pass")
	}
	for i := range card {
		for d := byte('0'); d <= '9'; d++ {
			wrong := append([]byte(nil), card...)
			if wrong[i] = d; d != card[i] && luhn(wrong, 0) {
				t.Errorf("%s passes", wrong)
			}
		}
	}
	passed := 0
	v := []byte("4000000000000000")
	for i := range 1000 {
		v[12], v[13], v[14] = byte('0'+i/100), byte('0'+i/10%10), byte('0'+i%10)
		if luhn(v, 0) {
			passed++
		}
	}
	if passed != 100 {
		t.Errorf("%d of 1000 pass, a tenth must", passed)
	}
}

// Every function must bear every value that is not empty, whatever its length; those with a stated length get it.
func FuzzForms(f *testing.F) {
	for _, s := range []string{"1", "P", "PT", "v1.", "a@b", "::", "1.2.3.4", "eyJ", "DE89", "$2b$", "--", "en-", "0:", "+(", "2024-01-01T00:00"} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, v []byte) {
		if len(v) == 0 {
			return
		}
		for _, is := range []func([]byte) bool{
			IsNumber, IsDateLoose, IsDate, IsDuration, IsIPv4, IsIPv6, IsMAC, IsHostname, IsEmail, IsURI, IsURN, IsUUID,
			IsBase64, StartsJWT, IsAuthorization, IsPrivateKey, IsPasswordHash, IsLocale, IsVersion, IsFilename, IsSlug, IsIBAN, IsCode, Opaque, CarriesHex, IsTime, IsExtended, IsGeoPoint, IsPANSpaced, IsPhone, IsCredential,
			IsPAN, IsSSN, IsNHS, IsNHSSpaced, IsNPI, IsIMEI, IsUnixTime, IsHTTPDate, IsULID, IsCountry, IsCurrency, IsBoolWord, DashedUUID,
		} {
			if is(v) != is(v) {
				t.Fatalf("%q is judged both ways", v)
			}
		}
		if SortParts(v) > PartsOpaque || DateTime(v) > ClockZoned {
			t.Fatalf("%q", v)
		}
	})
}
