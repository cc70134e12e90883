package main

import (
	"fmt"
	"runtime"

	"github.com/spf13/cobra"
)

func versionCommand(c console) *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Say which Merlon this is", Args: cobra.NoArgs,
		Example: "  merlon version",
		RunE: func(*cobra.Command, []string) error {
			fmt.Fprintf(c.out, "merlon %s\ncommit %s\nbuilt %s\n%s %s/%s\n", version, commit, date, runtime.Version(), runtime.GOOS, runtime.GOARCH)
			return nil
		},
	}
}
