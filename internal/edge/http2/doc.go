// Package http2 is a strict HTTP/2 codec for serving: frames in, heads in HTTP/1.1's normal form out, every fault told and none hidden.
//
// It speaks RFC 9113 and nothing else: no push, no RFC 8441, no priorities (they are read and ignored, as section 5.3 allows).
// A connection is served by the goroutine that calls Conn.Serve, which reads frames and hands each request over:
//
//	server := http2.NewServer(http2.Options{...})
//	c := server.Open(nc, early, handler)
//	c.Serve()                        // handler.Request(stream) for each request, until the connection has ended
//
// Another goroutine, one for each request, reads and answers it by its Stream:
//
//	n, err := head.Parse(s.Head, &limits)   // the request as the head of HTTP/1.1, which was checked to be nothing more
//	n, err := s.Read(buf)                   // its body, io.EOF at the end
//	s.WriteHead(200, fields, false); s.Write(data, true)
//	s.Finish(http2.NoError)                 // always, and at last: it sends the end of the answer
//
// What goroutines write is collected in one buffer a connection; whoever finds nobody sending sends all that is there in one
// write, so that answers that are ready at the same time share a TLS record and a system call. The reading goroutine never
// waits for the client to read: two ends that both write and do not read would wait for ever.
//
// Memory is bounded by Limits: the windows bound bodies, HeadBytes and the header limits bound heads, maxPending bounds what
// waits to be sent.
package http2

import "errors"

// Code is an error code of HTTP/2 (RFC 9113 section 7).
type Code uint32

// The error codes.
const (
	NoError            Code = 0x0
	ProtocolError      Code = 0x1
	InternalError      Code = 0x2
	FlowControlError   Code = 0x3
	StreamClosed       Code = 0x5
	FrameSizeError     Code = 0x6
	RefusedStream      Code = 0x7
	Cancel             Code = 0x8
	CompressionError   Code = 0x9
	EnhanceYourCalm    Code = 0xb
	maxStreamID             = 1<<31 - 1
	maxWindow               = 1<<31 - 1
	initialWindow           = 65535
	defaultFrame            = 16 << 10 // both sides' SETTINGS_MAX_FRAME_SIZE
	initialHeaderTable      = 4096
)

// ErrGone says that nobody waits for the answer any longer: the client has reset the stream, or the connection has ended.
var ErrGone = errors.New("http2: the client has gone")

// ErrMalformed says that what the client has sent behind the head of its request breaks RFC 9113; the stream was reset.
var ErrMalformed = errors.New("http2: the request is malformed")

// errStopped says that StopReading was called.
var errStopped = errors.New("http2: the body is not read any longer")

// Fault is why a connection was ended through its client's fault.
type Fault struct {
	Code Code
	// Flood names the frames that there were too many of; empty for a fault of another kind.
	Flood string
}

// Error implements error.
func (f Fault) Error() string {
	if f.Flood != "" {
		return "http2: a flood of " + f.Flood
	}
	return "http2: the client breaks the protocol"
}

// Why a connection ends that is nobody's fault.
var (
	errDone = errors.New("http2: idle for too long, or drained")
	errCut  = errors.New("http2: cut")
)
