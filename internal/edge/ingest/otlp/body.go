package otlp

import (
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/klauspost/compress/gzip"
)

// knownCoding tells whether the body's coding can be undone.
func knownCoding(h http.Header) bool {
	v := h.Values("Content-Encoding")
	return len(v) == 0 || len(v) == 1 && (v[0] == "" || strings.EqualFold(v[0], "gzip") || strings.EqualFold(v[0], "identity"))
}

// read reads the body into b. A status that is not 0 refuses it.
func (b *batch) read(w http.ResponseWriter, q *http.Request) (status int, why string) {
	if q.ContentLength > maxBody {
		return http.StatusRequestEntityTooLarge, "the body is too large: send smaller batches"
	}
	// A server that knows no deadlines of its own (in tests) has none here either.
	_ = http.NewResponseController(w).SetReadDeadline(b.r.o.Now().Add(maxReading))
	var from io.Reader = http.MaxBytesReader(w, q.Body, maxBody)
	if strings.EqualFold(q.Header.Get("Content-Encoding"), "gzip") {
		var err error
		if b.unzip == nil {
			b.unzip, err = gzip.NewReader(from)
		} else {
			err = b.unzip.Reset(from)
		}
		if err != nil {
			b.unzip = nil
			return refusal(err)
		}
		from = b.unzip
	}
	b.body = b.body[:0]
	for {
		if len(b.body) == cap(b.body) {
			b.body = append(b.body, 0)[:len(b.body)]
		}
		n, err := from.Read(b.body[len(b.body):min(cap(b.body), maxBody+1)])
		b.body = b.body[:len(b.body)+n]
		switch {
		case len(b.body) > maxBody:
			return http.StatusRequestEntityTooLarge, "the body is too large when unpacked: send smaller batches"
		case errors.Is(err, io.EOF):
			return 0, ""
		case err != nil:
			return refusal(err)
		}
	}
}

// refusal is the answer to a body that cannot be read.
func refusal(err error) (status int, why string) {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return http.StatusRequestEntityTooLarge, "the body is too large: send smaller batches"
	}
	return http.StatusBadRequest, "the body cannot be read, or is not the gzip that it says"
}
