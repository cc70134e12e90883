package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"merlon/cmd/merlon/outline"
	"merlon/cmd/merlon/progress"
	"merlon/internal/config"
	"merlon/internal/edge/ingest"
	"merlon/internal/edge/ingest/record"
)

// ingestFlags are the flags of the commands that read what has already happened.
type ingestFlags struct {
	config.Flags
	format, site, logFormat string
	config                  string
	hops                    int
}

func (f *ingestFlags) register(cmd *cobra.Command) {
	siteFlags(cmd, &f.Flags)
	cmd.Flags().StringVar(&f.format, "format", "auto", "format of the input: auto, "+joinWords(ingest.Formats()))
	cmd.Flags().StringVar(&f.site, "site", "", `site of exchanges that name none (default "default", or by host with -c)`)
	cmd.Flags().StringVar(&f.logFormat, "log-format", "", "log format of your own, as nginx (log_format), Apache httpd (LogFormat) or Envoy write it")
	cmd.Flags().IntVar(&f.hops, "trusted-hops", record.Auto, "how many of your own proxies appended to X-Forwarded-For; -1 believes peers with private addresses")
	cmd.Flags().StringVarP(&f.config, "config", "c", "", "configuration file whose sites, hosts and data directory are used")
}

// offline is a configuration for commands without listeners: one site, taken from the flags, or the sites of a file.
func (f *ingestFlags) offline() (config.Config, error) {
	cfg := config.Default()
	if f.config != "" {
		var err error
		if cfg, err = loadConfig(f.config, f.Flags); err != nil {
			return cfg, err
		}
		if f.site != "" && !slices.ContainsFunc(cfg.Sites, func(s config.Site) bool { return s.Name == f.site }) {
			return cfg, usage("%s has no site %q", f.config, f.site)
		}
	} else {
		yes := true
		cfg.Sites = []config.Site{{Name: "default", Default: &yes, Specs: f.Specs, Policy: f.Policy}}
		if f.Data != "" {
			cfg.Storage.Path = f.Data
		}
		if f.site != "" {
			cfg.Sites[0].Name = f.site
		}
	}
	cfg.Limits.QueueEvents = 2048 // files wait, so a longer queue only takes memory
	return cfg, nil
}

// options are those of ingest that the flags say. Without a configuration there is one site, and it takes everything.
func (f *ingestFlags) options(cfg config.Config) ingest.Options {
	o := ingest.Options{Site: f.site, Format: f.format, LogFormat: f.logFormat, Hops: f.hops}
	if f.config == "" {
		o.Site = cfg.Sites[0].Name
	}
	return o
}

func ingestCommand(c console) *cobra.Command {
	var f ingestFlags
	var followed bool
	cmd := &cobra.Command{
		Use: "ingest FILE|- ...", Short: "Learn and detect from logs, HAR files, packet captures and exchange lines", Args: cobra.MinimumNArgs(1),
		Long: `Learn and detect from what has already happened: access logs, HAR files, packet captures, exchange lines; plain, gzip or zstd.
Everything is judged by the time it happened. Reading the same file twice counts it twice.
Damaged lines are counted and reported and never stop the run; the exit code is then 1.

With --follow files are read as they are written, through rotation and truncation, until Ctrl-C. Positions are kept in
the data directory: the next run goes on where this one stopped, and a crash neither loses nor doubles a line.`,
		Example: `  merlon ingest access.log access.log.1.gz
  zcat old.gz | merlon ingest - --format combined --site shop
  merlon ingest traffic.har --spec openapi.yaml
  merlon ingest --follow /var/log/nginx/access.log
  merlon ingest access.log --log-format '$remote_addr [$time_iso8601] "$request" $status $request_time'
  merlon ingest access.log --log-format '%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %D'
  merlon ingest -c merlon.yaml caddy.log            sites by the hosts in merlon.yaml
  merlon ingest s3/*.log.gz --format alb --trusted-hops 1`,
		RunE: func(cmd *cobra.Command, files []string) error { return runIngest(cmd.Context(), c, f, followed, files) },
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&followed, "follow", false, "read on as the files are written, until Ctrl-C; positions are kept in the data directory")
	return cmd
}

func runIngest(ctx context.Context, c console, f ingestFlags, followed bool, files []string) error {
	cfg, err := f.offline()
	if err != nil {
		return err
	}
	b, notices, faults := loadBundle(cfg)
	if len(faults) > 0 {
		return mistakes(faults)
	}
	for _, n := range notices {
		fmt.Fprintln(c.err, "notice:", n)
	}
	if err := f.check(files, followed); err != nil {
		return err
	}
	tuneRuntime(cfg.Limits)
	k, err := openBackend(ctx, cfg, b, "merlon ingest", logger(c))
	if err != nil {
		return err
	}
	var result ingest.Result
	if followed {
		result, err = k.follow(ctx, c, f.options(cfg), files)
	} else {
		result, err = k.ingest(ctx, c, f.options(cfg), ingest.Inputs(files, c.in))
	}
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

// ingest runs inputs through the engine.
func (k *backend) ingest(ctx context.Context, c console, o ingest.Options, inputs []ingest.Input) (ingest.Result, error) {
	return k.reported(c, o, func(g *ingest.Ingest, _ *progress.Bar) (ingest.Result, error) { return g.Run(ctx, inputs...) })
}

// reported runs work with a progress bar, and reports damaged lines.
func (k *backend) reported(c console, o ingest.Options, work func(*ingest.Ingest, *progress.Bar) (ingest.Result, error)) (ingest.Result, error) {
	var p ingest.Progress
	reported := 0
	bar := progress.New(c.err, &p)
	o.Engine, o.Now, o.Progress = k.engine, k.now, &p
	o.Damaged = func(d ingest.Damage) {
		if reported++; reported <= maxReported {
			bar.Line("damaged: " + outline.Printable(d.String()))
		}
	}
	o.Noted = func(input, note string) { bar.Line(outline.Printable(input + ": " + note)) }
	g, err := ingest.New(o)
	if err != nil {
		return ingest.Result{}, &exitError{exitUsage, err}
	}
	bar.Start()
	result, err := work(g, bar)
	bar.Stop()
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
func (f *ingestFlags) check(files []string, followed bool) error {
	var wrong, found []plainMistake
	if f.format != "auto" && !slices.Contains(ingest.Formats(), f.format) {
		wrong = append(wrong, plainMistake(fmt.Sprintf("format %q is not read: formats are auto, %s", f.format, joinWords(ingest.Formats()))))
	}
	if err := ingest.CheckFormat(f.format, f.logFormat); err != nil && len(wrong) == 0 {
		wrong = append(wrong, plainMistake(err.Error()))
	}
	for _, name := range files {
		if name == "-" {
			if followed {
				wrong = append(wrong, "standard input cannot be followed: it is read to its end anyway")
			}
			continue
		}
		if len(wrong) > 0 {
			continue
		}
		if err := ingest.CheckFile(f.format, f.logFormat, name, followed); err != nil {
			found = append(found, plainMistake(err.Error()))
		}
	}
	if wrong = append(wrong, found...); len(wrong) > 0 {
		return mistakes(wrong)
	}
	if n := len(slices.DeleteFunc(slices.Clone(files), func(s string) bool { return s != "-" })); n > 1 {
		return usage("standard input can be read once, and - is given %d times", n)
	}
	return nil
}
