package main

import (
	"context"
	"os"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"merlon/cmd/merlon/outline"
)

// runAsMerlon makes the test binary be the program, so that a test can kill it.
const runAsMerlon = "MERLON_TEST_RUN"

func TestMain(m *testing.M) {
	if os.Getenv(runAsMerlon) != "" {
		main()
	}
	testscript.Main(m, map[string]func(){
		"merlon": func() {
			os.Exit(run(context.Background(), os.Args[1:], console{in: os.Stdin, out: os.Stdout, err: os.Stderr}))
		},
	})
}

// TestScript runs the command lines in testdata, as a user would type them.
func TestScript(t *testing.T) {
	testscript.Run(t, testscript.Params{Dir: "testdata", RequireExplicitExec: true})
}

func TestTextFromTrafficIsSafeForATerminal(t *testing.T) {
	for in, want := range map[string]string{
		"plain":            "plain",
		"żółw":             "żółw",
		"a\x1b[31mred":     `a\x1b[31mred`,
		"tab\there":        `tab\there`,
		"\u202ereversed":   `\u202ereversed`,
		"bell\a newline\n": `bell\a newline\n`,
	} {
		if got := outline.Printable(in); got != want {
			t.Errorf("%q: got %s, want %s", in, got, want)
		}
	}
}
