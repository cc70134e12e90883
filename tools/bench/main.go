// Command bench measures what Merlon costs: processor time for each request, side by side with HAProxy and nginx as plain
// proxies before the same upstream, with latency, memory, learned share and drops. docs/reference/benchmark.md says how
// to read it. It needs nginx, HAProxy, wrk and h2load; it speaks to loopback alone and ends only what it started.
//
//	bench [-part cpu,http2,latency,idle,ingest] [-rounds 5] [-seconds 6] [-workload one|many|both] [-json FILE]
//	bench -attacks 8s
//	bench -soak 2h
//	bench -endurance [-requests 2000000] [-addresses 1000000] [-junk 100000]
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	// A reader that goes away (| head) would otherwise end this process before it has ended what it started. The signal
	// comes for broken sockets, too, so that it is the failed write that stops the run.
	signal.Ignore(syscall.SIGPIPE)
	err := run(ctx, os.Args[1:], &reader{os.Stdout, stop}, &reader{os.Stderr, stop})
	stop()
	switch {
	case err == nil:
	case errors.Is(err, flag.ErrHelp):
		os.Exit(2)
	default:
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// reader is who reads what is printed; when he goes away, gone is called.
type reader struct {
	w    io.Writer
	gone func()
}

// Write implements io.Writer.
func (r *reader) Write(b []byte) (int, error) {
	n, err := r.w.Write(b)
	if err != nil {
		r.gone()
	}
	return n, err
}

// settings are what the command line says.
type settings struct {
	plan
	merlon     string
	parts      string
	soak       time.Duration
	pace       time.Duration
	attacks    time.Duration
	workload   string
	json       string
	endurance  bool
	requests   int
	principals int
	addresses  int
	junk       int
}

var errMissed = errors.New("a bar was missed")

func parse(args []string, errOut io.Writer) (settings, error) {
	var s settings
	seconds := 0
	f := flag.NewFlagSet("bench", flag.ContinueOnError)
	f.SetOutput(errOut)
	f.StringVar(&s.merlon, "merlon", "bin/merlon", "the Merlon to measure")
	f.IntVar(&s.rounds, "rounds", 5, "rounds of each workload, in each of which every proxy is measured once")
	f.IntVar(&seconds, "seconds", 6, "length of a measurement")
	f.IntVar(&s.conns, "conns", 32, "connections of the load generator")
	f.StringVar(&s.parts, "part", strings.Join(allParts, ","), "what to measure, separated by commas")
	f.StringVar(&s.workload, "workload", "both", "one: one principal and address; many: as -principals and -addresses say; both")
	f.StringVar(&s.json, "json", "", "write all samples to this file")
	f.BoolVar(&s.force, "force", false, "measure on a busy machine too, and say so")
	f.DurationVar(&s.settle, "settle", 0, "instead of stopping Merlon before its CPU is read, wait so long for it to distil and save by itself (70s)")
	f.DurationVar(&s.attacks, "attacks", 0, "instead of measuring, attack Merlon for so long in each of ten ways while honest clients go on (8s)")
	f.DurationVar(&s.soak, "soak", 0, "instead of measuring, let callers and trouble loose on Merlon for so long (2h)")
	f.DurationVar(&s.pace, "pace", 10*time.Millisecond, "how long each of the 12 callers of a soak waits between requests; longer on a machine that has other work")
	f.BoolVar(&s.endurance, "endurance", false, "send -requests requests to Merlon alone and watch its memory")
	f.IntVar(&s.requests, "requests", 2_000_000, "requests of an endurance run")
	f.IntVar(&s.principals, "principals", 10_000, "principals of workload many and of an endurance run")
	f.IntVar(&s.addresses, "addresses", 10_000, "client addresses of workload many and of an endurance run")
	f.IntVar(&s.junk, "junk", 0, "junk paths, to which every tenth request of an endurance run goes")
	if err := f.Parse(args); err != nil {
		return s, flag.ErrHelp
	}
	s.duration = time.Duration(seconds) * time.Second
	switch {
	case f.NArg() > 0:
		return s, fmt.Errorf("%q is no flag", f.Arg(0))
	case s.workload != "one" && s.workload != "many" && s.workload != "both":
		return s, fmt.Errorf("-workload is one, many or both, not %q", s.workload)
	case badPart(s.parts) != "":
		return s, fmt.Errorf("-part: %q is none of %s", badPart(s.parts), strings.Join(allParts, ", "))
	case s.soak != 0 && (s.soak < 10*time.Second || s.soak > 100*time.Hour) || s.attacks != 0 && (s.attacks < time.Second || s.attacks > time.Hour):
		return s, errors.New("-soak is 10s to 100h, -attacks 1s to 1h")
	case s.pace < time.Millisecond || s.pace > time.Second:
		return s, errors.New("-pace is 1ms to 1s")
	case s.rounds < 1 || s.rounds > 1000 || seconds < 1 || seconds > 3600 || s.conns < 1 || s.conns > 4000:
		return s, errors.New("-rounds is 1 to 1000, -seconds 1 to 3600, -conns 1 to 4000")
	case s.requests < 1000 || s.requests > 1e9 || s.principals < 1 || s.principals > 1e6 || s.addresses < 1 || s.addresses > 3_800_000 || s.junk < 0 || s.junk > 1e7:
		return s, errors.New("-requests is 1000 to 1e9, -principals 1 to 1e6, -addresses 1 to 3.8e6, -junk 0 to 1e7")
	}
	return s, nil
}

// allParts are the measurements, in their order.
var allParts = []string{"cpu", "http2", "latency", "idle", "ingest"}

func badPart(list string) string {
	for p := range strings.SplitSeq(list, ",") {
		if !slices.Contains(allParts, p) {
			return p
		}
	}
	return ""
}

// wants tells whether a part was asked for.
func (s settings) wants(part string) bool { return slices.Contains(strings.Split(s.parts, ","), part) }

// report is what -json writes.
type report struct {
	Time      time.Time  `json:"time"`
	Cores     int        `json:"cores"`
	Others    float64    `json:"largest_share_of_other_processes"`
	Slowest   float64    `json:"slowest_calibration_spin"`
	Forced    bool       `json:"forced"`
	Results   []results  `json:"results,omitempty"`
	Endurance *endurance `json:"endurance,omitempty"`
	Latency   *latency   `json:"latency,omitempty"`
	Idle      *idle      `json:"idle,omitempty"`
	Ingest    *ingested  `json:"ingest,omitempty"`
	Soak      *soaked    `json:"soak,omitempty"`
	Attacks   []sieged   `json:"attacks,omitempty"`
	Verdicts  []verdict  `json:"verdicts"`
}

func run(ctx context.Context, args []string, out, errOut io.Writer) (err error) {
	s, err := parse(args, errOut)
	if err != nil {
		return err
	}
	quiet := newReadiness()
	r := report{Time: time.Now().UTC(), Cores: runtime.NumCPU(), Forced: s.force}
	if s.soak > 0 || s.attacks > 0 {
		err = s.endanger(ctx, &r, out, errOut)
	} else {
		err = s.measure(ctx, quiet, &r, out, errOut)
	}
	if err != nil {
		return err
	}
	r.Others, r.Slowest = quiet.others, quiet.slowest
	met := judge(out, r.Verdicts)
	if s.force && (quiet.others > maxOthers || quiet.slowest > maxSpin) {
		fmt.Fprintf(out, "measured on a BUSY machine (-force): others used up to %.0f%% of the CPU, calibration up to %.2f times its best\n", 100*quiet.others, quiet.slowest)
	}
	if s.json != "" {
		text, err := json.MarshalIndent(r, "", "  ")
		if err != nil {
			return err
		}
		if err := os.WriteFile(s.json, append(text, '\n'), 0o644); err != nil { //nolint:gosec // a report is no secret
			return err
		}
	}
	if !met {
		return errMissed
	}
	return nil
}

// measure sets up the field and runs an endurance run or the rounds.
func (s settings) measure(ctx context.Context, quiet *readiness, r *report, out, errOut io.Writer) (err error) {
	f, err := setUp(ctx, s.merlon, s.principals)
	defer func() { err = errors.Join(err, f.close()) }()
	if err != nil {
		return err
	}
	if err := f.faithful(ctx, "http://"+f.address); err != nil {
		return fmt.Errorf("upstream: %w", err)
	}
	if s.endurance {
		return s.endure(ctx, f, r, out, errOut)
	}
	return s.compare(ctx, f, quiet, r, out, errOut)
}

// endanger runs attacks, a soak, or both. A result is printed also when it could not be brought to its end.
func (s settings) endanger(ctx context.Context, r *report, out, errOut io.Writer) error {
	if s.attacks > 0 {
		got, err := siege(ctx, s.merlon, siegePlan{lasts: s.attacks, strength: 4, honest: 4, pace: 10 * time.Millisecond, patience: 10 * time.Second}, errOut)
		printSieges(out, got)
		if err != nil {
			return err
		}
		r.Attacks, r.Verdicts = got, append(r.Verdicts, siegeVerdicts(got)...)
	}
	if s.soak > 0 {
		got, err := soak(ctx, s.merlon, planSoak(s.soak, s.pace), errOut)
		got.print(out)
		if err != nil {
			return err
		}
		r.Soak, r.Verdicts = &got, append(r.Verdicts, got.verdicts()...)
	}
	return nil
}

// compare runs the workloads against every contender.
func (s settings) compare(ctx context.Context, f *field, quiet *readiness, r *report, out, errOut io.Writer) error {
	fmt.Fprintf(out, "%s, %d cores; %d rounds of %v, %d connections; 70 %% GET, 30 %% POST and PUT with 1 kB of JSON\n",
		r.Time.Format(time.DateOnly), r.Cores, s.rounds, s.duration, s.conns)
	for _, v := range []variant{{"one", 1, 1, false}, {"many", s.principals, s.addresses, false}, {"http2", 1, 1, true}} {
		if v.HTTP2 && !s.wants("http2") || !v.HTTP2 && (!s.wants("cpu") || s.workload != "both" && s.workload != v.Name) {
			continue
		}
		got, err := f.measure(ctx, v, s.plan, quiet, errOut)
		if err != nil {
			return err
		}
		got.print(out, f.of(v))
		r.Results = append(r.Results, got)
		r.Verdicts = append(r.Verdicts, got.verdicts()...)
	}
	return s.others(ctx, f, r, out, errOut)
}

// others are the measurements that need no rounds of contenders. They refuse no busy machine: the first compares with its
// own turns, memory depends little on others, and a log that is read too slowly is read too slowly.
func (s settings) others(ctx context.Context, f *field, r *report, out, errOut io.Writer) error {
	if s.wants("latency") {
		l, err := f.openLoop(ctx, s.plan, errOut)
		if err != nil {
			return err
		}
		l.print(out)
		r.Latency, r.Verdicts = &l, append(r.Verdicts, l.verdicts()...)
	}
	if s.wants("idle") {
		i, err := f.idling(ctx, errOut)
		if err != nil {
			return err
		}
		i.print(out)
		r.Idle, r.Verdicts = &i, append(r.Verdicts, i.verdicts()...)
	}
	if s.wants("ingest") {
		i, err := f.ingest(ctx, errOut)
		if err != nil {
			return err
		}
		i.print(out)
		r.Ingest, r.Verdicts = &i, append(r.Verdicts, i.verdicts()...)
	}
	return nil
}

// endure runs Merlon alone for long. How busy the machine is matters little for memory, so nothing is refused.
func (s settings) endure(ctx context.Context, f *field, r *report, out, errOut io.Writer) error {
	fmt.Fprintf(out, "%s, %d cores; endurance: %d requests, %d connections, %d principals, %d addresses, %d junk paths\n",
		r.Time.Format(time.DateOnly), r.Cores, s.requests, s.conns, s.principals, s.addresses, s.junk)
	e, err := f.endure(ctx, load{conns: s.conns, requests: s.requests, principals: s.principals, addresses: s.addresses, junk: s.junk}, errOut)
	if err != nil {
		return err
	}
	e.print(out)
	r.Endurance, r.Verdicts = &e, e.verdicts()
	return nil
}
