package dataclass

import "testing"

func BenchmarkRecognise(b *testing.B) {
	for _, v := range []struct{ name, value string }{
		{"int5", "12345"},
		{"int10", "1700000000"},
		{"card16", "4111111111111111"},
		{"word8", "username"},
		{"camel20", "getUserByIdAndStatus"},
		{"token20", "dQw4w9WgXcQ8kPzL2mNx"},
		{"uuid", "123e4567-e89b-42d3-a456-426614174000"},
		{"datetime20", "2024-05-06T07:08:09Z"},
		{"email20", "alice.b@example.com1"},
		{"email", "alice@example.com"},
		{"slug22", "user-profile-settings1"},
		{"text60", "The quick brown fox jumps over the lazy dog and runs away.."},
		{"uri60", "https://api.example.com/v1/users/12345/orders?page=2&size=10"},
		{"hex64", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
		{"number", "3.14159"},
		{"host", "api.example.com"},
		{"ipv4", "192.168.10.20"},
		{"jwt120", "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIiwibmFtZSI6IkpvaG4gRG9lIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U"},
	} {
		b.Run(v.name, func(b *testing.B) {
			b.ReportAllocs()
			value := []byte(v.value)
			for b.Loop() {
				sink, _ = Recognise(value)
			}
		})
	}
}

var sink Set

func BenchmarkSegment(b *testing.B) {
	for _, v := range []string{"users", "12345", "user-profile", "getUserById", "v1", "123e4567-e89b-42d3-a456-426614174000", "dQw4w9WgXcQ", "report.pdf", "cus_9s6XKzkNRiz8i3"} {
		b.Run(v, func(b *testing.B) {
			b.ReportAllocs()
			value := []byte(v)
			for b.Loop() {
				_ = Segment(value)
			}
		})
	}
}

func BenchmarkIsSecretName(b *testing.B) {
	b.ReportAllocs()
	name := []byte("X-Correlation-Identifier")
	for b.Loop() {
		_ = IsSecretName(name)
	}
}

func BenchmarkMask(b *testing.B) {
	b.ReportAllocs()
	v := []byte("' UNION SELECT username, password FROM users WHERE id=1 --")
	buf := make([]byte, 0, 256)
	for b.Loop() {
		buf = AppendMasked(buf[:0], v, 0)
	}
}

func BenchmarkToken(b *testing.B) {
	b.ReportAllocs()
	k := Key{1, 2, 3}
	v := []byte("123e4567-e89b-42d3-a456-426614174000")
	for b.Loop() {
		_ = k.Token(v)
	}
}

func BenchmarkSurvey(b *testing.B) {
	v := []byte("The quick brown fox jumps over the lazy dog and runs away..!")
	for _, n := range []int{8, 20, 60} {
		b.Run(string(rune('0'+n/10)), func(b *testing.B) {
			w := v[:n]
			for b.Loop() {
				s := survey(w)
				sink = Set(s.lanes)
			}
		})
	}
}
