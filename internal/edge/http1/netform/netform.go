// Package netform writes down as HTTP/1.1 heads what net/http hands over, and has them checked: one strict judge for every way in.
//
// net/http keeps neither the order of fields nor their casing, so fields come sorted by name and an exchange made from
// them must not claim exchange.SawHeaderOrder or SawWire. What it decoded itself (HTTP/2, framing) is written the one way
// HTTP/1.1 has for it, and a field, method or target that would mean something else there is refused.
package netform

import (
	"errors"
	"net/http"
	"slices"
	"strconv"

	"merlon/internal/edge/http1"
	"merlon/internal/model/exchange"
)

// Line is what stands above the fields of a request.
type Line struct {
	Method, Target, Host string
	// HTTP10 is for requests of HTTP/1.0, which may name no host.
	HTTP10 bool
	// Length is the body's, -1 for one whose end is not known. Announced tells a body of no bytes from none.
	Length    int64
	Announced bool
}

// LineOf is the line of a request as a server of net/http received it.
func LineOf(r *http.Request) Line {
	l := Line{Method: r.Method, Target: r.RequestURI, Host: r.Host, HTTP10: r.ProtoMajor == 1 && r.ProtoMinor == 0, Length: r.ContentLength}
	if l.Method == "" {
		l.Method = http.MethodGet
	}
	if l.Target == "" && r.URL != nil { // made in this process, not received
		l.Target = r.URL.RequestURI()
	}
	if l.Length == 0 {
		_, l.Announced = r.Header["Content-Length"]
	}
	return l
}

// Request is a request's head in normal form, with the memory it stands in. It is reused: Read forgets what was read
// before, and slices of Head are valid until then.
type Request struct {
	Head http1.RequestHead
	text
}

// Read writes a request's head down and checks it. Fields whose canonical name is in without are left out. The error is
// an http1.RejectError; Head then holds what was understood.
func (f *Request) Read(l *Line, fields http.Header, without []string, limits *http1.Limits) error {
	f.begin()
	f.buf = append(append(f.buf, l.Method...), ' ')
	f.buf = append(append(f.buf, l.Target...), " HTTP/1.1\r\n"...)
	if l.HTTP10 {
		f.buf[len(f.buf)-3] = '0'
	}
	if l.Host != "" || !l.HTTP10 {
		f.field("Host", l.Host)
	}
	f.fields(fields, without)
	switch {
	case l.Length < 0:
		f.field("Transfer-Encoding", "chunked")
	case l.Length > 0 || l.Announced:
		f.length(l.Length)
	}
	f.buf = append(f.buf, '\r', '\n')
	h := &f.Head
	h.Reset()
	n, err := h.Parse(f.buf, limits)
	if err == nil && (n != len(f.buf) || len(h.Fields) != f.count || len(h.Method) != len(l.Method) || len(h.Target) != len(l.Target)) {
		err = http1.RejectError(exchange.AnomalyControlCharacter) // text that ends its own line
	}
	return f.complete(&h.Head, err)
}

// Response is a response's head in normal form, with the memory it stands in; it is reused as Request is.
type Response struct {
	Head http1.ResponseHead
	text
}

// Read writes a response's head down and checks it; method is the request's. length is the body's where it is known, else
// -1. The error is an http1.RejectError.
func (f *Response) Read(status int, fields http.Header, length int64, method http1.Method, limits *http1.Limits) error {
	f.begin()
	f.buf = http1.AppendStatusLine(f.buf, status, "")
	f.fields(fields, nil)
	if length >= 0 {
		f.length(length)
	}
	f.buf = append(f.buf, '\r', '\n')
	h := &f.Head
	h.Reset()
	n, err := h.Parse(f.buf, limits, method, status == http.StatusSwitchingProtocols)
	if err == nil && (n != len(f.buf) || len(h.Fields) != f.count) {
		err = http1.RejectError(exchange.AnomalyControlCharacter)
	}
	return f.complete(&h.Head, err)
}

// text is a head as it is written.
type text struct {
	buf   []byte
	names []string
	count int
}

// maxKept is how much memory a form keeps for the next head.
const maxKept = 64 << 10

func (t *text) begin() {
	if cap(t.buf) > maxKept {
		t.buf = nil
	}
	if t.buf == nil {
		t.buf = make([]byte, 0, 2<<10)
	}
	t.buf, t.count = t.buf[:0], 0
}

func (t *text) field(name, value string) {
	t.buf = append(append(t.buf, name...), ": "...)
	t.buf = append(append(t.buf, value...), '\r', '\n')
	t.count++
}

func (t *text) length(n int64) {
	t.buf = strconv.AppendInt(append(t.buf, "Content-Length: "...), n, 10)
	t.buf = append(t.buf, '\r', '\n')
	t.count++
}

// fields writes all that net/http has not taken out of the message to frame or route it, sorted: a map has no order.
func (t *text) fields(all http.Header, without []string) {
	t.names = t.names[:0]
	for name := range all {
		switch name {
		case "Host", "Content-Length", "Transfer-Encoding", "Trailer":
			continue
		}
		if !slices.Contains(without, name) {
			t.names = append(t.names, name)
		}
	}
	slices.Sort(t.names)
	for _, name := range t.names {
		for _, v := range all[name] {
			t.field(name, v)
		}
	}
	clear(t.names)
}

// complete turns "need more" into a refusal: a head that net/http handed over has all its bytes.
func (t *text) complete(h *http1.Head, err error) error {
	if errors.Is(err, http1.ErrNeedMore) {
		err = http1.RejectError(exchange.AnomalyIncomplete)
	}
	var reject http1.RejectError
	if errors.As(err, &reject) {
		h.Anomalies.Add(reject.Anomaly())
		h.Raw = t.buf
	}
	return err
}

// Describe copies what a checked head says into an exchange, which then points into the head's memory.
func Describe(x *exchange.Exchange, h *http1.RequestHead) {
	x.Anomalies = h.Anomalies
	if h.Anomalies != 0 {
		x.RawHead = h.Raw
	}
	x.Method, x.Target, x.Path, x.RawQuery, x.Host = h.Method, h.Target, h.Path, h.RawQuery, h.Hostname
	x.Request.Fields = append(x.Request.Fields[:0], h.Fields...)
}
