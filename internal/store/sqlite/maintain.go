package sqlite

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// Maintain folds and drops what is beyond its age or room. Age is by arrival. Call it about once a minute.
func (d *DB) Maintain(ctx context.Context, now time.Time) error {
	if err := d.maintain(ctx, now); err != nil {
		return fmt.Errorf("database maintenance: %w", err)
	}
	return nil
}

func (d *DB) maintain(ctx context.Context, now time.Time) error {
	notable, others, rows := d.o.EventRows, d.o.SampleRows, d.o.SeriesRows
	// Telemetry gives way when the file as a whole is too large: each round leaves half as much.
	for range 6 {
		if err := errors.Join(d.trimEvents(ctx, now, notable, others), d.foldSeries(ctx, now, rows)); err != nil {
			return err
		}
		used, err := d.used(ctx)
		if err != nil {
			return err
		}
		if used <= d.o.Bytes {
			break
		}
		notable, others, rows = notable/2, others/2, rows/2
	}
	err := d.write(ctx, false, func(t *txn) error {
		_, err := t.exec(`DELETE FROM standing WHERE until <> 0 AND until <= ?`, now.UnixNano())
		_, err2 := t.exec(`DELETE FROM logins WHERE expires <= ?`, now.UnixNano())
		_, err3 := t.exec(`DELETE FROM setup WHERE expires <= ?`, now.UnixNano())
		_, err4 := t.exec(`DELETE FROM invites WHERE expires <= ?`, now.UnixNano())
		return errors.Join(err, err2, err3, err4)
	})
	if err := errors.Join(err, d.trimAudit(ctx)); err != nil {
		return err
	}
	// Gives room back to the file system a little at a time.
	return d.write(ctx, false, func(t *txn) error { return t.plain(`PRAGMA incremental_vacuum(4096)`) })
}

// used is the room taken inside the file, without what is free in it.
func (d *DB) used(ctx context.Context) (bytes int64, err error) {
	err = d.readers.QueryRowContext(ctx, `SELECT (page_count - freelist_count) * page_size FROM pragma_page_count(), pragma_freelist_count(), pragma_page_size()`).Scan(&bytes)
	return bytes, diskError(err)
}

// Bytes is the room the database and its write-ahead log take on the disk.
func (d *DB) Bytes() (sum int64, err error) {
	for _, suffix := range []string{"", "-wal", "-shm"} {
		info, err := os.Stat(d.path + suffix)
		if err != nil {
			if suffix != "" && errors.Is(err, os.ErrNotExist) {
				continue
			}
			return sum, err
		}
		sum += info.Size()
	}
	return sum, nil
}
