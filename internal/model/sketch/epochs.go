package sketch

import (
	"encoding/binary"
	"fmt"
)

// Bounds of Epochs.
const (
	MaxEpochs  = 4096
	MaxColumns = 64
)

// Epochs is a window over time: rows of additive counters keyed by absolute
// epoch number (hours or days since 1970, as the caller chooses), the newest
// rows kept. A late item counts in its own epoch as long as that row is kept.
// Additive. Memory: keep*(columns+1)*8 bytes, reached only when that many
// epochs saw traffic.
//
// Keeping the newest rows is a bottom-k with time for the hash: a row among the
// newest of a whole is among the newest of each part, so it was never dropped
// on the way and its counts are complete; a row dropped from a part has enough
// newer ones in the whole. Hence merging commutes and associates.
// Rows are those that exist, not a stretch of time: one line with a
// wrong date takes one row and not the window.
type Epochs struct {
	rows []uint64 // per row: epoch, then the counters; ascending by epoch
	keep uint16
	cols uint8
}

// MakeEpochs gives an empty window of at most keep rows (1..MaxEpochs) of columns counters (1..MaxColumns).
func MakeEpochs(keep, columns int) Epochs {
	return Epochs{keep: uint16(min(max(keep, 1), MaxEpochs)), cols: uint8(min(max(columns, 1), MaxColumns))}
}

// Add adds n to a column of an epoch. An epoch older than everything kept, when
// all rows are in use, and a column that does not exist are ignored.
func (s *Epochs) Add(epoch uint32, column int, n uint64) {
	if uint(column) >= uint(s.cols) {
		return
	}
	if row := s.row(uint64(epoch)); row != nil {
		row[column+1] = addSat(row[column+1], n)
	}
}

// row finds or makes the row of an epoch, nil if it is too old.
func (s *Epochs) row(epoch uint64) []uint64 {
	w := int(s.cols) + 1
	i := len(s.rows) - w // the newest is the likely one
	for i >= 0 && s.rows[i] > epoch {
		i -= w
	}
	if i >= 0 && s.rows[i] == epoch {
		return s.rows[i : i+w]
	}
	i += w // the place to insert at
	if len(s.rows) == int(s.keep)*w {
		if i == 0 {
			return nil
		}
		i -= w
		copy(s.rows, s.rows[w:i+w])
	} else {
		s.rows = append(s.rows, make([]uint64, w)...)
		copy(s.rows[i+w:], s.rows[i:])
	}
	row := s.rows[i : i+w]
	clear(row)
	row[0] = epoch
	return row
}

// Merge adds o's rows; both must have been made alike, or ErrShape is returned and nothing changes.
func (s *Epochs) Merge(o *Epochs) error {
	if len(o.rows) == 0 {
		return nil
	}
	if s.keep != o.keep || s.cols != o.cols {
		return ErrShape
	}
	w := int(o.cols) + 1
	for at := len(o.rows) - w; at >= 0; at -= w {
		row := s.row(o.rows[at])
		if row == nil {
			break
		}
		for c := 1; c < w; c++ {
			row[c] = addSat(row[c], o.rows[at+c])
		}
	}
	return nil
}

// Sum adds up a column over the epochs from..to, both included.
func (s *Epochs) Sum(column int, from, to uint32) uint64 {
	n := uint64(0)
	if uint(column) < uint(s.cols) {
		for at := 0; at < len(s.rows); at += int(s.cols) + 1 {
			if e := s.rows[at]; e >= uint64(from) && e <= uint64(to) {
				n = addSat(n, s.rows[at+1+column])
			}
		}
	}
	return n
}

// Rows calls yield for each epoch, oldest first; the counters belong to the window.
func (s *Epochs) Rows(yield func(epoch uint32, counters []uint64) bool) {
	w := int(s.cols) + 1
	for at := 0; at < len(s.rows); at += w {
		if !yield(uint32(s.rows[at]), s.rows[at+1:at+w:at+w]) {
			return
		}
	}
}

// Len returns how many epochs are kept.
func (s *Epochs) Len() int { return len(s.rows) / (int(s.cols) + 1) }

// AppendBinary appends the canonical encoding.
func (s *Epochs) AppendBinary(b []byte) []byte {
	b = appendHeader(b, kindEpochs)
	b = binary.AppendUvarint(b, uint64(s.keep))
	b = append(b, s.cols)
	b = binary.AppendUvarint(b, uint64(s.Len()))
	last, w := uint64(0), int(s.cols)+1
	for at := 0; at < len(s.rows); at += w {
		b = binary.AppendUvarint(b, s.rows[at]-last)
		last = s.rows[at]
		for _, n := range s.rows[at+1 : at+w] {
			b = binary.AppendUvarint(b, n)
		}
	}
	return b
}

// DecodeEpochs reads one encoding and returns what follows it.
func DecodeEpochs(b []byte) (Epochs, []byte, error) {
	b, err := readHeader(b, kindEpochs)
	if err != nil {
		return Epochs{}, nil, err
	}
	r := reader{b: b}
	keep, cols := r.uvarint(), r.byte()
	if r.bad || keep > MaxEpochs || cols > MaxColumns || (keep == 0) != (cols == 0) {
		return Epochs{}, nil, fmt.Errorf("%w: epochs", ErrDamaged)
	}
	s := Epochs{keep: uint16(keep), cols: cols}
	w := int(cols) + 1
	if n := r.count(int(keep), w); n > 0 {
		s.rows = make([]uint64, n*w)
	}
	last := uint64(0)
	for at := 0; at < len(s.rows) && !r.bad; at += w {
		step := r.uvarint()
		if step > 1<<32-1 || step == 0 && at > 0 || last+step > 1<<32-1 {
			r.bad = true
			break
		}
		last += step
		s.rows[at] = last
		for c := 1; c < w; c++ {
			s.rows[at+c] = r.uvarint()
		}
	}
	if r.bad {
		return Epochs{}, nil, fmt.Errorf("%w: epochs", ErrDamaged)
	}
	return s, r.b, nil
}
