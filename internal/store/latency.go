package store

import (
	"encoding/binary"
	"fmt"
	"math"
)

// Latency is a mergeable histogram of latencies with 8 buckets an octave from 1 µs to over an hour: quantiles are right
// within 4.5 %. It is small enough to keep one for every endpoint and interval; the statistics that detectors judge by are
// the summaries', not these.
type Latency struct {
	Sum    uint64 // nanoseconds
	Counts []uint32
}

const (
	// LatencyBuckets is the length of a full histogram.
	LatencyBuckets = 256
	latencyKind    = 'L'
	latencyVersion = 1
)

// LatencyBucket is the bucket of a latency in nanoseconds.
func LatencyBucket(ns int64) int {
	if ns <= 1000 {
		return 0
	}
	// The exponent and the upper bits of the fraction of a float are a logarithm that is linear within an octave; the table
	// of eighths makes it one.
	f := float64(ns) / 1000
	b := math.Float64bits(f)
	octave := int(b>>52) - 1023
	m := b&(1<<52-1) | 1<<52
	eighth := 0
	for eighth < 7 && m >= eighths[eighth] {
		eighth++
	}
	return min(octave*8+eighth, LatencyBuckets-1)
}

// eighths are 2^(52+i/8) for i in 1..7.
var eighths = [7]uint64{
	4911210218475899, 5355712719992597, 5840446135085607, 6369051672525773, 6945500098633947, 7574121564787629, 8259638134547591,
}

// Add counts one latency.
func (l *Latency) Add(ns int64) {
	if l.Counts == nil {
		l.Counts = make([]uint32, LatencyBuckets)
	}
	l.Sum += uint64(max(ns, 0))
	l.Counts[LatencyBucket(ns)]++
}

// Merge adds o.
func (l *Latency) Merge(o *Latency) {
	l.Sum += o.Sum
	if len(o.Counts) == 0 {
		return
	}
	if l.Counts == nil {
		l.Counts = make([]uint32, LatencyBuckets)
	}
	for i, n := range o.Counts {
		l.Counts[i] = uint32(min(uint64(l.Counts[i])+uint64(n), math.MaxUint32))
	}
}

// Count is the number of latencies.
func (l *Latency) Count() uint64 {
	var n uint64
	for _, c := range l.Counts {
		n += uint64(c)
	}
	return n
}

// Quantile is the latency in nanoseconds below which the share q (0..1) lies; 0 when there is none.
func (l *Latency) Quantile(q float64) float64 {
	total := l.Count()
	if total == 0 {
		return 0
	}
	rank := uint64(math.Ceil(q * float64(total)))
	var seen uint64
	for i, c := range l.Counts {
		if seen += uint64(c); seen >= max(rank, 1) {
			return 1000 * math.Exp2((float64(i)+0.5)/8)
		}
	}
	return 0
}

// AppendBinary appends the histogram: kind, version, sum, then pairs of gap and count.
func (l *Latency) AppendBinary(dst []byte) []byte {
	dst = append(dst, latencyKind, latencyVersion)
	dst = binary.AppendUvarint(dst, l.Sum)
	gap := uint64(0)
	for _, c := range l.Counts {
		if c == 0 {
			gap++
			continue
		}
		dst = binary.AppendUvarint(binary.AppendUvarint(dst, gap), uint64(c))
		gap = 0
	}
	return dst
}

// DecodeBinary reads what AppendBinary wrote.
func (l *Latency) DecodeBinary(b []byte) error {
	*l = Latency{}
	if len(b) >= 2 && b[0] == latencyKind && b[1] > latencyVersion {
		return ErrNewer
	}
	if len(b) < 3 || b[0] != latencyKind || b[1] != latencyVersion {
		return fmt.Errorf("%w: latency histogram", ErrDamaged)
	}
	sum, n := binary.Uvarint(b[2:])
	if n <= 0 {
		return fmt.Errorf("%w: latency histogram", ErrDamaged)
	}
	b = b[2+n:]
	var counts []uint32
	at := uint64(0)
	for len(b) > 0 {
		gap, n := binary.Uvarint(b)
		if n <= 0 {
			return fmt.Errorf("%w: latency histogram", ErrDamaged)
		}
		c, m := binary.Uvarint(b[n:])
		if m <= 0 || c == 0 || c > math.MaxUint32 || gap >= LatencyBuckets || at+gap >= LatencyBuckets {
			return fmt.Errorf("%w: latency histogram", ErrDamaged)
		}
		if counts == nil {
			counts = make([]uint32, LatencyBuckets)
		}
		at += gap
		counts[at] = uint32(c)
		at++
		b = b[n+m:]
	}
	l.Sum, l.Counts = sum, counts
	return nil
}
