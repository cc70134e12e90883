package main

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/quic-go/quic-go"
	"github.com/quic-go/quic-go/http3"
)

// datagramCallers ask by HTTP/3 without pause until stopped. A client of HTTP/3 that is told to go away, or whose request was
// turned away unserved, asks again on another connection (RFC 9114 section 5.2): so do they, and count only what was answered.
type datagramCallers struct {
	answered, dialled atomic.Int64
	stop              func()
}

func callHTTP3(t *testing.T, address string) *datagramCallers {
	c := new(datagramCallers)
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	for range 2 {
		tr := &http3.Transport{
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true, ServerName: "shop.example", NextProtos: []string{"h3"}},
			QUICConfig:      &quic.Config{HandshakeIdleTimeout: 20 * time.Second},
			Dial: func(ctx context.Context, addr string, tc *tls.Config, qc *quic.Config) (*quic.Conn, error) {
				c.dialled.Add(1)
				return quic.DialAddr(ctx, addr, tc, qc)
			},
		}
		running.Go(func() {
			defer tr.Close()
			for ctx.Err() == nil {
				id := strconv.FormatInt(100_000+c.answered.Load(), 10)
				var got string
				var err error
				for try := range 20 {
					if got, err = ask(ctx, tr, "https://"+address+"/orders/"+id); err == nil || ctx.Err() != nil {
						break
					}
					t.Logf("try %d: %v", try, err)
				}
				switch {
				case ctx.Err() != nil:
					return
				case err != nil || got != `{"id":"`+id+`"}`:
					t.Errorf("order %s is answered with %q, %v", id, got, err)
				}
				c.answered.Add(1)
			}
		})
	}
	c.stop = sync.OnceFunc(func() { cancel(); running.Wait() })
	t.Cleanup(c.stop)
	return c
}

func ask(ctx context.Context, rt http.RoundTripper, url string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return "", err
	}
	resp, err := rt.RoundTrip(req)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if resp.StatusCode != 200 {
		return resp.Status, err
	}
	return string(b), err
}

// after waits for n more answers.
func (c *datagramCallers) after(t *testing.T, n int64) {
	t.Helper()
	from := c.answered.Load()
	until(t, "HTTP/3 traffic", func() bool { return c.answered.Load() >= from+n })
}

func http3Listener(address, more string) string {
	return fmt.Sprintf("listen: [{address: %q, http3: true, tls: {certificate: cert.pem, key: key.pem%s}}]\n", address, more)
}

// TestReloadHTTP3: the connections of a listener with HTTP/3 outlive a reload that changes the listener; a certificate that
// has expired refuses the whole reload; HTTP/3 that is not wanted any more ends, and can begin again.
func TestReloadHTTP3(t *testing.T) {
	up := echo(t)
	dir := t.TempDir()
	certify(t, dir)
	client := freeAddress(t)
	site := fmt.Sprintf("sites: [{name: shop, upstreams: [{url: %q}]}]\n", up.URL)
	r := serveText(t, dir, client, http3Listener(client, "")+site)
	more := fmt.Sprintf("admin: {address: %q, open_metrics: true}\nstorage: %q\n", r.admin, "sqlite:"+filepath.Join(dir, "data"))
	result := func(name string) float64 { return r.metric(`merlon_reloads_total{result="` + name + `"}`) }
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, "merlon.yaml"), []byte(text+site+more), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	good, bad := result("success"), result("failure")
	lowest := func() bool { // whether TLS 1.2 is spoken
		nc, err := tls.Dial("tcp", client, &tls.Config{InsecureSkipVerify: true, MaxVersion: tls.VersionTLS12})
		if err != nil {
			return false
		}
		_ = nc.Close()
		return true
	}
	c := callHTTP3(t, client)
	c.after(t, 50)
	before := c.dialled.Load()
	write(http3Listener(client, ", min_version: \"1.3\""))
	good++
	until(t, "a reload", func() bool { return result("success") == good })
	c.after(t, 50)
	if n := c.dialled.Load(); n != before {
		t.Errorf("a reload of the listener costs HTTP/3 its connections: %d, then %d", before, n)
	}
	if lowest() {
		t.Error("the new lowest version does not hold")
	}

	// The certificate has expired, and the lowest version of the reload is good: nothing of it holds.
	certifyUntil(t, dir, time.Now().Add(-time.Minute))
	write(http3Listener(client, ""))
	until(t, "a refused reload", func() bool { return result("failure") > bad })
	if lowest() {
		t.Error("half of a reload with an expired certificate holds")
	}
	c.after(t, 20)
	if got := shownBy(t, client); !got.NotAfter.After(time.Now()) {
		t.Errorf("the certificate that expired %s is served", got.NotAfter)
	}
	if result("success") != good {
		t.Error("a reload with an expired certificate counts as good")
	}
	certify(t, dir)
	until(t, "a reload with a new certificate", func() bool { return result("success") > good })
	c.after(t, 20)
	c.stop()

	reload := func(listen string) {
		t.Helper()
		good = result("success")
		write(listen)
		until(t, "a reload", func() bool { return result("success") > good })
	}
	reload(strings.Replace(http3Listener(client, ""), "http3: true", "http3: false", 1))
	until(t, "the end of HTTP/3", func() bool {
		pc, err := net.ListenPacket("udp", client)
		if err != nil {
			return false
		}
		_ = pc.Close()
		return true
	})
	reload(http3Listener(client, ""))
	c = callHTTP3(t, client)
	c.after(t, 20)
	c.stop()
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	if err := <-r.ended; err != nil {
		t.Errorf("%v\n%s", err, r.log)
	}
}

