// Package client is the public typed client of the HTTP API; it imports nothing of ours.
//
// It speaks for a token (`merlon token create`). Every call takes a context, errors of the API are *Problem, lists are
// iterators that fetch their pages, and what can be sent again without harm is sent again when a server is busy.
package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// Client asks one Merlon. It is safe for concurrent use.
type Client struct {
	base    url.URL
	token   string
	http    *http.Client
	retries int
	maxWait time.Duration
	maxBody int64
	agent   string
}

// Option changes a Client as New makes it.
type Option func(*Client)

// WithToken sends a token with every request.
func WithToken(token string) Option { return func(c *Client) { c.token = token } }

// WithHTTPClient sends requests through h, for proxies, certificates and Unix sockets. Without it calls have no time-out but their context.
func WithHTTPClient(h *http.Client) Option { return func(c *Client) { c.http = h } }

// WithRetries sets how often a request is sent again (2), and how long is waited for at most before each (30 s). What a
// server asks to wait longer for is not sent again.
func WithRetries(n int, maxWait time.Duration) Option {
	return func(c *Client) { c.retries, c.maxWait = max(n, 0), maxWait }
}

// WithMaxBody bounds one answer that is read into memory, in bytes (256 MiB). Exports are streamed and have no bound.
func WithMaxBody(n int64) Option { return func(c *Client) { c.maxBody = n } }

// WithUserAgent says who asks, for the server's logs.
func WithUserAgent(agent string) Option { return func(c *Client) { c.agent = agent } }

// ErrTooLarge is returned when an answer was larger than WithMaxBody allows.
var ErrTooLarge = errors.New("merlon: the answer is larger than the client takes")

// New makes a client of the Merlon at a URL such as http://127.0.0.1:9901.
func New(server string, options ...Option) (*Client, error) {
	base, err := url.Parse(server)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" || base.RawQuery != "" {
		return nil, fmt.Errorf("merlon: %q is no server: write a URL such as http://127.0.0.1:9901", server)
	}
	base.Path = strings.TrimRight(base.Path, "/")
	c := &Client{base: *base, http: new(http.Client), retries: 2, maxWait: 30 * time.Second, maxBody: 256 << 20, agent: "merlon-client"}
	for _, o := range options {
		o(c)
	}
	return c, nil
}

// request is one operation.
type request struct {
	method, path string
	query        url.Values
	in           any
	header       http.Header
}

// send carries a request out, again where that does no harm: GET, PUT and DELETE are idempotent, POST is by its
// Idempotency-Key (for as long as the server remembers it), PATCH is never sent twice. The caller closes the body.
func (c *Client) send(ctx context.Context, r request) (*http.Response, error) {
	var body []byte
	if r.in != nil {
		var err error
		if body, err = json.Marshal(r.in); err != nil {
			return nil, fmt.Errorf("merlon: %w", err)
		}
	}
	u := c.base
	u.RawQuery = r.query.Encode()
	escaped := u.EscapedPath() + r.path
	path, err := url.PathUnescape(escaped)
	if err != nil {
		return nil, fmt.Errorf("merlon: %w", err)
	}
	u.Path, u.RawPath = path, escaped
	key := ""
	if r.method == http.MethodPost {
		key = rand.Text()
	}
	for attempt := 0; ; attempt++ {
		req, err := http.NewRequestWithContext(ctx, r.method, u.String(), bytes.NewReader(body))
		if err != nil {
			return nil, fmt.Errorf("merlon: %w", err)
		}
		for name, values := range r.header {
			req.Header[name] = values
		}
		if r.in != nil {
			req.Header.Set("Content-Type", "application/json")
		}
		if c.token != "" {
			req.Header.Set("Authorization", "Bearer "+c.token)
		}
		if key != "" {
			req.Header.Set("Idempotency-Key", key)
		}
		req.Header.Set("User-Agent", c.agent)
		resp, err := c.http.Do(req)
		if err == nil && resp.StatusCode < 400 {
			return resp, nil
		}
		wait := 200 * time.Millisecond << min(attempt, 8)
		if err == nil {
			err = problemOf(resp)
			var p *Problem
			if errors.As(err, &p) && p.RetryAfter > 0 {
				wait = p.RetryAfter
			}
			if !passing(resp.StatusCode) {
				return nil, err
			}
		} else {
			err = fmt.Errorf("merlon: %w", err)
		}
		if attempt >= c.retries || r.method == http.MethodPatch || wait > c.maxWait || ctx.Err() != nil {
			return nil, err
		}
		t := time.NewTimer(wait)
		select {
		case <-ctx.Done():
			t.Stop()
			return nil, errors.Join(ctx.Err(), err)
		case <-t.C:
		}
	}
}

// passing tells whether a status may be another in a moment.
func passing(status int) bool {
	switch status {
	case http.StatusTooManyRequests, http.StatusBadGateway, http.StatusServiceUnavailable, http.StatusGatewayTimeout:
		return true
	}
	return false
}

// call carries a request out and reads the answer into out, unless that is nil.
func (c *Client) call(ctx context.Context, r request, out any) error {
	_, err := c.tagged(ctx, r, out)
	return err
}

// tagged is call that tells the answer's entity tag.
func (c *Client) tagged(ctx context.Context, r request, out any) (etag string, err error) {
	resp, err := c.send(ctx, r)
	if err != nil {
		return "", err
	}
	defer resp.Body.Close()
	if out == nil {
		return "", nil
	}
	body := io.LimitReader(resp.Body, c.maxBody+1)
	b, err := io.ReadAll(body)
	switch {
	case err != nil:
		return "", fmt.Errorf("merlon: %w", err)
	case int64(len(b)) > c.maxBody:
		return "", ErrTooLarge
	}
	if err := json.Unmarshal(b, out); err != nil {
		return "", fmt.Errorf("merlon: the server sent something else than was asked for: %w", err)
	}
	return resp.Header.Get("ETag"), nil
}

// get reads what stands at a path.
func get[T any](ctx context.Context, c *Client, path string, query url.Values) (out T, err error) {
	err = c.call(ctx, request{method: http.MethodGet, path: path, query: query}, &out)
	return out, err
}

// post sends something and reads the answer.
func post[T any](ctx context.Context, c *Client, path string, in any) (out T, err error) {
	err = c.call(ctx, request{method: http.MethodPost, path: path, in: in}, &out)
	return out, err
}

// stream is the body of an answer, for as much as its reader takes. The caller closes it.
func (c *Client) stream(ctx context.Context, path string, query url.Values) (io.ReadCloser, error) {
	resp, err := c.send(ctx, request{method: http.MethodGet, path: path, query: query})
	if err != nil {
		return nil, err
	}
	return resp.Body, nil
}

// remove deletes what stands at a path.
func (c *Client) remove(ctx context.Context, path string) error {
	return c.call(ctx, request{method: http.MethodDelete, path: path}, nil)
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }
