package store

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// Secrets are a site's two keys. They are shared by its nodes and part of a backup; they never leave otherwise.
type Secrets struct {
	// Learning keys every token that is learned. It lives as long as the learned state: with another key nothing matches.
	Learning [32]byte
	// Answer keys what is put into answers (honeytokens, decoys).
	Answer [32]byte
}

// String keeps keys out of logs.
func (Secrets) String() string { return "secrets(hidden)" }

// GoString keeps keys out of logs.
func (s Secrets) GoString() string { return s.String() }

const (
	secretsKind    = 'K'
	secretsVersion = 1
	secretsSize    = 2 + 64 + 4 // kind, version, keys, CRC-32C of all before
)

// Secrets reads the keys of a site, or makes them from random the first time. The file appears whole or not at all: it is
// written aside, synced and linked to its name, so that two makers end with one pair of keys.
func (d *Directory) Secrets(site string, random io.Reader) (Secrets, error) {
	dir := d.Path("secrets")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return Secrets{}, fmt.Errorf("secrets of site %q: %w", site, DiskFull(err))
	}
	name := filepath.Join(dir, EscapeName(site)+".key")
	b, err := os.ReadFile(name)
	if errors.Is(err, fs.ErrNotExist) {
		if err := createSecrets(dir, name, random); err != nil {
			return Secrets{}, fmt.Errorf("secrets of site %q: %w", site, DiskFull(err))
		}
		b, err = os.ReadFile(name)
	}
	if err != nil {
		return Secrets{}, fmt.Errorf("secrets of site %q: %w", site, err)
	}
	s, err := parseSecrets(b)
	if err != nil {
		// Making new keys here would silently orphan everything learned.
		return Secrets{}, fmt.Errorf("%s: %w: put it back from a backup; without it everything learned for the site is lost", name, err)
	}
	return s, nil
}

func createSecrets(dir, name string, random io.Reader) error {
	b := make([]byte, secretsSize)
	b[0], b[1] = secretsKind, secretsVersion
	if _, err := io.ReadFull(random, b[2:66]); err != nil {
		return fmt.Errorf("random numbers: %w", err)
	}
	binary.LittleEndian.PutUint32(b[66:], crc32.Checksum(b[:66], crc32.MakeTable(crc32.Castagnoli)))
	f, err := os.CreateTemp(dir, ".new-*") // mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), name); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return SyncDirectory(dir)
}

func parseSecrets(b []byte) (Secrets, error) {
	var s Secrets
	if len(b) >= 2 && b[0] == secretsKind && b[1] > secretsVersion {
		return s, ErrNewer
	}
	if len(b) != secretsSize || b[0] != secretsKind || b[1] != secretsVersion ||
		crc32.Checksum(b[:66], crc32.MakeTable(crc32.Castagnoli)) != binary.LittleEndian.Uint32(b[66:]) {
		return s, ErrDamaged
	}
	copy(s.Learning[:], b[2:34])
	copy(s.Answer[:], b[34:66])
	return s, nil
}

// EscapeName turns any text into a file name that no other text has: lower-case letters, digits, '-' and inner dots stand
// for themselves, all else is '%' and two hexadecimal digits. A name too long for a file ends in its checksum.
func EscapeName(s string) string {
	const hex = "0123456789abcdef"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'a' <= c && c <= 'z' || '0' <= c && c <= '9' || c == '-' || c == '.' && i > 0 && i < len(s)-1 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	switch out := b.String(); {
	case out == "":
		return "%" // no escape ends so: the site without a name
	case len(out) > 200:
		return fmt.Sprintf("%s%%%%%08x%08x", out[:150], crc32.ChecksumIEEE([]byte(s)), crc32.Checksum([]byte(s), crc32.MakeTable(crc32.Castagnoli)))
	default:
		return out
	}
}
