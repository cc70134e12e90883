package store

import (
	"bytes"
	"crypto/rand"
	"errors"
	"os"
	"testing"
	"time"
)

func TestPeopleKey(t *testing.T) {
	dir := t.TempDir()
	d, err := OpenDirectory(dir, "test", time.Unix(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	first, err := d.PeopleKey(rand.Reader)
	if err != nil || bytes.Equal(first[:], make([]byte, 32)) {
		t.Fatal(first, err)
	}
	again, err := d.PeopleKey(rand.Reader)
	if err != nil || again != first {
		t.Errorf("another key the second time: %v", err)
	}
	info, err := os.Stat(d.Path(peopleKeyFile))
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info.Mode(), err)
	}
	if err := os.WriteFile(d.Path(peopleKeyFile), []byte("damaged"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := d.PeopleKey(rand.Reader); !errors.Is(err, ErrDamaged) {
		t.Errorf("a damaged key: %v", err)
	}
}
