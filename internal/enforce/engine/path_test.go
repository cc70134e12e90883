package engine

import "testing"

func TestCleanPath(t *testing.T) {
	for in, want := range map[string]string{
		"/":                     "/",
		"/a/b":                  "/a/b",
		"/a/b/":                 "/a/b/",
		"/a.b/c.d":              "/a.b/c.d",
		"/a/./b":                "/a/b",
		"/a/../b":               "/b",
		"/a/b/..":               "/a/",
		"/a/b/.":                "/a/b/",
		"/../../etc/passwd":     "/etc/passwd",
		"/..":                   "/",
		"/%2e%2e/etc":           "/etc",
		"/a%2fb":                "/a/b",
		"/caf%C3%A9":            "/café",
		"/a%zz":                 "/a%zz",
		"/a%2":                  "/a%2",
		"/%252e%252e/once-only": "/%2e%2e/once-only",
		"/.well-known/x":        "/.well-known/x",
		"/...":                  "/...",
		"*":                     "*",
	} {
		if got, _ := cleanPath([]byte(in), nil); string(got) != want {
			t.Errorf("%s: got %s, want %s", in, got, want)
		}
	}
}

func TestLowerHost(t *testing.T) {
	for in, want := range map[string]string{"api.example": "api.example", "API.Example": "api.example", "api.example.": "api.example", "": "", ".": "."} {
		if got, _ := lowerHost([]byte(in), nil); string(got) != want {
			t.Errorf("%q: got %q, want %q", in, got, want)
		}
	}
}

func FuzzCleanPath(f *testing.F) {
	f.Add([]byte("/a/../%2e%2e/b"))
	f.Fuzz(func(t *testing.T, p []byte) {
		if len(p) == 0 || p[0] != '/' {
			return
		}
		in := string(p)
		got, _ := cleanPath(p, nil)
		if len(got) == 0 || got[0] != '/' {
			t.Fatalf("%q became %q", in, got)
		}
		for i := 0; i+3 <= len(got); i++ {
			if string(got[i:i+3]) == "/.." && (i+3 == len(got) || got[i+3] == '/') {
				t.Fatalf("%q became %q with a dot segment", in, got)
			}
		}
	})
}

func BenchmarkCleanPath(b *testing.B) {
	p := []byte("/v1/tenants/13256/users/3e247c2b-7c4c-4c7d-8e55-754eb68d6f38")
	b.ReportAllocs()
	for b.Loop() {
		cleanPath(p, nil)
	}
}
