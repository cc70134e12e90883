// Package sqlite is the default store: one database file in the data directory.
//
// One goroutine writes (Run). Writers hand it their change and wait; it puts everything that waits into one transaction, so
// that the number of transactions falls as load rises. Readers have connections of their own and never wait for it.
//
// The database is in WAL mode. Telemetry commits with synchronous=NORMAL: the end of the process costs nothing, a power cut
// may cost the latest commits, whose events the journal still has. What people are told is stored (Change) and what ids
// depend on (SaveSummaries, SaveInventory) commits with synchronous=FULL: the log is synced before they are answered, and all
// earlier commits with it, since they stand before it in the same log.
package sqlite

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/klauspost/compress/zstd"
	"github.com/pressly/goose/v3"
	sqlite "modernc.org/sqlite"

	"merlon/internal/store"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Options say whose database it is and how much it keeps. Zero limits take the defaults.
type Options struct {
	Now  func() time.Time // required
	Node string
	// EventRows bounds the notable recent events (200,000), SampleRows the others (50,000), EventAge both (30 days by arrival).
	EventRows, SampleRows int
	EventAge              time.Duration
	// SeriesRows bounds each tier of the time series (2,000,000).
	SeriesRows int
	// Versions is how many inventories and pieces of knowledge are kept (20).
	Versions int
	// AuditRows bounds the audit log (1,000,000); what is cut off stays provable by its last hash.
	AuditRows int
	// Bytes bounds the database (4 GiB, or what EventRows takes): beyond it the oldest telemetry goes first, whatever its age.
	Bytes int64
}

// DB is the open database. Its methods are safe for concurrent use; those that write need Run.
type DB struct {
	o       Options
	path    string
	writer  *sql.DB
	readers *sql.DB
	queue   chan *write
	stopped chan struct{} // closed when Run has ended
	packer  *packer

	mu     sync.Mutex
	status Status
}

// Status is the database's condition, for status pages and metrics.
type Status struct {
	State store.State
	Cause string // why State is not Writing
	// Written counts changes that were committed, Refused those that were answered with an error of the disk.
	Written, Refused uint64
}

// bytesPerEvent is what an event takes with its share of postings, 519 measured, and some room.
const bytesPerEvent = 640

const (
	busyTimeout = 5000 // milliseconds; only a checkpoint can be in the way, the directory's lock keeps others out
	readerCount = 4
)

// Open opens or makes the database file and brings it to the present form. The caller must hold the data directory's lock:
// switching a database to WAL under another process's hands can damage it.
func Open(ctx context.Context, path string, o Options) (*DB, error) {
	o.EventRows, o.SampleRows, o.SeriesRows = or(o.EventRows, 200_000), or(o.SampleRows, 50_000), or(o.SeriesRows, 2_000_000)
	o.Versions, o.AuditRows = or(o.Versions, 20), or(o.AuditRows, 1_000_000)
	if o.EventAge == 0 {
		o.EventAge = 30 * 24 * time.Hour
	}
	if o.Bytes == 0 {
		o.Bytes = max(4<<30, int64(o.EventRows)*bytesPerEvent)
	}
	// SQLite would make the file readable to all; its companions take its mode.
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("database: %w", store.DiskFull(err))
	}
	f.Close()
	d := &DB{o: o, path: path, queue: make(chan *write), stopped: make(chan struct{})}
	if d.packer, err = newPacker(); err != nil {
		return nil, err
	}
	if d.writer, err = connect(path, "_pragma=auto_vacuum(2)", "_pragma=foreign_keys(1)", "_pragma=journal_mode(WAL)", "_pragma=synchronous(NORMAL)",
		"_pragma=journal_size_limit(67108864)", "_pragma=secure_delete(FAST)"); err != nil {
		return nil, err
	}
	d.writer.SetMaxOpenConns(1)
	if err := d.migrate(ctx); err != nil {
		d.writer.Close()
		return nil, fmt.Errorf("database %s: %w", path, diskError(err))
	}
	if d.readers, err = connect(path, "_pragma=query_only(1)"); err != nil {
		d.writer.Close()
		return nil, err
	}
	d.readers.SetMaxOpenConns(readerCount)
	d.readers.SetMaxIdleConns(readerCount)
	return d, nil
}

