package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"merlon/cmd/merlon/manual"
)

func manCommand(c console) *cobra.Command {
	return &cobra.Command{
		Use: "man DIR", Short: "Write the manual pages of every command into a folder", Args: cobra.ExactArgs(1),
		Example: `  merlon man /usr/local/share/man/man1
  merlon man . && man ./merlon-serve.1`,
		RunE: func(cmd *cobra.Command, args []string) error {
			if st, err := os.Stat(args[0]); err != nil || !st.IsDir() {
				return usage("%q is no folder: make it first", args[0])
			}
			n := 0
			for _, one := range manual.Every(cmd.Root()) {
				name := filepath.Join(args[0], strings.ReplaceAll(one.CommandPath(), " ", "-")+".1")
				if err := os.WriteFile(name, []byte(manual.Page(one, version)), 0o644); err != nil { //nolint:gosec // manuals are for everybody
					return failed(err)
				}
				n++
			}
			fmt.Fprintf(c.err, "%d manual pages are in %s\n", n, args[0])
			return nil
		},
	}
}

// completions gives the commands that cobra makes for shells the examples that every command has.
func completions(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, cmd := range root.Commands() {
		if cmd.Name() != "completion" {
			continue
		}
		cmd.Example = "  merlon completion bash > /etc/bash_completion.d/merlon"
		cmd.Args, cmd.RunE = cobra.NoArgs, help
		for _, shell := range cmd.Commands() {
			shell.Example = map[string]string{
				"bash": "  source <(merlon completion bash)",
				"zsh":  `  merlon completion zsh > "${fpath[1]}/_merlon"`,
				"fish": "  merlon completion fish > ~/.config/fish/completions/merlon.fish",
			}[shell.Name()]
			if shell.Name() == "powershell" {
				cmd.RemoveCommand(shell) // Merlon runs where there is none
			}
		}
	}
}

// completeFormats offers the values of every --format, which each command lists in its help.
func completeFormats(root *cobra.Command) {
	for _, cmd := range manual.Every(root) {
		f := cmd.Flags().Lookup("format")
		if f == nil {
			continue
		}
		words, ok := strings.CutPrefix(f.Usage, "one of ")
		if !ok {
			continue
		}
		all := strings.FieldsFunc(words, func(r rune) bool { return r == ',' || r == ' ' })
		_ = cmd.RegisterFlagCompletionFunc("format", cobra.FixedCompletions(all, cobra.ShellCompDirectiveNoFileComp)) // the flag is there
	}
}
