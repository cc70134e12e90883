package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"time"

	"github.com/spf13/cobra"

	"merlon/internal/config"
	"merlon/internal/core"
	"merlon/internal/model/bundle"
	"merlon/internal/serve"
)

func configCommand(c console) *cobra.Command {
	parent := &cobra.Command{Use: "config", Short: "Check configuration files", Example: "  merlon config check merlon.yaml", Args: cobra.NoArgs, RunE: help}
	var bind bool
	cmd := &cobra.Command{
		Use: "check FILE ...", Short: "Check configuration files with their policies, descriptions and certificates; list every mistake",
		Example: `  merlon config check merlon.yaml
  merlon config check --bind /etc/merlon/merlon.yaml      and whether the addresses are free`,
		Args: cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, files []string) error {
			var all []fmt.Stringer
			for _, f := range files {
				cfg, notices, wrong := serve.Source{File: f}.Check()
				for _, n := range notices {
					fmt.Fprintln(c.err, "notice:", n)
				}
				if bind && len(wrong) == 0 {
					wrong = tryListening(cmd.Context(), f, cfg)
				}
				all = append(all, wrong...)
			}
			if len(all) > 0 {
				return mistakes(all)
			}
			fmt.Fprintln(c.out, "no mistakes")
			return nil
		},
	}
	cmd.Flags().BoolVar(&bind, "bind", false, "also try to listen on every address; do not use while Merlon runs")
	parent.AddCommand(cmd)
	return parent
}

// tryListening opens every address and closes it again.
func tryListening(ctx context.Context, file string, cfg config.Config) (wrong []fmt.Stringer) {
	var lc net.ListenConfig
	try := func(key, network, address string) {
		var err error
		var l io.Closer
		switch {
		case address == "":
			return
		case network == "udp":
			l, err = lc.ListenPacket(ctx, network, address)
		default:
			l, err = lc.Listen(ctx, network, address)
		}
		if err != nil {
			wrong = append(wrong, config.Mistake{File: file, Key: key, Message: err.Error(), Hint: "stop what listens there, or use another port"})
			return
		}
		_ = l.Close()
	}
	for i, l := range cfg.Listen {
		key := fmt.Sprintf("listen[%d].address", i)
		try(key, "tcp", l.Address)
		if l.HTTP3 {
			try(key, "udp", l.Address)
		}
	}
	try("admin.address", "tcp", cfg.Admin.Address)
	try("decide.address", "tcp", cfg.Decide.Address)
	try("mirror.address", "tcp", cfg.Mirror.Address)
	try("otlp.address", "tcp", cfg.OTLP.Address)
	return wrong
}

// loadConfig reads the file, if one is named, and lays the flags over it. It does not look at what the file names.
func loadConfig(file string, f config.Flags) (config.Config, error) {
	cfg, _, wrong := config.Read(file, f, config.Files{Read: os.ReadFile, Blind: true})
	if len(wrong) > 0 {
		return cfg, mistakes(wrong)
	}
	return cfg, nil
}

// readConfig reads a file for what it says, whoever may be missing in it.
func readConfig(file string) (config.Config, error) {
	cfg, wrong := config.Load(file, os.ReadFile)
	if len(wrong) > 0 {
		return cfg, mistakes(wrong)
	}
	return cfg, nil
}

// loadBundle reads what a configuration names.
func loadBundle(cfg config.Config) (b *bundle.Bundle, notices, faults []fmt.Stringer) {
	return core.LoadBundle(cfg, time.Now())
}

// plainMistake is a mistake that has said everything.
type plainMistake string

// String is the mistake.
func (m plainMistake) String() string { return string(m) }
