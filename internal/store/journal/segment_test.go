package journal

import (
	"bytes"
	"os"
	"syscall"
	"testing"

	"merlon/internal/model/event"
)

func FuzzReplay(f *testing.F) {
	dir := f.TempDir()
	j, err := Open(dir, Options{Now: newClock().now})
	if err != nil {
		f.Fatal(err)
	}
	for n := uint64(1); n < 6; n++ {
		if err := j.Append(batchOf(n*2-1, n*2)); err != nil {
			f.Fatal(err)
		}
	}
	j.Close()
	whole, err := os.ReadFile(j.all.segments[0].name)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(whole)
	f.Add(whole[:len(whole)/2])
	f.Add(appendSegmentHeader(nil, 1, 2))
	f.Fuzz(func(t *testing.T, b []byte) {
		// A reader must survive what has a right checksum too: the fuzzer cannot compute one.
		fixed := bytes.Clone(b)
		if len(fixed) > segmentHeader+batchHeader {
			copy(fixed, appendSegmentHeader(nil, 1, 2)[:segmentHeader])
			h := fixed[segmentHeader:]
			finishBatch(h, uint64(h[8]), uint64(h[16]), 0, int(h[32]))
		}
		for _, in := range [][]byte{b, fixed} {
			var d event.Decoder
			var e event.Event
			last := uint64(0)
			_ = readSegment(bytes.NewReader(in), int64(len(in)), &d, &e, 1, ^uint64(0), func(e *event.Event) error {
				if e.Seq <= last {
					t.Fatalf("%d after %d", e.Seq, last)
				}
				last = e.Seq
				return nil
			})
		}
	})
}

func BenchmarkAppend(b *testing.B) {
	j, err := Open(b.TempDir(), Options{Now: newClock().now, RecoveryBytes: 1 << 40})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	events := batchOf(1, 256)
	buf := make([]byte, 0, 1<<20)
	b.Run("encode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			buf = buf[:0]
			for _, e := range events {
				buf = e.AppendBinary(buf)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(events)), "ns/event")
		b.ReportMetric(float64(len(buf)/len(events)), "bytes/event")
	})
	b.Run("encode+append", func(b *testing.B) {
		b.ReportAllocs()
		before := processor(b)
		for b.Loop() {
			if err := j.Append(events); err != nil {
				b.Fatal(err)
			}
			if j.Status().RecoveryBytes > 256<<20 {
				j.Covered(j.Status().Last)
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*len(events)), "ns/event")
		b.ReportMetric(float64(processor(b)-before)/float64(b.N*len(events)), "cpu-ns/event")
	})
}

// processor is the processor time of this process so far: what writing costs, without waiting for the disk.
func processor(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

func BenchmarkReplay(b *testing.B) {
	j, err := Open(b.TempDir(), Options{Now: newClock().now})
	if err != nil {
		b.Fatal(err)
	}
	defer j.Close()
	for range 40 {
		if err := j.Append(batchOf(1, 256)); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := j.Replay(1, func(*event.Event) error { return nil }); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*40*256), "ns/event")
}
