package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
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
			for _, one := range everyCommand(cmd.Root()) {
				name := filepath.Join(args[0], strings.ReplaceAll(one.CommandPath(), " ", "-")+".1")
				if err := os.WriteFile(name, []byte(manual(one)), 0o644); err != nil { //nolint:gosec // manuals are for everybody
					return failed(err)
				}
				n++
			}
			fmt.Fprintf(c.err, "%d manual pages are in %s\n", n, args[0])
			return nil
		},
	}
}

// everyCommand lists a command and all below it that people see.
func everyCommand(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			all = append(all, everyCommand(sub)...)
		}
	}
	return all
}

// manual is the page of one command in roff, as man(7) describes it.
func manual(cmd *cobra.Command) string {
	var b strings.Builder
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"merlon %s\" \"Merlon\"\n", roff(strings.ToUpper(name)), roff(version))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(name), roff(cmd.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", roff(cmd.UseLine()))
	fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n", roff(orElse(cmd.Long, cmd.Short+".")))
	options(&b, "OPTIONS", cmd.NonInheritedFlags().FlagUsages())
	options(&b, "OPTIONS OF EVERY COMMAND", cmd.InheritedFlags().FlagUsages())
	if cmd.Example != "" {
		fmt.Fprintf(&b, ".SH EXAMPLES\n.nf\n%s\n.fi\n", roff(cmd.Example))
	}
	fmt.Fprint(&b, ".SH EXIT STATUS\n0 done and clean; 1 done, but findings, a check that failed, or damaged input; 2 wrong use, configuration or input; 3 could not finish.\n")
	var also []string
	if cmd.HasParent() {
		also = append(also, strings.ReplaceAll(cmd.Parent().CommandPath(), " ", "-"))
	}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			also = append(also, strings.ReplaceAll(sub.CommandPath(), " ", "-"))
		}
	}
	if len(also) > 0 {
		fmt.Fprintf(&b, ".SH SEE ALSO\n%s(1)\n", roff(strings.Join(also, "(1), ")))
	}
	return b.String()
}

// options are the flags as --help shows them.
func options(b *strings.Builder, title, flags string) {
	if flags != "" {
		fmt.Fprintf(b, ".SH %s\n.nf\n%s\n.fi\n", title, roff(strings.TrimRight(flags, "\n")))
	}
}

// roff escapes what roff would obey: backslashes, dashes that are to stay dashes, and lines that begin with a dot or an
// apostrophe.
func roff(s string) string {
	s = strings.NewReplacer(`\`, `\e`, "-", `\-`).Replace(s)
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if strings.HasPrefix(l, ".") || strings.HasPrefix(l, "'") {
			lines[i] = `\&` + l
		}
	}
	return strings.Join(lines, "\n")
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
	for _, cmd := range everyCommand(root) {
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
