// Package entry reads HAR 1.2 entries, which are also exchange lines.
package entry

import (
	"bytes"

	"merlon/internal/edge/ingest/jsonscan"
	"merlon/internal/edge/ingest/record"
	"merlon/internal/edge/ingest/stamp"
	"merlon/internal/model/exchange"
)

// MaxBytes bounds one entry: bodies of several megabytes, base64 and all.
const MaxBytes = 16 << 20

// maxKeptArena bounds the memory that a decoder keeps for decoded strings from one entry to the next.
const maxKeptArena = 1 << 20

// Time finds the first startedDateTime without reading the whole entry: it only orders inputs.
func Time(b []byte) int64 {
	const key = `"startedDateTime"`
	k := bytes.Index(b, []byte(key))
	if k < 0 {
		return 0
	}
	var s jsonscan.Scanner
	s.Reset(bytes.TrimLeft(b[k+len(key):], ": \t\r\n"))
	if v, ok := s.Text(); ok {
		if at, ok := stamp.RFC3339(v); ok {
			return at
		}
	}
	return 0
}

// entry is what is read of a HAR entry (https://w3c.github.io/web-performance/specs/HAR/Overview.html, and HAR 1.2 as
// published by Jan Odvarko). Sizes are -1 where the entry does not tell them.
type entry struct {
	started       []byte
	elapsed, wait float64 // milliseconds
	hasRequest    bool
	method, url   []byte
	requestSize   int64
	post          content
	postParams    []param
	status        int
	responseSize  int64
	body          content
	site          []byte
	ip            []byte
	port          int
	ja4, h2       []byte   // the connection's fingerprints
	order         [][]byte // names in wire order and casing
	hasOrder      bool
	request       []exchange.Field
	response      []exchange.Field
}

// content is a body as HAR has it.
type content struct {
	text    []byte
	hasText bool
	base64  bool
	size    int64 // decoded
	mime    []byte
}

type param struct{ name, value []byte }

// Decoder decodes entries.
type Decoder struct {
	s      jsonscan.Scanner
	e      entry
	target record.Target
	limit  int
	// MayHide tells that the recorder may leave credentials out; shown, that one was seen and so it does not.
	MayHide, shown bool
	sites          map[string]string
	fields         []exchange.Field // scratch of reorder
	contentType    []byte           // a field's name
}

// New makes a decoder that hands at most bodyLimit bytes of a body on.
func New(bodyLimit int) *Decoder {
	return &Decoder{limit: bodyLimit, sites: make(map[string]string), contentType: []byte("Content-Type")}
}

// Scan reads an entry into d.e without judging what it says.
func (d *Decoder) Scan(text []byte) record.Cause {
	if cap(d.s.Arena) > maxKeptArena {
		d.s.Arena = nil
	}
	d.s.Reset(text)
	e, s := &d.e, &d.s
	*e = entry{
		requestSize: -1, responseSize: -1, wait: -1, elapsed: -1, order: e.order[:0], request: e.request[:0], response: e.response[:0],
		postParams: e.postParams[:0],
	}
	e.post.size, e.body.size = -1, -1
	if s.Peek() != '{' {
		return record.CauseJSON
	}
	s.Open('{')
	for n := 0; s.More(&n, '}'); {
		switch string(s.Key()) {
		case "startedDateTime":
			e.started, _ = s.Text()
		case "time":
			e.elapsed = numberOr(s, -1)
		case "request":
			d.scanRequest()
		case "response":
			d.scanResponse()
		case "timings":
			d.scanTimings()
		case "_client":
			d.scanClient()
		case "_site":
			e.site, _ = s.Text()
		default:
			s.Skip()
		}
	}
	s.End()
	switch err := s.Err(); {
	case err == nil && (len(e.started) == 0 || !e.hasRequest):
		return record.CauseEntry
	case err == nil:
		return 0
	case err == record.CauseTooMany: //nolint:errorlint // it was given to Fail as it is
		return record.CauseTooMany
	case err == jsonscan.ErrDeep: //nolint:errorlint // the scanner wraps nothing
		return record.CauseDeep
	}
	return record.CauseJSON
}

