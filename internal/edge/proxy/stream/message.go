package stream

import (
	"net/http"
	"time"

	"merlon/internal/edge/http2"
	"merlon/internal/model/exchange"
)

// peerKey finds the peer in the context of an HTTP/3 request.
type peerKey struct{}

// quicMessage is the carrier of a request of HTTP/3, as quic-go hands it over.
type quicMessage struct {
	w http.ResponseWriter
	r *http.Request
}

// ServeHTTP deals with one request of HTTP/3. Its connection is known by the context (see peer).
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	p, ok := r.Context().Value(peerKey{}).(*peer)
	if !ok {
		panic(http.ErrAbortHandler) // the request of a connection that nobody vouches for
	}
	s.requests.Add(1)
	defer s.requests.Add(-1)
	f, _ := s.flows.Get().(*flow)
	f.carrier, f.ctx = &quicMessage{w, r}, r.Context()
	settleLength(r)
	f.text, f.fault = writeHead(nil, r)
	f.method, f.target = len(r.Method), len(r.RequestURI)
	f.begin(p)
	f.contain()
	code, failed := f.code, f.failure
	f.leave()
	if !failed { // what a panic left behind is not used again
		f.release()
		s.flows.Put(f)
	}
	if code != http2.NoError {
		panic(http.ErrAbortHandler) // quic-go resets the stream
	}
}

// Read implements reader.
func (m *quicMessage) Read(p []byte) (int, error) { return m.r.Body.Read(p) }

// Ended implements reader: a request without a body was found to have none.
func (m *quicMessage) Ended() bool { return m.r.ContentLength == 0 }

// Trailers implements reader.
func (m *quicMessage) Trailers() (lines []byte) {
	for _, name := range names(m.r.Trailer) {
		for _, v := range m.r.Trailer[name] {
			lines = appendLine(lines, name, v)
		}
	}
	return lines
}

// WriteHead implements writer. What the upstream did not say is not to be added.
func (m *quicMessage) WriteHead(status int, fields []exchange.Field, _ bool) error {
	header := m.w.Header()
	clear(header)
	for i := range fields {
		if fields[i].ID != exchange.HeaderTrailer {
			header.Add(string(fields[i].Name), string(fields[i].Value))
		}
	}
	if status >= 200 {
		for _, name := range [...]string{"Content-Type", "Date"} {
			if _, ok := header[name]; !ok {
				header[name] = nil
			}
		}
	}
	m.w.WriteHeader(status)
	if status < 200 {
		clear(header)
	}
	return m.r.Context().Err()
}

// Write implements writer. The end comes with that of the request.
func (m *quicMessage) Write(b []byte, _ bool) error {
	if len(b) == 0 {
		return nil
	}
	_, err := m.w.Write(b)
	return err
}

// WriteTrailers implements writer.
func (m *quicMessage) WriteTrailers(fields []exchange.Field) error {
	for i := range fields {
		m.w.Header().Add(http.TrailerPrefix+http.CanonicalHeaderKey(string(fields[i].Name)), string(fields[i].Value))
	}
	return nil
}

// Flush implements writer.
func (m *quicMessage) Flush() error {
	switch w := m.w.(type) {
	case interface{ FlushError() error }:
		return w.FlushError()
	case http.Flusher:
		w.Flush()
	}
	return nil
}

// Gone implements end.
func (m *quicMessage) Gone() (gone, malformed bool) { return m.r.Context().Err() != nil, false }

// StopReading implements end.
func (m *quicMessage) StopReading() { _ = m.r.Body.Close() }

// ExpireRead implements end.
func (m *quicMessage) ExpireRead() {
	if d, ok := m.w.(interface{ SetReadDeadline(time.Time) error }); ok {
		_ = d.SetReadDeadline(time.Unix(1, 0))
	}
}

// ExpireWrite implements end.
func (m *quicMessage) ExpireWrite() {
	if d, ok := m.w.(interface{ SetWriteDeadline(time.Time) error }); ok {
		_ = d.SetWriteDeadline(time.Unix(1, 0))
	}
}
