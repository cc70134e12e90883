package telemetry

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"strings"
	"testing"
	"time"
)

const jwt = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJlLW9mLWFsaWNl"

func TestSecretsAreMasked(t *testing.T) {
	type settings struct{ Password string }
	for _, c := range []struct {
		name string
		log  func(*slog.Logger)
		hide string // must not be in the line
		keep string // must be in the line
	}{
		{"by name", func(l *slog.Logger) { l.Info("m", "password", "hunter22") }, "hunter22", "password"},
		{"by part of a name", func(l *slog.Logger) { l.Info("m", "X-Api-Key", "hunter22", "n", 7) }, "hunter22", "7"},
		{"number by name", func(l *slog.Logger) { l.Info("m", "cvv", 737) }, "737", "cvv"},
		{"in a group", func(l *slog.Logger) { l.WithGroup("cookies").Info("m", "sid", "hunter22") }, "hunter22", "sid"},
		{"in an attribute group", func(l *slog.Logger) { l.Info("m", slog.Group("auth", "user", "hunter22")) }, "hunter22", "user"},
		{"bound before", func(l *slog.Logger) { l.With("set_up_link", "http://h/hunter22").Info("m") }, "hunter22", "set_up_link"},
		{"in the message", func(l *slog.Logger) { l.Info("got Authorization: Bearer hunter22hunter22") }, "hunter22", "Bearer [masked]"},
		{"long word after a scheme", func(l *slog.Logger) { l.Info("bearer abcdefghijklmnopqrstuvwxyz") }, "klmno", "bearer [masked]"},
		{"in an error", func(l *slog.Logger) { l.Info("m", "err", fmt.Errorf("dial %w", errors.New("http://u:hunter22@h/x"))) }, "hunter22", "@h/x"},
		{"token in a value", func(l *slog.Logger) { l.Info("m", "where", "header "+jwt+" seen") }, "c2lnbmF0dXJl", "seen"},
		{"in a query", func(l *slog.Logger) { l.Info("m", "target", "/a?x=1&access_token=hunter22&y=2") }, "hunter22", "y=2"},
		{"struct in passing", func(l *slog.Logger) { l.Info("m", "settings", settings{"hunter22"}) }, "hunter22", "telemetry.settings"},
		{"map in passing", func(l *slog.Logger) { l.Info("m", "h", map[string]string{"a": "hunter22"}) }, "hunter22", "map[string]string"},
		{"plain text stays", func(l *slog.Logger) { l.Info("ready", "site", "acme", "basic", "no") }, "[masked]", "acme"},
		{"basics of prose stay", func(l *slog.Logger) { l.Info("basic authentication failed") }, "[masked]", "basic authentication failed"},
		{"address stays", func(l *slog.Logger) { l.Info("m", "peer", netip.MustParseAddr("192.0.2.1")) }, "[masked]", "192.0.2.1"},
		{"duration stays", func(l *slog.Logger) { l.Info("m", "took", 3*time.Second) }, "[masked]", "took"},
		{"boolean stays", func(l *slog.Logger) { l.Info("m", "token_ok", true) }, "[masked]", "true"},
		{"control bytes", func(l *slog.Logger) { l.Info("m", "path", "a\x1b[2Jb\nlevel=ERROR") }, "\x1b", "level"},
		{"forged line", func(l *slog.Logger) { l.Info("a\nb") }, "a\nb", "a"},
		{"long value", func(l *slog.Logger) { l.Info("m", "head", strings.Repeat("x", maxText)+"hunter22") }, "hunter22", "bytes)"},
	} {
		for _, text := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s/text=%v", c.name, text), func(t *testing.T) {
				var b bytes.Buffer
				c.log(NewLogger(&b, LogOptions{Text: text}))
				line := b.String()
				if strings.Contains(line, c.hide) {
					t.Errorf("%q is in %s", c.hide, line)
				}
				if !strings.Contains(line, c.keep) {
					t.Errorf("%q is not in %s", c.keep, line)
				}
				if strings.Count(line, "\n") != 1 {
					t.Errorf("not one line: %q", line)
				}
				if !text && !json.Valid(b.Bytes()) {
					t.Errorf("not JSON: %s", line)
				}
			})
		}
	}
}

func TestLevel(t *testing.T) {
	var b bytes.Buffer
	l := NewLogger(&b, LogOptions{Level: slog.LevelWarn})
	l.Info("quiet")
	if b.Len() > 0 {
		t.Errorf("below the level: %s", b.String())
	}
	l.Warn("loud")
	if !strings.Contains(b.String(), `"level":"WARN"`) {
		t.Errorf("got %s", b.String())
	}
}

func FuzzClean(f *testing.F) {
	for _, s := range []string{"", "Bearer " + jwt, "x://u:p@h", "?token=1&b", "basic \xff", strings.Repeat("eyJ", 900)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := clean(s)
		if len(once) > 8*maxText {
			t.Errorf("%d bytes from %d", len(once), len(s))
		}
		if strings.Contains(clean("x "+jwt+" "+s), "c2lnbmF0dXJlLW9mLWFsaWNl") {
			t.Errorf("a token came through before %q", s)
		}
	})
}

func BenchmarkLogPlain(b *testing.B) {
	var out bytes.Buffer
	l := NewLogger(&out, LogOptions{})
	b.ReportAllocs()
	for b.Loop() {
		out.Reset()
		l.Info("upstream failed", "site", "acme", "upstream", "http://10.1.0.1:9000", "status", 502)
	}
}
