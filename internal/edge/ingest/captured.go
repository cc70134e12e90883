package ingest

import (
	"errors"
	"fmt"

	"merlon/internal/edge/ingest/pcap"
	"merlon/internal/edge/ingest/record"
	"merlon/internal/model/exchange"
)

// formatPcap is captured packets, as tcpdump and Wireshark save them. The plain HTTP/1 in them is put together; a record's
// number is that of the packet in which its request begins.
func formatPcap() *format {
	return &format{
		Name: "pcap", About: "packets captured by tcpdump or Wireshark (pcap, pcapng): the plain HTTP/1 in them",
		Source: exchange.SourcePcap, document: true, sniff: pcap.IsCapture, time: pcap.FirstTime,
		open: func(s *source, how settings) (records, decoder) {
			c := &captured{pcap.NewReader(s, pcap.Options{BodyLimit: how.bodyLimit})}
			return c, c
		},
	}
}

// captured is the exchanges of a capture.
type captured struct{ r *pcap.Reader }

func (c *captured) next() ([]byte, int, error) {
	number, err := c.r.Next()
	if errors.Is(err, pcap.ErrDamaged) {
		err = record.CauseCapture
	}
	return nil, number, err
}

func (c *captured) decode(_ []byte, x *exchange.Exchange) Cause {
	c.r.Fill(x)
	if x.At <= 0 {
		return record.CauseTime
	}
	return 0
}

// notes says what the capture holds that is not read, or not whole.
func (c *captured) notes() (notes []string) {
	s := c.r.Stats()
	add := func(n int64, one, many string) {
		if n == 1 {
			notes = append(notes, "1 "+one)
		} else if n > 1 {
			notes = append(notes, fmt.Sprintf("%d %s", n, many))
		}
	}
	add(s.TLS, fmt.Sprintf("TLS connection (%d bytes) was not looked into: capture behind the proxy that ends TLS", s.TLSBytes),
		fmt.Sprintf("TLS connections (%d bytes) were not looked into: capture behind the proxy that ends TLS", s.TLSBytes))
	add(s.HTTP2, "HTTP/2 connection was not read", "HTTP/2 connections were not read")
	add(s.Switched, "connection became a WebSocket or a tunnel, of which only the beginning was read",
		"connections became WebSockets or tunnels, of which only the beginning was read")
	add(s.Fragments, "IP fragment was passed over", "IP fragments were passed over")
	add(s.Gaps, "stretch of bytes is missing in the capture", "stretches of bytes are missing in the capture (tcpdump -s 0 -B 16384 loses less)")
	add(s.Differing, "retransmission says something else than what was sent first, which counts: an evasion, or damage",
		"retransmissions say something else than what was sent first, which counts: evasions, or damage")
	add(s.Unanswered, "request has no answer in the capture", "requests have no answer in the capture")
	add(s.Orphans, "answer has no request in the capture", "answers have no request in the capture")
	add(s.Cut, "request was captured in part", "requests were captured in part")
	add(s.Evicted, "connection was given up for want of memory", "connections were given up for want of memory")
	return notes
}
