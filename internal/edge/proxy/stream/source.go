package stream

import (
	"errors"
	"io"

	"merlon/internal/edge/http1"
	"merlon/internal/model/exchange"
)

// source yields what of the request's body follows the captured beginning. The upstream's side reads it on a goroutine of its
// own until Answer.EndUpload; only then the flow may look at what was counted.
type source struct{ f *flow }

// Next implements upstream.BodySource.
func (s source) Next() (payload []byte, done bool, err error) {
	f := s.f
	if f.piece == nil {
		f.piece = make([]byte, pieceBuffer)
	}
	n, err := f.read(f.piece)
	if errors.Is(err, io.EOF) {
		return f.piece[:n], true, f.readTrailers()
	}
	return f.piece[:n], false, err
}

// Stop implements upstream.BodySource.
func (s source) Stop() { s.f.StopReading() }

// trailers are those of the request that may be passed on.
func (f *flow) trailers() []exchange.Field { return f.body.Trailers }

// mayTrail tells whether the request has trailers, or may still bring some.
func (f *flow) mayTrail() bool {
	return f.head.Framing == http1.FramingChunked && (!f.whole || len(f.body.Trailers) > 0)
}
