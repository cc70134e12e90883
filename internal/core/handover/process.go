package handover

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Start says how the next process is started.
type Start struct {
	// Path and Args are the program and its command line, its own name first.
	Path string
	Args []string
	// Env is its environment.
	Env []string
	// State is what it is told beside the sockets.
	State []byte
	// Within is how long it may take to become ready.
	Within time.Duration
}

// ErrNotReady says that the next process did not become ready; this one goes on.
var ErrNotReady = errors.New("the new process did not become ready")

// Pass starts the next process with the sockets of this one and returns its process id when it is ready to serve.
// Whatever goes wrong, that process has ended when Pass returns an error, and nothing has changed here.
func (s *Sockets) Pass(ctx context.Context, o Start) (pid int, err error) {
	readyOurs, ready, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer readyOurs.Close()
	life, lifeOurs, err := os.Pipe()
	if err != nil {
		_ = ready.Close()
		return 0, err
	}
	state, err := memory(o.State)
	if err != nil {
		return 0, errors.Join(err, ready.Close(), life.Close(), lifeOurs.Close())
	}
	files := []uintptr{0, 1, 2, ready.Fd(), life.Fd(), uintptr(state)}
	p := passed{Ready: 3, Life: 4, State: 5}
	s.mu.Lock()
	for _, one := range s.open {
		fd, derr := unix.FcntlInt(uintptr(one.FD), unix.F_DUPFD_CLOEXEC, 3)
		if derr != nil {
			err = fmt.Errorf("%s: %w", one.Address, derr)
			break
		}
		defer unix.Close(fd)
		p.Sockets = append(p.Sockets, socket{Network: one.Network, Address: one.Address, FD: len(files)})
		files = append(files, uintptr(fd))
	}
	s.mu.Unlock()
	if err == nil {
		pid, err = start(o, p, files)
	}
	_, _, _ = ready.Close(), life.Close(), unix.Close(state)
	if err != nil {
		return 0, errors.Join(err, lifeOurs.Close())
	}
	if err := await(ctx, readyOurs, o.Within); err != nil {
		_ = syscall.Kill(pid, syscall.SIGKILL)
		_, _ = syscall.Wait4(pid, nil, 0, nil)
		_ = lifeOurs.Close()
		return 0, fmt.Errorf("%w: %w", ErrNotReady, err)
	}
	// The other end of life is never closed: its end is that of this process. Nobody waits for the child either, since
	// this process ends before it.
	s.mu.Lock()
	s.life = keepOpen(lifeOurs)
	s.mu.Unlock()
	return pid, nil
}

func start(o Start, p passed, files []uintptr) (int, error) {
	text, err := json.Marshal(p)
	if err != nil {
		return 0, err
	}
	environ := append([]string{env + "=" + string(text)}, o.Env...)
	return syscall.ForkExec(o.Path, o.Args, &syscall.ProcAttr{Env: environ, Files: files})
}

// memory is a file without a name that holds content.
func memory(content []byte) (int, error) {
	fd, err := unix.MemfdCreate("merlon-state", unix.MFD_CLOEXEC)
	if err != nil {
		return 0, err
	}
	for rest := content; len(rest) > 0 && err == nil; {
		var n int
		n, err = unix.Write(fd, rest)
		rest = rest[max(n, 0):]
	}
	if err == nil {
		_, err = unix.Seek(fd, 0, io.SeekStart)
	}
	if err != nil {
		return 0, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// await reads what the new process says. Its end without a word is a failure too.
func await(ctx context.Context, r *os.File, within time.Duration) error {
	stop := context.AfterFunc(ctx, func() { _ = r.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	if err := r.SetReadDeadline(time.Now().Add(within)); err != nil {
		return err
	}
	line, err := bufio.NewReader(io.LimitReader(r, 4096)).ReadString('\n')
	word, why, _ := strings.Cut(strings.TrimSpace(line), ": ")
	switch {
	case word == "ready":
		return nil
	case why != "":
		return errors.New(why)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Errorf("it took longer than %s", within)
	case err == nil || errors.Is(err, io.EOF):
		return errors.New("it ended; the reason stands in its log")
	}
	return err
}

// keepOpen lets a descriptor live until the process ends, whatever the collector thinks of its file.
func keepOpen(f *os.File) (kept int) {
	raw, err := f.SyscallConn()
	if err == nil {
		_ = raw.Control(func(fd uintptr) { kept, _ = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 3) })
	}
	_ = f.Close()
	return kept
}

// packetsFree is what a parent writes on life once it reads from no packet socket any more.
const packetsFree = 'p'

// ReleasePackets tells the next process that it may read from the packet sockets, after Pass. Two processes that read from
// one would each get some of the other's packets, and know none of their connections.
func (s *Sockets) ReleasePackets() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.life <= 0 {
		return nil
	}
	if _, err := unix.Write(s.life, []byte{packetsFree}); err != nil {
		return fmt.Errorf("the next process is not told that it may read packets: %w", err)
	}
	return nil
}

// Parent is the Merlon that passed its sockets to this one. One goroutine waits for it.
type Parent struct {
	ready, life, state *os.File
	ended              bool
}

func newParent(p passed) *Parent {
	for _, fd := range []int{p.Ready, p.Life, p.State} {
		unix.CloseOnExec(fd)
	}
	_ = unix.SetNonblock(p.Life, true) // so that waiting for its end can be given up
	return &Parent{
		ready: os.NewFile(uintptr(p.Ready), "ready"), life: os.NewFile(uintptr(p.Life), "life"), state: os.NewFile(uintptr(p.State), "state"),
	}
}

// maxState bounds what a parent may tell: a hundred thousand endpoints take 40 MB.
const maxState = 1 << 30

// State is what the parent tells beside the sockets.
func (p *Parent) State() ([]byte, error) {
	defer p.state.Close()
	return io.ReadAll(io.LimitReader(p.state, maxState))
}

// Ready tells the parent to drain and end.
func (p *Parent) Ready() error {
	_, err := io.WriteString(p.ready, "ready\n")
	return errors.Join(err, p.ready.Close())
}

// Failed tells the parent to go on, and why.
func (p *Parent) Failed(why error) {
	_, _ = io.WriteString(p.ready, "failed: "+strings.Join(strings.Fields(why.Error()), " ")+"\n")
	_ = p.ready.Close()
}

// WaitPackets returns when the parent reads from the packet sockets no more, or has ended, or ctx has.
func (p *Parent) WaitPackets(ctx context.Context) error {
	_, err := p.word(ctx)
	return err
}

// Wait returns when the parent has ended, or ctx has. It is called after WaitPackets, or instead of it.
func (p *Parent) Wait(ctx context.Context) error {
	for !p.ended {
		if _, err := p.word(ctx); err != nil {
			return err
		}
	}
	return p.life.Close()
}

// word reads one byte from life; ended is set when there will be no more.
func (p *Parent) word(ctx context.Context) (byte, error) {
	stop := context.AfterFunc(ctx, func() { _ = p.life.SetReadDeadline(time.Unix(1, 0)) })
	defer stop()
	var b [1]byte
	_, err := p.life.Read(b[:])
	if errors.Is(err, io.EOF) {
		p.ended = true
		return 0, nil
	}
	if err != nil {
		return 0, errors.Join(ctx.Err(), err)
	}
	return b[0], nil
}
