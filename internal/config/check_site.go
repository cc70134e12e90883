package config

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

func (k *checker) sites(c Config) {
	sites := c.Sites
	names, hosts, fallback := map[string]string{}, map[string]string{}, ""
	for i, s := range sites {
		key := fmt.Sprintf("sites[%d]", i)
		k.name(key+".name", s.Name)
		if other := names[s.Name]; other != "" {
			k.add(key+".name", "give each site its own", "%s is the name of %s too", quote(s.Name), other)
		}
		names[s.Name] = key
		for j, h := range s.Hosts {
			at := fmt.Sprintf("%s.hosts[%d]", key, j)
			k.host(at, h)
			if other := hosts[strings.ToLower(h)]; other != "" {
				k.add(at, "a host belongs to one site", "%s stands at %s too", quote(h), other)
			}
			hosts[strings.ToLower(h)] = at
		}
		if s.Default != nil && *s.Default {
			if fallback != "" {
				k.add(key+".default", "keep one", "%s takes unknown hosts already", fallback)
			}
			fallback = key
		}
		if len(s.Hosts) == 0 && (s.Default == nil || !*s.Default) && (Config{Sites: sites}).DefaultSite() != i {
			k.add(key+".hosts", "name its hosts, or make it the default site", "no request can reach this site")
		}
		if len(s.Upstreams) == 0 && !c.elsewhere(s.Name) {
			k.add(key+".upstreams", `write upstreams: [{url: "http://127.0.0.1:9000"}]; a site that only decide or mirror is for needs none`, "no upstream to send requests to")
		}
		k.upstreams(key, s.Upstreams)
		k.balancing(key, &s)
		for j, f := range s.Specs {
			k.filename(fmt.Sprintf("%s.specs[%d]", key, j), f)
		}
		if s.Policy != "" {
			k.filename(key+".policy", s.Policy)
		}
		if s.TrustedHops < 0 || s.TrustedHops > maxHops {
			k.add(key+".trusted_hops", "count your own proxies in front of Merlon", "%d is not between 0 and %d", s.TrustedHops, maxHops)
		}
	}
}

// balancing checks how a site spreads, repeats and checks.
func (k *checker) balancing(key string, s *Site) {
	k.oneOf(key+".balance", s.Balance, "least-requests", "hash")
	if r := s.Retries; r.Budget < 0 || r.Budget > 1 {
		k.add(key+".retries.budget", "0.2 is one request in five", "%g is not between 0 and 1", r.Budget)
	}
	if h := s.Health; h.Path != "" && (h.Path[0] != '/' || strings.IndexFunc(h.Path, func(r rune) bool { return r <= ' ' || r > '~' || r == '#' }) >= 0) {
		k.add(key+".health.path", "write /healthz", "%s is not a path", quote(h.Path))
	}
	k.spans([]span{
		{key + ".retries.attempts", int64(s.Retries.Attempts), 1, 10, count},
		{key + ".health.interval", int64(s.Health.Interval), int64(100 * time.Millisecond), int64(time.Hour), pause},
		{key + ".health.timeout", int64(s.Health.Timeout), int64(10 * time.Millisecond), int64(10 * time.Minute), pause},
		{key + ".health.healthy", int64(s.Health.Healthy), 1, 100, count},
		{key + ".health.unhealthy", int64(s.Health.Unhealthy), 1, 100, count},
	})
}

// elsewhere tells whether another program may serve the site and ask here, or send copies.
func (c Config) elsewhere(site string) bool {
	for _, d := range []Door{c.Decide, c.Mirror} {
		if d.Address != "" && (d.Site == "" || d.Site == site) {
			return true
		}
	}
	return false
}

func (k *checker) upstreams(key string, list []Upstream) {
	seen := map[string]string{}
	for i, u := range list {
		at := fmt.Sprintf("%s.upstreams[%d]", key, i)
		k.upstream(at, &u)
		if message := badUpstream(u.URL); message != "" {
			k.add(at+".url", "write http://host:port", "%s %s", quote(redact(u.URL)), message)
			continue
		}
		if other := seen[u.URL]; other != "" {
			k.add(at+".url", "keep one", "%s stands at %s too", quote(u.URL), other)
		}
		seen[u.URL] = at + ".url"
	}
}

// upstream checks the keys beside the URL.
func (k *checker) upstream(at string, u *Upstream) {
	k.spans([]span{
		{at + ".weight", int64(u.Weight), 1, 1000, count},
		{at + ".max_connections", int64(u.MaxConnections), 0, 1_000_000, count},
	})
	if !u.TLS() {
		for _, p := range [][2]string{{".ca", u.CA}, {".certificate", u.Certificate}, {".key", u.Key}, {".server_name", u.ServerName}} {
			if p[1] != "" {
				k.add(at+p[0], "remove it, or write https:// or h2:// in url", "is of no use without TLS")
			}
		}
		return
	}
	if u.CA != "" {
		k.filename(at+".ca", u.CA)
	}
	if u.Certificate != "" || u.Key != "" {
		k.pair(at, u.Certificate, u.Key)
	}
	if _, err := netip.ParseAddr(u.ServerName); u.ServerName != "" && err != nil && !isHost(u.ServerName) {
		k.add(at+".server_name", "write the name in the server's certificate", "%s is not a host name", quote(u.ServerName))
	}
}
