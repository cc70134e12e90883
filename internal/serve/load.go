package serve

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"path/filepath"
	"time"

	"merlon/internal/config"
	"merlon/internal/core"
	"merlon/internal/model/bundle"
)

// Source is where a configuration comes from, so that it can be read again.
type Source struct {
	File  string // empty for flags alone
	Flags config.Flags
}

// Loaded is a configuration with everything it names, read once and whole.
type Loaded struct {
	cfg     config.Config
	bundle  *bundle.Bundle
	notices []fmt.Stringer
	// files are the names of what was read, and hash tells one content of all of them from another.
	files []string
	hash  [sha256.Size]byte
}

// Load reads the file, lays the flags over it, and reads and checks everything that it names. Every mistake is listed, in a
// UsageError.
func (s Source) Load() (*Loaded, error) {
	l, wrong := s.load(false)
	if len(wrong) > 0 {
		return l, Mistakes(wrong)
	}
	return l, nil
}

// Check finds everything that Load would refuse, and what it would only warn of; what would still start and soon fail, such
// as a certificate that has expired, is a mistake here.
func (s Source) Check() (cfg config.Config, notices, wrong []fmt.Stringer) {
	l, wrong := s.load(true)
	return l.cfg, l.notices, wrong
}

// load reads everything in one round: no mistake hides another.
func (s Source) load(strict bool) (l *Loaded, wrong []fmt.Stringer) {
	l = new(Loaded)
	sum := sha256.New()
	now := time.Now()
	r := core.NewReader(func(name string) ([]byte, error) {
		name = filepath.Clean(name)
		l.files = append(l.files, name)
		b, err := core.ReadBounded(name, core.MaxSpecBytes)
		fmt.Fprintf(sum, "%s %d\n", name, len(b))
		_, _ = sum.Write(b)
		return b, err
	}, now)
	cfg, notes, mistakes := config.Read(s.File, s.Flags, config.Files{Read: r.Read, Now: now, Strict: strict, Spec: r.Spec, Policy: r.Policy})
	b, notices, faults := r.Bundle(cfg)
	l.cfg, l.bundle = cfg, b
	for _, n := range notes {
		l.notices = append(l.notices, n)
	}
	l.notices = append(l.notices, notices...)
	for _, m := range mistakes {
		wrong = append(wrong, m)
	}
	sum.Sum(l.hash[:0])
	return l, append(wrong, faults...)
}

// Compile reads what a configuration that a program made names.
func Compile(cfg config.Config) (*Loaded, error) {
	b, notices, faults := core.LoadBundle(cfg, time.Now())
	if len(faults) > 0 {
		return nil, Mistakes(faults)
	}
	return &Loaded{cfg: cfg, bundle: b, notices: notices}, nil
}

// Config is the configuration itself.
func (l *Loaded) Config() config.Config { return l.cfg }

// number is the hash as a metric can carry it: its first 48 bits.
func (l *Loaded) number() float64 {
	var n uint64
	for _, b := range l.hash[:6] {
		n = n<<8 | uint64(b)
	}
	return float64(n)
}

func (l *Loaded) short() string { return hex.EncodeToString(l.hash[:6]) }
