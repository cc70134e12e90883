package serve

import (
	"errors"
	"fmt"
	"strings"
)

// UsageError is an error of whoever wrote the configuration or the command line, not of the machine or the network.
type UsageError struct{ Cause error }

// Error implements error.
func (e *UsageError) Error() string { return e.Cause.Error() }

// Unwrap gives the cause.
func (e *UsageError) Unwrap() error { return e.Cause }

// Mistakes makes one UsageError of everything that is wrong, a line each.
func Mistakes[M fmt.Stringer](all []M) error {
	var b strings.Builder
	for i, m := range all {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(m.String())
	}
	if len(all) == 1 {
		return &UsageError{errors.New(b.String())}
	}
	return &UsageError{fmt.Errorf("%d mistakes:\n%s", len(all), b.String())}
}
