package upstream

import (
	"bytes"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestOurOwnTrouble: what this machine lacks speaks against no server, be it requests that find out or checks; the caller
// gets a 503, and the log one line a minute.
func TestOurOwnTrouble(t *testing.T) {
	for _, c := range []struct {
		name  string
		errno syscall.Errno
		ours  bool
	}{
		{"descriptors of the process", syscall.EMFILE, true},
		{"descriptors of the system", syscall.ENFILE, true},
		{"local ports", syscall.EADDRNOTAVAIL, true},
		{"a server that refuses", syscall.ECONNREFUSED, false},
		{"no way there", syscall.EHOSTUNREACH, false},
	} {
		for _, kind := range []string{"http", "h2c"} {
			t.Run(c.name+" "+kind, func(t *testing.T) {
				target := serve(t, kind, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("ok")) }))
				var lacking atomic.Bool
				lacking.Store(true)
				var log bytes.Buffer
				clock := time.Now()
				dialer := new(net.Dialer)
				g := newGroup(t, func(o *Options) {
					o.Log = slog.New(slog.NewTextHandler(&log, nil))
					o.Now = func() time.Time { return clock }
					o.Health.Path = "/"
					o.Timeouts = Timeouts{Connect: time.Hour, Response: time.Hour, Body: time.Hour}
					o.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
						if lacking.Load() {
							return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("socket", c.errno)}
						}
						return dialer.DialContext(ctx, network, address)
					}
				}, target)
				want := 502
				if c.ours {
					want = 503
				}
				for range 5 {
					if _, err := ask(t, g, &Request{Head: head(t, "GET / HTTP/1.1\nHost: a")}); Status(err) != want || errors.Is(err, ErrLocal) != c.ours {
						t.Fatalf("%v: status %d", err, Status(err))
					}
					g.check(t.Context())
				}
				if healthy := g.Servers()[0].Healthy; healthy != c.ours {
					t.Errorf("healthy: %v", healthy)
				}
				if n := g.Servers()[0].InUse; n != 0 {
					t.Errorf("%d requests are still counted", n)
				}
				if !c.ours {
					if g.Shortages() != 0 {
						t.Error("the server's failure is taken for ours")
					}
					return
				}
				if n := strings.Count(log.String(), "ip_local_port_range"); n != 1 || strings.Contains(log.String(), "does not answer") {
					t.Errorf("%d lines:\n%s", n, &log)
				}
				clock = clock.Add(time.Minute)
				_, _ = ask(t, g, &Request{Head: head(t, "GET / HTTP/1.1\nHost: a")})
				if n := strings.Count(log.String(), "ip_local_port_range"); n != 2 || !strings.Contains(log.String(), "since_last=10") || g.Shortages() != 11 {
					t.Errorf("%d lines, %d shortages:\n%s", n, g.Shortages(), &log)
				}
				lacking.Store(false)
				if _, err := ask(t, g, &Request{Head: head(t, "GET / HTTP/1.1\nHost: a")}); err != nil {
					t.Error(err)
				}
			})
		}
	}
}
