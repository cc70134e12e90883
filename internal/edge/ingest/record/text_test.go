package record

import "testing"

func TestAddressPort(t *testing.T) {
	for _, c := range []struct {
		in, want string
		port     uint16
	}{
		{"192.0.2.1", "192.0.2.1", 0},
		{"192.0.2.1:80", "192.0.2.1", 80},
		{"2001:db8::1", "2001:db8::1", 0},
		{"[2001:db8::1]:443", "2001:db8::1", 443},
		{"[2001:db8::1]", "2001:db8::1", 0},
		{"::ffff:192.0.2.1", "::ffff:192.0.2.1", 0},
		{"192.0.2.1:", "", 0},
		{"192.0.2.1:99999", "", 0},
		{"192.0.2.1:-1", "", 0},
		{"192.0.2.1:80:80", "", 0},
		{"host:80", "", 0},
		{":80", "", 0},
		{"[]:80", "", 0},
		{"", "", 0},
	} {
		a, port, ok := AddressPort([]byte(c.in))
		if ok != (c.want != "") || ok && (a.String() != c.want || port != c.port) {
			t.Errorf("%q: %v %d %v", c.in, a, port, ok)
		}
	}
	b := []byte("192.0.2.1:80")
	if n := testing.AllocsPerRun(100, func() { AddressPort(b) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestNumbers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in   string
		unit int64
		want int64
	}{
		{"0.010", 1e9, 10e6},
		{"0.010, 0.020 : 0.003", 1e9, 33e6},
		{"0.010, -", 1e9, 10e6},
		{"-", 1e9, 0},
		{"-1", 1e9, 0},
		{"1500", 1e3, 1500e3},
		{"1.0000000019", 1e9, 1000000001},
		{"99999999999999999999", 1e9, 0},
		{"999999999", 1e9, maxSpan},
		{"9999999999", 1e9, 0},
		{"1e3", 1e9, 0},
		{"", 1e9, 0},
	} {
		if got := spans([]byte(c.in), c.unit); got != c.want {
			t.Errorf("%q: %d, want %d", c.in, got, c.want)
		}
	}
}
