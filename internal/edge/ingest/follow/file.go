// Package follow reads log files that are written to: through rotation by rename, truncation, and restarts.
//
// A File is one file at a position. A position says which file it is by device, inode and a hash of its first bytes, so
// that it is found again under another name, and not believed of another file under its name.
package follow

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrIdle is returned by File.Read when there is nothing more at present.
var ErrIdle = errors.New("nothing more was written yet")

// headBytes is how much of a file's beginning tells it from others: several lines with their times.
const headBytes = 1024

// Position is a place in a file, and which file that is.
type Position struct {
	// Path is the path that is followed; the file may have another name by now.
	Path     string `json:"path"`
	Device   uint64 `json:"device"`
	Inode    uint64 `json:"inode"`
	Offset   int64  `json:"offset"` // everything before it is dealt with
	Line     int    `json:"line"`   // number of the line that ends there
	Head     string `json:"head"`   // SHA-256 of the first HeadSize bytes
	HeadSize int    `json:"head_size"`
	// Unsettled says that events of this file may have been journaled behind number After, which Offset does not count.
	Unsettled bool   `json:"unsettled,omitempty"`
	After     uint64 `json:"after,omitempty"`
}

// File is an open file. It is read by one goroutine.
type File struct {
	f     *os.File
	path  string
	id    [2]uint64
	read  int64  // offset of the next byte to be read
	head  []byte // the first bytes, as they were read
	size  int64  // when Fresh last looked
	mtime int64
	final bool
}

// Open opens the file that path names, at its beginning.
func Open(path string) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = fmt.Errorf("%s is not a regular file and cannot be followed", path)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return &File{f: f, path: path, id: identify(st), size: -1}, nil
}

func identify(st fs.FileInfo) [2]uint64 {
	if s, ok := st.Sys().(*syscall.Stat_t); ok {
		return [2]uint64{uint64(s.Dev), s.Ino} //nolint:unconvert // Dev has other types on other systems
	}
	return [2]uint64{}
}

// OpenAt opens the file that path names if its beginning is that of p, at p's offset; ok is false if it is another file
// or shorter.
func OpenAt(path string, p Position) (x *File, ok bool, err error) {
	x, err = Open(path)
	if err != nil {
		return nil, false, err
	}
	head := make([]byte, p.HeadSize)
	st, err := x.f.Stat()
	if err == nil && st.Size() >= p.Offset {
		if _, err = x.f.ReadAt(head, 0); err == nil && hash(head) == p.Head {
			x.read, x.head = p.Offset, head
			return x, true, nil
		}
	}
	return nil, false, errors.Join(ignoreEOF(err), x.Close())
}

func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func hash(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

// Read reads on; ErrIdle means that the end was reached, and io.EOF that it was and the file is final.
func (x *File) Read(p []byte) (int, error) {
	n, err := x.f.ReadAt(p, x.read)
	if n == 0 && (err == nil || errors.Is(err, io.EOF)) {
		if x.final {
			return 0, io.EOF
		}
		return 0, ErrIdle
	}
	if n > 0 && x.read < headBytes && int64(len(x.head)) == x.read {
		x.head = append(x.head, p[:min(n, headBytes-len(x.head))]...)
	}
	x.read += int64(n)
	return n, ignoreEOF(err)
}

// Fresh tells whether there may be more to read, and whether the file was truncated or written anew, so that what was
// read of it is gone.
func (x *File) Fresh() (more, rewritten bool, err error) {
	st, err := x.f.Stat()
	if err != nil {
		return false, false, err
	}
	size, mtime := st.Size(), st.ModTime().UnixNano()
	if size == x.size && mtime == x.mtime && size == x.read {
		return false, false, nil
	}
	if size < x.read {
		return false, true, nil
	}
	if size != x.size || mtime != x.mtime {
		now := make([]byte, len(x.head))
		if n, err := x.f.ReadAt(now, 0); err != nil && !errors.Is(err, io.EOF) {
			return false, false, err
		} else if !bytes.Equal(now[:n], x.head) {
			return false, true, nil
		}
		x.size, x.mtime = size, mtime
	}
	return size > x.read, false, nil
}

// Again is the same file at its beginning; both are closed on their own.
func (x *File) Again() (*File, error) {
	fd, err := unix.FcntlInt(x.f.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return &File{f: os.NewFile(uintptr(fd), x.path), path: x.path, id: x.id, size: -1}, nil
}

// Finish says that nothing more will be written: the end is the end.
func (x *File) Finish() { x.final = true }

// Same tells whether path names this file.
func (x *File) Same(path string) (same bool, err error) {
	st, err := os.Stat(path)
	if err != nil {
		return false, err
	}
	return identify(st) == x.id, nil
}

// ModTime is when the file was last written to, in Unix nanoseconds.
func (x *File) ModTime() int64 {
	if st, err := x.f.Stat(); err == nil {
		return st.ModTime().UnixNano()
	}
	return 0
}

// Position is a place at unread bytes before what was read.
func (x *File) Position(path string, unread, line int) Position {
	p := Position{Path: path, Device: x.id[0], Inode: x.id[1], Offset: x.read - int64(unread), Line: line}
	p.Head, p.HeadSize = hash(x.head), len(x.head)
	return p
}

// Close closes the file.
func (x *File) Close() error { return x.f.Close() }
