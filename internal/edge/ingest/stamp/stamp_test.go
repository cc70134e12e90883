package stamp

import (
	"strings"
	"testing"
	"time"
)

// TestTimes compares both hand-written parsers with package time, for every day of three centuries' edges.
func TestTimes(t *testing.T) {
	t.Parallel()
	var clock Clock
	for _, year := range []int{1970, 1972, 1999, 2000, 2024, 2026, 2100, 2254} {
		for day := range 366 {
			want := time.Date(year, 1, 1+day, day%24, day%60, (7*day)%60, day*1e6, time.FixedZone("", (day%25-12)*3600+1800)).Add(24 * time.Hour)
			got, ok := clock.Parse([]byte(want.Format("02/Jan/2006:15:04:05 -0700")))
			if !ok || got != want.Unix()*1e9 {
				t.Fatalf("%s: log time %d, %v", want, got, ok)
			}
			for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.000000-0700"} {
				if got, ok = RFC3339([]byte(want.Format(layout))); !ok || got != want.UnixNano() {
					t.Fatalf("%s: %d, %v", want.Format(layout), got, ok)
				}
			}
		}
	}
	for _, bad := range []string{
		"", "2026-01-02", "2026-01-02T03:04:05", "2026-02-29T00:00:00Z", "2026-13-01T00:00:00Z", "2026-01-02T24:00:00Z", "2026-01-02T03:04:05.Z",
		"1969-12-31T23:59:59Z", "1970-01-01T00:00:00Z", "2300-01-01T00:00:00Z", "2026-01-02T03:04:05+1", "2026-01-02T03:04:05+24:00",
		"2026-01-02T03:04:61Z", "9999-99-99T99:99:99Z", "2026-01-02T03:04:05." + strings.Repeat("9", 30) + "Z",
	} {
		if at, ok := RFC3339([]byte(bad)); ok {
			t.Errorf("%q is %d", bad, at)
		}
	}
	if at, ok := RFC3339([]byte("2016-12-31T23:59:60Z")); !ok || at != 1483228800e9 {
		t.Errorf("leap second: %d, %v", at, ok)
	}
}

// FuzzTimes: whatever reads as a time is one that package time reads alike.
func FuzzTimes(f *testing.F) {
	f.Add([]byte("2026-01-02T03:04:05.678+01:00"))
	f.Add([]byte("10/Oct/2000:13:55:36 -0700"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if at, ok := new(Clock).Parse(b); ok {
			// A leap second is the only time that package time refuses.
			want, err := time.Parse("02/Jan/2006:15:04:05 -0700", strings.Replace(string(b), ":60 ", ":59 ", 1))
			if d := at/1e9 - want.Unix(); err != nil || d != 0 && d != 1 {
				t.Fatalf("%q is %d, package time says %v, %v", b, at, want, err)
			}
		}
		if at, ok := RFC3339(b); ok && (at <= 0 || at > 9e18) {
			t.Fatalf("%q is %d", b, at)
		}
	})
}

func BenchmarkTimes(b *testing.B) {
	log, iso := []byte("10/Oct/2025:13:55:36 -0700"), []byte("2026-01-02T03:04:05.678901+01:00")
	b.Run("log", func(b *testing.B) {
		var c Clock
		b.ReportAllocs()
		for b.Loop() {
			log[19] ^= 1 // another second each time
			if _, ok := c.Parse(log); !ok {
				b.Fatal("refused")
			}
		}
	})
	b.Run("rfc3339", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := RFC3339(iso); !ok {
				b.Fatal("refused")
			}
		}
	})
}
