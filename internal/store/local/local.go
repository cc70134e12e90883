// Package local opens a data directory: its lock, the sites' secrets, the journal and the SQLite database.
package local

import (
	"context"
	"errors"
	"io"
	"sync"
	"time"

	"merlon/internal/store"
	"merlon/internal/store/journal"
	"merlon/internal/store/sqlite"
)

// Options are what Open needs. Now, Command and Random are required.
type Options struct {
	Now func() time.Time
	// Command is what the lock tells others: the program's name and subcommand.
	Command string
	// Random makes new secrets: crypto/rand.Reader.
	Random io.Reader
	// DefaultSite is the site whose learning key also keys the journal's sample.
	DefaultSite string
	Journal     journal.Options // Now, Key and After are filled in
	Database    sqlite.Options  // Now is filled in
}

// Store is an open data directory.
type Store struct {
	Directory *store.Directory
	Journal   *journal.Journal
	DB        *sqlite.DB
	now       func() time.Time
}

// Open takes the lock, then opens the database, then the journal behind what the database says is covered. It starts no
// goroutine: see Run.
func Open(ctx context.Context, path string, o Options) (_ *Store, err error) {
	s := &Store{now: o.Now}
	if s.Directory, err = store.OpenDirectory(path, o.Command, o.Now()); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	secrets, err := s.Directory.Secrets(o.DefaultSite, o.Random)
	if err != nil {
		return nil, err
	}
	o.Database.Now = o.Now
	if s.DB, err = sqlite.Open(ctx, s.Directory.Path("merlon.db"), o.Database); err != nil {
		return nil, err
	}
	covered, err := s.DB.Covered(ctx)
	if err != nil {
		return nil, err
	}
	o.Journal.Now, o.Journal.Key, o.Journal.After = o.Now, secrets.Learning, covered
	if s.Journal, err = journal.Open(s.Directory.Path("journal"), o.Journal); err != nil {
		return nil, err
	}
	return s, s.Journal.Covered(covered)
}

// Run writes and syncs until ctx ends. syncs should tick once a second: that is what a power cut can cost.
func (s *Store) Run(ctx context.Context, syncs <-chan time.Time) error {
	var both sync.WaitGroup
	both.Go(func() { s.Journal.Run(ctx, syncs) })
	err := s.DB.Run(ctx)
	both.Wait()
	return err
}

// Maintain enforces the bounds of age and room. Call it about once a minute while Run runs.
func (s *Store) Maintain(ctx context.Context, now time.Time) error {
	return errors.Join(s.Journal.Maintain(now), s.DB.Maintain(ctx, now))
}

// SaveSummaries stores a snapshot and lets the journal drop what it covers.
func (s *Store) SaveSummaries(ctx context.Context, snapshot store.SummarySnapshot) error {
	if err := s.DB.SaveSummaries(ctx, snapshot); err != nil {
		return err
	}
	return s.Journal.Covered(snapshot.Covered)
}

// Usage is the room the directory takes.
func (s *Store) Usage() (u store.Usage, err error) {
	u.Journal, err = store.Size(s.Directory.Path("journal"), "")
	if err != nil {
		return u, err
	}
	u.Database, err = s.DB.Bytes()
	return u, err
}

// Close syncs and closes everything and gives the lock up last. Run must have ended.
func (s *Store) Close() error {
	var errs []error
	if s.Journal != nil {
		errs = append(errs, s.Journal.Close())
	}
	if s.DB != nil {
		errs = append(errs, s.DB.Close())
	}
	return errors.Join(append(errs, s.Directory.Close())...)
}
