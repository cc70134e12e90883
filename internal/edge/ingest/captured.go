package ingest

import (
	"errors"

	"merlon/internal/edge/ingest/pcap"
	"merlon/internal/edge/ingest/record"
	"merlon/internal/model/exchange"
)

// formatPcap is captured packets, as tcpdump and Wireshark save them. The plain HTTP in them is put together; a record's
// number is that of the packet in which its request begins.
func formatPcap() *format {
	return &format{
		Name: "pcap", About: "packets captured by tcpdump or Wireshark (pcap, pcapng): the plain HTTP in them",
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

func (c *captured) notes() []string { return c.r.Stats().Notes() }