func or(v, otherwise int) int {
	if v == 0 {
		return otherwise
	}
	return v
}

func connect(path string, pragmas ...string) (*sql.DB, error) {
	dsn := "file:" + (&url.URL{Path: path}).EscapedPath() + fmt.Sprintf("?_pragma=busy_timeout(%d)", busyTimeout)
	for _, p := range pragmas {
		dsn += "&" + p
	}
	c, err := sqlite.NewConnector(dsn)
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	return sql.OpenDB(c), nil
}

func (d *DB) migrate(ctx context.Context) error {
	files, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(goose.DialectSQLite3, d.writer, files, goose.WithDisableGlobalRegistry(true), goose.WithAllowOutofOrder(true))
	if err != nil {
		return err
	}
	have, err := p.GetDBVersion(ctx)
	if err != nil {
		return err
	}
	sources := p.ListSources()
	if known := sources[len(sources)-1].Version; have > known {
		return fmt.Errorf("%w (form %d, known %d)", store.ErrNewer, have, known)
	}
	_, err = p.Up(ctx)
	return err
}

// Close closes the database. Run must have ended.
func (d *DB) Close() error {
	d.packer.close()
	return errors.Join(d.readers.Close(), d.writer.Close())
}

// Status tells the database's condition.
func (d *DB) Status() Status {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.status
}

// Result codes of SQLite, sqlite.org/rescode.html.
const (
	codeIOErr      = 10
	codeFull       = 13
	codeSHMSize    = codeIOErr | 19<<8
	codePrimaryKey = 1555
	codeUnique     = 2067
	codeForeignKey = 787
)

// diskError turns the driver's errors into those of package store.
func diskError(err error) error {
	var e *sqlite.Error
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return store.ErrNotFound
	case !errors.As(err, &e):
		return store.DiskFull(err)
	}
	switch e.Code() {
	case codeFull, codeSHMSize:
		return fmt.Errorf("%w (%w)", store.ErrDiskFull, err)
	case codePrimaryKey, codeUnique:
		return fmt.Errorf("%w (%w)", store.ErrExists, err)
	case codeForeignKey:
		return fmt.Errorf("%w (%w)", store.ErrNotFound, err)
	}
	return err
}

// packer compresses blobs. A packed blob is kind, version, a zstd frame with its checksum.
type packer struct {
	enc *zstd.Encoder
	dec *zstd.Decoder
}

const (
	packedKind    = 'Z'
	packedVersion = 1
	// maxBlob bounds what a blob may unpack to, against a few damaged bytes that promise gigabytes.
	maxBlob = 512 << 20
)

func newPacker() (*packer, error) {
	enc, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault),
		zstd.WithWindowSize(1<<20), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return nil, err
	}
	dec, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(maxBlob))
	if err != nil {
		return nil, err
	}
	return &packer{enc, dec}, nil
}

func (p *packer) close() {
	p.dec.Close()
}

func (p *packer) pack(b []byte) []byte {
	return p.enc.EncodeAll(b, []byte{packedKind, packedVersion})
}

func (p *packer) unpack(b []byte) ([]byte, error) {
	if len(b) >= 2 && b[0] == packedKind && b[1] > packedVersion {
		return nil, store.ErrNewer
	}
	if len(b) < 2 || b[0] != packedKind || b[1] != packedVersion {
		return nil, fmt.Errorf("%w: blob", store.ErrDamaged)
	}
	out, err := p.dec.DecodeAll(b[2:], nil)
	if err != nil {
		return nil, fmt.Errorf("%w: blob: %w", store.ErrDamaged, err)
	}
	return out, nil
}
