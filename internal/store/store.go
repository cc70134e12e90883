// Package store is small interfaces by noun; sqlite (default), postgres; journal; archive in sqlite (default), clickhouse.
//
// This package holds what every backend shares: the rows, the errors, the data directory with its lock, and the secrets of
// the sites. The folders journal and sqlite are the backends; local opens all of a data directory at once. While a noun has
// one backend it has no interface: a second backend brings one.
package store

import (
	"errors"
	"fmt"
	"syscall"
)

// Errors every backend gives. Test with errors.Is.
var (
	// ErrDiskFull: there is no room for what should be written. It was counted and not stored; writing is tried again later.
	ErrDiskFull = errors.New("no space left for the data directory: free some, or lower the retention in the configuration")
	// ErrLocked: another process uses the data directory. See LockedError.
	ErrLocked = errors.New("data directory is in use")
	// ErrNotFound: there is no such row.
	ErrNotFound = errors.New("not found")
	// ErrExists: a row of that name exists.
	ErrExists = errors.New("exists already")
	// ErrClosed: the store is closed or not running.
	ErrClosed = errors.New("store is closed")
	// ErrDamaged: what is stored is not what was written.
	ErrDamaged = errors.New("stored data is damaged")
	// ErrNewer: it was written by a newer version of Merlon, and is refused rather than guessed at.
	ErrNewer = errors.New("written by a newer version of Merlon: use that version, or another data directory")
)

// State says whether a backend takes what it is given.
type State uint8

const (
	// Writing: all is well.
	Writing State = iota
	// Full: the disk, or the room granted, is used up; what comes is counted and dropped.
	Full
	// Failing: writing fails for another reason; what comes is counted and dropped.
	Failing
)

// String is the word for status pages.
func (s State) String() string {
	switch s {
	case Writing:
		return "writing"
	case Full:
		return "full"
	default:
		return "failing"
	}
}

// DiskFull turns the operating system's ways of saying "no space" into ErrDiskFull and leaves other errors alone.
func DiskFull(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EFBIG) {
		return fmt.Errorf("%w (%w)", ErrDiskFull, err)
	}
	return err
}

// Usage is the room a data directory takes, in bytes.
type Usage struct {
	Journal  int64 // events kept for recovery, and the sample
	Database int64 // database and its write-ahead log
}
