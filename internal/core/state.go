package core

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"merlon/internal/enforce/engine"
	"merlon/internal/model/bundle"
	"merlon/internal/model/dataclass"
	"merlon/internal/store"
)

// State is what one process tells the next beside its sockets: enough to judge by until the data directory is free.
type State struct {
	Kind      string                       `json:"kind"`
	Version   int                          `json:"version"`
	Knowledge map[string]*bundle.Knowledge `json:"knowledge"`
	Standing  bundle.Standing              `json:"standing"`
	// Additions are those of policy that the console made.
	Additions []bundle.Addition `json:"additions,omitempty"`
}

const (
	stateKind    = "merlon.state"
	stateVersion = 1
)

// ErrState says that what another process told cannot be used.
var ErrState = errors.New("unusable state of another process")

// State is what the next process needs.
func (k *Core) State() ([]byte, error) {
	s := State{Kind: stateKind, Version: stateVersion, Standing: k.Engine.Standing(), Additions: k.force.Load().all}
	if k.Node != nil {
		s.Knowledge = k.Node.Knowledge()
	}
	return json.Marshal(s)
}

func parseState(blob []byte) (s State, err error) {
	if err := json.Unmarshal(blob, &s); err != nil {
		return s, fmt.Errorf("%w: %w", ErrState, err)
	}
	if s.Kind != stateKind || s.Version != stateVersion {
		return s, fmt.Errorf("%w: it is %q version %d, wanted %q version %d", ErrState, s.Kind, s.Version, stateKind, stateVersion)
	}
	return s, nil
}

// OpenPassed makes engine and queue from what another process told, while that process still holds the data directory.
// Events wait in the queue until Attach. Errors: ErrState, store.ErrNotFound for a site whose keys that process has not
// made, a MistakesError.
func OpenPassed(o Options, blob []byte) (*Core, error) {
	s, err := parseState(blob)
	if err != nil {
		return nil, err
	}
	k := &Core{log: o.Log, now: o.Now, additions: o.Additions}
	keys := make(map[string]dataclass.Key)
	for _, site := range o.Bundle.Sites {
		secrets, err := store.ReadSecrets(o.Config.Storage.Path, site.Name)
		if errors.Is(err, store.ErrNotFound) {
			return nil, fmt.Errorf("%w: let the running process load the configuration first (SIGHUP)", err)
		}
		if err != nil {
			return nil, err
		}
		keys[site.Name] = dataclass.Key(secrets.Learning[:16])
	}
	if err := k.openEngine(o.Config, engine.Input{Bundle: k.first(o.Bundle, s.Additions), Keys: keys, Knowledge: s.Knowledge}); err != nil {
		return nil, err
	}
	k.Engine.Stand(s.Standing) // what is wrong in it was told when it was made
	return k, nil
}

// Attach opens the data directory, which must be free, and begins to learn with what waits in the queue. After an error
// nothing of it is left, so that it may be tried again.
func (k *Core) Attach(ctx context.Context, o Options) (err error) {
	if err := k.openStore(ctx, o); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			k.Node = nil // nothing runs on it yet
			err = errors.Join(err, k.closeStore())
			k.Store = nil
		}
	}()
	if err := k.openNode(ctx, o); err != nil {
		return err
	}
	// What was told may know more than what was stored, and less: from here on the store is right.
	if err := k.Reload(ctx, o.Bundle); err != nil {
		return err
	}
	k.startLearning()
	return nil
}
