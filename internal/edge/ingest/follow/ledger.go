package follow

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// Ledger is the positions of a data directory, as they are stored.
type Ledger struct {
	Kind    string     `json:"kind"`
	Version int        `json:"version"`
	Files   []Position `json:"files"`
}

const (
	ledgerKind    = "merlon-positions"
	ledgerVersion = 1
	// maxLedger bounds what is believed of a ledger: a few hundred bytes a file.
	maxLedger = 16 << 20
)

// ErrLedger is returned for a ledger that cannot be read.
var ErrLedger = errors.New("positions of followed files")

// Load reads the ledger stored at path; one that is not there is empty.
func Load(path string) (l Ledger, err error) {
	b, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return Ledger{Kind: ledgerKind, Version: ledgerVersion}, nil
	}
	if err != nil {
		return l, fmt.Errorf("%w: %w", ErrLedger, err)
	}
	if len(b) > maxLedger {
		return l, fmt.Errorf("%w: %s is longer than any ledger; move it away to read the files from their beginnings", ErrLedger, path)
	}
	if err := json.Unmarshal(b, &l); err != nil || l.Kind != ledgerKind {
		return l, fmt.Errorf("%w: %s is damaged; move it away to read the files from their beginnings", ErrLedger, path)
	}
	if l.Version > ledgerVersion {
		return l, fmt.Errorf("%w: %s was written by a newer version of Merlon; use that version, or another data directory", ErrLedger, path)
	}
	for _, p := range l.Files {
		if p.Path == "" || p.Offset < 0 || p.Line < 0 || p.HeadSize < 0 || p.HeadSize > headBytes {
			return l, fmt.Errorf("%w: %s is damaged; move it away to read the files from their beginnings", ErrLedger, path)
		}
	}
	return l, nil
}

// Save stores the ledger so that a crash at any moment leaves the old one or the new one whole.
func (l Ledger) Save(path string) error {
	l.Kind, l.Version = ledgerKind, ledgerVersion
	b, err := json.MarshalIndent(l, "", " ")
	if err != nil {
		return fmt.Errorf("%w: %w", ErrLedger, err)
	}
	if err := replace(path, b); err != nil {
		return fmt.Errorf("%w: %w", ErrLedger, err)
	}
	return nil
}

func replace(path string, b []byte) error {
	next := path + ".new"
	f, err := os.OpenFile(next, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(b)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(next, path); err != nil {
		return err
	}
	dir, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(dir.Sync(), dir.Close())
}
