package proxy

import (
	"bufio"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"merlon/internal/edge/proxy/listen"
)

// idleBytes is what a kept-alive plain connection may cost while it waits: the whole process' resident memory, divided.
const idleBytes = 16 << 10

// TestIdleConnectionsAreSmall: thousands of clients have had an answer and wait. Their ends are bare descriptors, so that
// nearly all of the growth is the proxy's.
func TestIdleConnectionsAreSmall(t *testing.T) {
	if raceDetector {
		t.Skip("under the race detector memory is not the product's: it is not measured")
	}
	const connections = 4000
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || limit.Cur < 2*connections+200 {
		t.Skipf("%d open files are allowed, too few for %d connections: their memory is not measured", limit.Cur, connections)
	}
	at := netip.MustParseAddrPort(benchProxy(t, rawUpstream(t)))
	request, answer := []byte("GET /items/17 HTTP/1.1\r\nHost: acme\r\nUser-Agent: idle\r\nAccept: */*\r\nX-Padding: "+strings.Repeat("x", 600)+"\r\n\r\n"), make([]byte, 4096)
	ask := func() int {
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM|syscall.SOCK_CLOEXEC, 0)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = syscall.Close(fd) })
		if err := retried(func() error {
			return syscall.Connect(fd, &syscall.SockaddrInet4{Port: int(at.Port()), Addr: at.Addr().As4()})
		}); err != nil {
			t.Fatal(err)
		}
		if _, err := syscall.Write(fd, request); err != nil {
			t.Fatal(err)
		}
		n := 0
		if err := retried(func() (err error) { n, err = syscall.Read(fd, answer); return err }); err != nil || !strings.HasPrefix(string(answer[:max(n, 0)]), "HTTP/1.1 200") {
			t.Fatalf("%q, %v", answer[:max(n, 0)], err)
		}
		return fd
	}
	for range 100 { // pools, upstream connections and the engine's memory
		ask()
	}
	debug.FreeOSMemory()
	from := resident(t)
	for range connections {
		ask()
	}
	asIs := (resident(t) - from) / connections
	if asIs > idleBytes {
		t.Errorf("%d bytes a connection as it is, at most %d are meant", asIs, idleBytes)
	}
	debug.FreeOSMemory()
	collected := (resident(t) - from) / connections
	t.Logf("%d idle connections, %d goroutines: %d bytes each, %d when garbage is collected", connections, runtime.NumGoroutine(), asIs, collected)
}

// idleTLSBytes is the same over TLS, where crypto/tls keeps the state of two ciphers, and the buffers of the last record.
const idleTLSBytes = 32 << 10

// TestIdleTLSConnectionsAreSmall has its clients in a process of their own: this test program, called again.
func TestIdleTLSConnectionsAreSmall(t *testing.T) {
	const connections = 1500
	if raceDetector {
		t.Skip("under the race detector memory is not the product's: it is not measured")
	}
	if addr := os.Getenv("MERLON_TEST_IDLE_CLIENTS_OF"); addr != "" {
		idleTLSClients(t, addr, connections)
		return
	}
	x, _ := withTLS(t)
	addr := benchListener(t, rawUpstream(t), listen.Options{TLS: x, Now: time.Now})
	c := exec.Command(os.Args[0], "-test.run=^TestIdleTLSConnectionsAreSmall$")
	c.Env, c.Stderr = append(os.Environ(), "MERLON_TEST_IDLE_CLIENTS_OF="+addr), os.Stderr
	stdin, err := c.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := c.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	debug.FreeOSMemory()
	from := resident(t)
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "ready\n" {
		t.Fatalf("the clients say %q, %v", line, err)
	}
	asIs := (resident(t) - from) / connections
	debug.FreeOSMemory()
	collected := (resident(t) - from) / connections
	t.Logf("%d idle TLS connections: %d bytes each, %d when the handshakes' garbage is collected", connections, asIs, collected)
	if collected > idleTLSBytes {
		t.Errorf("%d bytes a connection, at most %d are meant", collected, idleTLSBytes)
	}
	_ = stdin.Close()
	if err := c.Wait(); err != nil {
		t.Errorf("the clients: %v", err)
	}
}

// idleTLSClients connects, asks once on each connection, and waits until its input ends.
func idleTLSClients(t *testing.T, addr string, n int) {
	buf := make([]byte, 4096)
	for range n {
		c, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, "GET /items/17 HTTP/1.1\r\nHost: acme\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		if m, err := c.Read(buf); err != nil || !strings.HasPrefix(string(buf[:m]), "HTTP/1.1 200") {
			t.Fatalf("%q, %v", buf[:m], err)
		}
	}
	_, _ = os.Stdout.WriteString("ready\n")
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// retried calls f until no signal comes between.
func retried(f func() error) error {
	for {
		if err := f(); !errors.Is(err, syscall.EINTR) {
			return err
		}
	}
}

// resident is the process' resident memory in bytes.
func resident(t testing.TB) int {
	t.Helper()
	b, err := os.ReadFile("/proc/self/statm")
	if errors.Is(err, os.ErrNotExist) {
		t.Skip("/proc is not here: resident memory is not measured")
	}
	if err != nil {
		t.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(b))[1])
	if err != nil {
		t.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// BenchmarkIdleThenBusy is a request on one of many connections in turn, each idle between its requests.
func BenchmarkIdleThenBusy(b *testing.B) {
	addr := benchProxy(b, rawUpstream(b))
	conns := make([]net.Conn, 256)
	for i := range conns {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		conns[i] = c
	}
	buf := make([]byte, 4096)
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		c := conns[i%len(conns)]
		i++
		if _, err := c.Write([]byte("GET /items/17?q=x HTTP/1.1\r\nHost: acme\r\n\r\n")); err != nil {
			b.Fatal(err)
		}
		if _, err := c.Read(buf); err != nil {
			b.Fatal(err)
		}
	}
}
