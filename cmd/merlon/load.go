package main

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"merlon/internal/config"
	"merlon/internal/core"
	"merlon/internal/model/bundle"
)

// source is where a configuration comes from, so that it can be read again.
type source struct {
	file  string
	flags config.Flags
}

// loaded is a configuration with everything it names, read once and whole.
type loaded struct {
	cfg     config.Config
	bundle  *bundle.Bundle
	notices []fmt.Stringer
	// files are the names of what was read, and hash tells one content of all of them from another.
	files []string
	hash  [sha256.Size]byte
}

// load reads the file, lays the flags over it, and reads and checks everything that it names. Every mistake is listed.
func (s source) load() (*loaded, error) {
	l := new(loaded)
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
	if l.cfg = config.Default(); s.file != "" {
		l.cfg, notes, wrong = config.Check(s.file, files)
	}
	if len(wrong) > 0 {
		return l, mistakes(wrong)
	}
	if l.cfg, wrong = l.cfg.Apply(s.flags); len(wrong) > 0 {
		return l, mistakes(wrong)
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
func (l *loaded) compile(read func(string) ([]byte, error)) error {
	b, more, faults := core.LoadBundleBy(l.cfg, read)
	if len(faults) > 0 {
		return mistakes(faults)
	}
	l.bundle, l.notices = b, append(l.notices, more...)
	return nil
}

// loadConfig reads the file, if one is named, and lays the flags over it. It does not look at what the file names.
func loadConfig(file string, f config.Flags) (config.Config, error) {
	cfg := config.Default()
	if file != "" {
		var wrong []config.Mistake
		if cfg, wrong = config.Load(file, os.ReadFile); len(wrong) > 0 {
			return cfg, mistakes(wrong)
		}
	}
	cfg, wrong := cfg.Apply(f)
	if len(wrong) > 0 {
		return cfg, mistakes(wrong)
	}
	return cfg, nil
}

// startOn starts on a configuration that a program made.
func startOn(cfg config.Config, c console) (*process, error) {
	l := &loaded{cfg: cfg}
	if err := l.compile(func(name string) ([]byte, error) { return core.ReadBounded(name, core.MaxSpecBytes) }); err != nil {
		return nil, err
	}
	p := newProcess(cfg, c)
	return p, p.start(l)
}

// number is the hash as a metric can carry it: its first 48 bits.
func (l *loaded) number() float64 {
	var n uint64
	for _, b := range l.hash[:6] {
		n = n<<8 | uint64(b)
	}
	return float64(n)
}

func (l *loaded) short() string { return hex.EncodeToString(l.hash[:6]) }
