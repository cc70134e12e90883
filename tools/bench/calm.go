package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// What a quiet machine is. Measured on two cores: with a tenth of the processor time taken by others, figures of the
// same proxy from one round to the next differ by as much as the differences that are looked for.
const (
	maxOthers = 0.10 // share of all processor time that other processes may use
	maxSpin   = 1.20 // how much longer a calibration spin may take, by the clock or in processor time, than the best so far
	watchFor  = 2 * time.Second
	spinBytes = 32 << 20 // some 20 to 100 ms of SHA-256
)

// busyError says why nothing is judged.
type busyError struct{ reason string }

func (e *busyError) Error() string { return "refusing to judge: " + e.reason }

// readiness watches the machine: how much of it others take, and whether a fixed piece of work keeps its duration.
type readiness struct {
	self     int
	best     time.Duration // shortest calibration spin so far
	others   float64       // largest share of others so far
	slowest  float64       // longest calibration spin so far, relative to the best before it
	machine0 machineTimes
	own0     time.Duration
}

func newReadiness() *readiness { return &readiness{self: os.Getpid()} }

// ours is the processor time of this process and of everything it started, ended or not.
func (r *readiness) ours() (time.Duration, error) {
	t, err := tree(r.self)
	var sum time.Duration
	for _, p := range t {
		sum += p.own + p.reaped
	}
	return sum, err
}

func (r *readiness) read() (machineTimes, time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return machineTimes{}, 0, err
	}
	m, err := parseMachineStat(string(text))
	if err != nil {
		return m, 0, err
	}
	own, err := r.ours()
	return m, own, err
}

// mark begins an interval, and since returns the share of all cores that others used in it.
func (r *readiness) mark() (err error) {
	r.machine0, r.own0, err = r.read()
	return err
}

func (r *readiness) since() (float64, error) {
	m, own, err := r.read()
	if err != nil {
		return 0, err
	}
	s := othersShare(r.machine0, m, own-r.own0)
	r.others = max(r.others, s)
	return s, nil
}

// othersShare is the part of the machine's time between two readings that was busy with anything but own.
func othersShare(from, to machineTimes, own time.Duration) float64 {
	if to.total <= from.total {
		return 0
	}
	return max(0, float64(to.busy-from.busy-own)/float64(to.total-from.total))
}

// wait watches the machine while nothing of ours runs, spins once, and returns a *busyError when it is not quiet.
func (r *readiness) wait(ctx context.Context) error {
	if err := r.mark(); err != nil {
		return err
	}
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(watchFor):
	}
	share, err := r.since()
	if err != nil {
		return err
	}
	err = r.spin()
	if share > maxOthers {
		return &busyError{fmt.Sprintf("other processes used %.0f%% of the CPU (load average %s)", 100*share, loadAverage())}
	}
	return err
}

// spin does a fixed piece of work. A clock that runs on while the work waits shows others on the core; work that
// itself takes longer shows a neighbour on the same hardware or a processor that slowed down.
func (r *readiness) spin() error {
	block := make([]byte, 1<<20)
	var sum [sha256.Size]byte
	began, used := time.Now(), selfTime()
	for range spinBytes / len(block) {
		sum = sha256.Sum256(block)
		block[0] = sum[0]
	}
	took := time.Since(began)
	used = selfTime() - used
	if r.best == 0 || took < r.best {
		r.best = took
	}
	slower := max(float64(took)/float64(r.best), float64(took)/float64(max(used, 1)))
	r.slowest = max(r.slowest, slower)
	if slower > maxSpin {
		return &busyError{fmt.Sprintf("a calibration spin took %.2f times as long as it should (load average %s)", slower, loadAverage())}
	}
	return nil
}

// selfTime is user and system time of this process alone.
func selfTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// during judges an interval that mark began and in which our own processes ran.
func (r *readiness) during() error {
	share, err := r.since()
	if err == nil && share > maxOthers {
		err = &busyError{fmt.Sprintf("other processes used %.0f%% of the CPU during a round (load average %s)", 100*share, loadAverage())}
	}
	return err
}

func loadAverage() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	l, err := parseLoad(string(text))
	if err != nil {
		return "unknown"
	}
	return l
}

// parseLoad returns the three averages of /proc/loadavg.
func parseLoad(text string) (string, error) {
	f := strings.Fields(text)
	if len(f) < 4 {
		return "", fmt.Errorf("load average %q has %d fields, wanted 5", strings.TrimSpace(text), len(f))
	}
	for _, s := range f[:3] {
		if _, err := strconv.ParseFloat(s, 64); err != nil {
			return "", fmt.Errorf("load average: %q is not a number", s)
		}
	}
	return strings.Join(f[:3], " "), nil
}
