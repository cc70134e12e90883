package main

import (
	"context"
	"crypto/rand"
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

// status is what the status page shows.
func (p *process) status(started time.Time) admin.Status {
	k := p.backend
	s := admin.Status{
		Version: version, Node: p.cfg.Node, Started: started.UTC(), Listen: p.listening,
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
