package upstream

import (
	"context"
	"net"
	"net/netip"
	"slices"

	"merlon/internal/edge/proxy/upstream/reach"
)

// host is the name to look up, empty for an address or a path.
func (t *Target) host() (name, port string) {
	if t.Network == "unix" {
		return "", ""
	}
	host, port, err := net.SplitHostPort(t.Address)
	if err != nil {
		return "", ""
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return "", ""
	}
	return host, port
}

// named tells whether any target is a name.
func (g *Group) named() bool {
	return slices.ContainsFunc(g.o.Targets, func(t Target) bool {
		name, _ := t.host()
		return name != ""
	})
}

// resolve looks the names up and brings the list of servers up to date. A name that cannot be looked up keeps its servers:
// an outage of the name service is none of the servers'.
func (g *Group) resolve(ctx context.Context) {
	old := *g.servers.Load()
	var list []*Server
	for i := range g.o.Targets {
		t := &g.o.Targets[i]
		found, ok := g.lookup(ctx, t)
		if ctx.Err() != nil {
			return
		}
		if !ok {
			for _, s := range old {
				if s.target == t {
					list = append(list, s)
				}
			}
			continue
		}
		for _, addresses := range found {
			k := slices.IndexFunc(old, func(s *Server) bool { return s.target == t && slices.Equal(s.addresses, addresses) })
			if k >= 0 {
				list = append(list, old[k])
			} else {
				list = append(list, newServer(g, t, addresses))
			}
		}
	}
	if slices.Equal(list, old) {
		return
	}
	g.servers.Store(&list)
	for _, s := range old {
		if !slices.Contains(list, s) {
			s.close()
		}
	}
	if g.life.Err() != nil {
		g.Close() // meanwhile
	}
	g.wake()
	g.o.Log.Info("the upstream's addresses have changed", "site", g.o.Site, "servers", len(list))
}

// lookup returns the addresses of each server of t. It reports false when they are not known.
func (g *Group) lookup(ctx context.Context, t *Target) (servers [][]string, ok bool) {
	name, port := t.host()
	if name == "" {
		return nil, false
	}
	ctx, cancel := context.WithTimeout(ctx, g.o.Timeouts.Connect)
	defer cancel()
	found, err := g.o.Resolve(ctx, name)
	if err != nil || len(found) == 0 {
		if !g.unresolved[t] {
			g.unresolved[t] = true
			g.o.Log.Warn("an upstream's name cannot be looked up; its last addresses stay", "site", g.o.Site, "name", name, "error", err)
		}
		return nil, false
	}
	if g.unresolved[t] {
		delete(g.unresolved, t)
		g.o.Log.Info("the upstream's name can be looked up again", "site", g.o.Site, "name", name)
	}
	return reach.Pair(found, port), true
}
