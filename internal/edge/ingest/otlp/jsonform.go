package otlp

import "merlon/internal/edge/ingest/jsonscan"

// The names below are those of the JSON encoding of OTLP: lowerCamelCase, 64-bit numbers as text, kinds as numbers.

// fromJSON reads an export request.
func (b *batch) fromJSON() bool {
	s := &b.scan
	s.Reset(b.body)
	resources, scopes, records := "resourceSpans", "scopeSpans", "spans"
	if b.what == logs {
		resources, scopes, records = "resourceLogs", "scopeLogs", "logRecords"
	}
	if s.Peek() != '{' {
		return false
	}
	s.Open('{')
	for n := 0; s.More(&n, '}'); {
		if string(s.Key()) != resources {
			s.Skip()
			continue
		}
		if !s.Open('[') {
			continue
		}
		for k := 0; s.More(&k, ']'); {
			if !b.enter() {
				s.Skip()
				continue
			}
			b.jsonResource(scopes, records)
		}
	}
	s.End()
	return s.Err() == nil
}

// jsonResource reads an element of resourceSpans or resourceLogs.
func (b *batch) jsonResource(scopes, records string) {
	s := &b.scan
	if !s.Open('{') {
		return
	}
	for n := 0; s.More(&n, '}'); {
		switch string(s.Key()) {
		case "resource":
			if !s.Open('{') {
				continue
			}
			for k := 0; s.More(&k, '}'); {
				if string(s.Key()) == "attributes" {
					b.jsonAttributes(b.about, nil)
				} else {
					s.Skip()
				}
			}
		case scopes:
			b.jsonScopes(records)
		default:
			s.Skip()
		}
	}
}

func (b *batch) jsonScopes(records string) {
	s := &b.scan
	if !s.Open('[') {
		return
	}
	for n := 0; s.More(&n, ']'); {
		if !s.Open('{') {
			continue
		}
		for k := 0; s.More(&k, '}'); {
			if string(s.Key()) != records {
				s.Skip()
				continue
			}
			if !s.Open('[') {
				continue
			}
			for i := 0; s.More(&i, ']'); {
				b.jsonRecord()
			}
		}
	}
}

// jsonRecord reads a span or a log record.
func (b *batch) jsonRecord() {
	s, r := &b.scan, &b.record
	r.reset()
	start, end := "startTimeUnixNano", "endTimeUnixNano"
	if b.what == logs {
		start, end = "timeUnixNano", "observedTimeUnixNano"
		r.kind = kindLog
	}
	if !s.Open('{') {
		return
	}
	for n := 0; s.More(&n, '}'); {
		switch key := s.Key(); {
		case string(key) == start:
			r.start = jsonNumber(s)
		case string(key) == end:
			r.end = jsonNumber(s)
		case string(key) == "attributes":
			b.jsonAttributes(r.attribute, &r.attributes)
		case string(key) == "kind" && b.what == traces:
			v, _ := s.Scalar()
			switch string(v) {
			case "2", "SPAN_KIND_SERVER":
				r.kind = kindServer
			case "3", "SPAN_KIND_CLIENT":
				r.kind = kindClient
			case "4", "SPAN_KIND_PRODUCER":
				r.kind = kindProducer
			}
		case string(key) == "body" && b.what == logs:
			b.jsonBody()
		default:
			s.Skip()
		}
	}
	if s.Err() == nil {
		b.take()
	}
}

// jsonNumber reads a number that may be text; 0 for anything else.
func jsonNumber(s *jsonscan.Scanner) uint64 {
	v, _ := s.Scalar()
	n, _ := digits(v)
	return n
}

// jsonBody reads a log record's body when it is a map of attributes.
func (b *batch) jsonBody() {
	s := &b.scan
	if !s.Open('{') {
		return
	}
	for n := 0; s.More(&n, '}'); {
		if string(s.Key()) != "kvlistValue" {
			s.Skip()
			continue
		}
		if !s.Open('{') {
			continue
		}
		for k := 0; s.More(&k, '}'); {
			if string(s.Key()) == "values" {
				b.jsonAttributes(b.record.attribute, &b.record.attributes)
			} else {
				s.Skip()
			}
		}
	}
}

// jsonAttributes reads a list of KeyValue and gives each to take; count, when there is one, bounds them.
func (b *batch) jsonAttributes(take func(key []byte, v value), count *int) {
	s := &b.scan
	if !s.Open('[') {
		return
	}
	for n := 0; s.More(&n, ']'); {
		if count != nil {
			if *count++; *count > maxAttributes {
				s.Skip()
				continue
			}
		}
		if !s.Open('{') {
			continue
		}
		var key []byte
		b.values = b.values[:0]
		for k := 0; s.More(&k, '}'); {
			switch string(s.Key()) {
			case "key":
				key, _ = s.Text()
			case "value":
				b.jsonValue(true)
			default:
				s.Skip()
			}
		}
		for _, v := range b.values {
			take(key, v)
		}
	}
}

// jsonValue reads an AnyValue into values; lists only one deep.
func (b *batch) jsonValue(outer bool) {
	s := &b.scan
	if !s.Open('{') {
		return
	}
	for n := 0; s.More(&n, '}'); {
		switch key := s.Key(); {
		case string(key) == "stringValue":
			if v, ok := s.Text(); ok && len(b.values) < maxHeaders {
				b.values = append(b.values, value{text: v, kind: valueText})
			}
		case string(key) == "intValue":
			if v, ok := s.Scalar(); ok && len(b.values) < maxHeaders {
				if n, ok := digits(v); ok {
					b.values = append(b.values, value{number: int64(n), kind: valueNumber})
				}
			}
		case string(key) == "arrayValue" && outer:
			if !s.Open('{') {
				continue
			}
			for k := 0; s.More(&k, '}'); {
				if string(s.Key()) != "values" {
					s.Skip()
					continue
				}
				if !s.Open('[') {
					continue
				}
				for i := 0; s.More(&i, ']'); {
					b.jsonValue(false)
				}
			}
		default:
			s.Skip()
		}
	}
}
