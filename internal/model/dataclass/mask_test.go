package dataclass

import (
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"merlon/internal/model/dataclass/form"
)

func masked(v string) string {
	set, _ := Recognise([]byte(v))
	return string(AppendMasked(nil, []byte(v), set))
}

func TestAppendMasked(t *testing.T) {
	for _, c := range []struct{ name, value, want string }{
		{"empty", "", ""},
		{"card", "4111 1111 1111 1111", "411111******1111"},
		{"card of 15", "378282246310005", "378282*****0005"},
		{"iban", "DE89370400440532013000", "DE********************"},
		{"ssn", "123-45-6789", "***-**-****"},
		{"phone", "+14155550142", "+*********42"},
		{"email", "alice@example.com", "a***@e***.com"},
		{"jwt", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.c2ln", "<jwt 53>"},
		{"aws", "AKIA" + "IOSFODNN7EXAMPLE", "<credential 20>"},
		{"bearer", "Bearer abcdef0123456789", "<credential 23>"},
		{"uuid", "123e4567-e89b-42d3-a456-426614174000", "<uuid 36>"},
		{"hex", "507f1f77bcf86cd799439011", "<hex 24>"},
		{"int", "123456", "999999"},
		{"verification code", "123", "999"},
		{"short int", "42", "42"},
		{"word", "Smith", "Xxxxx"},
		{"injection keeps its form", "' OR 1=1 --", "' OR 1=1 --"},
		{"longer injection", "' UNION SELECT pw FROM users", "' XXXXX XXXXXX pw XXXX xxxxx"},
		{"code", "GB", "GB"},
		{"truth", "true", "true"},
		{"locale", "en-GB", "en-GB"},
		{"version", "v2", "v2"},
		{"control", "a\nb\x1b\x00", "<binary 5>"},
		{"line end", "ab\ncd\t", `ab\ncd\t`},
		{"umlauts", "Zürich", "Xxxxxx"},
		{"date of birth", "1980-02-29", "9999-99-99"},
		{"long", strings.Repeat("ab, ", 100), strings.Repeat("ab, ", 20) + "...(400)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := masked(c.value); got != c.want {
				t.Errorf("%q: %q, want %q", c.value, got, c.want)
			}
		})
	}
}

// checkMask holds for every value: bounded, printable, and no run of original digits long enough to be a code, a social
// security number's serial or an account, the documented ends of a valid card aside.
func checkMask(t interface{ Fatalf(string, ...any) }, v []byte) {
	set, _ := Recognise(v)
	out := AppendMasked([]byte("keep"), v, set)
	if string(out[:4]) != "keep" {
		t.Fatalf("what was in dst changed")
	}
	m := out[4:]
	if len(m) > MaskLimit {
		t.Fatalf("%d bytes from %q", len(m), v)
	}
	if !utf8.Valid(m) {
		t.Fatalf("%q is not UTF-8", m)
	}
	for _, b := range m {
		if b < ' ' || b == 0x7f {
			t.Fatalf("control character in %q", m)
		}
	}
	if set.Has(PAN) || set&SecretSet != 0 {
		return
	}
	shown := map[string]bool{}
	run := 0
	for i, b := range v {
		if !form.IsDigit(b) {
			run = 0
			continue
		}
		if run++; run >= 3 {
			shown[string(v[i-2:i+1])] = true
		}
	}
	for i := range m {
		if i+3 > len(m) || strings.Contains(string(m), "<") || strings.Contains(string(m), "...(") {
			break // lengths
		}
		if w := string(m[i : i+3]); w != "999" && shown[w] {
			t.Fatalf("%q shows %q of %q", m, w, v)
		}
	}
}

func TestMaskProperties(t *testing.T) {
	gen := rapid.OneOf(
		rapid.SliceOf(rapid.Byte()),
		rapid.Map(rapid.StringMatching(`[0-9]{3}-[0-9]{2}-[0-9]{4}|[0-9]{3,19}|[0-9 -]{4,24}|[a-z]{0,4}[0-9]{1,8}[ ,.a-z]{0,9}|\+[0-9 ]{8,15}`), func(s string) []byte { return []byte(s) }),
		rapid.Map(rapid.StringMatching(`[a-z0-9._]{1,12}@[a-z0-9]{1,10}\.[a-z]{2,5}`), func(s string) []byte { return []byte(s) }),
	)
	rapid.Check(t, func(t *rapid.T) { checkMask(t, gen.Draw(t, "value")) })
}

func FuzzMask(f *testing.F) {
	for _, c := range recogniserCases {
		for _, v := range c.fire {
			f.Add([]byte(v))
		}
	}
	f.Add([]byte("123-45-6789 and more 4111111111111111"))
	f.Fuzz(func(t *testing.T, v []byte) { checkMask(t, v) })
}
