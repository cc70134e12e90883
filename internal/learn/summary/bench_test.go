package summary

import (
	"fmt"
	"testing"

	"merlon/internal/model/identity"
)

// wide is an event with about 45 observations, as a JSON API answers.
func wide(i int, template string) request {
	r := request{
		n: uint64(i), method: "GET", host: "api.example", status: 200, path: fmt.Sprintf("/v1/patients/%d/visits", i),
		at: (500000 + int64(i%50)) * hour, addr: fmt.Sprintf("10.%d.%d.9", i%200, i%7),
		principal: testKey.Token([]byte{byte(i)}), strength: identity.Verified, cred: identity.Credentials(0).With(identity.Bearer),
		query: map[string]string{"page": fmt.Sprint(i), "q": "x"}, bytes: int64(i),
	}
	if template != "" {
		r.template, r.endpoint = template, 5
	}
	for f := range 38 {
		r.response = append(r.response, [2]string{fmt.Sprintf("field%d", f), fmt.Sprintf("%d-%d", f, i%1000)})
	}
	return r
}

func BenchmarkApply(b *testing.B) {
	for _, c := range []struct{ name, template string }{{"known", "/v1/patients/{patientId}/visits"}, {"found", ""}} {
		b.Run(c.name, func(b *testing.B) {
			s := New("acme", testSeed)
			evs := stream(1, 0)
			for i := range 4096 {
				evs = append(evs, wide(i, c.template).event())
			}
			for range 3 {
				for _, e := range evs {
					s.Apply(e)
				}
			}
			b.ReportAllocs()
			b.ResetTimer()
			for i := range b.N {
				s.Apply(evs[i&4095])
			}
		})
	}
	b.Run("access log", func(b *testing.B) {
		s := New("acme", testSeed)
		evs := stream(1, 0)
		for i := range 4096 {
			r := wide(i, "/v1/patients/{patientId}/visits")
			r.response, r.query = nil, nil
			evs = append(evs, r.event())
		}
		for _, e := range evs {
			s.Apply(e)
		}
		b.ReportAllocs()
		b.ResetTimer()
		for i := range b.N {
			s.Apply(evs[i&4095])
		}
	})
	b.Run("junk paths", func(b *testing.B) {
		s := New("acme", testSeed)
		evs := stream(1, 0)
		for i := range 32768 {
			evs = append(evs, request{n: uint64(i), method: "GET", host: "h", path: fmt.Sprintf("/wp-%c%c%c%c", 'a'+i%26, 'a'+i/26%26, 'a'+i/676%26, 'a'+i/17576), status: 404, addr: "10.0.0.1"}.event())
		}
		b.ReportAllocs()
		b.ResetTimer()
		for i := range b.N {
			s.Apply(evs[i&32767])
		}
	})
}
