package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// ReadSecrets reads the keys of a site without holding the directory's lock: they never change once they are there.
// ErrNotFound means that the site has none.
func ReadSecrets(dir, site string) (Secrets, error) {
	name := filepath.Join(dir, "secrets", EscapeName(site)+".key")
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		return Secrets{}, fmt.Errorf("secrets of site %q: %w", site, ErrNotFound)
	}
	if err != nil {
		return Secrets{}, fmt.Errorf("secrets of site %q: %w", site, err)
	}
	s, err := parseSecrets(b)
	if err != nil {
		return Secrets{}, fmt.Errorf("%s: %w", name, err)
	}
	return s, nil
}
