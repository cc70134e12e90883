package upstream

import (
	"context"
	"errors"
	"net"
	"net/http"
	"testing"
)

// TestGivenUpBefore: a request that was given up before it is sent costs no connection, and its place is free again.
func TestGivenUpBefore(t *testing.T) {
	for _, kind := range []string{"http", "h2c"} {
		t.Run(kind, func(t *testing.T) {
			target := serve(t, kind, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }))
			dialled := 0
			dialer := new(net.Dialer)
			g := newGroup(t, func(o *Options) {
				o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
					dialled++
					return dialer.DialContext(ctx, network, address)
				}
			}, target)
			for range 100 {
				h := new(Handle)
				h.Abort()
				if _, err := ask(t, g, &Request{Head: head(t, "GET / HTTP/1.1\nHost: a"), Handle: h}); !errors.Is(err, ErrAborted) {
					t.Fatal(err)
				}
			}
			if s := g.Servers()[0]; dialled != 0 || s.InUse != 0 || !s.Healthy {
				t.Errorf("%d connections, %d in use, healthy %v", dialled, s.InUse, s.Healthy)
			}
			if _, err := ask(t, g, &Request{Head: head(t, "GET / HTTP/1.1\nHost: a"), Handle: new(Handle)}); err != nil {
				t.Error(err)
			}
		})
	}
}
