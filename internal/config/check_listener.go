package config

import (
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strings"
)

func (k *checker) listeners(c Config) {
	if len(c.Listen) == 0 {
		k.add("listen", "leave it out for "+defaultListen, "no address to listen on")
	}
	for i := range c.Listen {
		l := &c.Listen[i]
		key := fmt.Sprintf("listen[%d]", i)
		k.address(key+".address", l.Address)
		for j := range i {
			if clash(l.Address, c.Listen[j].Address) {
				k.add(key+".address", "keep one", "%s is the address of listen[%d] too", quote(l.Address), j)
				break
			}
		}
		if clash(l.Address, c.Admin.Address) {
			k.add(key+".address", "use another port", "%s is the admin address too", quote(l.Address))
		}
		k.protocols(key, l)
		if l.TLS != nil {
			k.tls(key+".tls", l.TLS)
		}
		k.prefixes(key+".proxy_protocol", l.ProxyProtocol)
	}
}

// clash reports whether two addresses cannot both be listened on: the same port, and a host that is or contains the other.
func clash(a, b string) bool {
	hostA, portA, errA := net.SplitHostPort(a)
	hostB, portB, errB := net.SplitHostPort(b)
	if errA != nil || errB != nil || portA != portB || portA == "0" {
		return false
	}
	every := func(host string) bool { return host == "" || host == "0.0.0.0" || host == "::" }
	return strings.EqualFold(hostA, hostB) || every(hostA) || every(hostB)
}

// protocols checks which versions of HTTP go together with what the listener is.
func (k *checker) protocols(key string, l *Listener) {
	if l.TLS == nil {
		if l.HTTP2 != nil && *l.HTTP2 {
			k.add(key+".http2", "write h2c: true for HTTP/2 with prior knowledge, or give the listener tls", "HTTP/2 is negotiated in the TLS handshake, and there is none")
		}
		if l.HTTP3 {
			k.add(key+".http3", "give the listener tls", "HTTP/3 is always encrypted")
		}
		return
	}
	if l.H2C {
		k.add(key+".h2c", "remove it: http2 is what a TLS listener offers", "HTTP/2 in plain text on a TLS listener")
	}
	if l.HTTP3 && len(l.ProxyProtocol) > 0 {
		k.add(key+".http3", "use a listener of its own without proxy_protocol", "UDP carries no PROXY header, so addresses behind the load balancer would be wrong")
	}
}

// ja4 is the shape of a JA4 fingerprint of a TLS client over TCP or QUIC.
var ja4 = regexp.MustCompile(`^[tq](13|12|11|10|s3|00)[di][0-9]{4}[0-9a-z]{2}_[0-9a-f]{12}_[0-9a-f]{12}$`)

func (k *checker) tls(key string, t *TLS) {
	pairs := t.Pairs()
	if len(pairs) == 0 {
		k.add(key, "write {certificate: chain.pem, key: key.pem}", "no certificate to show")
	}
	if t.Certificate != "" || t.Key != "" {
		k.pair(key, t.Certificate, t.Key)
	} else if t.OCSP != "" {
		k.add(key+".ocsp", "write it beside its certificate", "no certificate that the response is for")
	}
	for i, c := range t.Certificates {
		k.pair(fmt.Sprintf("%s.certificates[%d]", key, i), c.Certificate, c.Key)
	}
	if t.ClientAuth != "" {
		k.oneOf(key+".client_auth", t.ClientAuth, "request", "require")
		if t.ClientCA == "" {
			k.add(key+".client_auth", "name the authorities' PEM file in client_ca", "nobody's certificate would be accepted")
		}
	}
	k.oneOf(key+".min_version", t.MinVersion, "1.2", "1.3")
}

func (k *checker) refuse(r Refuse) {
	k.networks("refuse.networks", r.Networks)
	for i, f := range r.JA4 {
		if !ja4.MatchString(f) {
			k.add(fmt.Sprintf("refuse.ja4[%d]", i), "write t13d1516h2_8daaf6152771_02713d6af862", "%s is not a JA4 fingerprint", quote(f))
		}
	}
}

// networks checks a list of prefixes that may be as wide as it likes, but not everything.
func (k *checker) networks(key string, list []netip.Prefix) {
	for i, p := range list {
		at := fmt.Sprintf("%s[%d]", key, i)
		switch {
		case p.Bits() == 0:
			k.add(at, "name networks", "%s is everybody", p)
		case p != p.Masked():
			k.add(at, "write "+p.Masked().String(), "%s has bits set beyond its length", p)
		}
	}
}

// doors checks the side doors: each on an address of its own, none open to everybody.
func (k *checker) doors(c Config) {
	all := []struct {
		key string
		d   Door
	}{{"decide", c.Decide}, {"mirror", c.Mirror}, {"otlp", c.OTLP.Door()}}
	if o := c.OTLP; o.TokenFile != "" {
		k.filename("otlp.token_file", o.TokenFile)
		if o.Address == "" && len(o.From) == 0 && o.Site == "" {
			k.add("otlp.address", `write address: "127.0.0.1:4318"`, "no address, so the rest says nothing")
		}
	}
	for i, one := range all {
		key, d := one.key, one.d
		if d.Address == "" {
			if len(d.From) > 0 || d.Site != "" {
				k.add(key+".address", `write address: "127.0.0.1:9902"`, "no address, so the rest says nothing")
			}
			continue
		}
		if k.address(key+".address", d.Address) && len(d.From) == 0 && !loopback(d.Address) {
			k.add(key+".address", "name the networks of those programs in "+key+".from, or use 127.0.0.1", "%s is reachable from other machines, and whoever uses it is believed", quote(d.Address))
		}
		k.networks(key+".from", d.From)
		taken := func(other, whose string) {
			if clash(d.Address, other) {
				k.add(key+".address", "use another port", "%s is the address of %s too", quote(d.Address), whose)
			}
		}
		taken(c.Admin.Address, "admin")
		for j := range c.Listen {
			taken(c.Listen[j].Address, fmt.Sprintf("listen[%d]", j))
		}
		for _, before := range all[:i] {
			taken(before.d.Address, before.key)
		}
		if d.Site != "" && !siteNamed(c.Sites, d.Site) {
			k.add(key+".site", "write the name of one of sites", "there is no site %s", quote(d.Site))
		}
	}
}

func siteNamed(sites []Site, name string) bool {
	for i := range sites {
		if sites[i].Name == name {
			return true
		}
	}
	return false
}
