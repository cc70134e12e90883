package people

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"io"
	"strings"

	"golang.org/x/crypto/argon2"
)

// Hashing is the cost of argon2id (RFC 9106).
type Hashing struct {
	Memory  uint32 // KiB
	Passes  uint32
	Threads uint8
}

// DefaultHashing is the second recommended choice of RFC 9106 section 4 (64 MiB, three passes, four lanes): some 100 ms
// of one core, and more than the 19 MiB that OWASP's password storage cheat sheet asks for at least.
func DefaultHashing() Hashing { return Hashing{Memory: 64 << 10, Passes: 3, Threads: 4} }

const (
	saltLength = 16
	hashLength = 32
	// Bounds of the parameters in a stored hash, so that a damaged row cannot take all memory.
	maxMemory, maxPasses = 1 << 20, 64
)

// hash makes the PHC string of a password: $argon2id$v=19$m=...,t=...,p=...$salt$hash.
func (a *People) hash(ctx context.Context, password string) (string, error) {
	salt := make([]byte, saltLength)
	if _, err := io.ReadFull(a.o.Random, salt); err != nil {
		return "", fmt.Errorf("random numbers: %w", err)
	}
	key, err := a.derive(ctx, password, salt, a.o.Hashing)
	if err != nil {
		return "", err
	}
	h, b := a.o.Hashing, base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.Memory, h.Passes, h.Threads, b.EncodeToString(salt), b.EncodeToString(key)), nil
}

// verify compares a password with a stored hash. With a hash that is none ("" for an unknown account) it does the same
// work and answers false, so that time does not tell which accounts exist.
func (a *People) verify(ctx context.Context, password, stored string) (bool, error) {
	h, salt, want, ok := parseHash(stored)
	if !ok {
		h, salt, want = a.o.Hashing, make([]byte, saltLength), make([]byte, hashLength)
	}
	key, err := a.derive(ctx, password, salt, h)
	return err == nil && subtle.ConstantTimeCompare(key, want) == 1 && ok, err
}

// dated tells whether a stored hash was made at another cost than new ones are.
func (a *People) dated(stored string) bool {
	h, salt, _, ok := parseHash(stored)
	return ok && (h != a.o.Hashing || len(salt) != saltLength)
}

// derive hashes, a few at a time; the rest waits.
func (a *People) derive(ctx context.Context, password string, salt []byte, h Hashing) ([]byte, error) {
	select {
	case a.hashers <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	defer func() { <-a.hashers }()
	return argon2.IDKey([]byte(password), salt, h.Passes, h.Memory, h.Threads, hashLength), nil
}

func parseHash(s string) (h Hashing, salt, key []byte, ok bool) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 || parts[0] != "" || parts[1] != "argon2id" || parts[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return h, nil, nil, false
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.Memory, &h.Passes, &h.Threads); err != nil {
		return h, nil, nil, false
	}
	if h.Memory == 0 || h.Memory > maxMemory || h.Passes == 0 || h.Passes > maxPasses || h.Threads == 0 {
		return h, nil, nil, false
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil || len(salt) < 8 {
		return h, nil, nil, false
	}
	key, err = base64.RawStdEncoding.DecodeString(parts[5])
	return h, salt, key, err == nil && len(key) == hashLength
}
