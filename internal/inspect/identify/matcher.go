package identify

import (
	"errors"
	"hash/maphash"
	"slices"

	"merlon/internal/model/bundle"
	"merlon/internal/model/identity"
)

// Matcher finds the endpoint of a request among the templates of one site. It is immutable and safe for concurrent use;
// Apply makes the next one by copying only what changes.
//
// How a path is matched:
//   - What a description says beats an operator's edit, and that what was learned; then the most specific template wins
//     (see search.match). Within one source a host's own templates and those of any host compete alike.
//   - Paths are compared byte by byte with case, after one decoding. Empty segments do not count: /a//b/ is /a/b, since
//     most servers take them so, and a rule that a doubled slash evades protects nothing. The root path has no segments.
//   - A parameter takes exactly one segment, of any content but none.
//   - HEAD is matched as GET where it has no route of its own; OPTIONS stands for itself.
//   - A description's route carries what is known of the endpoint as soon as knowledge has it under the same template,
//     whatever the parameters are called there.
type Matcher struct {
	seed   maphash.Seed
	layers [numSources]layer
	known  table[identity.EndpointID, *Route]
}

// layer is the templates of one source.
type layer struct {
	any   *node                // of any host
	hosts table[string, *node] // of hosts with templates of their own, those of any host among them
}

// NewMatcher compiles patterns and knowledge. Of two patterns of one source, host, method and form the first stands. The
// error lists every template that cannot be parsed; the matcher works without them.
func NewMatcher(patterns []Pattern, known []bundle.KnownEndpoint) (*Matcher, error) {
	m := &Matcher{seed: maphash.MakeSeed()}
	var errs []error
	// Those of any host first, so that hosts begin with them.
	for _, own := range []bool{false, true} {
		for i := range patterns {
			p := &patterns[i]
			if (p.Host != "") != own {
				continue
			}
			parts, params, err := parse(p.Template)
			if err != nil {
				errs = append(errs, err)
				continue
			}
			l := &m.layers[min(p.Source, Learned)]
			if r := l.tree(m.seed, p.Host).at(m.seed, parts, p.Method); r != nil && r.Host == p.Host {
				continue
			}
			m.put(l, p.Host, parts, &Route{
				Host: p.Host, Method: p.Method, Template: p.Template, Source: min(p.Source, Learned), Params: params, Operation: p.Operation,
			})
		}
	}
	for i := range known {
		if err := m.learn(&known[i]); err != nil {
			errs = append(errs, err)
		}
	}
	return m, errors.Join(errs...)
}

// Match returns the route of a request, nil when no template fits. host is in lower case without port; path is decoded
// once. It does not allocate.
func (m *Matcher) Match(host, method, path []byte) *Route {
	for i := range m.layers {
		l := &m.layers[i]
		tree := l.any
		if l.hosts.size > 0 {
			for e := l.hosts.chain(maphash.Bytes(m.seed, host)); e != nil; e = e.next {
				if e.key == string(host) {
					tree = e.val
					break
				}
			}
		}
		if tree == nil {
			continue
		}
		s := search{seed: m.seed, method: method}
		if r := s.match(tree, path, 0); r != nil {
			return r
		}
	}
	return nil
}

// Known returns the route of an endpoint by its id, nil when it is not known.
func (m *Matcher) Known(id identity.EndpointID) *Route {
	r, _ := m.known.find(hashID(id), id)
	return r
}

// Len is the number of endpoints known.
func (m *Matcher) Len() int { return m.known.size }

// Apply returns the matcher with a delta of knowledge applied; m stays as it is. The cost is that of what changes, not of
// what is there (BenchmarkApply). An endpoint set again replaces what it was; templates that cannot be parsed, which no
// distiller makes, are left out.
func (m *Matcher) Apply(d bundle.Delta) *Matcher {
	next := *m
	for _, id := range d.Removed {
		next.forget(id)
	}
	set := slices.Clone(d.Set) // the routes keep pointers into it
	for i := range set {
		_ = next.learn(&set[i]) // a template that does not parse is left out, as said above
	}
	return &next
}

// learn puts an endpoint in its place: beside the description or edit of the same template, else among the learned.
func (m *Matcher) learn(k *bundle.KnownEndpoint) error {
	m.forget(k.ID)
	parts, params, err := parse(k.Template)
	if err != nil {
		return err
	}
	r := &Route{Endpoint: k.ID, Host: k.Host, Method: k.Method, Template: k.Template, Source: Learned, Params: params, Known: k}
	l := &m.layers[Learned]
	for s := Uploaded; s < Learned; s++ {
		if old := m.layers[s].tree(m.seed, k.Host).at(m.seed, parts, k.Method); old != nil {
			for old.base != nil {
				old = old.base
			}
			r.base, r.Source, r.Template, r.Operation = old, s, old.Template, old.Operation
			l = &m.layers[s]
			break
		}
	}
	m.put(l, k.Host, parts, r)
	m.known = m.known.with(hashID(k.ID), k.ID, r)
	return nil
}

// forget takes an endpoint out; what stood there before it comes back.
func (m *Matcher) forget(id identity.EndpointID) {
	r, ok := m.known.find(hashID(id), id)
	if !ok {
		return
	}
	m.known = m.known.without(hashID(id), id)
	parts, _, err := parse(r.Template)
	if err != nil {
		return // it was parsed when it was learned
	}
	l := &m.layers[r.Source]
	back := r.base
	if r.Host != "" && (back == nil || back.Host == "") {
		back = l.any.at(m.seed, parts, r.Method)
	}
	m.edit(l, r.Host, parts, r.Method, func(old *Route) *Route {
		if old == r {
			return back
		}
		return old // another endpoint took its place
	})
}

// put sets r in the trees it belongs to: its host's, or every tree that has nothing of its host's own there.
func (m *Matcher) put(l *layer, host string, parts []part, r *Route) {
	m.edit(l, host, parts, r.Method, func(old *Route) *Route {
		if host == "" && old != nil && old.Host != "" {
			return old
		}
		return r
	})
}

// edit replaces the route at a template by what f makes of it, in the host's tree, or in every tree for any host.
func (m *Matcher) edit(l *layer, host string, parts []part, method string, f func(*Route) *Route) {
	apply := func(tree *node) *node {
		old := tree.at(m.seed, parts, method)
		if r := f(old); r != old {
			return tree.set(m.seed, parts, method, r)
		}
		return tree
	}
	if host != "" {
		l.plant(m.seed, host, apply(l.tree(m.seed, host)))
		return
	}
	l.any = apply(l.any)
	hosts := l.hosts
	hosts.each(func(h string, tree *node) bool {
		l.plant(m.seed, h, apply(tree))
		return true
	})
}

// tree is the tree that requests for host are matched with.
func (l *layer) tree(seed maphash.Seed, host string) *node {
	if host != "" {
		if t, ok := l.hosts.find(maphash.String(seed, host), host); ok {
			return t
		}
	}
	return l.any
}

// plant makes t the tree of host.
func (l *layer) plant(seed maphash.Seed, host string, t *node) {
	if t == nil {
		l.hosts = l.hosts.without(maphash.String(seed, host), host)
		return
	}
	l.hosts = l.hosts.with(maphash.String(seed, host), host, t)
}

// hashID spreads ids over the table; it loses none.
func hashID(id identity.EndpointID) uint64 { return uint64(id) * 0x9e3779b97f4a7c15 }
