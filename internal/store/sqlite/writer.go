package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"merlon/internal/store"
)

// write is one change waiting to be committed.
type write struct {
	do      func(*txn) error
	durable bool
	done    chan error
}

// maxTogether bounds the changes of one transaction, so that the first does not wait long for the last.
const maxTogether = 64

// txn is the open transaction as a change sees it.
type txn struct {
	ctx   context.Context
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
}

// exec runs a statement, prepared once for the life of the writer. All values are bound.
func (t *txn) exec(query string, args ...any) (sql.Result, error) {
	s, err := t.prepare(query)
	if err != nil {
		return nil, err
	}
	r, err := s.ExecContext(t.ctx, args...)
	return r, diskError(err)
}

// affect is exec for a change that must hit a row: otherwise store.ErrNotFound.
func (t *txn) affect(query string, args ...any) error {
	r, err := t.exec(query, args...)
	if err != nil {
		return err
	}
	n, err := r.RowsAffected()
	if err == nil && n == 0 {
		err = store.ErrNotFound
	}
	return err
}

// row reads one row into dst.
func (t *txn) row(query string, args []any, dst ...any) error {
	s, err := t.prepare(query)
	if err != nil {
		return err
	}
	return diskError(s.QueryRowContext(t.ctx, args...).Scan(dst...))
}

func (t *txn) prepare(query string) (*sql.Stmt, error) {
	if s, ok := t.stmts[query]; ok {
		return s, nil
	}
	s, err := t.conn.PrepareContext(t.ctx, query)
	if err != nil {
		return nil, diskError(err)
	}
	t.stmts[query] = s
	return s, nil
}

// plain runs a statement that is not worth preparing.
func (t *txn) plain(query string) error {
	_, err := t.conn.ExecContext(t.ctx, query)
	return diskError(err)
}

// Run writes what is handed in until ctx ends; then it commits what has been taken and returns. It must run once.
func (d *DB) Run(ctx context.Context) error {
	defer close(d.stopped)
	// A transaction that has begun is ended, whatever happens to ctx; and a context that cannot end costs less per statement.
	own := context.WithoutCancel(ctx)
	conn, err := d.writer.Conn(own)
	if err != nil {
		return fmt.Errorf("database: %w", diskError(err))
	}
	defer conn.Close()
	t := &txn{ctx: own, conn: conn, stmts: make(map[string]*sql.Stmt)}
	defer func() {
		for _, s := range t.stmts {
			s.Close()
		}
	}()
	full := false // synchronous=FULL is set
	var together []*write
	for {
		select {
		case w := <-d.queue:
			together = append(together[:0], w)
		case <-ctx.Done():
			return nil
		}
		for more := true; more && len(together) < maxTogether; {
			select {
			case w := <-d.queue:
				together = append(together, w)
			default:
				more = false
			}
		}
		full = d.commit(t, together, full)
	}
}

// commit runs the changes in one transaction and answers each. A change that fails is taken back alone; a fault of the disk
// takes back all. It returns whether synchronous is FULL afterwards.
func (d *DB) commit(t *txn, together []*write, full bool) bool {
	durable := false
	for _, w := range together {
		durable = durable || w.durable
	}
	err := error(nil)
	if durable != full { // it cannot be changed within a transaction
		mode := "PRAGMA synchronous=NORMAL"
		if durable {
			mode = "PRAGMA synchronous=FULL"
		}
		if err = t.plain(mode); err == nil {
			full = durable
		}
	}
	errs := make([]error, len(together))
	if err == nil {
		err = d.transact(t, together, errs)
	}
	d.mu.Lock()
	if err != nil {
		d.status.State, d.status.Cause = store.Failing, err.Error()
		if errors.Is(err, store.ErrDiskFull) {
			d.status.State = store.Full
		}
		d.status.Refused += uint64(len(together))
	} else {
		d.status.State, d.status.Cause = store.Writing, ""
		d.status.Written += uint64(len(together))
	}
	d.mu.Unlock()
	for i, w := range together {
		if err != nil {
			w.done <- fmt.Errorf("database: %w", err)
		} else {
			w.done <- errs[i]
		}
	}
	return full
}

func (d *DB) transact(t *txn, together []*write, errs []error) error {
	if err := t.plain("BEGIN IMMEDIATE"); err != nil {
		return err
	}
	if len(together) == 1 { // the transaction itself can be taken back: a savepoint costs a sixth of a large batch
		if errs[0] = together[0].do(t); errs[0] != nil {
			cause := error(nil)
			if errors.Is(errs[0], store.ErrDiskFull) {
				cause = errs[0]
			}
			return t.rollback(cause)
		}
	} else if err := t.apart(together, errs); err != nil {
		return t.rollback(err)
	}
	if err := t.plain("COMMIT"); err != nil {
		return t.rollback(err)
	}
	return nil
}

// apart runs each change behind a savepoint, so that it can be taken back without the others.
func (t *txn) apart(together []*write, errs []error) error {
	for i, w := range together {
		if err := t.plain("SAVEPOINT change"); err != nil {
			return err
		}
		errs[i] = w.do(t)
		if errors.Is(errs[i], store.ErrDiskFull) {
			return errs[i]
		}
		if errs[i] != nil {
			if err := t.plain("ROLLBACK TO change"); err != nil {
				return err
			}
		}
		if err := t.plain("RELEASE change"); err != nil {
			return err
		}
	}
	return nil
}

// rollback ends the transaction, which SQLite may have ended already: then its error means nothing.
func (t *txn) rollback(cause error) error {
	_ = t.plain("ROLLBACK")
	return cause
}

// write hands a change to the writer and waits until it is committed. If ctx ends while it waits for its turn nothing
// happens; once it has been taken it is finished.
func (d *DB) write(ctx context.Context, durable bool, do func(*txn) error) error {
	w := &write{do: do, durable: durable, done: make(chan error, 1)}
	select {
	case d.queue <- w:
	case <-d.stopped:
		return store.ErrClosed
	case <-ctx.Done():
		return ctx.Err()
	}
	return <-w.done
}

// snapshot runs fn on one unchanging state of the database.
func (d *DB) snapshot(ctx context.Context, fn func(*sql.Tx) error) error {
	tx, err := d.readers.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return fmt.Errorf("database: %w", diskError(err))
	}
	defer func() { _ = tx.Rollback() }()
	return fn(tx)
}

// each calls fn for every row of a query.
func (d *DB) each(ctx context.Context, fn func(*sql.Rows) error, query string, args ...any) error {
	rows, err := d.readers.QueryContext(ctx, query, args...)
	if err != nil {
		return fmt.Errorf("database: %w", diskError(err))
	}
	return eachRow(rows, fn)
}

func eachRow(rows *sql.Rows, fn func(*sql.Rows) error) error {
	defer rows.Close()
	for rows.Next() {
		if err := fn(rows); err != nil {
			return err
		}
	}
	if err := rows.Err(); err != nil {
		return fmt.Errorf("database: %w", diskError(err))
	}
	return nil
}
