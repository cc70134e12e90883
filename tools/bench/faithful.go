package main

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// faithful asks the server at base, such as http://127.0.0.1:80, for a few resources and for one that is not there, and compares status and body with what the
// upstream is known to answer: a proxy that answers by itself, or wrongly, is not fast.
func (f *field) faithful(ctx context.Context, base string) error {
	const every = 90 // of 810 resources: nine, of all kinds
	for i := 0; i < len(f.work.resources); i += every + 1 {
		r := f.work.resources[i]
		if err := f.expect(ctx, base, http.MethodGet, r.path, http.StatusOK, r.body); err != nil {
			return err
		}
		if r.posted != "" {
			if err := f.expect(ctx, base, http.MethodPost, r.path, http.StatusCreated, r.posted); err != nil {
				return err
			}
		}
	}
	return f.expect(ctx, base, http.MethodGet, "/v1/nowhere", http.StatusNotFound, `{"status":"not found"}`)
}

func (f *field) expect(ctx context.Context, base, method, path string, status int, body string) error {
	var sent io.Reader = http.NoBody
	if method == http.MethodPost {
		sent = strings.NewReader("{}")
	}
	req, err := http.NewRequestWithContext(ctx, method, base+path, sent)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := f.client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(io.LimitReader(resp.Body, 1<<20))
	if err != nil {
		return err
	}
	if resp.StatusCode != status || string(got) != body {
		return fmt.Errorf("%s %s is answered %d with %d bytes, the upstream says %d with %d", method, path, resp.StatusCode, len(got), status, len(body))
	}
	return nil
}
