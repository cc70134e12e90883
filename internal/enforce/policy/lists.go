package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/gaissmai/bart"

	"merlon/internal/enforce/action"
	"merlon/internal/model/bundle"
	"merlon/internal/model/identity"
)

// Lists answers "is this caller or endpoint listed" for a policy's lists and for Standing alike: hosts in a hash map,
// prefixes in a trie, everything else in hash maps. A nil *Lists is empty. It is immutable once compiled.
type Lists struct {
	hosts        map[netip.Addr]*item
	prefixes     *bart.Table[*item]
	fingerprints map[identity.Fingerprint]*item
	principals   map[uint64]*item
	endpointIDs  map[identity.EndpointID]*item
	endpoints    map[string]*item // by "METHOD /template"
	countries    map[[2]byte]*item
	asns         map[uint32]*item
}

// item is one listed value. Several entries for one value are chained.
type item struct {
	name   string
	action action.Kind
	mode   bundle.Mode
	until  int64
	next   *item
}

// match adds every entry that applies to the verdict.
func (l *Lists) match(f *Facts, v *Verdict) {
	if l == nil {
		return
	}
	if a := f.Client.Addr; a.IsValid() {
		if len(l.hosts) > 0 {
			l.hosts[a].consider(f.At, v)
		}
		if l.prefixes != nil && l.prefixes.Contains(a) {
			for _, it := range l.prefixes.Supernets(netip.PrefixFrom(a, a.BitLen())) {
				it.consider(f.At, v)
			}
		}
	}
	if len(l.fingerprints) > 0 && f.Client.Fingerprint != 0 {
		l.fingerprints[f.Client.Fingerprint].consider(f.At, v)
	}
	if len(l.principals) > 0 && f.Principal.Token != 0 {
		l.principals[f.Principal.Token].consider(f.At, v)
	}
	if len(l.endpointIDs) > 0 && f.Endpoint.ID != 0 {
		l.endpointIDs[f.Endpoint.ID].consider(f.At, v)
	}
	if len(l.endpoints) > 0 && f.Endpoint.Template != "" {
		var key [256]byte
		b := append(append(append(key[:0], f.Endpoint.Method...), ' '), f.Endpoint.Template...)
		l.endpoints[string(b)].consider(f.At, v)
	}
	if len(l.countries) > 0 {
		l.countries[f.Client.Place.Country].consider(f.At, v)
	}
	if len(l.asns) > 0 {
		l.asns[f.Client.Place.ASN].consider(f.At, v)
	}
}

func (it *item) consider(at int64, v *Verdict) {
	for ; it != nil; it = it.next {
		if at < it.until {
			v.consider(it.action, it.mode, it.name)
		}
	}
}

// CompileStanding compiles the entries that hold at one site. An entry that does not parse is a mistake and is left
// out; the others hold.
func CompileStanding(entries []bundle.Entry, site string) (*Lists, []Mistake) {
	var mistakes []Mistake
	l := new(Lists)
	for i := range entries {
		e := &entries[i]
		if e.Site != "" && e.Site != site {
			continue
		}
		kind, ok := action.ParseKind(e.Action)
		if !ok || kind == action.Allow {
			mistakes = append(mistakes, Mistake{Source: "standing", Key: e.ID, Message: fmt.Sprintf("action %q cannot be carried out", e.Action), Hint: "use tag or block"})
			continue
		}
		if e.Mode != "" && !known(e.Mode) {
			mistakes = append(mistakes, Mistake{Source: "standing", Key: e.ID, Message: fmt.Sprintf("mode %q is unknown", e.Mode), Hint: modeHint})
			continue
		}
		it := &item{name: "standing:" + e.ID, action: kind, mode: orElse(e.Mode, bundle.ModeEnforce), until: until(e.Until)}
		if err := l.add(e.Kind, e.Value, it); err != nil {
			mistakes = append(mistakes, Mistake{Source: "standing", Key: e.ID, Message: err.Error()})
		}
	}
	return l, mistakes
}

