package core

import (
	"fmt"
	"os"
	"path/filepath"

	"merlon/internal/config"
	"merlon/internal/enforce/engine"
	"merlon/internal/enforce/policy"
	"merlon/internal/model/bundle"
	"merlon/internal/model/description"
)

// LoadBundle reads the descriptions and policies that a configuration names and compiles the policies, so that every
// mistake in them is found before anything starts. Notices are to be shown, faults end the start.
func LoadBundle(cfg config.Config) (b *bundle.Bundle, notices, faults []fmt.Stringer) {
	return LoadBundleBy(cfg, func(name string) ([]byte, error) { return ReadBounded(name, MaxSpecBytes) })
}

// LoadBundleBy is LoadBundle with the reading of files handed in, lists in policies included.
func LoadBundleBy(cfg config.Config, read func(string) ([]byte, error)) (b *bundle.Bundle, notices, faults []fmt.Stringer) {
	b = &bundle.Bundle{Version: 1}
	def := cfg.DefaultSite()
	for i := range cfg.Sites {
		in := &cfg.Sites[i]
		site := bundle.Site{Name: in.Name, Hosts: in.Hosts, Default: i == def, TrustedHops: in.TrustedHops}
		for j, name := range in.Specs {
			data, err := read(name)
			if err == nil {
				var d *description.Description
				if d, err = description.ParseOpenAPI(name, data); err == nil {
					site.Descriptions = append(site.Descriptions, d)
					continue
				}
			}
			faults = append(faults, plain(fmt.Sprintf("sites[%d].specs[%d]: %v", i, j, err)))
		}
		if in.Policy != "" {
			p, all := readPolicy(in.Policy, read)
			site.Policy = p
			n, f := split(all)
			notices, faults = append(notices, n...), append(faults, f...)
		}
		b.Sites = append(b.Sites, site)
	}
	return b, notices, faults
}

// ParsePolicy reads and compiles a policy that is at hand; name stands in its mistakes. Lists in it may name files.
func ParsePolicy(name string, data []byte) (p bundle.Policy, notices, faults []fmt.Stringer) {
	p, wrong := compilePolicy(name, data, os.ReadFile)
	notices, faults = split(wrong)
	return p, notices, faults
}

func compilePolicy(name string, data []byte, read func(string) ([]byte, error)) (bundle.Policy, []policy.Mistake) {
	p, wrong := policy.Parse(name, data, read)
	_, more := policy.Compile(&p, engine.Findings()...)
	return p, append(wrong, more...)
}

func readPolicy(name string, read func(string) ([]byte, error)) (bundle.Policy, []policy.Mistake) {
	data, err := read(name)
	if err != nil {
		return bundle.Policy{}, []policy.Mistake{{Source: name, Message: err.Error(), Hint: "write the path of a policy file"}}
	}
	return compilePolicy(name, data, read)
}

// split sorts what must be told from what must be mended.
func split(all []policy.Mistake) (notices, faults []fmt.Stringer) {
	for _, m := range all {
		if m.Notice {
			notices = append(notices, m)
		} else {
			faults = append(faults, m)
		}
	}
	return notices, faults
}

// MaxSpecBytes bounds one description; the largest public ones have 10 MB.
const MaxSpecBytes = 64 << 20

// ReadBounded reads a file of at most limit bytes.
func ReadBounded(name string, limit int64) ([]byte, error) {
	st, err := os.Stat(name)
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a file", name)
	}
	if st.Size() > limit {
		return nil, fmt.Errorf("%s has %d bytes, more than %d", name, st.Size(), limit)
	}
	return os.ReadFile(filepath.Clean(name))
}

// plain is a mistake that has said everything.
type plain string

// String is the mistake.
func (m plain) String() string { return string(m) }
