package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"merlon/internal/model/inventory"
)

// fetchInventory reads the inventory of a running Merlon through its API.
func fetchInventory(ctx context.Context, server, token string) (*inventory.Inventory, error) {
	base, err := url.Parse(server)
	if err != nil || base.Scheme != "http" && base.Scheme != "https" || base.Host == "" {
		return nil, usage("--server %q is no URL: write http://127.0.0.1:9901", server)
	}
	base.Path = strings.TrimRight(base.Path, "/") + "/v1/inventory/export"
	base.RawQuery = "format=json"
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, base.String(), nil)
	if err != nil {
		return nil, usage("%v", err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := new(http.Client).Do(req) // bounded by ctx
	if err != nil {
		return nil, failed(err)
	}
	defer resp.Body.Close()
	const most = 1 << 30
	switch {
	case resp.StatusCode == http.StatusUnauthorized || resp.StatusCode == http.StatusForbidden:
		return nil, usage("%s answers %s: set MERLON_TOKEN to an API token with the role viewer or more", server, resp.Status)
	case resp.StatusCode != http.StatusOK:
		return nil, failed(fmt.Errorf("%s answers %s", server, resp.Status))
	}
	var all []inventory.Endpoint
	if err := json.NewDecoder(io.LimitReader(resp.Body, most)).Decode(&all); err != nil {
		return nil, failed(fmt.Errorf("%s sent something else than an inventory: %w", server, err))
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
