package journal

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"

	"merlon/internal/store"
)

// file is what a stream needs of an open segment; *os.File, or a disk that fails in tests.
type file interface {
	io.Writer
	Sync() error
	Truncate(size int64) error
	Close() error
}

// segment is a file of the journal as known in memory.
type segment struct {
	name    string
	first   uint64 // no event in it is earlier
	created int64  // arrival time at which it was begun: everything in earlier segments arrived before
	size    int64
}

// stream is a row of segments of which the last is written to. It is guarded by the journal's mutex.
type stream struct {
	dir, prefix string
	limit       int64 // bytes after which a segment is closed
	create      func(name string) (file, error)

	segments []segment // ascending by first; while open is set the last one is being written
	open     file
	last     uint64 // highest sequence number in it
	dirty    bool   // written to since the last sync
}

func createFile(name string) (file, error) {
	return os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|os.O_APPEND, 0o600)
}

const suffix = ".mrlj"

func (s *stream) path(first uint64) string {
	return filepath.Join(s.dir, fmt.Sprintf("%s%016x%s", s.prefix, first, suffix))
}

// load finds the segments of an earlier run and cuts off a torn tail. The last one is not written to again: a new run
// begins a new segment, so that a segment is written by one process only. It reports how many bytes it cut.
func (s *stream) load() (cut int64, err error) {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return 0, err
	}
	for _, entry := range entries {
		text, ok := strings.CutPrefix(entry.Name(), s.prefix)
		text, ok2 := strings.CutSuffix(text, suffix)
		first, err := strconv.ParseUint(text, 16, 64)
		if !ok || !ok2 || err != nil {
			continue
		}
		info, err := entry.Info()
		if err != nil {
			return cut, err
		}
		s.segments = append(s.segments, segment{name: filepath.Join(s.dir, entry.Name()), first: first, size: info.Size()})
	}
	sort.Slice(s.segments, func(i, j int) bool { return s.segments[i].first < s.segments[j].first })
	kept := s.segments[:0]
	for i, g := range s.segments {
		created, err := readSegmentHeader(g)
		switch {
		case err == nil:
			g.created = created
			kept = append(kept, g)
		case errors.Is(err, store.ErrDamaged) && i == len(s.segments)-1 && g.size <= segmentHeader+batchHeader:
			// The process died while it began this segment: nothing was confirmed in it.
			cut += g.size
			if err := os.Remove(g.name); err != nil {
				return cut, err
			}
		default:
			return cut, fmt.Errorf("journal segment %s: %w: move it away to start without it", g.name, err)
		}
	}
	s.segments = kept
	n, err := s.mend()
	return cut + n, err
}

func readSegmentHeader(g segment) (created int64, err error) {
	f, err := os.Open(g.name)
	if err != nil {
		return 0, err
	}
	defer f.Close()
	var h [segmentHeader]byte
	if _, err := io.ReadFull(f, h[:]); err != nil {
		return 0, tornRead(err)
	}
	first, created, err := parseSegmentHeader(h[:])
	if err == nil && first != g.first {
		err = fmt.Errorf("%w: file name and header differ", store.ErrDamaged)
	}
	return created, err
}

// mend checks the last segment, truncates it behind its last whole batch, and removes it if nothing is left. Numbering goes
// on behind the highest number any segment promised, even one that holds nothing.
func (s *stream) mend() (cut int64, err error) {
	for len(s.segments) > 0 {
		g := &s.segments[len(s.segments)-1]
		s.last = max(s.last, g.first-1)
		good := int64(segmentHeader)
		err := scan(*g, func(b batch) error {
			good += b.size
			s.last = max(s.last, b.last)
			return nil
		})
		if err != nil && !errors.Is(err, store.ErrDamaged) {
			return cut, err
		}
		if good > segmentHeader {
			if good < g.size {
				cut += g.size - good
				g.size = good
				return cut, os.Truncate(g.name, good)
			}
			return cut, nil
		}
		cut += g.size - good
		if err := os.Remove(g.name); err != nil {
			return cut, err
		}
		s.segments = s.segments[:len(s.segments)-1]
	}
	return cut, nil
}

