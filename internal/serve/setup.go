package serve

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// setupFile holds the set-up link in the data directory, while there is no account and nobody sits at a terminal.
const setupFile = "setup-link"

// TellSetup tells the one-time link of a fresh installation, or where the dashboard is. Whoever reads the link becomes the
// administrator, so it goes to the person at the terminal, else into a file that only this user can read, and never into a
// log.
func (p *Process) TellSetup(ctx context.Context) error {
	token, needed, err := p.people.NewSetup(ctx)
	if err != nil {
		return err
	}
	dashboard := "http://" + p.adminAddress + "/"
	link := dashboard + "setup?token=" + token
	switch {
	case !needed:
		p.forgetSetup()
		if p.o.Person == nil {
			p.log.Info("the dashboard is ready", "address", dashboard)
			return nil
		}
		fmt.Fprintf(p.o.Person, "\n  Dashboard: %s\n", dashboard)
	case p.o.Person == nil:
		name, err := p.writeSetup(link)
		if err != nil {
			return fmt.Errorf("the set-up link cannot be kept: %w", err)
		}
		p.log.Warn("nobody has an account yet: open the link in this file within the hour to make the administrator's", "file", name)
	default:
		fmt.Fprintf(p.o.Person, "\n  Set up:    %s\n             (once, within the hour, to make the administrator's account)\n", link)
	}
	return nil
}

// setupName is where the link is kept.
func (p *Process) setupName() string { return filepath.Join(p.first.cfg.Storage.Path, setupFile) }

// writeSetup writes the link into a new file, whatever stood in its place.
func (p *Process) writeSetup(link string) (string, error) {
	name := p.setupName()
	if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return name, err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return name, err
	}
	_, err = f.WriteString(link + "\n")
	return name, errors.Join(err, f.Close())
}

// forgetSetup removes the link, which is worth nothing once there is an account.
func (p *Process) forgetSetup() {
	if err := os.Remove(p.setupName()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		p.log.Warn("the file of a used set-up link cannot be removed: remove it yourself", "error", err)
	}
}
