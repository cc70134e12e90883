// Package admintest makes an Admin over a store of its own, filled with an estate to look at, for tests of the floors above.
package admintest

import (
	"context"
	"crypto/rand"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/enforce/policy"
	"merlon/internal/model/account"
	"merlon/internal/model/bundle"
	"merlon/internal/model/inventory"
	"merlon/internal/store/sqlite"
)

// Name and Password are those of the administrator that SignIn makes.
const (
	Name     = "ana"
	Password = "correct horse battery"
)

// World is an Admin and what stands around it.
type World struct {
	Admin *admin.Admin
	Store *sqlite.DB

	mu       sync.Mutex
	now      time.Time
	estate   *inventory.Inventory
	standing bundle.Standing
	status   admin.Status
	hashing  admin.Hashing
	desk     *desk
}

// New makes a world whose clock stands at a fixed time until somebody moves it.
func New(tb testing.TB) *World {
	tb.Helper()
	w := &World{now: time.Date(2026, 11, 20, 14, 30, 0, 0, time.UTC), hashing: admin.Hashing{Memory: 64, Passes: 1, Threads: 1}} // cheap: what is tested is not the cost
	w.status = admin.Status{
		Version: "0.1.0", Node: "node-1", Started: w.now.Add(-51 * time.Hour), Listen: []string{"http://127.0.0.1:8080"},
		Journal: "writing", Database: "writing",
	}
	db, err := sqlite.Open(tb.Context(), filepath.Join(tb.TempDir(), "merlon.db"), sqlite.Options{Now: w.Now, Node: "node-1"})
	if err != nil {
		tb.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- db.Run(ctx) }()
	tb.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			tb.Errorf("store: %v", err)
		}
		if err := db.Close(); err != nil {
			tb.Errorf("store: %v", err)
		}
	})
	w.Store, w.desk = db, newDesk(tb, w)
	w.Admin = w.Reopen(tb)
	return w
}

// Reopen makes another Admin over the same store, as a restart does.
func (w *World) Reopen(tb testing.TB) *admin.Admin {
	tb.Helper()
	a, err := admin.New(tb.Context(), admin.Options{
		Store: w.Store, Inventory: w.Estate, Stand: w.stand, Policy: w.desk.door(), Status: w.Status, Key: [32]byte{1}, Settings: settings, Now: w.Now, Random: rand.Reader, Log: slog.New(slog.DiscardHandler),
		Hashing: w.hashing,
		Poll:    5 * time.Millisecond,
	})
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func settings() admin.Settings {
	return admin.Settings{File: "/etc/merlon/merlon.yaml", Groups: []admin.SettingGroup{
		{Title: "Clients", Items: []admin.Setting{{Name: "Served at", Value: "127.0.0.1:8080\n[::]:8443, TLS", Key: "listen"}, {Name: "Trusted hops", Value: "1", Key: "sites[].trusted_hops"}}},
		{Title: "Sites", Items: []admin.Setting{{Name: "acme", Value: "api.acme.example, *.acme.example → http://127.0.0.1:9000", Key: "sites"}}},
		{Title: "Retention", Items: []admin.Setting{{Name: "Events", Value: "200,000, 30 days", Key: "storage.events"}, {Name: "Audit log", Value: "1,000,000 entries"}}},
		{Title: "Versions", Items: []admin.Setting{{Name: "Merlon", Value: "0.1.0"}, {Name: "Go", Value: "go1.26"}}},
	}}
}

// Now is the world's clock.
func (w *World) Now() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// Wait moves the clock on.
func (w *World) Wait(d time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.now = w.now.Add(d)
}

// Estate is the inventory there is now.
func (w *World) Estate() *inventory.Inventory {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.estate
}

// SetEstate puts another in its place.
func (w *World) SetEstate(v *inventory.Inventory) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.estate = v
}

// Status is how Merlon fares.
func (w *World) Status() admin.Status {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.status
}

// SetStatus changes it.
func (w *World) SetStatus(change func(*admin.Status)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(&w.status)
}

func (w *World) stand(s bundle.Standing) []policy.Mistake {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.standing = s
	return nil
}

// Standing is what an engine would have been told last.
func (w *World) Standing() bundle.Standing {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.standing
}

// SetHashing changes the cost of passwords for the Admin that Reopen makes next.
func (w *World) SetHashing(h admin.Hashing) { w.hashing = h }

// SignIn makes the administrator's account, if it is not there yet, and signs in.
func (w *World) SignIn(tb testing.TB) admin.SignedIn {
	tb.Helper()
	return w.SignInFrom(tb, admin.Visitor{Address: "127.0.0.1", Browser: "test"})
}

// SignInFrom is SignIn of a certain visitor.
func (w *World) SignInFrom(tb testing.TB, from admin.Visitor) admin.SignedIn {
	tb.Helper()
	token, needed, err := w.Admin.NewSetup(tb.Context())
	if err != nil {
		tb.Fatal(err)
	}
	var in admin.SignedIn
	if needed {
		in, err = w.Admin.SetUp(tb.Context(), from, token, Name, Password)
	} else {
		in, err = w.Admin.SignIn(tb.Context(), from, Name, Password)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return in
}

// Token makes a token of a role.
func (w *World) Token(tb testing.TB, by admin.Caller, role account.Role) string {
	tb.Helper()
	_, secret, err := w.Admin.CreateToken(tb.Context(), by, admin.TokenRequest{Name: "test-" + string(role), Role: role})
	if err != nil {
		tb.Fatal(err)
	}
	return secret
}
