// Package handover passes listening sockets from one process to the next: from systemd, or from the Merlon that is being replaced.
//
// A process that is told to hand over starts the new program with its listening sockets, what it knows, and two pipes.
// On one the new process says that it is ready, or why it never will be; the other ends when the old process does, which
// is when the data directory is free. Both accept from the same kernel queues meanwhile, so no connection is refused. Packet
// sockets have one reader at a time: the new process waits until the old one lets go of them.
//
// systemd's protocol is that of sd_listen_fds(3): LISTEN_PID, LISTEN_FDS.
package handover

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"slices"
	"strconv"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// env is how the old Merlon tells the new one what it has inherited.
const env = "MERLON_HANDOVER"

// passed is what env says. Numbers are file descriptors.
type passed struct {
	Ready   int      `json:"ready"`
	Life    int      `json:"life"`
	State   int      `json:"state"`
	Sockets []socket `json:"sockets"`
}

// socket is one listening socket, by the address it was configured with.
type socket struct {
	Network string `json:"network"` // tcp or udp
	Address string `json:"address"`
	FD      int    `json:"fd"` // of open ones a descriptor of this package's own
	bound   string // the address that it really has
}

// Sockets are the listening sockets of this process: those that were inherited and those that it opened. It holds a
// descriptor of its own for each, so a socket is closed when its listeners are and it was forgotten here. It is safe for
// concurrent use.
type Sockets struct {
	mu        sync.Mutex
	inherited []socket
	open      []socket
	life      int // ours of the next process's pipe, from Pass on
}

// Environ is the part of the process's environment that is read here; a variable that was read is removed, so that no
// program started later takes it for its own.
type Environ struct {
	Get   func(string) string
	Unset func(string) error
	PID   int
}

// Inherit takes over what the environment says was passed. parent is nil unless another Merlon passed it.
func Inherit(e Environ) (s *Sockets, parent *Parent, err error) {
	s = new(Sockets)
	text, pid, count := e.Get(env), e.Get("LISTEN_PID"), e.Get("LISTEN_FDS")
	for _, name := range []string{env, "LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"} {
		if err := e.Unset(name); err != nil {
			return nil, nil, err
		}
	}
	if text != "" {
		var p passed
		if err := json.Unmarshal([]byte(text), &p); err != nil {
			return nil, nil, fmt.Errorf("%s is not what a Merlon writes: %w", env, err)
		}
		s.inherited = p.Sockets
		parent = newParent(p)
	} else if pid != "" && pid == strconv.Itoa(e.PID) {
		const first = 3 // SD_LISTEN_FDS_START
		n, err := strconv.Atoi(count)
		if err != nil || n < 0 || n > 1024 {
			return nil, nil, fmt.Errorf("LISTEN_FDS is %q, which is no number of sockets", count)
		}
		for fd := first; fd < first+n; fd++ {
			s.inherited = append(s.inherited, socket{FD: fd})
		}
	}
	for i := range s.inherited {
		if err := s.inherited[i].identify(); err != nil {
			return nil, parent, err
		}
	}
	return s, parent, nil
}

// identify finds out what an inherited descriptor is.
func (s *socket) identify() error {
	unix.CloseOnExec(s.FD)
	kind, err := unix.GetsockoptInt(s.FD, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return fmt.Errorf("inherited descriptor %d is no socket: %w", s.FD, err)
	}
	name, err := unix.Getsockname(s.FD)
	if err != nil {
		return fmt.Errorf("inherited descriptor %d: %w", s.FD, err)
	}
	s.Network = "tcp"
	if kind == unix.SOCK_DGRAM {
		s.Network = "udp"
	}
	switch a := name.(type) {
	case *unix.SockaddrInet4:
		s.bound = net.JoinHostPort(net.IP(a.Addr[:]).String(), strconv.Itoa(a.Port))
	case *unix.SockaddrInet6:
		s.bound = net.JoinHostPort(net.IP(a.Addr[:]).String(), strconv.Itoa(a.Port))
	default:
		return fmt.Errorf("inherited descriptor %d is no internet socket", s.FD)
	}
	return nil
}

// Listen is net.Listen for tcp, on an inherited socket when there is one for the address.
func (s *Sockets) Listen(ctx context.Context, address string) (net.Listener, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var l net.Listener
	var err error
	if i, ok := s.take("tcp", address); ok {
		f := os.NewFile(uintptr(i.FD), address)
		l, err = net.FileListener(f)
		_ = f.Close() // FileListener has its own
	} else {
		var lc net.ListenConfig
		l, err = lc.Listen(ctx, "tcp", address)
	}
	if err != nil {
		return nil, err
	}
	tl, ok := l.(*net.TCPListener)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%s is no TCP socket", address), l.Close())
	}
	return tl, s.keep("tcp", address, tl)
}

