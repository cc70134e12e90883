// Package watch tells when files have changed and stood still since: the trigger of a reload.
//
// It watches the folders of the files by inotify(7), because editors, certificate renewers and Kubernetes replace files
// instead of writing into them, and compares what the names stand for then: size, time and inode at the end of all links.
package watch

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Watcher watches one list of files at a time. It belongs to one goroutine but for Close.
type Watcher struct {
	events  *os.File
	fd      int
	folders map[string]int // watched, with inotify's number
	files   map[string]mark
	quiet   time.Duration
	woken   chan struct{}
}

// mark is what tells one content of a name from another without reading it.
type mark struct {
	size, time int64
	inode      uint64
	device     uint64
}

func look(name string) mark {
	var st unix.Stat_t
	if unix.Stat(name, &st) != nil {
		return mark{}
	}
	return mark{size: st.Size, time: st.Mtim.Nano(), inode: st.Ino, device: uint64(st.Dev)} //nolint:unconvert // its type differs by platform
}

// New makes a watcher that reports changes once the files have stood still for quiet. Errors: the limits of inotify.
func New(quiet time.Duration) (*Watcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify: %w (see fs.inotify.max_user_instances)", err)
	}
	return &Watcher{events: os.NewFile(uintptr(fd), "inotify"), fd: fd, folders: make(map[string]int), quiet: quiet, woken: make(chan struct{}, 1)}, nil
}

// interesting is all by which a name can come to stand for something else.
const interesting = unix.IN_CLOSE_WRITE | unix.IN_MOVED_TO | unix.IN_MOVED_FROM | unix.IN_CREATE | unix.IN_DELETE | unix.IN_ATTRIB | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF

// Watch replaces the list of files. What they stand for now is what later looks are compared with. A folder that does not
// exist is watched as soon as it does and Watch is called again.
func (w *Watcher) Watch(files []string) error {
	w.files = make(map[string]mark, len(files))
	wanted := make(map[string]bool)
	for _, f := range files {
		w.files[f] = look(f)
		wanted[filepath.Dir(f)] = true
		if end, err := filepath.EvalSymlinks(f); err == nil {
			wanted[filepath.Dir(end)] = true // a link's target may be written in place
		}
	}
	for folder, number := range w.folders {
		if !wanted[folder] {
			_, _ = unix.InotifyRmWatch(w.fd, uint32(number)) // it may be gone already
			delete(w.folders, folder)
		}
	}
	var errs []error
	for folder := range wanted {
		// Again for those that are watched: a folder may have been replaced by another of its name.
		number, err := unix.InotifyAddWatch(w.fd, folder, interesting)
		if err != nil {
			errs = append(errs, fmt.Errorf("watching %s: %w", folder, err))
			continue
		}
		w.folders[folder] = number
	}
	return errors.Join(errs...)
}

// Run wakes Changed's reader at every event until Close. It is a goroutine of the composition root.
func (w *Watcher) Run() {
	buf := make([]byte, 64<<10)
	for {
		if _, err := w.events.Read(buf); err != nil {
			return
		}
		select {
		case w.woken <- struct{}{}:
		default:
		}
	}
}

// Close ends Run.
func (w *Watcher) Close() error { return w.events.Close() }

// Wait returns nil when a watched file has changed and all have stood still for the quiet time, or ctx's error.
func (w *Watcher) Wait(ctx context.Context) error {
	still := time.NewTimer(w.quiet)
	still.Stop()
	defer still.Stop()
	var last map[string]mark
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.woken:
			still.Reset(w.quiet)
			last = w.marks()
		case <-still.C:
			now := w.marks()
			if !maps.Equal(now, last) { // written in place, without a close yet
				last = now
				still.Reset(w.quiet)
				continue
			}
			if !maps.Equal(now, w.files) {
				w.files = now
				return nil
			}
		}
	}
}

func (w *Watcher) marks() map[string]mark {
	out := make(map[string]mark, len(w.files))
	for f := range w.files {
		out[f] = look(f)
	}
	return out
}
