package http1

import (
	"math/rand/v2"
	"testing"
)

// TestScan compares the word-wise scans with byte-wise ones, for every byte at every position among neighbours that carry
// and borrow, and for random text.
func TestScan(t *testing.T) {
	check := func(b []byte, from int) {
		t.Helper()
		want, seen := from, byte(0)
		for want < len(b) && b[want] >= 0x20 && b[want] != 0x7f {
			seen |= b[want]
			want++
		}
		got, words := scanText(b, from)
		for words>>8 != 0 {
			words = words&0xFF | words>>8
		}
		if got != want || byte(words) != seen {
			t.Fatalf("scanText(%q, %d) = %d, %#x, want %d, %#x", b, from, got, words, want, seen)
		}
		want = from
		for want < len(b) && (lower(b[want])-'a' < 26 || b[want] == '-') {
			want++
		}
		if got := scanName(b, from); got != want && (got > want || len(b)-got >= 8) {
			t.Fatalf("scanName(%q, %d) = %d, want %d", b, from, got, want)
		}
	}
	for _, around := range []byte{'a', ' ', '~', 0x80, 0xFF, '-'} {
		for position := range 35 {
			for c := range 256 {
				b := make([]byte, 35)
				for i := range b {
					b[i] = around
				}
				b[position] = byte(c)
				check(b, 0)
				check(b, 3)
			}
		}
	}
	r := rand.New(rand.NewPCG(1, 2))
	for range 20000 {
		b := make([]byte, r.IntN(50))
		for i := range b {
			if b[i] = byte(0x20 + r.IntN(0xE0)); r.IntN(20) == 0 {
				b[i] = byte(r.IntN(256))
			}
		}
		check(b, r.IntN(len(b)+1))
	}
}

func TestHexValue(t *testing.T) {
	for c := range 256 {
		want := byte(0xFF)
		switch {
		case c >= '0' && c <= '9':
			want = byte(c) - '0'
		case c >= 'a' && c <= 'f':
			want = byte(c) - 'a' + 10
		case c >= 'A' && c <= 'F':
			want = byte(c) - 'A' + 10
		}
		if got := hexValue(byte(c)); got != want {
			t.Errorf("hexValue(%#x) = %d, want %d", c, got, want)
		}
	}
}
