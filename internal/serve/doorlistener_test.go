package serve

import (
	"io"
	"net"
	"net/netip"
	"testing"
)

// TestDoorListener: strangers are closed unread, friends up to a number, and a place that is left is another's.
func TestDoorListener(t *testing.T) {
	for _, c := range []struct {
		name     string
		from     []netip.Prefix
		taken    int64 // places that are in use already
		stranger bool
		full     bool
	}{
		{"this machine", nil, 0, false, false},
		{"the last place", nil, doorConnections - 1, false, false},
		{"no place", nil, doorConnections, false, true},
		{"a stranger", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, 0, true, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			nl, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			var strangers, turned int
			l := &doorListener{Listener: nl, from: c.from, refuse: func(string) { strangers++ }, full: func() { turned++ }}
			l.open.Store(c.taken)
			client, err := net.Dial("tcp", nl.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			accepted := make(chan net.Conn, 1)
			go func() {
				defer close(accepted)
				if got, err := l.Accept(); err == nil {
					accepted <- got
				}
			}()
			if c.stranger || c.full {
				if n, err := client.Read(make([]byte, 1)); n > 0 || err == nil {
					t.Error("it is not closed")
				}
				_ = nl.Close()
				if got := <-accepted; got != nil || l.open.Load() != c.taken || (strangers > 0) != c.stranger || (turned > 0) != c.full {
					t.Errorf("accepted %v, %d open, %d strangers, %d turned away", got, l.open.Load(), strangers, turned)
				}
				return
			}
			defer nl.Close()
			got := <-accepted
			if got == nil || l.open.Load() != c.taken+1 {
				t.Fatalf("accepted %v, %d open", got, l.open.Load())
			}
			_, _ = got.Close(), got.Close()
			if _, err := client.Read(make([]byte, 1)); err != io.EOF || l.open.Load() != c.taken {
				t.Errorf("%v; %d open after the end", err, l.open.Load())
			}
		})
	}
}
