package logformat

import (
	"strings"

	"merlon/internal/edge/ingest/record"
)

// apache compiles a LogFormat of mod_log_config: %directive, %{argument}directive, with modifiers < > ! and statuses.
func (c *compiler) apache() {
	for i := 0; i < len(c.text); {
		if c.text[i] != '%' {
			c.literal = append(c.literal, c.text[i])
			i++
			continue
		}
		i += c.directive(i)
	}
}

// directive compiles the one at i and returns its length.
func (c *compiler) directive(i int) int {
	s := c.text[i:]
	n := 1
	for n < len(s) && (s[n] == '<' || s[n] == '>' || s[n] == '!' || s[n] == ',' || s[n]-'0' <= 9) {
		n++
	}
	argument := ""
	if n < len(s) && s[n] == '{' {
		k := strings.IndexByte(s[n:], '}')
		if k < 0 {
			c.mistake(i, "%s is not closed by }", s)
			return len(s)
		}
		argument = s[n+1 : n+k]
		n += k + 1
	}
	if n == len(s) {
		c.mistake(i, "%s ends without a directive; known are %s", s, apacheKnown)
		return n
	}
	word := s[n : n+1]
	if word == "^" && len(s) >= n+3 {
		word = s[n : n+3]
	}
	n += len(word)
	if word == "%" {
		c.literal = append(c.literal, '%')
		return n
	}
	if word == "t" {
		c.apacheTime(i, s[:n], argument)
		return n
	}
	m, known := apacheMeaning(word, argument)
	if !known {
		c.mistake(i, "directive %s is not known; known are %s", s[:n], apacheKnown)
	}
	c.value(i, m, until)
	return n
}

const apacheKnown = "%a %A %b %B %D %f %h %H %I %k %l %L %m %O %p %P %q %r %R %s %S %t %T %u %U %v %V %X %{NAME}i %{NAME}o %{NAME}C %{NAME}e %{NAME}n " +
	"%{c}a %{ms}T %{us}T %{s}T %{remote}p %{sec}t %{msec}t %{usec}t %{FORMAT}t %{NAME}^ti %{NAME}^to %%"

// apacheTime compiles %t, which brings its brackets, and %{...}t.
func (c *compiler) apacheTime(i int, whole, argument string) {
	argument = strings.TrimPrefix(strings.TrimPrefix(argument, "begin:"), "end:")
	if argument == "" {
		argument = "[%d/%b/%Y:%H:%M:%S %z]"
	}
	switch layout := strings.Trim(argument, "[]"); layout {
	case "%d/%b/%Y:%H:%M:%S %z":
		front, _, _ := strings.Cut(argument, "%")
		c.literal = append(c.literal, front...)
		c.value(i, record.Meaning{What: record.Time}, logged)
		c.literal = append(c.literal, strings.Repeat("]", strings.Count(argument, "]"))...)
	case "sec", "msec", "usec", "%s", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S%z", "%FT%T%z", "%F %T%z", "%Y-%m-%dT%H:%M:%SZ", "%FT%TZ":
		c.value(i, record.Meaning{What: record.Time}, until)
	default:
		if strings.HasSuffix(layout, "_frac") { // milliseconds beside another time
			c.value(i, record.Meaning{}, until)
			return
		}
		c.mistake(i, "time %s is not read; known are %%t, %%{sec}t, %%{msec}t, %%{usec}t, %%{%%Y-%%m-%%dT%%H:%%M:%%S%%z}t and %%{%%d/%%b/%%Y:%%H:%%M:%%S %%z}t (a time needs its zone)", whole)
		c.value(i, record.Meaning{What: record.Time}, until)
	}
}

// apacheMeaning is the meaning of a directive (https://httpd.apache.org/docs/2.4/mod/mod_log_config.html, mod_logio).
func apacheMeaning(word, argument string) (m record.Meaning, known bool) {
	what := record.Nothing
	switch word {
	case "a", "h":
		if what = record.Client; argument == "c" {
			what = record.Peer
		}
	case "r":
		what = record.Request
	case "m":
		what = record.Method
	case "U":
		what = record.Path
	case "q":
		what = record.Query
	case "s":
		what = record.Status
	case "b", "B":
		what = record.ResponseBody
	case "O":
		what = record.ResponseSent
	case "I":
		what = record.RequestReceived
	case "v", "V":
		what = record.ServerHost
	case "D":
		what = record.DurationMicros
	case "T":
		switch argument {
		case "", "s":
			what = record.DurationSeconds
		case "ms":
			what = record.DurationMillis
		case "us":
			what = record.DurationMicros
		default:
			return m, false
		}
	case "p":
		if what = record.Digits; argument == "remote" {
			what = record.Port
		}
	case "i", "o":
		if argument == "" {
			return m, false
		}
		if word == "o" {
			return record.ResponseHeaderMeaning(argument), true
		}
		return record.HeaderMeaning(argument), true
	case "A", "f", "H", "k", "l", "L", "P", "R", "S", "u", "X", "C", "e", "n", "x", "c", "^ti", "^to":
		if word == "e" && argument == "SSL_JA4" || word == "x" && argument == "SSL_JA4" {
			what = record.JA4
		}
	default:
		return m, false
	}
	return record.Meaning{What: what}, true
}
