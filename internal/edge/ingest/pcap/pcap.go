// Package pcap is what has already happened: the plain HTTP of captured packets, as exchanges.
//
// A Reader reads pcap and pcapng files, puts TCP connections together in bounded memory, and has both directions of each
// judged by the codec that the proxy uses. It yields an exchange when its answer has ended. What the capture does not
// show is said: by an exchange's observed mask, and by Stats for what is no exchange, TLS above all.
//
// Bytes that a capture lacks are skipped where the framing tells how many they are (inside a body of known length);
// otherwise the connection is picked up again at the next request that begins a segment, and its answer is looked for at
// the very place of the server's bytes that this request acknowledges, so that an answer never meets another's request.
package pcap

import (
	"bufio"
	"errors"
	"io"
	"time"

	"merlon/internal/edge/http1"
	"merlon/internal/model/exchange"
)

// ErrDamaged says that a capture file is damaged or was cut short. Everything before that place was read.
var ErrDamaged = errors.New("pcap: the capture is damaged or cut short")

// Options bounds a Reader. A zero field means its default.
type Options struct {
	// BodyLimit is how much of a body is kept for judging: 128 KiB.
	BodyLimit int
	// Memory bounds the bytes kept of unfinished connections: 64 MiB. Over it, the connection that was silent longest ends.
	Memory int
	// Connections bounds their number: 65,536 (about 250 bytes each while nothing was sent on them).
	Connections int
	// Window is how many bytes of one direction wait for a missing segment: 256 KiB, what hosts buffer by default.
	Window int
	// Idle ends a connection that was silent so long, by the capture's clock: 5 minutes. Reordered is how long a missing
	// segment is waited for: 3 seconds, longer than two retransmissions take.
	Idle, Reordered time.Duration
	// Limits are the codec's.
	Limits http1.Limits
}

// filled returns o with defaults in place of zeros.
func (o Options) filled() Options {
	fill := func(p *int, v int) {
		if *p <= 0 {
			*p = v
		}
	}
	fill(&o.BodyLimit, 128<<10)
	fill(&o.Memory, 64<<20)
	fill(&o.Connections, 65536)
	fill(&o.Window, 256<<10)
	if o.Idle <= 0 {
		o.Idle = 5 * time.Minute
	}
	if o.Reordered <= 0 {
		o.Reordered = 3 * time.Second
	}
	o.Limits = o.Limits.Filled()
	o.Limits.BodyBytes = 0 // what is captured was sent
	return o
}

// Stats counts what a Reader has seen.
type Stats struct {
	Packets, Fragments, OtherPackets int64
	// Connections by what they were found to speak (HTTP2: with prior knowledge, read too); one without a byte of payload, or of which only the middle was
	// captured, is none of these.
	HTTP, TLS, HTTP2, Other int64
	// TLSBytes are bytes of TLS connections, which nobody can read here.
	TLSBytes int64
	// Switched are connections that became WebSocket or a tunnel, which is not read.
	Switched int64
	// Gaps are places where the capture lacks bytes; Lost of them could not be passed over, so that the direction was
	// picked up again later.
	Gaps, Lost int64
	// Differing are retransmissions with other bytes than were there first. The first count.
	Differing int64
	// Unanswered are requests whose answer the capture does not show, or which could be another's; Orphans are stretches
	// of a server's bytes that answer no request that was captured; Cut are requests of which only a part was captured.
	Unanswered, Orphans, Cut int64
	// Evicted are connections that were given up for want of memory.
	Evicted   int64
	Exchanges int64
}

// Reader reads one capture. It is not safe for concurrent use.
type Reader struct {
	o     Options
	stats Stats
	file  capture
	err   error // what ended the file

	table      map[key]*conn
	recent     list // by last packet
	held       int  // bytes kept for unfinished connections
	done       []*pair
	current    *pair
	now        int64 // time of the packet in hand
	number     int
	sums       sums
	zeros      [64 << 10]byte
	request    http1.RequestHead
	response   http1.ResponseHead
	spareTalks []*talk
}

// NewReader reads the capture in r.
func NewReader(r io.Reader, o Options) *Reader {
	rd := &Reader{o: o.filled(), table: make(map[key]*conn), sums: newSums()}
	rd.file.r = bufio.NewReaderSize(r, 64<<10)
	rd.recent.init()
	rd.err = rd.file.open()
	return rd
}

// Stats is what was counted so far.
func (r *Reader) Stats() Stats { return r.stats }

// Next goes to the next exchange and returns the number of the packet in which it began. The error is io.EOF at the end of
// the capture, ErrDamaged behind which nothing can be read, or that of the reader.
func (r *Reader) Next() (int, error) {
	for len(r.done) == 0 {
		if r.err != nil {
			oldest := r.recent.oldest()
			if oldest == nil {
				return r.number, r.err
			}
			r.finish(oldest, false)
			continue
		}
		r.step()
	}
	r.current = r.done[0]
	r.done[0] = nil
	if r.done = r.done[1:]; len(r.done) == 0 {
		r.done = nil
	}
	r.stats.Exchanges++
	return r.current.number, nil
}

// step reads one packet.
func (r *Reader) step() {
	var p packet
	if r.err = r.file.next(&p); r.err != nil {
		return
	}
	r.stats.Packets++
	r.number = r.file.number
	r.now = p.at
	var s segment
	switch s.parse(&p) {
	case isSegment:
		r.segment(&s)
	case isFragment:
		r.stats.Fragments++
	default:
		r.stats.OtherPackets++
	}
	for c := r.recent.oldest(); c != nil; c = r.recent.oldest() {
		over := r.held > r.o.Memory || len(r.table) > r.o.Connections
		if !over && r.now-c.last < int64(r.o.Idle) {
			break
		}
		if over {
			r.stats.Evicted++
		}
		r.finish(c, false)
	}
}

// FirstTime is the time of the first packet of a capture that begins with head, in Unix nanoseconds; 0 when head does not
// show it.
func FirstTime(head []byte) int64 {
	var c capture
	c.r = bufio.NewReaderSize(&prefix{head}, 4096)
	var p packet
	if c.open() != nil || c.next(&p) != nil {
		return 0
	}
	return p.at
}

// prefix is a reader over the beginning of a file.
type prefix struct{ b []byte }

func (p *prefix) Read(b []byte) (int, error) {
	if len(p.b) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.b)
	p.b = p.b[n:]
	return n, nil
}

// Fill writes the exchange that Next went to into x. What it puts there is valid until the next call of Next; Site, Node
// and Arrived are left to the caller.
func (r *Reader) Fill(x *exchange.Exchange) { r.current.fill(r, x) }
