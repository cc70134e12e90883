// Package admin is every use case of the humans, one file each, with its permission.
//
// A use case takes a Caller and says first what it may; it takes and returns plain values and knows nothing of HTTP.
// control/api and control/web put it on the wire; Handler, here too, puts both behind one set of guards.
package admin

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"merlon/internal/control/admin/estate"
	"merlon/internal/control/admin/people"
	"merlon/internal/control/admin/rules"
	"merlon/internal/enforce/policy"
	"merlon/internal/model/bundle"
	"merlon/internal/model/identity"
	"merlon/internal/model/inventory"
	"merlon/internal/store/sqlite"
)

// Options is everything an Admin is made from.
type Options struct {
	// Store keeps accounts, blocks, edits, events, series and the audit log. Its Run must be running.
	Store *sqlite.DB
	// Inventory is the latest one, nil before the first distillation. What it returns is never changed.
	Inventory func() *inventory.Inventory
	// Stand applies blocks (engine.Stand); nil where no engine runs in this process.
	Stand func(bundle.Standing) []policy.Mistake
	// Policy reads and changes policy; the zero value where no engine runs in this process.
	Policy rules.Door
	// Status tells how Merlon fares.
	Status func() Status
	// Draining tells whether the process is about to stop, so that nobody sends it more; nil means never.
	Draining func() bool
	// Claimed is called when the first account was made with a set-up link; nil tells nobody.
	Claimed func()
	// Key seals people's second factors (store.Directory.PeopleKey).
	Key [32]byte
	// Settings is the running configuration, as people may see it; nil shows none.
	Settings func() Settings
	// Now is the clock, Random the source of secrets (crypto/rand.Reader), Log the operators' log.
	Now    func() time.Time
	Random io.Reader
	Log    *slog.Logger
	// Hashing is the cost of passwords; the zero value takes DefaultHashing.
	Hashing Hashing
	// Poll is how often a live list asks for what is new; 0 means a second.
	Poll time.Duration
}

// Admin carries out the use cases. It is safe for concurrent use.
type Admin struct {
	// People are the use cases around who may come in, Desk those around policy.
	*people.People
	*rules.Desk

	o         Options
	followers followers // bounds live lists

	// standing serialises changes of blocks, so that what holds is what was stored last.
	standing sync.Mutex

	// editing serialises edits of endpoints.
	editing sync.Mutex

	// mu guards the index over the latest inventory and the edits laid over it.
	mu    sync.Mutex
	edits estate.Edits
	index *estate.Index
	stale bool // an edit was made since the index was
}

// New makes an Admin, reads the edits and makes the stored blocks hold.
func New(ctx context.Context, o Options) (*Admin, error) {
	if o.Store == nil || o.Inventory == nil || o.Status == nil || o.Now == nil || o.Random == nil || o.Log == nil {
		return nil, errors.New("admin: Store, Inventory, Status, Now, Random and Log are all needed")
	}
	p, err := people.New(people.Options{Store: o.Store, Key: o.Key, Claimed: o.Claimed, Now: o.Now, Random: o.Random, Log: o.Log, Hashing: o.Hashing})
	if err != nil {
		return nil, err
	}
	if o.Poll <= 0 {
		o.Poll = time.Second
	}
	a := &Admin{
		People: p, o: o, followers: followers{of: map[string]int{}}, edits: estate.Edits{},
	}
	a.Desk = rules.NewDesk(rules.Options{Store: o.Store, Door: o.Policy, Endpoint: a.known, Now: o.Now, Random: o.Random})
	edits, err := o.Store.EndpointEdits(ctx)
	if err != nil {
		return nil, fmt.Errorf("edits of endpoints: %w", err)
	}
	for _, e := range edits {
		a.edits[estate.Edited{Site: e.Site, ID: e.Endpoint}] = e
	}
	if err := a.stand(ctx); err != nil {
		return nil, err
	}
	return a, nil
}

// Now is the clock that everything here goes by.
func (a *Admin) Now() time.Time { return a.o.Now() }

// known is an endpoint by any id it ever had, with what people said of it; nil for none.
func (a *Admin) known(id identity.EndpointID) *inventory.Endpoint {
	if e, ok := a.current().Endpoint(id); ok {
		return e
	}
	return nil
}
