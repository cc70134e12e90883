package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"merlon/internal/edge/ingest/follow"
	"merlon/internal/model/inventory"
)

// following is a merlon ingest --follow in a process of its own, so that it can be killed.
type following struct {
	t   *testing.T
	cmd *exec.Cmd
	log bytes.Buffer
}

func followProcess(t *testing.T, data, path string) *following {
	t.Helper()
	f := &following{t: t, cmd: exec.Command(os.Args[0], "ingest", "--follow", "--format", "combined", "--data", data, path)}
	f.cmd.Env = append(os.Environ(), runAsMerlon+"=1")
	f.cmd.Stderr = &f.log
	if err := f.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return f
}

// end signals the process and waits for it.
func (f *following) end(s syscall.Signal) {
	f.t.Helper()
	if err := f.cmd.Process.Signal(s); err != nil {
		f.t.Fatalf("%v\n%s", err, &f.log)
	}
	if err := f.cmd.Wait(); err != nil && s != syscall.SIGKILL {
		f.t.Fatalf("%v\n%s", err, &f.log)
	}
}

// until waits for the stored positions of a path to satisfy done.
func (f *following) until(data string, done func(follow.Position) bool) {
	f.t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for deadline := time.After(time.Minute); ; {
		select {
		case <-tick.C:
		case <-deadline:
			f.t.Fatalf("the position is not reached\n%s", &f.log)
		}
		l, err := follow.Load(filepath.Join(data, "positions.json"))
		if err != nil {
			f.t.Fatal(err)
		}
		for _, p := range l.Files {
			if done(p) {
				return
			}
		}
	}
}

// TestFollowKilled writes a log, rotates it by renaming and by copying, and kills the process that follows it again and
// again: every line is counted once.
func TestFollowKilled(t *testing.T) {
	dir := t.TempDir()
	data, path := filepath.Join(dir, "data"), filepath.Join(dir, "access.log")
	written, rotations := 0, 0
	open := func() *os.File {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
	log := open()
	at := time.Now().Add(-time.Hour)
	write := func(n int) {
		var b bytes.Buffer
		for range n {
			written++
			fmt.Fprintf(&b, "198.51.100.%d - - [%s] \"GET /orders/%d HTTP/1.1\" 200 %d \"-\" \"curl/8\"\n", written%250, at.Add(time.Duration(written)*time.Millisecond).Format("02/Jan/2006:15:04:05 -0700"), written, written)
		}
		if _, err := log.Write(b.Bytes()); err != nil {
			t.Fatal(err)
		}
	}
	rotate := func() {
		rotations++
		old := filepath.Join(dir, fmt.Sprintf("access.log.%d", 100-rotations))
		if rotations%2 == 0 {
			b, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(old, b, 0o600)
			}
			if err == nil {
				err = log.Truncate(0)
			}
			if err != nil {
				t.Fatal(err)
			}
			return
		}
		if err := os.Rename(path, old); err != nil {
			t.Fatal(err)
		}
		_ = log.Close()
		log = open()
	}
	write(2000)
	for round := range 8 {
		f := followProcess(t, data, path)
		moved := int64(-1)
		f.until(data, func(p follow.Position) bool { // until it reads, and then until it has stored something twice
			if moved < 0 {
				moved = p.Offset
				write(3000)
			}
			return p.Offset != moved
		})
		write(1000 + 500*round)
		if round%3 == 1 {
			rotate()
			write(700)
		}
		f.end(syscall.SIGKILL)
		write(10)
		if round%3 == 2 {
			rotate()
			write(20)
		}
	}
	f := followProcess(t, data, path)
	st, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	inode := st.Sys().(*syscall.Stat_t).Ino
	f.until(data, func(p follow.Position) bool { return p.Inode == inode && p.Offset == st.Size() })
	write(5)
	f.until(data, func(p follow.Position) bool { return p.Inode == inode && p.Offset > st.Size() })
	f.end(syscall.SIGINT)

	cmd := exec.Command(os.Args[0], "inventory", "show", "GET /orders/{orderId}", "--format", "json", "--data", data)
	cmd.Env = append(os.Environ(), runAsMerlon+"=1")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	var e inventory.Endpoint
	if err := json.Unmarshal(out, &e); err != nil || e.Detail == nil {
		t.Fatalf("%v: %s", err, out)
	}
	if len(e.Detail.Statuses) != 1 || e.Detail.Statuses[0] != (inventory.StatusCount{Status: 200, Count: uint64(written)}) {
		t.Errorf("%d lines were written, %+v are known\n%s", written, e.Detail.Statuses, &f.log)
	}
}
