package rules

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"merlon/internal/enforce/policy"
	"merlon/internal/model/bundle"
)

// Draft is a rule as the guided form has it.
type Draft struct {
	Name                                   string
	Endpoint, Purpose, Label, Method, Host string
	// When is an expression beside the selector; "" for none.
	When   string
	Action string
	Mode   bundle.Mode
	// Why becomes a comment above the entry.
	Why string
}

// Compose writes a draft as the YAML of one entry. Every text is quoted, so whatever somebody typed stays a text.
func (d Draft) Compose() string {
	var b strings.Builder
	if d.Why != "" {
		b.WriteString("# " + oneLine(d.Why) + "\n")
	}
	b.WriteString("name: " + quote(d.Name) + "\n")
	var match []string
	for _, part := range [][2]string{{"endpoint", d.Endpoint}, {"purpose", d.Purpose}, {"label", d.Label}, {"method", d.Method}, {"host", d.Host}} {
		if part[1] != "" {
			match = append(match, part[0]+": "+quote(part[1]))
		}
	}
	if len(match) > 0 {
		b.WriteString("match: {" + strings.Join(match, ", ") + "}\n")
	}
	if d.When != "" {
		b.WriteString("when: " + single(d.When) + "\n")
	}
	b.WriteString("action: " + quote(d.Action) + "\n")
	b.WriteString("mode: " + quote(string(d.Mode)) + "\n")
	return b.String()
}

// quote leaves words as they are and writes everything else as JSON, which YAML reads in double quotes.
func quote(s string) string {
	if isWord(s) {
		return s
	}
	b, err := json.Marshal(strings.ToValidUTF8(s, "\ufffd"))
	if err != nil {
		return `""`
	}
	return string(b)
}

// isWord tells texts that YAML reads as nothing but a text.
func isWord(s string) bool {
	if s == "" || strings.ContainsFunc(s, func(r rune) bool { return r != '-' && r != ' ' && (r > 'z' || !unicode.IsLetter(r)) }) || strings.Trim(s, " -") != s {
		return false
	}
	switch strings.ToLower(s) {
	case "true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf":
		return false
	}
	return true
}

// single writes an expression in single quotes where that is possible: places in it are told letter by letter then.
func single(s string) string {
	if strings.ContainsFunc(s, unicode.IsControl) || strings.Contains(s, "'") {
		return quote(s)
	}
	return "'" + s + "'"
}

func oneLine(s string) string {
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool {
		return unicode.IsSpace(r) || unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || r == '\u0085'
	}), " ")
}

// ErrMode tells that the mode of an entry cannot be set by itself.
var ErrMode = errors.New("write the mode into the text of this entry")

// WithMode sets the mode in the text of an entry and leaves the rest letter by letter. It is an ErrMode when the text does
// not have it where it can be set, or is no rule or list.
func WithMode(text string, mode bundle.Mode) (string, error) {
	p, wrong := policy.ParseEntry(bundle.Addition{ID: "x", Text: text})
	if len(policy.Faults(wrong)) > 0 {
		return "", ErrMode
	}
	var out string
	if at, ok := p.At["mode"]; ok {
		out = replaceWord(text, at, string(mode))
	} else if body := strings.TrimRight(text, " \t\r\n"); strings.HasSuffix(body, "}") && len(body) > 1 && flow(body) {
		out = strings.TrimRight(body[:len(body)-1], " ,") + ", mode: " + string(mode) + "}\n"
	} else {
		column := 1
		for key, at := range p.At {
			if key == "name" && at.Line > 0 {
				column = keyColumn(text, at)
			}
		}
		out = body + "\n" + strings.Repeat(" ", column-1) + "mode: " + string(mode) + "\n"
	}
	if got, ok := modeIn(out); !ok || got != mode {
		return "", ErrMode
	}
	return out, nil
}

func modeIn(text string) (bundle.Mode, bool) {
	p, wrong := policy.ParseEntry(bundle.Addition{ID: "x", Text: text})
	switch {
	case len(policy.Faults(wrong)) > 0:
		return "", false
	case len(p.Rules) == 1:
		return p.Rules[0].Mode, true
	case len(p.Lists) == 1:
		return p.Lists[0].Mode, true
	}
	return "", false
}

// flow tells whether the whole entry stands in braces.
func flow(body string) bool {
	for line := range strings.Lines(body) {
		line = strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(line), "- "))
		if line != "" && line[0] != '#' {
			return line[0] == '{'
		}
	}
	return false
}

// replaceWord puts a word in the place of the one at a position; quotes around it go.
func replaceWord(text string, at bundle.Position, word string) string {
	start := offset(text, at)
	if start < 0 {
		return text
	}
	end := start
	if c := text[start]; c == '"' || c == '\'' {
		if i := strings.IndexByte(text[start+1:], c); i >= 0 {
			end = start + i + 2
		}
	} else {
		for end < len(text) && !strings.ContainsRune(" \t\r\n,}#", rune(text[end])) {
			end++
		}
	}
	return text[:start] + word + text[end:]
}

// offset is where a position is in a text; -1 outside of it. Columns count characters.
func offset(text string, at bundle.Position) int {
	line, n := 1, 0
	for l := range strings.Lines(text) {
		if line == at.Line {
			column := 1
			for i := range l {
				if column == at.Column {
					return n + i
				}
				column++
			}
			return -1
		}
		line++
		n += len(l)
	}
	return -1
}

// keyColumn is where the key of the value at a position begins in its line.
func keyColumn(text string, at bundle.Position) int {
	line := 1
	for l := range strings.Lines(text) {
		if line == at.Line {
			return strings.IndexFunc(l, func(r rune) bool { return r != ' ' && r != '-' }) + 1
		}
		line++
	}
	return 1
}

func plural(n int, word string) string {
	if n == 1 {
		return "1 " + word
	}
	return strconv.Itoa(n) + " " + word + "s"
}

// Change says in words what is other between two versions of an entry, for the audit log.
func Change(before, after Entry) string {
	var out []string
	say := func(what, a, b string) {
		if a != b {
			out = append(out, fmt.Sprintf("%s %q to %q", what, a, b))
		}
	}
	say("name", before.Name, after.Name)
	say("site", before.Site, after.Site)
	say("mode", string(before.Mode), string(after.Mode))
	if before.Enabled != after.Enabled {
		out = append(out, map[bool]string{true: "switched on", false: "switched off"}[after.Enabled])
	}
	if before.Text != after.Text {
		out = append(out, "text: "+after.Text)
	}
	if after.Why != "" {
		out = append(out, "because: "+after.Why)
	}
	return strings.Join(out, "; ")
}
