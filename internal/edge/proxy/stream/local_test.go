package stream

import (
	"context"
	"net"
	"net/http"
	"os"
	"syscall"
	"testing"

	"merlon/internal/edge/proxy/upstream"
	"merlon/internal/model/event"
)

// TestShortage: what this machine lacks is told as a refusal of ours, and what the upstream lacks as its failure.
func TestShortage(t *testing.T) {
	for _, c := range []struct {
		name    string
		errno   syscall.Errno
		status  int
		outcome event.Outcome
	}{
		{"descriptors", syscall.EMFILE, http.StatusServiceUnavailable, event.OutcomeRefused},
		{"ports", syscall.EADDRNOTAVAIL, http.StatusServiceUnavailable, event.OutcomeRefused},
		{"an upstream that refuses", syscall.ECONNREFUSED, http.StatusBadGateway, event.OutcomeUpstream},
	} {
		t.Run(c.name, func(t *testing.T) {
			target, err := upstream.ParseTarget("http://192.0.2.1:80")
			if err != nil {
				t.Fatal(err)
			}
			r := newRig(t, nil, func(o *setup) {
				o.target = &target
				o.dial = func(_ context.Context, network, _ string) (net.Conn, error) {
					return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", c.errno)}
				}
			})
			res, _ := r.do(r.request("GET", "/", nil))
			e := r.wait(1)[0]
			if res.StatusCode != c.status || int(e.Status) != c.status || e.Outcome != c.outcome {
				t.Errorf("%d, event %d %v", res.StatusCode, e.Status, e.Outcome)
			}
			if retry := res.Header.Get("Retry-After") != ""; retry != (c.status == http.StatusServiceUnavailable) {
				t.Errorf("Retry-After %q", res.Header.Get("Retry-After"))
			}
		})
	}
}
