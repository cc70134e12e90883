// Package telemetry is our own logs, metrics and traces: how Merlon tells its operators how it fares, without telling them anybody's secrets.
//
// [NewLogger] makes the one logger that cmd hands to everybody; [NewRegistry] makes the one registry behind /metrics.
// Nothing here is global: a package that was handed no logger logs nothing. Traces are not built yet.
package telemetry

import (
	"io"
	"log/slog"
)

// LogOptions say how log lines are written.
type LogOptions struct {
	// Text writes key=value lines for people; otherwise each line is one JSON object. cmd sets it when the writer is a terminal.
	Text bool
	// Level is the least level that is written; nil means slog.LevelInfo.
	Level slog.Leveler
}

// NewLogger returns a logger that writes to w and masks secrets: values whose name speaks of one, and credentials
// inside any text. Both handlers escape control bytes, so that text from traffic cannot move a terminal's cursor or
// forge a line. Values that are neither plain, an error nor able to render themselves are written as their type:
// a struct logged in passing may hold anything.
func NewLogger(w io.Writer, o LogOptions) *slog.Logger {
	h := &slog.HandlerOptions{Level: o.Level, ReplaceAttr: redact}
	if o.Text {
		return slog.New(slog.NewTextHandler(w, h))
	}
	return slog.New(slog.NewJSONHandler(w, h))
}

// Level is the level of a name as configurations write it: debug, info, warn, error; info for anything else.
func Level(name string) slog.Level {
	var v slog.Level
	if v.UnmarshalText([]byte(name)) != nil {
		return slog.LevelInfo
	}
	return v
}
