package otlp

import (
	"encoding/binary"
	"mime"
	"net/http"
	"strconv"
)

// form is how a body is written.
type form uint8

const (
	protobuf form = iota
	json
)

var formTypes = [...]string{protobuf: "application/x-protobuf", json: "application/json"}

// contentForm tells the form by Content-Type.
func contentForm(v string) (form, bool) {
	t, _, err := mime.ParseMediaType(v)
	if err != nil {
		return protobuf, false
	}
	for f, name := range formTypes {
		if t == name {
			return form(f), true
		}
	}
	return protobuf, false
}

// answer writes an answer in the form of the request.
type answer struct {
	r    *Receiver
	w    http.ResponseWriter
	form form
}

// refuse answers with a google.rpc.Status, as the protocol asks.
func (a answer) refuse(status int, why string) {
	a.r.counts.refused.Add(1)
	const invalid, unavailable = 3, 14 // google.rpc.Code
	code := uint64(invalid)
	if status == http.StatusServiceUnavailable || status == http.StatusTooManyRequests {
		code = unavailable
	}
	var b []byte
	if a.form == json {
		b = append(b, `{"code":`...)
		b = strconv.AppendUint(b, code, 10)
		b = append(b, `,"message":`...)
		b = strconv.AppendQuote(b, why) // ours, and plain
		b = append(b, '}')
	} else {
		b = binary.AppendUvarint(append(b, 1<<3), code)
		b = appendText(append(b, 2<<3|2), why)
	}
	a.write(status, b)
}

// accept answers a request of which all but some records were taken.
func (a answer) accept(what signal, rejected int64, why string) {
	var b []byte
	switch {
	case a.form == json && rejected > 0:
		name := "rejectedSpans"
		if what == logs {
			name = "rejectedLogRecords"
		}
		b = append(b, `{"partialSuccess":{"`+name+`":"`...)
		b = strconv.AppendInt(b, rejected, 10)
		b = append(b, `","errorMessage":`...)
		b = strconv.AppendQuote(b, why) // ours, and plain
		b = append(b, "}}"...)
	case a.form == json:
		b = append(b, "{}"...)
	case rejected > 0:
		part := binary.AppendUvarint([]byte{1 << 3}, uint64(rejected))
		part = appendText(append(part, 2<<3|2), why)
		b = appendText(append(b, 1<<3|2), string(part))
	}
	a.write(http.StatusOK, b)
}

func (a answer) write(status int, b []byte) {
	h := a.w.Header()
	h.Set("Content-Type", formTypes[a.form])
	h.Set("X-Content-Type-Options", "nosniff")
	a.w.WriteHeader(status)
	_, _ = a.w.Write(b) // the sender will see that it has no answer
}

func appendText(b []byte, s string) []byte {
	return append(binary.AppendUvarint(b, uint64(len(s))), s...)
}
