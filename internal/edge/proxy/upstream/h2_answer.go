package upstream

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"slices"
	"time"

	"merlon/internal/edge/http1"
	"merlon/internal/edge/proxy/upstream/link"
	"merlon/internal/model/exchange"
)

// next is Answer.Next.
func (x *stream) next(pause time.Duration) (payload []byte, done bool, err error) {
	if x.done {
		return nil, true, nil
	}
	if x.buf == nil {
		x.buf = x.g.buffer()
	}
	x.pause.Store(int64(pause))
	x.timer.Reset(pause)
	n := 0
	for n < len(x.buf) {
		var m int
		m, err = x.resp.Body.Read(x.buf[n:])
		n += m
		if err != nil || !x.short() {
			break
		}
	}
	x.timer.Stop()
	x.size += int64(n)
	if limit := x.g.o.Codec.BodyBytes; limit > 0 && x.size > limit {
		return nil, false, http1.RejectError(exchange.AnomalyBodyTooLarge)
	}
	switch {
	case err == nil:
		return x.buf[:n], false, nil
	case isEOF(err):
		x.done = true
		return x.buf[:n], true, x.readTrailers()
	case x.slow.Load():
		err = fmt.Errorf("waiting for more of the answer: %w", os.ErrDeadlineExceeded)
	}
	return nil, false, err
}

// short tells whether the answer's body is announced and fits into one piece, which then is worth waiting for.
func (x *stream) short() bool {
	return x.resp.ContentLength >= 0 && x.resp.ContentLength < link.StreamBuffer
}

// readTrailers has the trailers checked as those of HTTP/1.1 are.
func (x *stream) readTrailers() error {
	if len(x.resp.Trailer) == 0 {
		return nil
	}
	text := []byte("0\r\n")
	for _, name := range sortedKeys(x.resp.Trailer) {
		for _, v := range x.resp.Trailer[name] {
			text = append(append(append(append(text, name...), ": "...), v...), '\r', '\n')
		}
	}
	text = append(text, '\r', '\n')
	h := http1.ResponseHead{Head: http1.Head{Framing: http1.FramingChunked}}
	x.trailers.BeginResponse(&h, &x.g.o.Codec)
	for done := false; len(text) > 0 && !done; {
		_, n, end, err := x.trailers.Next(text)
		if err != nil {
			return err
		}
		text, done = text[n:], end
	}
	if len(text) > 0 || !x.trailers.Done() {
		return http1.RejectError(exchange.AnomalyControlCharacter) // a value that ends its own line
	}
	return nil
}

// close ends the stream; an answer that has not come to its end is reset.
func (x *stream) close(keep bool) {
	x.timer.Stop()
	x.cancel()
	_ = x.resp.Body.Close()
	if x.body != nil {
		x.body.end()
	}
	if x.buf != nil && keep {
		x.g.giveBack(x.buf)
		x.buf = nil
	}
}

func sortedKeys(h http.Header) []string { return slices.Sorted(maps.Keys(h)) }

func isEOF(err error) bool { return errors.Is(err, io.EOF) }
