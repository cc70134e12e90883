package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestReload changes sites, policy and listeners of a running process under load: what has mistakes changes nothing, no
// request is lost, and what needs a restart is named.
func TestReload(t *testing.T) {
	up, other := echo(t), echo(t)
	dir := t.TempDir()
	r := serveProcess(t, dir, up.URL, "")
	c := call(t, r.client)
	c.after(100)
	second := freeAddress(t)
	file := filepath.Join(dir, "merlon.yaml")
	config := func(listen, policy, more string) string {
		return fmt.Sprintf("listen: [%s]\nadmin: {address: %q, open_metrics: true}\nstorage: %q\n%ssites:\n"+
			"  - {name: shop, default: true, upstreams: [{url: %q}]%s}\n  - {name: club, hosts: [club.example], upstreams: [{url: %q}]}\n",
			listen, r.admin, "sqlite:"+filepath.Join(dir, "data"), more, up.URL, policy, other.URL)
	}
	first := fmt.Sprintf("{address: %q}", r.client)
	good := r.metric(`merlon_reloads_total{result="success"}`)
	bad := r.metric(`merlon_reloads_total{result="failure"}`)
	change := func(text string, ok bool) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if ok {
			good++
		} else {
			bad++
		}
		until(t, "a reload", func() bool {
			return r.metric(`merlon_reloads_total{result="success"}`) == good && r.metric(`merlon_reloads_total{result="failure"}`) == bad
		})
		c.after(50)
	}
	status := func(address, host, method, path string) int {
		req, err := http.NewRequest(method, "http://"+address+path, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = host
		tr := &http.Transport{DisableKeepAlives: true}
		resp, err := tr.RoundTrip(req)
		if err != nil {
			return 0
		}
		_ = resp.Body.Close()
		return resp.StatusCode
	}
	if err := os.WriteFile(filepath.Join(dir, "policy.yaml"), []byte("version: 1\nrules:\n  - {name: no deletion, when: 'request.method == \"DELETE\"', action: block, mode: enforce}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	// The files are watched: nobody sends a signal.
	change(config(first+", {address: "+fmt.Sprintf("%q", second)+"}", ", policy: policy.yaml", "retention: {event_rows: 5000}\n"), true)
	if got := status(second, "club.example", "GET", "/orders/1"); got != 200 {
		t.Errorf("the new listener answers for the new site with %d", got)
	}
	if got := status(r.client, "shop.example", "DELETE", "/orders/1"); got != 403 {
		t.Errorf("the new policy lets a DELETE through: %d", got)
	}
	if got := status(r.client, "club.example", "DELETE", "/orders/1"); got != 200 {
		t.Errorf("the other site is judged by the policy of the first: %d", got)
	}
	// Mistakes: in the file, in the policy, and an address that is taken.
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, text := range []string{
		"sites: nonsense\n",
		config(first, ", policy: gone.yaml", ""),
		config(first+fmt.Sprintf(", {address: %q}", taken.Addr()), "", ""),
	} {
		change(text, false)
		if got := status(r.client, "shop.example", "DELETE", "/orders/1"); got != 403 {
			t.Errorf("a configuration with mistakes has changed the policy: %d", got)
		}
		if got := status(second, "club.example", "GET", "/orders/1"); got != 200 {
			t.Errorf("a configuration with mistakes has changed the listeners: %d", got)
		}
	}
	// The listener that everybody uses changes on its socket, the other one goes, and with it who waits on it.
	kept, err := net.Dial("tcp", second)
	if err != nil {
		t.Fatal(err)
	}
	defer kept.Close()
	if _, err := io.WriteString(kept, "GET /orders/1 HTTP/1.1\r\nHost: club.example\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	from := bufio.NewReader(kept)
	resp, err := http.ReadResponse(from, nil)
	if err != nil || resp.Close || resp.StatusCode != 200 {
		t.Fatalf("a connection that is kept: %v, %+v", err, resp)
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil {
		t.Fatal(err)
	}
	change(config(fmt.Sprintf("{address: %q, h2c: true}", r.client), "", ""), true)
	_ = kept.SetReadDeadline(time.Now().Add(20 * time.Second)) // far below the time an idle connection has
	if n, err := from.Read(make([]byte, 1)); n != 0 || errors.Is(err, os.ErrDeadlineExceeded) || err == nil {
		t.Errorf("a connection to the listener that is gone goes on: %d %v", n, err)
	}
	if got := status(second, "club.example", "GET", "/orders/1"); got != 0 {
		t.Errorf("the listener that is gone answers with %d", got)
	}
	if got := status(r.client, "shop.example", "DELETE", "/orders/1"); got != 200 {
		t.Errorf("the policy that is gone holds: %d", got)
	}
	if err := r.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	good++
	until(t, "a reload by signal", func() bool { return r.metric(`merlon_reloads_total{result="success"}`) == good })
	c.after(100)
	c.stop()
	_ = r.cmd.Process.Signal(syscall.SIGTERM)
	if err := <-r.ended; err != nil {
		t.Error(err)
	}
	for _, want := range []string{"some changes need a restart", "retention.event_rows", "the new configuration is not used", "expected a list, found"} {
		if !strings.Contains(r.log.String(), want) {
			t.Errorf("the log does not say %q:\n%s", want, r.log)
		}
	}
}
