package config

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/goccy/go-yaml/token"
)

// maxHops bounds X-Forwarded-For: nobody runs sixteen proxies of his own in a row.
const maxHops = 16

// checker gathers what is wrong with values that each parsed.
type checker struct {
	file     string
	at       map[string]*token.Position
	mistakes []Mistake
}

// check returns the mistakes in c that file can have; at says where its keys stand and may be nil.
func (c Config) check(file string, at map[string]*token.Position) []Mistake {
	k := checker{file: file, at: at}
	k.name("node", c.Node)
	k.listeners(c)
	k.admin(c.Admin)
	k.sites(c.Sites)
	k.bounds(c)
	return k.mistakes
}

func (k *checker) add(key, hint, format string, args ...any) {
	m := Mistake{File: k.file, Key: key, Message: fmt.Sprintf(format, args...), Hint: hint}
	// The place is that of the key or of the nearest key around it that was written.
	for p := key; p != "" && m.Line == 0; p = p[:max(0, strings.LastIndexAny(p, ".["))] {
		if pos := k.at[p]; pos != nil {
			m.Line, m.Column = pos.Line, pos.Column
		}
	}
	k.mistakes = append(k.mistakes, m)
}

// name checks a node's or a site's name: it becomes a folder, a label and a column.
func (k *checker) name(key, name string) {
	ok := name != "" && len(name) <= 63 && name[0] != '.' && name[0] != '-' && strings.IndexFunc(name, func(r rune) bool {
		return !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.')
	}) < 0
	if !ok {
		k.add(key, "letters, digits, - _ and . up to 63, beginning with a letter, a digit or _", "%s is not a name", quote(name))
	}
}

func (k *checker) listeners(c Config) {
	if len(c.Listen) == 0 {
		k.add("listen", "leave it out for "+defaultListen, "no address to listen on")
	}
	seen := map[string]string{}
	for i, l := range c.Listen {
		key := fmt.Sprintf("listen[%d]", i)
		if l.TLS != nil {
			k.add(key+".tls", "remove tls", "TLS listeners are not built yet; terminate TLS before Merlon")
		}
		k.address(key+".address", l.Address)
		if other := seen[l.Address]; other != "" && !strings.HasSuffix(l.Address, ":0") {
			k.add(key+".address", "keep one", "%s is the address of %s too", quote(l.Address), other)
		}
		seen[l.Address] = key
		if l.Address == c.Admin.Address && l.Address != "" && !strings.HasSuffix(l.Address, ":0") {
			k.add(key+".address", "use another port", "%s is the admin address too", quote(l.Address))
		}
		k.prefixes(key+".proxy_protocol", l.ProxyProtocol)
	}
}

func (k *checker) prefixes(key string, list []netip.Prefix) {
	for i, p := range list {
		at := fmt.Sprintf("%s[%d]", key, i)
		switch {
		case p.Bits() == 0:
			k.add(at, "name the load balancer's network", "%s would believe every peer about the client's address", p)
		case p != p.Masked():
			k.add(at, "write "+p.Masked().String(), "%s has bits set beyond its length", p)
		default:
			for j, q := range list[:i] {
				if q.Bits() > 0 && q == q.Masked() && q.Overlaps(p) {
					k.add(at, "keep the wider one", "%s overlaps %s[%d], %s", p, key, j, q)
				}
			}
		}
	}
}

func (k *checker) admin(a Admin) {
	if k.address("admin.address", a.Address) && !a.AllowInsecure && !loopback(a.Address) {
		k.add("admin.address", `use 127.0.0.1, or set admin.allow_insecure: true when something before it speaks TLS`,
			"%s is reachable from other machines and has no TLS", quote(a.Address))
	}
	for i, h := range a.Hosts {
		if _, err := netip.ParseAddr(strings.Trim(h, "[]")); err != nil && !isHost(h) {
			k.add(fmt.Sprintf("admin.hosts[%d]", i), "write a host name without port", "%s is not a host name", quote(h))
		}
	}
}

func (k *checker) sites(sites []Site) {
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
		k.upstreams(key, s.Upstreams)
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

func (k *checker) filename(key, name string) {
	if strings.TrimSpace(name) == "" || strings.ContainsRune(name, 0) {
		k.add(key, "", "%s is not a file name", quote(name))
	}
}

func (k *checker) upstreams(key string, list []Upstream) {
	if len(list) == 0 {
		k.add(key+".upstreams", `write upstreams: [{url: "http://127.0.0.1:9000"}]`, "no upstream to send requests to")
	}
	seen := map[string]string{}
	for i, u := range list {
		at := fmt.Sprintf("%s.upstreams[%d].url", key, i)
		if message := badUpstream(u.URL); message != "" {
			k.add(at, "write http://host:port", "%s %s", quote(redact(u.URL)), message)
			continue
		}
		if other := seen[u.URL]; other != "" {
			k.add(at, "keep one", "%s stands at %s too", quote(u.URL), other)
		}
		seen[u.URL] = at
	}
}
