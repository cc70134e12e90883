package stream

import (
	"time"

	"merlon/internal/edge/http2"
)

// Limits bound what one connection may ask for. Zero fields take their defaults.
type Limits struct {
	// Streams is how many requests of one connection are served at once. Browsers open up to 100.
	Streams int
	// HeaderTable bounds the dynamic table of header compression; 4096 is what RFC 7541 begins with.
	HeaderTable int
	// ReceiveConnection and ReceiveStream bound the bytes of request bodies that may be under way.
	ReceiveConnection, ReceiveStream int
	// HeaderFrames and HeaderBytes bound one header block of HTTP/2: its CONTINUATION frames, and its compressed bytes.
	HeaderFrames, HeaderBytes int
	// QUICConnections is how many HTTP/3 connections may be open at once.
	QUICConnections int64
	// Floods are the frames of HTTP/2 that cost work and carry nothing.
	Floods http2.Floods
}

func (l *Limits) fill() {
	def(&l.Streams, 128)
	def(&l.ReceiveConnection, 1<<20)
	def(&l.ReceiveStream, 256<<10)
	def(&l.QUICConnections, 2000)
}

// codec is what the codec of HTTP/2 takes of o.
func (o *Options) codec() http2.Options {
	l := &o.Limits
	return http2.Options{
		Limits: http2.Limits{
			Streams: l.Streams, HeaderTable: l.HeaderTable, HeaderFrames: l.HeaderFrames, HeaderBytes: l.HeaderBytes,
			ReceiveConnection: l.ReceiveConnection, ReceiveStream: l.ReceiveStream, Floods: l.Floods,
			// Heads up to this size reach the judge, who refuses those over the limit with an event.
			HeadBytes: 2 * o.Codec.HeadBytes,
		},
		Head: o.Timeouts.Head, Idle: o.Timeouts.Idle, Write: o.Timeouts.Body, Now: o.Now,
	}
}

// Timeouts bound each step in wall time. They hold to the second.
type Timeouts struct {
	// Head bounds the time from connecting to the first frames.
	Head time.Duration
	// Body bounds each wait for more of a body, in either direction.
	Body time.Duration
	// Idle is how long a connection without requests may stay silent, and a stream of events or a call without a message.
	Idle time.Duration
}

func (o *Options) fill() {
	o.Codec = o.Codec.Filled()
	o.Limits.fill()
	def(&o.InspectRequest, 128<<10)
	def(&o.InspectResponse, 128<<10)
	def(&o.Timeouts.Head, 10*time.Second)
	def(&o.Timeouts.Body, 30*time.Second)
	def(&o.Timeouts.Idle, 75*time.Second)
}

func def[T int | int64 | time.Duration](p *T, v T) {
	if *p <= 0 {
		*p = v
	}
}
