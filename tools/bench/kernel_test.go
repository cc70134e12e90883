package main

import (
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

func TestParseProcessStat(t *testing.T) {
	const tail = " S 41 41 41 0 -1 4194304 96 0 0 0 150 50 7 3 20 0 1 0 391795 3133440 382"
	want := processTimes{parent: 41, own: 2 * time.Second, reaped: 100 * time.Millisecond}
	for _, c := range []struct{ name, text string }{
		{"plain", "42 (nginx)" + tail},
		{"spaces", "42 (nginx: worker process)" + tail},
		{"parentheses", "42 (a) S 1 (b))" + tail},
		{"newline in the name", "42 (a\nb)" + tail},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got, err := parseProcessStat(c.text); err != nil || got != want {
				t.Errorf("%+v, %v; want %+v", got, err, want)
			}
		})
	}
	for _, text := range []string{"", "42 nginx S 1", "42 (nginx)", "42 (nginx) S 41 1 2", "42 (x) S 41 41 41 0 -1 4194304 96 0 0 0 x 50 7 3", "42 (x) S 41 41 41 0 -1 4194304 96 0 0 0 -1 50 7 3", "42 (x) S y 41 41 0 -1 4194304 96 0 0 0 1 50 7 3"} {
		if got, err := parseProcessStat(text); err == nil {
			t.Errorf("%q was read as %+v", text, got)
		}
	}
}

func TestParseMachineStat(t *testing.T) {
	got, err := parseMachineStat("cpu  100 20 30 1000 50 1 2 7 400 300\ncpu0 1 1 1 1 1 1 1 1 0 0\n")
	want := machineTimes{busy: 160 * tick, total: 1210 * tick} // stolen time is busy; guest time is within user time
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for _, text := range []string{"", "cpu 1 2 3", "cpu0 1 2 3 4 5 6 7 8", "cpu 1 2 3 4 5 six 7 8"} {
		if got, err := parseMachineStat(text); err == nil {
			t.Errorf("%q was read as %+v", text, got)
		}
	}
}

func TestParseMemory(t *testing.T) {
	got, err := parseMemory("55d0-7ffc ---p 00000000 00:00 0    [rollup]\nRss:      2048 kB\nPss:      1024 kB\nPss_Dirty:  9 kB\nShared_Clean: 5 kB\n")
	if want := (memory{RSS: 2 << 20, PSS: 1 << 20}); err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for _, text := range []string{"", "Pss: 12 kB\n", "Rss: twelve kB\n", "Rss: 12 MB\n"} {
		if got, err := parseMemory(text); err == nil {
			t.Errorf("%q was read as %+v", text, got)
		}
	}
}

func TestParseLoad(t *testing.T) {
	if got, err := parseLoad("6.23 6.76 5.58 8/148 5551\n"); err != nil || got != "6.23 6.76 5.58" {
		t.Errorf("%q, %v", got, err)
	}
	for _, text := range []string{"", "1 2", "a b c d e"} {
		if got, err := parseLoad(text); err == nil {
			t.Errorf("%q was read as %q", text, got)
		}
	}
}

func TestOthersShare(t *testing.T) {
	from := machineTimes{busy: 10 * time.Second, total: 100 * time.Second}
	for _, c := range []struct {
		name string
		to   machineTimes
		own  time.Duration
		want float64
	}{
		{"ours alone", machineTimes{busy: 14 * time.Second, total: 110 * time.Second}, 4 * time.Second, 0},
		{"half of it others", machineTimes{busy: 20 * time.Second, total: 110 * time.Second}, 5 * time.Second, 0.5},
		{"ours rounded up", machineTimes{busy: 14 * time.Second, total: 110 * time.Second}, 5 * time.Second, 0},
		{"no time has passed", from, 0, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := othersShare(from, c.to, c.own); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// TestTreeFindsGrandchildren starts a shell that starts another program, and looks for both.
func TestTreeFindsGrandchildren(t *testing.T) {
	cmd := exec.Command("sh", "-c", "cat; true") // the second command keeps sh from becoming cat
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Skip("NO SHELL: ", err)
	}
	defer func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}()
	if _, err := io.WriteString(in, "!"); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 1)); err != nil { // now cat runs
		t.Fatal(err)
	}
	if got, err := tree(cmd.Process.Pid); err != nil || len(got) != 2 {
		t.Fatalf("%d processes in the tree, want 2; %v", len(got), err)
	}
	all, err := tree(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := all[cmd.Process.Pid]; !ok {
		t.Error("the shell is not below this process")
	}
	if m, err := treeMemory(os.Getpid()); err != nil || m.RSS <= 0 || m.PSS <= 0 || m.PSS > m.RSS {
		t.Errorf("memory %+v, %v", m, err)
	}
}
