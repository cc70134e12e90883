package config

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/token"
)

// maxHops bounds X-Forwarded-For: nobody runs sixteen proxies of his own in a row.
const maxHops = 16

// checker gathers what is wrong with values that each parsed.
type checker struct {
	file string
	at   map[string]*token.Position
	// laid are the keys that the command line has laid over the file, with their flags; nil for none.
	laid     map[string]string
	mistakes []Mistake
}

// check returns the mistakes in c that file can have; at says where its keys stand and may be nil.
func (c Config) check(file string, at map[string]*token.Position) []Mistake {
	k := checker{file: file, at: at}
	k.all(c)
	return k.mistakes
}

// all checks everything that can be known without looking into other files.
func (k *checker) all(c Config) {
	k.name("node", c.Node)
	k.listeners(c)
	k.admin(c.Admin)
	k.refuse(c.Refuse)
	k.doors(c)
	k.sites(c)
	k.bounds(c)
	k.oneOf("logs.level", c.Logs.Level, "debug", "info", "warn", "error")
	k.oneOf("logs.format", c.Logs.Format, "auto", "text", "json")
}

func (k *checker) add(key, hint, format string, args ...any) {
	m := Mistake{File: k.file, Key: key, Message: fmt.Sprintf(format, args...), Hint: hint}
	for over, flag := range k.laid {
		if covers(over, key) {
			m.File, m.Key = commandLine, flag
			k.mistakes = append(k.mistakes, m)
			return
		}
	}
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

// oneOf checks a value of a closed set.
func (k *checker) oneOf(key, value string, known ...string) {
	if !slices.Contains(known, value) {
		k.add(key, "write "+strings.Join(known[:len(known)-1], ", ")+" or "+known[len(known)-1], "%s is not known here", quote(value))
	}
}

// pair checks a certificate with its key: one without the other is of no use.
func (k *checker) pair(key, certificate, private string) {
	switch {
	case certificate == "":
		k.add(key+".certificate", "name the PEM file of the chain, leaf first", "no certificate for the key")
	case private == "":
		k.add(key+".key", "name the PEM file of its private key", "no key for the certificate")
	default:
		k.filename(key+".certificate", certificate)
		k.filename(key+".key", private)
	}
}

func (k *checker) filename(key, name string) {
	if strings.TrimSpace(name) == "" || strings.ContainsRune(name, 0) {
		k.add(key, "", "%s is not a file name", quote(name))
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
