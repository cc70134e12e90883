package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

const peopleKeyFile = "people.key"

// PeopleKey is the key that seals what people's second factors are kept as. It stands beside the database, readable by its
// owner alone, so that a copy of the database by itself gives no second factor away. It is made from random the first time.
func (d *Directory) PeopleKey(random io.Reader) (key [32]byte, err error) {
	name := d.Path(peopleKeyFile)
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		if err := createSecrets(filepath.Dir(name), name, random); err != nil {
			return key, fmt.Errorf("key of second factors: %w", DiskFull(err))
		}
		b, err = os.ReadFile(name)
	}
	if err != nil {
		return key, fmt.Errorf("key of second factors: %w", err)
	}
	s, err := parseSecrets(b)
	if err != nil {
		return key, fmt.Errorf("%s: %w: put it back from a backup, or remove it and let everybody set up a second factor anew", name, err)
	}
	return s.Learning, nil
}
