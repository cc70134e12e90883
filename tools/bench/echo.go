package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"
)

// echo is an upstream whose answers can be told from those to any other request: each repeats the request's id as often as
// size asks for, and names the hash of the body it got. It can die and come back on its address.
type echo struct {
	address string
	mu      sync.Mutex
	server  *http.Server
}

const maxEcho = 16 << 20

func (e *echo) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	hash := sha256.New()
	if _, err := io.Copy(hash, r.Body); err != nil {
		return
	}
	id := strings.TrimPrefix(r.URL.Path, "/echo/")
	size, err := strconv.Atoi(r.URL.Query().Get("size"))
	if err != nil || size < 0 || size > maxEcho || id == "" {
		http.Error(w, "size is 0 to 16777216", http.StatusBadRequest)
		return
	}
	w.Header().Set("X-Id", id)
	w.Header().Set("X-Sum", hex.EncodeToString(hash.Sum(nil)))
	w.Header().Set("Content-Type", "text/plain")
	if r.URL.Query().Get("chunked") == "" {
		w.Header().Set("Content-Length", strconv.Itoa(size))
	}
	for block := pattern(id, min(size, 32<<10)); size > 0; {
		n, err := w.Write(block[:min(size, len(block))])
		if size -= n; err != nil {
			return
		}
	}
}

// pattern is id again and again, cut at size; blocks of 32 KiB begin anew.
func pattern(id string, size int) []byte {
	return bytes.Repeat([]byte(id+"."), size/(len(id)+1)+1)[:size]
}

// start listens on the address; an empty one chooses a port.
func (e *echo) start() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.server != nil {
		return nil
	}
	address := e.address
	if address == "" {
		address = "127.0.0.1:0"
	}
	l, err := net.Listen("tcp", address) //nolint:noctx // loopback, and closed by stop
	if err != nil {
		return err
	}
	e.address = l.Addr().String()
	e.server = &http.Server{Handler: e, ReadHeaderTimeout: time.Minute}
	go func(s *http.Server) { _ = s.Serve(l) }(e.server)
	return nil
}

// stop cuts everything off in the middle, as a crash would.
func (e *echo) stop() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.server != nil {
		_ = e.server.Close()
		e.server = nil
	}
}

// caller asks echo upstreams through Merlon and checks what comes back.
type caller struct {
	client *http.Client
	base   string
	name   string
	n      int
}

// newCaller is a client with connections of its own, from the loopback address given when it is not nil.
func newCaller(name, base string, from net.IP, multiplexed bool, patience time.Duration) *caller {
	d := net.Dialer{Timeout: patience}
	if from != nil {
		d.LocalAddr = &net.TCPAddr{IP: from}
	}
	t := &http.Transport{
		DialContext: d.DialContext, ForceAttemptHTTP2: multiplexed, DisableCompression: true, MaxIdleConnsPerHost: 8,
		TLSClientConfig: &tls.Config{InsecureSkipVerify: true}, //nolint:gosec // the certificate is made here, for loopback
	}
	return &caller{client: &http.Client{Transport: t, Timeout: patience}, base: base, name: name}
}

func (c *caller) close() { c.client.CloseIdleConnections() }

// errMixed says that an answer belongs to another request, or is not what was sent.
var errMixed = errors.New("the answer is not that to the request")

// statusError is an answer that is not the upstream's.
type statusError int

func (e statusError) Error() string { return fmt.Sprintf("answered %d", int(e)) }

// call sends a body and wants size bytes. The request may be sent again when a kept connection turns out to be closed.
func (c *caller) call(ctx context.Context, body []byte, size int, chunked bool) error {
	c.n++
	id := fmt.Sprintf("%s-%d", c.name, c.n)
	target := fmt.Sprintf("%s/echo/%s?size=%d", c.base, id, size)
	if chunked {
		target += "&chunked=1"
	}
	method := http.MethodGet
	if body != nil {
		method = http.MethodPost
	}
	req, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Idempotency-Key", id)
	resp, err := c.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		_, _ = io.Copy(io.Discard, io.LimitReader(resp.Body, 1<<20))
		return statusError(resp.StatusCode)
	}
	sum := sha256.Sum256(body)
	if resp.Header.Get("X-Id") != id || resp.Header.Get("X-Sum") != hex.EncodeToString(sum[:]) {
		return fmt.Errorf("%w: asked %s, got %s", errMixed, id, resp.Header.Get("X-Id"))
	}
	return checkPattern(resp.Body, id, size)
}

// checkPattern reads what ServeHTTP writes. An answer that ends early is an error of its own, not a mixed one.
func checkPattern(r io.Reader, id string, size int) error {
	block := pattern(id, min(size, 32<<10))
	got := make([]byte, len(block))
	for left := size; left > 0; {
		n := min(left, len(block))
		if _, err := io.ReadFull(r, got[:n]); err != nil {
			return fmt.Errorf("%d of %d bytes are missing: %w", left, size, err)
		}
		if !bytes.Equal(got[:n], block[:n]) {
			return fmt.Errorf("%w: the body of %s is another", errMixed, id)
		}
		left -= n
	}
	n, err := io.CopyN(io.Discard, r, 1)
	switch {
	case n > 0:
		return fmt.Errorf("%w: %s has more than its %d bytes", errMixed, id, size)
	case errors.Is(err, io.EOF):
		return nil
	}
	return err
}
