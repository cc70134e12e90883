package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"merlon/cmd/merlon/manual"
)

// invoke runs one command line and gives its exit code and what it wrote.
func invoke(args ...string) (code int, out, told string) {
	var o, e bytes.Buffer
	code = run(context.Background(), args, console{in: strings.NewReader(""), out: &o, err: &e})
	return code, o.String(), e.String()
}

// TestEveryCommandHelps: each says on stdout how it is used, with an example of itself.
func TestEveryCommandHelps(t *testing.T) {
	for _, cmd := range manual.Every(rootCommand(console{})) {
		args := append(strings.Fields(cmd.CommandPath())[1:], "--help")
		code, out, told := invoke(args...)
		if code != exitClean || told != "" || !strings.Contains(out, "Usage:") || !strings.Contains(out, "Examples:") {
			t.Errorf("%v: exit code %d, stderr %q, stdout %q", args, code, told, out)
		}
		if _, examples, _ := strings.Cut(out, "Examples:"); !strings.Contains(examples, cmd.CommandPath()) {
			t.Errorf("%v: the example is of something else:\n%s", args, examples)
		}
	}
}

// TestEveryCommandRefuses: wrong use of any command is exit code 2, one line that says what is wrong and where help is, and
// nothing on stdout.
func TestEveryCommandRefuses(t *testing.T) {
	wrong := map[string][][]string{
		"merlon":                  {{"nonsense"}},
		"merlon serve":            {{"surplus"}, {}, {"--upstream", "nonsense"}, {"-c", "none.yaml"}, {"--upstream", "http://127.0.0.1:1", "--policy", "none.yaml"}},
		"merlon demo":             {{"surplus"}, {"--listen", "nonsense", "--data", "DIR"}},
		"merlon ingest":           {{}, {"none.log", "--data", "DIR"}, {"-", "--format", "nonsense"}, {"-", "-c", "none.yaml"}},
		"merlon inventory":        {{"nonsense"}},
		"merlon inventory list":   {{"surplus"}, {"--data", "none"}, {"--format", "nonsense", "--data", "none"}, {"--server", "nonsense"}, {"--server", "http://127.0.0.1:1", "--data", "x"}, {"-c", "none.yaml"}},
		"merlon inventory show":   {{}, {"1", "2"}, {"1", "--data", "none"}},
		"merlon inventory diff":   {{}, {"--against", "none.json", "--data", "none"}},
		"merlon inventory export": {{"surplus"}, {"--data", "none"}, {"--format", "nonsense", "--data", "none"}},
		"merlon inspect":          {{}, {"a", "b"}, {"none.har"}},
		"merlon audit":            {{"nonsense"}},
		"merlon audit verify":     {{"surplus"}, {"--data", "none"}},
		"merlon token":            {{"nonsense"}},
		"merlon token create":     {{}, {"ci", "--role", "king"}, {"ci", "--days", "0"}, {"ci", "--days", "x"}, {"ci", "--data", "none"}},
		"merlon token list":       {{"surplus"}, {"--format", "nonsense"}, {"--data", "none"}},
		"merlon token revoke":     {{}, {"x", "--data", "none"}},
		"merlon lab":              {{"nonsense"}},
		"merlon lab traffic":      {{}, {"surplus"}, {"--from", "none.jsonl"}, {"--log-lines", "1", "--start", "soon"}},
		"merlon config":           {{"nonsense"}},
		"merlon config check":     {{}, {"none.yaml"}},
		"merlon man":              {{}, {"none"}},
		"merlon version":          {{"surplus"}},
		"merlon completion":       {{"nonsense"}},
		"merlon completion bash":  {{"surplus"}},
		"merlon completion zsh":   {{"surplus"}},
		"merlon completion fish":  {{"surplus"}},
	}
	t.Chdir(t.TempDir())
	dir := t.TempDir()
	for _, cmd := range manual.Every(rootCommand(console{})) {
		path := cmd.CommandPath()
		lines, known := wrong[path]
		if !known {
			t.Errorf("%s: no wrong use is tried", path)
		}
		for _, l := range append(lines, []string{"--no-such-flag"}) {
			args := append(strings.Fields(path)[1:], l...)
			for i := range args {
				args[i] = strings.ReplaceAll(args[i], "DIR", dir)
			}
			code, out, told := invoke(args...)
			if code != exitUsage || out != "" || !strings.HasPrefix(told, "merlon: ") || len(strings.TrimSpace(told)) < 25 {
				t.Errorf("%v: exit code %d, stdout %q, stderr %q", args, code, out, told)
			}
		}
	}
}

// TestShellsComplete: commands and the values of --format.
func TestShellsComplete(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish"} {
		if code, out, told := invoke("completion", shell); code != exitClean || len(out) < 500 || !strings.Contains(out, "merlon") || told != "" {
			t.Errorf("%s: exit code %d, %d bytes, stderr %q", shell, code, len(out), told)
		}
	}
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"in"}, []string{"ingest", "inspect", "inventory"}},
		{[]string{"token", ""}, []string{"create", "list", "revoke"}},
		{[]string{"inventory", "export", "--format", ""}, []string{"json", "csv", "openapi"}},
	} {
		_, out, _ := invoke(append([]string{"__complete"}, c.args...)...)
		for _, w := range c.want {
			if !regexp.MustCompile(`(?m)^` + w + `\b`).MatchString(out) {
				t.Errorf("%v: %s is not offered:\n%s", c.args, w, out)
			}
		}
	}
}

// TestManualPages: one for each command, in roff that nothing of the text breaks.
func TestManualPages(t *testing.T) {
	dir := t.TempDir()
	if code, _, told := invoke("man", dir); code != exitClean {
		t.Fatal(told)
	}
	for _, cmd := range manual.Every(rootCommand(console{})) {
		text, err := os.ReadFile(filepath.Join(dir, strings.ReplaceAll(cmd.CommandPath(), " ", "-")+".1"))
		if err != nil {
			t.Error(err)
			continue
		}
		for _, want := range []string{".TH ", ".SH NAME\n", ".SH SYNOPSIS\n", ".SH DESCRIPTION\n", ".SH EXAMPLES\n", ".SH EXIT STATUS\n"} {
			if !strings.Contains(string(text), want) {
				t.Errorf("%s: no %q", cmd.CommandPath(), want)
			}
		}
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, ".") && !regexp.MustCompile(`^\.(TH|SH|TP|B|nf|fi)\b`).MatchString(line) || strings.HasPrefix(line, "'") {
				t.Errorf("%s: roff obeys %q", cmd.CommandPath(), line)
			}
		}
	}
}
