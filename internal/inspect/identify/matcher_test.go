package identify

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"merlon/internal/model/bundle"
	"merlon/internal/model/description"
	"merlon/internal/model/identity"
)

func must(t testing.TB, patterns []Pattern, known []bundle.KnownEndpoint) *Matcher {
	t.Helper()
	m, err := NewMatcher(patterns, known)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestMatch(t *testing.T) {
	op := &description.Operation{ID: "showUser"}
	m := must(t, []Pattern{
		{Method: "GET", Template: "/users/{id}", Operation: op},
		{Method: "GET", Template: "/files/{name}.json"},
		{Method: "GET", Template: "/files/report-{day}.json"},
		{Method: "GET", Template: "/files/{name}"},
		{Method: "GET", Template: "/"},
		{Host: "b.example", Method: "GET", Template: "/users/me"},
		{Method: "GET", Template: "/edited/{x}", Source: Edited},
	}, []bundle.KnownEndpoint{
		{ID: 1, Method: "GET", Template: "/users/{userId}"},
		{ID: 2, Method: "DELETE", Template: "/users/{id}"},
		{ID: 3, Method: "GET", Template: "/users/me"},
		{ID: 4, Method: "GET", Template: "/edited/list"},
		{ID: 5, Method: "POST", Template: "/a/{x}/c"},
		{ID: 6, Method: "POST", Template: "/a/b/{y}"},
		{ID: 7, Host: "a.example", Method: "GET", Template: "/users/{u}"},
		{ID: 8, Method: "OPTIONS", Template: "/users/{id}"},
		{ID: 9, Method: "POST", Template: "/a/{x}/{y}"},
	})
	for _, c := range []struct{ name, host, method, path, want string }{
		{"a description's template with what is known", "", "GET", "/users/17", "/users/{id} uploaded 1"},
		{"the same for a host of its own", "a.example", "GET", "/users/17", "/users/{id} uploaded 7"},
		{"uploaded beats a more specific learned one", "", "GET", "/users/me", "/users/{id} uploaded 1"},
		{"a host's own template competes with those of any host", "b.example", "GET", "/users/me", "/users/me uploaded 0"},
		{"and leaves the others to them", "b.example", "GET", "/users/17", "/users/{id} uploaded 1"},
		{"edited beats learned", "", "GET", "/edited/list", "/edited/{x} edited 0"},
		{"another method is learned", "", "DELETE", "/users/17", "/users/{id} learned 2"},
		{"a literal before a parameter", "", "POST", "/a/b/c", "/a/b/{y} learned 6"},
		{"back to the parameter when the literal leads nowhere", "", "POST", "/a/z/c", "/a/{x}/c learned 5"},
		{"text around a parameter", "", "GET", "/files/x.json", "/files/{name}.json uploaded 0"},
		{"most text first", "", "GET", "/files/report-monday.json", "/files/report-{day}.json uploaded 0"},
		{"a parameter is not empty", "", "GET", "/files/.json", "/files/{name} uploaded 0"},
		{"root", "", "GET", "/", "/ uploaded 0"},
		{"HEAD as GET", "", "HEAD", "/users/17", "/users/{id} uploaded 1"},
		{"OPTIONS for itself", "", "OPTIONS", "/users/17", "/users/{id} learned 8"},
		{"no OPTIONS", "", "OPTIONS", "/files/x", ""},
		{"case matters", "", "GET", "/Users/17", ""},
		{"trailing slash", "", "GET", "/users/17/", "/users/{id} uploaded 1"},
		{"doubled slashes", "", "GET", "//users///17", "/users/{id} uploaded 1"},
		{"longer", "", "GET", "/users/17/x", ""},
		{"shorter", "", "GET", "/users", ""},
		{"method", "", "PATCH", "/users/17", ""},
		{"empty", "", "GET", "", "/ uploaded 0"},
		{"asterisk", "", "OPTIONS", "*", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			if r := m.Match([]byte(c.host), []byte(c.method), []byte(c.path)); r != nil {
				got = fmt.Sprintf("%s %s %d", r.Template, r.Source, r.Endpoint)
			}
			if got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
	if r := m.Match(nil, []byte("GET"), []byte("/users/17")); r.Operation != op || r.Params != 2 || r.Known.ID != 1 {
		t.Errorf("route lacks what is known of it: %+v", r)
	}
}

func TestBadTemplates(t *testing.T) {
	for _, bad := range []string{"", "users", "/users/{id", "/users/id}", "/}{", "/" + strings.Repeat("a/", 65)} {
		if _, err := NewMatcher([]Pattern{{Method: "GET", Template: bad}}, nil); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

// TestApply checks that a matcher reached by deltas answers as one compiled at once, and that the old one stays.
func TestApply(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	words := []string{"users", "orders", "{id}", "{x}", "me", "v1", "a-{b}", "{f}.json"}
	hosts := []string{"", "a", "b"}
	template := func() string {
		var b strings.Builder
		for range 1 + r.IntN(3) {
			b.WriteString("/" + words[r.IntN(len(words))])
		}
		return b.String()
	}
	methods := []string{"GET", "POST"}
	for round := range 200 {
		var patterns []Pattern
		for range r.IntN(6) {
			patterns = append(patterns, Pattern{Host: hosts[r.IntN(3)], Method: methods[r.IntN(2)], Template: template(), Source: Source(r.IntN(2))})
		}
		taken := map[string]identity.EndpointID{}
		state := map[identity.EndpointID]bundle.KnownEndpoint{}
		m := must(t, patterns, nil)
		for range 20 {
			var d bundle.Delta
			for range r.IntN(3) {
				id := identity.EndpointID(1 + r.IntN(12))
				if k, ok := state[id]; ok {
					d.Removed = append(d.Removed, id)
					delete(state, id)
					delete(taken, form(k))
				}
			}
			for range r.IntN(4) {
				k := bundle.KnownEndpoint{ID: identity.EndpointID(1 + r.IntN(12)), Host: hosts[r.IntN(3)], Method: methods[r.IntN(2)], Template: template()}
				if _, ok := taken[form(k)]; ok {
					continue // the distiller gives one id to one endpoint
				}
				if old, ok := state[k.ID]; ok {
					delete(taken, form(old))
				}
				state[k.ID], taken[form(k)] = k, k.ID
				d.Set = append(d.Set, k)
			}
			m = m.Apply(d)
		}
		var all []bundle.KnownEndpoint
		for id := identity.EndpointID(0); id < 20; id++ {
			if k, ok := state[id]; ok {
				all = append(all, k)
			}
		}
		fresh := must(t, patterns, all)
		if m.Len() != len(all) {
			t.Fatalf("round %d: %d endpoints, want %d", round, m.Len(), len(all))
		}
		for range 200 {
			path := strings.NewReplacer("{id}", "17", "{x}", "me", "{b}", "q", "{f}", "z").Replace(template())
			host, method := []byte(hosts[r.IntN(3)]), []byte(methods[r.IntN(2)])
			if a, b := describe(m.Match(host, method, []byte(path))), describe(fresh.Match(host, method, []byte(path))); a != b {
				t.Fatalf("round %d: %s %s%s: by deltas %q, at once %q\npatterns %+v\nknown %+v", round, method, host, path, a, b, patterns, all)
			}
		}
	}
}

func form(k bundle.KnownEndpoint) string {
	parts, _, _ := parse(k.Template)
	return fmt.Sprint(k.Host, k.Method, parts)
}

func describe(r *Route) string {
	if r == nil {
		return ""
	}
	return fmt.Sprint(r.Host, r.Template, r.Source, r.Endpoint, r.Params)
}

func tenThousand() []bundle.KnownEndpoint {
	out := make([]bundle.KnownEndpoint, 10000)
	for i := range out {
		out[i] = bundle.KnownEndpoint{ID: identity.EndpointID(i + 1), Host: "api.acme.example", Method: []string{"GET", "POST"}[i%2], Template: fmt.Sprintf("/v%d/resource%d/{id}/part%d", i%3, i/4, i%4/2)}
	}
	return out
}

func BenchmarkMatch(b *testing.B) {
	m := must(b, nil, tenThousand())
	for _, path := range []string{"/v1/resource1234/7b7e2c1e-6f0e-4c53-9a55-0d1b1c6f7a01/part1", "/v1/resource1234/7b7e2c1e-6f0e-4c53-9a55-0d1b1c6f7a01/nothing"} {
		for v := range 3 {
			p := []byte(strings.Replace(path, "v1", fmt.Sprintf("v%d", v), 1))
			if m.Match([]byte("api.acme.example"), []byte("POST"), p) != nil {
				path = string(p)
			}
		}
		b.Run(path[len(path)-7:], func(b *testing.B) {
			host, method, p := []byte("api.acme.example"), []byte("POST"), []byte(path)
			b.ReportAllocs()
			for b.Loop() {
				m.Match(host, method, p)
			}
		})
	}
}

func BenchmarkApply(b *testing.B) {
	m := must(b, nil, tenThousand())
	d := bundle.Delta{Set: []bundle.KnownEndpoint{{ID: 10001, Host: "api.acme.example", Method: "GET", Template: "/v1/new/{id}/thing"}}}
	b.ReportAllocs()
	for b.Loop() {
		m.Apply(d)
	}
}

func BenchmarkCompile(b *testing.B) {
	known := tenThousand()
	b.ReportAllocs()
	for b.Loop() {
		must(b, nil, known)
	}
}

// naive is the matcher's meaning in the fewest words: try every template, order the hits.
func naive(known []bundle.KnownEndpoint, method, path string) identity.EndpointID {
	var segs []string
	for s := range strings.SplitSeq(path, "/") {
		if s != "" {
			segs = append(segs, s)
		}
	}
	best, bestKey, found := identity.EndpointID(0), "", false
	for _, wanted := range []string{method, "GET"} {
		if wanted != method && method != "HEAD" {
			break
		}
		for _, k := range known {
			parts, _, err := parse(k.Template)
			if err != nil || k.Method != wanted || len(parts) != len(segs) || len(segs) > maxSegments {
				continue
			}
			key, ok := "", true
			for i, p := range parts {
				switch {
				case !p.param:
					ok = ok && p.literal == segs[i]
					key += "0|"
				case p.mixed():
					ok = ok && len(segs[i]) > len(p.prefix)+len(p.suffix) && strings.HasPrefix(segs[i], p.prefix) && strings.HasSuffix(segs[i], p.suffix)
					key += fmt.Sprintf("1%06d%q%q|", 999999-len(p.prefix)-len(p.suffix), p.prefix, p.suffix)
				default:
					key += "2|"
				}
			}
			if wanted != method {
				key += "~" // GET for HEAD: only where the same template has no HEAD
			} else {
				key += "!"
			}
			// The first of one form stands aside for the later one, as knowledge set again does.
			if ok && (!found || key <= bestKey) {
				best, bestKey, found = k.ID, key, true
			}
		}
	}
	return best
}

func FuzzMatcher(f *testing.F) {
	f.Add([]byte("GET /a/{x}\nGET /a/b\nHEAD /{y}/b"), "HEAD", "/a/b")
	f.Add([]byte("GET /{a}.json\nGET /x{a}n\nGET /{x}"), "GET", "/x.json")
	f.Add([]byte("GET //\nGET /"), "GET", "///")
	f.Fuzz(func(t *testing.T, set []byte, method, path string) {
		var known []bundle.KnownEndpoint
		for i, line := range bytes.Split(set, []byte("\n")) {
			if i == 64 {
				break
			}
			verb, template, _ := strings.Cut(string(line), " ")
			if _, _, err := parse(template); err == nil && !strings.ContainsAny(template, "|\"\\!~") {
				known = append(known, bundle.KnownEndpoint{ID: identity.EndpointID(i + 1), Method: verb, Template: template})
			}
		}
		m := must(t, nil, known)
		var got identity.EndpointID
		if r := m.Match([]byte("h"), []byte(method), []byte(path)); r != nil {
			got = r.Endpoint
		}
		if want := naive(known, method, path); got != want {
			t.Fatalf("%s %q among %q: got %d, want %d", method, path, set, got, want)
		}
	})
}

// TestConcurrent matches with old and new matchers while deltas make the next: under the race detector it proves that
// Apply leaves what others read alone.
func TestConcurrent(t *testing.T) {
	m := must(t, nil, tenThousand()[:200])
	path, host, method := []byte("/v0/resource0/17/part0"), []byte("api.acme.example"), []byte("GET")
	memory := NewMemory(64)
	done := make(chan struct{})
	for range 4 {
		go func(m *Matcher) {
			defer func() { done <- struct{}{} }()
			for i := range uint64(2000) {
				if r := m.Match(host, method, path); r == nil || r.Endpoint != 1 {
					t.Errorf("matched %+v", r)
					return
				}
				memory.Add(i%100 + 1)
				memory.Has(i%100 + 2)
				k := claimKey{i << 50, ^i}
				memory.claims.put(k, i+1, i+2)
				if token, v, ok := memory.claims.find(k); ok && (token != i+1 || v != i+2) {
					t.Errorf("claim %d became %d", i+1, v)
				}
			}
		}(m)
		for i := range 50 {
			m = m.Apply(bundle.Delta{Set: []bundle.KnownEndpoint{{ID: identity.EndpointID(5000 + i), Host: "api.acme.example", Method: "GET", Template: fmt.Sprintf("/v0/resource0/{id}/new%d", i)}}, Removed: []identity.EndpointID{identity.EndpointID(4999 + i)}})
		}
	}
	for range 4 {
		<-done
	}
}
