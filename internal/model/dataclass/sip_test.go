package dataclass

import (
	"encoding/hex"
	"strings"
	"testing"
)

// The expected values are those of CPython 3.11, whose hash of bytes is SipHash-1-3, under PYTHONHASHSEED 0 and 42.
func TestTokenIsSipHash13(t *testing.T) {
	for key, want := range map[string]map[string]uint64{
		"00000000000000000000000000000000": {
			"a": 0x407448d2b89b1813, "ab": 0x555508cbc6add439, "abc": 0xc03bc3a0042630f2, "abcd": 0xe3d1d5fdd52aae89, "abcdefg": 0x6db12aae9070f506,
			"abcdefgh": 0x3f7b849c0b8e35ea, "123e4567-e89b-42d3-a456-426614174000": 0xa72518b4dd5e1895, strings.Repeat("x", 63): 0x1c308a9f11b6a742,
		},
		"af90cd68d34f50dcc1e999fe9fbb20b9": {
			"a": 0xfe4a47335692551e, "ab": 0x85652f29192e603a, "abc": 0x35b382d0c5d675e9, "abcd": 0xbeeac10495cfd7b8, "abcdefg": 0x13162120b6bf06ed,
			"abcdefgh": 0xb441be6d79f21056, "123e4567-e89b-42d3-a456-426614174000": 0x6bb3e3b971fd5d8f, strings.Repeat("x", 63): 0xfc2f59550af19247,
		},
	} {
		var k Key
		if _, err := hex.Decode(k[:], []byte(key)); err != nil {
			t.Fatal(err)
		}
		for value, token := range want {
			if got := k.Token([]byte(value)); got != token {
				t.Errorf("token of %q under %s is %#x, want %#x", value, key, got, token)
			}
		}
	}
}

// Reading the last bytes without a loop must not mix up values of different lengths.
func TestTokenTellsLengthsApart(t *testing.T) {
	k, seen := Key{9}, map[uint64]int{}
	for n := range 40 {
		token := k.Token(make([]byte, n))
		if m, ok := seen[token]; ok {
			t.Errorf("%d and %d zero bytes have one token", m, n)
		}
		seen[token] = n
	}
}
