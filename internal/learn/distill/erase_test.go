package distill

import (
	"fmt"
	"strings"
	"testing"

	"merlon/internal/model/bundle"
	"merlon/internal/model/inventory"
)

func TestEraseForgetsValuesAndKeepsWords(t *testing.T) {
	s := &scene{}
	for i := range 3 {
		n := fmt.Sprintf("ana%cb", 'a'+i)
		s.quorum(visit{path: "/users/" + n, answer: fmt.Sprintf(`{"login":%q}`, n)})
	}
	s.quorum(visit{path: "/users/search", answer: `{"found":[]}`})
	st := s.state()
	o := Distill(Input{State: st})
	if n := Erase(st, o.Knowledge); n != 3 {
		t.Fatalf("%d leaves touched, want 3: %v", n, templatesOf(o))
	}
	if b := string(st.AppendBinary(nil)); strings.Contains(b, "anaab") || !strings.Contains(b, "search") {
		t.Fatal("a value is still there, or a word is gone")
	}
	v := Apply(inventory.Inventory{}, o, o.Site.Endpoints[0].LastSeen)
	again := Distill(Input{State: st, Previous: &v, Knowledge: o.Knowledge})
	if d := Diff(o.Knowledge, again.Knowledge); len(d.Set)+len(d.Removed) != 0 {
		t.Fatalf("erasing changed the templates: %+v", d)
	}
	if n := Erase(st, bundle.Knowledge{}); n != 0 {
		t.Fatal("without knowledge nothing is a value")
	}
}
