package sqlite

import (
	"context"
	"fmt"
)

// OpenReader opens an existing database to read it, beside the process that holds the data directory's lock: in WAL
// mode readers disturb nobody. Writing through it fails, and a database of another form than this program's is refused.
func OpenReader(ctx context.Context, path string, o Options) (*DB, error) {
	d := &DB{o: o, path: path, queue: make(chan *write), stopped: make(chan struct{})}
	close(d.stopped) // nobody will ever write
	var err error
	if d.packer, err = newPacker(); err != nil {
		return nil, err
	}
	if d.readers, err = connect(path, "_pragma=query_only(1)"); err != nil {
		return nil, err
	}
	d.writer = d.readers
	if _, err := d.InventoryVersions(ctx); err != nil {
		d.readers.Close()
		return nil, fmt.Errorf("database %s cannot be read by this version of merlon: %w", path, diskError(err))
	}
	return d, nil
}
