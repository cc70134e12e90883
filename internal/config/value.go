package config

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// problem is a mistake without its place: what is wrong and what to write instead.
type problem struct{ message, hint string }

func (p *problem) Error() string { return p.message }

func wrong(hint, format string, args ...any) error {
	return &problem{message: fmt.Sprintf(format, args...), hint: hint}
}

// Bytes is a size. In a file it is a whole number with an optional unit: 512, 64KiB, 1MiB, 2GiB.
type Bytes int64

// UnmarshalText reads a size; decimal units (kB, MB) are refused, since half of their writers mean the others.
func (b *Bytes) UnmarshalText(text []byte) error {
	s := string(text)
	shift := 0
	for unit, n := range map[string]int{"KiB": 10, "MiB": 20, "GiB": 30, "TiB": 40} {
		if rest, ok := strings.CutSuffix(s, unit); ok {
			s, shift = strings.TrimSpace(rest), n
		}
	}
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > math.MaxInt64>>shift {
		return wrong("write bytes as a plain number, or with KiB, MiB, GiB: 64KiB", "%s is not a size", quote(string(text)))
	}
	*b = Bytes(n << shift)
	return nil
}

// String renders the size in the largest unit that divides it.
func (b Bytes) String() string {
	n, unit := int64(b), ""
	for _, u := range []string{"KiB", "MiB", "GiB", "TiB"} {
		if n == 0 || n%1024 != 0 {
			break
		}
		n, unit = n/1024, u
	}
	return strconv.FormatInt(n, 10) + unit
}

// parseDuration reads Go's durations and whole days, "7d", because nobody counts a retention in hours.
func parseDuration(s string) (time.Duration, error) {
	hint := "write a number with its unit: 500ms, 10s, 5m, 1h, 7d"
	if days, ok := strings.CutSuffix(s, "d"); ok {
		n, err := strconv.Atoi(days)
		if err != nil || n < 0 || n > 36500 {
			return 0, wrong(hint, "%s is not a duration", quote(s))
		}
		return time.Duration(n) * 24 * time.Hour, nil
	}
	d, err := time.ParseDuration(s)
	if err != nil {
		return 0, wrong(hint, "%s is not a duration", quote(s))
	}
	return d, nil
}

// formatDuration writes what parseDuration reads, in its shortest form.
func formatDuration(d time.Duration) string {
	const day = 24 * time.Hour
	if d >= day && d%day == 0 {
		return strconv.FormatInt(int64(d/day), 10) + "d"
	}
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return s
}

// Storage is where the store keeps what was learned. Only sqlite is built so far.
type Storage struct {
	// Engine is "sqlite".
	Engine string
	// Path is the data directory. A relative one is relative to the configuration file, or to the working directory when it came from a flag or the default.
	Path string
}

// UnmarshalText reads sqlite:DIRECTORY.
func (s *Storage) UnmarshalText(text []byte) error {
	engine, path, _ := strings.Cut(string(text), ":")
	switch engine {
	case "sqlite":
		path = strings.TrimPrefix(path, "//")
		if path == "" || strings.ContainsRune(path, 0) {
			return wrong("write sqlite:./data", "no data directory in %s", quote(string(text)))
		}
		*s = Storage{Engine: engine, Path: path}
		return nil
	case "postgres", "postgresql", "clickhouse":
		return wrong("write sqlite:./data", "%s is not built yet", engine)
	}
	return wrong("write sqlite:./data", "%s is not a storage", quote(string(text)))
}

// String renders the storage as it is written in a file.
func (s Storage) String() string { return s.Engine + ":" + s.Path }

// Counters is where limits count.
type Counters struct{}

// UnmarshalText accepts "memory:" alone.
func (c *Counters) UnmarshalText(text []byte) error {
	scheme, rest, _ := strings.Cut(string(text), ":")
	if scheme == "memory" && rest == "" {
		return nil
	}
	if scheme == "redis" || scheme == "rediss" || scheme == "valkey" {
		return wrong(`write "memory:"`, "counters in %s are not built yet", scheme)
	}
	return wrong(`write "memory:"`, "%s is not a place for counters", quote(string(text)))
}

// String renders the only value there is.
func (Counters) String() string { return "memory:" }

// NATS is the broker that joins nodes to a fleet.
type NATS struct{}

// UnmarshalText accepts "none" alone.
func (n *NATS) UnmarshalText(text []byte) error {
	if string(text) == "none" {
		return nil
	}
	if strings.HasPrefix(string(text), "nats://") || strings.HasPrefix(string(text), "tls://") {
		return wrong(`write "none", or leave it out`, "a fleet over NATS is not built yet")
	}
	return wrong(`write "none", or leave it out`, "%s is not a broker", quote(string(text)))
}

// String renders the only value there is.
func (NATS) String() string { return "none" }

// split takes an error of this package apart for a Mistake.
func split(err error) (message, hint string) {
	var p *problem
	if errors.As(err, &p) {
		return p.message, p.hint
	}
	return err.Error(), ""
}
