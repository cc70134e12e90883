package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

const (
	stopWithin = 60 * time.Second // Merlon learns, distils and stores what it still has
	openWithin = 60 * time.Second
)

// program finds a program by name, also where Debian keeps servers and the path of ordinary users does not lead.
func program(name, pack string) (string, error) {
	if p, err := exec.LookPath(name); err == nil {
		return p, nil
	}
	p := filepath.Join("/usr/sbin", name)
	if _, err := os.Stat(p); err == nil {
		return p, nil
	}
	return "", fmt.Errorf("%s is missing: apt-get install %s", name, pack)
}

// freeAddress is a loopback address that nothing listens on now.
func freeAddress(ctx context.Context) (string, error) {
	var lc net.ListenConfig
	l, err := lc.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

// server is a process that this one started and ends.
type server struct {
	name string
	cmd  *exec.Cmd
	log  string
	done chan error
}

// startServer runs argv in a process group of its own, so that Ctrl-C reaches this process alone and everything is
// ended in order. It returns when address takes connections.
func startServer(ctx context.Context, name, dir, address string, argv ...string) (*server, error) {
	s := &server{name: name, log: filepath.Join(dir, name+".log"), done: make(chan error, 1)}
	out, err := os.OpenFile(s.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	s.cmd = exec.Command(argv[0], argv[1:]...) //nolint:noctx // it is asked to stop by SIGTERM, never killed by a context
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = dir, out, out
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("%s does not start: %w", name, err)
	}
	go func() { s.done <- s.cmd.Wait() }()
	if err := s.open(ctx, address); err != nil {
		err = fmt.Errorf("%s: %w\n%s", name, err, s.tail())
		_, stopErr := s.stop()
		return nil, errors.Join(err, stopErr)
	}
	return s, nil
}

// open waits until address takes connections.
func (s *server) open(ctx context.Context, address string) error {
	deadline := time.NewTimer(openWithin)
	defer deadline.Stop()
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	d := net.Dialer{Timeout: time.Second}
	for {
		c, err := d.DialContext(ctx, "tcp", address)
		if err == nil {
			return c.Close()
		}
		select {
		case err := <-s.done:
			s.done <- err
			return fmt.Errorf("ended at once: %v", err)
		case <-deadline.C:
			return fmt.Errorf("does not listen on %s after %v", address, openWithin)
		case <-ctx.Done():
			return ctx.Err()
		case <-again.C:
		}
	}
}

func (s *server) pid() int { return s.cmd.Process.Pid }

// stop asks the process to end, waits for it, and returns the user and system time of its whole life as the kernel
// gives it to the parent. Its group is killed when it does not end.
func (s *server) stop() (time.Duration, error) {
	if err := s.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return 0, fmt.Errorf("%s: %w", s.name, err)
	}
	deadline := time.NewTimer(stopWithin)
	defer deadline.Stop()
	var err error
	select {
	case err = <-s.done:
	case <-deadline.C:
		_ = syscall.Kill(-s.pid(), syscall.SIGKILL) // the group is ours alone
		<-s.done
		err = fmt.Errorf("did not end within %v", stopWithin)
	}
	s.done <- err
	state := s.cmd.ProcessState
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGTERM {
		err = nil // ended by our signal, as asked
	}
	if errors.As(err, &exit) && exit.ExitCode() == 143 {
		err = nil // HAProxy's word for the same
	}
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", s.name, err, s.tail())
	}
	return state.UserTime() + state.SystemTime(), err
}

// tail is the end of what the process wrote.
func (s *server) tail() string {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}
