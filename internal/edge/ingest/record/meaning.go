package record

import "merlon/internal/model/exchange"

// What is what a value of a log line says.
type What uint8

// The values that are read. Nothing is a value that is known and not read.
const (
	Nothing   What = iota
	Client         // an address, with a port or without
	Peer           // the address of what connected, where Client may be another: used when there is no Client
	Port           // the client's port
	Forwarded      // X-Forwarded-For
	Time           // see ParseTime
	Request        // METHOD target HTTP/x.y
	URL            // METHOD absolute-URL HTTP/x.y, whatever form the client had used
	Method
	URI  // as the client sent it
	Path // decoded and cleaned by the server
	Query
	Status
	ResponseBody // bytes
	ResponseSent // bytes, with the head
	RequestBody
	RequestReceived // bytes, with the head
	HostHeader
	HostUsed   // by the server, the first it finds of target, Host field and its own name
	ServerHost // the server's own name
	DurationSeconds
	DurationMillis
	DurationMicros
	LatencySeconds // until the response's head came, or until the upstream was done; several are added up
	LatencyMillis
	JA4
	ServerName // of the TLS handshake

	numValues
	// Digits is a number that only tells the layout.
	Digits
	// Header and ResponseHeader are fields with a Name.
	Header
	ResponseHeader
	// RequestHeaders and ResponseHeaders are objects with all fields of a message.
	RequestHeaders
	ResponseHeaders
)

// Meaning is what a value says, with a field's name where there is one.
type Meaning struct {
	What What
	Name []byte // of a Header, as it is passed on
	ID   exchange.HeaderID
}

// HeaderMeaning is the meaning of a request field's value.
func HeaderMeaning(name string) Meaning {
	id := exchange.LookupHeader([]byte(name))
	switch id {
	case exchange.HeaderHost:
		return Meaning{What: HostHeader}
	case exchange.HeaderXForwardedFor:
		return Meaning{What: Forwarded}
	case exchange.HeaderContentLength:
		return Meaning{What: RequestBody}
	}
	return Meaning{What: Header, Name: []byte(name), ID: id}
}

// ResponseHeaderMeaning is the meaning of a response field's value.
func ResponseHeaderMeaning(name string) Meaning {
	return Meaning{What: ResponseHeader, Name: []byte(name), ID: exchange.LookupHeader([]byte(name))}
}
