package ingest

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"slices"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"merlon/internal/edge/ingest/record"
)

// Input is one thing to read. Name is what reports call it.
type Input struct {
	Name string

	path string
	r    io.Reader
	size int64
}

// File is a file by its path; it is opened when its turn comes.
func File(path string) Input {
	in := Input{Name: path, path: path}
	if st, err := os.Stat(path); err == nil && st.Mode().IsRegular() {
		in.size = st.Size()
	}
	return in
}

// Stream is a reader, such as stdin; it is not closed.
func Stream(name string, r io.Reader) Input { return Input{Name: name, r: r} }

// Inputs are the inputs of a command line: paths, and "-" for stdin.
func Inputs(paths []string, stdin io.Reader) []Input {
	var inputs []Input
	for _, p := range paths {
		if p == "-" {
			inputs = append(inputs, Stream("stdin", stdin))
		} else {
			inputs = append(inputs, File(p))
		}
	}
	return inputs
}

// reader is an input that was looked into.
type reader struct {
	input  Input
	format *format
	first  int64   // its first time stamp, 0 when none was found
	source *source // nil when it was closed again
	file   io.Closer
	unpack io.Closer
	raw    *counted
	chosen *format // by the caller, nil for auto
}

// maxZstdWindow bounds the memory that a zstd frame may ask for: twice the window of `zstd --ultra -22` without --long
// would be 256 MiB; ordinary levels use at most 8 MiB, which RFC 8878 section 3.1.1.1.2 recommends to support.
const maxZstdWindow = 32 << 20

// open looks into every input and orders them. A regular file is closed again until its turn, so that a thousand rotated
// logs do not need a thousand descriptors.
func (g *Ingest) open(inputs []Input) ([]*reader, error) {
	readers := make([]*reader, 0, len(inputs))
	for _, in := range inputs {
		r := &reader{input: in, chosen: g.chosen}
		readers = append(readers, r)
		if len(inputs) == 1 {
			break // nothing to order
		}
		if err := r.resume(new(Progress)); err != nil {
			for _, o := range readers {
				o.close()
			}
			return nil, err
		}
		if in.size > 0 {
			r.close()
		}
	}
	slices.SortStableFunc(readers, func(a, b *reader) int {
		switch {
		case a.first < b.first:
			return -1
		case a.first > b.first:
			return 1
		}
		return 0
	})
	return readers, nil
}

// resume opens the input if it is not open, undoes its compression and tells its format.
func (r *reader) resume(p *Progress) error {
	if r.source != nil {
		r.raw.progress = p
		return nil
	}
	src := r.input.r
	if src == nil {
		f, err := os.Open(r.input.path)
		if err != nil {
			return fmt.Errorf("%w: %w", ErrRead, err)
		}
		src, r.file = f, f
	}
	r.raw = &counted{r: src, progress: p}
	plain, err := r.decompress()
	if err == nil {
		r.source = newSource(plain)
		err = r.detect()
	}
	if err != nil {
		r.close()
		return fmt.Errorf("%s: %w", r.input.Name, err)
	}
	return nil
}

// The magic numbers of what is undone (RFC 1952, RFC 8878).
const (
	gzipMagic = "\x1f\x8b"
	zstdMagic = "\x28\xb5\x2f\xfd"
)

// decompress tells compression by its magic number.
func (r *reader) decompress() (io.Reader, error) {
	b := bufio.NewReaderSize(r.raw, 64<<10)
	head, _ := b.Peek(6)
	switch {
	case bytes.HasPrefix(head, []byte(gzipMagic)):
		z, err := gzip.NewReader(b)
		if err != nil {
			return nil, fmt.Errorf("%w: gzip: %w", ErrRead, err)
		}
		r.unpack = z
		return &unpacked{r: z, raw: r.raw}, nil
	case bytes.HasPrefix(head, []byte(zstdMagic)):
		z, err := zstd.NewReader(b, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(maxZstdWindow))
		if err != nil {
			return nil, fmt.Errorf("%w: zstd: %w", ErrRead, err)
		}
		c := z.IOReadCloser()
		r.unpack = c
		return &unpacked{r: c, raw: r.raw}, nil
	case bytes.HasPrefix(head, []byte("BZh")), bytes.HasPrefix(head, []byte("\xfd7zXZ\x00")), bytes.HasPrefix(head, []byte("PK\x03\x04")):
		return nil, fmt.Errorf("%w: only gzip and zstd are undone; unpack it and pipe it in, as xzcat FILE | merlon ingest -", ErrFormat)
	case bytes.HasPrefix(head, []byte{0xff, 0xfe}), bytes.HasPrefix(head, []byte{0xfe, 0xff}):
		return nil, fmt.Errorf("%w: UTF-16 is not read; convert it with iconv -t UTF-8", ErrFormat)
	}
	return b, nil
}

func (r *reader) close() {
	if r.unpack != nil {
		_ = r.unpack.Close() // only read from
	}
	if r.file != nil {
		_ = r.file.Close()
	}
	r.unpack, r.file, r.source = nil, nil, nil
}

// counted counts what is read of an input as it is stored, and remembers whether reading failed.
type counted struct {
	r        io.Reader
	progress *Progress
	err      error
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.progress.read.Add(int64(n))
	if err != nil && err != io.EOF {
		c.err = err
	}
	return n, err
}

// unpacked tells damaged compression, which ends the input, from a read that failed, which ends the run.
type unpacked struct {
	r   io.Reader
	raw *counted
}

func (u *unpacked) Read(p []byte) (int, error) {
	n, err := u.r.Read(p)
	if err != nil && err != io.EOF && u.raw.err == nil {
		err = record.CauseTruncated
	}
	return n, err
}
