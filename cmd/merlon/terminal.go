package main

import (
	"os"
	"strings"

	"golang.org/x/term"
)

// terminal tells whether somebody reads what goes to err.
func (c console) terminal() bool {
	f, ok := c.err.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

func joinWords(words []string) string { return strings.Join(words, ", ") }
