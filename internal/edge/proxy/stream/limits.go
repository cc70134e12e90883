package stream

// Limits bound what one connection may ask for. Zero fields take their defaults.
type Limits struct {
	// Streams is how many requests of one connection are served at once. Browsers open up to 100.
	Streams int
	// HeaderTable bounds the dynamic table of header compression, each way; 4096 is what RFC 7541 begins with.
	HeaderTable int
	// ReceiveConnection and ReceiveStream bound the bytes of request bodies that may be under way.
	ReceiveConnection, ReceiveStream int
	// HeaderFrames and HeaderBytes bound one header block: its CONTINUATION frames, and its compressed bytes.
	HeaderFrames, HeaderBytes int
	// QUICConnections is how many HTTP/3 connections may be open at once.
	QUICConnections int64
	// Floods are the frames that cost work and carry nothing.
	Floods Floods
}

// Floods bound frames by kind.
type Floods struct {
	// Reset are streams that the client ends early (CVE-2023-44487), or makes the server end by a protocol error
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

func (l *Limits) fill() {
	def(&l.Streams, 100)
	def(&l.HeaderTable, 4096)
	def(&l.ReceiveConnection, 1<<20)
	def(&l.ReceiveStream, 256<<10)
	def(&l.HeaderFrames, 16)
	def(&l.HeaderBytes, 64<<10)
	def(&l.QUICConnections, 2000)
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
