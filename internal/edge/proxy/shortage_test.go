package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"merlon/internal/edge/proxy/listen"
	"merlon/internal/model/event"
)

// TestOutOfDescriptorsUpstream: without a descriptor for the upstream a request is refused, and told apart from an upstream
// that fails; connections that idle make room.
func TestOutOfDescriptorsUpstream(t *testing.T) {
	a := listen.NewAdmission(listen.AdmissionOptions{Connections: 100, Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	var errno atomic.Pointer[syscall.Errno]
	dialer := new(net.Dialer)
	r := newRig(t, echo, func(o *rigOptions) {
		o.Admission = a
		o.Up.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			if e := errno.Load(); e != nil {
				return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("socket", *e)}
			}
			return dialer.DialContext(ctx, network, address)
		}
	})
	idle, err := net.Dial("tcp", r.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer idle.Close()
	_, _ = idle.Write([]byte("PROXY TCP4 192.0.2.1 127.0.0.1 1234 80\r\n")) // it counts from its header on
	for a.Stats().Networks < 1 {
		runtime.Gosched()
	}
	for _, c := range []struct {
		errno   syscall.Errno
		status  string
		outcome event.Outcome
	}{
		{syscall.EMFILE, "HTTP/1.1 503", event.OutcomeRefused},
		{syscall.EADDRNOTAVAIL, "HTTP/1.1 503", event.OutcomeRefused},
		{syscall.ECONNREFUSED, "HTTP/1.1 502", event.OutcomeUpstream},
	} {
		errno.Store(&c.errno)
		got := r.raw("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1)
		ours := c.outcome == event.OutcomeRefused
		if !strings.HasPrefix(got, c.status) || strings.Contains(got, "Retry-After: 1\r\n") != ours || strings.Contains(got, "Connection: close") != ours {
			t.Errorf("%v: %q", c.errno, got)
		}
	}
	for i, e := range r.wait(3) {
		if want := []event.Outcome{event.OutcomeRefused, event.OutcomeRefused, event.OutcomeUpstream}[i]; e.Outcome != want {
			t.Errorf("event %d: outcome %v, status %d", i, e.Outcome, e.Status)
		}
	}
	_ = idle.SetReadDeadline(time.Now().Add(20 * time.Second))
	if _, err := idle.Read(make([]byte, 1)); err == nil || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("an idle connection stays open: %v", err)
	}
	errno.Store(nil)
	if got := r.raw("GET / HTTP/1.1\r\nHost: a\r\n\r\n", 1); !strings.HasPrefix(got, "HTTP/1.1 200") {
		t.Errorf("later: %q", got)
	}
}

// TestAcceptThatFailsIsSaidOnce: a process without descriptors tries again and again, and says so once a minute.
func TestAcceptThatFailsIsSaidOnce(t *testing.T) {
	var log strings.Builder
	now := time.Now()
	s := New(Options{Log: slog.New(slog.NewTextHandler(&log, nil)), Now: func() time.Time { return now }})
	cause := &net.OpError{Op: "accept", Net: "tcp", Err: os.NewSyscallError("accept4", syscall.EMFILE)}
	for range 100 {
		s.tellAccept(cause)
	}
	if n := strings.Count(log.String(), "cannot accept"); n != 1 {
		t.Errorf("said %d times", n)
	}
	now = now.Add(time.Minute)
	s.tellAccept(cause)
	if !strings.Contains(log.String(), "times_since_last=100") {
		t.Error(log.String())
	}
}
