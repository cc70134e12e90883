package journal

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"testing"

	"merlon/internal/model/event"
)

const childVariable = "MERLON_JOURNAL_TEST_DIR"

// TestMain lets the test binary be the process that is killed.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		appendForEver(dir)
		return
	}
	os.Exit(m.Run())
}

// appendForEver appends batches and prints the last number of each once Append has confirmed it.
func appendForEver(dir string) {
	j, err := Open(dir, Options{Now: newClock().now, SegmentBytes: 64 << 10, OneIn: 2})
	if err != nil {
		fmt.Println("error", err)
		os.Exit(1)
	}
	next := j.Status().Last + 1
	for i := uint64(0); ; i++ {
		size := i%37 + 1
		if err := j.Append(batchOf(next, next+size-1)); err != nil {
			fmt.Println("error", err)
			os.Exit(1)
		}
		next += size
		if i%50 == 49 {
			j.Sync()
		}
		if i%80 == 79 {
			j.Covered(next - 600)
		}
		fmt.Println(next - 1)
	}
}

// TestKill kills a writing process at a random batch, several times over one directory: every confirmed event must be
// there, whole and once; what was not confirmed may be there or not.
func TestKill(t *testing.T) {
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 8 {
		child := exec.Command(exe)
		child.Env = append(os.Environ(), childVariable+"="+dir)
		out, err := child.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := child.Start(); err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		var confirmed uint64
		for range 20 + random.IntN(120) {
			if !lines.Scan() {
				t.Fatal("child ended by itself")
			}
			if confirmed, err = strconv.ParseUint(lines.Text(), 10, 64); err != nil {
				t.Fatalf("child says %q", lines.Text())
			}
		}
		if err := child.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		for lines.Scan() { // confirmed before the signal came
			if n, err := strconv.ParseUint(lines.Text(), 10, 64); err == nil {
				confirmed = n
			}
		}
		if child.Wait() == nil {
			t.Fatal("child was not killed")
		}

		j, err := Open(dir, Options{Now: newClock().now, SegmentBytes: 64 << 10, OneIn: 2})
		if err != nil {
			t.Fatalf("round %d: %v", round, err)
		}
		begin := j.next
		if len(j.all.segments) > 0 {
			begin = j.all.segments[0].first
		}
		last, whole := uint64(0), uint64(0)
		r, err := j.Replay(1, func(e *event.Event) error {
			if e.Seq <= last {
				return fmt.Errorf("%d after %d", e.Seq, last)
			}
			if e.Seq > begin && e.Seq != last+1 {
				return fmt.Errorf("%d follows %d", e.Seq, last)
			}
			if e.Seq >= begin {
				whole++
			}
			last = e.Seq
			return check(e, e.Seq)
		})
		if err != nil || r.Damaged != 0 {
			t.Fatalf("round %d: %+v %v", round, r, err)
		}
		if last < confirmed || whole < min(last, 500) {
			t.Fatalf("round %d: confirmed up to %d, found %d, %d of them in the recovery row", round, confirmed, last, whole)
		}
		t.Logf("round %d: confirmed %d, found %d, torn %d bytes", round, confirmed, last, j.Status().Torn)
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
