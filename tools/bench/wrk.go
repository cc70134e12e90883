package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// load says how wrk is run.
type load struct {
	program    string
	dir        string // holds what writeWorkload wrote
	address    string
	conns      int
	duration   time.Duration // at most
	requests   int           // stop after so many; 0: by time alone
	principals int
	addresses  int
	junk       int
}

// outcome is what wrk saw.
type outcome struct {
	Requests  int           `json:"requests"`
	Duration  time.Duration `json:"duration_ns"`
	P50       time.Duration `json:"p50_ns"`
	P99       time.Duration `json:"p99_ns"`
	Max       time.Duration `json:"max_ns"`
	Refused   int           `json:"refused"` // answers of 400 and above, to requests for resources
	Errors    int           `json:"errors"`  // connections, reads, writes, time-outs
	Junk      int           `json:"junk"`    // requests for junk paths, to be answered 404
	Completed bool          `json:"completed"`
}

// bad counts every answer that was not what the upstream says.
func (o outcome) bad() int { return o.Refused + o.Errors }

// perSecond is the rate of requests.
func (o outcome) perSecond() float64 {
	if o.Duration <= 0 {
		return 0
	}
	return float64(o.Requests) / o.Duration.Seconds()
}

// parseResult reads the line that wrk.lua writes at the end: RESULT and name=number pairs.
func parseResult(line string) (outcome, error) {
	rest, ok := strings.CutPrefix(strings.TrimSpace(line), "RESULT ")
	if !ok {
		return outcome{}, fmt.Errorf("%q does not begin with RESULT", line)
	}
	n := map[string]int64{}
	for _, pair := range strings.Fields(rest) {
		k, v, ok := strings.Cut(pair, "=")
		if !ok {
			return outcome{}, fmt.Errorf("%q is not name=number", pair)
		}
		i, err := strconv.ParseInt(v, 10, 64)
		if err != nil {
			return outcome{}, fmt.Errorf("%s: %q is not a number", k, v)
		}
		n[k] = i
	}
	for _, k := range []string{"requests", "dur_us", "p50", "p99", "max", "non2xx", "connect", "read", "write", "timeout", "junk"} {
		if _, ok := n[k]; !ok {
			return outcome{}, fmt.Errorf("the result lacks %s", k)
		}
	}
	o := outcome{
		Requests: int(n["requests"]), Duration: time.Duration(n["dur_us"]) * time.Microsecond,
		P50: time.Duration(n["p50"]) * time.Microsecond, P99: time.Duration(n["p99"]) * time.Microsecond, Max: time.Duration(n["max"]) * time.Microsecond,
		Errors: int(n["connect"] + n["read"] + n["write"] + n["timeout"]), Junk: int(n["junk"]),
	}
	// Junk sent last may still be under way when wrk stops, so fewer refusals than junk is no fault.
	o.Refused = max(0, int(n["non2xx"])-o.Junk)
	return o, nil
}

// run starts wrk and waits for its result.
func (l load) run(ctx context.Context) (outcome, error) {
	// wrk's threads end when the script says so, but its main thread sleeps on until the time is over or SIGINT comes.
	ctx, cancel := context.WithTimeout(ctx, l.duration+time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, l.program, "-t1", fmt.Sprintf("-c%d", l.conns), fmt.Sprintf("-d%ds", max(1, int(l.duration.Seconds()))),
		"--timeout", "10s", "-s", filepath.Join(l.dir, "wrk.lua"), "http://"+l.address+"/", "--", //nolint:gosec // arguments of our own
		l.dir, strconv.Itoa(l.principals), strconv.Itoa(l.addresses), strconv.Itoa(l.requests), strconv.Itoa(l.junk))
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var trouble strings.Builder
	cmd.Stderr = &trouble
	out, err := cmd.StdoutPipe()
	if err != nil {
		return outcome{}, err
	}
	if err := cmd.Start(); err != nil {
		return outcome{}, fmt.Errorf("wrk does not start: %w", err)
	}
	o, said, parseErr := l.follow(out, func() error { return cmd.Process.Signal(syscall.SIGINT) })
	if err := cmd.Wait(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return o, fmt.Errorf("wrk: %w\n%s%s", err, said, trouble.String())
	}
	if parseErr != nil {
		return o, fmt.Errorf("wrk: %w\n%s%s", parseErr, said, trouble.String())
	}
	return o, nil
}

// follow reads wrk's output to its end, and wakes wrk when all requests are sent.
func (l load) follow(out io.Reader, wake func() error) (o outcome, said string, err error) {
	err = errors.New("no result")
	s := bufio.NewScanner(out)
	completed := false
	for s.Scan() {
		line := s.Text()
		switch {
		case line == "LIMIT":
			completed = true
			if werr := wake(); werr != nil {
				return o, said, werr
			}
		case strings.HasPrefix(line, "RESULT "):
			o, err = parseResult(line)
		case len(said) < 2000:
			said += line + "\n"
		}
	}
	o.Completed = completed
	if serr := s.Err(); serr != nil {
		err = serr
	}
	return o, said, err
}
