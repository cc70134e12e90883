package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"merlon/cmd/merlon/outline"
	"merlon/internal/model/inventory"
	"merlon/internal/serve"
)

// remote is the API of a running Merlon: at a URL, or through the socket in its data directory.
type remote struct {
	name   string // as messages say it
	base   url.URL
	token  string
	client *http.Client
}

// askURL is the Merlon at a URL, asked with a token.
func askURL(server, token string) (*remote, error) {
	base, err := url.Parse(server)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, usage("--server %q is no URL: write http://127.0.0.1:9901", server)
	}
	base.Path = strings.TrimRight(base.Path, "/")
	return &remote{name: server, base: *base, token: token, client: new(http.Client)}, nil
}

// askBeside is the Merlon that runs on a data directory, nil when none does. Who may open the directory's socket needs no
// token.
func askBeside(ctx context.Context, data string) *remote {
	socket := serve.LocalSocket(data)
	dial := func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}
	c, err := dial(ctx, "", "")
	if err != nil {
		return nil
	}
	_ = c.Close() // it was only knocked at
	return &remote{
		name: "the Merlon that runs on " + data, base: url.URL{Scheme: "http", Host: "merlon"},
		client: &http.Client{Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}},
	}
}

// call asks for one thing. in is sent as JSON unless it is nil, and what comes back is read into out unless that is nil.
func (r *remote) call(ctx context.Context, method, path, query string, in, out any) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	u := r.base
	u.Path, u.RawQuery = u.Path+path, query
	var body io.Reader
	if in != nil {
		b, err := json.Marshal(in)
		if err != nil {
			return failed(err)
		}
		body = bytes.NewReader(b)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.String(), body)
	if err != nil {
		return usage("%v", err)
	}
	if in != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if r.token != "" {
		req.Header.Set("Authorization", "Bearer "+r.token)
	}
	resp, err := r.client.Do(req) // bounded by ctx
	if err != nil {
		return failed(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		return r.refusal(resp)
	}
	if out == nil {
		return nil
	}
	const most = 1 << 30
	if err := json.NewDecoder(io.LimitReader(resp.Body, most)).Decode(out); err != nil {
		return failed(fmt.Errorf("%s sent something else than was asked for: %w", r.name, err))
	}
	return nil
}

// refusal is what an answer that is none means.
func (r *remote) refusal(resp *http.Response) error {
	var p struct{ Detail string }
	_ = json.NewDecoder(io.LimitReader(resp.Body, 64<<10)).Decode(&p) // another server's page says nothing
	said := resp.Status
	if p.Detail != "" {
		said += ": " + outline.Printable(p.Detail)
	}
	switch code := resp.StatusCode; {
	case code == http.StatusUnauthorized, code == http.StatusForbidden:
		return usage("%s answers %s: set MERLON_TOKEN to a token whose role may do this (merlon token create makes one)", r.name, said)
	case code == http.StatusBadRequest, code == http.StatusNotFound, code == http.StatusUnprocessableEntity:
		return usage("%s answers %s", r.name, said)
	}
	return failed(fmt.Errorf("%s answers %s", r.name, said))
}

// inventory reads the whole inventory.
func (r *remote) inventory(ctx context.Context) (*inventory.Inventory, error) {
	var all []inventory.Endpoint
	if err := r.call(ctx, http.MethodGet, "/v1/inventory/export", "format=json", nil, &all); err != nil {
		return nil, err
	}
	v := &inventory.Inventory{}
	at := make(map[string]int)
	for _, e := range all {
		i, ok := at[e.Site]
		if !ok {
			i = len(v.Sites)
			at[e.Site] = i
			v.Sites = append(v.Sites, inventory.Site{Name: e.Site})
		}
		v.Sites[i].Endpoints = append(v.Sites[i].Endpoints, e)
	}
	return v, nil
}

// whereFlags say which Merlon a command works on.
type whereFlags struct{ data, server, config string }

// dataDirectory is --data, else that of the configuration file, else the default one.
func (f *whereFlags) dataDirectory() (string, error) {
	if f.data != "" || f.config == "" {
		return orElse(f.data, "./data"), nil
	}
	cfg, err := readConfig(f.config)
	return cfg.Storage.Path, err
}

// find is the running Merlon to ask, or nil and the data directory to work on.
func (f *whereFlags) find(ctx context.Context) (*remote, string, error) {
	if f.server != "" {
		if f.data != "" || f.config != "" {
			return nil, "", usage("--server asks a running Merlon, so --data and -c say nothing beside it: give one of them")
		}
		r, err := askURL(f.server, os.Getenv("MERLON_TOKEN"))
		return r, "", err
	}
	data, err := f.dataDirectory()
	if err != nil {
		return nil, "", err
	}
	return askBeside(ctx, data), data, nil
}

func orElse(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}
