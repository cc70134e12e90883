package main

import (
	"slices"
	"testing"
)

func TestFlatten(t *testing.T) {
	for _, c := range []struct {
		name     string
		in, want []row
	}{
		{"disjoint", []row{{0, 4, 1}, {6, 9, 2}}, []row{{0, 4, 1}, {6, 9, 2}}},
		{"inner wins, outer resumes", []row{{0, 9, 1}, {3, 5, 2}}, []row{{0, 2, 1}, {3, 5, 2}, {6, 9, 1}}},
		{"same start, shorter wins", []row{{0, 5, 2}, {0, 9, 1}}, []row{{0, 5, 2}, {6, 9, 1}}},
		{"crossing, later wins", []row{{0, 5, 1}, {3, 9, 2}}, []row{{0, 2, 1}, {3, 9, 2}}},
		{"nested twice", []row{{0, 9, 1}, {2, 7, 2}, {4, 5, 3}}, []row{{0, 1, 1}, {2, 3, 2}, {4, 5, 3}, {6, 7, 2}, {8, 9, 1}}},
		{"ends at the last number", []row{{8, 1<<64 - 1, 1}, {9, 9, 2}}, []row{{8, 8, 1}, {9, 9, 2}, {10, 1<<64 - 1, 1}}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := flatten(slices.Clone(c.in)); !slices.Equal(got, c.want) {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

func TestJoin(t *testing.T) {
	got := join([]row{{0x01000000, 0x010000ff, 7}}, []row{{0x01000080, 0x010001ff, 9}}, false)
	want := []joined{{0, 0, 0}, {0x01000000, 7, 0}, {0x01000080, 7, 9}, {0x01000100, 0, 9}, {0x01000200, 0, 0}}
	if !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := join([]row{{0, 1<<32 - 1, 7}}, nil, false); got[0] != (joined{0, 0, 0}) || got[1] != (joined{1 << 24, 7, 0}) || got[len(got)-1] != (joined{0xe0000000, 0, 0}) {
		t.Errorf("special ranges must stay empty: %v", got)
	}
}

func TestShorten(t *testing.T) {
	for in, want := range map[string]string{"Cloudflare, Inc.": "Cloudflare", "Hetzner Online GmbH": "Hetzner Online", "ARTERIA Networks Corporation": "ARTERIA Networks", "SA": "SA"} {
		if got := shorten(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}
