package main

import (
	"bufio"
	"fmt"
	"os"
	"time"

	"github.com/spf13/cobra"

	"merlon/internal/lab/traffic"
)

func labCommand(c console) *cobra.Command {
	parent := &cobra.Command{
		Use: "lab", Short: "Make labelled traffic to try Merlon with", Args: cobra.NoArgs, RunE: help,
		Example: "  merlon lab traffic --from recorded.jsonl.gz | merlon ingest -",
	}
	parent.AddCommand(labTrafficCommand(c))
	return parent
}

func labTrafficCommand(c console) *cobra.Command {
	var from, wordlist, start string
	o := traffic.RecordedOptions{}
	var logLines int
	var logClients int
	var logJunk float64
	cmd := &cobra.Command{
		Use: "traffic --from FILE", Short: "Turn recorded API calls into exchange lines or a log, with a stated clock and stated clients", Args: cobra.NoArgs,
		Long: `Turn recorded API calls (JSON lines with method, host, path, query, headers, bodies and status; plain or gzip) into
exchange lines or combined-log lines. Clock, principals and clients are stated by flags, and the same seed gives the same bytes.
Without --from, --log-lines writes a synthetic combined log.`,
		Example: `  merlon lab traffic --from calls.jsonl.gz --format entry > entries.ndjson
  merlon lab traffic --from calls.jsonl.gz --scanner-share 0.2 --catch-all-host junk.example | merlon ingest -
  merlon lab traffic --log-lines 1000000 > access.log`,
		RunE: func(cmd *cobra.Command, _ []string) error {
			w := bufio.NewWriterSize(c.out, 1<<20)
			at, err := time.Parse(time.RFC3339, start)
			if err != nil {
				return usage("--start %q is no time: write it as 2026-11-01T00:00:00Z", start)
			}
			if from == "" {
				if logLines <= 0 {
					return usage("say what to make: --from FILE, or --log-lines N")
				}
				if err := traffic.WriteCombined(w, traffic.LogOptions{Lines: logLines, Seed: o.Seed, Start: at, Clients: logClients, Junk: logJunk}); err != nil {
					return failed(err)
				}
				return output(w.Flush())
			}
			o.Start = at
			if wordlist != "" {
				f, err := os.Open(wordlist)
				if err != nil {
					return usage("%v", err)
				}
				defer f.Close()
				if o.Wordlist, err = traffic.ReadWordlist(f); err != nil {
					return usage("%s: %v", wordlist, err)
				}
			}
			f, err := os.Open(from)
			if err != nil {
				return usage("%v", err)
			}
			defer f.Close()
			count, err := traffic.FromRecorded(cmd.Context(), f, o, w)
			if err != nil {
				return usage("%s: %v", from, err)
			}
			if err := w.Flush(); err != nil {
				return failed(err)
			}
			fmt.Fprintf(c.err, "%d recorded calls in %d sessions read, %d exchanges written from %s on\n", count.Calls, count.Sessions, count.Written, start)
			if count.Damaged > 0 {
				fmt.Fprintf(c.err, "%d lines are damaged\n", count.Damaged)
				return &exitError{exitFound, nil}
			}
			return nil
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&from, "from", "", "file of recorded calls")
	fl.StringVar(&o.Format, "format", "entry", "entry (exchange lines) or combined (a log)")
	fl.StringVar(&o.Site, "site", "", "site written into the exchange lines")
	fl.StringVar(&start, "start", "2026-11-01T08:00:00Z", "time of the first exchange")
	fl.Float64Var(&o.Rate, "rate", 5, "mean exchanges a second")
	fl.Uint64Var(&o.Seed, "seed", 1, "seed of every choice")
	fl.IntVar(&o.Principals, "principals", 40, "principals, with one bearer token each")
	fl.IntVar(&o.Clients, "clients", 60, "client addresses")
	fl.IntVar(&o.Repeat, "repeat", 3, "how often each recorded session is replayed, each time as another principal")
	fl.Float64Var(&o.Anonymous, "anonymous", 0, "share of sessions without a token")
	fl.Float64Var(&o.ScannerShare, "scanner-share", 0, "share of all exchanges made by one scanner")
	fl.Float64Var(&o.ScannerHits, "scanner-hits", 0.02, "share of the scanner's paths that answer 200")
	fl.StringVar(&wordlist, "wordlist", "", "file of paths for the scanner, one a line, plain or gzip")
	fl.StringVar(&o.CatchAllHost, "catch-all-host", "", "a host that answers 200 to everything")
	fl.IntVar(&logLines, "log-lines", 0, "without --from: lines of a synthetic combined log")
	fl.IntVar(&logClients, "log-clients", 10_000, "client addresses of the synthetic log")
	fl.Float64Var(&logJunk, "log-junk", 0, "share of the synthetic log that asks for paths nobody has")
	return cmd
}
