package listen

import (
	"fmt"
	"syscall"
)

// Descriptors that are not for clients: listeners, store, journal, logs, dashboard, health checks, DNS, and upstream
// connections that idle while others are opened.
const reservedDescriptors = 512

// DescriptorLimit raises the soft limit of open files (RLIMIT_NOFILE) to the hard one and returns it.
func DescriptorLimit() (uint64, error) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, fmt.Errorf("read the limit of open files: %w", err)
	}
	if l.Cur < l.Max {
		raised := syscall.Rlimit{Cur: l.Max, Max: l.Max}
		if syscall.Setrlimit(syscall.RLIMIT_NOFILE, &raised) == nil {
			l = raised
		}
	}
	return l.Cur, nil
}

// ConnectionsFor is how many client connections fit under a limit of open files: each takes one descriptor, and one more
// to an upstream while it has a request under way. note says what the operator should know; it is empty when all of want
// fit.
func ConnectionsFor(want int, limit uint64) (allowed int, note string) {
	room := uint64(1)
	if limit > reservedDescriptors+2 {
		room = (limit - reservedDescriptors) / 2
	}
	if uint64(want) <= room {
		return want, ""
	}
	return int(room), fmt.Sprintf("the limit of %d open files leaves room for %d client connections, not %d: raise it to %d (LimitNOFILE= in the systemd unit, --ulimit nofile= of the container)",
		limit, room, want, 2*uint64(want)+reservedDescriptors)
}
