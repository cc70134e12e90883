// Command merlon is API security in one program: it finds every API, learns what normal is and lets policy decide.
//
// Each subcommand is one file. A command returns an error that carries its exit code (see exit.go); main prints it.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"
)

// Set by the linker: see the Makefile.
var version, commit, date = "unknown", "unknown", "unknown"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], console{in: os.Stdin, out: os.Stdout, err: os.Stderr})
	stop()
	os.Exit(code)
}

// console is where a command reads and writes. Machine formats go to out alone; progress and notices to err.
type console struct {
	in       io.Reader
	out, err io.Writer
}

// run executes one command line and returns its exit code.
func run(ctx context.Context, args []string, c console) int {
	root := rootCommand(c)
	root.SetArgs(args)
	root.SetIn(c.in)
	root.SetOut(c.out)
	root.SetErr(c.err)
	cmd, err := root.ExecuteContextC(ctx)
	if err == nil {
		return exitClean
	}
	var coded *exitError
	if !errors.As(err, &coded) {
		// What cobra itself refuses: unknown commands, flags and missing arguments.
		fmt.Fprintf(c.err, "merlon: %v\nSee: %s --help\n", err, cmd.CommandPath())
		return exitUsage
	}
	if msg := coded.Error(); msg != "" {
		fmt.Fprintln(c.err, "merlon:", msg)
	}
	return coded.code
}

func rootCommand(c console) *cobra.Command {
	root := &cobra.Command{
		Use:   "merlon",
		Short: "API security: find every API, learn what normal is, let only known-good requests through",
		Long: `Merlon finds every API an organisation runs, learns what normal is, lets only known-good
requests through, and gives security, developers and operations one control plane.`,
		Example: `  merlon demo                                        a hospital's API with attackers, all on loopback
  merlon serve --upstream http://127.0.0.1:3000      put Merlon before your own API
  merlon ingest access.log.gz                        learn from what has already happened
  merlon inventory list                              what was found`,
		SilenceUsage: true, SilenceErrors: true, Version: version,
	}
	root.AddCommand(commands(c)...)
	root.SetOut(c.out) // the commands for shells remember it
	completions(root)
	completeFormats(root)
	return root
}

// commands lists every subcommand.
func commands(c console) []*cobra.Command {
	return []*cobra.Command{
		serveCommand(c),
		demoCommand(c),
		ingestCommand(c),
		inventoryCommand(c),
		inspectCommand(c),
		tokenCommand(c),
		auditCommand(c),
		labCommand(c),
		configCommand(c),
		manCommand(c),
		versionCommand(c),
	}
}

// help is what a command that only has subcommands does; a word that is none of them is wrong use.
func help(cmd *cobra.Command, _ []string) error { return cmd.Help() }
