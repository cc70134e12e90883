package serve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"

	"merlon/internal/control/admin"
	"merlon/internal/control/admin/people"
	"merlon/internal/control/api"
	"merlon/internal/model/account"
)

// LocalSocket is where a running Merlon answers commands that work on its data directory.
func LocalSocket(data string) string { return filepath.Join(data, "control.sock") }

// local is the door for commands beside this process: the API on a socket in the data directory. Who reaches it could open
// the directory's files as well (the directory is 0700, the socket 0600), so nobody is asked for a token; all the same it
// lets nobody do more than the commands need: read as a developer does, and make and revoke tokens.
func (p *Process) openLocal() error {
	name := LocalSocket(p.first.cfg.Storage.Path)
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err // the directory is ours: whatever stands there was left behind
	}
	var lc net.ListenConfig
	l, err := lc.Listen(p.life, "unix", name)
	if err != nil {
		return err
	}
	if err := os.Chmod(name, 0o600); err != nil {
		return errors.Join(err, l.Close())
	}
	p.local = &http.Server{
		Handler: api.New(api.Options{Admin: p.people, Metrics: http.NotFoundHandler(), Who: localCaller, Log: p.log}), ReadHeaderTimeout: 10 * time.Second, MaxHeaderBytes: 16 << 10,
	}
	p.serving.Go(func() {
		if err := p.local.Serve(l); !errors.Is(err, http.ErrServerClosed) {
			p.log.Warn("commands cannot ask this process any more", "error", err)
		}
	})
	return nil
}

// localCaller says who asks through the local door.
func localCaller(r *http.Request) admin.Caller {
	if r.URL.Path == "/v1/tokens" || strings.HasPrefix(r.URL.Path, "/v1/tokens/") {
		return people.Local("command line", time.Now(), account.Admin, account.EditTokens)
	}
	return people.Local("command line", time.Now(), account.Developer, account.SeeStatus, account.SeeInventory, account.SeeEvents, account.SeeStanding, account.SeePolicy)
}

// closeLocal ends the local door.
func (p *Process) closeLocal(ctx context.Context) {
	if p.local == nil {
		return
	}
	if err := p.local.Shutdown(ctx); err != nil {
		_ = p.local.Close() // live event lists have no end of their own
	}
}

// tellLocal opens the local door; without it commands read the files instead.
func (p *Process) tellLocal() {
	if err := p.openLocal(); err != nil {
		p.log.Warn("commands beside this process cannot ask it", "error", fmt.Sprint(err))
	}
}
