package otlp

// The numbers below are those of opentelemetry-proto 1.x: ExportTraceServiceRequest and ExportLogsServiceRequest have the
// same shape, down to the record.

// fromProtobuf reads an export request.
func (b *batch) fromProtobuf() bool {
	w := wire{b: b.body}
	var f field
	for w.next(&f) {
		if f.id == 1 && f.kind == typeBytes && !b.protoResource(f.data) {
			return false
		}
	}
	return !w.bad
}

// protoResource reads ResourceSpans or ResourceLogs.
func (b *batch) protoResource(data []byte) bool {
	if !b.enter() {
		return true
	}
	w := wire{b: data}
	var f field
	for w.next(&f) {
		if f.kind != typeBytes {
			continue
		}
		switch f.id {
		case 1: // resource
			r := wire{b: f.data}
			var a field
			for r.next(&a) {
				if a.id == 1 && a.kind == typeBytes && !b.protoAttribute(a.data, b.about) {
					return false
				}
			}
			if r.bad {
				return false
			}
		case 2: // scope_spans, scope_logs
			s := wire{b: f.data}
			var r field
			for s.next(&r) {
				if r.id == 2 && r.kind == typeBytes && !b.protoRecord(r.data) {
					return false
				}
			}
			if s.bad {
				return false
			}
		}
	}
	return !w.bad
}

// protoRecord reads a Span or a LogRecord.
func (b *batch) protoRecord(data []byte) bool {
	r := &b.record
	r.reset()
	start, end, attributes := uint64(7), uint64(8), uint64(9)
	if b.what == logs {
		start, end, attributes = 1, 11, 6 // end being when it was observed
		r.kind = kindLog
	}
	w := wire{b: data}
	var f field
	for w.next(&f) {
		switch {
		case f.id == 6 && f.kind == typeVarint && b.what == traces:
			r.kind = uint8(min(f.number, 100))
		case f.id == start && f.kind == typeFixed64:
			r.start = f.number
		case f.id == end && f.kind == typeFixed64:
			r.end = f.number
		case f.id == attributes && f.kind == typeBytes:
			if r.attributes++; r.attributes <= maxAttributes && !b.protoAttribute(f.data, r.attribute) {
				return false
			}
		case f.id == 5 && f.kind == typeBytes && b.what == logs:
			if !b.protoBody(f.data) {
				return false
			}
		}
	}
	if w.bad {
		return false
	}
	b.take()
	return true
}

// protoBody reads a log record's body when it is a map of attributes.
func (b *batch) protoBody(data []byte) bool {
	w := wire{b: data}
	var f field
	for w.next(&f) {
		if f.id != 6 || f.kind != typeBytes { // kvlist_value
			continue
		}
		list := wire{b: f.data}
		var a field
		for list.next(&a) {
			if a.id != 1 || a.kind != typeBytes {
				continue
			}
			if b.record.attributes++; b.record.attributes <= maxAttributes && !b.protoAttribute(a.data, b.record.attribute) {
				return false
			}
		}
		if list.bad {
			return false
		}
	}
	return !w.bad
}

// protoAttribute reads a KeyValue and gives it to take, each element of a list by itself.
func (b *batch) protoAttribute(data []byte, take func(key []byte, v value)) bool {
	var key, v []byte
	w := wire{b: data}
	var f field
	for w.next(&f) {
		if f.kind != typeBytes {
			continue
		}
		switch f.id {
		case 1:
			key = f.data
		case 2:
			v = f.data
		}
	}
	if w.bad {
		return false
	}
	return protoValue(key, v, take, true)
}

// protoValue reads an AnyValue; lists only one deep.
func protoValue(key, data []byte, take func(key []byte, v value), outer bool) bool {
	w := wire{b: data}
	var f field
	for w.next(&f) {
		switch {
		case f.id == 1 && f.kind == typeBytes:
			take(key, value{text: f.data, kind: valueText})
		case f.id == 3 && f.kind == typeVarint:
			take(key, value{number: int64(f.number), kind: valueNumber})
		case f.id == 5 && f.kind == typeBytes && outer:
			list := wire{b: f.data}
			var e field
			for n := 0; list.next(&e); {
				if e.id != 1 || e.kind != typeBytes || n == maxHeaders {
					continue
				}
				n++
				if !protoValue(key, e.data, take, false) {
					return false
				}
			}
			if list.bad {
				return false
			}
		}
	}
	return !w.bad
}
