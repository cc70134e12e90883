package ingest

import (
	"merlon/internal/edge/ingest/entry"
	"merlon/internal/edge/ingest/record"
	"merlon/internal/model/exchange"
)

// formatEntry is exchange lines: one HAR 1.2 entry a line, with _client and _site.
func formatEntry() *format {
	return &format{
		Name: "entry", About: "exchange lines: one HAR 1.2 entry as JSON a line",
		Source: exchange.SourceEntry,
		sniff: func(line []byte) bool {
			d := entry.New(0)
			return line[0] == '{' && d.Scan(line) == 0
		},
		time: entry.Time,
		open: func(s *source, how settings) (records, decoder) {
			return newLines(s, maxEntry), newEntryDecoder(how.bodyLimit)
		},
	}
}

// maxEntry bounds one entry.
const maxEntry = entry.MaxBytes

// entryDecoder decodes entries.
type entryDecoder struct{ d *entry.Decoder }

func newEntryDecoder(bodyLimit int) entryDecoder { return entryDecoder{entry.New(bodyLimit)} }

func (d entryDecoder) decode(text []byte, x *exchange.Exchange) record.Cause {
	return d.d.Decode(text, x)
}
