package main

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"
)

// terminal tells whether somebody reads what goes to err.
func (c console) terminal() bool {
	f, ok := c.err.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// printable makes text from traffic safe for a terminal: control characters and what is not printable are escaped.
func printable(s string) string {
	clean := true
	for _, r := range s {
		if !strconv.IsPrint(r) {
			clean = false
			break
		}
	}
	if clean {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if strconv.IsPrint(r) {
			b.WriteRune(r)
			continue
		}
		q := strconv.QuoteRuneToASCII(r)
		b.WriteString(q[1 : len(q)-1])
	}
	return b.String()
}

func joinWords(words []string) string { return strings.Join(words, ", ") }
