package config

import (
	"strconv"
	"strings"
)

// Mistake is one thing that is wrong in a configuration, with its place and what would be right.
type Mistake struct {
	// File is the file as it was named to Load, or "command line".
	File string
	// Line and Column are 1-based; 0 where a mistake has no place of its own.
	Line, Column int
	// Key is the path of the value, such as sites[0].upstreams[1].url; empty for a mistake of the file as a whole.
	Key string
	// Message says what is wrong. It quotes what was written, shortened and escaped for a terminal.
	Message string
	// Hint says what to write instead; empty where the message does.
	Hint string
}

// String renders file:line:column: key: message (hint), the form editors can follow.
func (m Mistake) String() string {
	var b strings.Builder
	b.WriteString(plain(m.File))
	if m.Line > 0 {
		b.WriteString(":" + strconv.Itoa(m.Line) + ":" + strconv.Itoa(m.Column))
	}
	if m.Key != "" {
		b.WriteString(": " + m.Key)
	}
	b.WriteString(": " + plain(m.Message))
	if m.Hint != "" {
		b.WriteString(" (" + m.Hint + ")")
	}
	return b.String()
}

// plain escapes what a message took over from the file or the system and a terminal would obey.
func plain(s string) string {
	if strings.IndexFunc(s, func(r rune) bool { return !strconv.IsPrint(r) }) < 0 {
		return s
	}
	q := strconv.Quote(s)
	return q[1 : len(q)-1]
}

// quote shows what was written, safe on a terminal and no longer than a line.
func quote(s string) string {
	const most = 60
	if len(s) > most {
		return strconv.QuoteToASCII(s[:most]) + "..."
	}
	return strconv.QuoteToASCII(s)
}
