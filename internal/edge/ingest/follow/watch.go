package follow

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Watcher tells that something happened in the folders of followed files (inotify(7)). It only saves waiting: whoever
// follows looks from time to time anyway, since network file systems tell nothing.
type Watcher struct {
	f *os.File
}

// Watch watches the folders of paths. Folders that are not there are left to be looked at.
func Watch(paths []string) (*Watcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify: %w", err)
	}
	w := &Watcher{f: os.NewFile(uintptr(fd), "inotify")}
	for _, p := range paths {
		_, err := unix.InotifyAddWatch(fd, filepath.Dir(p), unix.IN_MODIFY|unix.IN_CREATE|unix.IN_MOVED_TO|unix.IN_MOVED_FROM|unix.IN_DELETE)
		if err != nil && !errors.Is(err, unix.ENOENT) {
			return nil, errors.Join(fmt.Errorf("inotify: %w", err), w.Close())
		}
	}
	return w, nil
}

// Run sends to wake, unless it is full, whenever something happened, until Close.
func (w *Watcher) Run(wake chan<- struct{}) {
	b := make([]byte, 64<<10)
	for {
		if n, err := w.f.Read(b); err != nil || n == 0 {
			return
		}
		select {
		case wake <- struct{}{}:
		default:
		}
	}
}

// Close ends Run.
func (w *Watcher) Close() error { return w.f.Close() }
