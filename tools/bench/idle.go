package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"syscall"
	"time"
)

const (
	idleWanted   = 20_000
	idleBar      = 16 << 10 // bytes of resident memory for each
	idleReserve  = 400      // descriptors that Merlon and this process need for other things
	idleDialers  = 16
	idlePerChild = 200 // connections from one source address; each address is in a /24 of its own
	idleSettle   = 5 * time.Second
)

// idle is the memory of connections that wait for their next request.
type idle struct {
	Connections int    `json:"connections"`
	Before      memory `json:"before"`
	After       memory `json:"after"`
	Failed      int    `json:"failed"`
}

// perConnection is the growth of resident memory for each connection, in bytes.
func (i idle) perConnection() float64 {
	return float64(i.After.RSS-i.Before.RSS) / float64(max(1, i.Connections))
}

// idling opens connections to Merlon from many loopback addresses, sends one request on each, and lets them be.
func (f *field) idling(ctx context.Context, progress io.Writer) (i idle, err error) {
	if err := f.forget(); err != nil {
		return i, err
	}
	limit, err := raiseDescriptors()
	if err != nil {
		return i, err
	}
	wanted := min(idleWanted, limit-idleReserve)
	if wanted < idleWanted {
		fmt.Fprintf(progress, "idle: this process may have %d files open, so %d connections are measured instead of %d\n", limit, wanted, idleWanted)
	}
	c := f.merlon()
	proc, err := f.start(ctx, c)
	if err != nil {
		return i, err
	}
	defer func() {
		_, stopErr := proc.stop()
		err = errors.Join(err, stopErr)
	}()
	l := load{program: f.wrk, dir: f.dir, address: c.listen, conns: 32, duration: warmUp, principals: 1, addresses: 1}
	if _, err := l.run(ctx); err != nil {
		return i, err
	}
	if i.Before, err = settledMemory(ctx, proc.pid()); err != nil {
		return i, err
	}
	conns, failed := f.hold(ctx, c.listen, wanted)
	defer func() {
		for _, c := range conns {
			_ = c.Close()
		}
	}()
	i.Connections, i.Failed = len(conns), failed
	if i.After, err = settledMemory(ctx, proc.pid()); err != nil {
		return i, err
	}
	return i, ctx.Err()
}

// raiseDescriptors lifts the soft limit of open files to the hard one, which children inherit.
func raiseDescriptors() (int, error) {
	var l syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, err
	}
	l.Cur = l.Max
	if err := syscall.Setrlimit(syscall.RLIMIT_NOFILE, &l); err != nil {
		return 0, err
	}
	return int(min(l.Cur, 1<<20)), nil
}

// settledMemory is the memory of a process that has been left alone for a moment.
func settledMemory(ctx context.Context, pid int) (memory, error) {
	select {
	case <-ctx.Done():
		return memory{}, ctx.Err()
	case <-time.After(idleSettle):
	}
	return treeMemory(pid)
}

// hold opens n connections, each with one answered request behind it.
func (f *field) hold(ctx context.Context, address string, n int) (conns []net.Conn, failed int) {
	numbers := make(chan int)
	var mu sync.Mutex
	var wg sync.WaitGroup
	for range idleDialers {
		wg.Go(func() {
			for k := range numbers {
				c, err := f.visit(ctx, address, loopback(k/idlePerChild), k)
				mu.Lock()
				if err != nil {
					failed++
				} else {
					conns = append(conns, c)
				}
				mu.Unlock()
			}
		})
	}
	for k := range n {
		numbers <- k
	}
	close(numbers)
	wg.Wait()
	runtime.KeepAlive(conns)
	return conns, failed
}

// loopback is the n-th source address, in a /24 of its own.
func loopback(n int) net.IP { return net.IPv4(127, byte(10+n/250), byte(n%250), 1) }

func (f *field) visit(ctx context.Context, address string, from net.IP, k int) (net.Conn, error) {
	d := net.Dialer{Timeout: 10 * time.Second, LocalAddr: &net.TCPAddr{IP: from}}
	c, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, err
	}
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	p := f.work.pieces[len(f.work.pieces)-1-k%10%3] // the last of ten are reads
	if err := ask(c, bufio.NewReaderSize(c, 4096), fmt.Sprintf("%s%0*d%s%s%s", p.a, numberBytes, k, p.b, f.token, p.c)); err != nil {
		_ = c.Close()
		return nil, err
	}
	_ = c.SetDeadline(time.Time{})
	return c, nil
}

func (i idle) print(w io.Writer) {
	fmt.Fprintf(w, "\nidle: %d kept-alive connections, each with one request behind it: RSS %.0f MB before, %.0f MB with them, %.1f KB each\n",
		i.Connections, float64(i.Before.RSS)/mega, float64(i.After.RSS)/mega, i.perConnection()/1024)
}

func (i idle) verdicts() []verdict {
	return []verdict{
		{Bar: "idle: memory", Met: i.Connections > 0 && i.perConnection() <= idleBar, Says: fmt.Sprintf("%.1f KB for each of %d idle connections (bar: at most %d)", i.perConnection()/1024, i.Connections, idleBar>>10)},
		{Bar: "idle: answers", Met: i.Failed == 0, Says: fmt.Sprintf("%d connections failed (bar: 0)", i.Failed)},
	}
}
