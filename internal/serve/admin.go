package serve

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/control/api"
	"merlon/internal/control/web"
	"merlon/internal/telemetry"
)

// adminHandler is the surface for the humans: dashboard, API, metrics and health, behind one set of guards.
func (p *Process) adminHandler(ctx context.Context) (http.Handler, error) {
	k := p.core
	started := time.Now()
	key, err := k.Store.Directory.PeopleKey(rand.Reader)
	if err != nil {
		return nil, err
	}
	p.people, err = admin.New(ctx, admin.Options{
		Store: k.Store.DB, Inventory: k.Node.Inventory, Stand: k.Engine.Stand, Policy: policyDoor(k), Status: func() admin.Status { return p.status(started) }, Key: key,
		Settings: p.settings, Draining: p.draining.Load, Claimed: p.forgetSetup, Now: time.Now, Random: rand.Reader, Log: p.log,
	})
	if err != nil {
		return nil, err
	}
	reg, err := p.registry()
	if err != nil {
		return nil, err
	}
	return admin.Handler(admin.Surface{
		Config: p.cfg.Admin, Log: p.log,
		API: api.New(api.Options{Admin: p.people, Metrics: telemetry.Handler(reg), OpenMetrics: p.cfg.Admin.OpenMetrics, Log: p.log}),
		Web: web.New(web.Options{Admin: p.people, Log: p.log}),
	})
}

// listenAdmin opens the surface's address. Until its handler is there, which needs the store, only health is answered.
func (p *Process) listenAdmin(ctx context.Context) error {
	al, err := p.o.Sockets.Listen(ctx, p.cfg.Admin.Address)
	if err != nil {
		return fmt.Errorf("cannot serve the dashboard: %w", err)
	}
	if p.attached.Load() {
		err = p.serveAdmin(ctx)
	} else {
		var h http.Handler = http.HandlerFunc(takingOver)
		p.surface.Store(&h)
	}
	if err != nil {
		return errors.Join(err, al.Close())
	}
	p.admin = admin.Server(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { (*p.surface.Load()).ServeHTTP(w, r) }), p.log)
	p.adminAddress = reachable(al.Addr())
	p.log.Info("serving dashboard and API", "address", "http://"+al.Addr().String()+"/")
	p.serving.Go(func() {
		if err := p.admin.Serve(al); !errors.Is(err, http.ErrServerClosed) {
			p.failure <- err
		}
	})
	return nil
}

// serveAdmin puts the surface into place.
func (p *Process) serveAdmin(ctx context.Context) error {
	h, err := p.adminHandler(ctx)
	if err != nil {
		return err
	}
	p.surface.Store(&h)
	p.tellLocal()
	return nil
}

// takingOver answers while another process still holds the data directory: clients are served, people have to wait.
func takingOver(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" || r.URL.Path == "/readyz" {
		_, _ = w.Write([]byte("ok\n"))
		return
	}
	w.Header().Set("Retry-After", "1")
	http.Error(w, "taking over from the process before; try again in a moment", http.StatusServiceUnavailable)
}

// status is what the status page shows.
func (p *Process) status(started time.Time) admin.Status {
	k := p.core
	s := admin.Status{
		Version: p.o.Build.Version, Node: p.first.cfg.Node, Started: started.UTC(), Listen: p.visible.Load().urls,
		Events: k.Queue.Published(), Dropped: k.Queue.Dropped(), Learned: k.Node.Learned(), Queued: k.Queue.Len(),
		Journal: k.Store.Journal.Status().State.String(), Database: k.Store.DB.Status().State.String(),
		Knowledge: k.Node.Inventory().Version, Distilled: k.Node.Distilled(),
	}
	if u, err := k.Store.Usage(); err == nil {
		s.JournalBytes, s.DatabaseBytes = u.Journal, u.Database
	}
	return s
}

// reachable is an address that a browser on this machine can open.
func reachable(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsUnspecified() {
		return a.String()
	}
	return net.JoinHostPort("127.0.0.1", port)
}
