package http2

import "time"

// Options are what the connections of a server share. Zero values take their defaults.
type Options struct {
	Limits Limits
	// Head bounds the time from connecting to the client's first SETTINGS, and that of a header block in several frames.
	Head time.Duration
	// Idle is how long a connection without requests may stay silent.
	Idle time.Duration
	// Write bounds each write to the connection.
	Write time.Duration
	// Now is the wall clock.
	Now func() time.Time
	// Go runs f on another goroutine.
	Go func(f func())
	// Panicked is told of a panic of the goroutine that reads, which ends the connection and nothing else; nil: nobody is.
	Panicked func(v any, stack []byte)
}

// Limits bound what one connection may ask for. Zero fields take their defaults.
type Limits struct {
	// Streams is how many requests of one connection are served at once. Browsers open up to 100.
	Streams int
	// HeadBytes bounds the normal form of a head, and of trailers. What is longer is handed over cut, with its fault.
	HeadBytes int
	// HeaderTable bounds the dynamic table of header compression; 4096 is what RFC 7541 begins with.
	HeaderTable int
	// HeaderFrames and HeaderBytes bound one header block: its CONTINUATION frames, and its compressed bytes.
	HeaderFrames, HeaderBytes int
	// ReceiveConnection and ReceiveStream bound the bytes of request bodies that may be under way. They are at least 65,535,
	// with which a connection begins.
	ReceiveConnection, ReceiveStream int
	// Floods are the frames that cost work and carry nothing.
	Floods Floods
}

// Floods bound frames by kind.
type Floods struct {
	// Reset are streams that the client ends early (CVE-2023-44487), or makes the server end by a fault of its own
	// (CVE-2025-8671). Every request that comes to its end makes good for one.
	Reset Rate
	// Ping, Settings and Priority are frames of those types (CVE-2019-9512, -9515, -9513); a PING is made good for by every
	// frame that carries something, since some clients measure their bandwidth by them.
	Ping, Settings, Priority Rate
	// EmptyData are DATA frames without data that do not end the stream (CVE-2019-9518).
	EmptyData Rate
	// Window are WINDOW_UPDATE frames. Every KiB of a body that was sent, and every request that comes to its end, makes good
	// for one: Go's client sends one for each 4 KiB it reads. What is sent in crumbs because the window is opened in crumbs
	// makes good for nothing (CVE-2019-9511).
	Window Rate
	// Unknown are frames of types that HTTP/2 does not have; they are ignored, but read.
	Unknown Rate
}

// Rate allows Burst at once and PerSecond over time.
type Rate struct{ Burst, PerSecond int64 }

func (o *Options) fill() {
	def(&o.Head, 10*time.Second)
	def(&o.Idle, 75*time.Second)
	def(&o.Write, 30*time.Second)
	o.Limits.fill()
}

func (l *Limits) fill() {
	def(&l.Streams, 128)
	def(&l.HeadBytes, 64<<10)
	def(&l.HeaderTable, initialHeaderTable)
	def(&l.HeaderFrames, 16)
	def(&l.HeaderBytes, 64<<10)
	def(&l.ReceiveConnection, 1<<20)
	def(&l.ReceiveStream, 256<<10)
	l.ReceiveConnection = max(l.ReceiveConnection, initialWindow)
	l.ReceiveStream = max(l.ReceiveStream, initialWindow)
	f := &l.Floods
	f.Reset.fill(200, 20)
	f.Ping.fill(100, 10)
	f.Settings.fill(20, 1)
	f.Priority.fill(1000, 100)
	f.EmptyData.fill(100, 10)
	f.Window.fill(20_000, 5_000)
	f.Unknown.fill(100, 10)
}

func (r *Rate) fill(burst, perSecond int64) {
	def(&r.Burst, burst)
	def(&r.PerSecond, perSecond)
}

func def[T int | int64 | time.Duration](p *T, v T) {
	if *p <= 0 {
		*p = v
	}
}
