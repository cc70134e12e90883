package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"merlon/internal/config"
	"merlon/internal/edge/ingest"
)

// ingestFlags are the flags of the commands that read what has already happened.
type ingestFlags struct {
	config.Flags
	format, site string
}

func (f *ingestFlags) register(cmd *cobra.Command) {
	siteFlags(cmd, &f.Flags)
	cmd.Flags().StringVar(&f.format, "format", "auto", "format of the input: auto, "+joinWords(ingest.Formats()))
	cmd.Flags().StringVar(&f.site, "site", "", `site of exchanges that name none (default "default")`)
}

// offline is a configuration for commands without listeners: one site, taken from the flags.
func (f *ingestFlags) offline() config.Config {
	cfg := config.Default()
	cfg.Limits.QueueEvents = 2048 // files wait, so a longer queue only takes memory
	if f.Data != "" {
		cfg.Storage.Path = f.Data
	}
	yes := true
	cfg.Sites = []config.Site{{Name: "default", Default: &yes, Specs: f.Specs, Policy: f.Policy}}
	if f.site != "" {
		cfg.Sites[0].Name = f.site
	}
	return cfg
}

func ingestCommand(c console) *cobra.Command {
	var f ingestFlags
	cmd := &cobra.Command{
		Use: "ingest FILE|- ...", Short: "Learn and detect from logs, HAR files and exchange lines", Args: cobra.MinimumNArgs(1),
		Long: `Learn and detect from what has already happened: access logs, HAR files, exchange lines; plain, gzip or zstd.
Everything is judged by the time it happened. Reading the same file twice counts it twice.
Damaged lines are counted and reported and never stop the run; the exit code is then 1.`,
		Example: `  merlon ingest access.log access.log.1.gz
  zcat old.gz | merlon ingest - --format combined --site shop
  merlon ingest traffic.har --spec openapi.yaml`,
		RunE: func(cmd *cobra.Command, files []string) error { return runIngest(cmd.Context(), c, f, files) },
	}
	f.register(cmd)
	return cmd
}

func runIngest(ctx context.Context, c console, f ingestFlags, files []string) error {
	cfg := f.offline()
	b, notices, faults := loadBundle(cfg)
	if len(faults) > 0 {
		return mistakes(faults)
	}
	for _, n := range notices {
		fmt.Fprintln(c.err, "notice:", n)
	}
	if err := f.check(files); err != nil {
		return err
	}
	tuneRuntime()
	k, err := openBackend(ctx, cfg, b, "merlon ingest", logger(c))
	if err != nil {
		return err
	}
	result, err := k.ingest(ctx, c, ingest.Options{Site: cfg.Sites[0].Name, Format: f.format}, ingest.Inputs(files, c.in))
	saveCtx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
	defer cancel()
	if closeErr := k.close(saveCtx); closeErr != nil && err == nil {
		err = failed(closeErr)
	}
	if err != nil {
		return err
	}
	found := 0
	for _, s := range k.node.Inventory().Sites {
		for i := range s.Endpoints {
			if s.Endpoints[i].Requests > 0 {
				found++
			}
		}
	}
	fmt.Fprintf(c.err, "%d exchanges read, %d endpoints known; look at them with: merlon inventory list --data %s\n", result.Exchanges, found, cfg.Storage.Path)
	if result.Damaged > 0 {
		return &exitError{exitFound, nil}
	}
	return nil
}

// ingest runs inputs through the engine, with a progress bar, and reports damaged lines.
func (k *backend) ingest(ctx context.Context, c console, o ingest.Options, inputs []ingest.Input) (ingest.Result, error) {
	var p ingest.Progress
	reported := 0
	bar := newBar(c.err, &p)
	o.Engine, o.Now, o.Progress = k.engine, k.now, &p
	o.Damaged = func(d ingest.Damage) {
		if reported++; reported <= maxReported {
			bar.line("damaged: " + printable(d.String()))
		}
	}
	o.Noted = func(input, note string) { bar.line(printable(input + ": " + note)) }
	g, err := ingest.New(o)
	if err != nil {
		return ingest.Result{}, &exitError{exitUsage, err}
	}
	bar.start()
	result, err := g.Run(ctx, inputs...)
	bar.stop()
	if result.Damaged > 0 {
		fmt.Fprintf(c.err, "%d of %d lines are damaged", result.Damaged, result.Lines)
		for cause, n := range result.ByCause {
			if n > 0 {
				fmt.Fprintf(c.err, "; %d: %s", n, ingest.Cause(cause))
			}
		}
		fmt.Fprintln(c.err)
	}
	switch {
	case err == nil:
		return result, nil
	case errors.Is(err, ingest.ErrFormat):
		return result, &exitError{exitUsage, err}
	default:
		return result, failed(err)
	}
}

// maxReported is how many damaged lines are shown one by one.
const maxReported = 10

// check finds what is wrong with formats and files before anything is opened or learned.
func (f *ingestFlags) check(files []string) error {
	var wrong []plainMistake
	if f.format != "auto" && !slices.Contains(ingest.Formats(), f.format) {
		wrong = append(wrong, plainMistake(fmt.Sprintf("format %q is not read: formats are auto, %s", f.format, joinWords(ingest.Formats()))))
	}
	for _, name := range files {
		if name == "-" {
			continue
		}
		if _, err := os.Stat(name); err != nil {
			wrong = append(wrong, plainMistake(err.Error()))
		}
	}
	if len(wrong) > 0 {
		return mistakes(wrong)
	}
	if n := len(slices.DeleteFunc(slices.Clone(files), func(s string) bool { return s != "-" })); n > 1 {
		return usage("standard input can be read once, and - is given %d times", n)
	}
	return nil
}
