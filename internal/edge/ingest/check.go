package ingest

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"
)

// errCompressed says why such a file is not followed: nobody writes on in it.
var errCompressed = fmt.Errorf("%w: a compressed file is not followed; read it without --follow", ErrFormat)

// CheckFile says what is wrong with a file before anything is opened to learn into: that it is not there, a directory, no file
// at all, packed in a way that is not undone, or in none of the formats. Only its beginning is read, and of what can be read
// once alone, such as a pipe, nothing. A file that is to be followed may be made later.
func CheckFile(format, logFormat, path string, followed bool) error {
	chosen, err := choose(format, logFormat)
	if err != nil {
		return err
	}
	st, err := os.Stat(path)
	switch {
	case followed && errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("%w: %w", ErrRead, err)
	case st.IsDir():
		return fmt.Errorf("%w: %s is a directory: name the files in it", ErrRead, path)
	case !st.Mode().IsRegular() && followed:
		return fmt.Errorf("%w: %s is not a regular file and cannot be followed", ErrRead, path)
	case !st.Mode().IsRegular():
		return nil
	}
	r := &reader{input: File(path), chosen: chosen}
	if err := r.resume(new(Progress)); err != nil {
		return err
	}
	defer r.close()
	switch {
	case !followed:
	case r.unpack != nil:
		return fmt.Errorf("%s: %w", path, errCompressed)
	case r.format != nil && r.format.document:
		return fmt.Errorf("%s: %w: %s is a document and not lines; it cannot be followed", path, ErrFormat, r.format.Name)
	}
	return nil
}

// quietNotice is how long nothing is written to the followed files until that is said, once.
const quietNotice = 2 * time.Second

// quiet says once that everything there is was read: silence may be an end, a wrong file, or a server without callers.
func (w *follower) quiet(busy bool) {
	now := w.g.o.Now()
	switch {
	case w.waiting:
	case busy || w.idle.IsZero():
		w.idle = now
	case now.Sub(w.idle) >= quietNotice:
		w.waiting = true
		w.notice("%d lines read, nothing more to read: waiting for what is written, until Ctrl-C", w.g.result.Lines)
	}
}
