package walk

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"merlon/internal/model/dataclass"
	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

func observed(body string) (*exchange.Exchange, *event.Event) {
	x := &exchange.Exchange{Observed: exchange.SawAll, Method: []byte("GET"), Path: []byte("/a"), Status: 200}
	x.Response.Fields = []exchange.Field{{Name: []byte("Content-Type"), Value: []byte("application/json"), ID: exchange.HeaderContentType}}
	x.Response.Body, x.Response.BodySize = []byte(body), int64(len(body))
	w := New(new(Shared))
	w.Request(x, Defaults())
	w.Response(x, Defaults())
	e := new(event.Event)
	w.shared.Observe(e, x, dataclass.Key{1}, 0)
	return x, e
}

// TestLaterElementsAreNotObserved: three elements of an array become observations, all their object references are kept.
func TestLaterElementsAreNotObserved(t *testing.T) {
	var items []string
	for i := range 10 {
		items = append(items, fmt.Sprintf(`{"id":"73aca6e1-dc21-4944-a845-11a29bc274%02d","tags":["a","b","c","d"]}`, i))
	}
	_, e := observed(`{"items":[` + strings.Join(items, ",") + `],"total":10}`)
	ids, tags, issued := 0, 0, 0
	for i := range e.Observations {
		o := &e.Observations[i]
		switch name := e.Text(o.Name); {
		case name == "id":
			ids++
		case name == "tags":
			tags++
		case name == "items" && o.Len != 10:
			t.Errorf("the array has %d elements, its observation says %d", 10, o.Len)
		}
	}
	for _, o := range e.Objects {
		if o.Use == event.Issued {
			issued++
		}
	}
	if ids != 3 || tags != 3 || issued != 10 {
		t.Errorf("%d ids and %d tag lists observed, %d objects issued", ids, tags, issued)
	}
}

// TestObservationsAreATree: whatever is left out, parents stand before their members and equal places share their name.
func TestObservationsAreATree(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var value func(depth int) string
	value = func(depth int) string {
		switch n := r.IntN(6); {
		case depth > 4 || n < 2:
			return fmt.Sprint(r.IntN(1000))
		case n < 4:
			var parts []string
			for i := range r.IntN(6) {
				parts = append(parts, fmt.Sprintf(`"m%d":%s`, i, value(depth+1)))
			}
			return "{" + strings.Join(parts, ",") + "}"
		default:
			var parts []string
			for range r.IntN(8) {
				parts = append(parts, value(depth+1))
			}
			return "[" + strings.Join(parts, ",") + "]"
		}
	}
	for range 2000 {
		x, e := observed(value(0))
		if len(e.Observations) > len(x.Leaves) {
			t.Fatalf("%d observations of %d leaves", len(e.Observations), len(x.Leaves))
		}
		for i := range e.Observations {
			o := &e.Observations[i]
			if o.Parent >= int32(i) {
				t.Fatalf("observation %d has parent %d", i, o.Parent)
			}
			if o.Parent >= 0 {
				up := &e.Observations[o.Parent]
				want := exchange.ElementLoc(up.Loc)
				if up.Kind == exchange.KindObject {
					want = Member(up.Loc, e.Bytes(o.Name))
				}
				if up.Kind < exchange.KindObject || o.Loc != want {
					t.Fatalf("observation %d stands in %d, which is not its place", i, o.Parent)
				}
			}
			if o.Same > 0 {
				if same := &e.Observations[i-int(o.Same)]; same.Loc != o.Loc || e.Text(same.Name) != e.Text(o.Name) {
					t.Fatalf("observation %d is not at the same place as %d", i, i-int(o.Same))
				}
			}
		}
	}
}
