package upstream

import (
	"context"
	"net"
	"net/netip"
	"slices"
)

// maxAddresses bounds the servers of one name.
const maxAddresses = 64

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
	return pair(found, port), true
}

// pair makes a server of each IPv4 address, with an IPv6 address as its second choice where there is one: the two families of
// one name are the same machines. With IPv6 alone each address is a server.
func pair(found []netip.Addr, port string) (servers [][]string) {
	var four, six []string
	for _, a := range found {
		a = a.Unmap()
		at := net.JoinHostPort(a.String(), port)
		if a.Is4() {
			four = append(four, at)
		} else {
			six = append(six, at)
		}
	}
	sort := func(list []string) []string {
		slices.Sort(list)
		list = slices.Compact(list)
		return list[:min(len(list), maxAddresses)]
	}
	four, six = sort(four), sort(six)
	if len(four) == 0 {
		four, six = six, nil
	}
	for i, at := range four {
		one := []string{at}
		if len(six) > 0 {
			one = append(one, six[i%len(six)])
		}
		servers = append(servers, one)
	}
	return servers
}
