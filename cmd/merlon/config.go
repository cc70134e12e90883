package main

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"merlon/internal/config"
	"merlon/internal/enforce/policy"
	"merlon/internal/model/bundle"
	"merlon/internal/model/description"
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

// loadBundle reads the descriptions and policies that a configuration names and compiles the policies, so that every
// mistake in them is found before anything starts.
func loadBundle(cfg config.Config) (b *bundle.Bundle, notices, faults []fmt.Stringer) {
	b = &bundle.Bundle{Version: 1}
	def := cfg.DefaultSite()
	for i := range cfg.Sites {
		in := &cfg.Sites[i]
		site := bundle.Site{Name: in.Name, Hosts: in.Hosts, Default: i == def, TrustedHops: in.TrustedHops}
		for j, name := range in.Specs {
			data, err := readBounded(name, maxSpecBytes)
			if err == nil {
				var d *description.Description
				if d, err = description.ParseOpenAPI(name, data); err == nil {
					site.Descriptions = append(site.Descriptions, d)
					continue
				}
			}
			faults = append(faults, plainMistake(fmt.Sprintf("sites[%d].specs[%d]: %v", i, j, err)))
		}
		if in.Policy != "" {
			p, wrong := readPolicy(in.Policy)
			site.Policy = p
			_, more := policy.Compile(&p)
			wrong = append(wrong, more...)
			for _, m := range wrong {
				if m.Notice {
					notices = append(notices, m)
				} else {
					faults = append(faults, m)
				}
			}
		}
		b.Sites = append(b.Sites, site)
	}
	return b, notices, faults
}

func readPolicy(name string) (bundle.Policy, []policy.Mistake) {
	data, err := os.ReadFile(filepath.Clean(name))
	if err != nil {
		return bundle.Policy{}, []policy.Mistake{{Source: name, Message: err.Error(), Hint: "write the path of a policy file"}}
	}
	return policy.Parse(name, data, os.ReadFile)
}

const maxSpecBytes = 64 << 20

// readBounded reads a file of at most limit bytes.
func readBounded(name string, limit int64) ([]byte, error) {
	st, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if st.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes, more than %d", name, st.Size(), limit)
	}
	return os.ReadFile(filepath.Clean(name))
}

// plainMistake is a mistake that has said everything.
type plainMistake string

// String is the mistake.
func (m plainMistake) String() string { return string(m) }