// kinds are what lists can hold.
func kinds() []string {
	var all []string
	for _, k := range []bundle.ListKind{bundle.ListAddress, bundle.ListFingerprint, bundle.ListPrincipal, bundle.ListEndpoint, bundle.ListCountry, bundle.ListASN} {
		all = append(all, string(k))
	}
	return all
}

func isKind(k bundle.ListKind) bool { return slices.Contains(kinds(), string(k)) }

// checkValue tells what is wrong with a value of a list.
func checkValue(kind bundle.ListKind, value string) error {
	return new(Lists).add(kind, value, new(item))
}

// add puts one value on the lists.
func (l *Lists) add(kind bundle.ListKind, value string, it *item) error {
	value = strings.TrimSpace(value)
	switch kind {
	case bundle.ListAddress:
		return l.addAddress(value, it)
	case bundle.ListFingerprint:
		n, err := parseToken(value)
		if err != nil {
			return err
		}
		put(&l.fingerprints, identity.Fingerprint(n), it)
	case bundle.ListPrincipal:
		n, err := parseToken(value)
		if err != nil {
			return err
		}
		put(&l.principals, n, it)
	case bundle.ListEndpoint:
		if n, err := strconv.ParseUint(value, 10, 32); err == nil {
			put(&l.endpointIDs, identity.EndpointID(n), it)
			return nil
		}
		method, template, ok := strings.Cut(value, " ")
		if !ok || !strings.HasPrefix(template, "/") {
			return fmt.Errorf("%q is no endpoint: write its id, or METHOD /template", value)
		}
		put(&l.endpoints, strings.ToUpper(method)+" "+template, it)
	case bundle.ListCountry:
		if len(value) != 2 {
			return fmt.Errorf("%q is no country: write two letters, such as PL", value)
		}
		put(&l.countries, [2]byte([]byte(strings.ToUpper(value))), it)
	case bundle.ListASN:
		n, err := strconv.ParseUint(strings.TrimPrefix(strings.ToUpper(value), "AS"), 10, 32)
		if err != nil || n == 0 {
			return fmt.Errorf("%q is no autonomous system: write its number, such as 64500", value)
		}
		put(&l.asns, uint32(n), it)
	default:
		return fmt.Errorf("kind %q is unknown: use %s", kind, strings.Join(kinds(), ", "))
	}
	return nil
}

func (l *Lists) addAddress(value string, it *item) error {
	if a, err := netip.ParseAddr(value); err == nil {
		put(&l.hosts, a.Unmap().WithZone(""), it)
		return nil
	}
	p, err := netip.ParsePrefix(value)
	if err != nil {
		return fmt.Errorf("%q is neither an address nor a prefix such as 192.0.2.0/24", value)
	}
	if l.prefixes == nil {
		l.prefixes = new(bart.Table[*item])
	}
	if a := p.Addr(); a.Is4In6() && p.Bits() >= 96 {
		p = netip.PrefixFrom(a.Unmap(), p.Bits()-96) // clients are compared in their own family
	}
	p = p.Masked()
	if old, ok := l.prefixes.Get(p); ok {
		it = chain(it, old)
	}
	l.prefixes.Insert(p, it)
	return nil
}

// put chains it in front of what the map holds for key.
func put[K comparable](m *map[K]*item, key K, it *item) {
	if *m == nil {
		*m = make(map[K]*item)
	}
	(*m)[key] = chain(it, (*m)[key])
}

// chain copies, because one list entry's item is shared by all its values.
func chain(it, next *item) *item {
	c := *it
	c.next = next
	return &c
}

// parseToken reads the 16 hexadecimal digits that the UI and verdict lines print for tokens and fingerprints.
func parseToken(s string) (uint64, error) {
	n, err := strconv.ParseUint(s, 16, 64)
	if err != nil || len(s) != 16 || n == 0 {
		return 0, fmt.Errorf("%q is not 16 hexadecimal digits, as shown beside the actor", s)
	}
	return n, nil
}

func orElse(m, otherwise bundle.Mode) bundle.Mode {
	if m == "" {
		return otherwise
	}
	return m
}
