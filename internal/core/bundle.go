package core

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"merlon/internal/config"
	"merlon/internal/enforce/engine"
	"merlon/internal/enforce/policy"
	"merlon/internal/model/bundle"
	"merlon/internal/model/description"
)

// Reader reads the descriptions and policies that a configuration names, each file once, and tells each mistake once.
type Reader struct {
	read     func(string) ([]byte, error)
	now      time.Time
	unread   map[string]bool // told by whoever called Read
	specs    map[string]*description.Description
	policies map[string]bundle.Policy
	notices  []fmt.Stringer
	faults   []fmt.Stringer
}

// NewReader makes a reader; exceptions that have expired at now are noticed.
func NewReader(read func(string) ([]byte, error), now time.Time) *Reader {
	return &Reader{
		read: read, now: now, unread: make(map[string]bool),
		specs: make(map[string]*description.Description), policies: make(map[string]bundle.Policy),
	}
}

// Read reads a file. What cannot be read is for the caller to tell, and Bundle tells it no more.
func (r *Reader) Read(name string) ([]byte, error) {
	data, err := r.read(name)
	r.unread[name] = err != nil
	return data, err
}

// Spec parses a description. Its mistake is for the caller to tell, and Bundle tells it no more.
func (r *Reader) Spec(name string, content []byte) error {
	d, err := description.ParseOpenAPI(name, content)
	r.specs[name] = d
	return err
}

// Policy reads and compiles a policy; Bundle tells what is wrong in it.
func (r *Reader) Policy(name string, content []byte) {
	if _, known := r.policies[name]; known {
		return
	}
	p, wrong := compilePolicy(name, content, r.read)
	wrong = append(wrong, policy.Expired(&p, r.now)...)
	r.policies[name] = p
	notices, faults := split(wrong)
	r.notices, r.faults = append(r.notices, notices...), append(r.faults, faults...)
}

// Bundle makes a bundle of everything that cfg names. Notices are to be shown, faults end the start.
func (r *Reader) Bundle(cfg config.Config) (b *bundle.Bundle, notices, faults []fmt.Stringer) {
	b = &bundle.Bundle{Version: 1}
	def := cfg.DefaultSite()
	var wrong []fmt.Stringer
	for i := range cfg.Sites {
		in := &cfg.Sites[i]
		site := bundle.Site{Name: in.Name, Hosts: in.Hosts, Default: i == def, TrustedHops: in.TrustedHops}
		for j, name := range in.Specs {
			d, known := r.specs[name]
			if !known && !r.unread[name] {
				data, err := r.read(name)
				if err == nil {
					err = r.Spec(name, data)
				}
				if d = r.specs[name]; err != nil {
					wrong = append(wrong, plain(fmt.Sprintf("sites[%d].specs[%d]: %v", i, j, err)))
				}
			}
			if d != nil {
				site.Descriptions = append(site.Descriptions, d)
			}
		}
		if in.Policy != "" && !r.unread[in.Policy] {
			if _, known := r.policies[in.Policy]; !known {
				if data, err := r.read(in.Policy); err == nil {
					r.Policy(in.Policy, data)
				} else {
					r.policies[in.Policy] = bundle.Policy{}
					wrong = append(wrong, policy.Mistake{Source: in.Policy, Message: err.Error(), Hint: "write the path of a policy file"})
				}
			}
			site.Policy = r.policies[in.Policy]
		}
		b.Sites = append(b.Sites, site)
	}
	return b, r.notices, append(wrong, r.faults...)
}

// LoadBundle reads the descriptions and policies that a configuration names and compiles the policies, so that every
// mistake in them is found before anything starts.
func LoadBundle(cfg config.Config, now time.Time) (b *bundle.Bundle, notices, faults []fmt.Stringer) {
	return NewReader(func(name string) ([]byte, error) { return ReadBounded(name, MaxSpecBytes) }, now).Bundle(cfg)
}

// ParsePolicy reads and compiles a policy that is at hand; name stands in its mistakes. Lists in it may name files.
func ParsePolicy(name string, data []byte, now time.Time) (p bundle.Policy, notices, faults []fmt.Stringer) {
	p, wrong := compilePolicy(name, data, os.ReadFile)
	notices, faults = split(append(wrong, policy.Expired(&p, now)...))
	return p, notices, faults
}

// compilePolicy lists every mistake in the order of the file.
func compilePolicy(name string, data []byte, read func(string) ([]byte, error)) (bundle.Policy, []policy.Mistake) {
	p, wrong := policy.Parse(name, data, read)
	_, more := policy.Compile(&p, engine.Findings()...)
	wrong = append(wrong, more...)
	slices.SortStableFunc(wrong, policy.Mistake.Compare)
	return p, slices.Compact(wrong)
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
