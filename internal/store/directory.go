package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Directory is a data directory held by this process. Its lock is the kernel's (flock), so it ends with the process,
// however that ends; what stands in the lock file only tells the next one whom to ask.
type Directory struct {
	path string
	lock *os.File
}

// LockedError says who uses a data directory. It is an ErrLocked.
type LockedError struct {
	Path    string
	PID     int
	Command string
	Since   time.Time
}

func (e *LockedError) Error() string {
	who := "another process"
	if e.PID != 0 {
		who = fmt.Sprintf("process %d (%s) since %s", e.PID, e.Command, e.Since.UTC().Format(time.RFC3339))
	}
	return fmt.Sprintf("data directory %s is in use by %s: stop it, ask it with --server, or choose another --data", e.Path, who)
}

// Is makes errors.Is(err, ErrLocked) true.
func (e *LockedError) Is(target error) bool { return target == ErrLocked }

// OpenDirectory makes the directory if it is not there (mode 0700), locks it and writes who holds it: this process, by the
// name command, since now.
func OpenDirectory(path, command string, now time.Time) (*Directory, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", DiskFull(err))
	}
	// The directory holds secrets and what people sent: nobody else may look in, whoever made it.
	if err := os.Chmod(path, 0o700); err != nil {
		return nil, fmt.Errorf("data directory: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(path, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("data directory: %w", DiskFull(err))
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		defer f.Close()
		if errors.Is(err, unix.EWOULDBLOCK) {
			return nil, readHolder(f, path)
		}
		return nil, fmt.Errorf("lock data directory %s: %w", path, err)
	}
	d := &Directory{path: path, lock: f}
	// A full disk must not keep a node from starting: the lock holds without the text.
	if err := d.sign(command, now); err != nil && !errors.Is(DiskFull(err), ErrDiskFull) {
		f.Close()
		return nil, fmt.Errorf("lock data directory %s: %w", path, err)
	}
	return d, nil
}

func (d *Directory) sign(command string, now time.Time) error {
	if err := d.lock.Truncate(0); err != nil {
		return err
	}
	text := fmt.Sprintf("%d\n%s\n%s\n", os.Getpid(), strconv.Quote(command), now.UTC().Format(time.RFC3339))
	_, err := d.lock.WriteAt([]byte(text), 0)
	return err
}

// readHolder reads what sign wrote; whatever cannot be read stays zero.
func readHolder(f *os.File, path string) *LockedError {
	e := &LockedError{Path: path}
	b := make([]byte, 4096)
	n, _ := f.ReadAt(b, 0)
	lines := strings.Split(string(b[:n]), "\n")
	if len(lines) < 4 {
		return e
	}
	pid, err := strconv.Atoi(lines[0])
	command, err2 := strconv.Unquote(lines[1])
	since, err3 := time.Parse(time.RFC3339, lines[2])
	if errors.Join(err, err2, err3) != nil {
		return e
	}
	e.PID, e.Command, e.Since = pid, command, since
	return e
}

// Path is the absolute path of name inside the directory.
func (d *Directory) Path(name ...string) string {
	return filepath.Join(append([]string{d.path}, name...)...)
}

// Close gives the lock up. The lock file stays: removing it would let two processes hold locks on two files of one name.
func (d *Directory) Close() error { return d.lock.Close() }

// SyncDirectory makes a rename or creation in the directory at path last through a power cut.
func SyncDirectory(path string) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	return f.Sync()
}

// Size adds up the files directly in the directory at path whose names begin with prefix.
func Size(path, prefix string) (int64, error) {
	entries, err := os.ReadDir(path)
	if err != nil {
		return 0, err
	}
	var sum int64
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		// A file may be gone between the listing and here; it then takes no room.
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			sum += info.Size()
		}
	}
	return sum, nil
}
