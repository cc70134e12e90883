package local

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"merlon/internal/model/event"
	"merlon/internal/store"
)

func now() time.Time { return time.Unix(1_790_000_000, 0).UTC() }

func options() Options {
	o := Options{Now: now, Command: "merlon test", Random: rand.Reader, DefaultSite: "default"}
	o.Journal.SegmentBytes, o.Journal.OneIn = 16<<10, 4
	o.Database.Node = "a"
	return o
}

const childVariable = "MERLON_STORE_TEST_DIR"

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		if err := work(dir); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

// work journals events and stores their sum as the summary, for ever, printing what has been confirmed.
func work(dir string) error {
	ctx := context.Background()
	s, err := Open(ctx, dir, options())
	if err != nil {
		return err
	}
	go s.Run(ctx, nil)
	sum, _, err := recovered(s)
	if err != nil {
		return err
	}
	for {
		for range 20 {
			batch := make([]*event.Event, 7)
			for i := range batch {
				batch[i] = &event.Event{At: 1, Endpoint: 3, Latency: int64(i) + 1}
				sum += uint64(i) + 1
			}
			if err := s.Journal.Append(batch); err != nil {
				return err
			}
			fmt.Println(sum)
		}
		snapshot := store.SummarySnapshot{Covered: s.Journal.Status().Last, Changed: []store.Summary{
			{SummaryKey: store.SummaryKey{Kind: "sum", Node: "a"}, Blob: fmt.Append(nil, sum)},
		}}
		if err := s.SaveSummaries(ctx, snapshot); err != nil {
			return err
		}
	}
}

// recovered is the sum as a restart finds it: the stored summary and every event behind what it covers.
func recovered(s *Store) (sum uint64, tail uint64, err error) {
	covered, err := s.DB.LoadSummaries(context.Background(), func(one store.Summary) error {
		_, err := fmt.Sscan(string(one.Blob), &sum)
		return err
	})
	if err != nil {
		return 0, 0, err
	}
	next := covered + 1
	r, err := s.Journal.Replay(next, func(e *event.Event) error {
		if e.Seq != next {
			return fmt.Errorf("event %d, want %d", e.Seq, next)
		}
		next++
		sum += uint64(e.Latency)
		return nil
	})
	return sum, r.Events, err
}

// TestKillLosesNothingConfirmed kills a working process at random moments: summary and journal's tail together give exactly
// what was confirmed, or one batch more that was written and not yet confirmed.
func TestKillLosesNothingConfirmed(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for round, lines := range []int{3, 41, 100, 19, 260} {
		child := exec.Command(exe)
		child.Env = append(os.Environ(), childVariable+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		in := bufio.NewScanner(out)
		var confirmed uint64
		for n := 0; in.Scan(); n++ {
			if _, err := fmt.Sscan(in.Text(), &confirmed); err != nil {
				t.Fatalf("child says %q", in.Text())
			}
			if n == lines {
				if err := child.Process.Kill(); err != nil {
					t.Fatal(err)
				}
			}
		}
		if child.Wait() == nil {
			t.Fatal("child ended by itself")
		}
		s, err := Open(context.Background(), dir, options())
		if err != nil {
			t.Fatal(err)
		}
		sum, tail, err := recovered(s)
		if err != nil || sum != confirmed && sum != confirmed+28 {
			t.Fatalf("round %d: confirmed %d, recovered %d (%v)", round, confirmed, sum, err)
		}
		t.Logf("round %d: confirmed %d, recovered %d, %d of them events of the tail", round, confirmed, sum, tail)
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

func TestSecondProcessIsToldWhoHoldsTheDirectory(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "data")
	s, err := Open(context.Background(), dir, options())
	if err != nil {
		t.Fatal(err)
	}
	_, err = Open(context.Background(), dir, options())
	var locked *store.LockedError
	if !errors.Is(err, store.ErrLocked) || !errors.As(err, &locked) || locked.PID != os.Getpid() || locked.Command != "merlon test" || !locked.Since.Equal(now()) {
		t.Fatalf("%v", err)
	}
	if !strings.Contains(err.Error(), fmt.Sprint(os.Getpid())) {
		t.Fatal(err)
	}
	if u, err := s.Usage(); err != nil || u.Database == 0 {
		t.Fatal(u, err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	err = filepath.Walk(dir, func(path string, info os.FileInfo, err error) error {
		want := os.FileMode(0o600)
		if info.IsDir() {
			want = 0o700
		}
		if info.Mode().Perm() != want {
			t.Errorf("%s has mode %v", path, info.Mode())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if s, err = Open(context.Background(), dir, options()); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
