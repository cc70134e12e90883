package ingest

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"testing"

	"merlon/internal/model/event"
	"merlon/internal/model/exchange"
)

// capture is a pcap file of raw IP packets: one HTTP exchange, and one segment of TLS.
func capture(cut int) []byte {
	b := binary.LittleEndian.AppendUint32(nil, 0xa1b2c3d4)
	b = append(b, make([]byte, 16)...)
	b = binary.LittleEndian.AppendUint32(b, 101)
	packet := func(port uint16, out bool, seq, ack uint32, payload string) {
		p := make([]byte, 40, 40+len(payload))
		p[0], p[9] = 0x45, 6
		binary.BigEndian.PutUint16(p[2:], uint16(40+len(payload)))
		src, dst := []byte{192, 0, 2, 7}, []byte{198, 51, 100, 1}
		from, to := port, uint16(80)
		if !out {
			src, dst, from, to = dst, src, to, from
		}
		copy(p[12:], src)
		copy(p[16:], dst)
		binary.BigEndian.PutUint16(p[20:], from)
		binary.BigEndian.PutUint16(p[22:], to)
		binary.BigEndian.PutUint32(p[24:], seq)
		binary.BigEndian.PutUint32(p[28:], ack)
		p[32], p[33] = 5<<4, 0x10
		p = append(p, payload...)
		b = binary.LittleEndian.AppendUint32(b, 1_700_000_000)
		b = binary.LittleEndian.AppendUint32(b, 0)
		b = binary.LittleEndian.AppendUint32(b, uint32(len(p)))
		b = binary.LittleEndian.AppendUint32(b, uint32(len(p)))
		b = append(b, p...)
	}
	const ask = "GET /orders/1 HTTP/1.1\r\nHost: other.example\r\nAuthorization: Bearer x\r\n\r\n"
	packet(1000, true, 1, 9, ask)
	packet(1000, false, 9, 1+uint32(len(ask)), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
	packet(1001, true, 1, 9, "\x16\x03\x01\x00\x05hello")
	return b[:len(b)-cut]
}

// TestCapture reads a capture as a file is read: told by its beginning, packed and cut short.
func TestCapture(t *testing.T) {
	t.Parallel()
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	z.Write(capture(0))
	z.Close()
	for _, c := range []struct {
		name  string
		input []byte
		notes int
		want  Result
	}{
		{"plain", capture(0), 1, Result{Lines: 1, Exchanges: 1}},
		{"gzip", packed.Bytes(), 1, Result{Lines: 1, Exchanges: 1}},
		{"cut short", capture(3), 0, Result{Lines: 2, Exchanges: 1, Damaged: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			var got *event.Event
			var notes []string
			var format string
			res := run(t, Options{
				Opened: func(_, f string) { format = f },
				Noted:  func(_, note string) { notes = append(notes, note) },
			}, func(e *event.Event) {
				copied := *e
				got = &copied
			}, Stream("capture", bytes.NewReader(c.input)))
			if format != "pcap" || res.Lines != c.want.Lines || res.Exchanges != c.want.Exchanges || res.Damaged != c.want.Damaged || len(notes) != c.notes {
				t.Fatalf("format %q, notes %q, %+v", format, notes, res)
			}
			if got.Source != exchange.SourcePcap || got.Site != "other" || got.At != 1_700_000_000e9 || got.Status != 200 || got.Observed != exchange.SawAll {
				t.Errorf("%+v", got)
			}
		})
	}
}
