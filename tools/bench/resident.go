package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// resident is a Merlon before echo upstreams that may be replaced by its successors while it serves.
type resident struct {
	dir       string
	upstreams []*echo
	plain     string // addresses
	secure    string
	admin     string
	first     *server
	current   int // process id
	client    *http.Client
	changes   int
}

// reap makes this process the parent of orphans below it, so that successors of a Merlon that ended can be found, waited
// for and ended.
func reap() error {
	const setChildSubreaper = 36 // prctl(2)
	if _, _, e := syscall.RawSyscall(syscall.SYS_PRCTL, setChildSubreaper, 1, 0); e != 0 {
		return fmt.Errorf("prctl: %w", e)
	}
	return nil
}

// settle starts upstreams and Merlon. Its caller calls close, also after an error.
func settle(ctx context.Context, program string, upstreams int) (r *resident, err error) {
	r = &resident{client: &http.Client{Timeout: 10 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}}
	if program, err = filepath.Abs(program); err != nil {
		return r, err
	}
	if _, err = os.Stat(program); err != nil {
		return r, fmt.Errorf("no Merlon to test (make build): %w", err)
	}
	if err = reap(); err != nil {
		return r, err
	}
	if _, err = raiseDescriptors(); err != nil {
		return r, err
	}
	if r.dir, err = os.MkdirTemp("", "merlon-soak-"); err != nil {
		return r, err
	}
	for range upstreams {
		e := &echo{}
		if err = e.start(); err != nil {
			return r, err
		}
		r.upstreams = append(r.upstreams, e)
	}
	for _, a := range []*string{&r.plain, &r.secure, &r.admin} {
		if *a, err = freeAddress(ctx); err != nil {
			return r, err
		}
	}
	if err = errors.Join(r.newCertificate(), r.configure()); err != nil {
		return r, err
	}
	r.first, err = startServer(ctx, "merlon", r.dir, r.plain, program, "serve", "-c", filepath.Join(r.dir, "merlon.yaml"), "--data", filepath.Join(r.dir, "data"))
	if err == nil {
		r.current = r.first.pid()
	}
	return r, err
}

// configure writes the configuration; every one differs from the last in a host that nobody asks for.
func (r *resident) configure() error {
	r.changes++
	var b strings.Builder
	fmt.Fprintf(&b, "listen:\n  - address: %q\n  - address: %q\n    tls: {certificate: %q, key: %q}\n", r.plain, r.secure, filepath.Join(r.dir, "cert.pem"), filepath.Join(r.dir, "key.pem"))
	fmt.Fprintf(&b, "admin:\n  address: %q\n  open_metrics: true\nsites:\n  - name: soak\n    default: true\n    hosts: [\"change-%d.example\"]\n    upstreams:\n", r.admin, r.changes)
	for _, u := range r.upstreams {
		fmt.Fprintf(&b, "      - url: http://%s\n", u.address)
	}
	return replaceFile(filepath.Join(r.dir, "merlon.yaml"), b.String())
}

// newCertificate replaces certificate and key.
func (r *resident) newCertificate() error {
	cert, key, err := certificate(time.Now())
	return errors.Join(err, replaceFile(filepath.Join(r.dir, "key.pem"), key), replaceFile(filepath.Join(r.dir, "cert.pem"), cert))
}

// replaceFile writes beside and renames, so that no reader sees half a file.
func replaceFile(name, text string) error {
	if err := os.WriteFile(name+".new", []byte(text), 0o600); err != nil {
		return err
	}
	return os.Rename(name+".new", name)
}

// signal sends s to the Merlon that serves.
func (r *resident) signal(s syscall.Signal) error { return syscall.Kill(r.current, s) }

// handOver asks for a successor and waits until the old process has ended and the new one shows its metrics.
func (r *resident) handOver(ctx context.Context) error {
	old := r.current
	if err := r.signal(syscall.SIGUSR2); err != nil {
		return err
	}
	late := time.NewTimer(2 * time.Minute)
	defer late.Stop()
	again := time.NewTicker(50 * time.Millisecond)
	defer again.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-late.C:
			return fmt.Errorf("process %d has not handed over within two minutes", old)
		case <-again.C:
		}
		if old != r.first.pid() {
			var status syscall.WaitStatus
			if pid, err := syscall.Wait4(old, &status, syscall.WNOHANG, nil); err == nil && pid != old {
				continue
			}
		} else {
			select {
			case err := <-r.first.done:
				r.first.done <- err
			default:
				continue
			}
		}
		next, err := r.successor(old)
		if err != nil {
			return err
		}
		r.current = next
		break
	}
	for {
		_, err := scrape(ctx, r.client, r.admin)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-late.C:
			return fmt.Errorf("process %d has taken over and shows no metrics: %w", r.current, err)
		case <-again.C:
		}
	}
}

// successor is the child of this process that serves the same configuration.
func (r *resident) successor(old int) (int, error) {
	all, err := tree(os.Getpid())
	if err != nil {
		return 0, err
	}
	for pid := range all {
		line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
		if err == nil && pid != old && strings.Contains(string(line), filepath.Join(r.dir, "merlon.yaml")) {
			return pid, nil
		}
	}
	return 0, fmt.Errorf("process %d has ended and nobody took over\n%s", old, r.first.tail())
}

// state is what may leak.
type state struct {
	Goroutines  float64 `json:"goroutines"`
	Descriptors int     `json:"descriptors"`
	Connections float64 `json:"connections"`
	Memory      memory  `json:"memory"`
}

func (r *resident) state(ctx context.Context) (s state, err error) {
	m, err := scrape(ctx, r.client, r.admin)
	if err != nil {
		return s, err
	}
	s.Goroutines, s.Connections = m["go_goroutines"], m["merlon_connections"]
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", r.current))
	if err != nil {
		return s, err
	}
	s.Descriptors = len(fds)
	s.Memory, err = treeMemory(r.current)
	return s, err
}

// close ends Merlon, whichever process it is by now, and the upstreams.
func (r *resident) close() error {
	var err error
	if r.first != nil {
		if r.current != r.first.pid() {
			err = r.end()
		}
		_, stopErr := r.first.stop()
		err = errors.Join(err, stopErr)
		// A hand-over that was under way at the end leaves a successor behind.
		for {
			next, findErr := r.successor(0)
			if findErr != nil {
				break
			}
			r.current = next
			if endErr := r.end(); endErr != nil {
				err = errors.Join(err, endErr)
				break
			}
		}
	}
	for _, u := range r.upstreams {
		u.stop()
	}
	if r.dir != "" && os.Getenv("MERLON_SOAK_KEEP") == "" {
		err = errors.Join(err, os.RemoveAll(r.dir))
	}
	return err
}

// end stops a successor, which this process has adopted.
func (r *resident) end() error {
	if err := r.signal(syscall.SIGTERM); err != nil {
		return err
	}
	hung := time.AfterFunc(stopWithin, func() { _ = r.signal(syscall.SIGKILL) })
	defer hung.Stop()
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(r.current, &status, 0, nil)
		if errors.Is(err, syscall.EINTR) {
			continue
		}
		if err == nil && status.ExitStatus() != 0 {
			err = fmt.Errorf("merlon ended with %d\n%s", status.ExitStatus(), r.first.tail())
		}
		return err
	}
}
