package core

import (
	"context"
	"maps"
	"slices"

	"merlon/internal/enforce/engine"
	"merlon/internal/enforce/policy"
	"merlon/internal/model/bundle"
)

// inForce is what people decided: in files, and in the console.
type inForce struct {
	base   *bundle.Bundle    // of the files
	all    []bundle.Addition // of the console
	merged *bundle.Bundle
	// out are the additions that cannot hold together with the rest, and why.
	out map[string]refusedAddition
}

type refusedAddition struct {
	text     string
	mistakes []policy.Mistake
}

// readAdditions reads what the console holds; without a store it is what is in force.
func (k *Core) readAdditions(ctx context.Context) ([]bundle.Addition, error) {
	if k.additions == nil || k.Store == nil {
		if f := k.force.Load(); f != nil {
			return f.all, nil
		}
		return nil, nil
	}
	return k.additions(ctx, k.Store)
}

// first puts the first bundle in force. An addition that does not hold together with it must not keep Merlon from starting,
// since only a running one lets people mend it: it is left out and told.
func (k *Core) first(b *bundle.Bundle, added []bundle.Addition) *bundle.Bundle {
	f := merge(b, added)
	k.force.Store(f)
	for _, id := range slices.Sorted(maps.Keys(f.out)) {
		for _, m := range f.out[id].mistakes {
			k.log.Error("an entry of the console is not in force", "mistake", m.String())
		}
	}
	return f.merged
}

// next is what follows f, or the MistakesError of additions that held until now, or are new, and cannot hold any more.
func (f *inForce) next(b *bundle.Bundle, added []bundle.Addition) (*inForce, error) {
	next := merge(b, added)
	var wrong []policy.Mistake
	for _, a := range added {
		now, out := next.out[a.ID]
		if before, was := f.out[a.ID]; out && (!was || before.text != now.text) {
			wrong = append(wrong, now.mistakes...)
		}
	}
	if len(wrong) > 0 {
		return nil, MistakesError(wrong)
	}
	return next, nil
}

// merge lays additions behind the policies of b's sites and leaves out those that are wrong there.
func merge(b *bundle.Bundle, added []bundle.Addition) *inForce {
	f := &inForce{base: b, all: added, out: make(map[string]refusedAddition)}
	for {
		left := slices.DeleteFunc(slices.Clone(added), func(a bundle.Addition) bool { _, out := f.out[a.ID]; return out })
		merged, wrong := mergeAll(b, left)
		f.merged = merged
		before := len(f.out)
		for _, a := range left {
			var own []policy.Mistake
			for _, m := range wrong {
				if m.Source == policy.SourceOf(a.ID) && !slices.Contains(own, m) { // an entry for every site is wrong at each
					own = append(own, m)
				}
			}
			if len(own) > 0 {
				f.out[a.ID] = refusedAddition{a.Text, own}
			}
		}
		if len(f.out) == before {
			return f
		}
	}
}

// mergeAll lays additions behind the policies of b's sites; wrong are the faults of all of them.
func mergeAll(b *bundle.Bundle, added []bundle.Addition) (merged *bundle.Bundle, wrong []policy.Mistake) {
	if len(added) == 0 {
		return b, nil
	}
	next := *b
	next.Sites = slices.Clone(b.Sites)
	for i := range next.Sites {
		s := &next.Sites[i]
		p, mistakes := policy.MergeAdditions(s.Policy, s.Name, added)
		_, more := policy.Compile(&p, engine.Findings()...)
		wrong = append(wrong, policy.Faults(append(mistakes, more...))...)
		s.Policy = p
	}
	return &next, wrong
}

// Amend puts in force what the console holds now (Options.Additions). Errors: a MistakesError when an entry that is new or
// held until now does not hold together with the rest, or what the disk says; nothing has changed then.
func (k *Core) Amend(ctx context.Context) error {
	k.change.Lock()
	defer k.change.Unlock()
	return k.put(ctx, k.force.Load().base)
}

// Try tells what is wrong with all as the whole of the console's entries, notices included, and changes nothing.
func (k *Core) Try(all []bundle.Addition) []policy.Mistake {
	var mistakes []policy.Mistake
	for _, s := range k.force.Load().base.Sites {
		p, wrong := policy.MergeAdditions(s.Policy, s.Name, all)
		_, more := policy.Compile(&p, engine.Findings()...)
		for _, m := range append(wrong, more...) {
			if policy.IsSource(m.Source) && !slices.Contains(mistakes, m) {
				mistakes = append(mistakes, m)
			}
		}
	}
	return mistakes
}

// Sites names the sites, in the order of the configuration.
func (k *Core) Sites() []string {
	var names []string
	for _, s := range k.force.Load().merged.Sites {
		names = append(names, s.Name)
	}
	return names
}

// Policy is the policy that is in force at a site, the console's entries behind the file's. It must not be changed.
func (k *Core) Policy(site string) (bundle.Policy, bool) {
	for _, s := range k.force.Load().merged.Sites {
		if s.Name == site {
			return s.Policy, true
		}
	}
	return bundle.Policy{}, false
}

// LeftOut are the console's entries that are not in force because they cannot hold together with the rest, by id, and why.
func (k *Core) LeftOut() map[string][]policy.Mistake {
	all := make(map[string][]policy.Mistake)
	for id, r := range k.force.Load().out {
		all[id] = r.mistakes
	}
	return all
}
