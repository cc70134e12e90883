package logformat

import "strings"

// unwrap takes a format out of the directive that it was copied with, and undoes the quotes of the configuration file.
// at holds the column of each byte in the text that was given, nil where they are the same.
func unwrap(text string) (format string, at []int, escape Escape) {
	words := strings.TrimLeft(text, " \t\r\n")
	from := len(text) - len(words)
	rest, isNginx := strings.CutPrefix(words, "log_format ")
	if !isNginx {
		if rest, isNginx = strings.CutPrefix(words, "LogFormat "); !isNginx {
			return plain(text)
		}
	}
	from += len(words) - len(rest)
	var b strings.Builder
	for i := from; i < len(text); {
		c := text[i]
		if c != '\'' && c != '"' {
			for name, e := range map[string]Escape{"escape=json": EscapeJSON, "escape=none": EscapeNone} {
				if strings.HasPrefix(text[i:], name) {
					escape = e
				}
			}
			if c == ';' {
				break
			}
			i++
			continue
		}
		for i++; i < len(text) && text[i] != c; i++ {
			if text[i] == '\\' && i+1 < len(text) {
				i++
			}
			b.WriteByte(text[i])
			at = append(at, i)
		}
		i++
	}
	return b.String(), at, escape
}

// plain is a format without its directive: escape=json may stand before it, and quotes may be escaped as they are in
// Apache's configuration.
func plain(text string) (format string, at []int, escape Escape) {
	from := 0
	for name, e := range map[string]Escape{"escape=json ": EscapeJSON, "escape=none ": EscapeNone, "escape=default ": EscapeText} {
		if strings.HasPrefix(text, name) {
			escape, from = e, len(name)
		}
	}
	if from == 0 && !strings.Contains(text, `\"`) {
		return text, nil, escape
	}
	var b strings.Builder
	for i := from; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && (text[i+1] == '"' || text[i+1] == '\\') {
			i++
		}
		b.WriteByte(text[i])
		at = append(at, i)
	}
	return b.String(), at, escape
}

// Unwrap is the format alone of a text that may hold a whole directive.
func Unwrap(text string) string {
	format, _, _ := unwrap(text)
	return format
}
