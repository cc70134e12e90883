package totp_test

import (
	"net/url"
	"strings"
	"testing"
	"time"

	"merlon/internal/control/admin/people/totp"
)

// TestVectors: RFC 6238 appendix B for SHA-1; its eight digits end in our six.
func TestVectors(t *testing.T) {
	secret := []byte("12345678901234567890")
	for at, want := range map[int64]string{
		59: "94287082", 1111111109: "07081804", 1111111111: "14050471", 1234567890: "89005924", 2000000000: "69279037", 20000000000: "65353130",
	} {
		if got := totp.Code(secret, totp.Step(time.Unix(at, 0))); got != want[2:] {
			t.Errorf("at %d: %s, want %s", at, got, want[2:])
		}
	}
	// RFC 4226 appendix D.
	for i, want := range strings.Fields("755224 287082 359152 969429 338314 254676 287922 162583 399871 520489") {
		if got := totp.Code(secret, int64(i)); got != want {
			t.Errorf("counter %d: %s, want %s", i, got, want)
		}
	}
}

func TestVerify(t *testing.T) {
	secret, now := []byte("12345678901234567890"), time.Unix(1111111111, 0)
	at := totp.Step(now)
	for _, tt := range []struct {
		name string
		code string
		last int64
		want bool
	}{
		{"now", totp.Code(secret, at), 0, true},
		{"a step ago", totp.Code(secret, at-1), 0, true},
		{"a step ahead", totp.Code(secret, at+1), 0, true},
		{"two steps ago", totp.Code(secret, at-2), 0, false},
		{"two steps ahead", totp.Code(secret, at+2), 0, false},
		{"used", totp.Code(secret, at), at, false},
		{"older than one used", totp.Code(secret, at-1), at, false},
		{"after one used", totp.Code(secret, at+1), at, true},
		{"none", "", 0, false},
		{"short", "5047", 0, false},
		{"with more behind", totp.Code(secret, at) + "0", 0, false},
		{"another secret's", totp.Code([]byte("x"), at), 0, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			step, ok := totp.Verify(secret, tt.code, now, tt.last)
			if ok != tt.want || ok && totp.Code(secret, step) != tt.code {
				t.Errorf("%d %v", step, ok)
			}
		})
	}
}

func TestURI(t *testing.T) {
	u, err := url.Parse(totp.URI([]byte("12345678901234567890"), "Merlon ops", `a/b?c&d@acme.example`))
	if err != nil || u.Scheme != "otpauth" || u.Host != "totp" || u.Path != "/Merlon ops:a/b?c&d@acme.example" {
		t.Errorf("%v %+v", err, u)
	}
	if q := u.Query(); q.Get("secret") != "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ" || q.Get("issuer") != "Merlon ops" || len(q) != 5 {
		t.Errorf("%v", q)
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"123456", "123 456", "12-34-56", "", "      ", "１２３４５６", "123456\x00", strings.Repeat("1", 99)} {
		f.Add(s)
	}
	secret, now := []byte("12345678901234567890"), time.Unix(1111111111, 0)
	f.Fuzz(func(t *testing.T, s string) {
		c := totp.Clean(s)
		if len(c) > len(s) || totp.Like(c) && (len(c) != totp.Digits || strings.Trim(c, "0123456789") != "") {
			t.Errorf("%q became %q", s, c)
		}
		if _, ok := totp.Verify(secret, c, now, 0); ok && !totp.Like(c) {
			t.Errorf("%q was taken", s)
		}
	})
}
