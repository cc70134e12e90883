package follow

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// sibling is a file that a rotation may have made of a path.
type sibling struct {
	path  string
	id    [2]uint64
	size  int64
	mtime int64
}

// siblings are the files beside path that rotation names after it: access.log.1, access.log-20260102. Compressed ones are
// not among them.
func siblings(path string) ([]sibling, error) {
	dir, base := filepath.Split(path)
	if dir == "" {
		dir = "."
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var found []sibling
	for _, e := range entries {
		rest, ok := strings.CutPrefix(e.Name(), base)
		if !ok || !rotated(rest) || !e.Type().IsRegular() {
			continue
		}
		st, err := e.Info()
		if err != nil {
			continue // gone meanwhile
		}
		found = append(found, sibling{filepath.Join(dir, e.Name()), identify(st), st.Size(), st.ModTime().UnixNano()})
	}
	slices.SortFunc(found, func(a, b sibling) int {
		if a.mtime != b.mtime {
			return int(min(max(a.mtime-b.mtime, -1), 1))
		}
		return strings.Compare(b.path, a.path) // .2 is older than .1
	})
	return found, nil
}

// rotated tells the ending that a rotation gives a name: numbers and dates.
func rotated(suffix string) bool {
	if len(suffix) < 2 || suffix[0] != '.' && suffix[0] != '-' && suffix[0] != '_' {
		return false
	}
	digits := false
	for i := 1; i < len(suffix); i++ {
		switch c := suffix[i]; {
		case c-'0' <= 9:
			digits = true
		case c != '-' && c != '_' && c != '.' && c != 'T' && c != 'Z':
			return false
		}
	}
	return digits
}

// Resume opens the file of p at p, under whatever name it has now, or else its copy: copytruncate makes one. It returns nil
// when there is neither.
func Resume(p Position) (*File, error) {
	id := [2]uint64{p.Device, p.Inode}
	if x, ok, err := OpenAt(p.Path, p); ok && x.id == id {
		return x, nil
	} else if ok {
		_ = x.Close()
	} else if err != nil && !os.IsNotExist(err) {
		return nil, err
	}
	beside, err := siblings(p.Path)
	if err != nil {
		return nil, ignoreMissing(err)
	}
	for _, itself := range []bool{true, false} {
		for _, s := range beside {
			if (s.id == id) != itself || p.HeadSize == 0 && !itself {
				continue
			}
			if x, ok, err := OpenAt(s.path, p); ok || err != nil && !os.IsNotExist(err) {
				return x, err
			}
		}
	}
	return nil, nil
}

// Between opens the files that rotation made of path after the time from, oldest first, other than x and its copies.
func Between(path string, x *File, from int64) (files []*File, err error) {
	beside, err := siblings(path)
	if err != nil {
		return nil, ignoreMissing(err)
	}
	present, _ := os.Stat(path)
	for _, s := range beside {
		if s.mtime <= from || s.id == x.id || s.size == 0 || present != nil && s.id == identify(present) {
			continue
		}
		if len(x.head) > 0 {
			if o, ok, err := OpenAt(s.path, x.start()); err != nil && !os.IsNotExist(err) {
				return files, err
			} else if ok {
				_ = o.Close() // a copy
				continue
			}
		}
		o, err := Open(s.path)
		if err != nil {
			continue // gone meanwhile
		}
		files = append(files, o)
	}
	return files, nil
}

// Copy opens the copy that was made of x before it was truncated, where x had been read to; nil when there is none.
func Copy(path string, x *File) (*File, error) {
	p := x.Position(path, 0, 0)
	if p.HeadSize == 0 {
		return nil, nil
	}
	beside, err := siblings(path)
	if err != nil {
		return nil, ignoreMissing(err)
	}
	for _, s := range slices.Backward(beside) {
		if s.id == x.id || s.size <= p.Offset {
			continue
		}
		if o, ok, err := OpenAt(s.path, p); err != nil && !os.IsNotExist(err) {
			return nil, err
		} else if ok {
			return o, nil
		}
	}
	return nil, nil
}

// start is the position at the beginning of what x's first bytes identify.
func (x *File) start() Position { return Position{Head: hash(x.head), HeadSize: len(x.head)} }

func ignoreMissing(err error) error {
	if os.IsNotExist(err) {
		return nil
	}
	return err
}