func (d *Decoder) scanRequest() {
	e, s := &d.e, &d.s
	if e.hasRequest = s.Open('{'); !e.hasRequest {
		return
	}
	for n := 0; s.More(&n, '}'); {
		switch string(s.Key()) {
		case "method":
			e.method, _ = s.Text()
		case "url":
			e.url, _ = s.Text()
		case "headers":
			e.request = d.scanFields(e.request[:0])
		case "bodySize":
			e.requestSize = int64(numberOr(s, -1))
		case "postData":
			d.scanContent(&e.post)
		default: // queryString and cookies repeat what url and headers say
			s.Skip()
		}
	}
}

func (d *Decoder) scanResponse() {
	e, s := &d.e, &d.s
	if !s.Open('{') {
		return
	}
	for n := 0; s.More(&n, '}'); {
		switch string(s.Key()) {
		case "status":
			e.status = int(numberOr(s, 0))
		case "headers":
			e.response = d.scanFields(e.response[:0])
		case "bodySize":
			e.responseSize = int64(numberOr(s, -1))
		case "content":
			d.scanContent(&e.body)
		default:
			s.Skip()
		}
	}
}

func (d *Decoder) scanTimings() {
	s := &d.s
	if !s.Open('{') {
		return
	}
	for n := 0; s.More(&n, '}'); {
		if string(s.Key()) == "wait" {
			d.e.wait = numberOr(s, -1)
		} else {
			s.Skip()
		}
	}
}

// scanFields reads an array of {name, value}.
func (d *Decoder) scanFields(fields []exchange.Field) []exchange.Field {
	s := &d.s
	if !s.Open('[') {
		return fields
	}
	for n := 0; s.More(&n, ']'); {
		var f exchange.Field
		f.Name, f.Value = d.scanPair()
		if len(f.Name) == 0 {
			continue
		}
		if len(fields) == record.MaxFields {
			s.Fail(record.CauseTooMany)
			break
		}
		if f.Name[0] != ':' {
			f.ID = exchange.LookupHeader(f.Name)
		}
		fields = append(fields, f)
	}
	return fields
}

func (d *Decoder) scanPair() (name, value []byte) {
	s := &d.s
	if !s.Open('{') {
		return nil, nil
	}
	for n := 0; s.More(&n, '}'); {
		switch string(s.Key()) {
		case "name":
			name, _ = s.Text()
		case "value":
			value, _ = s.Text()
		default:
			s.Skip()
		}
	}
	return name, value
}

// scanContent reads postData or content.
func (d *Decoder) scanContent(c *content) {
	s := &d.s
	if !s.Open('{') {
		return
	}
	for n := 0; s.More(&n, '}'); {
		switch string(s.Key()) {
		case "text":
			c.text, c.hasText = s.Text()
		case "encoding":
			v, _ := s.Text()
			c.base64 = string(v) == "base64"
		case "size":
			c.size = int64(numberOr(s, -1))
		case "mimeType":
			c.mime, _ = s.Text()
		case "params":
			if !s.Open('[') {
				continue
			}
			for k := 0; s.More(&k, ']'); {
				name, value := d.scanPair()
				if len(d.e.postParams) == record.MaxFields {
					s.Fail(record.CauseTooMany)
					break
				}
				d.e.postParams = append(d.e.postParams, param{name, value})
			}
		default:
			s.Skip()
		}
	}
}

func (d *Decoder) scanClient() {
	e, s := &d.e, &d.s
	if !s.Open('{') {
		return
	}
	for n := 0; s.More(&n, '}'); {
		switch string(s.Key()) {
		case "ip":
			e.ip, _ = s.Text()
		case "port":
			e.port = int(numberOr(s, 0))
		case "ja4":
			e.ja4, _ = s.Text()
		case "h2":
			e.h2, _ = s.Text()
		case "headerOrder":
			if e.hasOrder = s.Open('['); !e.hasOrder {
				continue
			}
			for k := 0; s.More(&k, ']'); {
				name, ok := s.Text()
				if len(e.order) == record.MaxFields {
					s.Fail(record.CauseTooMany)
					break
				}
				if ok && len(name) > 0 && name[0] != ':' {
					e.order = append(e.order, name)
				}
			}
		default:
			s.Skip()
		}
	}
}

// numberOr reads a number, or passes over anything else and returns other. Numbers are cut to what a size can be.
func numberOr(s *jsonscan.Scanner, other float64) float64 {
	if v, ok := s.Number(); ok {
		return max(-1, min(v, 1<<53))
	}
	return other
}
