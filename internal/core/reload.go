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
// was learned and what stands stays. Errors: a MistakesError, or what the disk says; nothing has changed then.
func (k *Core) Reload(ctx context.Context, b *bundle.Bundle) error {
	if k.Node == nil {
		return k.swap(engine.Input{Bundle: b})
	}
	keys, err := k.keys(b)
	if err != nil {
		return err
	}
	return k.Node.Rebind(ctx, b, func(known map[string]*bundle.Knowledge) error {
		return k.swap(engine.Input{Bundle: b, Knowledge: known, Keys: keys})
	})
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
