package serve

import (
	"errors"
	"fmt"
	"log/slog"
	"strings"

	"merlon/internal/config"
	"merlon/internal/core"
)

// UsageError is an error of whoever wrote the configuration or the command line, not of the machine or the network.
type UsageError struct {
	Cause error
	// All are the single mistakes that Cause lists; empty when it is one thing without a place.
	All []fmt.Stringer
}

// Error implements error.
func (e *UsageError) Error() string { return e.Cause.Error() }

// Unwrap gives the cause.
func (e *UsageError) Unwrap() error { return e.Cause }

// Mistakes makes one UsageError of everything that is wrong, a line each.
func Mistakes[M fmt.Stringer](all []M) error {
	e := new(UsageError)
	var b strings.Builder
	for i, m := range all {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(m.String())
		e.All = append(e.All, m)
	}
	if e.Cause = errors.New(b.String()); len(all) != 1 {
		e.Cause = fmt.Errorf("%d mistakes:\n%s", len(all), b.String())
	}
	return e
}

// logMistakes writes a record for each mistake in err, with its place in fields of its own, so that what reads logs finds
// file and line. It tells whether there were any: another error is for the caller to log.
func logMistakes(log *slog.Logger, err error) bool {
	var usage *UsageError
	var wrong core.MistakesError
	var all []fmt.Stringer
	switch {
	case errors.As(err, &wrong):
		for _, m := range wrong {
			all = append(all, m)
		}
	case errors.As(err, &usage):
		all = usage.All
	}
	for _, m := range all {
		log.Error("a mistake in what was configured", fields(m)...)
	}
	return len(all) > 0
}

// logNotices writes a record for each.
func logNotices(log *slog.Logger, all []fmt.Stringer) {
	for _, n := range all {
		log.Warn("a notice about what is configured", fields(n)...)
	}
}

// fields are a mistake as the fields of a record; a field that says nothing is left out.
func fields(m fmt.Stringer) []any {
	var args []any
	put := func(key, value string) {
		if value != "" {
			args = append(args, key, value)
		}
	}
	at := func(line, column int) {
		if line > 0 {
			args = append(args, "line", line, "column", max(column, 1))
		}
	}
	switch m := m.(type) {
	case config.Mistake:
		put("file", m.File)
		at(m.Line, m.Column)
		put("where", m.Key) // a field called key is masked
		put("mistake", m.Message)
		put("right", m.Hint)
	case core.Mistake:
		put("file", m.Source)
		at(m.Line, m.Column)
		put("where", m.Key) // a field called key is masked
		put("mistake", m.Message)
		put("right", m.Hint)
	default:
		put("mistake", m.String())
	}
	return args
}
