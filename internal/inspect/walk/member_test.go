package walk

import (
	"fmt"
	"math/rand/v2"
	"reflect"
	"strconv"
	"testing"

	"merlon/internal/model/exchange"
)

// names that meet, that end in each other, that need escapes, and that are values.
func anyName(r *rand.Rand) string {
	switch r.IntN(12) {
	case 0:
		return strconv.Itoa(r.IntN(40))
	case 1:
		return []string{
			"", `a\"b`, `a\"b\":1,\"c`, `tab\t`, `caf\u00e9`, "café", "a", "ab", "abc", "abcdefgh", "abcdefghi", "abcdefghijklmnopq", "abcdefghijklmnopqrstuvwxyzabc",
			"abcdefghijklmnopqrstuvwxyzabcdefgh",
		}[r.IntN(14)]
	case 2:
		return fmt.Sprintf("7b7e2c1e-6f0e-4c53-9a55-0d1b1c6f7a%02x", r.IntN(20))
	}
	return fmt.Sprintf("member%d", r.IntN(60))
}

func anyObject(r *rand.Rand, depth int) string {
	s := "{"
	for i := range r.IntN(30) {
		if i > 0 {
			s += ","
		}
		s += `"` + anyName(r) + `":` + anyValue(r, depth-1)
	}
	return s + "}"
}

func anyValue(r *rand.Rand, depth int) string {
	switch k := r.IntN(10); {
	case k == 0 && depth > 0:
		return anyObject(r, depth)
	case k == 1 && depth > 0:
		s := "["
		for i := range r.IntN(6) {
			if i > 0 {
				s += ","
			}
			s += anyValue(r, depth-1)
		}
		return s + "]"
	case k == 2:
		return `"word"`
	}
	return strconv.Itoa(r.IntN(100))
}

// A walker that has seen hundreds of other messages finds what a fresh one finds, marks exactly the names that were there
// before, and links exactly the leaves of one location.
func TestRememberedMembersAreExact(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	used := New(&Shared{seed: 7})
	duplicates, links := 0, 0
	for range 1000 {
		body := anyObject(r, 4)
		fresh := New(&Shared{seed: 7}) // links and places in the cache follow from the seed
		x, y := request("POST", "/", "", "application/json", body), request("POST", "/", "", "application/json", body)
		got, want := used.Request(x, Defaults()), fresh.Request(y, Defaults())
		for i := range min(len(x.Leaves), len(y.Leaves)) { // links may be unknown, which depends on what else is remembered
			if x.Leaves[i].Same == 0 || y.Leaves[i].Same == 0 {
				x.Leaves[i].Same, y.Leaves[i].Same = 0, 0
			}
		}
		if got != want || !reflect.DeepEqual(x.Leaves, y.Leaves) {
			t.Fatalf("%s\ngot  %+v\n%s\nwant %+v\n%s", body, got, show(x), want, show(y))
		}
		used.Reset()
		type named struct {
			parent int32
			name   string
		}
		seen := map[named]bool{}
		for i := range x.Leaves {
			l := &x.Leaves[i]
			k := named{l.Parent, string(l.Name)}
			isMember := l.Parent >= 0 && x.Leaves[l.Parent].Kind == exchange.KindObject
			if dup := l.Flags&exchange.LeafDuplicate != 0; dup != (isMember && seen[k]) {
				t.Fatalf("%s\nduplicate %v at leaf %d (%q)", body, dup, i, l.Name)
			} else if dup {
				duplicates++
			}
			seen[k] = true
			back := int(l.Same)
			if back == 0 {
				continue
			}
			links++
			for j := i - back; j < i; j++ {
				if (x.Leaves[j].Loc == l.Loc) != (j == i-back) {
					t.Fatalf("%s\nleaf %d is not the last before %d at its location", body, i-back, i)
				}
			}
			if string(x.Leaves[i-back].Name) != string(l.Name) {
				t.Fatalf("%s\nleaves %d and %d share a location and no name", body, i-back, i)
			}
		}
	}
	if duplicates < 500 || links < 500 {
		t.Errorf("only %d duplicates and %d links", duplicates, links)
	}
}
