package serve

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"reflect"
	"time"

	"merlon/internal/config"
	"merlon/internal/edge/http1"
	"merlon/internal/edge/proxy/upstream"
)

// group makes what stands behind a site.
func (p *Process) group(k groupKey) (*upstream.Group, error) {
	o := upstream.Options{
		Site: k.name, Codec: k.codec, MaxIdle: k.idle, Log: p.log, Now: time.Now, Timeouts: k.timeouts,
		Hash: k.balance == "hash", MaxInUse: k.inUse,
		Retries: upstream.Retries{Budget: k.retries.Budget, Attempts: k.retries.Attempts},
		Health: upstream.Health{
			Path: k.health.Path, Interval: k.health.Interval, Timeout: k.health.Timeout, Healthy: k.health.Healthy, Unhealthy: k.health.Unhealthy,
			From: k.health.Status.From, To: k.health.Status.To,
		},
		Resolve: func(ctx context.Context, host string) ([]netip.Addr, error) {
			return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
		},
	}
	if k.retries.Budget == 0 {
		o.Retries.Attempts = 1
	}
	for i := range k.upstreams {
		one, err := target(&k.upstreams[i], k.credentials[i])
		if err != nil {
			return nil, fmt.Errorf("site %s: %w", k.name, err)
		}
		o.Targets = append(o.Targets, one)
	}
	return upstream.NewGroup(o), nil
}

func target(u *config.Upstream, c upstream.Credentials) (upstream.Target, error) {
	t, err := upstream.ParseTarget(u.URL)
	if err != nil {
		return t, err
	}
	t.Weight, t.MaxConnections = u.Weight, u.MaxConnections
	if !u.TLS() {
		return t, nil
	}
	return t, t.Secure(c)
}

// credentials reads what a TLS connection to u is made with.
func credentials(u *config.Upstream) (c upstream.Credentials, err error) {
	if !u.TLS() {
		return c, nil
	}
	c.ServerName = u.ServerName
	for _, f := range []struct {
		name string
		to   *[]byte
	}{{u.CA, &c.CA}, {u.Certificate, &c.Certificate}, {u.Key, &c.Key}} {
		if f.name == "" {
			continue
		}
		if *f.to, err = os.ReadFile(f.name); err != nil {
			return c, err
		}
	}
	return c, nil
}

// groupsOf makes what stands behind each site; groups of before for which nothing has changed are kept, with their
// connections and what they know of their servers.
func (p *Process) groupsOf(cfg config.Config, before map[string]*siteGroup) (map[string]*siteGroup, error) {
	all := make(map[string]*siteGroup)
	for i := range cfg.Sites {
		key, err := newGroupKey(cfg, &cfg.Sites[i])
		if old := before[key.name]; err == nil && old != nil && reflect.DeepEqual(old.key, key) {
			all[key.name] = old
			continue
		}
		var g *upstream.Group
		if err == nil {
			g, err = p.group(key)
		}
		if err != nil {
			closeGroups(all, before)
			return nil, &UsageError{Cause: err}
		}
		ctx, stop := context.WithCancel(p.life)
		p.background(ctx, g.Run)
		all[key.name] = &siteGroup{key: key, Group: g, stop: stop}
	}
	return all, nil
}

// siteGroup is the servers of a site with what they were made from.
type siteGroup struct {
	*upstream.Group
	key  groupKey
	stop context.CancelFunc // of checks and look-ups
}

// groupKey is everything a group is made from, and nothing else: what differs makes another group.
type groupKey struct {
	name        string
	upstreams   []config.Upstream
	credentials []upstream.Credentials // of each: what its files hold
	balance     string
	retries     config.Retries
	health      config.Health
	codec       http1.Limits
	idle, inUse int
	timeouts    upstream.Timeouts
}

func newGroupKey(cfg config.Config, s *config.Site) (groupKey, error) {
	k := groupKey{
		name: s.Name, upstreams: s.Upstreams, balance: s.Balance, retries: s.Retries, health: s.Health,
		codec: codec(cfg.Limits), idle: cfg.Limits.UpstreamConnections, inUse: cfg.Limits.UpstreamInUse,
		timeouts: upstream.Timeouts{Connect: cfg.Timeouts.Connect, Response: cfg.Timeouts.Response, Body: cfg.Timeouts.Body},
	}
	for i := range s.Upstreams {
		c, err := credentials(&s.Upstreams[i])
		if err != nil {
			return k, fmt.Errorf("site %s: %w", s.Name, err)
		}
		k.credentials = append(k.credentials, c)
	}
	return k, nil
}

// plainGroups is what the proxy wants.
func plainGroups(all map[string]*siteGroup) map[string]*upstream.Group {
	out := make(map[string]*upstream.Group, len(all))
	for name, g := range all {
		out[name] = g.Group
	}
	return out
}

// closeGroups closes those of a that are not in b: nothing in use ends by it.
func closeGroups(a, b map[string]*siteGroup) {
	for name, g := range a {
		if b[name] != g {
			g.stop()
			g.Close()
		}
	}
}
