package node

import (
	"context"
	"errors"
	"fmt"

	"merlon/internal/model/bundle"
	"merlon/internal/store"
)

// Rebind makes b what is distilled from now on. swap is handed what is known of b's sites and has to put it before the
// engine; when it fails, nothing has changed. Nothing is distilled meanwhile, so that no version of what is known
// overtakes another. Every site of b needs its keys in the data directory.
//
// Sites that are not in b any more keep what was learned: their summaries go on being saved, and it is there again when
// they return.
func (n *Node) Rebind(ctx context.Context, b *bundle.Bundle, swap func(known map[string]*bundle.Knowledge) error) error {
	n.tend.Lock()
	defer n.tend.Unlock()
	known := make(map[string]*bundle.Knowledge, len(b.Sites))
	for i := range b.Sites {
		name := b.Sites[i].Name
		if _, ok := n.o.Seed(name); !ok {
			return fmt.Errorf("site %s has no learning key", name)
		}
		if k, ok := n.knowledge[name]; ok {
			known[name] = &k
			continue
		}
		switch k, err := n.o.Store.DB.Knowledge(ctx, name, 0); {
		case err == nil:
			known[name] = k
		case !errors.Is(err, store.ErrNotFound):
			return err
		}
	}
	if err := swap(known); err != nil {
		return err
	}
	for name, k := range known {
		n.knowledge[name] = *k
	}
	n.mu.Lock()
	for i := range b.Sites {
		n.state(b.Sites[i].Name)
	}
	n.fresh++ // descriptions may say something new about what was seen
	n.mu.Unlock()
	n.o.Bundle = b
	return nil
}

// Knowledge is what is published at present, by site. It must not be changed.
func (n *Node) Knowledge() map[string]*bundle.Knowledge {
	n.tend.Lock()
	defer n.tend.Unlock()
	out := make(map[string]*bundle.Knowledge, len(n.knowledge))
	for site, k := range n.knowledge {
		out[site] = &k
	}
	return out
}
