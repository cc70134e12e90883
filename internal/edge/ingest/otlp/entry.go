package otlp

import "bytes"

// slot is a meaning that attributes can have.
type slot uint8

const (
	slotNone slot = iota
	slotMethod
	slotMethodOriginal
	slotPath
	slotQuery
	slotTarget // path and query
	slotURL    // an absolute URL
	slotHost
	slotClient
	slotPort
	slotAgent
	slotStatus
	slotRequestSize
	slotResponseSize
	numSlots
)

// value is an attribute's value: a number, or text. Others are not looked at.
type value struct {
	text   []byte
	number int64
	kind   valueKind
}

type valueKind uint8

const (
	valueNone valueKind = iota
	valueText
	valueNumber
)

// meaning says what an attribute means by the semantic conventions for HTTP (https://opentelemetry.io/docs/specs/semconv/http/),
// the stable ones first. The smallest rank is believed, 0 being none.
func meaning(key []byte) (s slot, rank uint8) {
	switch string(key) {
	case "http.request.method":
		return slotMethod, 1
	case "http.request.method_original":
		return slotMethodOriginal, 1
	case "url.path":
		return slotPath, 1
	case "url.query":
		return slotQuery, 1
	case "url.full":
		return slotURL, 1
	case "server.address":
		return slotHost, 1
	case "client.address":
		return slotClient, 1
	case "client.port":
		return slotPort, 1
	case "user_agent.original":
		return slotAgent, 1
	case "http.response.status_code":
		return slotStatus, 1
	case "http.request.body.size":
		return slotRequestSize, 1
	case "http.response.body.size":
		return slotResponseSize, 1
	// The conventions up to 1.20, which most instrumentation in the field still follows.
	case "http.method":
		return slotMethod, 2
	case "http.target":
		return slotTarget, 2
	case "http.url":
		return slotURL, 2
	case "http.host":
		return slotHost, 2
	case "net.host.name":
		return slotHost, 3
	case "http.server_name":
		return slotHost, 4
	case "http.client_ip":
		return slotClient, 2
	case "network.peer.address":
		return slotClient, 3
	case "net.sock.peer.addr":
		return slotClient, 4
	case "net.peer.ip":
		return slotClient, 5
	case "http.user_agent":
		return slotAgent, 2
	case "http.status_code":
		return slotStatus, 2
	case "http.request_content_length":
		return slotRequestSize, 2
	case "http.response_content_length":
		return slotResponseSize, 2
	}
	return slotNone, 0
}

// Prefixes of the attributes that hold header fields.
const (
	requestHeader  = "http.request.header."
	responseHeader = "http.response.header."
)

// header is a header field that a record brings.
type header struct{ name, value []byte }

// Kinds of a span (opentelemetry/proto/trace/v1/trace.proto); a log record has none of its own.
const (
	kindServer   = 2
	kindClient   = 3
	kindProducer = 4
	kindLog      = 255
)

// entry is a span or log record, as far as it is looked at.
type entry struct {
	kind              uint8
	start, end        uint64 // Unix nanoseconds
	attributes        int
	values            [numSlots]value
	ranks             [numSlots]uint8
	request, response []header
}

func (r *entry) reset() {
	r.kind, r.start, r.end, r.attributes = 0, 0, 0, 0
	r.ranks = [numSlots]uint8{} // which says that values are none
	r.request, r.response = r.request[:0], r.response[:0]
}

// attribute takes one attribute in.
func (r *entry) attribute(key []byte, v value) {
	if v.kind == valueNone {
		return
	}
	if s, rank := meaning(key); rank > 0 {
		if have := r.ranks[s]; have == 0 || rank < have {
			r.values[s], r.ranks[s] = v, rank
		}
		return
	}
	if v.kind != valueText {
		return
	}
	if name, ok := bytes.CutPrefix(key, []byte(requestHeader)); ok && len(r.request) < maxHeaders {
		r.request = append(r.request, header{name, v.text})
	} else if name, ok := bytes.CutPrefix(key, []byte(responseHeader)); ok && len(r.response) < maxHeaders {
		r.response = append(r.response, header{name, v.text})
	}
}

// text is a slot's text, nil for none.
func (r *entry) text(s slot) []byte {
	if r.ranks[s] == 0 {
		return nil
	}
	return r.values[s].text
}

// number is a slot's number, also when it was sent as text; -1 for none.
func (r *entry) number(s slot) int64 {
	v := &r.values[s]
	if r.ranks[s] == 0 {
		return -1
	}
	if v.kind == valueNumber {
		return max(-1, v.number)
	}
	if n, ok := digits(v.text); ok {
		return int64(n)
	}
	return -1
}

// digits reads a plain number of at most 18 digits.
func digits(b []byte) (n uint64, ok bool) {
	if len(b) == 0 || len(b) > 19 {
		return 0, false
	}
	for _, c := range b {
		if c-'0' > 9 {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	return n, n < 1<<63
}
