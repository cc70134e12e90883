package summary

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"

	"merlon/internal/model/sketch"
)

// reader consumes an encoding; the first fault sticks, so that decoders need not check each step.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	r.b = nil
}

func (r *reader) damage(what string) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: %s", ErrDamaged, what)
	}
	r.b = nil
}

func (r *reader) uvarint() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.damage("number")
		return 0
	}
	r.b = r.b[n:]
	return v
}

func (r *reader) u64() uint64 {
	if len(r.b) < 8 {
		r.damage("cut short")
		return 0
	}
	v := binary.BigEndian.Uint64(r.b)
	r.b = r.b[8:]
	return v
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.damage("cut short")
		return 0
	}
	v := r.b[0]
	r.b = r.b[1:]
	return v
}

// count reads a length that may not exceed limit nor, at size bytes an item, what is left.
func (r *reader) count(limit, size int) int {
	v := r.uvarint()
	if v > uint64(limit) || v*uint64(size) > uint64(len(r.b)) {
		r.damage("length")
		return 0
	}
	return int(v)
}

func (r *reader) text(limit int) string {
	n := r.count(limit, 1)
	if r.err != nil {
		return ""
	}
	s := string(r.b[:n])
	r.b = r.b[n:]
	if !utf8.ValidString(s) {
		r.damage("text")
		return ""
	}
	return s
}

func (r *reader) span() sketch.Span {
	return sketch.Span{First: int64(r.u64()), Last: int64(r.u64())}
}

// take runs one of sketch's decoders.
func take[T any](r *reader, dst *T, decode func([]byte) (T, []byte, error)) {
	if r.err != nil {
		return
	}
	v, rest, err := decode(r.b)
	if err != nil {
		r.fail(err)
		return
	}
	*dst, r.b = v, rest
}

func (r *reader) distinct(dst *sketch.Distinct) { take(r, dst, sketch.DecodeDistinct) }
func (r *reader) quantile(dst *sketch.Quantile) { take(r, dst, sketch.DecodeQuantile) }

// epochs and heavyHitters refuse a shape other than dst's, which merging relies on.
func (r *reader) epochs(dst *sketch.Epochs) {
	empty := *dst
	take(r, dst, sketch.DecodeEpochs)
	if r.err == nil {
		if err := empty.Merge(dst); err != nil {
			r.fail(err)
		}
	}
}

func (r *reader) heavyHitters(dst *sketch.HeavyHitters) {
	empty := *dst
	take(r, dst, sketch.DecodeHeavyHitters)
	if r.err == nil {
		if err := empty.Merge(dst); err != nil {
			r.fail(err)
		}
	}
}

func readBottomK[P any](r *reader, k, size int, payload func([]byte) (P, []byte, bool)) sketch.BottomK[P] {
	if r.err != nil {
		return sketch.MakeBottomK[P](k)
	}
	s, rest, err := sketch.DecodeBottomK(r.b, k, size, payload)
	if err != nil {
		r.fail(err)
		return s
	}
	r.b = rest
	return s
}
