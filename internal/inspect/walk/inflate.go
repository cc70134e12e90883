package walk

import (
	"bytes"
	"errors"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zlib"
)

// inflation is a set of decoders over one source.
type inflation struct {
	source bytes.Reader
	gzip   gzip.Reader
	flate  io.ReadCloser
	zlib   io.ReadCloser
}

// sparedRatio is how many decoded bytes are never held to be out of proportion.
const sparedRatio = 64 << 10

// decode undoes a content coding into w.decoded. known is false when there is nothing to judge; cut says that the
// result is only the beginning of the body.
func (w *Walker) decode(coding, b []byte, cut bool) (out []byte, known, short bool) {
	in, _ := w.shared.inflations.Get().(*inflation)
	if in == nil {
		in = &inflation{}
	}
	defer w.shared.inflations.Put(in)
	in.source.Reset(b)
	r, err := in.open(coding, b)
	if r == nil {
		w.report.Issues.add(IssueCoding)
		return nil, false, false
	}
	limit, bomb := w.lim.Decoded, false
	if most := sparedRatio + len(b)*w.lim.Ratio; most < limit {
		limit, bomb = most, true
	}
	w.decoded = w.decoded[:0]
	for err == nil && len(w.decoded) < limit {
		if len(w.decoded) == cap(w.decoded) {
			w.decoded = append(w.decoded, make([]byte, max(4096, cap(w.decoded)))...)[:len(w.decoded)]
		}
		room := w.decoded[len(w.decoded):min(cap(w.decoded), limit)]
		var n int
		n, err = r.Read(room)
		w.decoded = w.decoded[:len(w.decoded)+n]
	}
	switch {
	case err == nil && bomb:
		w.report.Issues.add(IssueBomb)
		return w.decoded, true, true
	case err == nil: // the limit: a large body, or one that ends just here
		return w.decoded, true, true
	case errors.Is(err, io.EOF):
		return w.decoded, true, cut
	case cut && errors.Is(err, io.ErrUnexpectedEOF):
		return w.decoded, len(w.decoded) > 0, true
	}
	w.report.Issues.add(IssueCorrupt)
	return w.decoded, len(w.decoded) > 0, true
}

// open starts the decoder of a coding; a nil reader means that it is not one of those.
func (in *inflation) open(coding, b []byte) (io.Reader, error) {
	switch {
	case is(coding, "gzip"), is(coding, "x-gzip"):
		return &in.gzip, in.gzip.Reset(&in.source)
	case is(coding, "deflate"):
		// RFC 9110 section 8.4.1.2 means zlib; some servers send the bare stream.
		if len(b) >= 2 && b[0]&0x0f == 8 && (uint(b[0])<<8|uint(b[1]))%31 == 0 {
			if in.zlib == nil {
				z, err := zlib.NewReader(&in.source)
				in.zlib = z
				if err != nil {
					in.zlib = nil
					return &in.source, err
				}
				return z, nil
			}
			return in.zlib, in.zlib.(zlib.Resetter).Reset(&in.source, nil)
		}
		if in.flate == nil {
			in.flate = flate.NewReader(&in.source)
			return in.flate, nil
		}
		return in.flate, in.flate.(flate.Resetter).Reset(&in.source, nil)
	}
	return nil, nil
}

func is(v []byte, word string) bool {
	v = bytes.TrimSpace(v)
	return len(v) == len(word) && hasPrefix(v, word)
}

func identity(coding []byte) bool { return len(coding) == 0 || is(coding, "identity") }
