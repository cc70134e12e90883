package dataclass

import (
	"math/rand/v2"
	"testing"
)

func compareCommon(t *testing.T, v []byte) {
	t.Helper()
	set, chars := common(v)
	if set == 0 {
		return
	}
	s := survey(v)
	if want := classify(v, &s); set != want || chars != Chars(s.bits) {
		t.Fatalf("%q: %v with %016b, want %v with %016b", v, set, chars, want, Chars(s.bits))
	}
}

// What is judged in a few steps must be judged as it would be at length.
func TestCommonAgrees(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	alphabets := []string{"abz", "ABZ", "aBzZ", "0189", "0189af", "aA0", "az`{", "AZ@[", "09/:", "a0\x80\xff", "aA\x00"}
	judged := 0
	for range 400_000 {
		alphabet := alphabets[r.IntN(len(alphabets))]
		v := make([]byte, 1+r.IntN(20))
		for i := range v {
			v[i] = alphabet[r.IntN(len(alphabet))]
		}
		compareCommon(t, v)
		if set, _ := common(v); set != 0 {
			judged++
		}
	}
	if judged < 100_000 {
		t.Errorf("only %d values are common", judged)
	}
	for range 100_000 {
		v := []byte("00000000-0000-4000-8000-000000000000")
		alphabet := []string{"0123456789abcdef", "0123456789ABCDEF", "019aF", "059", "afgG:/@`", "0\x80a\xffG"}[r.IntN(6)]
		for range r.IntN(40) {
			if i := r.IntN(len(v)); v[i] != '-' || r.IntN(50) == 0 {
				v[i] = alphabet[r.IntN(len(alphabet))]
			}
		}
		compareCommon(t, v)
	}
	for range 100_000 {
		v := []byte("2026-03-01T10:00:00Z")
		for range r.IntN(4) {
			v[r.IntN(len(v))] = "0123456789-:TZ/ \x80\xff"[r.IntN(18)]
		}
		compareCommon(t, v)
	}
	for _, v := range []string{
		"true", "Yes", "off", "OFF", "PL", "pl", "Pl", "XX", "EUR", "eur", "ABC", "USER", "username", "getUserById", "WqV", "WqVaPlZx",
		"2026-03-01T10:00:00Z", "2026-13-01T10:00:00Z", "2026-03-01T10:00:61Z", "2026-03-01T10:00:0xZ", "1700000000", "4111111111111111", "0012", "1", "a",
		"123e4567-e89b-42d3-a456-426614174000", "123E4567-E89B-42D3-A456-426614174000", "12345678-1234-1234-1234-123456789012",
	} {
		compareCommon(t, []byte(v))
	}
}

func FuzzCommon(f *testing.F) {
	for _, s := range []string{"true", "EUR", "getUser", "123", "123e4567-e89b-42d3-a456-426614174000", "2026-03-01T10:00:00Z"} {
		f.Add([]byte(s))
	}
	f.Fuzz(compareCommon)
}
