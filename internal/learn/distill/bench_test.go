package distill

import (
	"encoding/json"
	"fmt"
	"testing"

	"merlon/internal/learn/summary"
	"merlon/internal/model/identity"
)

// BenchmarkDistill is a site of 500 endpoints whose answers have 40 fields, known to the matcher.
func BenchmarkDistill(b *testing.B) {
	s := &scene{}
	for i := range 500 {
		t := fmt.Sprintf("/things%d/{id}", i)
		answer := map[string]any{}
		for f := range 40 {
			answer[fmt.Sprint("field", f)] = fmt.Sprint("value ", f)
		}
		text, _ := json.Marshal(answer)
		for k := range 5 {
			s.add(visit{
				path: fmt.Sprintf("/things%d/%d", i, k), template: t, endpoint: identity.EndpointID(i + 1), answer: string(text),
				who: fmt.Sprint(k), strength: identity.Verified, addr: fmt.Sprintf("10.0.%d.1", k), hour: k,
			})
		}
	}
	st := s.state()
	first := Distill(Input{State: st})
	b.Run("known", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			Distill(Input{State: st, Knowledge: first.Knowledge})
		}
	})
	b.Run("junk", func(b *testing.B) {
		j := summary.New("acme", testSeed)
		js := &scene{}
		for i := range 30000 {
			js.add(visit{path: fmt.Sprintf("/a/%c%cq%c.z%d", 'a'+i%26, 'a'+i/26%26, 'a'+i/676%26, i), size: int64(i), addr: "203.0.113.4"})
		}
		for _, e := range js.events {
			j.Apply(e)
		}
		b.ReportAllocs()
		b.ResetTimer()
		for range b.N {
			Distill(Input{State: j})
		}
	})
}
