// Package manual writes the manual pages of a program's commands.
package manual

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
)

// Every lists a command and all below it that people see.
func Every(cmd *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{cmd}
	for _, sub := range cmd.Commands() {
		if sub.IsAvailableCommand() {
			all = append(all, Every(sub)...)
		}
	}
	return all
}

// Page is the page of one command in roff, as man(7) describes it.
func Page(cmd *cobra.Command, version string) string {
	var b strings.Builder
	name := strings.ReplaceAll(cmd.CommandPath(), " ", "-")
	fmt.Fprintf(&b, ".TH %s 1 \"\" \"merlon %s\" \"Merlon\"\n", roff(strings.ToUpper(name)), roff(version))
	fmt.Fprintf(&b, ".SH NAME\n%s \\- %s\n", roff(name), roff(cmd.Short))
	fmt.Fprintf(&b, ".SH SYNOPSIS\n.B %s\n", roff(cmd.UseLine()))
	fmt.Fprintf(&b, ".SH DESCRIPTION\n%s\n", roff(cmp.Or(cmd.Long, cmd.Short+".")))
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
