package fieldkey

import (
	"fmt"
	"strings"
	"testing"

	"merlon/internal/model/exchange"
)

func TestOf(t *testing.T) {
	var k Keys
	for range 2 { // the second time from what is kept
		for _, c := range []struct {
			name string
			id   exchange.HeaderID
			want string
		}{
			{"content-TYPE", exchange.HeaderContentType, "Content-Type"},
			{"X-Own", exchange.HeaderOther, "x-own"},
			{strings.Repeat("X", 2*maxNameBytes), exchange.HeaderOther, strings.Repeat("x", 2*maxNameBytes)},
		} {
			if got := k.Of(&exchange.Field{Name: []byte(c.name), ID: c.id}); got != c.want {
				t.Errorf("%q: %q, want %q", c.name, got, c.want)
			}
		}
	}
	if n := len(*k.m.Load()); n != 2 {
		t.Errorf("%d names are kept: a long one, too", n)
	}
}

func TestBound(t *testing.T) {
	var k Keys
	for i := range 3 * maxNames {
		name := fmt.Sprintf("X-%d", i)
		if got := k.Of(&exchange.Field{Name: []byte(name)}); got != strings.ToLower(name) {
			t.Fatalf("%q: %q", name, got)
		}
	}
	if n := len(*k.m.Load()); n != maxNames {
		t.Errorf("%d names are kept", n)
	}
}
