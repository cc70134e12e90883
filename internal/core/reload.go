package core

import (
	"context"
	"crypto/rand"

	"merlon/internal/enforce/engine"
	"merlon/internal/enforce/policy"
	"merlon/internal/model/bundle"
	"merlon/internal/model/dataclass"
)

// Reload makes b what new exchanges are judged by and what is distilled; those under way keep what they began with. What
// was learned and what stands stays, and what the console added to policy holds on; when that cannot hold together with b,
// b is refused. Errors: a MistakesError, or what the disk says; nothing has changed then.
func (k *Core) Reload(ctx context.Context, b *bundle.Bundle) error {
	k.change.Lock()
	defer k.change.Unlock()
	return k.put(ctx, b)
}

// put puts b in force with what the console added. Whoever calls it holds change.
func (k *Core) put(ctx context.Context, b *bundle.Bundle) error {
	added, err := k.readAdditions(ctx)
	if err != nil {
		return err
	}
	next, err := k.force.Load().next(b, added)
	if err != nil {
		return err
	}
	if k.Node == nil {
		err = k.swap(engine.Input{Bundle: next.merged})
	} else {
		var keys map[string]dataclass.Key
		if keys, err = k.keys(b); err != nil {
			return err
		}
		err = k.Node.Rebind(ctx, b, func(known map[string]*bundle.Knowledge) error {
			return k.swap(engine.Input{Bundle: next.merged, Knowledge: known, Keys: keys})
		})
	}
	if err == nil {
		k.force.Store(next)
	}
	return err
}

func (k *Core) swap(in engine.Input) error {
	if faults := policy.Faults(k.Engine.Swap(in)); len(faults) > 0 {
		return MistakesError(faults)
	}
	return nil
}

// keys are the learning keys of b's sites; a site that is new gets its own.
func (k *Core) keys(b *bundle.Bundle) (map[string]dataclass.Key, error) {
	keys := make(map[string]dataclass.Key)
	for _, s := range b.Sites {
		secrets, err := k.Store.Directory.Secrets(s.Name, rand.Reader)
		if err != nil {
			return nil, err
		}
		keys[s.Name] = dataclass.Key(secrets.Learning[:16])
	}
	return keys, nil
}
