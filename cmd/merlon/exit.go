package main

import (
	"errors"
	"fmt"
	"strings"
)

// Exit codes, the same for every command.
const (
	exitClean  = 0 // done and clean
	exitFound  = 1 // done, but a check failed or input lines were damaged
	exitUsage  = 2 // wrong use, configuration or input
	exitFailed = 3 // could not finish: network, disk
)

// exitError is an error with its exit code. An empty message means that everything was said already.
type exitError struct {
	code  int
	cause error
}

// Error is the message for the user.
func (e *exitError) Error() string {
	if e.cause == nil {
		return ""
	}
	return e.cause.Error()
}

// Unwrap gives the cause.
func (e *exitError) Unwrap() error { return e.cause }

func usage(format string, args ...any) error {
	return &exitError{exitUsage, fmt.Errorf(format, args...)}
}

func failed(err error) error { return &exitError{exitFailed, err} }

// mistakes makes one error of everything that is wrong, a line each.
func mistakes[M fmt.Stringer](all []M) error {
	var b strings.Builder
	for i, m := range all {
		if i > 0 {
			b.WriteString("\n")
		}
		b.WriteString(m.String())
	}
	if len(all) == 1 {
		return &exitError{exitUsage, errors.New(b.String())}
	}
	return &exitError{exitUsage, fmt.Errorf("%d mistakes:\n%s", len(all), b.String())}
}
