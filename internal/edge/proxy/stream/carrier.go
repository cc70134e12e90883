package stream

import "merlon/internal/model/exchange"

// carrier is the stream that a flow serves, by whatever protocol it came: an http2.Stream, whose methods these are, or a message
// of HTTP/3. One goroutine uses it; those that end a wait may be called by any.
type carrier interface {
	reader
	writer
	end
}

// reader is the request's body.
type reader interface {
	// Read waits for data. io.EOF may come with the last of it.
	Read(p []byte) (int, error)
	// Trailers are the request's trailers as field lines, once Read has returned io.EOF.
	Trailers() []byte
	// Ended tells that nothing is left to read, and nothing to wait for.
	Ended() bool
}

// writer is the answer. What is written goes out by Flush, or when the flow is over: whoever has the end of an answer may ask
// for more because of it, whose event then comes behind this one's.
type writer interface {
	WriteHead(status int, fields []exchange.Field, end bool) error
	Write(b []byte, end bool) error
	WriteTrailers(fields []exchange.Field) error
	Flush() error
}

// end is how waits end.
type end interface {
	// Gone tells whether nobody waits for the answer any longer, and whether that is since the request is malformed.
	Gone() (gone, malformed bool)
	StopReading()
	ExpireRead()
	ExpireWrite()
}
