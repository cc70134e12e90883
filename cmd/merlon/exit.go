package main

import (
	"errors"
	"fmt"

	"merlon/internal/core"
	"merlon/internal/serve"
	"merlon/internal/store"
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

// coded gives an error of the running process its exit code.
func coded(err error) error {
	var usage *serve.UsageError
	var wrong core.MistakesError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &wrong):
		return mistakes(wrong)
	case errors.As(err, &usage), errors.Is(err, store.ErrLocked): // a directory in use is wrong use, one that cannot be had is not
		return &exitError{exitUsage, err}
	default:
		return failed(err)
	}
}

// mistakes makes one error of everything that is wrong, a line each.
func mistakes[M fmt.Stringer](all []M) error { return &exitError{exitUsage, serve.Mistakes(all)} }