// ListenPacket is net.ListenPacket for udp, on an inherited socket when there is one for the address.
func (s *Sockets) ListenPacket(ctx context.Context, address string) (net.PacketConn, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var c net.PacketConn
	var err error
	if i, ok := s.take("udp", address); ok {
		f := os.NewFile(uintptr(i.FD), address)
		c, err = net.FilePacketConn(f)
		_ = f.Close()
	} else {
		var lc net.ListenConfig
		c, err = lc.ListenPacket(ctx, "udp", address)
	}
	if err != nil {
		return nil, err
	}
	uc, ok := c.(*net.UDPConn)
	if !ok {
		return nil, errors.Join(fmt.Errorf("%s is no UDP socket", address), c.Close())
	}
	return uc, s.keep("udp", address, uc)
}

// Again is a second listener on the socket of address, which stays when the first is closed; ErrNotOpen when there is none.
func (s *Sockets) Again(address string) (net.Listener, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.open {
		o := &s.open[i]
		if o.Network != "tcp" || o.Address != address {
			continue
		}
		fd, err := unix.FcntlInt(uintptr(o.FD), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			return nil, err
		}
		f := os.NewFile(uintptr(fd), address)
		defer f.Close()
		return net.FileListener(f)
	}
	return nil, fmt.Errorf("%s: %w", address, ErrNotOpen)
}

// ErrNotOpen says that nothing listens on an address.
var ErrNotOpen = errors.New("no socket of this process")

func (s *Sockets) keep(network, address string, l interface {
	syscall.Conn
	io.Closer
},
) error {
	fd, err := duplicate(l)
	if err != nil {
		return errors.Join(fmt.Errorf("%s: %w", address, err), l.Close())
	}
	s.open = append(s.open, socket{Network: network, Address: address, FD: fd})
	return nil
}

// Close forgets every socket. What is listening goes on until it is closed too.
func (s *Sockets) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range slices.Concat(s.open, s.inherited) {
		_ = unix.Close(o.FD)
	}
	s.open, s.inherited = nil, nil
}

// Forget lets the socket of an address go: it is not passed on, and closed with the last listener on it.
func (s *Sockets) Forget(network, address string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for i := range s.open {
		if s.open[i].Network == network && s.open[i].Address == address {
			_ = unix.Close(s.open[i].FD)
			s.open = append(s.open[:i], s.open[i+1:]...)
			return
		}
	}
}

// take removes the inherited socket for an address: the one configured alike, else one bound to where it would be.
func (s *Sockets) take(network, address string) (socket, bool) {
	at := -1
	for i := range s.inherited {
		o := &s.inherited[i]
		if o.Network != network {
			continue
		}
		if o.Address == address {
			at = i
			break
		}
		if at < 0 && same(network, o.bound, address) {
			at = i
		}
	}
	if at < 0 {
		return socket{}, false
	}
	found := s.inherited[at]
	s.inherited = append(s.inherited[:at], s.inherited[at+1:]...)
	return found, true
}

// same reports whether a socket bound to one address is what listening on another would make.
func same(network, bound, address string) bool {
	host, port, err := net.SplitHostPort(bound)
	if err != nil {
		return false
	}
	var wantIP net.IP
	var wantPort int
	if network == "udp" {
		a, err := net.ResolveUDPAddr(network, address)
		if err != nil {
			return false
		}
		wantIP, wantPort = a.IP, a.Port
	} else {
		a, err := net.ResolveTCPAddr(network, address)
		if err != nil {
			return false
		}
		wantIP, wantPort = a.IP, a.Port
	}
	ip := net.ParseIP(host)
	if strconv.Itoa(wantPort) != port {
		return false
	}
	if wantIP == nil || wantIP.IsUnspecified() {
		return ip.IsUnspecified()
	}
	return ip.Equal(wantIP)
}

// Unused closes the inherited sockets that nobody asked for, and names their addresses: connections to them are refused
// from now on.
func (s *Sockets) Unused() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var names []string
	for _, o := range s.inherited {
		names = append(names, o.bound)
		_ = unix.Close(o.FD)
	}
	s.inherited = nil
	return names
}

// duplicate is a descriptor of its own for the same socket. os.File's way to one would make the socket blocking, for the
// listener that is in use too.
func duplicate(c syscall.Conn) (fd int, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return 0, err
	}
	if cerr := raw.Control(func(d uintptr) { fd, err = unix.FcntlInt(d, unix.F_DUPFD_CLOEXEC, 3) }); cerr != nil {
		return 0, cerr
	}
	return fd, err
}
