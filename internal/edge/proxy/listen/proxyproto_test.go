package listen

import (
	"strings"
	"testing"
)

func TestProxyHeader(t *testing.T) {
	v2 := func(cmd, fam byte, block ...byte) string {
		return string(proxyV2) + string([]byte{cmd, fam, 0, byte(len(block))}) + string(block)
	}
	tests := []struct {
		name, in string
		n        int
		want     string
		err      error
	}{
		{"none", "GET / HTTP/1.1\r\n", 0, "invalid AddrPort", nil},
		{"v1 IPv4", "PROXY TCP4 192.0.2.1 198.51.100.1 4711 80\r\nGET", 43, "192.0.2.1:4711", nil},
		{"v1 IPv6", "PROXY TCP6 2001:db8::1 2001:db8::2 4711 80\r\n", 44, "[2001:db8::1]:4711", nil},
		{"v1 unknown", "PROXY UNKNOWN\r\n", 15, "invalid AddrPort", nil},
		{"v1 family differs", "PROXY TCP4 2001:db8::1 2001:db8::2 4711 80\r\n", 0, "", errProxyDamaged},
		{"v1 zone", "PROXY TCP6 fe80::1%eth0 2001:db8::2 4711 80\r\n", 0, "", errProxyDamaged},
		{"v1 port", "PROXY TCP4 192.0.2.1 198.51.100.1 99999 80\r\n", 0, "", errProxyDamaged},
		{"v1 too long", "PROXY " + strings.Repeat("x", 200), 0, "", errProxyDamaged},
		{"v1 half", "PROXY TCP4 192.0", 0, "", errProxyMore},
		{"a prefix of both", "\r\n\r\n", 0, "", errProxyMore},
		{"v2 IPv4", v2(0x21, 0x11, 192, 0, 2, 1, 198, 51, 100, 1, 0x12, 0x67, 0, 80), 28, "192.0.2.1:4711", nil},
		{"v2 local", v2(0x20, 0), 16, "invalid AddrPort", nil},
		{"v2 short block", v2(0x21, 0x11, 1, 2), 0, "", errProxyDamaged},
		{"v2 version", v2(0x31, 0x11, 1, 2), 0, "", errProxyDamaged},
		{"v2 half", v2(0x21, 0x11, 192, 0, 2, 1, 198, 51, 100, 1, 0x12, 0x67, 0, 80)[:20], 0, "", errProxyMore},
	}
	for _, tc := range tests {
		t.Run(tc.name, func(t *testing.T) {
			n, from, err := parseProxyHeader([]byte(tc.in))
			if err != tc.err || err == nil && (n != tc.n || from.String() != tc.want) {
				t.Errorf("%d, %v, %v", n, from, err)
			}
		})
	}
}

func FuzzProxyHeader(f *testing.F) {
	f.Add([]byte("PROXY TCP4 192.0.2.1 198.51.100.1 4711 80\r\n"))
	f.Add([]byte(string(proxyV2) + "\x21\x11\x00\x0c123456789012"))
	f.Fuzz(func(t *testing.T, b []byte) {
		n, from, err := parseProxyHeader(b)
		if err != nil {
			return
		}
		if n > len(b) {
			t.Fatalf("took %d of %d bytes", n, len(b))
		}
		if n == 0 {
			return
		}
		// What follows the header does not change it, and nothing shorter is taken for it.
		if m, again, err := parseProxyHeader(append(b[:n:n], "GET / HTTP/1.1"...)); m != n || again != from || err != nil {
			t.Fatalf("with other bytes behind it: %d, %v, %v", m, again, err)
		}
		if m, _, err := parseProxyHeader(b[:n-1]); err == nil && m != 0 {
			t.Fatalf("took %d bytes of a header that is not whole", m)
		}
	})
}
