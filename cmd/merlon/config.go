package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"

	"merlon/internal/config"
	"merlon/internal/core"
	"merlon/internal/model/bundle"
)

func configCommand(c console) *cobra.Command {
	parent := &cobra.Command{Use: "config", Short: "Check configuration files", Example: "  merlon config check merlon.yaml"}
	parent.AddCommand(&cobra.Command{
		Use: "check FILE ...", Short: "Check configuration files with their policies and descriptions; list every mistake",
		Example: "  merlon config check merlon.yaml",
		Args:    cobra.MinimumNArgs(1),
		RunE: func(_ *cobra.Command, files []string) error {
			var all []fmt.Stringer
			for _, f := range files {
				cfg, wrong := config.Load(f, os.ReadFile)
				for _, m := range wrong {
					all = append(all, m)
				}
				if len(wrong) == 0 {
					_, wrong = cfg.Apply(config.Flags{})
					for _, m := range wrong {
						all = append(all, m)
					}
				}
				_, notices, faults := loadBundle(cfg)
				for _, n := range notices {
					fmt.Fprintln(c.err, "notice:", n)
				}
				all = append(all, faults...)
			}
			if len(all) > 0 {
				return mistakes(all)
			}
			fmt.Fprintln(c.out, "no mistakes")
			return nil
		},
	})
	return parent
}

// loadBundle reads what a configuration names.
func loadBundle(cfg config.Config) (b *bundle.Bundle, notices, faults []fmt.Stringer) {
	return core.LoadBundle(cfg)
}

// plainMistake is a mistake that has said everything.
type plainMistake string

// String is the mistake.
func (m plainMistake) String() string { return string(m) }
