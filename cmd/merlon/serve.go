package main

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"github.com/spf13/cobra"

	"merlon/internal/config"
	"merlon/internal/core/handover"
	"merlon/internal/serve"
	"merlon/internal/telemetry"
)

func serveCommand(c console) *cobra.Command {
	var src serve.Source
	cmd := &cobra.Command{
		Use: "serve", Short: "Put Merlon before an API: gateway and control plane in one process", Args: cobra.NoArgs,
		Long: `Put Merlon before an API: gateway and control plane in one process.
SIGHUP reads configuration, policies, descriptions and certificates again; so does a change of the files (reload.watch).
SIGUSR2 hands over to a new process of the same program file, which may have been replaced. SIGTERM drains and stops.`,
		Example: `  merlon serve --upstream http://127.0.0.1:3000
  merlon serve -c merlon.yaml`,
		RunE: func(cmd *cobra.Command, _ []string) error { return coded(runServe(cmd.Context(), src, c)) },
	}
	f := &src.Flags
	cmd.Flags().StringVarP(&src.File, "config", "c", "", "configuration file (docs/reference/config.md)")
	siteFlags(cmd, f)
	cmd.Flags().StringVar(&f.Upstream, "upstream", "", "URL of the API to protect, such as http://127.0.0.1:3000")
	cmd.Flags().StringVar(&f.Listen, "listen", "", "address to serve clients on (default 127.0.0.1:8080)")
	cmd.Flags().StringVar(&f.Admin, "admin", "", "address of dashboard and API (default 127.0.0.1:9901)")
	return cmd
}

// siteFlags are the flags that every command with a site and a data directory has.
func siteFlags(cmd *cobra.Command, f *config.Flags) {
	cmd.Flags().StringSliceVar(&f.Specs, "spec", nil, "OpenAPI description of the API; may be repeated")
	cmd.Flags().StringVar(&f.Policy, "policy", "", "policy file (docs/reference/policy.md)")
	cmd.Flags().StringVar(&f.Data, "data", "", "data directory (default ./data)")
}

// runServe runs until ctx ends, or until another process has taken over.
func runServe(ctx context.Context, src serve.Source, c console) error {
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGUSR2)
	defer signal.Stop(signals)
	notify := os.Getenv("NOTIFY_SOCKET")
	sockets, parent, err := handover.Inherit(handover.Environ{Get: os.Getenv, Unset: os.Unsetenv, PID: os.Getpid()})
	if err != nil {
		return tellParent(parent, err)
	}
	l, err := src.Load()
	if err != nil {
		return tellParent(parent, err)
	}
	o := processOptions(l, c)
	o.Source, o.Sockets, o.Parent, o.Notify, o.Again = src, sockets, parent, notify, again
	p := serve.New(l, o)
	if err := p.Start(); err != nil {
		return tellParent(parent, err)
	}
	return p.Run(ctx, signals)
}

// processOptions are those of every process that this program runs.
func processOptions(l *serve.Loaded, c console) serve.Options {
	o := serve.Options{
		Build: telemetry.Build{Version: version, Commit: commit, GoVersion: runtime.Version()},
		Level: new(slog.LevelVar), Ceiling: tuneRuntime(l.Config().Limits),
	}
	if c.terminal() {
		o.Person = c.err
	}
	o.Log = loggerBy(c, l.Config().Logs, o.Level)
	return o
}

// again is how this program is started anew, which may have been replaced.
func again() (handover.Start, error) {
	path, err := os.Executable()
	return handover.Start{Path: path, Args: os.Args, Env: os.Environ()}, err
}

// tellParent lets the process that handed over know that it has to go on.
func tellParent(parent *handover.Parent, err error) error {
	if parent != nil {
		parent.Failed(err)
	}
	return err
}
