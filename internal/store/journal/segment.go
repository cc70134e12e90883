package journal

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"math"

	"merlon/internal/model/event"
	"merlon/internal/store"
)

// A segment is a header and batches, each written by one write(2).
//
//	segment  magic "MRLJ", kind 'J', version, two zero bytes, first seq (8), creation in Unix nanoseconds (8), CRC-32C (4), zero (4)
//	batch    length of its records (4), CRC-32C of what follows (4), first seq (8), last seq (8), latest arrival (8), number of records (4), records
//	record   length with bit 31 as "in the sample" (4), an encoded event
//
// Numbers are little-endian. Sequence numbers rise within a segment.
const (
	magic          = "MRLJ"
	segmentKind    = 'J'
	segmentVersion = 1
	segmentHeader  = 32
	batchHeader    = 36
	recordHeader   = 4
	sampledBit     = 1 << 31

	// maxBatch bounds what a reader takes into memory for one batch; Append splits what is longer.
	maxBatch = 16 << 20
)

// castagnoli is the polynomial that processors compute in hardware.
func castagnoli() *crc32.Table { return crc32.MakeTable(crc32.Castagnoli) }

func appendSegmentHeader(dst []byte, first uint64, created int64) []byte {
	n := len(dst)
	dst = append(dst, magic...)
	dst = append(dst, segmentKind, segmentVersion, 0, 0)
	dst = binary.LittleEndian.AppendUint64(dst, first)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(created))
	dst = binary.LittleEndian.AppendUint32(dst, crc32.Checksum(dst[n:], castagnoli()))
	return append(dst, 0, 0, 0, 0)
}

func parseSegmentHeader(b []byte) (first uint64, created int64, err error) {
	if len(b) < segmentHeader || string(b[:4]) != magic || b[4] != segmentKind {
		return 0, 0, fmt.Errorf("%w: no segment header", store.ErrDamaged)
	}
	if b[5] > segmentVersion {
		return 0, 0, store.ErrNewer
	}
	if b[5] != segmentVersion || crc32.Checksum(b[:24], castagnoli()) != binary.LittleEndian.Uint32(b[24:]) {
		return 0, 0, fmt.Errorf("%w: segment header", store.ErrDamaged)
	}
	return binary.LittleEndian.Uint64(b[8:]), int64(binary.LittleEndian.Uint64(b[16:])), nil
}

// batch is one batch as read: its records and what its header says.
type batch struct {
	first, last uint64
	arrived     int64
	count       int
	records     []byte
	size        int64 // with its header
}

// finishBatch fills in the header of a batch whose room for it is at the front of b.
func finishBatch(b []byte, first, last uint64, arrived int64, count int) {
	binary.LittleEndian.PutUint32(b, uint32(len(b)-batchHeader))
	binary.LittleEndian.PutUint64(b[8:], first)
	binary.LittleEndian.PutUint64(b[16:], last)
	binary.LittleEndian.PutUint64(b[24:], uint64(arrived))
	binary.LittleEndian.PutUint32(b[32:], uint32(count))
	binary.LittleEndian.PutUint32(b[4:], crc32.Checksum(b[8:], castagnoli()))
}

// batchReader reads batches from what follows a segment header. Its input may be anything.
type batchReader struct {
	r    io.Reader
	left int64 // bytes that r still has: no length is believed beyond it
	last uint64
	buf  []byte
}

// next returns the next batch, valid until the call after; io.EOF at the end; store.ErrDamaged where the rest is no batch.
func (br *batchReader) next() (batch, error) {
	if br.left == 0 {
		return batch{}, io.EOF
	}
	var h [batchHeader]byte
	if br.left < batchHeader {
		return batch{}, fmt.Errorf("%w: torn batch header", store.ErrDamaged)
	}
	if _, err := io.ReadFull(br.r, h[:]); err != nil {
		return batch{}, tornRead(err)
	}
	n := int64(binary.LittleEndian.Uint32(h[:]))
	if n > maxBatch || n > br.left-batchHeader {
		return batch{}, fmt.Errorf("%w: torn batch", store.ErrDamaged)
	}
	if int64(cap(br.buf)) < n {
		br.buf = make([]byte, n, n+n/4)
	}
	br.buf = br.buf[:n]
	if _, err := io.ReadFull(br.r, br.buf); err != nil {
		return batch{}, tornRead(err)
	}
	sum := crc32.Update(crc32.Checksum(h[8:], castagnoli()), castagnoli(), br.buf)
	b := batch{
		first: binary.LittleEndian.Uint64(h[8:]), last: binary.LittleEndian.Uint64(h[16:]),
		arrived: int64(binary.LittleEndian.Uint64(h[24:])), count: int(binary.LittleEndian.Uint32(h[32:])),
		records: br.buf, size: batchHeader + n,
	}
	if sum != binary.LittleEndian.Uint32(h[4:]) {
		return batch{}, fmt.Errorf("%w: batch checksum", store.ErrDamaged)
	}
	if b.first <= br.last || b.last < b.first || b.last == math.MaxUint64 || b.count == 0 {
		return batch{}, fmt.Errorf("%w: batch out of order", store.ErrDamaged)
	}
	br.left -= b.size
	br.last = b.last
	return b, nil
}

func tornRead(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: torn batch", store.ErrDamaged)
	}
	return err
}

// each calls fn with every record of the batch.
func (b batch) each(fn func(record []byte, sampled bool) error) error {
	rest := b.records
	for range b.count {
		if len(rest) < recordHeader {
			return fmt.Errorf("%w: record header", store.ErrDamaged)
		}
		h := binary.LittleEndian.Uint32(rest)
		n := int(h &^ sampledBit)
		if n > len(rest)-recordHeader {
			return fmt.Errorf("%w: record", store.ErrDamaged)
		}
		if err := fn(rest[recordHeader:recordHeader+n], h&sampledBit != 0); err != nil {
			return err
		}
		rest = rest[recordHeader+n:]
	}
	if len(rest) != 0 {
		return fmt.Errorf("%w: bytes behind the last record", store.ErrDamaged)
	}
	return nil
}

// events decodes the batch's records into e and calls fn with those from seq on.
func (b batch) events(d *event.Decoder, e *event.Event, from uint64, fn func(*event.Event) error) error {
	last := b.first - 1
	return b.each(func(record []byte, _ bool) error {
		if err := d.Decode(e, record); err != nil {
			if errors.Is(err, event.ErrNewer) {
				return fmt.Errorf("%w: %w", store.ErrNewer, err)
			}
			return fmt.Errorf("%w: %w", store.ErrDamaged, err)
		}
		if e.Seq <= last || e.Seq > b.last {
			return fmt.Errorf("%w: event out of order", store.ErrDamaged)
		}
		last = e.Seq
		if e.Seq < from {
			return nil
		}
		return fn(e)
	})
}
