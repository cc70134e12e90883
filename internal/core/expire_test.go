package core

import (
	"context"
	"log/slog"
	"strings"
	"testing"
	"time"
)

// TestTellExpired: one record when an exception ends, none before and none after.
func TestTellExpired(t *testing.T) {
	var log strings.Builder
	until := time.Date(2027, 2, 1, 0, 0, 0, 0, time.UTC)
	o := options(t, t.TempDir())
	o.Log = slog.New(slog.NewTextHandler(&log, nil))
	p, _, faults := ParsePolicy("p.yaml", []byte("version: 1\nexceptions:\n  - {finding: wire.nul, match: {endpoint: /a}, owner: ana, until: 2027-01-31}\n"), until.Add(-time.Hour))
	if len(faults) > 0 {
		t.Fatal(faults)
	}
	o.Bundle.Sites[0].Policy = p
	k, err := Open(context.Background(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer k.Close(context.Background())
	for at := until.Add(-3 * time.Second); at.Before(until.Add(3 * time.Second)); at = at.Add(time.Second) {
		k.tellExpired(at.Add(-time.Second), at)
		if n, want := strings.Count(log.String(), "an exception has expired"), map[bool]int{true: 1}[!at.Before(until)]; n != want || k.ExpiredExceptions(at) != want {
			t.Errorf("at %s: told %d times, %d have expired, want %d", at, n, k.ExpiredExceptions(at), want)
		}
	}
	if !strings.Contains(log.String(), "file=p.yaml line=3") {
		t.Error(log.String())
	}
	if _, notices, _ := ParsePolicy("p.yaml", []byte("version: 1\nexceptions: [{finding: wire.nul, match: {endpoint: /a}, owner: ana, until: 2026-01-31}]\n"), until); len(notices) != 1 {
		t.Errorf("notices at the start: %v", notices)
	}
}
