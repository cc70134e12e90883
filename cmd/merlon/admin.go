package main

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
func (p *process) adminHandler(ctx context.Context) (http.Handler, error) {
	k := p.backend
	started := time.Now()
	var err error
	p.people, err = admin.New(ctx, admin.Options{
		Store: k.store.DB, Inventory: k.node.Inventory, Stand: k.engine.Stand, Status: func() admin.Status { return p.status(started) },
		Draining: p.draining.Load, Now: time.Now, Random: rand.Reader, Log: p.log,
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
func (p *process) listenAdmin(ctx context.Context) error {
	al, err := p.sockets.Listen(ctx, p.cfg.Admin.Address)
	if err != nil {
		return failed(fmt.Errorf("cannot serve the dashboard: %w", err))
	}
	if p.attached.Load() {
		err = p.serveAdmin(ctx)
	} else {
		var h http.Handler = http.HandlerFunc(takingOver)
		p.surface.Store(&h)
	}
	if err != nil {
		return failed(errors.Join(err, al.Close()))
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
func (p *process) serveAdmin(ctx context.Context) error {
	h, err := p.adminHandler(ctx)
	if err != nil {
		return err
	}
	p.surface.Store(&h)
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
func (p *process) status(started time.Time) admin.Status {
	k := p.backend
	s := admin.Status{
		Version: version, Node: p.cfg.Node, Started: started.UTC(), Listen: *p.listening.Load(),
		Events: k.queue.Published(), Dropped: k.queue.Dropped(), Learned: k.node.Learned(), Queued: k.queue.Len(),
		Journal: k.store.Journal.Status().State.String(), Database: k.store.DB.Status().State.String(),
		Knowledge: k.node.Inventory().Version, Distilled: k.node.Distilled(),
	}
	if u, err := k.store.Usage(); err == nil {
		s.JournalBytes, s.DatabaseBytes = u.Journal, u.Database
	}
	return s
}

// printSetup prints the one-time link of a fresh installation. It goes to the terminal and nowhere else: whoever reads
// it becomes the administrator.
func (p *process) printSetup(ctx context.Context, c console) error {
	token, needed, err := p.people.NewSetup(ctx)
	if err != nil {
		return err
	}
	if needed {
		fmt.Fprintf(c.err, "\n  Set up:    http://%s/setup?token=%s\n             (once, within the hour, to make the administrator's account)\n", p.adminAddress, token)
		return nil
	}
	fmt.Fprintf(c.err, "\n  Dashboard: http://%s/\n", p.adminAddress)
	return nil
}

// reachable is an address that a browser on this machine can open.
func reachable(a net.Addr) string {
	host, port, err := net.SplitHostPort(a.String())
	if ip := net.ParseIP(host); err != nil || ip == nil || !ip.IsUnspecified() {
		return a.String()
	}
	return net.JoinHostPort("127.0.0.1", port)
}