// shownBy is the certificate that a listener shows.
func shownBy(t *testing.T, address string) *x509.Certificate {
	t.Helper()
	nc, err := tls.Dial("tcp", address, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	return nc.ConnectionState().PeerCertificates[0]
}

// TestHandOverHTTP3 replaces a process that serves HTTP/3 twice under load: both processes live, and every request is
// answered.
func TestHandOverHTTP3(t *testing.T) {
	up := echo(t)
	dir := t.TempDir()
	certify(t, dir)
	client := freeAddress(t)
	r := serveText(t, dir, client, http3Listener(client, "")+fmt.Sprintf("sites: [{name: shop, upstreams: [{url: %q}]}]\n", up.URL))
	pid := r.cmd.Process.Pid
	t.Cleanup(func() {
		until(t, "an end", func() bool { return holder(t, dir) != 0 || len(r.ended) > 0 })
		if last := holder(t, dir); last != 0 {
			_ = syscall.Kill(last, syscall.SIGKILL)
		}
	})
	c := callHTTP3(t, client)
	for range 2 {
		c.after(t, 50)
		if err := syscall.Kill(pid, syscall.SIGUSR2); err != nil {
			t.Fatal(err)
		}
		until(t, "the hand-over", func() bool {
			next := holder(t, dir)
			return next != 0 && next != pid
		})
		pid = holder(t, dir)
		until(t, "the new process's dashboard", func() bool {
			return r.metric("merlon_events_learned_total") >= 0 || r.metric(`merlon_reloads_total{result="success"}`) >= 0
		})
	}
	c.after(t, 50)
	c.stop()
	if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-r.ended
	if n := strings.Count(r.log.String(), "another process has taken over"); n != 2 {
		t.Errorf("%d hand-overs, want 2\n%s", n, r.log)
	}
	if strings.Contains(r.log.String(), `"ERROR"`) || strings.Contains(r.log.String(), "were cut") {
		t.Errorf("there were errors:\n%s", r.log)
	}
}

// TestTakenPacketPort: a UDP port that is taken is found before the process says that it serves.
func TestTakenPacketPort(t *testing.T) {
	up := echo(t)
	dir := t.TempDir()
	certify(t, dir)
	client := freeAddress(t)
	taken, err := net.ListenPacket("udp", client)
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	plain := strings.Replace(http3Listener(client, ""), "http3: true", "http3: false", 1)
	site := fmt.Sprintf("sites: [{name: shop, upstreams: [{url: %q}]}]\n", up.URL)
	r := serveText(t, dir, client, plain+site)
	// Neither a reload nor a hand-over harms the process that serves.
	more := fmt.Sprintf("admin: {address: %q, open_metrics: true}\nstorage: %q\n", r.admin, "sqlite:"+filepath.Join(dir, "data"))
	if err := os.WriteFile(filepath.Join(dir, "merlon.yaml"), []byte(http3Listener(client, "")+site+more), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := r.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	until(t, "a refused reload", func() bool { return r.metric(`merlon_reloads_total{result="failure"}`) >= 1 })
	if err := r.cmd.Process.Signal(syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	until(t, "a failed hand-over", func() bool { return r.metric("merlon_handovers_failed_total") == 1 })
	if holder(t, dir) != r.cmd.Process.Pid {
		t.Error("another process has the data directory")
	}
	shownBy(t, client)
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
	if !strings.Contains(r.log.String(), "HTTP/3: listen udp") {
		t.Errorf("the log does not say what is taken:\n%s", r.log)
	}
}