// scan reads the batches of a segment up to the size known for it.
func scan(g segment, fn func(batch) error) error {
	f, err := os.Open(g.name)
	if err != nil {
		return err
	}
	defer f.Close()
	return readBatches(bufio.NewReaderSize(f, 256<<10), g.size, fn)
}

// readBatches calls fn with the batches of a segment of the given size.
func readBatches(r io.Reader, size int64, fn func(batch) error) error {
	var h [segmentHeader]byte
	if _, err := io.ReadFull(r, h[:]); err != nil {
		return tornRead(err)
	}
	if _, _, err := parseSegmentHeader(h[:]); err != nil {
		return err
	}
	br := batchReader{r: r, left: max(0, size-segmentHeader)}
	for {
		b, err := br.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		if err := fn(b); err != nil {
			return err
		}
	}
}

// begin starts a segment whose first event will be first.
func (s *stream) begin(first uint64, now int64) error {
	name := s.path(first)
	f, err := s.create(name)
	if err != nil {
		return err
	}
	h := appendSegmentHeader(nil, first, now)
	if _, err := f.Write(h); err != nil {
		f.Close()
		return errors.Join(err, ignoreMissing(os.Remove(name)))
	}
	s.open, s.dirty = f, true
	s.segments = append(s.segments, segment{name: name, first: first, created: now, size: segmentHeader})
	return store.SyncDirectory(s.dir)
}

// write appends whole batches, the last of which ends with event last. After an error nothing of b counts as written.
func (s *stream) write(b []byte, first, last uint64, now int64) error {
	if s.open != nil && s.segments[len(s.segments)-1].size >= s.limit {
		if err := s.seal(); err != nil {
			return err
		}
	}
	if s.open == nil {
		if err := s.begin(first, now); err != nil {
			return err
		}
	}
	g := &s.segments[len(s.segments)-1]
	n, err := s.open.Write(b)
	if err != nil {
		if n > 0 {
			if cutErr := s.open.Truncate(g.size); cutErr != nil {
				// The torn batch stays; readers stop before it, and a new segment takes what comes.
				err = errors.Join(err, cutErr, s.abandon())
			}
		}
		return err
	}
	s.dirty = true
	g.size += int64(len(b))
	s.last = last
	return nil
}

// seal ends the open segment: synced, closed, never written again.
func (s *stream) seal() error {
	if s.open == nil {
		return nil
	}
	err := errors.Join(s.open.Sync(), s.open.Close())
	s.open, s.dirty = nil, false
	return err
}

// abandon ends the open segment after a fault without trusting it to sync.
func (s *stream) abandon() error {
	err := s.open.Close()
	s.open, s.dirty = nil, false
	if i := len(s.segments) - 1; s.segments[i].size == segmentHeader {
		err = errors.Join(err, ignoreMissing(os.Remove(s.segments[i].name))) // its name is wanted again
		s.segments = s.segments[:i]
	}
	return err
}

// detach takes the first n segments off the row and returns their files' names.
func (s *stream) detach(n int) []string {
	var names []string
	for i := range n {
		names = append(names, s.segments[i].name)
	}
	s.segments = s.segments[n:]
	return names
}

// drop removes the first n segments.
func (s *stream) drop(n int) error {
	for range n {
		if err := ignoreMissing(os.Remove(s.segments[0].name)); err != nil {
			return err
		}
		s.segments = s.segments[1:]
	}
	return nil
}

// sealed is the number of segments that are not being written.
func (s *stream) sealed() int {
	if s.open != nil {
		return len(s.segments) - 1
	}
	return len(s.segments)
}

func (s *stream) bytes() int64 {
	var sum int64
	for i := range s.segments {
		sum += s.segments[i].size
	}
	return sum
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
