package engine

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"merlon/internal/enforce/policy"
	"merlon/internal/inspect/identify"
	"merlon/internal/model/bundle"
	"merlon/internal/model/dataclass"
	"merlon/internal/model/inventory"
)

// Snapshot is Bundle and Knowledge made ready: immutable, read by many.
type Snapshot struct {
	order     []*site
	hosts     map[string]*site
	wildcards []wildcard // longest suffix first
	fallback  *site
}

// site is one API estate, compiled.
type site struct {
	name       string
	key        dataclass.Key
	identifier *identify.Identifier
	matcher    *identify.Matcher
	policy     *policy.Policy
	hops       int // trusted
	knowledge  uint64
}

type wildcard struct {
	suffix string // with its leading dot
	site   *site
}

// Input is what a snapshot is compiled from.
type Input struct {
	Bundle    *bundle.Bundle
	Knowledge map[string]*bundle.Knowledge // by site; nil for none yet
	// Keys are the sites' learning keys.
	Keys map[string]dataclass.Key
}

// Compile makes a snapshot. It returns every mistake; the snapshot is nil when one of them is a fault.
func (e *Engine) Compile(in Input) (*Snapshot, []policy.Mistake) {
	s := &Snapshot{hosts: make(map[string]*site)}
	var mistakes []policy.Mistake
	known := Findings()
	fault := func(site, message, hint string) {
		mistakes = append(mistakes, policy.Mistake{Source: "site " + site, Message: message, Hint: hint})
	}
	for i := range in.Bundle.Sites {
		b := &in.Bundle.Sites[i]
		compiled, wrong := policy.Compile(&b.Policy, known...)
		mistakes = append(mistakes, wrong...)
		key, ok := in.Keys[b.Name]
		if !ok {
			fault(b.Name, "has no learning key", "the store makes one when it opens")
			continue
		}
		learned := in.Knowledge[b.Name]
		if learned == nil {
			learned = &bundle.Knowledge{Site: b.Name}
		}
		var patterns []identify.Pattern
		for _, d := range b.Descriptions {
			patterns = append(patterns, identify.Described(d, b.Hosts)...)
		}
		matcher, err := identify.NewMatcher(patterns, learned.Endpoints)
		if err != nil {
			fault(b.Name, err.Error(), "templates are written as /patients/{patientId}")
		}
		one := &site{
			name: b.Name, key: key, policy: compiled, hops: b.TrustedHops, knowledge: learned.Version, matcher: matcher,
			identifier: identify.New(identify.Options{Key: key, TrustedHops: b.TrustedHops, Place: e.o.Places, Memory: e.memory}),
		}
		s.order = append(s.order, one)
		for _, h := range b.Hosts {
			h = strings.ToLower(h)
			if suffix, ok := strings.CutPrefix(h, "*"); ok {
				s.wildcards = append(s.wildcards, wildcard{suffix, one})
				continue
			}
			if other, taken := s.hosts[h]; taken {
				fault(b.Name, fmt.Sprintf("host %q belongs to site %q already", h, other.name), "give every host to one site")
			}
			s.hosts[h] = one
		}
		if b.Default {
			if s.fallback != nil {
				fault(b.Name, fmt.Sprintf("is a second default beside %q", s.fallback.name), "one site takes unknown hosts")
			}
			s.fallback = one
		}
	}
	slices.SortStableFunc(s.wildcards, func(a, b wildcard) int { return len(b.suffix) - len(a.suffix) })
	if len(policy.Faults(mistakes)) > 0 {
		return nil, mistakes
	}
	return s, mistakes
}

// site finds the site of a lower-case host without port, nil when no site takes it.
func (s *Snapshot) site(host []byte) *site {
	if one, ok := s.hosts[string(host)]; ok {
		return one
	}
	for i := range s.wildcards {
		if w := &s.wildcards[i]; len(host) > len(w.suffix) && string(host[len(host)-len(w.suffix):]) == w.suffix {
			return w.site
		}
	}
	return s.fallback
}

// named finds a site by name.
func (s *Snapshot) named(name string) *site {
	for _, one := range s.order {
		if one.name == name {
			return one
		}
	}
	return nil
}

// learn is the snapshot with a delta of one site's knowledge applied: everything else is shared with s.
func (s *Snapshot) learn(d bundle.Delta) *Snapshot {
	old := s.named(d.Site)
	if old == nil {
		return s
	}
	next := *old
	next.matcher = old.matcher.Apply(d)
	next.knowledge = d.To

	out := &Snapshot{fallback: s.fallback, hosts: maps.Clone(s.hosts)}
	swap := func(p *site) *site {
		if p == old {
			return &next
		}
		return p
	}
	out.fallback = swap(s.fallback)
	for _, one := range s.order {
		out.order = append(out.order, swap(one))
	}
	for h, one := range out.hosts {
		out.hosts[h] = swap(one)
	}
	for _, w := range s.wildcards {
		out.wildcards = append(out.wildcards, wildcard{w.suffix, swap(w.site)})
	}
	return out
}

// Sites are the names of the sites, in the bundle's order.
func (s *Snapshot) Sites() []string {
	names := make([]string, len(s.order))
	for i, one := range s.order {
		names[i] = one.name
	}
	return names
}

// endpoint is what policy sees of a matched route.
func endpointOf(r *identify.Route) policy.Endpoint {
	f := policy.Endpoint{ID: r.Endpoint, Template: r.Template, Method: r.Method, Documented: r.Operation != nil}
	if k := r.Known; k != nil {
		f.Access, f.Purpose, f.State, f.Labels = string(k.Access), k.Purpose, string(k.State), k.Labels
	} else {
		f.Access = string(inventory.AccessOf(r.Method))
	}
	return f
}
