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
	l := new(Loaded)
	sum := sha256.New()
	read := func(name string) ([]byte, error) {
		name = filepath.Clean(name)
		l.files = append(l.files, name)
		b, err := core.ReadBounded(name, core.MaxSpecBytes)
		fmt.Fprintf(sum, "%s %d\n", name, len(b))
		_, _ = sum.Write(b)
		return b, err
	}
	files := config.Files{Read: read, Now: time.Now()}
	var notes, wrong []config.Mistake
	if l.cfg = config.Default(); s.File != "" {
		l.cfg, notes, wrong = config.Check(s.File, files)
	}
	if len(wrong) > 0 {
		return l, Mistakes(wrong)
	}
	if l.cfg, wrong = l.cfg.Apply(s.Flags); len(wrong) > 0 {
		return l, Mistakes(wrong)
	}
	for _, n := range notes {
		l.notices = append(l.notices, n)
	}
	if err := l.compile(read); err != nil {
		return l, err
	}
	sum.Sum(l.hash[:0])
	return l, nil
}

// compile reads the descriptions and policies.
func (l *Loaded) compile(read func(string) ([]byte, error)) error {
	b, more, faults := core.LoadBundleBy(l.cfg, read)
	if len(faults) > 0 {
		return Mistakes(faults)
	}
	l.bundle, l.notices = b, append(l.notices, more...)
	return nil
}

// Compile reads what a configuration that a program made names.
func Compile(cfg config.Config) (*Loaded, error) {
	l := &Loaded{cfg: cfg}
	return l, l.compile(func(name string) ([]byte, error) { return core.ReadBounded(name, core.MaxSpecBytes) })
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
