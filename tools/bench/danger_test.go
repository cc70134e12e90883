package main

import (
	"bytes"
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// merlonForTest builds the product from the tree that this test stands in.
func merlonForTest(t *testing.T) string {
	t.Helper()
	if testing.Short() {
		t.Skip("PASSED BY: -short")
	}
	program := filepath.Join(t.TempDir(), "merlon")
	cmd := exec.Command("go", "build", "-o", program, "./cmd/merlon")
	cmd.Dir = "../.."
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return program
}

// TestSoak lets a minute's worth of trouble happen in half a minute. How much is done in that time is of no interest.
func TestSoak(t *testing.T) {
	program := merlonForTest(t)
	p := planSoak(30*time.Second, 10*time.Millisecond)
	p.reloads, p.certs, p.dying, p.dead, p.handOver, p.look = 2*time.Second, 3*time.Second, 4*time.Second, time.Second, 10*time.Second, 2*time.Second
	p.callers, p.patience = 2, 2*time.Minute
	got, err := soak(t.Context(), program, p, testWriter{t})
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	got.print(&out)
	t.Log(out.String())
	for _, v := range got.verdicts() {
		if !v.Met && v.Bar != "soak: memory" { // half a minute says nothing about memory
			t.Errorf("%s: %s", v.Bar, v.Says)
		}
	}
	if got.Reloads == 0 || got.Deaths == 0 || got.HandOvers == 0 || got.Aborted == 0 {
		t.Errorf("nothing was proved: %+v", got)
	}
}

// TestAttacks attacks in every way for a moment. Honest clients may be slow here, and have to be answered.
func TestAttacks(t *testing.T) {
	program := merlonForTest(t)
	got, err := siege(t.Context(), program, siegePlan{lasts: 2 * time.Second, strength: 1, honest: 1, pace: 5 * time.Millisecond, patience: 2 * time.Minute}, testWriter{t})
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range got {
		if s.Failed > 0 || s.Mixed > 0 || s.Requests == 0 {
			t.Errorf("%s: %d of %d honest requests failed, %d were mixed: %s", s.Attack, s.Failed, s.Requests, s.Mixed, s.Said)
		}
	}
	if len(got) != len(attacks) {
		t.Errorf("%d of %d attacks", len(got), len(attacks))
	}
}

// testWriter passes progress on to the test's log.
type testWriter struct{ t *testing.T }

func (w testWriter) Write(b []byte) (int, error) {
	w.t.Log(strings.TrimSpace(string(b)))
	return len(b), nil
}

// liar changes what an upstream answers: the checks of the callers must be able to fail.
type liar struct {
	http.Handler
	lie func(w http.ResponseWriter, r *http.Request) bool
}

func (l liar) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if !l.lie(w, r) {
		l.Handler.ServeHTTP(w, r)
	}
}

func TestCallersNotice(t *testing.T) {
	for _, c := range []struct {
		name  string
		lie   func(w http.ResponseWriter, r *http.Request) bool
		mixed bool
		fails bool
	}{
		{"the truth", func(http.ResponseWriter, *http.Request) bool { return false }, false, false},
		{"another id", func(_ http.ResponseWriter, r *http.Request) bool { r.URL.Path = "/echo/other-1"; return false }, true, true},
		{"the body of another", func(w http.ResponseWriter, r *http.Request) bool {
			w.Header().Set("X-Id", strings.TrimPrefix(r.URL.Path, "/echo/"))
			w.Header().Set("X-Sum", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
			_, _ = w.Write(pattern("other-1", 100))
			return true
		}, true, true},
		{"too long", func(_ http.ResponseWriter, r *http.Request) bool { r.URL.RawQuery = "size=101"; return false }, true, true},
		{"too short", func(_ http.ResponseWriter, r *http.Request) bool { r.URL.RawQuery = "size=99"; return false }, false, true},
		{"refused", func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(http.StatusBadGateway); return true }, false, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			l, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			s := &http.Server{Handler: liar{&echo{}, c.lie}, ReadHeaderTimeout: time.Minute}
			served := make(chan struct{})
			go func() { _ = s.Serve(l); close(served) }()
			defer func() { _ = s.Close(); <-served }()
			caller := newCaller("me", "http://"+l.Addr().String(), nil, false, time.Minute)
			defer caller.close()
			err = caller.call(context.Background(), nil, 100, false)
			if (err != nil) != c.fails || errors.Is(err, errMixed) != c.mixed {
				t.Errorf("%v", err)
			}
		})
	}
}

func TestTally(t *testing.T) {
	var w world
	for _, c := range []struct {
		err   error
		dying bool
	}{
		{nil, false}, {errMixed, true}, {statusError(502), true}, {statusError(502), false}, {statusError(500), true}, {errors.New("gone"), true},
	} {
		w.tally.count(c.err, c.dying)
	}
	if r := w.result(); r.Good != 1 || r.Mixed != 1 || r.Upstream != 1 || r.Lost != 3 {
		t.Errorf("%+v", r)
	}
}

func TestDangerVerdicts(t *testing.T) {
	states := func(mb ...int64) (out []state) {
		for _, m := range mb {
			out = append(out, state{Memory: memory{RSS: m * mega}})
		}
		return out
	}
	for _, c := range []struct {
		name   string
		s      soaked
		missed string
	}{
		{"all met", soaked{Good: 10, States: states(50, 100, 125)}, ""},
		{"mixed", soaked{Good: 10, Mixed: 1, States: states(1, 1, 1)}, "soak: mixed answers"},
		{"nothing done", soaked{States: states(1, 1, 1)}, "soak: mixed answers"},
		{"lost", soaked{Good: 10, Lost: 1, States: states(1, 1, 1)}, "soak: lost answers"},
		{"restless", soaked{Good: 10, Restless: true, States: states(1, 1, 1)}, "soak: leaks"},
		{"growing", soaked{Good: 10, States: states(50, 100, 126)}, "soak: memory"},
	} {
		missed := ""
		for _, v := range c.s.verdicts() {
			if !v.Met {
				missed += v.Bar
			}
		}
		if missed != c.missed {
			t.Errorf("%s: missed %q, want %q", c.name, missed, c.missed)
		}
	}
	for _, c := range []struct {
		requests, failed int64
		met              bool
	}{{1000, 1, true}, {1000, 2, false}, {0, 0, false}} {
		if v := siegeVerdicts([]sieged{{Attack: "x", Requests: c.requests, Failed: c.failed}}); v[0].Met != c.met {
			t.Errorf("%+v: %+v", c, v[0])
		}
	}
	if v := siegeVerdicts([]sieged{{Requests: 1, Mixed: 1}}); v[1].Met {
		t.Error("a mixed answer was let pass")
	}
}

func TestVillainsAreMany(t *testing.T) {
	seen := map[string]bool{}
	for n := range 5000 {
		seen[villain(n).String()] = true
	}
	if len(seen) != 5000 {
		t.Errorf("%d addresses, want 5000", len(seen))
	}
	for n := range 400 {
		if seen[loopback(n).String()] {
			t.Errorf("an honest client shares %v", loopback(n))
		}
	}
}
