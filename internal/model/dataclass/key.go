package dataclass

import (
	"encoding/binary"
	"fmt"
	"io"
	"log/slog"
)

// Key is a site's learning key. Every way to print it gives "redacted".
type Key [16]byte

// Token is the keyed hash (SipHash-1-3) that stands for a value wherever the value itself must not go: equal values have
// equal tokens under one key, and without the key nobody can try values. It is never 0, which means "no value".
func (k Key) Token(value []byte) uint64 {
	t := sip13(binary.LittleEndian.Uint64(k[:8]), binary.LittleEndian.Uint64(k[8:]), value)
	if t == 0 {
		return 1
	}
	return t
}

const redacted = "redacted"

func (k Key) String() string { return redacted }

// Format answers every verb of fmt.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// MarshalText keeps the key out of JSON and YAML. Keys are stored by their bytes, on purpose only.
func (k Key) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// LogValue keeps the key out of logs.
func (k Key) LogValue() slog.Value { return slog.StringValue(redacted) }
