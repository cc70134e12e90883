package ingest

import (
	"fmt"
	"slices"
	"strings"

	"merlon/internal/edge/ingest/jsonlog"
	"merlon/internal/edge/ingest/logformat"
	"merlon/internal/edge/ingest/record"
	"merlon/internal/model/exchange"
)

// lineFormat is a format of an access log whose lines are told by decoding them.
func lineFormat(name, about string, limit int, decode func(hops int) decoder) *format {
	// A look must not change the line: decoders undo escapes in place.
	look := func(line []byte) (x exchange.Exchange, ok bool) {
		ok = decode(0).decode(slices.Clone(line), &x) == 0
		return x, ok
	}
	return &format{
		Name: name, About: about, Source: exchange.SourceAccessLog,
		sniff: func(line []byte) bool { _, ok := look(line); return ok },
		time:  func(line []byte) int64 { x, _ := look(line); return x.At },
		open: func(s *source, how settings) (records, decoder) {
			return newLines(s, limit), decode(how.hops)
		},
	}
}

func textLines(name, about string, formats ...*logformat.Format) *format {
	return lineFormat(name, about, maxLogLine, func(hops int) decoder { return newTextDecoder(hops, formats...) })
}

func jsonLines(name, about string, m *jsonlog.Map) *format {
	return lineFormat(name, about, jsonlog.MaxLine, func(hops int) decoder { return jsonDecoder{jsonlog.NewDecoder(m, hops)} })
}

// textDecoder decodes lines of one or several layouts.
type textDecoder struct {
	formats []*logformat.Format // the one that fitted last stands first
	line    record.Line
}

func newTextDecoder(hops int, formats ...*logformat.Format) *textDecoder {
	return &textDecoder{formats: slices.Clone(formats), line: record.Line{Hops: hops}}
}

func (d *textDecoder) decode(text []byte, x *exchange.Exchange) record.Cause {
	var first record.Cause
	for i, f := range d.formats {
		d.line.Reset()
		cause := f.Match(text, &d.line)
		if cause == 0 {
			d.formats[0], d.formats[i] = d.formats[i], d.formats[0]
			return d.line.Fill(x)
		}
		if i == 0 {
			first = cause
		}
	}
	return first
}

// jsonDecoder decodes lines that are JSON objects.
type jsonDecoder struct{ d *jsonlog.Decoder }

func (d jsonDecoder) decode(text []byte, x *exchange.Exchange) record.Cause {
	return d.d.Decode(text, x)
}

// CheckFormat says what is wrong with a format's name and a log format of one's own, without reading anything.
func CheckFormat(name, logFormat string) error {
	_, err := choose(name, logFormat)
	return err
}

// choose finds the format that is named, or compiles one's own; nil leaves the choice to each input's first lines.
func choose(name, logFormat string) (*format, error) {
	if logFormat == "" {
		f := formatNamed(name)
		if f == nil && name != auto {
			return nil, unknownFormat(name)
		}
		return f, nil
	}
	syntax := logformat.Auto
	switch name {
	case auto:
	case "nginx-json":
		syntax = logformat.Nginx
	case "envoy":
		syntax = logformat.Envoy
	case "vhost":
		syntax = logformat.Apache
	case "combined", "common":
	default:
		return nil, fmt.Errorf("%w: --log-format describes lines of an access log, not %s", ErrFormat, name)
	}
	return own(logFormat, syntax)
}

// own is a format by a log format string.
func own(text string, syntax logformat.Syntax) (*format, error) {
	const name, about = "log-format", "lines of a log format given"
	if bare := strings.TrimSpace(logformat.Unwrap(text)); strings.HasPrefix(bare, "{") && !strings.HasPrefix(bare, "{$") {
		m, err := jsonlog.Compile(bare, syntax)
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrFormat, err)
		}
		return jsonLines(name, about, m), nil
	}
	f, err := logformat.Compile(text, syntax)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return textLines(name, about, f), nil
}
