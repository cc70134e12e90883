// Package hpack is HPACK for both sides (RFC 7541): strict in what it decodes, modest in what it remembers.
//
// A connection has one Decoder and one Encoder; neither is safe for use by several goroutines. A Decoder is begun once a
// connection and given whole header blocks (HEADERS and its CONTINUATIONs joined) in the order in which they came:
//
//	d.Begin(4096, 64<<10)                                    // what our SETTINGS say
//	err := d.Decode(block, func(name, value []byte, sensitive bool) error { ... })
//
// An Encoder's zero value is ready. What it appends has to be sent, in order: the peer's table follows it.
//
//	e.SetTable(n)                                            // when the peer's SETTINGS say so, between blocks
//	dst = e.AppendStatus(dst, 200)
//	dst = e.Append(dst, name, value, sensitive)
//
// Both keep their memory when they are begun again, and allocate only while their tables and buffers grow.
package hpack

import "errors"

// Error is a fault in a header block. The table no longer agrees with the peer's: the connection ends with
// COMPRESSION_ERROR (RFC 9113 section 4.3).
type Error string

func (e Error) Error() string { return "hpack: " + string(e) }

// Faults of a header block.
const (
	ErrTruncated    = Error("block ends within a field")
	ErrInteger      = Error("integer over 2^31-1, or longer than six octets")
	ErrIndex        = Error("index names no field")
	ErrHuffman      = Error("bits are no Huffman code, or end of string within a string")
	ErrPadding      = Error("Huffman padding is a whole octet or not all ones")
	ErrUpdatePlace  = Error("table size update behind a field")
	ErrUpdateCount  = Error("more than two table size updates")
	ErrUpdateLimit  = Error("table size update over the announced limit")
	ErrUpdateAbsent = Error("no table size update after a lower limit was acknowledged")
)

// Two ends that are no fault of the coding.
var (
	// ErrListTooLong: the list counts more than maxList. The block was read to its end and the table agrees with the peer's,
	// so that the connection may go on: answer this request 431 (RFC 9113 section 10.5.1).
	ErrListTooLong = errors.New("hpack: header list is longer than the announced limit")
	// ErrExpansion: the list counts more than floodFactor times maxList. Reading stopped there, and the connection has to
	// end (ENHANCE_YOUR_CALM): nobody who means well sends this, and reading on is work for a flood.
	ErrExpansion = errors.New("hpack: header list is many times longer than the announced limit")
)

const (
	// initialTable is the size of a table before anybody says otherwise (RFC 9113 section 6.5.2).
	initialTable = 4096
	// overhead is counted for each field beside its bytes, in tables and in lists (RFC 7541 section 4.1).
	overhead = 32
	// floodFactor times maxList is where decoding stops.
	floodFactor = 4
)
