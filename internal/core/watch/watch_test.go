package watch

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"
)

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func watching(t *testing.T, files ...string) *Watcher {
	t.Helper()
	w, err := New(20 * time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Watch(files); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { defer close(ended); w.Run() }()
	t.Cleanup(func() { _ = w.Close(); <-ended })
	return w
}

func must(t *testing.T, errs ...error) {
	t.Helper()
	for _, err := range errs {
		if err != nil {
			t.Fatal(err)
		}
	}
}

// TestChangesAreSeen changes files in each way that programs do; every one of them wakes the watcher.
func TestChangesAreSeen(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(t *testing.T, dir, file string)
	}{
		{"written in place", func(t *testing.T, _, file string) { write(t, file, "two, longer") }},
		{"replaced by rename", func(t *testing.T, dir, file string) {
			write(t, filepath.Join(dir, "new"), "two")
			must(t, os.Rename(filepath.Join(dir, "new"), file))
		}},
		{"removed", func(t *testing.T, _, file string) { must(t, os.Remove(file)) }},
		{"made a link", func(t *testing.T, dir, file string) {
			write(t, filepath.Join(dir, "target"), "two")
			must(t, os.Remove(file), os.Symlink("target", file))
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			file := filepath.Join(dir, "merlon.yaml")
			write(t, file, "one")
			w := watching(t, file)
			c.change(t, dir, file)
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			must(t, w.Wait(ctx))
		})
	}
}

// TestKubernetesSwap is how a mounted ConfigMap changes: the file is a link through ..data, which is replaced.
func TestKubernetesSwap(t *testing.T) {
	dir := t.TempDir()
	in := func(parts ...string) string { return filepath.Join(append([]string{dir}, parts...)...) }
	must(t, os.Mkdir(in("v1"), 0o700), os.Mkdir(in("v2"), 0o700))
	write(t, in("v1", "merlon.yaml"), "same size")
	write(t, in("v2", "merlon.yaml"), "size same")
	must(t, os.Symlink("v1", in("..data")), os.Symlink("..data/merlon.yaml", in("merlon.yaml")))
	w := watching(t, in("merlon.yaml"))
	must(t, os.Symlink("v2", in("..new")), os.Rename(in("..new"), in("..data")))
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	must(t, w.Wait(ctx))
}

// TestOtherFilesStaySilent writes beside the watched file, and then the watched one: the first word is about that one.
func TestOtherFilesStaySilent(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "merlon.yaml")
	write(t, file, "one")
	w := watching(t, file)
	for range 20 {
		write(t, filepath.Join(dir, "neighbour"), "x")
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if err := w.Wait(ctx); err == nil {
		t.Fatal("a neighbour's change was taken for a watched file's")
	}
	write(t, file, "two, longer")
	must(t, w.Wait(t.Context()))
}
