package sketch

import (
	"bytes"
	"testing"
)

// FuzzDecode hands hostile bytes to every decoder: no panic, bounded memory,
// and what is accepted is canonical from then on and can be merged.
func FuzzDecode(f *testing.F) {
	d, q, h, e := MakeDistinct(8), Quantile{}, MakeHeavyHitters(6, 4), MakeEpochs(3, 2)
	k := MakeBottomK[uint32](8)
	for i := range uint64(50) {
		d.Add(Mix(i))
		q.Add(float64(i) - 7)
		h.Add(i%7, i, 1)
		e.Add(uint32(i/10), 1, i)
		k.Slot(Mix(i))
		if i%24 == 1 {
			for _, b := range [][]byte{
				d.AppendBinary(nil), q.AppendBinary(nil), h.AppendBinary(nil), e.AppendBinary(nil), k.AppendBinary(nil, putUint32),
			} {
				f.Add(b)
			}
		}
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, _, err := DecodeDistinct(b); err == nil {
			again, _, err := DecodeDistinct(s.AppendBinary(nil))
			if err != nil {
				t.Fatal(err)
			}
			enc := s.AppendBinary(nil)
			s.Merge(&again)
			s.Estimate()
			if !bytes.Equal(enc, s.AppendBinary(nil)) {
				t.Fatal("distinct: a+a != a")
			}
		}
		if s, _, err := DecodeQuantile(b); err == nil {
			again, _, err := DecodeQuantile(s.AppendBinary(nil))
			if err != nil {
				t.Fatal(err)
			}
			s.Merge(&again)
			s.Add(1)
			s.Quantile(0.9)
		}
		if s, _, err := DecodeHeavyHitters(b); err == nil {
			again, _, err := DecodeHeavyHitters(s.AppendBinary(nil))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Merge(&again); err != nil {
				t.Fatal(err)
			}
			s.Add(1, 2, 3)
			s.Top(3)
		}
		if s, _, err := DecodeEpochs(b); err == nil {
			again, _, err := DecodeEpochs(s.AppendBinary(nil))
			if err != nil {
				t.Fatal(err)
			}
			if err := s.Merge(&again); err != nil {
				t.Fatal(err)
			}
			s.Add(5, 0, 1)
		}
		if s, _, err := DecodeBottomK(b, 8, 4, takeUint32); err == nil {
			again, _, err := DecodeBottomK(s.AppendBinary(nil, putUint32), 8, 4, takeUint32)
			if err != nil {
				t.Fatal(err)
			}
			s.Merge(&again, func(dst *uint32, src uint32) { *dst |= src })
			s.Slot(9)
		}
	})
}
